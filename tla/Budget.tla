------------------------------- MODULE Budget -------------------------------
(***************************************************************************)
(* One budget, its days, and the leases that reserve from it.              *)
(*                                                                         *)
(* Mirrors engine/calls/budget/tracker.py: every action is one transaction under *)
(* the ledger's lock, so that reservers of all threads and processes are   *)
(* interleaved action by action. (That the lock is one is said by          *)
(* Ledger.tla.) A crash before the commit is no step; a crash after it is  *)
(* the step, and a caller that never comes back.                           *)
(*                                                                         *)
(* The day is part of the key of what is counted: a new day is a new page, *)
(* opened by the first lease that is given on it; the newest day that a    *)
(* request was answered on is remembered. A lease is counted on the page   *)
(* of the day that gave it, also when it is settled after midnight.        *)
(*                                                                         *)
(* Time is deterministic: DayTicks ticks are a day, Ttl ticks are a lease. *)
(* The clock may be set back once by one tick; an outage is a run of ticks *)
(* in which nobody asks.                                                   *)
(*                                                                         *)
(* Left out: several units and several budgets on one request (all must    *)
(* fit, in the same transaction), prices, signatures, the length of a day  *)
(* when clocks change for summer.                                          *)
(***************************************************************************)
EXTENDS Integers, FiniteSets

CONSTANTS Lease,        \* Ids of requests that may become leases, each asked for at most once.
          SoftRoute,    \* Those on a route that the profile lets through past the soft limit.
          Hard,         \* The budget of a day, in micro-dollars.
          SoftPercent,  \* Share of it in use that is warned of, from the policy's limits.
          HardPercent,  \* Share of it in use at which nothing more is given, from there too.
          Ask,          \* Amounts asked for; one of them is more than Hard.
          Usage,        \* Amounts reported when a lease is settled.
          DayTicks,     \* Ticks per day.
          Ttl,          \* Ticks until a lease may be swept.
          LastAsk,      \* Leases are given until this tick; later requests ask for too much.
          End,          \* The model's last tick.
          MaxBacks,     \* How often the clock is set back.
          Watched       \* Whether somebody is assumed to ask in every tick, and how long
                        \* the soft limit goes untold is counted.

ASSUME /\ {Hard, SoftPercent, HardPercent, DayTicks, Ttl, LastAsk, End} \subseteq Nat
       /\ MaxBacks \in 0..1 /\ Watched \in BOOLEAN
       /\ SoftRoute \subseteq Lease /\ Ask \subseteq Nat /\ Usage \subseteq Nat
       /\ SoftPercent < HardPercent /\ DayTicks > 0 /\ Ttl > 0
       /\ \E a \in Ask : a > Hard
       /\ LastAsk + Ttl <= End

VARIABLES clock,     \* Ticks that the clock shows.
          backs,     \* How often it was set back.
          day,       \* The newest day that a request was answered on; 0 before the first.
          opened,    \* opened[d]: how often the page of day d was opened.
          within,    \* within[d]: spent on day d within the budget.
          overrun,   \* overrun[d]: spent on day d that the budget did not hold.
          reserved,  \* reserved[d]: set aside on day d for leases that are held.
          lease,     \* lease[l]: what became of request l, see LeaseState.
          age,       \* age[l]: ticks since l was given, as the clock shows them, until it ends.
          asked,     \* Whether somebody asked since the last tick; FALSE unless Watched.
          untold     \* Ticks since the soft limit was reached that no answer has told of it.

books == <<day, opened, within, overrun, reserved>>
watch == <<asked, untold>>
vars == <<clock, backs, day, opened, within, overrun, reserved, lease, age, asked, untold>>

Day == 1..((End \div DayTicks) + 1)
Most == CHOOSE u \in Usage : \A v \in Usage : v <= u
Total == Hard + Cardinality(Lease) * Most
Phase == {"free", "held", "settled", "released", "expired"}

\* day: the day whose page it is on; amount: what it holds; taken: what it held until it was swept;
\* spent: what it was settled with; soft: its answer told that the soft limit was reached;
\* settles: how often it was counted.
LeaseState == [phase : Phase, day : Day \cup {0}, amount : Ask \cup {0}, taken : Ask \cup {0},
               spent : Usage \cup {0}, soft : BOOLEAN, settles : 0..2]

TypeOK ==
    /\ clock \in 0..End
    /\ backs \in 0..MaxBacks
    /\ day \in Day \cup {0}
    /\ opened \in [Day -> 0..2]
    /\ within \in [Day -> 0..Total]
    /\ overrun \in [Day -> 0..Total]
    /\ reserved \in [Day -> 0..Total]
    /\ lease \in [Lease -> LeaseState]
    /\ age \in [Lease -> -1..(Ttl + 1)]
    /\ asked \in BOOLEAN
    /\ untold \in 0..2

Init ==
    /\ clock = 0
    /\ backs = 0
    /\ day = 0
    /\ opened = [d \in Day |-> 0]
    /\ within = [d \in Day |-> 0]
    /\ overrun = [d \in Day |-> 0]
    /\ reserved = [d \in Day |-> 0]
    /\ lease = [l \in Lease |-> [phase |-> "free", day |-> 0, amount |-> 0, taken |-> 0,
                                 spent |-> 0, soft |-> FALSE, settles |-> 0]]
    /\ age = [l \in Lease |-> 0]
    /\ asked = FALSE
    /\ untold = 0

------------------------------------------------------------------------------
\* Sums over leases, for the properties and for what a sweep gives back.

RECURSIVE Sum(_, _)
Sum(f, s) == IF s = {} THEN 0 ELSE LET x == CHOOSE x \in s : TRUE IN f[x] + Sum(f, s \ {x})

HeldOn(d) == {l \in Lease : lease[l].phase = "held" /\ lease[l].day = d}
AmountOf == [l \in Lease |-> lease[l].amount]
SpentOf == [l \in Lease |-> lease[l].spent]
TakenOf == [l \in Lease |-> lease[l].taken]

------------------------------------------------------------------------------
\* Guards and effects that a mutant may replace, one operator each.

WallDay == (clock \div DayTicks) + 1

\* The day of a request: the clock's, but never before the newest day.
DayOf == IF WallDay > day THEN WallDay ELSE day

\* Whether a lease that is still held has had its time.
MaySweep(l) == age[l] >= Ttl

\* Whether the page of day d is opened by the request that is given the first lease on it.
MayOpen(d) == opened[d] = 0

\* What is set aside on day d after the leases in `gone` are swept.
Kept(d, gone) == reserved[d] - Sum(AmountOf, gone \cap HeldOn(d))

\* What is in use before the request: spent in either way, or set aside.
InUse(d, gone) == within[d] + overrun[d] + Kept(d, gone)

\* The gate compares the share in use before the request with its limits.
SoftReached(used) == used * 100 >= SoftPercent * Hard
HardReached(used) == used * 100 >= HardPercent * Hard

\* What is asked for must fit beside what is in use.
MayFit(used, a) == used + a <= Hard

MayReserve(l, used, a) ==
    /\ MayFit(used, a)
    /\ ~HardReached(used)
    /\ SoftReached(used) => l \in SoftRoute

\* What is free of day d for a lease that itself still holds `own` there.
Room(d, own) == Hard - (within[d] + overrun[d] + reserved[d] - own)

\* How much of a usage u counts within the budget: all that was reserved for it, and past that
\* what is free. The rest is overrun.
Within(d, own, u) ==
    LET most == IF Room(d, own) > own THEN Room(d, own) ELSE own
    IN IF u <= most THEN u ELSE most

\* A usage is counted for a lease that was given and never counted before.
MaySettle(l) == lease[l].phase \in {"held", "expired", "released"}

\* Only what is held is given back.
MayRelease(l) == lease[l].phase = "held"

\* What a settled or released lease no longer sets aside.
GivenBack(l) == IF lease[l].phase = "held" THEN lease[l].amount ELSE 0

\* A reopening leads to the clock's own day, and only back: from a day in the clock's future.
MayReopen(d) == d = WallDay /\ d < day

\* What was counted on a day whose page is used again: all of it.
AfterReopen(counted, d) == counted

\* What a swept lease becomes: it sets nothing aside any more, and is known all the same.
AfterSweep(l) == [lease[l] EXCEPT !.phase = "expired", !.amount = 0, !.taken = lease[l].amount]

\* Swept leases that still run by the clock when day d counts again.
Running(d) == {l \in Lease : lease[l].phase = "expired" /\ lease[l].day <= d /\ age[l] < Ttl}

\* Whether all of `again` fits beside what is in use of its days.
FitAgain(again) ==
    \A l \in again :
        LET d == lease[l].day
        IN within[d] + overrun[d] + reserved[d]
             + Sum(TakenOf, {k \in again : lease[k].day = d}) <= Hard

\* Those that hold again: as many as fit. (The engine takes them in the order of their ids.)
HeldAgain(d) ==
    CHOOSE again \in SUBSET Running(d) :
        /\ FitAgain(again)
        /\ \A l \in Running(d) \ again : ~FitAgain(again \cup {l})

\* What becomes of a lease that holds again.
AfterHoldAgain(l) ==
    [lease[l] EXCEPT !.phase = "held", !.amount = lease[l].taken, !.taken = 0]

------------------------------------------------------------------------------
\* What every request does first: sweep the leases that have had their time.

Sweepable == {l \in Lease : lease[l].phase = "held" /\ MaySweep(l)}
SweptReserved(gone) == [d \in Day |-> Kept(d, gone)]
SweptLeases(gone) == [l \in Lease |-> IF l \in gone THEN AfterSweep(l) ELSE lease[l]]
OpenedBy(d) == IF MayOpen(d) THEN [opened EXCEPT ![d] = @ + 1] ELSE opened

\* An answer tells of the soft limit when the share before the request had reached it.
Told(used) == SoftReached(used)
WatchAnswer(used) ==
    /\ asked' = Watched
    /\ untold' = IF Told(used) \/ ~SoftReached(used) THEN 0 ELSE untold

\* A request is let through: what it asks for is set aside and the lease is held.
\* engine: calls.budget.tracker.Tracker.reserve
Reserve(l, a) ==
    LET gone == Sweepable
        d == DayOf
        used == InUse(d, gone)
    IN /\ lease[l].phase = "free"
       /\ clock <= LastAsk
       /\ MayReserve(l, used, a)
       /\ day' = d
       /\ opened' = OpenedBy(d)
       /\ reserved' = [SweptReserved(gone) EXCEPT ![d] = @ + a]
       /\ lease' = [SweptLeases(gone) EXCEPT ![l] =
                       [phase |-> "held", day |-> d, amount |-> a, taken |-> 0, spent |-> 0,
                        soft |-> SoftReached(used), settles |-> 0]]
       /\ age' = [age EXCEPT ![l] = 0]
       /\ WatchAnswer(used)
       /\ UNCHANGED <<clock, backs, within, overrun>>

\* A request is denied: it sets nothing aside, but sweeps and remembers its day all the same.
\* engine: calls.budget.tracker.Tracker.reserve
Refuse(l, a) ==
    LET gone == Sweepable
        d == DayOf
        used == InUse(d, gone)
    IN /\ clock > LastAsk => a > Hard
       /\ ~MayReserve(l, used, a)
       /\ day' = d
       /\ reserved' = SweptReserved(gone)
       /\ lease' = SweptLeases(gone)
       /\ WatchAnswer(used)
       /\ UNCHANGED <<clock, backs, opened, within, overrun, age>>

\* The holder says what it used, in time or after its lease was swept or given back. It is
\* counted on the page of the day that gave the lease; what that page cannot hold is overrun.
\* engine: calls.budget.tracker.Tracker.settle
Settle(l, u) ==
    LET d == lease[l].day
        fit == Within(d, GivenBack(l), u)
    IN /\ d # 0
       /\ MaySettle(l)
       /\ reserved' = [reserved EXCEPT ![d] = @ - GivenBack(l)]
       /\ within' = [within EXCEPT ![d] = @ + fit]
       /\ overrun' = [overrun EXCEPT ![d] = @ + (u - fit)]
       /\ lease' = [lease EXCEPT ![l] = [@ EXCEPT !.phase = "settled", !.amount = 0,
                                                  !.taken = 0, !.spent = u, !.settles = @ + 1]]
       /\ age' = [age EXCEPT ![l] = 0]
       /\ UNCHANGED <<clock, backs, day, opened, asked, untold>>

\* The holder gives back what it did not use.
\* engine: calls.budget.tracker.Tracker.release
Release(l) ==
    LET d == lease[l].day
    IN /\ d # 0
       /\ MayRelease(l)
       /\ reserved' = [reserved EXCEPT ![d] = @ - GivenBack(l)]
       /\ lease' = [lease EXCEPT ![l] = [@ EXCEPT !.phase = "released", !.amount = 0]]
       /\ age' = [age EXCEPT ![l] = 0]
       /\ UNCHANGED <<clock, backs, day, opened, within, overrun, asked, untold>>

\* A tick passes; it may pass midnight. Guarded by the bound of the model and, where Watched,
\* by the assumption that somebody asks in every tick; never by a promise.
Tick ==
    /\ clock < End
    /\ Watched => asked
    /\ clock' = clock + 1
    /\ age' = [l \in Lease |-> IF lease[l].phase \in {"held", "expired"} /\ age[l] <= Ttl
                               THEN age[l] + 1 ELSE age[l]]
    /\ asked' = FALSE
    /\ untold' = IF ~Watched \/ ~SoftReached(InUse(DayOf, {})) THEN 0
                 ELSE IF untold < 2 THEN untold + 1 ELSE untold
    /\ UNCHANGED <<backs, day, opened, within, overrun, reserved, lease>>

\* The clock is set back by one tick, perhaps to before midnight.
SetBack ==
    /\ backs < MaxBacks
    /\ clock > 0
    /\ clock' = clock - 1
    /\ backs' = backs + 1
    /\ age' = [l \in Lease |-> IF lease[l].phase \in {"held", "expired"} THEN age[l] - 1
                               ELSE age[l]]
    /\ UNCHANGED <<day, opened, within, overrun, reserved, lease, asked, untold>>

\* The clock had been ahead when somebody asked, and came back: the clock's own day counts again.
\* What was spent or set aside on either day stays so, and what leases held that the clock ahead
\* had swept, and that still run, is set aside again where it fits.
\* engine: calls.budget.tracker.Tracker.reopen
Reopen(d) ==
    LET again == HeldAgain(d)
        setAside == [e \in Day |-> reserved[e] + Sum(TakenOf, {l \in again : lease[l].day = e})]
    IN /\ MayReopen(d)
       /\ day' = d
       /\ opened' = AfterReopen(opened, d)
       /\ within' = AfterReopen(within, d)
       /\ overrun' = AfterReopen(overrun, d)
       /\ reserved' = AfterReopen(setAside, d)
       /\ lease' = [l \in Lease |-> IF l \in again THEN AfterHoldAgain(l) ELSE lease[l]]
       /\ UNCHANGED <<clock, backs, age, asked, untold>>

Request == \E l \in Lease, a \in Ask : Reserve(l, a) \/ Refuse(l, a)

Next ==
    \/ Request
    \/ \E l \in Lease, u \in Usage : Settle(l, u)
    \/ \E l \in Lease : Release(l)
    \/ Tick
    \/ SetBack
    \/ \E d \in Day : Reopen(d)

Safe == Init /\ [][Next]_vars

\* Time passes.
TickFair == WF_vars(Tick)

\* Somebody asks again, some day; a request is what sweeps leases and opens days. Nobody
\* promises to settle or to release, and nothing promises that a request is let through.
RequestFair == WF_vars(Request)

Spec == Safe /\ TickFair /\ RequestFair

------------------------------------------------------------------------------
\* What the books must say, added up from the leases alone.

SettledOn(d) == {l \in Lease : lease[l].phase = "settled" /\ lease[l].day = d}
SpentOn(d) == Sum(SpentOf, SettledOn(d))
SetAsideOn(d) == Sum(AmountOf, HeldOn(d))

Given(l) == lease[l].phase = "free" /\ lease'[l].phase = "held"
Swept(l) == lease[l].phase = "held" /\ lease'[l].phase = "expired"
Settled(l) == lease[l].phase # "settled" /\ lease'[l].phase = "settled"

\* In use on the day of a lease that is given now, before it: what this step sweeps is not.
InUseBefore(l) ==
    LET d == lease'[l].day
    IN SpentOn(d) + Sum(AmountOf, {k \in HeldOn(d) : lease'[k].phase = "held"})

\* INV-BUDGET-3: what is spent within a budget and what is reserved never exceed it together.
WithinHardInv == \A d \in Day : within[d] + reserved[d] <= Hard

\* INV-BUDGET-9: every micro-dollar spent was reported for a lease, and every one reserved is a held lease's.
NoPhantomInv ==
    \A d \in Day : /\ within[d] + overrun[d] = SpentOn(d)
                   /\ reserved[d] = SetAsideOn(d)

\* INV-BUDGET-10: a lease is settled at most once, and what was settled or released stays so.
SettledOnceInv == \A l \in Lease : lease[l].settles <= 1

\* INV-BUDGET-10: and what was given back may at most turn out to have been used.
FinalProp ==
    [][\A l \in Lease : /\ lease[l].phase = "settled" => lease'[l] = lease[l]
                        /\ lease[l].phase = "released" =>
                               lease'[l].phase \in {"released", "settled"}]_vars

\* INV-BUDGET-6: a day of a budget is opened once, by the first lease that it gives, whatever was missed before.
OpenedOnceInv ==
    \A d \in Day : /\ opened[d] <= 1
                   /\ opened[d] = 0 => \A l \in Lease : lease[l].day # d

\* INV-BUDGET-7: no request makes the day of a budget go back, also when the clock is.
DayForwardProp == [][(\E l \in Lease : Given(l) \/ Swept(l)) => day' >= day]_vars

\* INV-BUDGET-15: a reopening leads from a day in the clock's future to the clock's own, and no spending changes.
ReopenedProp ==
    [][day' < day => /\ day > WallDay
                     /\ day' = WallDay
                     /\ UNCHANGED <<opened, within, overrun>>]_vars

HeldBack(l) == lease[l].phase = "expired" /\ lease'[l].phase = "held"

\* INV-BUDGET-15: a lease that a clock ahead took back, and that still runs, holds again unless it fits no more.
HeldAgainProp ==
    [][day' < day => \A l \in Lease :
          lease[l].phase = "expired" /\ lease[l].day <= day' /\ age[l] < Ttl =>
              \/ HeldBack(l) /\ lease'[l].amount = lease[l].taken
              \/ SpentOn(lease[l].day) + SetAsideOn(lease[l].day)' + lease[l].taken > Hard]_vars

\* INV-BUDGET-15: and nothing else that has ended ever holds again.
EndedProp ==
    [][\A l \in Lease : HeldBack(l) => day' < day /\ lease[l].day <= day' /\ age[l] < Ttl]_vars

\* INV-BUDGET-15: and a day in the clock's future can always be left like that.
ReopenableInv == day > WallDay => \E d \in Day : ENABLED Reopen(d)

\* INV-BUDGET-8: what is reported for a lease that ended unsettled is recorded, never lost.
LateSettleInv ==
    \A l \in Lease : lease[l].phase \in {"held", "expired", "released"} =>
        \A u \in Usage : ENABLED Settle(l, u)

\* INV-BUDGET-8: a lease is known for ever, whatever becomes of it.
NothingForgottenProp ==
    [][\A l \in Lease : lease[l].phase # "free" => lease'[l].phase # "free"]_vars

\* INV-BUDGET-3: a lease is given only below the hard limit and when all of it fits.
GivenBelowHardProp ==
    [][\A l \in Lease : Given(l) =>
          /\ InUseBefore(l) * 100 < HardPercent * Hard
          /\ InUseBefore(l) + lease'[l].amount <= Hard]_vars

\* INV-BUDGET-5: a request at or past the soft limit is told so, and let through on an allow-listed route only.
SoftProp ==
    [][\A l \in Lease : Given(l) =>
          /\ lease'[l].soft <=> (InUseBefore(l) * 100 >= SoftPercent * Hard)
          /\ lease'[l].soft => l \in SoftRoute]_vars

\* INV-BUDGET-11: a usage counts as overrun only past its own reservation, and only once the day's budget is used up.
OverrunLastProp ==
    [][\A d \in Day : overrun'[d] > overrun[d] =>
          /\ SpentOn(d)' + SetAsideOn(d)' > Hard
          /\ \E l \in Lease : /\ Settled(l) /\ lease[l].day = d
                              /\ overrun'[d] - overrun[d] <= lease'[l].spent - lease[l].amount]_vars

\* INV-BUDGET-11: past its own reservation, a usage counts as within only what was free beside all else.
FreeProp ==
    [][\A l \in Lease : Settled(l) =>
          LET d == lease[l].day
              grown == within'[d] - within[d]
          IN grown > lease[l].amount =>
                 SpentOn(d) + SetAsideOn(d) - lease[l].amount + grown <= Hard]_vars

\* INV-BUDGET-12: a lease is swept only after its time.
SweptAfterTimeProp == [][\A l \in Lease : Swept(l) => age[l] >= Ttl]_vars

\* INV-BUDGET-5: where somebody asks in every tick, the soft limit is told of within one tick.
SoftToldInTimeInv == untold <= 1

\* INV-BUDGET-12: and where somebody asks in every tick, no later than in the tick after it.
SweptInTimeInv == Watched => \A l \in Lease : lease[l].phase = "held" => age[l] <= Ttl

\* LIVE-BUDGET-1: a reservation is eventually settled, released or expired.
LeaseEndsProp == \A l \in Lease : lease[l].phase = "held" ~> lease[l].phase # "held"

Full(d) == SpentOn(d) + SetAsideOn(d) >= Hard

\* LIVE-BUDGET-2: after a day whose budget is used up, a budget is eventually available again.
DayAvailableProp ==
    \A d \in Day : (d + 1 \in Day /\ day = d /\ Full(d)) ~> (day > d \/ ~Full(d))

------------------------------------------------------------------------------
\* Must FAIL: each shows that a situation that the promises speak of is reached.

NoLateOverrunDebugInv == \A d \in Day : overrun[d] = 0 \/ d = day
NoMissedDayDebugInv == ~(opened[1] = 1 /\ opened[2] = 0 /\ day = 3)
NoSoftLeaseDebugInv == \A l \in Lease : ~(lease[l].phase = "settled" /\ lease[l].soft)
NoDayReopenedDebugInv == \A l \in Lease : lease[l].day <= day
NoDayHeldOverDebugInv == ~(WallDay < day /\ \E l \in Lease : lease[l].phase = "held" /\ age[l] < 0)
==============================================================================

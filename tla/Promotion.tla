------------------------------ MODULE Promotion ------------------------------
(***************************************************************************)
(* The life of one watched subject: promoted, measured, breached, paged,   *)
(* degraded, rolled back, recovered, and only then promoted anew.          *)
(*                                                                         *)
(* Mirrors engine/lifecycle: machine.py (clocks, order), controller.py     *)
(* (one transaction per cycle), admission.py (the guards of a promotion)   *)
(* and policies/lifecycle (what is due when). A tick is a minute, the unit *)
(* in which the controller counts.                                         *)
(*                                                                         *)
(* Left out: signatures, the outbox (an action is its entry here), change- *)
(* data lag and its escalation, how an attestation lapses in production    *)
(* (tla/Ethics.tla): here a lapse that lasted too long is one more thing   *)
(* that a measurement can find. A clock that is set back is no tick; one   *)
(* that leaps forward is many.                                             *)
(***************************************************************************)
EXTENDS Naturals, Integers, Sequences

CONSTANTS Confirm,   \* Ticks without a measurement within the limits that confirm a breach.
          Still,     \* Ticks after a breach for which the subject may still be over them.
          Deadline,  \* Ticks after a breach in which the rollback starts at the latest.
          Calm       \* Ticks of measurements within the limits that make a recovery.

ASSUME {Confirm, Still, Deadline, Calm} \subseteq Nat \ {0}

VARIABLES phase,     \* Where the subject is.
          decision,  \* What the newest decision that counts for a promotion is.
          fresh,     \* Whether something was decided since the last rollback.
          over,      \* Age of the run of measurements not within the limits; -1 when there is none.
          calm,      \* Age of the run of measurements within them, after a breach; -1 when none.
          age,       \* Age of the confirmed breach.
          paged,     \* Whether somebody was paged about it.
          degraded,  \* Whether a degradation is in force.
          missed,    \* Whether a tick went by without a measurement since the breach.
          loop,      \* "due" when the control loop has not run in this tick, else "ran".
          todo       \* What this cycle's transaction still records, in order.

vars == <<phase, decision, fresh, over, calm, age, paged, degraded, missed, loop, todo>>

clocks == <<over, calm, age, missed>>
marks == <<paged, degraded>>
grounds == <<decision, fresh>>

Decisions == {"none", "good", "blocked", "other", "expired", "unattested", "old"}
Actions == {"breach", "page", "degrade", "rollback", "recover"}

Larger(a, b) == IF a > b THEN a ELSE b
Top == Larger(Confirm, Still)

TypeOK ==
    /\ phase \in {"candidate", "serving", "breached", "rolledback"}
    /\ decision \in Decisions
    /\ fresh \in BOOLEAN
    /\ over \in -1..Top
    /\ calm \in -1..Calm
    /\ age \in 0..(Deadline + 1)
    /\ paged \in BOOLEAN
    /\ degraded \in BOOLEAN
    /\ missed \in BOOLEAN
    /\ loop \in {"due", "ran"}
    /\ todo \in UNION {[1..n -> Actions] : n \in 0..3}

Init ==
    /\ phase = "candidate"
    /\ decision = "none"
    /\ fresh = FALSE
    /\ over = -1
    /\ calm = -1
    /\ age = 0
    /\ paged = FALSE
    /\ degraded = FALSE
    /\ missed = FALSE
    /\ loop = "ran"
    /\ todo = <<>>

Idle == todo = <<>>
InProduction == phase \in {"serving", "breached"}
Watched == phase # "candidate"

\* The guards of a promotion, each with a name of its own: a mutant .cfg replaces one of them.
\* engine: lifecycle.admission.not_promoted
IsPromote == decision \notin {"none", "blocked"}
\* engine: lifecycle.admission.another_subject
IsSame == decision # "other"
\* engine: lifecycle.admission.out_of_force
IsInForce == decision # "expired"
\* engine: lifecycle.admission.not_attested
IsAttested == decision # "unattested"
\* engine: lifecycle.admission.decided_before
IsNew == decision # "old"
Admitted == IsPromote /\ IsSame /\ IsInForce /\ IsAttested /\ IsNew

\* What is due, and in which order: gate lifecycle's obligations.
IsConfirmed(run) == run >= Confirm
IsLate(run, loud) == age >= Deadline \/ (loud /\ run >= Still)
IsRecovered(run) == run >= Calm
BreachPlan == <<"breach", "page", "degrade">>
LapsePlan == <<"breach", "page", "rollback">>
\* What a rollback leaves of the decision that it promoted by.
Voided == "old"
\* A run of calm needs a measurement in every tick: no data is no recovery.
CalmAfterMiss == -1
\* Silence does not end a run over the limits.
AfterSilence(run) == IF run = -1 THEN 0 ELSE run

------------------------------------------------------------------------------

\* Somebody decides: a PROMOTE of this subject, another verdict, or about another artifact.
\* engine: decision.judge.judge
Decide(found) ==
    /\ Idle /\ phase \in {"candidate", "rolledback"}
    /\ found = "other" => decision \in {"none", "old"}
    /\ decision # found
    /\ decision' = found
    /\ fresh' = TRUE
    /\ UNCHANGED <<phase, clocks, marks, loop, todo>>

\* Time is up: the decision may not be acted on any more, or its attestation has expired.
\* engine: lifecycle.admission.attested_until
Expire ==
    /\ Idle /\ phase \in {"candidate", "rolledback"}
    /\ decision = "good"
    /\ decision' \in {"expired", "unattested"}
    /\ UNCHANGED <<phase, fresh, clocks, marks, loop, todo>>

\* A candidate goes into production, by what is recorded at this instant.
\* engine: lifecycle.controller.Controller.promote
Promote ==
    /\ Idle /\ phase = "candidate"
    /\ Admitted
    /\ phase' = "serving"
    /\ loop' = "ran"
    /\ UNCHANGED <<grounds, clocks, marks, todo>>

\* One measurement: within the limits, every one of them.
\* engine: lifecycle.machine.measured
MeasureUnder ==
    /\ Idle /\ Watched
    /\ over' = -1
    /\ calm' = IF phase = "serving" THEN -1 ELSE IF calm = -1 THEN 0 ELSE calm
    /\ todo' = IF IsRecovered(calm') THEN <<"recover">> ELSE <<>>
    /\ loop' = "ran"
    /\ UNCHANGED <<phase, grounds, age, missed, marks>>

Measured(run, loud) ==
    /\ over' = IF InProduction THEN run ELSE -1
    /\ calm' = -1
    /\ todo' = CASE phase = "serving" /\ IsConfirmed(run) -> BreachPlan
                 [] phase = "breached" /\ IsLate(run, loud) -> <<"rollback">>
                 [] OTHER -> <<>>
    /\ loop' = "ran"
    /\ UNCHANGED <<phase, grounds, age, missed, marks>>

\* One of them is over its limit.
\* engine: lifecycle.machine.measured
MeasureOver ==
    /\ Idle /\ Watched
    /\ Measured(IF over = -1 THEN 0 ELSE over, TRUE)

\* Nothing, something stale, or the gate could not decide.
\* engine: lifecycle.machine.measured, lifecycle.undecided.due
MeasureNone ==
    /\ Idle /\ Watched
    /\ Measured(AfterSilence(over), FALSE)

\* Whatever was measured: the attestation has been gone for as long as it may be.
\* engine: lifecycle.lapse.start_lapse_clock
MeasureLapsed ==
    /\ Idle /\ InProduction
    /\ todo' = IF phase = "serving" THEN LapsePlan ELSE <<"rollback">>
    /\ loop' = "ran"
    /\ UNCHANGED <<phase, grounds, clocks, marks>>

\* The transaction of a cycle records what is due, in its order.
\* engine: lifecycle.controller.Controller.step
Recording(action) ==
    /\ ~Idle
    /\ Head(todo) = action
    /\ todo' = Tail(todo)

\* engine: lifecycle.machine.plan
Breach ==
    /\ Recording("breach")
    /\ phase' = "breached"
    /\ over' = 0 /\ calm' = -1 /\ age' = 0 /\ missed' = FALSE
    /\ UNCHANGED <<grounds, marks, loop>>

\* engine: lifecycle.machine.plan
Page ==
    /\ Recording("page")
    /\ paged' = TRUE
    /\ UNCHANGED <<phase, grounds, clocks, degraded, loop>>

\* engine: lifecycle.machine.plan
Degrade ==
    /\ Recording("degrade")
    /\ degraded' = TRUE
    /\ UNCHANGED <<phase, grounds, clocks, paged, loop>>

\* engine: lifecycle.machine.plan
Rollback ==
    /\ Recording("rollback")
    /\ phase' = "rolledback"
    /\ decision' = Voided
    /\ fresh' = FALSE
    /\ over' = -1 /\ calm' = -1 /\ age' = 0 /\ missed' = FALSE
    /\ UNCHANGED <<marks, loop>>

\* A breach that was not rolled back ends in serving; a rollback ends in a candidate.
\* engine: lifecycle.machine.plan
Recover ==
    /\ Recording("recover")
    /\ phase' = IF phase = "breached" THEN "serving" ELSE "candidate"
    /\ over' = -1 /\ calm' = -1 /\ age' = 0 /\ missed' = FALSE
    /\ paged' = FALSE /\ degraded' = FALSE
    /\ UNCHANGED <<grounds, loop>>

Older(clock, most) == IF clock \in {-1, most} THEN clock ELSE clock + 1

Passes(run) ==
    /\ Idle /\ Watched
    /\ over' = Older(over, IF phase = "breached" THEN Still ELSE Confirm)
    /\ calm' = run
    /\ age' = IF phase = "breached" THEN Older(age, Deadline + 1) ELSE age
    /\ loop' = "due"
    /\ UNCHANGED <<phase, grounds, marks, todo>>

\* A minute passes in which the control loop ran.
\* engine: lifecycle.machine.at
Tick ==
    /\ loop = "ran"
    /\ Passes(Older(calm, Calm))
    /\ UNCHANGED missed

\* A minute passes in which it did not: it was down, or the clock leapt.
\* engine: lifecycle.machine.at
Miss ==
    /\ loop = "due"
    /\ Passes(CalmAfterMiss)
    /\ missed' = (phase = "breached")

Next ==
    \/ \E found \in {"good", "blocked", "other"} : Decide(found)
    \/ Expire
    \/ Promote
    \/ MeasureUnder
    \/ MeasureOver
    \/ MeasureNone
    \/ MeasureLapsed
    \/ Breach
    \/ Page
    \/ Degrade
    \/ Rollback
    \/ Recover
    \/ Tick
    \/ Miss

\* Time goes on.
TickFair == WF_vars(Tick)
\* The control loop measures again and again; what it finds, nobody promises.
LoopFair == WF_vars(MeasureUnder \/ MeasureOver \/ MeasureNone)
\* A transaction that began ends: what a crash interrupted never began.
RecordFair == WF_vars(Breach \/ Page \/ Degrade \/ Rollback \/ Recover)

\* Nobody promises that anybody decides or promotes.
Spec == Init /\ [][Next]_vars /\ TickFair /\ LoopFair /\ RecordFair

------------------------------------------------------------------------------

Leaves(here, there) == phase = here /\ phase' = there

\* INV-PROMO-1: nothing goes into production without a recorded PROMOTE of it, in force and attested.
PromotedByRightProp == [][Leaves("candidate", "serving") => decision = "good"]_vars

\* INV-PROMO-2: after a rollback nothing is promoted before something new was decided.
RepromotedByNewProp == [][Leaves("candidate", "serving") => fresh]_vars

\* INV-PROMO-3: nothing is degraded or rolled back about which nobody was paged.
PagedFirstInv == (degraded \/ phase = "rolledback") => paged

\* INV-PROMO-3: a breach comes first, and only of what serves.
BreachedFirstProp ==
    [][/\ (~paged /\ paged') => phase = "breached"
       /\ (phase' = "rolledback" /\ phase # "rolledback") => phase = "breached"]_vars

\* INV-PROMO-4: without a measurement within the limits for long enough, there is a breach.
BreachedInTimeInv == phase = "serving" /\ Idle /\ loop = "ran" => over < Confirm

\* INV-PROMO-4: silence ends no run over the limits.
SilenceIsNoCalmProp == [][MeasureNone /\ InProduction => over' # -1]_vars

\* INV-PROMO-4: and not before.
NotBreachedEarlyProp ==
    [][Leaves("serving", "breached") => over >= Confirm \/ "rollback" \in {todo[i] : i \in DOMAIN todo}]_vars

\* INV-PROMO-5: the rollback starts within the deadline, unless it was measured within the limits.
RolledBackInTimeInv ==
    phase = "breached" /\ calm = -1 /\ ~missed /\ Idle =>
        age <= IF loop = "ran" THEN Deadline - 1 ELSE Deadline

\* INV-PROMO-5: also when the loop was down, at its first measurement.
RolledBackAtLastProp ==
    [][phase = "breached" /\ Idle /\ loop' = "ran" /\ calm' = -1 /\ age >= Deadline
        => todo' = <<"rollback">>]_vars

\* INV-PROMO-5: and sooner when it is measured over the limits for long enough.
StillOverProp ==
    [][MeasureOver /\ phase = "breached" /\ over >= Still => todo' = <<"rollback">>]_vars

\* INV-PROMO-6: nothing is recovered, and no degradation lifted, before a whole run of calm.
RecoveredCalmProp ==
    [][(Leaves("breached", "serving") \/ Leaves("rolledback", "candidate") \/ (degraded /\ ~degraded'))
        => calm >= Calm]_vars

\* INV-PROMO-6: a run of calm ends with the first tick that nobody measured.
CalmIsMeasuredProp == [][Miss => calm' = -1]_vars

\* From some time on the loop runs in every tick; from some time on all is well.
Steady == <>[][~Miss]_vars
Healthy == <>[][~(MeasureOver \/ MeasureNone \/ MeasureLapsed)]_vars

\* LIVE-PROMO-1: every breach is paged.
BreachIsPagedProp == phase = "breached" ~> paged

\* LIVE-PROMO-2: every breach ends, in a rollback or in a recovery.
BreachEndsProp == Steady => (phase = "breached" ~> phase # "breached")

\* LIVE-PROMO-3: what was rolled back recovers, once all is well, and may be decided on anew.
RollbackEndsProp == (Steady /\ Healthy) => (phase = "rolledback" ~> phase = "candidate")

\* Each must FAIL: it is reached.
NeverRecoveredDebugInv == ~(phase = "breached" /\ todo = <<"recover">>)
NeverAtDeadlineDebugInv == ~(phase = "breached" /\ age = Deadline /\ todo = <<"rollback">> /\ ~missed)
NeverNewAfterRollbackDebugInv == ~(phase = "rolledback" /\ decision = "good")
==============================================================================

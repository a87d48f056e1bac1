------------------------------- MODULE Breaker -------------------------------
(***************************************************************************)
(* A circuit breaker in front of one model of one provider, shared by      *)
(* several processes. Mirrors engine/calls/breaker/machine.py.                   *)
(*                                                                         *)
(* A call that is let through is "current" until it comes back, or until   *)
(* the circuit moved on without it: then it is "stale" and says nothing    *)
(* more. A process may die with a call under way; if that call held the    *)
(* probe's lease, the call is "gone" until another takes the lease over.   *)
(*                                                                         *)
(* Left out: refused calls, which change nothing; which failures count     *)
(* (calls.breaker.classify); a clock that is set back, which only          *)
(* makes a wait longer. Ages stop at the length of the wait.               *)
(***************************************************************************)
EXTENDS Naturals, FiniteSets, Sequences

CONSTANTS Calls,             \* Calls that may be under way at once.
          None,              \* No call.
          FailureThreshold,  \* Failures in a row that open the circuit.
          WindowCalls,       \* Calls, the last ones, that are looked at together.
          WindowFailures,    \* Failures among them that open it, in a row or not.
          SuccessThreshold,  \* Probes in a row that close it.
          Timeout,           \* Ticks that it stays open at least.
          Lease              \* Ticks that a probe may take.

ASSUME /\ FailureThreshold \in Nat \ {0} /\ SuccessThreshold \in Nat \ {0}
       /\ Timeout \in Nat \ {0} /\ Lease \in Nat \ {0}
       /\ WindowFailures \in 1..WindowCalls
       /\ None \notin Calls

VARIABLES phase,      \* "closed" lets all through, "open" none, "half-open" a probe.
          failures,   \* In a row, while closed.
          window,     \* The last calls, while closed: 1 failed, 0 succeeded; from the first that failed.
          successes,  \* Of probes in a row, while half-open.
          openAge,    \* Ticks since it opened, while open.
          probe,      \* The call that holds the probe's lease, or None.
          leaseAge,   \* Ticks since it got it.
          call        \* call[c]: "idle", "current", "stale" or "gone".

vars == <<phase, failures, window, successes, openAge, probe, leaseAge, call>>
circuit == <<phase, failures, window, successes, openAge, probe, leaseAge>>

TypeOK ==
    /\ phase \in {"closed", "open", "half-open"}
    /\ failures \in 0..FailureThreshold
    /\ Len(window) \in 0..WindowCalls
    /\ \A i \in 1..Len(window) : window[i] \in {0, 1}
    /\ successes \in 0..SuccessThreshold
    /\ openAge \in 0..Timeout
    /\ probe \in Calls \cup {None}
    /\ leaseAge \in 0..Lease
    /\ call \in [Calls -> {"idle", "current", "stale", "gone"}]

Init ==
    /\ phase = "closed"
    /\ failures = 0
    /\ window = <<>>
    /\ successes = 0
    /\ openAge = 0
    /\ probe = None
    /\ leaseAge = 0
    /\ call = [c \in Calls |-> "idle"]

------------------------------------------------------------------------------

\* A call is let through without more ado while the circuit is closed.
MayStart == phase = "closed"

\* engine: calls.breaker.machine.ask
Start(c) ==
    /\ call[c] = "idle"
    /\ MayStart
    /\ call' = [call EXCEPT ![c] = "current"]
    /\ UNCHANGED circuit

Leased(c) ==
    /\ probe' = c
    /\ leaseAge' = 0

\* Open long enough?
MayHalfOpen == openAge >= Timeout

\* The first call after the wait is the first probe.
\* engine: calls.breaker.machine.ask
HalfOpen(c) ==
    /\ phase = "open"
    /\ call[c] = "idle"
    /\ MayHalfOpen
    /\ phase' = "half-open"
    /\ openAge' = 0
    /\ Leased(c)
    /\ call' = [call EXCEPT ![c] = "current"]
    /\ UNCHANGED <<failures, window, successes>>

\* Nobody probes already?
MayProbe == probe = None

\* The next probe, after one that came back.
\* engine: calls.breaker.machine.ask
Probe(c) ==
    /\ phase = "half-open"
    /\ call[c] = "idle"
    /\ MayProbe
    /\ Leased(c)
    /\ call' = [call EXCEPT ![c] = "current"]
    /\ UNCHANGED <<phase, failures, window, successes, openAge>>

\* Did the probe that is under way have its time?
MayTakeOver == leaseAge >= Lease

\* The lease of a probe that does not come back goes to another call.
\* engine: calls.breaker.machine.ask
TakeOver(c) ==
    /\ phase = "half-open"
    /\ call[c] = "idle"
    /\ probe # None
    /\ MayTakeOver
    /\ Leased(c)
    /\ call' = [call EXCEPT ![c] = "current",
                            ![probe] = IF call[probe] = "gone" THEN "idle" ELSE "stale"]
    /\ UNCHANGED <<phase, failures, window, successes, openAge>>

------------------------------------------------------------------------------

\* What counts when a call comes back: those of this phase, and the holder of the lease.
MayCount(c) == call[c] = "current"

\* The circuit comes into another phase; what is under way besides c says nothing more.
Turn(to, c) ==
    /\ phase' = to
    /\ failures' = 0
    /\ window' = <<>>
    /\ successes' = 0
    /\ openAge' = 0
    /\ probe' = None
    /\ leaseAge' = 0
    /\ call' = [d \in Calls |-> IF d = c THEN "idle"
                                ELSE IF call[d] = "current" THEN "stale"
                                ELSE IF call[d] = "gone" THEN "idle" ELSE call[d]]

Back(c) == call' = [call EXCEPT ![c] = "idle"]
UnderWay(c) == call[c] \in {"current", "stale"}

\* The last calls of w, from the first of them that failed.
Slid(w) ==
    LET kept == IF Len(w) > WindowCalls THEN SubSeq(w, Len(w) - WindowCalls + 1, Len(w)) ELSE w
        failed == {i \in 1..Len(kept) : kept[i] = 1}
    IN  IF failed = {} THEN <<>>
        ELSE SubSeq(kept, CHOOSE i \in failed : \A j \in failed : i <= j, Len(kept))

FailedIn(w) == Cardinality({i \in 1..Len(w) : w[i] = 1})

\* What the circuit becomes with the n-th failure in a row.
AfterFailures(n) == IF n >= FailureThreshold THEN "open" ELSE "closed"

\* What it becomes with the n-th failure among the last calls.
AfterWindow(n) == IF n >= WindowFailures THEN "open" ELSE "closed"

OpensWith(n, w) == AfterFailures(n) = "open" \/ AfterWindow(FailedIn(w)) = "open"

\* The provider failed: 408, 429, 5xx, a timeout.
\* engine: calls.breaker.machine.report
Fail(c) ==
    /\ UnderWay(c)
    /\ IF ~MayCount(c) THEN Back(c) /\ UNCHANGED circuit
       ELSE IF phase # "closed" \/ OpensWith(failures + 1, Slid(Append(window, 1)))
       THEN Turn("open", c)
       ELSE /\ failures' = failures + 1
            /\ window' = Slid(Append(window, 1))
            /\ Back(c)
            /\ UNCHANGED <<phase, successes, openAge, probe, leaseAge>>

\* What the circuit becomes with the n-th probe that succeeded.
AfterProbes(n) == IF n >= SuccessThreshold THEN "closed" ELSE "half-open"

\* The provider answered.
\* engine: calls.breaker.machine.report
Succeed(c) ==
    /\ UnderWay(c)
    /\ IF ~MayCount(c) THEN Back(c) /\ UNCHANGED circuit
       ELSE IF phase = "closed"
       THEN /\ failures' = 0
            /\ window' = Slid(Append(window, 0))
            /\ Back(c)
            /\ UNCHANGED <<phase, successes, openAge, probe, leaseAge>>
       ELSE IF AfterProbes(successes + 1) = "closed" THEN Turn("closed", c)
       ELSE /\ successes' = successes + 1
            /\ probe' = None
            /\ leaseAge' = 0
            /\ Back(c)
            /\ UNCHANGED <<phase, failures, window, openAge>>

\* Who holds the lease after the holder was cancelled.
AfterCancel(c) == None

\* The call was cancelled, or failed in a way that says nothing of the provider.
\* engine: calls.breaker.machine.report
Cancel(c) ==
    /\ UnderWay(c)
    /\ Back(c)
    /\ IF MayCount(c) /\ probe = c
       THEN /\ probe' = AfterCancel(c)
            /\ leaseAge' = 0
            /\ UNCHANGED <<phase, failures, window, successes, openAge>>
       ELSE UNCHANGED circuit

\* What somebody's reset makes of the circuit.
AfterReset == "closed"

\* Somebody closes the circuit by hand, whatever was counted.
\* engine: calls.breaker.machine.reset
Reset ==
    /\ \/ phase # "closed" \/ window # <<>>
       \/ \E c \in Calls : call[c] = "current"
    /\ Turn(AfterReset, None)

\* Its process died: nobody will hear of the call again.
Crash(c) ==
    /\ UnderWay(c)
    /\ call' = [call EXCEPT ![c] = IF probe = c THEN "gone" ELSE "idle"]
    /\ UNCHANGED circuit

\* Time passes, whatever anybody does.
Tick ==
    /\ \/ phase = "open" /\ openAge < Timeout
       \/ probe # None /\ leaseAge < Lease
    /\ openAge' = IF phase = "open" /\ openAge < Timeout THEN openAge + 1 ELSE openAge
    /\ leaseAge' = IF probe # None /\ leaseAge < Lease THEN leaseAge + 1 ELSE leaseAge
    /\ UNCHANGED <<phase, failures, window, successes, probe, call>>

Ask(c) == Start(c) \/ HalfOpen(c) \/ Probe(c) \/ TakeOver(c)
Return(c) == Fail(c) \/ Succeed(c) \/ Cancel(c) \/ Crash(c)
Next == Tick \/ Reset \/ \E c \in Calls : Ask(c) \/ Return(c)

\* Time goes on.
TickFair == WF_vars(Tick)
\* Somebody still asks, whatever the circuit answered before.
HalfOpenFair == WF_vars(\E c \in Calls : HalfOpen(c))
ProbeFair == WF_vars(\E c \in Calls : Probe(c))
TakeOverFair == WF_vars(\E c \in Calls : TakeOver(c))
\* A call comes back, or its process dies.
ReturnFair == \A c \in Calls : WF_vars(Return(c))

\* Nobody promises that a closed circuit is asked at all.
Spec == /\ Init /\ [][Next]_vars
        /\ TickFair /\ HalfOpenFair /\ ProbeFair /\ TakeOverFair /\ ReturnFair

------------------------------------------------------------------------------

\* INV-BREAKER-1: a half-open circuit has at most one probe at a time.
OneProbeInv ==
    phase = "half-open" => Cardinality({c \in Calls : call[c] = "current"}) <= 1

\* INV-BREAKER-1: a probe under way is not overtaken before its lease has run out.
LeaseKeptProp ==
    [][probe # None /\ probe' # None /\ probe' # probe => leaseAge = Lease]_vars

\* INV-BREAKER-1: whoever holds the lease is under way, or its process died.
HeldInv == \A c \in Calls : probe = c => call[c] \in {"current", "gone"}

\* INV-BREAKER-2: an open circuit lets no call through.
OpenRefusesInv == phase = "open" => \A c \in Calls : call[c] # "current"

\* INV-BREAKER-2: and it stays open for as long as the timeout says, unless it is reset.
CoolDownProp == [][phase = "open" /\ phase' # "open" => openAge = Timeout \/ Reset]_vars

\* INV-BREAKER-3: a closed circuit opens with the last failure that the threshold allows.
OpensInv == phase = "closed" => failures < FailureThreshold

\* INV-BREAKER-3: and with the last failure that its last calls may have among them.
OpensByRateInv == phase = "closed" => FailedIn(window) < WindowFailures

\* INV-BREAKER-3: and not before either of them.
OpensNoEarlierProp ==
    [][phase = "closed" /\ phase' = "open" =>
        \/ failures = FailureThreshold - 1
        \/ FailedIn(Slid(Append(window, 1))) = WindowFailures]_vars

\* INV-BREAKER-3: it closes with the last success of a probe that the threshold asks for.
ClosesInv == phase = "half-open" => successes < SuccessThreshold

\* INV-BREAKER-3: and not before.
ClosesNoEarlierProp ==
    [][phase # "closed" /\ phase' = "closed" => successes = SuccessThreshold - 1 \/ Reset]_vars

\* INV-BREAKER-4: a call that began in an earlier phase, or lost its lease, changes nothing.
StaleProp ==
    [][\A c \in Calls : call[c] = "stale" /\ call'[c] # "stale" => UNCHANGED circuit]_vars

\* INV-BREAKER-6: a reset closes the circuit with nothing counted, and what was under way is stale.
ResetProp ==
    [][Reset => /\ phase' = "closed" /\ window' = <<>> /\ probe' = None
                /\ \A c \in Calls : call'[c] \in {"idle", "stale"}]_vars

\* LIVE-BREAKER-1: an open circuit is probed at last, or somebody resets it.
ProbedProp == phase = "open" ~> phase # "open"

\* LIVE-BREAKER-1: a half-open circuit without a probe under way gets one, unless it is reset.
ProbedAgainProp ==
    (phase = "half-open" /\ \A c \in Calls : call[c] # "current")
        ~> (phase = "closed" \/ \E c \in Calls : call[c] = "current")

\* Each must FAIL: it is reached.
NeverHalfwayDebugInv == ~(phase = "half-open" /\ successes = SuccessThreshold - 1 /\ probe # None)
NeverOvertakenDebugInv == ~(phase = "half-open" /\ \E c \in Calls : call[c] = "stale" /\ probe # c)
NeverAtRateDebugInv == ~(FailedIn(window) = WindowFailures - 1 /\ failures = 1)
NeverGoneDebugInv == \A c \in Calls : call[c] # "gone"
==============================================================================

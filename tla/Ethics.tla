-------------------------------- MODULE Ethics --------------------------------
(***************************************************************************)
(* One artifact, the attestations of it, the decisions that rest on them,  *)
(* and its life in production while an attestation lasts.                  *)
(*                                                                         *)
(* Mirrors engine/decision/attest.py and engine/proof/attestation_rules.py (what counts),       *)
(* engine/decision/judge.py with the promotion gate (what is decided),             *)
(* engine/lifecycle/admission.py (what may still be acted on), lapse.py    *)
(* (what expired in production) and holds.py. Signatures, trust lists and  *)
(* the measurements of a running service are left out, and so is recovery: *)
(* that is Promotion's.                                                    *)
(*                                                                         *)
(* A tick is a minute. Assumed: engine watch looks once in every minute,   *)
(* at some moment of it; everything else may happen before or after.       *)
(***************************************************************************)
EXTENDS Naturals

CONSTANTS AttestTTL,    \* Ticks for which an attestation lasts.
          DecisionTTL,  \* Ticks for which a PROMOTE may be acted on.
          Grace,        \* Ticks without an attestation after which production rolls back.
          HoldTTL       \* Ticks after which a HOLD that nothing followed expires.

ASSUME /\ AttestTTL \in Nat \ {0} /\ DecisionTTL \in Nat \ {0}
       /\ Grace \in Nat \ {0} /\ HoldTTL \in Nat \ {0}

VARIABLES stage,     \* Where the artifact is.
          said,      \* What the newest attestation of it says.
          left,      \* Ticks that the newest attestation has left, whatever it says.
          news,      \* In production: the newest attestation was not looked at yet.
          word,      \* Verdict of the newest decision on it.
          evidence,  \* What that decision saw: good, bad, or too few samples.
          force,     \* Ticks for which that PROMOTE may still be acted on.
          rests,     \* Ticks that the attestation it rests on has left.
          covers,    \* In production: ticks until the attestation that counts expires.
          lapse,     \* In production: ticks since it has expired.
          hold,      \* The newest decision, while it is a HOLD: open or expired.
          held,      \* Ticks for which that HOLD has been open.
          looked     \* engine watch has looked in this minute.

vars == <<stage, said, left, news, word, evidence, force, rests, covers, lapse, hold, held, looked>>

TypeOK ==
    /\ stage \in {"candidate", "serving", "rolledback"}
    /\ said \in {"none", "pass", "fail"}
    /\ left \in 0..AttestTTL
    /\ news \in BOOLEAN
    /\ word \in {"none", "PROMOTE", "HOLD", "BLOCK"}
    /\ evidence \in {"none", "good", "bad", "few"}
    /\ force \in 0..DecisionTTL
    /\ rests \in 0..AttestTTL
    /\ covers \in 0..AttestTTL
    /\ lapse \in 0..(Grace + 1)
    /\ hold \in {"none", "open", "expired"}
    /\ held \in 0..(HoldTTL + 1)
    /\ looked \in BOOLEAN

Init ==
    /\ stage = "candidate"
    /\ said = "none" /\ left = 0 /\ news = FALSE
    /\ word = "none" /\ evidence = "none" /\ force = 0 /\ rests = 0
    /\ covers = 0 /\ lapse = 0
    /\ hold = "none" /\ held = 0
    /\ looked = FALSE

Less(ticks) == IF ticks > 0 THEN ticks - 1 ELSE 0

\* A check may rest on the newest attestation: it says PROMOTE, and is in force.
\* engine: proof.attestation_rules.ways_to_count
MayRest == said = "pass" /\ left > 0

\* The verdict: what fails blocks; too few samples, or nobody who attests, is a HOLD.
\* engine: proof.verdict_rules.recompute_verdict
AfterCheck(seen, attested) ==
    IF seen = "bad" THEN "BLOCK"
    ELSE IF seen = "few" \/ ~attested THEN "HOLD"
    ELSE "PROMOTE"

\* The decision is in force, and so is what it rests on, at the instant of the promotion itself;
\* and no attestation since then says otherwise.
\* engine: lifecycle.admission.admission
MayPromote == word = "PROMOTE" /\ force > 0 /\ rests > 0 /\ said = "pass"

\* Until when production is covered, once a newer attestation is heard of.
\* engine: lifecycle.lapse.apply_attestation
AfterNews == IF said = "pass" THEN left ELSE 0

\* engine: lifecycle.undecided.due
MayRollBack(ticks) == ticks >= Grace

\* engine: lifecycle.holds.sweep
MayExpire == hold = "open" /\ held >= HoldTTL

------------------------------------------------------------------------------

\* Somebody attests what the ethics gate answers on the artifact, on whatever evidence there is
\* now; the newest word counts, also while an older one lasts.
\* engine: decision.attest.attest
Attest(answer) ==
    /\ said' = answer
    /\ left' = AttestTTL
    /\ news' = (stage = "serving")
    /\ UNCHANGED <<stage, word, evidence, force, rests, covers, lapse, hold, held, looked>>

\* A candidate is decided on.
\* engine: decision.judge.judge, decision.session.Session.append
Decide(seen) ==
    /\ stage = "candidate"
    /\ word' = AfterCheck(seen, MayRest)
    /\ evidence' = seen
    /\ force' = IF word' = "PROMOTE" THEN DecisionTTL ELSE 0
    /\ rests' = IF word' = "PROMOTE" THEN left ELSE 0
    /\ hold' = IF word' = "HOLD" THEN "open" ELSE "none"
    /\ held' = 0
    /\ UNCHANGED <<stage, said, left, news, covers, lapse, looked>>

\* It goes into production.
\* engine: lifecycle.controller.Controller.promote
Promote ==
    /\ stage = "candidate"
    /\ MayPromote
    /\ stage' = "serving"
    /\ covers' = rests
    /\ force' = 0 /\ rests' = 0
    /\ UNCHANGED <<said, left, news, word, evidence, lapse, hold, held, looked>>

\* How long production has been without an attestation, once the newest is heard of.
Covered == IF news THEN AfterNews ELSE covers
Lapsed == IF Covered > 0 THEN 0
          ELSE IF news /\ covers > 0 THEN AttestTTL - left
          ELSE lapse

\* engine watch looks: hears of newer attestations, rolls back what has been without one for too
\* long, expires a HOLD that nothing followed.
\* engine: lifecycle.controller.Controller.step, lifecycle.controller.Controller.sweep
Look ==
    /\ ~looked
    /\ looked' = TRUE
    /\ hold' = IF MayExpire THEN "expired" ELSE hold
    /\ held' = IF MayExpire THEN 0 ELSE held
    /\ news' = FALSE
    /\ IF stage = "serving" /\ Covered = 0 /\ MayRollBack(Lapsed)
       THEN stage' = "rolledback" /\ covers' = 0 /\ lapse' = 0
       ELSE stage' = stage /\ covers' = Covered /\ lapse' = Lapsed
    /\ UNCHANGED <<said, left, word, evidence, force, rests>>

\* A minute goes by; engine watch has looked in it.
Tick ==
    /\ looked
    /\ looked' = FALSE
    /\ left' = Less(left)
    /\ force' = Less(force)
    /\ rests' = Less(rests)
    /\ covers' = Less(covers)
    /\ lapse' = IF stage = "serving" /\ covers = 0 /\ lapse <= Grace THEN lapse + 1 ELSE lapse
    /\ held' = IF hold = "open" /\ held <= HoldTTL THEN held + 1 ELSE held
    /\ UNCHANGED <<stage, said, news, word, evidence, hold>>

Next ==
    \/ Tick \/ Look \/ Promote
    \/ \E answer \in {"pass", "fail"} : Attest(answer)
    \/ \E seen \in {"good", "bad", "few"} : Decide(seen)

\* Time goes on.
TickFair == WF_vars(Tick)

\* engine watch runs. Nobody promises that anybody attests, decides or promotes.
LookFair == WF_vars(Look)

Spec == Init /\ [][Next]_vars /\ TickFair /\ LookFair

------------------------------------------------------------------------------

\* INV-ETHICS-1: what fails, or was seen too seldom, is not promoted.
PromotedWasGoodInv == word = "PROMOTE" => evidence = "good"

\* INV-ETHICS-4: nor what nobody attests at the instant of the decision.
DecidedAttestedProp ==
    [][rests' > rests \/ (word' = "PROMOTE" /\ word # "PROMOTE") => said = "pass" /\ left > 0]_vars

\* INV-ETHICS-6: nor what was attested when it was decided on, and is not any more.
PromotedAttestedProp ==
    [][stage = "candidate" /\ stage' = "serving" => said = "pass" /\ rests > 0]_vars

\* INV-ETHICS-6: nothing is promoted on a decision that is no PROMOTE, or out of force.
PromotedInForceProp ==
    [][stage = "candidate" /\ stage' = "serving" => word = "PROMOTE" /\ force > 0]_vars

\* INV-ETHICS-7: an attestation that says otherwise ends what an older one covered.
TakenBackProp ==
    [][stage = "serving" /\ looked' /\ ~looked /\ news /\ said = "fail" => covers' = 0]_vars

\* LIVE-ETHICS-1: without an attestation nothing serves for longer than the profile grants.
LapseInv == stage = "serving" => lapse <= Grace /\ (looked => lapse < Grace)

\* LIVE-ETHICS-1: nothing is rolled back earlier than that, for want of an attestation.
RollsBackNoEarlierProp ==
    [][stage = "serving" /\ stage' = "rolledback" => covers = 0 /\ lapse = Grace]_vars

\* LIVE-ETHICS-1: what serves without one is attested again or rolled back.
LapsedProp == (stage = "serving" /\ covers = 0) ~> (stage = "rolledback" \/ covers > 0)

\* LIVE-HOLD-1: no HOLD is open for longer than the profile says.
HoldInv == hold = "open" => held <= HoldTTL /\ (looked => held < HoldTTL)

\* LIVE-HOLD-1: every HOLD is followed by a new decision or expires.
HoldProp == (hold = "open" /\ held > 0) ~> (hold # "open" \/ held = 0)

\* Each must FAIL: it is reached.
NeverRolledBackDebugInv == stage # "rolledback"
NeverAttestedAgainDebugInv == ~(stage = "serving" /\ lapse > 0 /\ news /\ said = "pass")
NeverTooLateDebugInv == ~(word = "PROMOTE" /\ force > 0 /\ rests = 0 /\ stage = "candidate")
NeverExpiredDebugInv == hold # "expired"
===============================================================================

------------------------------- MODULE MCEthics -------------------------------
\* Models of Ethics: broken guards and missing fairness, put in one at a time.
EXTENDS Ethics, Limits

\* The model's deadlines are short. In their order they are the policy's, and none of the policy's
\* is shorter than the minute in which engine watch looks once.
ASSUME /\ (DecisionTTL <= AttestTTL) = (DecisionTtlS <= AttestationTtlS)
       /\ \A s \in {AttestationTtlS, DecisionTtlS, UnattestedS, HoldTtlS} : s >= 60

MutRestsOnExpired == said = "pass"
MutRestsOnAnyWord == left > 0
MutFewIsEnough(seen, attested) ==
    IF seen = "bad" THEN "BLOCK" ELSE IF attested THEN "PROMOTE" ELSE "HOLD"
MutBadIsHeld(seen, attested) ==
    IF seen = "few" \/ ~attested THEN "HOLD" ELSE "PROMOTE"
MutPromotesExpired == word = "PROMOTE" /\ force > 0 /\ said = "pass"
MutPromotesTakenBack == word = "PROMOTE" /\ force > 0 /\ rests > 0
MutPromotesOutOfForce == word = "PROMOTE" /\ rests > 0 /\ said = "pass"
MutPromotesAnyWord == force > 0 \/ (said = "pass" /\ left > 0)
MutKeepsCover == IF said = "pass" THEN left ELSE covers
MutRollsBackLate(ticks) == ticks > Grace
MutRollsBackEarly(ticks) == ticks + 1 >= Grace
MutHoldsForever == FALSE
MutUnfair == TRUE

\* What a reader of a ledger sees: entries between which any time may have passed. With every
\* TTL 1, a clock that runs out runs out in one step, alone or with others.
Pass ==
    /\ looked' = FALSE
    /\ left' \in {left, 0} /\ force' \in {force, 0} /\ rests' \in {rests, 0}
    /\ covers' \in {covers, 0}
    /\ lapse' \in IF stage = "serving" /\ covers = 0 THEN {lapse, Grace} ELSE {lapse}
    /\ held' \in IF hold = "open" THEN {held, HoldTTL} ELSE {held}
    /\ UNCHANGED <<stage, said, news, word, evidence, hold>>

\* It is rolled back for another reason than its attestation, or recovers: Promotion's business.
Leave ==
    /\ stage = "serving"
    /\ stage' = "rolledback"
    /\ news' = FALSE /\ covers' = 0 /\ lapse' = 0
    /\ UNCHANGED <<said, left, word, evidence, force, rests, hold, held, looked>>
Return ==
    /\ stage = "rolledback"
    /\ stage' = "candidate"
    /\ UNCHANGED <<said, left, news, word, evidence, force, rests, covers, lapse, hold, held, looked>>

LineNext ==
    \/ Pass \/ Look \/ Promote \/ Leave \/ Return
    \/ \E answer \in {"pass", "fail"} : Attest(answer)
    \/ \E seen \in {"good", "bad", "few"} : Decide(seen)

SpecLine == Init /\ [][LineNext]_vars
===============================================================================

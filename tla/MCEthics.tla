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
===============================================================================

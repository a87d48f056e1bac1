----------------------------- MODULE MCBreaker -------------------------------
\* The breaker's models: broken guards and missing fairness, put in one at a time.
EXTENDS Breaker, Limits

CONSTANTS c1, c2

MutAnyStart == TRUE
MutAnyHalfOpen == TRUE
MutAnyProbe == TRUE
MutAnyTakeOver == TRUE
MutAnyCount(c) == TRUE
MutOpensLate(n) == IF n > FailureThreshold THEN "open" ELSE "closed"
MutOpensAtOnce(n) == "open"
MutRateLate(n) == IF n > WindowFailures THEN "open" ELSE "closed"
MutRateSoon(n) == IF n >= WindowFailures - 1 THEN "open" ELSE "closed"
MutResetHalf == "half-open"
MutClosesLate(n) == IF n > SuccessThreshold THEN "closed" ELSE "half-open"
MutClosesAtOnce(n) == "closed"
MutKeepsLease(c) == c
MutUnfair == TRUE
==============================================================================

----------------------------- MODULE MCPromotion -----------------------------
\* The promotion's models: broken guards and missing fairness, put in one at a time.
EXTENDS Promotion, Limits

MutAny == TRUE
MutUnfair == TRUE
MutPageLast == <<"breach", "degrade", "page">>
MutNoPage == <<"breach", "degrade">>
MutLapseNoPage == <<"breach", "rollback">>
MutNoBreach == <<"page", "degrade">>
MutNeverConfirmed(run) == FALSE
MutConfirmEarly(run) == run >= Confirm - 1
MutTickLate(run, loud) == age > Deadline \/ (loud /\ run >= Still)
MutOnlyMeasured(run, loud) == loud /\ run >= Still
MutPatient(run, loud) == age >= Deadline
MutRecoverEarly(run) == run >= Calm - 1
MutKeepsDecision == "good"
MutSilenceIsCalm(run) == -1
MutCalmGoesOn == Older(calm, Calm)
==============================================================================

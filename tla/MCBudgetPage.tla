---------------------------- MODULE MCBudgetPage ----------------------------
(***************************************************************************)
(* Broken guards of BudgetPage; each must make a named property fail.      *)
(***************************************************************************)
EXTENDS BudgetPage

MutOpenAgain == TRUE                          \* A day is opened again.
MutCountAnywhere == TRUE                      \* A page that nobody opened is counted on.
MutGiveLater == level = "below"               \* A day that is over gives.
MutGiveAtHard == level \in {"soft", "hard"} /\ when = "now"  \* A used-up budget gives.
MutGivePast == Level                          \* A lease takes the page past its budget.
MutReopenAhead == when # "now"                \* A day that the clock has not come to is reopened.
MutComeAgain == when # "now"                  \* A day that is over comes back unreopened.
MutReopenClears == "below"                    \* A day that is opened again begins anew.
MutHoldAhead == TRUE                          \* What is left for an earlier day holds again.
MutHoldPast == Level                          \* What is held again takes the page past its budget.
MutAnyOverrun(l) == l \in Level               \* Overrun is counted while there is room.
=============================================================================

---------------------------- MODULE MCBudgetLease ----------------------------
(***************************************************************************)
(* Broken guards of BudgetLease; each must make a named property fail.     *)
(***************************************************************************)
EXTENDS BudgetLease

MutSweepEarly == phase = "held"                              \* A lease is swept in its time.
MutSweepReleased == phase \in {"held", "released"} /\ due     \* What was given back is swept.
MutHoldReleased == phase \in {"expired", "released"}          \* What was given back is held again.
MutSettleAgain == phase \in {"held", "expired", "released", "settled"}
MutReleaseSettled == phase \in {"held", "settled"}            \* What was spent is given back.
MutForgetAny == phase # "new"                                \* What may still be settled is forgotten.
MutForget == "new"                                           \* A swept lease is forgotten.
==============================================================================

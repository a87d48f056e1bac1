---------------------------- MODULE BudgetLease ----------------------------
(***************************************************************************)
(* What a ledger's entries may say of one request to spend, and of the     *)
(* lease that it became: Budget, seen from one lease, without amounts.     *)
(*                                                                         *)
(* Real ledgers are held against this spec, one trace per request. A test  *)
(* holds it against Budget both ways: each step of Budget is a step here,  *)
(* and each step here is one of Budget's.                                  *)
(*                                                                         *)
(* Left out: amounts and days (BudgetPage has them by predicates; `engine  *)
(* budget verify` adds them up exactly), and everything that Budget leaves *)
(* out. Time is whether the lease has had its time, as the entry that      *)
(* speaks next shows it.                                                   *)
(***************************************************************************)
EXTENDS Naturals

VARIABLES phase,    \* What became of the request.
          due,      \* Whether the lease has had its time.
          counted   \* How often its usage was counted.

vars == <<phase, due, counted>>

TypeOK ==
    /\ phase \in {"new", "denied", "held", "expired", "settled", "released"}
    /\ due \in BOOLEAN
    /\ counted \in 0..2

Init ==
    /\ phase = "new"
    /\ due = FALSE
    /\ counted = 0

MaySweep == phase = "held" /\ due
MaySettle == phase \in {"held", "expired", "released"}
MayRelease == phase = "held"
MayForget == phase \in {"denied", "settled"}
MayHoldAgain == phase = "expired"
AfterSweep == "expired"

\* engine: calls.budget.tracker.Tracker.reserve
Deny ==
    /\ phase = "new"
    /\ phase' = "denied"
    /\ UNCHANGED <<due, counted>>

\* engine: calls.budget.tracker.Tracker.reserve
Give ==
    /\ phase = "new"
    /\ phase' = "held"
    /\ UNCHANGED <<due, counted>>

\* The entry that speaks of the lease next was made after its time.
Time ==
    /\ phase = "held"
    /\ ~due
    /\ due' = TRUE
    /\ UNCHANGED <<phase, counted>>

\* Another request found that the lease had had its time.
\* engine: calls.budget.tracker.Tracker.reserve
Sweep ==
    /\ MaySweep
    /\ phase' = AfterSweep
    /\ UNCHANGED <<due, counted>>

\* The clock had been ahead when the lease was swept, and came back: it holds again.
\* engine: calls.budget.transitions.hold_again
HoldAgain ==
    /\ MayHoldAgain
    /\ phase' = "held"
    /\ due' = FALSE
    /\ UNCHANGED counted

\* engine: calls.budget.tracker.Tracker.settle
Settle ==
    /\ MaySettle
    /\ phase' = "settled"
    /\ counted' = counted + 1
    /\ UNCHANGED due

\* engine: calls.budget.tracker.Tracker.release
Release ==
    /\ MayRelease
    /\ phase' = "released"
    /\ UNCHANGED <<due, counted>>

\* Nothing more is said of a request that was denied, or of a lease that was settled: a checker
\* of long ledgers need not remember it.
Forget ==
    /\ MayForget
    /\ phase' = "new"
    /\ due' = FALSE
    /\ counted' = 0

Next == Deny \/ Give \/ Time \/ Sweep \/ HoldAgain \/ Settle \/ Release \/ Forget

\* No fairness: a ledger may end anywhere. That leases end is Budget's LIVE-BUDGET-1.
Spec == Init /\ [][Next]_vars

------------------------------------------------------------------------------

\* INV-BUDGET-10: a usage is counted at most once, and for a settled lease alone.
CountedOnceInv ==
    /\ counted <= 1
    /\ counted = 1 <=> phase = "settled"

\* INV-BUDGET-10: nothing follows a denial or a settlement.
FinalProp == [][(phase # "denied" /\ phase # "settled") \/ phase' = "new"]_vars

\* INV-BUDGET-10: what was given back is given back once; it may still turn out to have been used.
ReleasedProp == [][phase = "released" => phase' \in {"released", "settled"}]_vars

\* INV-BUDGET-8: what may still be settled is not forgotten.
NothingForgottenProp == [][phase' = "new" => phase = "denied" \/ phase = "settled"]_vars

\* INV-BUDGET-12: a lease is swept only after its time.
SweptAfterTimeInv == phase = "expired" => due

\* Must FAIL: a late settle is reached.
NoLateSettleDebugInv == ~(phase = "settled" /\ due)
=============================================================================

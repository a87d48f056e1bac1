---------------------------- MODULE BudgetPage -----------------------------
(***************************************************************************)
(* What a ledger's entries may say of one page of the books: one day of    *)
(* one budget in one unit. Budget, seen from one day, without amounts.     *)
(*                                                                         *)
(* Real ledgers are held against this spec, one trace per page. A test     *)
(* holds it against Budget: what the tracker records along every step of   *)
(* Budget is a behaviour of this. An entry that sweeps, opens and gives is *)
(* three steps here.                                                       *)
(*                                                                         *)
(* Left out: amounts. Predicates of them are kept; that they are added up  *)
(* right is checked by `engine budget verify`. Budget leaves out that the  *)
(* policies may change a budget within its day; here that is Change.       *)
(***************************************************************************)
EXTENDS Naturals

VARIABLES opened,   \* How often the page was opened.
          level,    \* What is in use: below the soft limit, at or past it, at the budget, past it.
          overran,  \* Whether anything was counted as overrun.
          changed,  \* Whether the policies changed the budget after it was opened.
          when,     \* Whether requests are answered on its day: "now"; later ones were: "over"; or an
                    \* earlier day was opened again, and the clock has not come to this one: "ahead".
          reopened, \* Whether the last step was of a reopening: of this day, or of an earlier one.
          gave      \* The level that the last step gave at; "nothing" when it gave nothing.

counted == <<opened, level, overran, changed>>
vars == <<opened, level, overran, changed, when, reopened, gave>>

Rank == [below |-> 0, soft |-> 1, hard |-> 2, past |-> 3]
Level == DOMAIN Rank

TypeOK ==
    /\ opened \in 0..2
    /\ level \in Level
    /\ overran \in BOOLEAN
    /\ changed \in BOOLEAN
    /\ when \in {"now", "over", "ahead"}
    /\ reopened \in BOOLEAN
    /\ gave \in Level \cup {"nothing"}

Init ==
    /\ opened = 0
    /\ level = "below"
    /\ overran = FALSE
    /\ changed = FALSE
    /\ when = "now"
    /\ reopened = FALSE
    /\ gave = "nothing"

MayOpen == opened = 0
MayCount == opened > 0
MayGive == level = "below" /\ when = "now"
MayGiveSoft == level = "soft" /\ when = "now"
AfterGive == {"below", "soft", "hard"}
MayOverrun(l) == l = "past"
MayReopen == when = "over"
MayCome == when = "ahead"
MayHoldAgain == when # "ahead"
AfterHoldAgain == {"below", "soft", "hard"}
AfterReopen == level

\* The first lease of a day opens its page.
\* engine: calls.budget.transitions.grant
Open ==
    /\ MayOpen
    /\ opened' = opened + 1
    /\ gave' = "nothing"
    /\ reopened' = FALSE
    /\ UNCHANGED <<level, overran, changed, when>>

Given ==
    /\ level' \in {l \in AfterGive : Rank[l] >= Rank[level]}
    /\ gave' = level
    /\ reopened' = FALSE
    /\ UNCHANGED <<opened, overran, changed, when>>

\* A request is let through below the soft limit, and what it asks for is set aside.
\* engine: calls.budget.transitions.grant
Give == MayCount /\ MayGive /\ Given

\* A request is let through and told that the soft limit is reached.
\* engine: calls.budget.transitions.grant
GiveSoft == MayCount /\ MayGiveSoft /\ Given

\* A lease is swept or given back, and what it held is free again.
\* engine: calls.budget.transitions.expire, calls.budget.transitions.release
Return ==
    /\ MayCount
    /\ level' \in {l \in Level : Rank[l] <= Rank[level]}
    /\ gave' = "nothing"
    /\ reopened' = FALSE
    /\ UNCHANGED <<opened, overran, changed, when>>

\* A usage is counted, and the page held all of it: it grows up to the budget at most.
\* engine: calls.budget.transitions.settle
Settle ==
    /\ MayCount
    /\ level' \in {l \in Level : Rank[l] <= Rank[level] \/ Rank[l] <= Rank["hard"]}
    /\ gave' = "nothing"
    /\ reopened' = FALSE
    /\ UNCHANGED <<opened, overran, changed, when>>

\* A usage is counted that the page could not hold: what was beyond it is overrun.
\* engine: calls.budget.transitions.settle
Overrun ==
    /\ MayCount
    /\ level' \in {l \in Level : MayOverrun(l)}
    /\ overran' = TRUE
    /\ gave' = "nothing"
    /\ reopened' = FALSE
    /\ UNCHANGED <<opened, changed, when>>

\* The policies say another limit from this request on.
\* engine: calls.budget.transitions.grant
Change ==
    /\ MayCount
    /\ level' \in Level
    /\ changed' = TRUE
    /\ gave' = "nothing"
    /\ reopened' = FALSE
    /\ UNCHANGED <<opened, overran, when>>

\* A request is answered on a later day: the page gives no more, and is settled on all the same.
\* engine: calls.budget.transitions.roll_over
Later ==
    /\ MayCount
    /\ when # "over"
    /\ when' = "over"
    /\ gave' = "nothing"
    /\ reopened' = FALSE
    /\ UNCHANGED counted

\* The clock had been ahead, and somebody says that this day counts again. Nothing on it changes.
\* engine: calls.budget.transitions.reopen
Reopen ==
    /\ MayCount
    /\ MayReopen
    /\ when' = "now"
    /\ reopened' = TRUE
    /\ level' = AfterReopen
    /\ gave' = "nothing"
    /\ UNCHANGED <<opened, overran, changed>>

\* An earlier day counts again: this one gives nothing until the clock comes to it.
\* engine: calls.budget.transitions.reopen
Leave ==
    /\ MayCount
    /\ when # "ahead"
    /\ when' = "ahead"
    /\ reopened' = TRUE
    /\ gave' = "nothing"
    /\ UNCHANGED counted

\* A lease that the clock ahead had swept still runs, and holds again what it held: it fits.
\* engine: calls.budget.transitions.hold_again
HoldAgain ==
    /\ MayCount
    /\ MayHoldAgain
    /\ level' \in {l \in AfterHoldAgain : Rank[l] >= Rank[level]}
    /\ reopened' = TRUE
    /\ gave' = "nothing"
    /\ UNCHANGED <<opened, overran, changed, when>>

\* The clock has come to a day that was left: a request is answered on it.
\* engine: calls.budget.transitions.roll_over
Come ==
    /\ MayCount
    /\ MayCome
    /\ when' = "now"
    /\ gave' = "nothing"
    /\ reopened' = FALSE
    /\ UNCHANGED counted

Next ==
    \/ Open \/ Give \/ GiveSoft \/ Return \/ Settle \/ Overrun \/ Change
    \/ Later \/ Reopen \/ Leave \/ HoldAgain \/ Come

\* No fairness: a ledger may end anywhere. That a day comes again is Budget's LIVE-BUDGET-2.
Spec == Init /\ [][Next]_vars

------------------------------------------------------------------------------

\* INV-BUDGET-3: leases are given below the budget alone, and only reports take it past.
WithinHardInv ==
    /\ gave # "hard" /\ gave # "past"
    /\ level = "past" => overran \/ changed

\* INV-BUDGET-6: a page is opened once.
OpenedOnceInv == opened <= 1

\* INV-BUDGET-6: and nothing is counted on it before.
CountedOpenProp == [][opened = 0 => UNCHANGED <<level, overran>> /\ gave' = "nothing"]_vars

\* INV-BUDGET-7: a day that is over, or that the clock has not come to, is not given from.
DayForwardInv == when # "now" => gave = "nothing"

\* INV-BUDGET-15: a day that is over comes back by a reopening alone, and one to come is not reopened.
ReopenedProp ==
    [][/\ when = "over" /\ when' # "over" => reopened'
       /\ when = "ahead" /\ when' = "now" => ~reopened']_vars

\* INV-BUDGET-15: and whatever was counted on it stays counted.
KeptProp == [][when' # when => UNCHANGED counted /\ gave' = "nothing"]_vars

\* INV-BUDGET-15: and what is held again is not of a day that the clock has not come to.
HeldAgainProp == [][reopened' /\ Rank[level'] > Rank[level] => when' # "ahead"]_vars

\* INV-BUDGET-11: a usage counts as overrun only past the budget.
OverrunLastProp == [][overran' /\ ~overran => level' = "past"]_vars

\* Must FAIL: a page is reopened past its budget; one with overrun is given from again, after others
\* gave back.
NoDayReopenedDebugInv == ~(reopened /\ when = "now" /\ level = "past")
NoGiftAfterOverrunDebugInv == ~(overran /\ gave # "nothing")
=============================================================================

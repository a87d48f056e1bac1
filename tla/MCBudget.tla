------------------------------ MODULE MCBudget ------------------------------
(***************************************************************************)
(* Broken guards, effects and fairness of Budget. Each run of the manifest *)
(* swaps one in, and must make the property that it names fail.            *)
(***************************************************************************)
EXTENDS Budget, Limits

MutWallDay == WallDay                                       \* The day follows a clock that is set back.
MutFirstDay == IF day = 0 THEN WallDay ELSE day             \* The first day is never left.
MutNeverDue(l) == FALSE                                     \* No lease is ever swept.
MutDueEarly(l) == age[l] >= Ttl - 1                         \* Leases are swept a tick too early.
MutOpensAlways(d) == TRUE                                   \* Every request rolls over.
MutOpensNextOnly(d) == opened[d] = 0 /\ d <= day + 1        \* A day after an outage is not opened.
MutKeptAll(d, gone) == reserved[d]                          \* A swept lease stays reserved.
MutInUseSpent(d, gone) == within[d] + overrun[d]            \* A reserver does not see what others hold.
MutInUseWithin(d, gone) == within[d] + Kept(d, gone)        \* Overrun does not count as used.
MutSoftBeyond(used) == used * 100 > SoftPercent * Hard      \* Exactly at the soft limit is not soft.
MutHardBeyond(used) == used * 100 > HardPercent * Hard      \* Exactly at the hard limit is not hard.
MutFitAlone(used, a) == a <= Hard                          \* A request need only fit an empty budget.
MutAnyRoute(l, used, a) == MayFit(used, a) /\ ~HardReached(used)  \* Every route passes the soft limit.
MutRoomOfOthers(d, own) == Hard - (within[d] + overrun[d])  \* What others hold counts as free.
MutRoomOfOverrun(d, own) == Hard - (within[d] + reserved[d] - own)  \* Overrun counts as free.
MutWithinAll(d, own, u) == u                                \* Whatever is reported is within.
MutWithinOwn(d, own, u) == IF u <= own THEN u ELSE own      \* Past its own reservation all is overrun.
MutSettleAgain(l) == lease[l].phase # "free"                \* A lease is counted twice.
MutSettleHeld(l) == lease[l].phase = "held"                 \* A late settle is refused.
MutReleaseSettled(l) == lease[l].phase \in {"held", "settled"}
MutGivesNothing(l) == 0                                     \* A lease that ends stays reserved.
MutReopenAny(d) == d < day                                  \* Any earlier day is opened again.
MutReopenNever(d) == FALSE                                  \* A day in the future is never left.
MutReopenClears(counted, d) == [counted EXCEPT ![d] = 0]    \* A day that is opened again begins anew.
MutHoldNone(d) == {}                                        \* What a clock ahead took stays taken.
MutHoldNothing(l) == [lease[l] EXCEPT !.phase = "held", !.taken = 0]  \* It is open, and holds nothing.
MutHoldAll(d) == Running(d)                                 \* What fits no more holds again.
MutRunAll(d) == {l \in Lease : lease[l].phase = "expired" /\ lease[l].day <= d}  \* Also what has had its time.
MutForget(l) == [lease[l] EXCEPT !.phase = "free", !.amount = 0, !.day = 0]
MutToldAtHard(used) == HardReached(used)                    \* Only the hard limit is told of.

MutNoFair == TRUE                                           \* Nothing need ever happen.
=============================================================================

------------------------------- MODULE MCLedger -------------------------------
\* Models of Ledger, and its mutants: each .cfg swaps one in, and must make a named property fail.
EXTENDS Ledger

CONSTANTS p1, p2

MutToldFirst      == <<"tell", "commit", "head", "note">>
MutHeadFirst      == <<"head", "commit", "note", "tell">>
MutSignedFirst    == <<"note", "commit", "head", "tell">>
MutNoteBeforeHead == <<"commit", "note", "head", "tell">>
MutToldBeforeHead == <<"commit", "tell", "head", "note">>
MutNoLock         == TRUE
MutAnyLedger(p)   == TRUE
MutOpenAnything   == TRUE
MutStaleEdge(p)   == tree[p]
MutUnfair         == TRUE

MutOverwritten(p) == log' = <<tree[p][Len(tree[p])]>>

\* What a reader of a whole ledger sees: one history, of which it remembers the last entry.
Told(p) == pc[p] = "up" /\ told = log /\ log # <<>>

Forget(p) ==
    /\ Told(p)
    /\ Len(log) = MaxEntries
    /\ log' = <<1>> /\ head' = <<1>> /\ told' = <<1>> /\ made' = 1
    /\ notes' = {0, 1} /\ shown' = {<<>>, <<1>>}
    /\ tree' = [tree EXCEPT ![p] = <<1>>]
    /\ UNCHANGED <<pc, restored>>

LineNext == \E p \in Process : Ask(p) \/ Begin(p) \/ Work(p) \/ Forget(p)

SpecLine == Init /\ [][LineNext]_vars

===============================================================================

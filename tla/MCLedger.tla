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
MutAnySigned(row) == TRUE
MutAgain(at)      == TRUE
MutUnread         == (LastNote + 2)..Len(log)
MutBeforeTold(p)  == pc[p] \in {"commit", "up"}
MutAnother(p)     == CHOOSE other \in Question : other # about[open[p]]
MutAnswersOn(p)   == open[p]

\* Whoever opens the ledger takes up what another left open.
MutTakesUp(p) ==
    LET left == {request \in 1..made : of[request] = request /\ ~Held(request) /\ ~Answered(request)}
    IN  IF left = {} THEN 0 ELSE CHOOSE request \in left : TRUE

MutOverwritten(p) == log' = <<tree[p][Len(tree[p])]>>

\* What a reader of a whole ledger sees: one history, of which it remembers the last entry.
Told(p) == pc[p] = "up" /\ told = log /\ log # <<>>

Forget(p) ==
    /\ Told(p)
    /\ Len(log) = MaxEntries
    /\ \A n \in 1..made : of[n] = 0
    /\ log' = <<1>> /\ head' = <<1>> /\ told' = <<1>> /\ made' = 1
    /\ notes' = {0, 1} /\ shown' = {<<>>, <<1>>}
    /\ tree' = [tree EXCEPT ![p] = <<1>>]
    /\ of' = <<0>> /\ about' = <<0>>
    /\ UNCHANGED <<pc, meddled, open, asked>>

\* What a reader of a whole ledger sees of one request: nothing more, once it is answered.
Close(p) ==
    /\ Told(p)
    /\ \E request \in 1..made : Answered(request)
    /\ log' = <<>> /\ head' = <<>> /\ told' = <<>> /\ made' = 0
    /\ notes' = {0} /\ shown' = {<<>>}
    /\ tree' = [tree EXCEPT ![p] = <<>>]
    /\ of' = <<>> /\ about' = <<>> /\ asked' = {}
    /\ UNCHANGED <<pc, meddled, open>>

LineNext == \E p \in Process : Ask(p) \/ Judge(p) \/ Begin(p) \/ Work(p) \/ Forget(p) \/ Close(p)

SpecLine == Init /\ [][LineNext]_vars

===============================================================================

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

SpecNoAnswerFair == Safe /\ WorkFair
SpecNoWorkFair   == Safe /\ AnswerFair
===============================================================================

-------------------------------- MODULE Ledger --------------------------------
(***************************************************************************)
(* Processes that append to one ledger, and crash at every point between   *)
(* write, commit, head file, checkpoint and answer.                        *)
(*                                                                         *)
(* Mirrors engine/ledger: ledger.py and commit/group.py (the steps and     *)
(* their order), sqlite/store.py (what is durable when), open.py, and      *)
(* commit/signed_heads.py (the head file beside the key).                  *)
(*                                                                         *)
(* A tree is the sequence of its entries: two roots of one size differ     *)
(* exactly when the sequences do, because SHA-256 is assumed sound, and    *)
(* so are signatures. Left out: entry 0, threads that share one commit     *)
(* (group.py: a process here is whoever commits for them), a draft that    *)
(* cannot be built, decision ids that are there already, copying the log   *)
(* into the database.                                                      *)
(***************************************************************************)
EXTENDS Naturals, Sequences, FiniteSets

CONSTANTS Process,      \* Set of processes that write.
          MaxEntries,   \* Bound on appends that get as far as the transaction.
          MaxRestores   \* How often somebody puts back an older copy of the ledger.

ASSUME MaxEntries \in Nat \ {0} /\ MaxRestores \in Nat

VARIABLES log,       \* The entries that are durable, each by its number.
          notes,     \* The sizes of the checkpoints that are stored in the ledger.
          head,      \* The tree that the head file beside the key speaks of.
          shown,     \* Every tree that a checkpoint outside of a process was signed for.
          told,      \* The tree of the last answer: what is acknowledged is in it.
          pc,        \* pc[p]: what process p does next.
          tree,      \* tree[p]: what p has read, with what it is adding.
          made,      \* How many entries were begun: the next one's number is one more.
          restored   \* How many older copies were put back.

vars == <<log, notes, head, shown, told, pc, tree, made, restored>>

\* The order of the steps under the lock. Committed first; then signed, and kept beside the key
\* before anybody can read the checkpoint; then stored in the ledger; told last.
Order == <<"commit", "head", "note", "tell">>

Steps == {"commit", "head", "note", "tell"}

Trees == UNION {[1..n -> 1..MaxEntries] : n \in 0..MaxEntries}

TypeOK ==
    /\ log \in Trees
    /\ notes \subseteq 0..MaxEntries
    /\ head \in Trees
    /\ shown \subseteq Trees
    /\ told \in Trees
    /\ pc \in [Process -> {"down", "up", "opening", "waiting"} \cup Steps]
    /\ tree \in [Process -> Trees]
    /\ made \in 0..MaxEntries
    /\ restored \in 0..MaxRestores

Init ==
    /\ log = <<>>
    /\ notes = {0}
    /\ head = <<>>
    /\ shown = {<<>>}
    /\ told = <<>>
    /\ pc = [p \in Process |-> "up"]
    /\ tree = [p \in Process |-> <<>>]
    /\ made = 0
    /\ restored = 0

Begins(short, long) ==
    Len(short) <= Len(long) /\ SubSeq(long, 1, Len(short)) = short

Uncovered == \A size \in notes : size < Len(log)

At(p, step) == pc' = [pc EXCEPT ![p] = step]

Reads(p, entries) == tree' = [tree EXCEPT ![p] = entries]

Then(step) ==
    LET at == CHOOSE i \in DOMAIN Order : Order[i] = step
    IN  IF at = Len(Order) THEN "up" ELSE Order[at + 1]

\* The guards, each with a name of its own: a mutant .cfg replaces one of them.
\* engine: ledger.sqlite.locking.FileLock
MayLock == \A p \in Process : pc[p] \notin Steps

\* engine: ledger.ledger.Ledger._reload
MayAppend(p) == Begins(tree[p], log) /\ Begins(head, log)

\* engine: ledger.open._opened
MayOpen == Begins(head, log)

\* What a transaction builds on.
Base(p) == log

------------------------------------------------------------------------------

\* A process opens the ledger; it first covers what a stopped writer left without a checkpoint.
\* engine: ledger.open.open_ledger
Open(p) ==
    /\ pc[p] = "down"
    /\ MayOpen
    /\ At(p, IF Uncovered THEN "opening" ELSE "up")
    /\ UNCHANGED <<log, notes, head, shown, told, tree, made, restored>>

\* engine: ledger.ledger.Ledger.catch_up
CatchUp(p) ==
    /\ pc[p] = "opening"
    /\ MayLock
    /\ MayAppend(p)
    /\ At(p, IF Uncovered THEN Then("commit") ELSE "tell")
    /\ Reads(p, Base(p))
    /\ UNCHANGED <<log, notes, head, shown, told, made, restored>>

\* Somebody wants an entry recorded.
\* engine: ledger.ledger.Ledger.append
Ask(p) ==
    /\ pc[p] = "up"
    /\ made + Cardinality({q \in Process : pc[q] = "waiting"}) < MaxEntries
    /\ At(p, "waiting")
    /\ UNCHANGED <<log, notes, head, shown, told, tree, made, restored>>

\* The lock is taken, the transaction begun, what others appended taken in, the rows written.
\* engine: ledger.ledger.Ledger._plan
Begin(p) ==
    /\ pc[p] = "waiting"
    /\ MayLock
    /\ MayAppend(p)
    /\ At(p, Order[1])
    /\ Reads(p, Append(Base(p), made + 1))
    /\ made' = made + 1
    /\ UNCHANGED <<log, notes, head, shown, told, restored>>

\* The ledger is smaller or other than it was: nothing is appended (RollbackError).
\* engine: ledger.audit.history.require_prefix
Refuse(p) ==
    /\ pc[p] \in {"waiting", "opening"}
    /\ MayLock
    /\ ~MayAppend(p)
    /\ At(p, IF pc[p] = "waiting" THEN "up" ELSE "down")
    /\ UNCHANGED <<log, notes, head, shown, told, tree, made, restored>>

\* Another process held the lock for too long: nothing is appended (LedgerBusyError).
\* engine: ledger.sqlite.locking.FileLock.hold
Busy(p) ==
    /\ pc[p] \in {"waiting", "opening"}
    /\ ~MayLock
    /\ At(p, IF pc[p] = "waiting" THEN "up" ELSE "down")
    /\ UNCHANGED <<log, notes, head, shown, told, tree, made, restored>>

Rows(p) == log' = Append(log, tree[p][Len(tree[p])])

\* The rows are durable: SQLite has synced its log.
\* engine: ledger.sqlite.store.SqliteStore.commit
Commit(p) ==
    /\ pc[p] = "commit"
    /\ Rows(p)
    /\ At(p, Then("commit"))
    /\ UNCHANGED <<notes, head, shown, told, tree, made, restored>>

\* The checkpoint is signed, and kept beside the key.
\* engine: ledger.commit.signed_heads.Heads.keep
KeepHead(p) ==
    /\ pc[p] = "head"
    /\ head' = tree[p]
    /\ shown' = shown \cup {tree[p]}
    /\ At(p, Then("head"))
    /\ UNCHANGED <<log, notes, told, tree, made, restored>>

\* The checkpoint is stored in the ledger, where readers see it.
\* engine: ledger.sqlite.store.SqliteStore.keep_checkpoint
KeepNote(p) ==
    /\ pc[p] = "note"
    /\ notes' = notes \cup {Len(tree[p])}
    /\ shown' = shown \cup {tree[p]}
    /\ At(p, Then("note"))
    /\ UNCHANGED <<log, head, told, tree, made, restored>>

\* The lock is given up, and the answer carries the checkpoint.
\* engine: ledger.commit.group.Unit.result
Tell(p) ==
    /\ pc[p] = "tell"
    /\ told' = tree[p]
    /\ At(p, Then("tell"))
    /\ UNCHANGED <<log, notes, head, shown, tree, made, restored>>

Stop(p) == At(p, "down") /\ Reads(p, <<>>)

\* The disk failed: the process appends no more until it opens the ledger again (CommitError).
\* A commit that failed may have taken effect all the same.
\* engine: ledger.ledger.Ledger._record
Fail(p) ==
    /\ pc[p] \in {"commit", "head", "note"}
    /\ \/ UNCHANGED log
       \/ pc[p] = "commit" /\ Rows(p)
    /\ Stop(p)
    /\ UNCHANGED <<notes, head, shown, told, made, restored>>

\* A process dies; the kernel gives its lock up, SQLite forgets its transaction.
Crash(p) ==
    /\ pc[p] # "down"
    /\ Stop(p)
    /\ UNCHANGED <<log, notes, head, shown, told, made, restored>>

\* Somebody puts back an older copy of the ledger. Assumed: not in the middle of a transaction.
Restore ==
    /\ restored < MaxRestores
    /\ MayLock
    /\ \E size \in 0..(Len(log) - 1) :
          /\ log' = SubSeq(log, 1, size)
          /\ notes' = notes \cap (0..size)
    /\ restored' = restored + 1
    /\ UNCHANGED <<head, shown, told, pc, tree, made>>

Answer(p) == Begin(p) \/ CatchUp(p) \/ Refuse(p) \/ Busy(p)

Work(p) == Commit(p) \/ KeepHead(p) \/ KeepNote(p) \/ Tell(p)

Next ==
    \/ Restore
    \/ \E p \in Process : Open(p) \/ Ask(p) \/ Answer(p) \/ Work(p) \/ Fail(p) \/ Crash(p)

Safe == Init /\ [][Next]_vars

\* Who waits for the lock gets it or gives up: engine/ledger/sqlite/locking.py counts its pauses.
AnswerFair == \A p \in Process : WF_vars(Answer(p))

\* A process that runs takes its next step; nobody promises that one is started or asked.
WorkFair == \A p \in Process : WF_vars(Work(p))

Spec == Safe /\ AnswerFair /\ WorkFair

------------------------------------------------------------------------------

\* INV-LEDGER-1: what was told is durable, unless the head shows that it was taken away.
ToldIsDurableInv == Begins(head, log) => Begins(told, log)

\* INV-LEDGER-1: whatever was told is remembered beside the key.
ToldIsRememberedInv == Begins(told, head)

\* INV-LEDGER-3: as long as nobody puts back an older copy, the ledger fits its head.
HeadFitsInv == restored = 0 => Begins(head, log)

\* INV-LEDGER-3: what is appended to a ledger that does not continue its head, is nothing.
BackwardsIsLeftAloneProp == [][Len(log') > Len(log) => Begins(head, log)]_vars

\* INV-LEDGER-3: a ledger that does not continue its head is not opened.
BackwardsIsNotOpenedProp ==
    [][(\E p \in Process : pc[p] = "down" /\ pc'[p] # "down") => Begins(head, log)]_vars

\* INV-LEDGER-3: a ledger only grows, whatever its writers do.
AppendOnlyProp == [][restored' = restored => Begins(log, log')]_vars

\* INV-LEDGER-4: there are never two roots for one size, also across restored copies.
OneRootPerSizeInv == \A a, b \in shown : Len(a) = Len(b) => a = b

\* INV-LEDGER-4: all checkpoints that anybody can have seen are of one history.
OneHistoryInv == \A a, b \in shown : Begins(a, b) \/ Begins(b, a)

\* INV-LEDGER-6: a checkpoint covers only what is durable.
SignedIsDurableProp == [][\A t \in shown' \ shown : Begins(t, log)]_vars

\* LIVE-LEDGER-1: a waiting append is acknowledged or refused, or its process is gone.
WaitingIsAnsweredProp ==
    \A p \in Process : pc[p] \in {"waiting", "opening"} ~> pc[p] \in {"up", "down"}


\* Must FAIL: what a stopped writer left without a checkpoint gets one.
CaughtUpDebugInv == \A p \in Process : ~(pc[p] = "opening" /\ MayLock /\ restored = 0)

\* Must FAIL: a restored copy is refused while a process waits.
RefusedDebugInv == \A p \in Process : ~(pc[p] = "waiting" /\ ~Begins(head, log))
===============================================================================

-------------------------------- MODULE Ledger --------------------------------
(***************************************************************************)
(* Processes that append to one ledger, and crash at every point between   *)
(* write, commit, head file, checkpoint and answer; a host who has no key  *)
(* and edits the rows behind the last checkpoint; and decisions that are   *)
(* recorded as requested before their gate is asked.                       *)
(*                                                                         *)
(* Mirrors engine/ledger: ledger.py and commit/group.py (the steps and     *)
(* their order), sqlite/store.py (what is durable when), open.py,          *)
(* commit/signed_heads.py (the head file beside the key), audit/tail.py    *)
(* (what is verified before it is signed over), and decision/session.py    *)
(* (request, gate, answer).                                                *)
(*                                                                         *)
(* A tree is the sequence of its entries: two roots of one size differ     *)
(* exactly when the sequences do, because SHA-256 is assumed sound, and    *)
(* so are signatures. Left out: entry 0, threads that share one commit     *)
(* (group.py: a process here is whoever commits for them), a draft that    *)
(* cannot be built, decision ids that are there already, copying the log   *)
(* into the database. What a host edits that a checkpoint covers already   *)
(* is a ledger that does not continue its head, as a restored copy is.     *)
(***************************************************************************)
EXTENDS Naturals, Sequences, FiniteSets

CONSTANTS Process,      \* Set of processes that write.
          MaxEntries,   \* Bound on appends that get as far as the transaction.
          MaxRestores,  \* How often somebody puts back an older copy of the ledger.
          MaxEdits,     \* How often the host edits a row that no checkpoint covers.
          Question      \* What decisions are requested about: gate, profile, stage and subject,
                        \* by numbers. Empty: the profile asks for no requests.

ASSUME
    /\ MaxEntries \in Nat \ {0}
    /\ MaxRestores \in Nat
    /\ MaxEdits \in Nat
    /\ Question \subseteq Nat \ {0}

VARIABLES log,       \* The entries that are durable, each by its number.
          notes,     \* The sizes of the checkpoints that are stored in the ledger.
          head,      \* The tree that the head file beside the key speaks of.
          shown,     \* Every tree that a checkpoint outside of a process was signed for.
          told,      \* The tree of the last answer: what is acknowledged is in it.
          pc,        \* pc[p]: what process p does next.
          tree,      \* tree[p]: what p has read, with what it is adding.
          made,      \* How many entries were begun: the next one's number is one more.
          restored,  \* How many older copies were put back.
          edited,    \* How many edits the host made.
          of,        \* of[n]: the request that entry n is, or answers; 0 for other entries.
          about,     \* about[n]: what entry n requests or decides; 0 for other entries.
          open,      \* open[p]: the request of p that it has not begun to answer; 0 for none.
          asked      \* The requests whose gate was asked.

meddled == <<restored, edited>>

requests == <<of, about, open, asked>>

vars == <<log, notes, head, shown, told, pc, tree, made, meddled, requests>>

\* The order of the steps under the lock. Committed first; then signed, and kept beside the key
\* before anybody can read the checkpoint; then stored in the ledger; told last.
Order == <<"commit", "head", "note", "tell">>

Steps == {"commit", "head", "note", "tell"}

\* A row that the key of this ledger did not sign, or of another ledger: to a checkpoint the same.
Forged == 0

MaxRows == MaxEntries + MaxEdits

Trees == UNION {[1..n -> Forged..MaxEntries] : n \in 0..MaxRows}

Begun(values) == UNION {[1..n -> values] : n \in 0..MaxEntries}

TypeOK ==
    /\ log \in Trees
    /\ notes \subseteq 0..MaxRows
    /\ head \in Trees
    /\ shown \subseteq Trees
    /\ told \in Trees
    /\ pc \in [Process -> {"down", "up", "opening", "waiting"} \cup Steps]
    /\ tree \in [Process -> Trees]
    /\ made \in 0..MaxEntries
    /\ restored \in 0..MaxRestores
    /\ edited \in 0..MaxEdits
    /\ of \in Begun(0..MaxEntries)
    /\ about \in Begun({0} \cup Question)
    /\ open \in [Process -> 0..MaxEntries]
    /\ asked \subseteq 1..MaxEntries

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
    /\ edited = 0
    /\ of = <<>>
    /\ about = <<>>
    /\ open = [p \in Process |-> 0]
    /\ asked = {}

Begins(short, long) ==
    Len(short) <= Len(long) /\ SubSeq(long, 1, Len(short)) = short

Uncovered == \A size \in notes : size < Len(log)

LastNote == CHOOSE size \in notes : \A other \in notes : other <= size

\* Entries that are to come: what waits, and answers to open requests.
Due == Cardinality({p \in Process : pc[p] = "waiting" \/ open[p] # 0})

\* The rows that no stored checkpoint covers.
Behind == (LastNote + 1)..Len(log)

Held(request) == \E p \in Process : open[p] = request

Replies(n) == n # Forged /\ of[n] \notin {0, n}

Answered(request) == \E n \in 1..made : Replies(n) /\ of[n] = request

\* What is not answered now is not answered by this process.
GivesUp(p) == open' = [open EXCEPT ![p] = 0]

At(p, step) == pc' = [pc EXCEPT ![p] = step]

Reads(p, entries) == tree' = [tree EXCEPT ![p] = entries]

Then(step) ==
    LET at == CHOOSE i \in DOMAIN Order : Order[i] = step
    IN  IF at = Len(Order) THEN "up" ELSE Order[at + 1]

\* The guards, each with a name of its own: a mutant .cfg replaces one of them.
\* engine: system.locking.FileLock
MayLock == \A p \in Process : pc[p] \notin Steps

\* engine: ledger.ledger.Ledger._reload
MayAppend(p) == Begins(tree[p], log) /\ Begins(head, log)

\* The envelope of a row is of the key that is to sign over it, and its statement of this ledger.
\* engine: ledger.audit.tail.require_signable, ledger.audit.walk.audit_part
IsSigned(row) == row # Forged

\* The row in a place is there once only, by its bytes and by its id.
\* engine: ledger.audit.tail.require_signable, ledger.audit.across_parts.require_across
IsNew(at) == \A before \in 1..(at - 1) : log[before] # log[at]

\* What is verified before it is signed over.
Read == Behind

Genuine == \A at \in Read : IsSigned(log[at]) /\ IsNew(at)

Fits(p) == MayAppend(p) /\ Genuine

\* engine: ledger.open._opened
MayOpen == Begins(head, log)

\* What a transaction builds on.
Base(p) == log

\* The gate is asked only of who was told that the request is durable.
\* engine: decision.session.Session.judge
MayJudge(p) == pc[p] = "up"

\* What the answer to a request is about: what was requested.
\* engine: decision.session.Session.judge, decision.request.require_same_input
AfterRequest(p) == about[open[p]]

\* A request that was answered is nobody's any more.
\* engine: ledger.natural_keys.natural_key
AfterAnswer(p) == 0

\* Who opens the ledger answers nothing that was requested before: the evidence is gone.
\* engine: ledger.open.open_ledger
AfterOpen(p) == 0

------------------------------------------------------------------------------

\* A process opens the ledger; it first covers what a stopped writer left without a checkpoint.
\* engine: ledger.open.open_ledger
Open(p) ==
    /\ pc[p] = "down"
    /\ MayOpen
    /\ At(p, IF Uncovered THEN "opening" ELSE "up")
    /\ open' = [open EXCEPT ![p] = AfterOpen(p)]
    /\ UNCHANGED <<log, notes, head, shown, told, tree, made, meddled, of, about, asked>>

\* engine: ledger.ledger.Ledger.catch_up
CatchUp(p) ==
    /\ pc[p] = "opening"
    /\ MayLock
    /\ Fits(p)
    /\ At(p, IF Uncovered THEN Then("commit") ELSE "tell")
    /\ Reads(p, Base(p))
    /\ UNCHANGED <<log, notes, head, shown, told, made, meddled, requests>>

\* Somebody wants an entry recorded: a request, or one that answers none.
\* engine: ledger.ledger.Ledger.append, decision.session.Session.request
Ask(p) ==
    /\ pc[p] = "up"
    /\ open[p] = 0
    /\ made + Due < MaxEntries
    /\ At(p, "waiting")
    /\ UNCHANGED <<log, notes, head, shown, told, tree, made, meddled, requests>>

\* The request is durable: the gate is asked, and its answer, or its failure, is to be recorded.
\* engine: decision.session.Session.judge, decision.session.Session.answering
Judge(p) ==
    /\ open[p] # 0
    /\ MayJudge(p)
    /\ At(p, "waiting")
    /\ asked' = asked \cup {open[p]}
    /\ UNCHANGED <<log, notes, head, shown, told, tree, made, meddled, of, about, open>>

\* What the next entry is: of the answer the request, else a request for itself or none.
Says(p) ==
    IF open[p] # 0
    THEN /\ of' = Append(of, open[p])
         /\ about' = Append(about, AfterRequest(p))
         /\ open' = [open EXCEPT ![p] = AfterAnswer(p)]
    ELSE \E what \in {0} \cup (IF made + Due < MaxEntries THEN Question ELSE {}) :
         /\ of' = Append(of, IF what = 0 THEN 0 ELSE made + 1)
         /\ about' = Append(about, what)
         /\ open' = [open EXCEPT ![p] = IF what = 0 THEN 0 ELSE made + 1]

\* The lock is taken, the transaction begun, what others appended taken in, the rows written.
\* engine: ledger.ledger.Ledger._plan
Begin(p) ==
    /\ pc[p] = "waiting"
    /\ MayLock
    /\ Fits(p)
    /\ At(p, Order[1])
    /\ Reads(p, Append(Base(p), made + 1))
    /\ made' = made + 1
    /\ Says(p)
    /\ UNCHANGED <<log, notes, head, shown, told, meddled, asked>>

\* The ledger is smaller or other than it was (RollbackError), or holds behind its last checkpoint
\* what is not genuine (VerificationError): nothing is appended, nothing signed.
\* engine: ledger.audit.history.require_prefix, ledger.audit.tail.require_signable
Refuse(p) ==
    /\ pc[p] \in {"waiting", "opening"}
    /\ MayLock
    /\ ~Fits(p)
    /\ At(p, IF pc[p] = "waiting" THEN "up" ELSE "down")
    /\ GivesUp(p)
    /\ UNCHANGED <<log, notes, head, shown, told, tree, made, meddled, of, about, asked>>

\* Another process held the lock for too long: nothing is appended (LedgerBusyError).
\* engine: system.locking.FileLock.hold
Busy(p) ==
    /\ pc[p] \in {"waiting", "opening"}
    /\ ~MayLock
    /\ At(p, IF pc[p] = "waiting" THEN "up" ELSE "down")
    /\ GivesUp(p)
    /\ UNCHANGED <<log, notes, head, shown, told, tree, made, meddled, of, about, asked>>

Rows(p) == log' = Append(log, tree[p][Len(tree[p])])

\* The rows are durable: SQLite has synced its log.
\* engine: ledger.sqlite.store.SqliteStore.commit
Commit(p) ==
    /\ pc[p] = "commit"
    /\ Rows(p)
    /\ At(p, Then("commit"))
    /\ UNCHANGED <<notes, head, shown, told, tree, made, meddled, requests>>

\* The checkpoint is signed, and kept beside the key.
\* engine: ledger.commit.signed_heads.Heads.keep
KeepHead(p) ==
    /\ pc[p] = "head"
    /\ head' = tree[p]
    /\ shown' = shown \cup {tree[p]}
    /\ At(p, Then("head"))
    /\ UNCHANGED <<log, notes, told, tree, made, meddled, requests>>

\* The checkpoint is stored in the ledger, where readers see it.
\* engine: ledger.sqlite.store.SqliteStore.keep_checkpoint
KeepNote(p) ==
    /\ pc[p] = "note"
    /\ notes' = notes \cup {Len(tree[p])}
    /\ shown' = shown \cup {tree[p]}
    /\ At(p, Then("note"))
    /\ UNCHANGED <<log, head, told, tree, made, meddled, requests>>

\* The lock is given up, and the answer carries the checkpoint.
\* engine: ledger.commit.group.Unit.result
Tell(p) ==
    /\ pc[p] = "tell"
    /\ told' = tree[p]
    /\ At(p, Then("tell"))
    /\ UNCHANGED <<log, notes, head, shown, tree, made, meddled, requests>>

Stop(p) == At(p, "down") /\ Reads(p, <<>>) /\ GivesUp(p)

\* The disk failed: the process appends no more until it opens the ledger again (CommitError).
\* A commit that failed may have taken effect all the same.
\* engine: ledger.ledger.Ledger._record
Fail(p) ==
    /\ pc[p] \in {"commit", "head", "note"}
    /\ \/ UNCHANGED log
       \/ pc[p] = "commit" /\ Rows(p)
    /\ Stop(p)
    /\ UNCHANGED <<notes, head, shown, told, made, meddled, of, about, asked>>

\* A process dies; the kernel gives its lock up, SQLite forgets its transaction.
Crash(p) ==
    /\ pc[p] # "down"
    /\ Stop(p)
    /\ UNCHANGED <<log, notes, head, shown, told, made, meddled, of, about, asked>>

\* Somebody puts back an older copy of the ledger. Assumed: not in the middle of a transaction.
Restore ==
    /\ restored < MaxRestores
    /\ MayLock
    /\ \E size \in 0..(Len(log) - 1) :
          /\ log' = SubSeq(log, 1, size)
          /\ notes' = notes \cap (0..size)
    /\ restored' = restored + 1
    /\ UNCHANGED <<head, shown, told, pc, tree, made, edited, requests>>

\* The host writes to the file, and has no key. Assumed: not in the middle of a transaction, and
\* behind the last checkpoint alone; before that, it is a ledger that does not continue its head.
Edit(entries) ==
    /\ edited < MaxEdits
    /\ MayLock
    /\ log' = entries
    /\ edited' = edited + 1
    /\ UNCHANGED <<notes, head, shown, told, pc, tree, made, restored, requests>>

Before(at) == SubSeq(log, 1, at - 1)

From(at) == SubSeq(log, at, Len(log))

Places == (LastNote + 1)..(Len(log) + 1)

Insert == \E at \in Places : Edit(Before(at) \o <<Forged>> \o From(at))

Change == \E at \in Behind : log[at] # Forged /\ Edit([log EXCEPT ![at] = Forged])

Copy ==
    \E at \in Places, from \in DOMAIN log : Edit(Before(at) \o <<log[from]>> \o From(at))

Remove == \E at \in Behind : Edit(Before(at) \o From(at + 1))

Host == Insert \/ Change \/ Copy \/ Remove

Answer(p) == Judge(p) \/ Begin(p) \/ CatchUp(p) \/ Refuse(p) \/ Busy(p)

Work(p) == Commit(p) \/ KeepHead(p) \/ KeepNote(p) \/ Tell(p)

Next ==
    \/ Restore
    \/ Host
    \/ \E p \in Process : Open(p) \/ Ask(p) \/ Answer(p) \/ Work(p) \/ Fail(p) \/ Crash(p)

Safe == Init /\ [][Next]_vars

\* Who was told that its request is durable asks the gate: engine/decision/session.py.
\* Who waits for the lock gets it or gives up: engine/system/locking.py counts its pauses.
AnswerFair == \A p \in Process : WF_vars(Answer(p))

\* A process that runs takes its next step; nobody promises that one is started or asked.
WorkFair == \A p \in Process : WF_vars(Work(p))

Spec == Safe /\ AnswerFair /\ WorkFair

------------------------------------------------------------------------------

\* INV-LEDGER-1: what was told is durable, unless the head shows that it was taken away.
ToldIsDurableInv == Begins(head, log) => Begins(told, log)

\* INV-LEDGER-1: whatever was told is remembered beside the key.
ToldIsRememberedInv == Begins(told, head)

\* INV-LEDGER-3: as long as nobody else writes to it, the ledger fits its head.
HeadFitsInv == restored + edited = 0 => Begins(head, log)

\* INV-LEDGER-3: what is appended to a ledger that does not continue its head, is nothing.
BackwardsIsLeftAloneProp == [][Len(log') > Len(log) /\ edited' = edited => Begins(head, log)]_vars

\* INV-LEDGER-3: a ledger that does not continue its head is not opened.
BackwardsIsNotOpenedProp ==
    [][(\E p \in Process : pc[p] = "down" /\ pc'[p] # "down") => Begins(head, log)]_vars

\* INV-LEDGER-3: a ledger only grows, whatever its writers do.
AppendOnlyProp == [][meddled' = meddled => Begins(log, log')]_vars

\* INV-LEDGER-4: there are never two roots for one size, also across restored copies.
OneRootPerSizeInv == \A a, b \in shown : Len(a) = Len(b) => a = b

\* INV-LEDGER-4: all checkpoints that anybody can have seen are of one history.
OneHistoryInv == \A a, b \in shown : Begins(a, b) \/ Begins(b, a)

\* INV-LEDGER-6: a checkpoint covers only what is durable.
SignedIsDurableProp == [][\A t \in shown' \ shown : Begins(t, log)]_vars

\* INV-LEDGER-6: no checkpoint covers what the key did not sign, whatever the host puts there.
OnlySignedIsCoveredInv == \A t \in shown : \A i \in DOMAIN t : t[i] # Forged

\* INV-LEDGER-6: nor what it signed once, and the host put there again.
CoveredOnceInv == \A t \in shown : \A i, j \in DOMAIN t : t[i] = t[j] => i = j

\* INV-LEDGER-6: to a ledger that holds what is not genuine, nothing is appended.
ForgedIsLeftAloneProp ==
    [][Len(log') > Len(log) /\ edited' = edited => \A i \in DOMAIN log : log[i] # Forged]_vars

\* INV-LEDGER-7: a gate is asked only once its request is durable, and signed over.
AskedIsRequestedInv == \A request \in asked : \E t \in shown : \E i \in DOMAIN t : t[i] = request

\* INV-LEDGER-7: an answer stands behind its request, and is to what was requested.
AnsweredAsRequestedInv ==
    \A i \in DOMAIN log :
        Replies(log[i]) =>
            \E j \in 1..(i - 1) :
                /\ log[j] = of[log[i]]
                /\ about[log[j]] = about[log[i]]

\* INV-LEDGER-7: there is at most one answer to a request.
AnsweredOnceInv ==
    \A i, j \in DOMAIN log :
        Replies(log[i]) /\ Replies(log[j]) /\ of[log[i]] = of[log[j]] => log[i] = log[j]

\* INV-LEDGER-7: what a crash between the two commits leaves is an open request: nothing answers it.
LeftOpenProp ==
    [][\A request \in 1..made :
        of[request] = request /\ ~Held(request) =>
            ~Held(request)' /\ (Answered(request)' => Answered(request))]_vars

\* LIVE-LEDGER-2: a requested decision is answered, or its process gives up or is gone.
RequestedIsAnsweredProp == \A p \in Process : open[p] # 0 ~> open[p] = 0

\* LIVE-LEDGER-1: a waiting append is acknowledged or refused, or its process is gone.
WaitingIsAnsweredProp ==
    \A p \in Process : pc[p] \in {"waiting", "opening"} ~> pc[p] \in {"up", "down"}


\* Must FAIL: what a stopped writer left without a checkpoint gets one.
CaughtUpDebugInv == \A p \in Process : ~(pc[p] = "opening" /\ MayLock /\ restored = 0)

\* Must FAIL: a restored copy is refused while a process waits.
RefusedDebugInv == \A p \in Process : ~(pc[p] = "waiting" /\ ~Begins(head, log))

\* Must FAIL: what the host put there is refused while a process waits.
ForgedDebugInv == \A p \in Process : ~(pc[p] = "waiting" /\ MayAppend(p) /\ ~Genuine)

\* Must FAIL: a crash between the two commits leaves a request that nobody will answer.
LeftOpenDebugInv == \A request \in asked : Held(request) \/ Answered(request)
===============================================================================

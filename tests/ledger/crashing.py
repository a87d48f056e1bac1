"""Processes that write one ledger and die anywhere, one step at a time, as a test orders.

The real :func:`open_ledger` and the real :class:`Ledger` run, each process in a thread
that stops before every step that leaves something behind: taking the lock, the commit, the head
file, the checkpoint, giving up the lock. There the test lets it go on, lets the disk fail, or
kills it. Whatever a dead process still calls does nothing: of it only remains what was durable.
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from engine.errors import (
    CommitError,
    GovernanceError,
    LedgerBusyError,
    LedgerError,
    RollbackError,
    VerificationError,
)
from engine.ledger import AppendedEntry, LedgerPosition, open_ledger
from engine.ledger import open as stores
from engine.ledger.commit.batch import Edge
from engine.ledger.commit.signed_heads import Head, HeadPlaces, Heads
from engine.ledger.ledger import Ledger
from engine.ledger.store import EntryRow, EventRow, Reader, Rows, Store, node_count, node_position
from engine.model import Signer
from engine.proof.checkpoint import Checkpoint, parse
from engine.proof.merkle import chain_hash, leaf_hash, node_hash
from engine.specs.conform.graph import key
from tests.ledger.memory_store import MemoryReader
from tests.ledger.scribe import CREATED_AT, KEY, event
from tests.ledger.scribe import key as key_of

NAMES = ("p1", "p2")
NOWHERE = LedgerPosition("", 1, None)
FORGED = event("what the host wrote", signer=key_of("somebody else")).build(NOWHERE)
"""A row that the ledger's key did not sign."""
FAILS = {"commit": ("Fail", "Fail, and yet it is there"), "head": ("Fail",), "note": ("Fail",)}
"""How the disk can fail at each point."""


EDITS = ("Insert", "Change", "Copy", "Remove")
"""What a host does to a row behind the last checkpoint."""


class Killed(BaseException):
    """The process is dead."""


class Disk:
    """What outlives a process: the committed rows and checkpoints, and the folder of heads."""

    def __init__(self, folder: Path) -> None:
        self.committed = MemoryReader("")
        self.heads = Heads(folder)
        self.holder: Process | None = None
        self.made: dict[bytes, int] = {FORGED: 0}
        self.trees: dict[tuple[int, bytes], tuple[int, ...]] = {}

    def remember(self, bodies: Sequence[bytes]) -> tuple[int, ...]:
        """Name a history, so that its root is recognized; entry 0 has no number."""
        tree = tuple(self.made[body] for body in bodies[1:])
        self.trees[len(bodies), _root(bodies)] = tree
        return tree

    def bodies(self) -> list[bytes]:
        """The rows there are now, with entry 0."""
        return [row.body for row in self.committed.rows.entries]

    def tree(self, size: int, root: bytes) -> tuple[int, ...]:
        """The history that a root is of."""
        return self.trees.get((size, root), (-size,))

    def log(self) -> tuple[int, ...]:
        return self.remember(self.bodies())


def _root(bodies: Sequence[bytes]) -> bytes:
    """RFC 6962 section 2.1, as it is written there."""
    if len(bodies) == 1:
        return leaf_hash(bodies[0])
    half = 1 << (len(bodies) - 1).bit_length() - 1
    return node_hash(_root(bodies[:half]), _root(bodies[half:]))


class Process:
    """One process: at most one thread that works, and stops at every point.

    Attributes:
        at: ``down``, ``up``, or the point where it stopped.
        ledger: Its ledger, from the moment it is made.
        answer: What its last append or opening came to.
        opening: Whether it works on opening the ledger.
    """

    def __init__(self, name: str, disk: Disk) -> None:
        self.name = name
        self.disk = disk
        self.at = "down"
        self.dead = False
        self.ledger: Ledger | None = None
        self.pending = Rows()
        self.answer: object = None
        self.opening = False
        self._order = ""
        self._ordered = threading.Semaphore(0)
        self._stopped = threading.Semaphore(0)
        self._thread: threading.Thread | None = None

    def start(self, work: Callable[[], object]) -> None:
        """Begin ``work`` and return when it has stopped or ended."""

        def run() -> None:
            try:
                self.answer = work()
                self.at = "up"
            except Killed:
                self.at = "down"
            except GovernanceError as error:
                self.answer, self.at = error, "failed"
            finally:
                self._stopped.release()

        self._thread = threading.Thread(target=run, daemon=True)
        self._thread.start()
        self._stopped.acquire()

    def stop(self, point: str) -> str:
        """Called by the working thread: say where it is, and wait for an order."""
        if self.dead:
            raise Killed
        self.at = point
        self._stopped.release()
        self._ordered.acquire()
        if self._order == "Crash":
            self.dead = True
            raise Killed
        return self._order

    def order(self, order: str) -> None:
        """Let the thread go on from where it stopped, up to the next point or the end."""
        assert self._thread is not None
        self._order = order
        self._ordered.release()
        self._stopped.acquire()
        if self.at in ("up", "down", "failed"):
            self._thread.join()

    def drop(self) -> None:
        """Lose everything that is not durable."""
        if self.at not in ("up", "down", "failed"):
            self.order("Crash")
        if self.disk.holder is self:
            self.disk.holder = None  # the kernel gives up the lock of a process that died
        self.at, self.dead, self.ledger, self.pending = "down", False, None, Rows()


class CrashingStore:
    """Implements :class:`engine.ledger.store.Store` for one process, over the shared disk."""

    url = "crashing:"

    def __init__(self, process: Process) -> None:
        self._process = process
        self._disk = process.disk

    def address(self, base: Path) -> str:
        return f"{base.name}/disk"

    def files(self) -> tuple[Path, ...]:
        return ()

    def exists(self) -> bool:
        return self.connect()

    def require_creatable(self) -> None:
        """There is always room."""

    def connect(self) -> bool:
        return bool(self._disk.committed.rows.entries)

    def reader(self) -> Reader:
        return _Latest(self._disk)

    def reopener(self) -> None:
        return None

    @contextmanager
    def exclusive(self) -> Iterator[None]:
        self._process.stop("lock")
        if self._disk.holder is not None:
            raise LedgerBusyError("another process has held the ledger's lock for too long")
        self._disk.holder = self._process
        try:
            yield
            self._process.stop("tell")
        finally:
            if self._disk.holder is self._process:
                self._disk.holder = None

    def create(self, ledger_id: str) -> None:
        self._disk.committed = MemoryReader(ledger_id)

    def begin(self) -> Reader:
        return self._disk.committed

    def add(self, rows: Rows) -> None:
        self._process.pending = rows
        if len(self._disk.committed.rows.entries) == 0:
            return
        for row in rows.entries:
            self._disk.made.setdefault(row.body, len(self._disk.made))
        before = self._disk.committed.rows.entries[: rows.entries[0].leaf_index]
        self._disk.remember([row.body for row in [*before, *rows.entries]])

    def commit(self) -> None:
        rows = self._process.pending
        order = self._process.stop("commit") if rows.entries[0].leaf_index else "go"
        self._process.pending = Rows()
        if order == "Fail":
            raise LedgerError("the disk failed")
        there = self._disk.committed.rows
        for row in rows.entries:
            if row.leaf_index != len(there.entries):
                raise LedgerError("an entry out of order")  # as the table's trigger says
            there.entries.append(row)
        there.nodes += rows.nodes
        there.decisions += rows.decisions
        there.events += rows.events
        if order != "go":
            raise LedgerError("the disk failed")

    def rollback(self) -> None:
        self._process.pending = Rows()

    def keep_checkpoint(self, size: int, note: str) -> None:
        if size > 1 and self._process.stop("note") == "Fail":
            raise LedgerError("the disk is full")
        assert size not in self._disk.committed.notes, "two checkpoints of one size"
        self._disk.committed.notes[size] = note

    def tidy(self) -> None:
        """Nothing to do."""

    def close(self) -> None:
        """Nothing to do."""


class _Latest:
    """A reader of whatever is committed now."""

    def __init__(self, disk: Disk) -> None:
        self._disk = disk

    def __getattr__(self, name: str) -> Any:
        return getattr(self._disk.committed, name)


class _Heads(Heads):
    """The real head files, of a process that may die before it writes one."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._process: Process = _RUNNING.process

    def keep(self, ledger_id: str, address: str, note: str, checkpoint: Checkpoint) -> Head:
        if checkpoint.size > 1 and self._process.stop("head") == "Fail":
            raise OSError(28, "No space left on device")
        return super().keep(ledger_id, address, note, checkpoint)


class _Ledger(Ledger):
    """The real ledger, which its process knows from the moment it is made."""

    def __init__(
        self, store: Store, ledger_id: str, signer: Signer | None, heads: HeadPlaces | None
    ) -> None:
        super().__init__(store, ledger_id, signer, heads)
        _RUNNING.process.ledger = self


_RUNNING = threading.local()


@contextmanager
def processes_may_die() -> Iterator[None]:
    """Inside, :func:`open_ledger` works for the process whose thread calls it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(
            stores.STORES, "crashing", lambda _url, _writable, _s: CrashingStore(_RUNNING.process)
        )
        patch.setattr(stores, "Heads", _Heads)
        patch.setattr(os, "fsync", lambda _file: None)  # processes die here, never the machine
        patch.setattr(stores, "Ledger", _Ledger)
        yield


class World:
    """The variables of ``tla/Ledger.tla``, read off real processes, and what can happen next.

    Args:
        folder: For the head files; empty.
        entries: ``MaxEntries``.
        restores: ``MaxRestores``.
        edits: ``MaxEdits``.
    """

    def __init__(
        self,
        folder: Path,
        names: Sequence[str] = NAMES,
        *,
        entries: int = 2,
        restores: int = 1,
        edits: int = 0,
    ) -> None:
        self.disk = Disk(folder)
        self.processes = {name: Process(name, self.disk) for name in names}
        self._entries, self._restores, self._edits = entries, restores, edits
        self._appends = self._restored = self._edited = 0
        self._acknowledged: tuple[int, ...] = ()
        self._notes: dict[str, tuple[int, ...]] = {}
        for process in self.processes.values():
            self._open(process)
            while process.at != "up":
                process.order("go")
        self._shown: set[tuple[int, ...]] = {()}

    def close(self) -> None:
        """End every thread."""
        for process in self.processes.values():
            process.drop()

    def state(self) -> dict[str, Any]:
        """The state as the spec has it."""
        log, head = self.disk.log(), self._head()
        self._shown.add(head)
        self._shown |= {self._of_note(note) for note in self.disk.committed.notes.values()}
        return {
            "log": list(log),
            "notes": sorted(size - 1 for size in self.disk.committed.notes),
            "head": list(head),
            "shown": sorted(map(list, self._shown), key=key),
            "told": list(self._acknowledged),
            "pc": {name: self._pc(process) for name, process in self.processes.items()},
            "tree": {name: self._tree(process) for name, process in self.processes.items()},
            "made": self._made(),
            "restored": self._restored,
            "edited": self._edited,
            "of": [0] * self._made(),  # nothing is requested here
            "about": [0] * self._made(),
            "open": dict.fromkeys(self.processes, 0),
            "asked": [],
        }

    def choices(self) -> list[tuple[str, str]]:
        """Everything that may happen next: what, and to whom."""
        found = []
        for name, process in self.processes.items():
            if process.at == "down":
                found.append(("Open", name))
                continue
            found.append(("Crash", name))
            if process.at != "up":
                found += [(order, name) for order in ("go", *FAILS.get(process.at, ()))]
            elif self._made() + self._waiting() < self._entries:
                found.append(("Ask", name))
        if self._restored < self._restores and self.disk.holder is None:
            sizes = range(len(self.disk.committed.rows.entries) - 1)
            found += [("Restore", str(size)) for size in sizes]
        if self._edited < self._edits and self.disk.holder is None:
            found += [(name, json.dumps(log)) for name, log in self._possible_edits()]
        return found

    def _possible_edits(self) -> Iterator[tuple[str, list[int]]]:
        """What a host may make of the rows behind the last checkpoint."""
        log, seen = list(self.disk.log()), []
        last = max(self.disk.committed.notes) - 1
        for at in range(last, len(log) + 1):
            made = [("Insert", [*log[:at], 0, *log[at:]])]
            made += [("Copy", [*log[:at], row, *log[at:]]) for row in log]
            if at < len(log):
                made += [("Remove", [*log[:at], *log[at + 1 :]])]
                made += [("Change", [*log[:at], 0, *log[at + 1 :]])] if log[at] else []
            seen += [edit for edit in made if edit not in seen]
        yield from seen

    def do(self, what: str, whom: str) -> str:
        """Let it happen; return the name of the action that it was."""
        if what == "Restore":
            self._restore(int(whom))
            return what
        if what in EDITS:
            self._edit(json.loads(whom))
            return what
        process = self.processes[whom]
        if what == "Open":
            self._open(process)
        elif what == "Ask":
            self._ask(process)
        elif what == "Crash":
            process.drop()
        else:
            return self._go_on(process, what)
        return what

    def _made(self) -> int:
        return len(self.disk.made) - 1

    def _waiting(self) -> int:
        return sum(self._pc(process) == "waiting" for process in self.processes.values())

    def _pc(self, process: Process) -> str:
        if process.at != "lock":
            return process.at
        return "opening" if process.opening else "waiting"

    def _tree(self, process: Process) -> list[int]:
        if process.ledger is None:
            return []
        edge = process.ledger._edge
        tree = list(self.disk.tree(edge.size, edge.frontier.root())) if edge.size else []
        return tree + [self.disk.made[row.body] for row in process.pending.entries]

    def _head(self) -> tuple[int, ...]:
        (file,) = self.disk.heads.folder.glob("*.json")
        return self._of_note(json.loads(file.read_bytes())["checkpoint"])

    def _of_note(self, note: str) -> tuple[int, ...]:
        if note not in self._notes:
            checkpoint = parse(note)[0]
            self._notes[note] = self.disk.tree(checkpoint.size, checkpoint.root)
        return self._notes[note]

    def _open(self, process: Process) -> None:
        def work() -> object:
            _RUNNING.process = process
            return open_ledger(
                "crashing:",
                signer=KEY,
                heads=self.disk.heads.folder,
                create=True,
                created_at=CREATED_AT,
            )

        process.opening = True
        process.start(work)
        if process.at == "failed":
            assert isinstance(process.answer, RollbackError), process.answer
            process.drop()

    def _ask(self, process: Process) -> None:
        self._appends += 1
        ledger, draft = process.ledger, event(f"entry {self._appends}")
        assert ledger is not None
        process.opening = False
        process.start(lambda: ledger.append([draft]))

    def _go_on(self, process: Process, order: str) -> str:
        before, opening = process.at, process.opening
        process.order(order)
        if process.at == "failed":
            return self._failed(process, before)
        if before == "lock":
            return "CatchUp" if opening else "Begin"
        if before == "tell":
            self._acknowledged = self._answered(process)
        return {"commit": "Commit", "head": "KeepHead", "note": "KeepNote", "tell": "Tell"}[before]

    def _failed(self, process: Process, before: str) -> str:
        error, ledger = process.answer, process.ledger
        if isinstance(error, CommitError):
            assert before != "lock"
            if not process.opening:
                assert ledger is not None
                process.dead = True  # it must not even come to a point where it could stop
                with pytest.raises(LedgerError, match="takes no more entries"):
                    _append_once_more(ledger)
            process.drop()
            return "Fail"
        assert before == "lock", error
        if process.opening:
            process.drop()
        else:
            process.at = "up"
        if isinstance(error, LedgerBusyError):
            return "Busy"
        assert isinstance(error, (RollbackError, VerificationError)), error
        return "Refuse"

    def _answered(self, process: Process) -> tuple[int, ...]:
        if isinstance(process.answer, Ledger):
            return self._of_note(process.answer.last_checkpoint())
        assert isinstance(process.answer, list)
        (there,) = process.answer
        assert isinstance(there, AppendedEntry)
        assert self.disk.committed.rows.entries[there.index].body == there.entry
        return self._of_note(there.checkpoint)

    def _restore(self, size: int) -> None:
        """Put back the copy that was made when there were so many entries after entry 0."""
        rows, older = self.disk.committed.rows, MemoryReader(self.disk.committed.ledger_id())
        older.rows.entries = rows.entries[: size + 1]
        older.rows.events = [row for row in rows.events if row.leaf_index <= size]
        older.rows.nodes = rows.nodes[: node_count(size + 1)]
        notes = self.disk.committed.notes
        older.notes = {at: note for at, note in notes.items() if at <= size + 1}
        self.disk.committed = older
        self._restored += 1

    def _edit(self, log: list[int]) -> None:
        """Write these rows, with all that whoever has no key can work out for them."""
        by_number = {number: body for body, number in self.disk.made.items()}
        bodies = [self.disk.bodies()[0], *(by_number[number] for number in log)]
        edited, edge = MemoryReader(self.disk.committed.ledger_id()), Edge()
        for index, body in enumerate(bodies):
            leaf = leaf_hash(body)
            edge.chain = chain_hash(edge.chain, leaf)
            edited.rows.entries.append(EntryRow(index, leaf, edge.chain, body))
            if body not in bodies[:index]:
                edited.rows.events.append(EventRow("leaf", leaf.hex(), index))
            for level, number, digest in edge.frontier.append(leaf):
                edited.rows.nodes.append((node_position(level, number), digest))
        edited.notes = dict(self.disk.committed.notes)
        self.disk.committed = edited
        self._edited += 1


def _append_once_more(ledger: Ledger) -> None:
    try:
        ledger.append([event("too late")])
    except Killed:
        pytest.fail("a ledger whose commit failed went on to append")

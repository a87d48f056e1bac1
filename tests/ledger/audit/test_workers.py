"""Several processes verify one ledger, and say what one process says."""

from __future__ import annotations

import os
import signal
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest

from engine.errors import GovernanceError, LedgerError, VerificationError
from engine.ledger import Ledger
from engine.ledger.audit import audit
from engine.ledger.audit import workers as companions
from engine.ledger.audit.across_parts import joined
from engine.ledger.audit.report import LedgerReport
from engine.ledger.audit.walk import Part, Scope, audit_part
from engine.ledger.audit.workers import AuditWorkers, can_fork
from engine.ledger.sqlite.file import open_reader
from engine.ledger.sqlite.reader import SqliteReader
from engine.ledger.store import Reader
from engine.proof.checkpoint import Checkpoint, origin_of
from engine.proof.envelope import seal
from engine.proof.merkle import EMPTY_ROOT, GENESIS_CHAIN
from tests.ledger.audit.test_audit import behind_its_back, rewrite
from tests.ledger.scribe import KEY, decision, event, key, open_at

ENTRIES = 100
OTHER = key("other")


@pytest.fixture(autouse=True)
def _short_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit, "PART", 7)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A ledger of a hundred entries in several commits, with an event in between."""
    with closing(open_at(tmp_path)) as ledger:
        ledger.append([decision(number, "abc"[number % 3]) for number in range(1, 40)])
        ledger.append([event("opened")])
        ledger.append([decision(number, f"s{number}") for number in range(41, ENTRIES)])
    return tmp_path


def verified(folder: Path, others: int, *, signatures: bool = True) -> LedgerReport:
    with AuditWorkers(others) as processes, closing(open_at(folder, signer=None)) as ledger:
        return ledger.verify(
            signatures=signatures, public_keys=[KEY.public_key], companions=processes
        )


@pytest.mark.parametrize("others", [1, 2])
@pytest.mark.parametrize("signatures", [True, False])
def test_what_several_processes_report_is_what_one_does(
    folder: Path, others: int, *, signatures: bool
) -> None:
    with closing(open_at(folder, signer=None)) as ledger:
        alone = ledger.verify(signatures=signatures, public_keys=[KEY.public_key])

    assert verified(folder, others, signatures=signatures) == alone
    assert (alone.size, alone.decisions, alone.checkpoints) == (ENTRIES, ENTRIES - 2, 4)


def test_only_what_came_since_a_checkpoint_is_shared_out(folder: Path) -> None:
    with closing(open_at(folder)) as ledger:
        kept = ledger.checkpoint_covering(39)
        with AuditWorkers(1) as processes:
            report = ledger.verify(since=kept, public_keys=[KEY.public_key], companions=processes)
            assert (report.since, report.size) == (40, ENTRIES)
            newest = ledger.last_checkpoint()
        with AuditWorkers(1) as processes:
            assert ledger.verify(since=newest, companions=processes).since == ENTRIES


@pytest.mark.parametrize("others", [0, 1, 2])
def test_of_several_bad_signatures_the_first_is_named(folder: Path, others: int) -> None:
    """Entry 9 is another process's part, and 50 and 90 are bad too."""
    forge(folder, (90, 50, 9))

    with pytest.raises(VerificationError, match=r"^entry 9: none of the given keys signed"):
        verified(folder, others)


def forge(folder: Path, numbers: tuple[int, ...]) -> None:
    """Let another key sign entries, and let every hash and checkpoint fit them."""
    with closing(open_at(folder, signer=None)) as ledger:
        forged = {number: resigned(ledger, number) for number in numbers}
    for number, body in forged.items():
        rewrite(folder, number, body)
    with behind_its_back(folder) as connection:
        connection.execute("DELETE FROM checkpoint")
    for head in (folder / "heads").glob("*.json"):
        head.unlink()


def resigned(ledger: Ledger, number: int) -> bytes:
    from engine.proof.envelope import open_envelope

    return seal(open_envelope(ledger.entry(number)).payload, OTHER.sign, OTHER.key_id)


def test_a_ledger_that_changes_between_two_parts_is_noticed(
    folder: Path, reader_of: Callable[[Path], SqliteReader]
) -> None:
    """A part begins with what the one before it ended in, not with what is stored by then."""
    with closing(open_at(folder, signer=None)) as ledger:
        scope = Scope(
            ledger.id,
            Checkpoint(origin_of(ledger.id), 0, EMPTY_ROOT, GENESIS_CHAIN),
            (KEY.public_key,),
            signatures=False,
        )
    reader = reader_of(folder / "ledger.db")

    def parts() -> Iterator[Part]:
        yield audit_part(reader, scope, 0, 10)
        with closing(open_at(folder, signer=None)) as ledger:
            body = resigned(ledger, 3)
        rewrite(folder, 3, body)
        with behind_its_back(folder) as connection:
            connection.execute("DELETE FROM checkpoint")
        yield audit_part(reader, scope, 10, ENTRIES)

    with pytest.raises(VerificationError, match="entry 10: what comes before it is not what"):
        joined(parts(), scope)


@pytest.mark.parametrize("lost_at", [7, 91])
def test_a_process_that_is_killed_is_an_error_and_never_a_pass(
    folder: Path, lost_at: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    parent = os.getpid()

    def dying(reader: Reader, scope: Scope, first: int, stop: int) -> Part:
        if os.getpid() != parent and first == lost_at:
            os.kill(os.getpid(), signal.SIGKILL)
        return audit_part(reader, scope, first, stop)

    monkeypatch.setattr(companions, "audit_part", dying)
    with pytest.raises(LedgerError, match=f"was lost while it verified entries {lost_at} to") as e:
        verified(folder, 1)
    assert e.value.exit_code == 3


def pids_of(processes: AuditWorkers) -> list[int]:
    return [worker.pid for worker in processes._workers]


def test_a_process_that_is_dead_before_it_is_asked_is_an_error(folder: Path) -> None:
    with AuditWorkers(1) as processes, closing(open_at(folder, signer=None)) as ledger:
        (pid,) = pids_of(processes)
        os.kill(pid, signal.SIGKILL)
        os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
        with pytest.raises(LedgerError, match="was lost while it verified entries 7 to 13"):
            ledger.verify(companions=processes)


def test_a_crash_of_a_process_is_told_where_it_is_waited_for(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    parent = os.getpid()

    def failing(reader: Reader, scope: Scope, first: int, stop: int) -> Part:
        if os.getpid() != parent:
            raise RuntimeError("out of luck")
        return audit_part(reader, scope, first, stop)

    monkeypatch.setattr(companions, "audit_part", failing)
    with pytest.raises(LedgerError, match="could not be verified: RuntimeError: out of luck"):
        verified(folder, 1)


def test_no_process_is_left_behind(folder: Path) -> None:
    with AuditWorkers(2) as processes:
        pids = pids_of(processes)
        for pid in pids:
            os.kill(pid, 0)  # there
    for pid in pids:
        with pytest.raises(ChildProcessError):
            os.waitpid(pid, 0)


def test_a_ledger_that_another_process_cannot_open_is_an_error(
    folder: Path, tmp_path: Path, reader_of: Callable[[Path], SqliteReader]
) -> None:
    with AuditWorkers(1) as processes, closing(open_at(folder, signer=None)) as ledger:
        reader = reader_of(folder / "ledger.db")
        scope = Scope(
            ledger.id,
            Checkpoint(origin_of(ledger.id), 0, EMPTY_ROOT, GENESIS_CHAIN),
            (KEY.public_key,),
            signatures=False,
        )
        nowhere = partial(open_reader, tmp_path / "nowhere.db", "nowhere.db")
        with pytest.raises(GovernanceError, match="opening"):
            list(processes.share(nowhere, scope, [(0, 50), (50, ENTRIES)], reader))


def test_a_process_with_threads_is_not_forked() -> None:
    done = threading.Event()
    thread = threading.Thread(target=done.wait)
    thread.start()
    try:
        assert not can_fork()
    finally:
        done.set()
        thread.join()


def test_a_store_that_only_this_process_can_read_is_verified_here(tmp_path: Path) -> None:
    from tests.ledger.memory_store import MemoryStore, begun

    with AuditWorkers(1) as processes:
        ledger = begun(MemoryStore())
        ledger.append([decision(number) for number in range(1, 30)])
        report = ledger.verify(public_keys=[KEY.public_key], companions=processes)
    assert report.size == 30


@pytest.mark.parametrize(
    ("statement", "named"),
    [
        ("UPDATE node SET hash = flip(hash) WHERE position = 2", "entry 3: a tree node above it"),
        ("UPDATE entry SET chain = flip(chain) WHERE leaf_index = 13", "entry 13: the hash chain"),
        ("DELETE FROM entry WHERE leaf_index = 14", "entry 14 is missing"),
        ("UPDATE checkpoint SET size = 39 WHERE size = 40", "checkpoint 39: entry 38 and those"),
        ("UPDATE decision SET attempt = 9 WHERE leaf_index = 20", "entry 20: the index does not"),
        ("DELETE FROM subject_new WHERE leaf_index = 77", "entry 77: the index does not"),
    ],
)
def test_what_was_changed_is_named_whoever_finds_it(
    folder: Path, statement: str, named: str
) -> None:
    """Also at the seams: entries 13 and 14 are the last and the first of two parts."""
    with behind_its_back(folder) as connection:
        assert connection.execute(statement).rowcount == 1

    with pytest.raises(VerificationError, match=named):
        verified(folder, 1)


def test_rows_are_read_through_a_connection_of_its_own(folder: Path) -> None:
    """The lock that a reader holds is the reader's: closing one leaves the other's."""
    with AuditWorkers(1) as processes, closing(open_at(folder)) as ledger:
        ledger.append([decision(500)])
        report = ledger.verify(public_keys=[KEY.public_key], companions=processes)
        ledger.append([decision(501)])
        assert report.size == ledger.size() - 1
    with closing(sqlite3.connect(folder / "ledger.db")) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)

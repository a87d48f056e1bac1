"""``engine ledger verify`` in one process and in several."""

from __future__ import annotations

import os
import signal
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from engine.cli.ledger import verb
from engine.ledger.audit import audit
from engine.ledger.audit import workers as companions
from engine.ledger.audit.walk import Part, Scope, audit_part
from engine.ledger.store import Reader
from engine.proof.envelope import open_envelope, seal
from engine.system.processes import Fork
from tests.cli.conftest import Engine
from tests.ledger.audit.test_audit import behind_its_back, rewrite
from tests.ledger.scribe import decision, key, open_at

if TYPE_CHECKING:
    from engine.system.processes import Work

ENTRIES = 60


@pytest.fixture
def recorded(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A key, and a ledger of sixty entries that it signed, in parts of ten."""
    from engine.signers.file import open_file

    monkeypatch.setattr(audit, "PART", 10)
    monkeypatch.setattr(companions, "can_fork", lambda: True)  # pytest may have threads
    assert engine("init").code == 0
    signer = open_file(Path(".engine/keys/engine.pem"))
    with closing(open_at(Path(".engine"), signer=signer)) as ledger:
        drafts = [decision(n, f"s{n}", signer=signer) for n in range(1, ENTRIES)]
        ledger.append(drafts)
    return Path(".engine")


@pytest.mark.parametrize("jobs", ["1", "2", "3"])
def test_all_of_it_is_verified(engine: Engine, recorded: Path, jobs: str) -> None:
    answer = engine("ledger", "verify", "--signatures", "--jobs", jobs)

    assert answer.code == 0
    assert f"{ENTRIES} entries hold, {ENTRIES} signatures" in answer.out
    assert f"{ENTRIES - 1} decisions, 2 checkpoints" in answer.out


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_the_first_bad_signature_is_named_and_the_code_is_4(
    engine: Engine, recorded: Path, jobs: str
) -> None:
    other = key("other")
    with closing(open_at(recorded, signer=None)) as ledger:
        forged = {
            number: seal(open_envelope(ledger.entry(number)).payload, other.sign, other.key_id)
            for number in (55, 13, 31)
        }
    for number, body in forged.items():
        rewrite(recorded, number, body)
    with behind_its_back(recorded) as connection:
        connection.execute("DELETE FROM checkpoint")
    for head in (recorded / "heads").iterdir():
        head.unlink()

    answer = engine("ledger", "verify", "--signatures", "--jobs", jobs)

    assert answer.code == 4
    assert "entry 13: none of the given keys signed the record" in answer.err
    assert answer.out == ""


def test_a_killed_process_is_3_and_never_a_pass(
    engine: Engine, recorded: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    parent = os.getpid()

    def dying(reader: Reader, scope: Scope, first: int, stop: int) -> Part:
        if os.getpid() != parent and first == 50:
            os.kill(os.getpid(), signal.SIGKILL)
        return audit_part(reader, scope, first, stop)

    monkeypatch.setattr(companions, "audit_part", dying)
    answer = engine("ledger", "verify", "--jobs", "2")

    assert answer.code == 3
    assert "a process was lost while it verified entries 50 to 59" in answer.err
    assert "verify with --jobs 1" in answer.err
    assert answer.out == ""


def test_where_no_process_can_be_had_one_does_it_all(
    engine: Engine, recorded: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(companions, "can_fork", lambda: False)
    monkeypatch.setattr(companions, "Fork", None)

    assert engine("ledger", "verify", "--jobs", "2").code == 0


def test_a_small_ledger_is_verified_by_one_process(
    engine: Engine, recorded: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[Fork] = []

    def counted(work: Work) -> Fork:
        started.append(Fork(work))
        return started[-1]

    monkeypatch.setattr(companions, "Fork", counted)
    assert engine("ledger", "verify", "--signatures").code == 0
    assert started == []
    monkeypatch.setattr(verb, "_WORTH_IT", {True: 1, False: 1})
    assert engine("ledger", "verify", "--signatures").code == 0
    assert len(started) == min(len(os.sched_getaffinity(0)), 4) - 1


@pytest.mark.parametrize("jobs", ["0", "-1", "65", "two", "٣", "1.5"])
def test_a_number_of_processes_is_a_number(engine: Engine, jobs: str) -> None:
    answer = engine("ledger", "verify", f"--jobs={jobs}")

    assert answer.code == 2
    assert "is not a number from 1 to 64" in answer.err


def test_the_public_key_beside_the_private_one_is_enough(engine: Engine, recorded: Path) -> None:
    Path(".engine/keys/engine.pem").unlink()

    answer = engine("ledger", "verify", "--signatures")

    assert answer.code == 0
    assert "60 signatures" in answer.out


def test_a_ledger_of_another_format_is_refused_by_name(engine: Engine, recorded: Path) -> None:
    with closing(sqlite3.connect(recorded / "ledger.db")) as connection:
        connection.execute("PRAGMA user_version = 1")

    answer = engine("ledger", "verify")

    assert answer.code == 3
    assert "a ledger of format 1; this engine reads format 2" in answer.err

"""Whatever fails, the answer tells which of decided, recorded and written holds.

``tests/system/faults`` fails every system call of every verb; here are the kinds that it found.
"""

from __future__ import annotations

import io
import os
import sqlite3
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from engine.cli import run
from engine.errors import LedgerError, OutputError
from engine.ledger.entries import AppendedEntry, EntryDraft
from engine.ledger.ledger import Ledger
from engine.system.files import RECORDED, WholeFile
from tests.cli.conftest import Engine

FULL = "No space left on device"


@contextmanager
def full(monkeypatch: pytest.MonkeyPatch, name: str) -> Iterator[None]:
    """Let a file of that name find no room when it is kept."""
    keep = WholeFile.keep

    def refusing(file: WholeFile) -> None:
        if file._path.name == name:
            file.drop()
            raise OutputError(f"{file._path}: {FULL.lower()}")
        keep(file)

    with monkeypatch.context() as patch:
        patch.setattr(WholeFile, "keep", refusing)
        yield


@pytest.fixture
def decided(engine: Engine) -> str:
    Path("good.json").write_text(engine("example", "promote").out)
    identity: str = engine("decide", "good.json", "--format", "json").json["decision_id"]
    return identity


def test_a_decision_whose_only_record_is_lost_is_not_shown(
    engine: Engine, decided: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """INV-LEDGER-1: a ledger of one run stays in its proofs alone."""
    with full(monkeypatch, "proof.json"):
        answer = engine("decide", "good.json", "--ledger", "run:", "--export", "proof.json")

    assert (answer.code, answer.out) == (3, "")
    first, hint = answer.err.splitlines()[-2:]
    assert first.startswith("engine: decided as 0")
    assert first.endswith(f", which is not recorded: proof.json: {FULL.lower()}")
    assert "stays in its proofs alone" in hint
    assert decided not in answer.err


def test_an_output_that_cannot_be_begun_says_that_nothing_was_decided(
    engine: Engine, decided: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.open

    def opened(path: str, flags: int, mode: int = 0o777, *, dir_fd: int | None = None) -> int:
        if ".b.xml." in str(path):
            raise OSError(28, FULL)
        return real(path, flags, mode, dir_fd=dir_fd)

    with monkeypatch.context() as patch:
        patch.setattr(os, "open", opened)
        answer = engine("decide", "good.json", "--output=json=a.json", "--output=junit=b.xml")

    assert answer.code == 3
    assert answer.err == (
        f"engine: b.xml: {FULL.lower()}\n"
        "  nothing was decided; name a file in a folder that can be written\n"
    )
    assert {path.name for path in Path().iterdir()} == {".engine", "good.json"}
    assert decided in engine("ledger", "log").out.splitlines()[0]


def test_a_ledger_that_refuses_says_that_nothing_was_recorded(
    engine: Engine, decided: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refusing(self: Ledger, drafts: object) -> None:
        raise LedgerError("ledger.db: the disk failed", "look at the system's log before going on")

    monkeypatch.setattr(Ledger, "append", refusing)
    answer = engine("decide", "good.json")

    assert (answer.code, decided in answer.out) == (3, False)
    assert answer.err.splitlines()[-3:] == [
        "engine: ledger.db: the disk failed",
        "  look at the system's log before going on",
        "  nothing was recorded",
    ]


def test_what_converts_does_not_speak_of_records(
    engine: Engine, decided: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("d.json").write_text(engine("decide", "good.json", "--format", "json").out)
    with full(monkeypatch, "o.xml"):
        answer = engine("convert", "d.json", "--output", "junit=o.xml")

    assert answer.code == 3
    assert "record" not in answer.err


class Unheard(io.StringIO):
    """A standard output on a disk without room."""

    def flush(self) -> None:
        raise OSError(28, FULL)


@pytest.mark.parametrize(
    ("argv", "holds"),
    [
        ("export {id} -o p.json", "p.json is written; standard output"),
        ("ledger tables t.db", "t.db is written; standard output"),
        ("policy new shop --policies own", "own is written; standard output"),
        ("keys init --key-file k.pem", "k.pem and k.pub.pem are made; standard output"),
        ("compat s.json s.json --metrics m.json --subject a", "nothing was recorded; written are "),
    ],
)
def test_an_answer_that_does_not_get_through_says_what_is_done(
    engine: Engine, decided: str, monkeypatch: pytest.MonkeyPatch, argv: str, holds: str
) -> None:
    Path("s.json").write_text("{}")
    RECORDED.clear()
    err = io.StringIO()
    with monkeypatch.context() as patch:
        patch.setattr("os.environ", {"HOME": str(Path.cwd().parent / "home")})
        patch.setattr(sys, "stdout", Unheard())
        patch.setattr(sys, "stderr", err)
        code = run(argv.format(id=decided).split())

    assert code == 3
    assert holds in err.getvalue()


@pytest.mark.parametrize("is_recorded", [False, True])
def test_what_no_verb_expects_is_said_with_what_is_recorded(
    engine: Engine, decided: str, monkeypatch: pytest.MonkeyPatch, is_recorded: bool
) -> None:
    append = Ledger.append

    def failing(self: Ledger, drafts: Sequence[EntryDraft]) -> list[AppendedEntry]:
        if is_recorded:
            append(self, drafts)
        raise OSError(5, "Input/output error", "limits.yaml")

    with monkeypatch.context() as patch:
        patch.setattr(Ledger, "append", failing)
        answer = engine("decide", "good.json")

    (*made, before, _) = (line.split()[-2] for line in engine("ledger", "log").out.splitlines())
    assert before == decided
    assert (answer.code, answer.out, len(made)) == (3, "", int(is_recorded))
    assert answer.err.endswith(
        "engine: could not go on: limits.yaml: input/output error\n  "
        + (f"recorded as {made[0]}\n" if is_recorded else "nothing was recorded\n")
    )


def test_tables_appear_whole_or_not_at_all(
    engine: Engine, decided: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    import sqlite_utils

    def refusing(*_: object, **__: object) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(sqlite_utils.db.Table, "insert_all", refusing)
        answer = engine("ledger", "tables", "t.db")
    assert (answer.code, "t.db: database or disk is full" in answer.err) == (3, True)
    assert {path.name for path in Path().iterdir()} == {".engine", "good.json"}
    assert engine("ledger", "tables", "t.db").code == 0
    with sqlite3.connect("t.db") as tables:
        assert tables.execute("SELECT decision_id FROM decision").fetchall() == [(decided,)]


@pytest.mark.parametrize("at", range(1, 12, 2))
def test_a_new_policy_is_there_whole_or_not_at_all(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, at: int
) -> None:
    synced: list[int] = []
    real = os.fsync

    def fsync(descriptor: int) -> None:
        synced.append(descriptor)
        if len(synced) == at:
            raise OSError(28, FULL)
        real(descriptor)

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", fsync)
        failed = engine("policy", "new", "shop")

    if len(synced) >= at:
        assert (failed.code, failed.out) == (3, "")
        assert not Path("policies").exists()
        assert engine("policy", "new", "shop").code == 0


def test_a_ledger_whose_making_was_stopped_is_made_anew(engine: Engine) -> None:
    """Its file is there, and nothing is in it: ``init`` is what makes one."""
    Path(".engine").mkdir(mode=0o700)
    with sqlite3.connect(".engine/ledger.db") as begun:
        begun.execute("PRAGMA page_size = 8192")
        begun.execute("PRAGMA journal_mode = WAL")
    begun.close()

    assert engine("init", "--yes").code == 0
    assert engine("ledger", "verify").code == 0


@pytest.mark.parametrize("failing", ["a.json", "b.xml"])
def test_a_report_of_nothing_does_not_take_the_place_of_one(
    engine: Engine, decided: str, monkeypatch: pytest.MonkeyPatch, failing: str
) -> None:
    """An empty JUnit file would say that nothing failed."""

    def refusing(self: Ledger, drafts: object) -> None:
        raise LedgerError("ledger.db: the disk failed")

    Path(failing).write_text("before")
    monkeypatch.setattr(Ledger, "append", refusing)
    answer = engine("decide", "good.json", "--output=json=a.json", "--output=junit=b.xml")

    assert answer.code == 3
    assert Path(failing).read_text() == "before"
    assert {path.name for path in Path().iterdir()} == {".engine", "good.json", failing}

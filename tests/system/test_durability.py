"""Durability is shown: system calls are recorded, replayed onto a forgetful disk, and failed."""

from __future__ import annotations

import re
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from signal import SIGKILL

import pytest

from tests.ledger.disk import Call, Disk, calls, trace
from tests.ledger.test_processes import acknowledged, require_recorded
from tests.repository import ROOT

pytestmark = pytest.mark.system

BATCHES, BATCH = 14, 16
"""Together more than a thousand pages of log, so that it is copied into the database once."""


def appender(folder: Path, count: int, *options: str) -> list[str]:
    command = [sys.executable, "-m", "tests.ledger.appender", str(folder), "1", str(count)]
    return [*command, *options]


@dataclass(frozen=True, slots=True)
class Recording:
    """What a writer did to its folder, call by call."""

    folder: Path
    calls: list[Call] = field(repr=False)


def record(base: Path, count: int, *options: str) -> Recording:
    folder = (base / "ledger").resolve()
    folder.mkdir()
    output = base / "calls"
    assert trace(appender(folder, count, *options), output, cwd=ROOT) == (0, "")
    return Recording(folder, list(calls(output)))


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Recording:
    """A writer with enough to write that its log is copied into the database meanwhile."""
    options = (f"--batch={BATCH}", "--padding=45000")
    return record(tmp_path_factory.mktemp("long"), BATCHES * BATCH, *options)


def is_acknowledgement(call: Call) -> bool:
    return call.name == "write" and bool(call.files) and call.files[0][0] == 1


def test_every_acknowledgement_follows_the_sync_of_its_data(recording: Recording) -> None:
    """INV-LEDGER-1: after a write to the log nothing is said until the log was synced."""
    log = str(recording.folder / "ledger.db-wal")
    unsynced = written = answers = 0
    for call in recording.calls:
        if call.files and call.files[-1][1] == log:
            if call.name in ("fsync", "fdatasync"):
                unsynced = 0
            elif call.name == "pwrite64":
                unsynced += 1
                written += 1
        elif is_acknowledgement(call):
            assert written > 0, "acknowledged, and nothing was written"
            assert unsynced == 0, "acknowledged before the sync"
            written, answers = 0, answers + 1

    assert answers == BATCHES


def test_the_log_was_copied_into_the_database_meanwhile(recording: Recording) -> None:
    """Else the tests below would not meet the moment that SQLite is most careful about."""
    database = str(recording.folder / "ledger.db")
    seen = "".join(
        "a" if is_acknowledgement(call) else "w"
        for call in recording.calls
        if is_acknowledgement(call) or (call.name == "pwrite64" and call.files[-1][1] == database)
    )

    assert re.search("aw+a", seen), "no page was copied between two acknowledgements"


def crashes(recording: Recording) -> Iterator[tuple[Disk, dict[str, int]]]:
    """The disk at each moment worth a power cut, with what had been promised by then."""
    disk, written = Disk(recording.folder), ""
    for call in recording.calls:
        disk.carry_out(call)
        if is_acknowledgement(call):
            written += call.texts[-1].decode()
        if written and (is_acknowledgement(call) or call.name in ("fsync", "fdatasync", "rename")):
            yield disk, acknowledged(written)


def require_found_again(files: dict[Path, bytes], promised: dict[str, int], folder: Path) -> None:
    """Require that what a crash has left is a ledger that holds what was promised."""
    for name, data in files.items():
        (folder / name).parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    require_recorded(folder, promised, signatures=False)
    shutil.rmtree(folder)


def test_what_was_synced_holds_all_that_was_acknowledged(
    recording: Recording, tmp_path: Path
) -> None:
    """INV-LEDGER-1: a power cut loses nothing that was said, and leaves a ledger that verifies."""
    promised: dict[str, int] = {}
    moments = 0
    for disk, promised in crashes(recording):
        require_found_again(disk.crash(), promised, tmp_path / "found")
        moments += 1

    assert moments > 4 * BATCHES
    assert len(promised) == BATCHES * BATCH


@pytest.mark.parametrize("seed", range(3))
def test_nor_does_what_reached_the_disk_unasked_hurt(
    recording: Recording, tmp_path: Path, seed: int
) -> None:
    """Unsynced writes may be on the disk or not, in any order."""
    chance = Random(seed)  # noqa: S311  a test's choice of moments
    moments = 0
    for disk, promised in crashes(recording):
        if chance.random() < 0.4:
            require_found_again(disk.crash(chance), promised, tmp_path / "found")
            moments += 1

    assert moments > BATCHES


# -- calls that fail -------------------------------------------------------------------------


@pytest.fixture(scope="module")
def quiet(tmp_path_factory: pytest.TempPathFactory) -> Recording:
    """The writer below, when nothing fails."""
    return record(tmp_path_factory.mktemp("short"), 20)


def third_append(quiet: Recording, name: str, file: str) -> list[int]:
    """Ordinals, among the calls ``name`` on ``file``, of those that the third append makes."""
    ordinals: list[int] = []
    count = answers = 0
    for call in quiet.calls:
        answers += is_acknowledgement(call)
        path = call.files[-1][1] if call.files else call.texts[0].decode()
        if call.name == name and path.startswith(str(quiet.folder / file)):
            count += 1
            if answers == 2:
                ordinals.append(count)
    assert ordinals, f"the third append makes no such call: {name} on {file}"
    return ordinals


@pytest.mark.parametrize(
    ("name", "file", "which", "error", "message"),
    [
        ("fdatasync", "ledger.db-wal", 0, "EIO", "may or may not be recorded: .*the disk failed"),
        ("fdatasync", "ledger.db-wal", 1, "EIO", "are recorded, but their checkpoint is not"),
        ("pwrite64", "ledger.db-wal", 0, "ENOSPC", "the disk is full"),
        ("pwrite64", "ledger.db-wal", 3, "EIO", "the disk failed"),
        ("pwrite64", "ledger.db-wal", -1, "ENOSPC", "are recorded, but their checkpoint is not"),
        ("fsync", "", 0, "EIO", "are recorded, but their checkpoint is not"),
        ("rename", "", 0, "EIO", "are recorded, but their checkpoint is not"),
        ("fsync", "", 1, "EIO", "are recorded, but their checkpoint is not"),
    ],
)
def test_a_failing_disk_stops_the_writer_and_says_what_is_known(
    quiet: Recording, tmp_path: Path, name: str, file: str, which: int, error: str, message: str
) -> None:
    folder = (tmp_path / "ledger").resolve()
    folder.mkdir()
    when = third_append(quiet, name, file)[which]
    watched = ("-P", str(folder / file)) if file else ()
    fault = f"inject={name}:error={error}:when={when}+"
    code, errors = trace(appender(folder, 20), tmp_path / "calls", *watched, "-e", fault, cwd=ROOT)

    assert code == 3
    assert errors.startswith("CommitError: ")
    assert re.search(message, errors)
    recorded = require_recorded(folder, {}).size - 1
    assert recorded == 3 if "are recorded" in message else recorded in (2, 3)


def test_a_failed_sync_and_a_kill_leave_a_ledger_that_can_be_asked(
    quiet: Recording, tmp_path: Path
) -> None:
    """The entry that was never acknowledged may be there: opening the ledger tells."""
    folder = (tmp_path / "ledger").resolve()
    folder.mkdir()
    log = folder / "ledger.db-wal"
    when = third_append(quiet, "fdatasync", log.name)[0]
    fault = f"inject=fdatasync:error=EIO:signal=KILL:when={when}"
    code, _ = trace(appender(folder, 20), tmp_path / "calls", "-P", str(log), "-e", fault, cwd=ROOT)

    assert code == -SIGKILL
    assert require_recorded(folder, {}).size - 1 in (2, 3)

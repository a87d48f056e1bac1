"""Writers in processes of their own: together, killed, and without room on the disk."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from engine.ledger.audit.report import LedgerReport
from tests.ledger.scribe import KEY, decision, open_at
from tests.repository import ROOT


def appender(folder: Path, first: int, count: int, **options: int) -> subprocess.Popen[str]:
    """Start a writer; its acknowledgements come line by line."""
    flags = [f"--{name}={value}" for name, value in options.items()]
    command = [sys.executable, "-m", "tests.ledger.appender", str(folder), str(first), str(count)]
    return subprocess.Popen(
        [*command, *flags], cwd=ROOT, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )


def killed(writer: subprocess.Popen[str], lines: int, spins: int = 0) -> str:
    """Kill a writer somewhere after so many lines; return all that it had written."""
    assert writer.stdout is not None
    assert writer.stderr is not None
    written = "".join(writer.stdout.readline() for _ in range(lines))
    for _ in range(spins):  # somewhere into the next append
        pass
    writer.kill()
    with writer:
        return written + writer.stdout.read()


def acknowledged(lines: str) -> dict[str, int]:
    """Index by decision id; a line that was cut off by a kill was not acknowledged."""
    pairs = [line.split() for line in lines.splitlines(keepends=True) if line.endswith("\n")]
    return {name: int(index) for index, name in pairs}


def require_recorded(
    folder: Path, promised: dict[str, int], *, signatures: bool = True
) -> LedgerReport:
    """Require that a ledger is whole, fits its head, and holds what was acknowledged."""
    with closing(open_at(folder, create=False)) as ledger:
        report = ledger.verify(signatures=signatures, public_keys=[KEY.public_key])
        for name, index in promised.items():  # verify has held the index to the entries
            assert ledger.find(name) == index
        assert report.head
        assert report.uncovered == 0
    return report


def test_eight_processes_leave_no_gap_and_no_fork(tmp_path: Path) -> None:
    """INV-LEDGER-4: 8 x 500 appends at once are 4,000 entries of one history."""
    writers = [appender(tmp_path, 10_000 * number, 500, batch=4) for number in range(1, 9)]
    promised: dict[str, int] = {}
    for writer in writers:
        lines, errors = writer.communicate()
        assert (writer.returncode, errors) == (0, "")
        promised |= acknowledged(lines)

    report = require_recorded(tmp_path, promised)

    assert sorted(promised.values()) == list(range(1, 4001))
    assert (report.size, report.decisions) == (4001, 4000)


def kill_and_look(folder: Path, times: int, seed: int) -> None:
    """Kill a writer at ``times`` random points of its work, and look each time."""
    chance = random.Random(seed)  # noqa: S311  a test's choice of moments
    promised: dict[str, int] = {}
    with closing(open_at(folder)) as ledger:
        ledger.append([decision(1)])
    for round_number in range(1, times + 1):
        options = {"batch": chance.choice([1, 3, 16]), "padding": chance.choice([0, 9000, 40_000])}
        writer = appender(folder, 100_000 * round_number, 50_000, **options)
        acknowledgements = killed(writer, chance.randint(1, 60), chance.randint(0, 20_000))
        assert writer.returncode == -signal.SIGKILL
        new = acknowledged(acknowledgements)
        promised |= new
        require_recorded(folder, new, signatures=False)
    require_recorded(folder, promised)
    assert len(promised) >= times


def test_a_writer_killed_at_random_leaves_all_it_acknowledged(tmp_path: Path) -> None:
    kill_and_look(tmp_path, times=20, seed=3)


@pytest.mark.soak
def test_a_writer_killed_two_hundred_times_leaves_all_it_acknowledged(tmp_path: Path) -> None:
    for part in range(10):
        folder = tmp_path / str(part)
        folder.mkdir()
        kill_and_look(folder, times=20, seed=part)


def test_writers_killed_while_others_write_leave_one_history(tmp_path: Path) -> None:
    writers = [appender(tmp_path, 100_000 * number, 400, padding=9000) for number in range(1, 5)]
    promised: dict[str, int] = {}
    for writer in writers[:2]:
        promised |= acknowledged(killed(writer, 20))
    for writer in writers[2:]:
        lines, errors = writer.communicate()
        assert (writer.returncode, errors) == (0, "")
        promised |= acknowledged(lines)

    assert len(promised) >= 840
    require_recorded(tmp_path, promised)


@pytest.mark.parametrize("batch", [1, 200])
def test_a_disk_without_room_stops_a_writer_and_loses_nothing(tmp_path: Path, batch: int) -> None:
    """A file size limit is what a full disk looks like to one process."""
    writer = appender(tmp_path, 1, 5000, batch=batch, padding=2000, limit=2_000_000)
    lines, errors = writer.communicate()

    assert writer.returncode == 3
    assert errors.startswith(("CommitError: ", "LedgerError: "))
    assert "Traceback" not in errors
    report = require_recorded(tmp_path, acknowledged(lines))
    assert report.size < 5000


def test_a_writer_that_forgets_to_close_leaves_no_log_behind(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from tests.ledger.scribe import decision, open_at\n"
        "ledger = open_at(Path(sys.argv[1])); ledger.append([decision(1)])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)],
        check=False,
        cwd=ROOT,
        capture_output=True,
        text=True,
    )

    assert (done.returncode, done.stderr) == (0, "")
    assert not (tmp_path / "ledger.db-wal").exists()
    assert require_recorded(tmp_path, {}).size == 2

"""The ledger's contests: filled ledgers are genuine, and the bare loops really look."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from bench import ledger_fill, ledger_loop, ledger_plans, ledger_scale
from bench.errors import BenchError
from engine.proof.keys import public_pem
from engine.signers.file import generate
from tests.ledger.audit.test_audit import behind_its_back
from tests.ledger.scribe import decision, open_at

ENTRIES = 30


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder like the engine's, filled from five decisions."""
    source = made(tmp_path_factory.mktemp("source"))
    signer = ledger_fill.key_in(source)
    with closing(ledger_fill.open_in(source, signer=signer)) as ledger:
        ledger.append([decision(number, signer=signer, padding=99) for number in range(1, 6)])
    folder = made(tmp_path_factory.mktemp("filled"))
    signer = ledger_fill.key_in(folder)
    among = ledger_fill.templates(source)
    assert len(among) == 5
    with closing(ledger_fill.open_in(folder, signer=signer)) as ledger:
        ledger_fill.fill(ledger, among, range(1, ENTRIES), signer)
    return folder


def made(folder: Path) -> Path:
    (folder / ".engine" / "keys").mkdir(parents=True)
    signer = generate(folder / ".engine" / "keys" / "engine.pem")
    (folder / "public.pem").write_bytes(public_pem(signer.public_key))
    return folder


def loop(*argv: str | Path) -> subprocess.CompletedProcess[bytes]:
    script = Path(ledger_loop.__file__)
    return subprocess.run([sys.executable, script, *argv], capture_output=True, check=False)


def test_a_filled_ledger_is_genuine_down_to_every_statement(folder: Path) -> None:
    key = ledger_fill.key_in(folder).public_key
    with closing(ledger_fill.open_in(folder, signer=None)) as ledger:
        report = ledger.verify(signatures=True, public_keys=[key])
        assert ledger.find(ledger_fill.decision_id(7)) == 7

    assert (report.size, report.signatures, report.decisions) == (ENTRIES, ENTRIES, ENTRIES - 1)


def test_ids_are_as_the_engine_makes_them() -> None:
    ids = [ledger_fill.decision_id(number) for number in range(300)]
    assert sorted(set(ids)) == ids
    assert all(len(each) == 36 and each[14] == "7" and each[19] == "8" for each in ids)


@pytest.mark.parametrize("what", ["hash", "signatures"])
def test_a_bare_loop_counts_what_it_read(folder: Path, what: str) -> None:
    keys = [folder / "public.pem"] if what == "signatures" else []
    done = loop(what, folder / ".engine" / "ledger.db", *keys)

    assert done.stdout.split() == [b"%d" % ENTRIES]


def test_a_bare_loop_notices_what_was_changed(tmp_path: Path) -> None:
    with closing(open_at(tmp_path)) as ledger:
        ledger.append([decision(1), decision(2)])
    other = made(tmp_path / "other")
    done = loop("signatures", tmp_path / "ledger.db", other / "public.pem")
    assert b"InvalidSignature" in done.stderr
    with behind_its_back(tmp_path) as connection:
        connection.execute("UPDATE entry SET body = flip(body) WHERE leaf_index = 1")
    done = loop("hash", tmp_path / "ledger.db")
    assert (done.returncode, done.stderr.strip()) == (1, b"entry 1 does not hold")


def test_the_engine_must_say_that_it_verified_all() -> None:
    said = b"ledger %s: 31 entries hold, 31 signatures\n" % (b"5e" * 16)
    assert ledger_plans._require_engine(said, expected=31, signed=True) == {}
    for expected, signed in ((30, True), (31, False)):
        with pytest.raises(BenchError, match="engine ledger verify"):
            ledger_plans._require_engine(said, expected=expected, signed=signed)
    assert ledger_plans.require_bare(b"31\n", expected=31) == {}
    with pytest.raises(BenchError, match="the bare loop read"):
        ledger_plans.require_bare(b"30\n", expected=31)


def test_scale_measures_both_ledgers_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledger_scale, "SMALL", 20)
    monkeypatch.setattr(ledger_scale, "APPENDS", 300)
    monkeypatch.setattr(ledger_scale, "PROOFS", 5)
    said: list[str] = []
    result = ledger_scale.hold(
        made(tmp_path / "key"), tmp_path / "scale", entries=600, rounds=2, say=said.append
    )

    assert [(row.ours, row.theirs) for row in result.rows] == [
        ("append at 600", "append at 20"),
        ("proof at 600", "proof at 20"),
    ]
    assert all(len(runs) == 2 for runs in result.runs.values())
    assert all(row.at_most is None and row.measured.of_medians > 0 for row in result.rows)
    assert not (tmp_path / "scale").exists()
    assert len([words for words in said if words.startswith("ledger of")]) == 6


def test_scale_has_its_bar_at_a_million_only() -> None:
    from bench.bars import bar_for

    for what in ("append", "proof"):
        ours = f"{what} at {ledger_scale.LARGE:,}"
        assert bar_for(ours, f"{what} at {ledger_scale.SMALL:,}", None) == 1.5


def test_no_connection_of_a_loop_writes(folder: Path) -> None:
    before = (folder / ".engine" / "ledger.db").stat().st_mtime_ns
    loop("hash", folder / ".engine" / "ledger.db")
    assert (folder / ".engine" / "ledger.db").stat().st_mtime_ns == before
    with closing(sqlite3.connect(folder / ".engine" / "ledger.db")) as connection:
        assert connection.execute("SELECT count(*) FROM entry").fetchone() == (ENTRIES,)

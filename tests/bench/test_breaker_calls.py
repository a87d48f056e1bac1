from __future__ import annotations

from pathlib import Path

from bench import breaker_calls
from tests.bench.test_ledger_contests import made


def test_every_breaker_is_measured_and_nothing_is_left(tmp_path: Path) -> None:
    said: list[str] = []
    result = breaker_calls.hold(
        made(tmp_path / "key"), tmp_path / "breaker", rounds=2, say=said.append, calls=200
    )

    assert [(row.ours, row.theirs) for row in result.rows] == list(breaker_calls.PAIRS)
    assert all(row.at_most == 2.0 for row in result.rows)
    assert all(len(runs) == 2 for runs in result.runs.values())
    assert all(run.wall_s > 0 for runs in result.runs.values() for run in runs)
    assert len(said) == 18
    assert not (tmp_path / "breaker").exists()

"""The contest about budgets: everything is granted, settled, and adds up."""

from __future__ import annotations

from pathlib import Path

from bench import budget_calls


def test_all_three_are_measured_and_nothing_is_left(tmp_path: Path) -> None:
    said: list[str] = []
    result = budget_calls.hold(tmp_path / "budget", rounds=2, say=said.append, calls=2)
    assert [(row.ours, row.theirs) for row in result.rows] == list(budget_calls.PAIRS)
    assert all(len(runs) == 2 for runs in result.runs.values())
    assert all(run.wall_s > 0 for runs in result.runs.values() for run in runs)
    assert len(said) == 9
    assert not (tmp_path / "budget").exists()

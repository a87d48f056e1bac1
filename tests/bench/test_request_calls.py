"""The contest about requests: both are measured, and every request is answered."""

from __future__ import annotations

from pathlib import Path

from bench import request_calls


def test_both_are_measured_and_nothing_is_left(tmp_path: Path) -> None:
    said: list[str] = []
    result = request_calls.hold(tmp_path / "requests", rounds=2, say=said.append, count=2)
    assert [(row.ours, row.theirs) for row in result.rows] == list(request_calls.PAIRS)
    assert result.rows[0].at_most == 2.2
    assert all(len(runs) == 2 for runs in result.runs.values())
    assert len(said) == 6
    assert not (tmp_path / "requests").exists()

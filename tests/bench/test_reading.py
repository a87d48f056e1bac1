"""The bench of reports measures what it says, and refuses a wrong count or too much memory."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from bench import reading
from bench.errors import BenchError


def test_a_small_round_gives_a_ratio_for_every_form_and_leaves_nothing(tmp_path: Path) -> None:
    said: list[str] = []
    home = tmp_path / "reading"
    result = reading.hold(home, os.environ, cases=2_500, rounds=1, say=said.append)
    assert [(row.ours, row.theirs) for row in result.rows] == list(reading.pairs())
    assert all(row.measured.of_medians > 0 and row.at_most is None for row in result.rows)
    assert not home.exists()


def test_a_wrong_count_or_too_much_memory_is_no_result(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = reading.write_junit(tmp_path / "junit", 1_200)
    assert expected == 1_188
    with pytest.raises(BenchError, match="1188 where 7 were written"):
        reading.gathered(tmp_path, "junit", 7, os.environ)
    monkeypatch.setattr(reading, "MAX_PEAK_BYTES", 1_000)
    with pytest.raises(BenchError, match="1,000 may be taken"):
        reading.gathered(tmp_path, "junit", expected, os.environ)

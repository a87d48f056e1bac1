"""The bench of ``engine gather`` measures what it says, and memory stays as rows grow."""

from __future__ import annotations

import os
from pathlib import Path
from statistics import median

import pytest

from bench import gathering


def test_a_small_round_gives_one_ratio_and_leaves_nothing(tmp_path: Path) -> None:
    said: list[str] = []
    home = tmp_path / "gather"
    result = gathering.hold(home, os.environ, rows=20_000, rounds=1, say=said.append)
    (row,) = result.rows
    assert (row.ours, row.theirs, row.files) == (*gathering.pairs()[0], 20_000)
    assert row.at_most is None  # the bar is about ten million
    assert row.measured.of_medians > 0
    assert not home.exists()


@pytest.mark.soak
def test_ten_times_the_rows_need_no_more_memory(tmp_path: Path) -> None:
    """INV-GATHER-1: a fold over counts, in bounded memory."""
    peaks = {}
    for rows in (10_000_000, 100_000_000):
        folder = tmp_path / str(rows)
        gathering.generate(folder, rows)
        peaks[rows] = median(gathering.gathered(folder, os.environ).peak_bytes for _ in range(3))
        (folder / "predictions.parquet").unlink()
    assert peaks[100_000_000] / peaks[10_000_000] <= 1.3, peaks

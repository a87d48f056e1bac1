"""What a run showed, for people and for programs. Values in, text out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from statistics import median
from typing import Any

from bench.contests import Result, Row
from bench.process import Run

_MEBIBYTE = 1024 * 1024


def table(results: Sequence[Result], facts: Mapping[str, Any]) -> str:
    """Return the ratios with their bars, then the absolute figures with their warning.

    Args:
        results: What the contests showed.
        facts: Of what and on what: versions, processors, load averages.
    """
    lines = ["", "ratios of medians (and of the pairs of one round: least … most)", ""]
    lines += [_ratio_line(row) for result in results for row in result.rows]
    lines += ["", "absolute figures, meaningless on a shared machine (medians)", ""]
    lines += [
        _absolute_line(name, runs) for result in results for name, runs in result.runs.items()
    ]
    mixes = {result.contest: result.mix for result in results if result.mix}
    if mixes:
        lines += ["", "verdicts, the same from everyone, on every file of every round", ""]
    for contest, mix in mixes.items():
        counts = ", ".join(f"{count:,} {verdict}" for verdict, count in sorted(mix.items()))
        lines.append(f"  {contest}: {counts}")
    lines += [
        "",
        f"load average {facts['load_before']} before, {facts['load_after']} after, "
        f"{facts['processors']} processors",
        f"OPA {facts['opa']}, conftest {facts['conftest']}, Python {facts['python']}",
    ]
    return "\n".join(lines) + "\n"


def _ratio_line(row: Row) -> str:
    size = f", {row.files:,} files" if row.files is not None else ""
    ratio = row.measured
    figure = f"{ratio.of_medians:6.2f}  ({ratio.least:.2f} … {ratio.most:.2f})"
    if row.at_most is None:
        bar = "no bar"
    else:
        bar = f"bar {row.at_most:g}  {'FAIL' if row.is_missed else 'PASS'}"
    about = ", peak memory" if row.measure == "peak" else ""
    name = f"{row.ours} ÷ {row.theirs}{size}{about}"
    return f"  {name:<56} {figure:<24} CPU {row.cpu.of_medians:5.2f}   {bar}"


def _absolute_line(name: str, runs: Sequence[Run]) -> str:
    wall, cpu, peak = _medians(runs)
    return f"  {name:<56} {wall:8.3f} s   CPU {cpu:8.3f} s   peak {peak / _MEBIBYTE:7.1f} MiB"


def _medians(runs: Sequence[Run]) -> tuple[float, float, float]:
    return (
        median(run.wall_s for run in runs),
        median(run.cpu_s for run in runs),
        median(run.peak_bytes for run in runs),
    )


def document(results: Sequence[Result], facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return everything as one JSON document; ``facts`` says of what and on what."""
    return {
        **facts,
        "rows": [
            {**asdict(row), "is_missed": row.is_missed} for result in results for row in result.rows
        ],
        "runs": {
            name: [
                {"wall_s": run.wall_s, "cpu_s": run.cpu_s, "peak_bytes": run.peak_bytes}
                for run in runs
            ]
            for result in results
            for name, runs in result.runs.items()
        },
        "verdicts": {result.contest: dict(result.mix) for result in results},
    }

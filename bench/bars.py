"""What must be reached: one row per bar, and nothing about it anywhere else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Bar:
    """A ratio that the engine must not exceed.

    Attributes:
        ours: Name of the contender that is ours.
        theirs: Name of the one it is measured by.
        at_most: Largest ratio of medians that passes; None where nothing is demanded yet.
        files: Number of files the bar is about; None where every run measures the same.
    """

    ours: str
    theirs: str
    at_most: float | None
    files: int | None = None


BARS = (
    Bar("engine decide DIR", "opa exec DIR", 0.5, files=2_000),
    Bar("engine decide DIR", "conftest test DIR", 0.35, files=2_000),
    Bar("engine decide DIR", "opa exec DIR", 0.4, files=20_000),
    Bar("engine decide DIR", "engine decide DIR, 2,000 files", 1.2, files=20_000),
    Bar("engine decide FILE", "conftest test FILE", 3.5),
    Bar("engine decide FILE, CI", "conftest test FILE", None),
    Bar("engine decide FILE, built policies", "engine decide FILE", 1.1),
    Bar("engine decide DIR, built policies", "engine decide DIR", 1.1, files=2_000),
    Bar("engine --version", "python -c pass", 2.0),
    Bar("engine ledger verify --no-signatures", "bare loop: hash", 1.4),
    Bar("engine ledger verify", "bare loop: signatures", 0.8),
    Bar("engine conform", "bare loop: signatures", None),
    Bar("TLC on every distinct step", "smallest run of TLC", 5.0),
    Bar("append at 1,000,000", "append at 1,000", 1.5),
    Bar("proof at 1,000,000", "proof at 1,000", 1.5),
    Bar("reserve + settle, 8 threads", "bare transactions, 8 threads", 2.0),
    Bar("reserve + settle, 8 threads", "bare transactions, one thread", None),
    Bar("a requested decision", "a decision without the request", 2.2),
    Bar("breaker, in memory", "circuitbreaker", 2.0),
    Bar("breaker, in a ledger", "circuitbreaker", 2.0),
    Bar("breaker, in memory, async", "circuitbreaker, async", 2.0),
    Bar("breaker, in a ledger, async", "circuitbreaker, async", 2.0),
    Bar("engine gather", "DuckDB scan and sum", 4.0, files=10_000_000),
    Bar("engine gather, JUnit", "expat, empty handlers", 4.5, files=1_000_000),
    Bar("engine gather, SARIF", "ijson, events", 4.5, files=1_000_000),
    Bar("engine scan", "one compiled alternation", 0.3),
    Bar("promotion gate, PROMOTE", "hand-written gate, PROMOTE", 3.0),
    Bar("promotion gate, HOLD", "hand-written gate, HOLD", 3.0),
    Bar("promotion gate, BLOCK", "hand-written gate, BLOCK", 3.0),
)


def bar_for(ours: str, theirs: str, files: int | None, bars: Sequence[Bar] = BARS) -> float | None:
    """Return the bar of a measurement; None where there is none, or one for another size."""
    for bar in bars:
        if (bar.ours, bar.theirs, bar.files) == (ours, theirs, files):
            return bar.at_most
    return None

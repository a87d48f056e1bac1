"""Stopwatches around the engine's functions: each second is counted once."""

from __future__ import annotations

import importlib
from collections.abc import Callable

import pytest

from bench.stages import STAGES, WHOLE, Stopwatch, Timing, table


class Clock:
    """A clock that goes forward when it is told to."""

    def __init__(self) -> None:
        self.ns = 0

    def __call__(self) -> int:
        return self.ns

    def spends(self, ns: int, *, inside: Callable[[], None] | None = None) -> Callable[[], None]:
        """Return a function that takes ``ns``, and calls another in between."""

        def work() -> None:
            self.ns += ns
            if inside is not None:
                inside()

        return work


def test_what_a_stage_inside_takes_is_not_counted_twice() -> None:
    clock = Clock()
    stopwatch = Stopwatch(clock, clock)
    inner = stopwatch.around("inner", clock.spends(5))
    outer = stopwatch.around("outer", clock.spends(7, inside=inner))
    outer()
    outer()
    assert stopwatch.spent() == {"inner": Timing(10, 10, 2), "outer": Timing(14, 14, 2)}


def test_a_stage_that_fails_is_counted_and_fails_on() -> None:
    clock = Clock()
    stopwatch = Stopwatch(clock, clock)

    def fails() -> None:
        clock.ns += 3
        raise ValueError("as it would without a stopwatch")

    with pytest.raises(ValueError, match="as it would"):
        stopwatch.around("stage", fails)()
    assert stopwatch.spent() == {"stage": Timing(3, 3, 1)}


def test_reading_it_begins_anew() -> None:
    clock = Clock()
    stopwatch = Stopwatch(clock, clock)
    stopwatch.around("stage", clock.spends(3))()
    stopwatch.spent()
    assert stopwatch.spent() == {}


@pytest.mark.parametrize("place", [place for stage in STAGES for place in stage.functions])
def test_every_stage_is_a_function_that_the_engine_has(place: str) -> None:
    module, _, path = place.partition(":")
    found = importlib.import_module(module)
    for name in path.split("."):
        found = getattr(found, name)
    assert callable(found)


def test_the_table_shows_the_least_of_each_stage() -> None:
    names = [*(stage.name for stage in STAGES), WHOLE]
    one = {name: Timing(9_000, 2_000, 1) for name in names}
    other = {name: Timing(4_000, 3_000, 1) for name in names}
    line = table([one, other], files=2).splitlines()[1]
    assert line.startswith(STAGES[0].name)
    assert line.split()[-4:-2] == ["2.0", "1.0"]

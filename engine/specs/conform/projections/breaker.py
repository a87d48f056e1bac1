"""Circuits of a ledger as behaviours of ``tla/Breaker.tla``, one per provider and model.

An entry says that a circuit came into another phase, and what led to it: how many failures in a
row or which of the last calls, how many probes that succeeded, how long the phase before lasted,
or that somebody reset it. That becomes the spec's own steps, by one call that begins and comes
back as often. A circuit whose settings are other than the spec's is placed by its distance from
its own thresholds: one failure too few is one too few here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import pairwise

from engine.model import BREAKER_CHANGED_TYPE, BREAKER_CHANGED_V2_TYPE, Json
from engine.specs.conform.lookup import Step

GRAPH = "breaker"
TYPES = frozenset((BREAKER_CHANGED_TYPE, BREAKER_CHANGED_V2_TYPE))

FAILURES, SUCCESSES, TICKS = 5, 2, 2
"""The model's ``FailureThreshold``, ``SuccessThreshold`` and ``Timeout``."""
WINDOW_CALLS, WINDOW_FAILURES = 7, 6
"""The model's own."""

_IDLE: Mapping[str, Json] = {
    "call": {"c1": "idle", "c2": "idle"},
    "failures": 0,
    "leaseAge": 0,
    "openAge": 0,
    "phase": "closed",
    "probe": "None",
    "successes": 0,
    "window": [],
}
_BUSY: Mapping[str, Json] = {"call": {"c1": "current", "c2": "idle"}}


class Projection:
    """Turns the entries of circuits into the spec's steps; remembers each one's time-out.

    That is what the entry said that opened it, not what whoever probes has set.
    """

    def __init__(self) -> None:
        self._timeouts_ms: dict[str, int] = {}

    def steps(self, index: int, statement: Mapping[str, Json]) -> Iterator[Step]:
        """Return what entry ``index`` means, in order."""
        predicate = statement["predicate"]
        trace = f"{predicate['provider']}/{predicate['model']}"
        text = f"{trace}: {predicate['from']} to {predicate['to']}"
        own_ms = predicate["settings"]["timeout_ms"]
        path = list(_path(predicate, self._timeouts_ms.get(trace, own_ms)))
        if predicate["to"] == "open":
            self._timeouts_ms[trace] = own_ms
        for (_, before), (action, after) in pairwise(path):
            yield Step(action, before, after, index, text, trace)


def _path(
    predicate: Mapping[str, Json], timeout_ms: int
) -> Iterator[tuple[str, Mapping[str, Json]]]:
    """States from the phase before to the phase after, each with the action that led to it."""
    if predicate.get("cause") == "reset":
        yield from _resetting(predicate)
        return
    match predicate["from"]:
        case "closed":
            yield from _failing(predicate)
        case "open":
            yield from _waiting(predicate, timeout_ms)
        case _:
            yield from _probing(predicate)


def _failing(predicate: Mapping[str, Json]) -> Iterator[tuple[str, Mapping[str, Json]]]:
    if predicate.get("cause") == "rate":
        outcomes = _by_rate(predicate["window"], predicate["settings"])
    else:
        count = predicate["failures"] - predicate["settings"]["failure_threshold"] + FAILURES
        outcomes = [1] * max(count, 1)
    row, window = 0, list[int]()
    yield "", _IDLE
    for number, failed in enumerate(outcomes, 1):
        yield "Start", {**_IDLE, **_BUSY, "failures": row, "window": window}
        if number < len(outcomes):
            row, window = row + 1 if failed else 0, _slid([*window, failed])
            action = "Fail" if failed else "Succeed"
            yield action, {**_IDLE, "failures": row, "window": window}
    yield "Fail", {**_IDLE, "phase": predicate["to"]}


def _by_rate(window: str, settings: Mapping[str, Json]) -> list[int]:
    """The model's calls that are as far from opening a circuit by their rate as the entry's."""
    spare = window.count("1") - settings["window_failures"]
    late = max(0, len(window) - settings["window_calls"])
    row = max(map(len, window.split("0")))
    first = FAILURES - 1 + max(0, row - settings["failure_threshold"] + 1)
    rest = max(1, WINDOW_FAILURES - FAILURES + 1 + spare)
    return [1] * first + [0] * (WINDOW_CALLS - WINDOW_FAILURES + late) + [1] * rest


def _slid(window: list[int]) -> list[int]:
    kept = window[-WINDOW_CALLS:]
    return kept[kept.index(1) :] if 1 in kept else []


def _resetting(predicate: Mapping[str, Json]) -> Iterator[tuple[str, Mapping[str, Json]]]:
    """Who resets it while a call is under way, which then says nothing more."""
    phase = predicate["from"]
    after: Mapping[str, Json] = {**_IDLE, "phase": predicate["to"]}
    if phase == "open":
        yield "", {**_IDLE, "phase": phase}
        yield "Reset", after
        return
    probe = "c1" if phase == "half-open" else "None"
    under_way = {**_IDLE, **_BUSY, "phase": phase, "probe": probe}
    if phase == "closed":
        yield "", _IDLE
        yield "Start", under_way
    else:
        yield "", under_way
    yield "Reset", {**after, "call": {"c1": "stale", "c2": "idle"}}
    yield "Cancel", after


def _waiting(
    predicate: Mapping[str, Json], timeout_ms: int
) -> Iterator[tuple[str, Mapping[str, Json]]]:
    ticks = min(predicate["waited_ms"] * TICKS // timeout_ms, TICKS)
    for age in range(ticks + 1):
        yield "Tick", {**_IDLE, "phase": "open", "openAge": age}
    yield "HalfOpen", {**_IDLE, **_BUSY, "phase": predicate["to"], "probe": "c1"}


def _probing(predicate: Mapping[str, Json]) -> Iterator[tuple[str, Mapping[str, Json]]]:
    failed = predicate["to"] == "open"
    threshold = predicate["settings"]["success_threshold"]
    count = predicate["successes"] - (0 if failed else threshold - SUCCESSES)
    half: Mapping[str, Json] = {**_IDLE, "phase": "half-open"}
    probing: Mapping[str, Json] = {**half, **_BUSY, "probe": "c1"}
    yield "", probing
    # A failed probe may come after more successes than the model counts to: they look alike.
    for number in range(1, min(count, SUCCESSES - 1) + 1 if failed else count):
        yield "Succeed", {**half, "successes": number}
        yield "Probe", {**probing, "successes": number}
    yield "Fail" if failed else "Succeed", {**_IDLE, "phase": predicate["to"]}

"""Circuits of a ledger as behaviours of ``tla/Breaker.tla``, one per provider and model.

An entry says that a circuit came into another phase, and what led to it: how many failures in a
row, how many probes that succeeded, how long the phase before lasted. That is told as the spec's
own steps, by one call that begins and comes back as often. A circuit whose settings are other
than the spec's is told by its distance from its own thresholds: one failure too few is one too
few here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import pairwise

from engine.model import BREAKER_CHANGED_TYPE, Json
from engine.specs.conform.lookup import Step

GRAPH = "breaker"
TYPES = frozenset((BREAKER_CHANGED_TYPE,))

FAILURES, SUCCESSES, TICKS = 5, 2, 2
"""The model's ``FailureThreshold``, ``SuccessThreshold`` and ``Timeout``."""

_IDLE: Mapping[str, Json] = {
    "call": {"c1": "idle", "c2": "idle"},
    "failures": 0,
    "leaseAge": 0,
    "openAge": 0,
    "phase": "closed",
    "probe": "None",
    "successes": 0,
}
_BUSY: Mapping[str, Json] = {"call": {"c1": "current", "c2": "idle"}}


class Projection:
    """Turns the entries of circuits into the spec's steps; remembers nothing between them."""

    def steps(self, index: int, statement: Mapping[str, Json]) -> Iterator[Step]:
        """Return what entry ``index`` means, in order."""
        said = statement["predicate"]
        trace = f"{said['provider']}/{said['model']}"
        text = f"{trace}: {said['from']} to {said['to']}"
        path = list(_path(said))
        for (_, before), (action, after) in pairwise(path):
            yield Step(action, before, after, index, text, trace)


def _path(said: Mapping[str, Json]) -> Iterator[tuple[str, Mapping[str, Json]]]:
    """States from the phase before to the phase after, each with the action that led to it."""
    match said["from"]:
        case "closed":
            yield from _failing(said)
        case "open":
            yield from _waiting(said)
        case _:
            yield from _probing(said)


def _failing(said: Mapping[str, Json]) -> Iterator[tuple[str, Mapping[str, Json]]]:
    count = said["failures"] - said["settings"]["failure_threshold"] + FAILURES
    yield "", _IDLE
    for number in range(max(count, 1)):
        yield "Start", {**_IDLE, **_BUSY, "failures": number}
        if number < count - 1:
            yield "Fail", {**_IDLE, "failures": number + 1}
    yield "Fail", {**_IDLE, "phase": said["to"]}


def _waiting(said: Mapping[str, Json]) -> Iterator[tuple[str, Mapping[str, Json]]]:
    timeout_ms = said["settings"]["timeout_ms"]
    ticks = min(said["waited_ms"] * TICKS // timeout_ms, TICKS)
    for age in range(ticks + 1):
        yield "Tick", {**_IDLE, "phase": "open", "openAge": age}
    yield "HalfOpen", {**_IDLE, **_BUSY, "phase": said["to"], "probe": "c1"}


def _probing(said: Mapping[str, Json]) -> Iterator[tuple[str, Mapping[str, Json]]]:
    failed = said["to"] == "open"
    wanted = said["settings"]["success_threshold"]
    count = said["successes"] - (0 if failed else wanted - SUCCESSES)
    half: Mapping[str, Json] = {**_IDLE, "phase": "half-open"}
    probing: Mapping[str, Json] = {**half, **_BUSY, "probe": "c1"}
    yield "", probing
    # A failed probe may come after more successes than the model counts to: they look alike.
    for number in range(1, min(count, SUCCESSES - 1) + 1 if failed else count):
        yield "Succeed", {**half, "successes": number}
        yield "Probe", {**probing, "successes": number}
    yield "Fail" if failed else "Succeed", {**_IDLE, "phase": said["to"]}

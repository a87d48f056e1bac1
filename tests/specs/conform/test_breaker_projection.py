"""What a ledger may say of a circuit, and what the spec refuses."""

from __future__ import annotations

import re
from dataclasses import asdict
from typing import Any

import pytest

from engine.calls.breaker import Circuit, Phase, Settings
from engine.calls.breaker.circuits import changed
from engine.specs.conform import graph
from engine.specs.conform.lookup import Report, check
from engine.specs.conform.projections import load
from tests.repository import ROOT

USUAL = Settings()
OTHER = Settings(failure_threshold=2, timeout_ms=1000, success_threshold=4, lease_ms=500)


def story(settings: Settings) -> list[dict[str, Any]]:
    """A circuit opens, probes in vain, probes again, and closes; as the engine records it."""
    threshold, wait, wins = (
        settings.failure_threshold,
        settings.timeout_ms,
        settings.success_threshold,
    )
    opened = Circuit(Phase.OPEN, since_ms=5_000, turn=1)
    again = Circuit(Phase.OPEN, since_ms=9_000 + wait, turn=3)
    half = Circuit(Phase.HALF_OPEN, since_ms=6_000 + wait, turn=2, successes=1)
    once_more = Circuit(Phase.HALF_OPEN, since_ms=10_000 + 2 * wait, turn=4, successes=wins - 1)
    closed = Circuit(since_ms=11_000 + 2 * wait, turn=5)
    return [
        changed("acme", "large", before, after, after.since_ms, settings)
        for before, after in (
            (Circuit(failures=threshold - 1), opened),
            (opened, half),
            (half, again),
            (again, once_more),
            (once_more, closed),
        )
    ]


def checked(predicates: list[dict[str, Any]]) -> Report:
    projection = load("breaker").projection
    return check(
        graph.load("breaker"),
        (
            step
            for index, predicate in enumerate(predicates)
            for step in projection.steps(index, {"predicate": predicate})
        ),
    )


@pytest.mark.parametrize("settings", [USUAL, OTHER], ids=["usual", "other"])
def test_a_circuits_life_conforms_whatever_its_settings(settings: Settings) -> None:
    predicates = story(settings)
    other = [{**predicate, "model": "small"} for predicate in predicates[:2]]

    assert checked([*predicates, *predicates[:1]]).conforms
    assert checked([predicates[0], other[0], predicates[1], other[1], *predicates[2:]]).conforms


@pytest.mark.parametrize("settings", [USUAL, OTHER], ids=["usual", "other"])
@pytest.mark.parametrize(
    ("entry", "member", "change", "action"),
    [
        (0, "failures", -1, "Fail"),
        (0, "failures", 1, "Fail"),
        (1, "waited_ms", -10_000, "HalfOpen"),
        (4, "successes", -1, "Succeed"),
        (4, "successes", 1, "Succeed"),
    ],
)
def test_too_soon_and_too_late_are_refused(
    settings: Settings, entry: int, member: str, change: int, action: str
) -> None:
    predicates = story(settings)
    predicates[entry][member] = max(0, predicates[entry][member] + change)

    report = checked(predicates)

    assert report.rejected is not None
    assert (report.rejected.step.entry, report.rejected.step.action) == (entry, action)


def test_a_probe_before_the_time_out_of_the_process_that_opened_is_refused() -> None:
    """INV-BREAKER-2: whoever probes has a shorter one, and says so in its own entry."""
    opened, probed, *_ = story(USUAL)
    probed["settings"], probed["waited_ms"] = asdict(OTHER), USUAL.timeout_ms - 1

    report = checked([opened, probed])

    assert report.rejected is not None
    assert (report.rejected.step.entry, report.rejected.step.action) == (1, "HalfOpen")
    assert checked([opened, {**probed, "waited_ms": USUAL.timeout_ms}]).conforms


@pytest.mark.parametrize("missing", range(4))
def test_an_entry_that_is_missing_is_noticed(missing: int) -> None:
    predicates = story(USUAL)
    del predicates[missing]

    report = checked(predicates)

    assert report.rejected is not None
    assert report.rejected.step.entry == missing


def test_the_settings_are_those_that_were_in_force() -> None:
    assert story(OTHER)[0]["settings"] == asdict(OTHER)


def test_the_model_gives_the_projections_calls_their_names() -> None:
    """Or TLC could not judge a ledger's steps: to it ``c1`` and ``"c1"`` are not the same."""
    cfg = (ROOT / "tla" / "Breaker.cfg").read_text()
    named = {left for left, right in re.findall(r"^ +(\w+) = (\w+)$", cfg, re.M) if left == right}

    assert named >= {"c1", "c2", "None"}

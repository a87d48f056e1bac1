"""What a ledger may say of a circuit, and what the spec refuses."""

from __future__ import annotations

import re
from dataclasses import asdict
from typing import Any

import pytest

from engine.calls.breaker import Circuit, Phase, Settings
from engine.calls.breaker.circuits import changed
from engine.model import BREAKER_CHANGED_V2_TYPE
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
        changed("acme", "large", before, after, after.since_ms, settings)[1]
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


RATES = [
    USUAL,
    Settings(window_calls=9, window_failures=7),
    Settings(3, window_calls=5, window_failures=4),
]


def by_rate(settings: Settings, window: str) -> dict[str, Any]:
    """A circuit that its last calls opened, the last of which failed; as the engine records it."""
    before = Circuit(failures=1, window=window)
    opened = Circuit(Phase.OPEN, since_ms=5_000, turn=1)
    kind, said = changed("acme", "large", before, opened, 5_000, settings)
    assert kind == BREAKER_CHANGED_V2_TYPE
    return said


@pytest.mark.parametrize(
    ("settings", "window"),
    [
        (USUAL, "1111011110" + "1"),
        (USUAL, "10101010101010101"),
        (RATES[1], "11101110"),
        (RATES[2], "1101"),
    ],
)
def test_a_circuit_that_opens_by_its_rate_conforms(settings: Settings, window: str) -> None:
    """INV-BREAKER-3"""
    opened = by_rate(settings, window)
    assert opened["window"].count("1") == settings.window_failures
    _, *after = story(USUAL)
    after[0]["waited_ms"] = settings.timeout_ms

    assert checked([opened, *after]).conforms
    assert not checked([opened, *after[1:]]).conforms


@pytest.mark.parametrize(
    "window", ["110111", "1101011", "111110111101", "1" + "0" * 20 + "110110110110", "1111101111"]
)
def test_a_rate_that_is_none_is_refused(window: str) -> None:
    """INV-BREAKER-3: too few, too many, in too many calls, or after it was to open by its row."""
    opened = {**by_rate(USUAL, "11110111101"), "window": window}

    report = checked([opened])

    assert report.rejected is not None
    assert report.rejected.step.action == "Fail"


@pytest.mark.parametrize("phase", Phase)
def test_a_reset_conforms_in_every_phase(phase: Phase) -> None:
    """INV-BREAKER-6"""
    first = {Phase.CLOSED: 0, Phase.OPEN: 1, Phase.HALF_OPEN: 2}[phase]
    before = Circuit(phase, since_ms=5_000, turn=first, window="1101" if first == 0 else "")
    closed = Circuit(since_ms=6_000, turn=first + 1)
    kind, said = changed("acme", "large", before, closed, 6_000, USUAL, "a new quota")

    assert kind == BREAKER_CHANGED_V2_TYPE
    assert (said["cause"], said["reason"]) == ("reset", "a new quota")
    assert checked([*story(USUAL)[:first], said, *story(USUAL)[:1]]).conforms
    assert not checked([*story(USUAL)[:first], {**said, "to": "half-open"}]).conforms
    if first:
        assert not checked([said]).conforms


def test_a_circuit_that_closes_without_probe_or_reset_is_refused() -> None:
    opened, *_ = story(USUAL)
    closed = {**story(USUAL)[4], "from": "open"}

    assert not checked([opened, closed]).conforms


@pytest.mark.parametrize("missing", range(4))
def test_an_entry_that_is_missing_is_noticed(missing: int) -> None:
    predicates = story(USUAL)
    del predicates[missing]

    report = checked(predicates)

    assert report.rejected is not None
    assert report.rejected.step.entry == missing


def test_the_settings_are_those_that_were_in_force() -> None:
    assert story(OTHER)[0]["settings"] == {
        name: value for name, value in asdict(OTHER).items() if not name.startswith("window_")
    }


def test_the_model_gives_the_projections_calls_their_names() -> None:
    """Or TLC could not judge a ledger's steps: to it ``c1`` and ``"c1"`` are not the same."""
    cfg = (ROOT / "tla" / "Breaker.cfg").read_text()
    named = {left for left, right in re.findall(r"^ +(\w+) = (\w+)$", cfg, re.M) if left == right}

    assert named >= {"c1", "c2", "None"}

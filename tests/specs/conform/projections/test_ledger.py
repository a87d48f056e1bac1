"""What requests, their answers and imported runs are in ``tla/Ledger.tla``, and what is no step."""

from __future__ import annotations

from typing import Any

import pytest

from engine.model import (
    DECISION_FAILED_TYPE,
    DECISION_IMPORTED_TYPE,
    DECISION_REQUESTED_TYPE,
    LEDGER_CREATED_V2_TYPE,
    RUN_IMPORTED_TYPE,
    Json,
)
from engine.specs.conform.conformance import Conformance, conform
from engine.specs.conform.lookup import Rejection

QUESTION = {"gate": "promotion", "profile": {"name": "strict"}, "stage": "candidate"}
SUBJECT = {"name": "scoring-model", "digest": {"sha256": "00" * 32}}
CREATED = {"ledger_id": "5e", "run": {"ci": "github", "id": "77", "attempt": "1"}}


def said(kind: str, **predicate: Any) -> Json:
    where = {} if kind == LEDGER_CREATED_V2_TYPE else {"ledger": {"id": "5e"}}
    return {"predicateType": kind, "subject": [SUBJECT], "predicate": {**predicate, **where}}


def request(name: str) -> Json:
    return said(DECISION_REQUESTED_TYPE, decision_id=name, **QUESTION)


def failure(name: str, **other: Any) -> Json:
    return said(DECISION_FAILED_TYPE, attempt_id=name, **{**QUESTION, "profile": "strict", **other})


def imported(name: str) -> Json:
    return said(DECISION_IMPORTED_TYPE, decision_id=name)


def run_of(name: str) -> Json:
    return said(RUN_IMPORTED_TYPE, decision_id=name)


def rejected(*entries: Json) -> Rejection | None:
    whole = [said(LEDGER_CREATED_V2_TYPE, **CREATED), *entries]
    conformance = Conformance(["ledger"])
    report = conform(enumerate(whole), conformance)["ledger"]
    assert (conformance.without_spec, conformance.unknown) == ({}, {})
    return report.rejected


@pytest.mark.parametrize(
    "entries",
    [
        (),
        (request("a"),),
        (request("a"), failure("a")),
        (request("a"), request("b"), failure("b"), request("c"), failure("a")),
        (failure("a"), failure("b", stage="production")),
        (imported("a"), run_of("a"), imported("b"), imported("c"), run_of("c")),
    ],
)
def test_what_the_engine_writes_is_a_behaviour(entries: tuple[Json, ...]) -> None:
    """INV-LEDGER-7: a request stays open where a run was stopped, among others that go on."""
    assert rejected(*entries) is None


@pytest.mark.parametrize(
    ("entries", "action", "words"),
    [
        ((request("a"), failure("a", gate="ethics")), "Begin", "its gate is not what entry 1"),
        ((request("a"), failure("a", profile="default")), "Begin", "its profile is not what"),
        ((request("a"), request("b"), failure("a", stage="x")), "Begin", "its stage is not what"),
        ((request("a"), request("a")), "Ask", "does not begin where the step before it ended"),
        ((run_of("a"),), "Begin", "which run a is of, and the entry before it does not import"),
        ((imported("a"), run_of("b")), "Begin", "which run b is of, and the entry before it"),
        ((imported("a"), run_of("a"), run_of("a")), "Begin", "which run a is of, and the entry"),
        ((imported("a"), request("b"), run_of("a")), "Begin", "which run a is of, and the entry"),
    ],
)
def test_what_it_does_not_write_is_no_step(
    entries: tuple[Json, ...], action: str, words: str
) -> None:
    found = rejected(*entries)

    assert found is not None
    assert (found.step.entry, found.step.action) == (len(entries), action)
    assert words in "\n".join(found.lines())

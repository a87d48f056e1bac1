"""A ledger's entries against the specs: golden ones are accepted, and rejected ones are named."""

from __future__ import annotations

import json
from typing import Any

import pytest

from engine.errors import UsageError, VerificationError
from engine.model import Json
from engine.specs.conform.conformance import Conformance, conform
from engine.specs.conform.lookup import Rejection
from tests.ledger.memory_store import MemoryStore, begun
from tests.ledger.scribe import decision, event
from tests.repository import DATA

GOLDEN = DATA / "conform"
ACCEPTED = json.loads((GOLDEN / "accepted.json").read_text())
REJECTED = json.loads((GOLDEN / "rejected.json").read_text())


def checked(entries: list[Any], *names: str) -> dict[str, Rejection | None]:
    reports = conform(enumerate(entries), Conformance(names))
    return {name: report.rejected for name, report in reports.items()}


def test_the_golden_ledger_is_accepted() -> None:
    """INV-LEDGER-4: one history, each entry built on all before it."""
    conformance = Conformance(["ethics", "ledger"])
    reports = conform(enumerate(ACCEPTED), conformance)

    assert all(report.conforms for report in reports.values()), reports
    assert conformance.entries == len(ACCEPTED)
    assert len(reports["ledger"].taken) == reports["ledger"].edges


def test_limits_that_a_graph_is_not_of_are_told_and_the_other_specs_go_on() -> None:
    """The golden ledger was decided by a longer calm than the shipped one."""
    reports = conform(enumerate(ACCEPTED), Conformance())
    promotion = reports.pop("promotion")

    assert promotion.unmodelled is not None
    assert "lifecycle.calm_s was held against 86400 s, and the model has 600" in (
        promotion.unmodelled.reason
    )
    assert promotion.rejected is None
    assert not promotion.conforms
    assert all(report.conforms for report in reports.values())


@pytest.mark.parametrize("case", REJECTED, ids=lambda case: case["name"])
def test_a_golden_ledger_that_no_engine_writes_is_rejected_where_it_goes_wrong(
    case: dict[str, Any],
) -> None:
    """The golden ledger with one change of one entry; the place and the reason are told."""
    entries = json.loads(json.dumps(ACCEPTED))
    if case["change"] == "drop":
        del entries[case["entry"]]
    elif case["change"] == "repeat":
        entries.insert(case["entry"], entries[case["entry"]])
    else:
        predicate = entries[case["entry"]]["predicate"]
        predicate.update(case["change"])

    rejected = checked(entries, case["spec"])[case["spec"]]

    assert rejected is not None
    assert rejected.step.entry == case["rejected"]
    assert rejected.step.action == case["action"]
    text = "\n".join(rejected.lines())
    assert case["told"] in text
    assert "state before" in text
    assert "the spec would have allowed" in text


def test_a_projection_that_was_rejected_sees_nothing_more() -> None:
    conformance = Conformance(["ledger"])
    found = [
        conformance.feed(index, statement)
        for index, statement in enumerate([ACCEPTED[0], ACCEPTED[1], ACCEPTED[1], ACCEPTED[1]])
    ]

    assert [len(steps) for steps in found] == [0, 0, 1, 0]


def test_a_name_that_is_no_projection_is_an_error_that_says_the_nearest() -> None:
    with pytest.raises(UsageError, match="'ledgr' is no spec"):
        Conformance(["ledgr"])


def test_the_statements_of_a_real_ledger_are_read_and_conform() -> None:
    ledger = begun(MemoryStore())
    ledger.append([decision(1), event("between"), decision(2), decision(3)])

    reports = conform(ledger.signed_entries().read(), Conformance(["ledger"]))

    assert reports["ledger"].conforms


@pytest.mark.parametrize(
    "change",
    [
        lambda entry: entry["predicate"].pop("attempt"),
        lambda entry: entry.update(subject=[]),
        lambda entry: entry.update(subject=[7]),
    ],
)
def test_an_entry_that_lacks_what_a_spec_reads_is_named(change: Any) -> None:
    entries: list[Json] = json.loads(json.dumps(ACCEPTED))
    at = next(i for i, entry in enumerate(entries) if "decision:v1" in entry["predicateType"])
    change(entries[at])

    with pytest.raises(VerificationError, match=f"entry {at}: its urn:.* lacks what a spec reads"):
        checked(entries, "ledger")

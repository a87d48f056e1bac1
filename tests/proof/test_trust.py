"""INV-ATTEST-2: a key has the role that the trust list gives it, within its time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from engine.model import Json
from engine.proof.trust import role_of

KEY = "ab" * 32
ISSUED = datetime(2026, 11, 20, 12, tzinfo=UTC)
DECIDED = datetime(2026, 11, 21, 12, tzinfo=UTC)
ROW: dict[str, Json] = {"key_id": KEY, "roles": ["attestor"]}


def role(*rows: Json) -> str:
    return role_of({"keys": list(rows)}, KEY, ISSUED, DECIDED)


def test_a_key_has_the_role_of_its_row() -> None:
    assert role({"key_id": "cd" * 32, "roles": []}, ROW) == "attestor"
    assert role({"key_id": "cd" * 32, "roles": ["attestor"]}) == "none"
    assert role(ROW | {"roles": ["auditor"]}) == role(ROW | {"roles": []}) == "none"


def at(instant: datetime, seconds: int) -> str:
    return (instant + timedelta(seconds=seconds)).isoformat()


@pytest.mark.parametrize(
    ("times", "has"),
    [
        ({"not_before": at(ISSUED, 0)}, "attestor"),
        ({"not_before": at(ISSUED, 1)}, "none"),
        ({"not_after": at(DECIDED, 1)}, "attestor"),
        ({"not_after": at(DECIDED, 0)}, "none"),
        ({"not_after": at(ISSUED, 1)}, "none"),
        ({"not_before": at(ISSUED, -1), "not_after": at(DECIDED, 1)}, "attestor"),
        ({"not_before": "soon"}, "none"),
        ({"not_after": None}, "none"),
        ({"not_after": "0001-01-01T00:00:00+23:00"}, "none"),
    ],
    ids=str,
)
def test_its_time_begins_before_it_signs_and_ends_after_the_decision(
    times: dict[str, Json], has: str
) -> None:
    assert role(ROW | times) == has


@pytest.mark.parametrize(
    "trust", [None, [], {}, {"keys": None}, {"keys": {"a": 1}}, {"keys": [None, 1, {"roles": 1}]}]
)
def test_a_list_that_is_none_trusts_nobody(trust: Json) -> None:
    assert role_of(trust, KEY, ISSUED, DECIDED) == "none"
    assert role(ROW | {"roles": "attestor"}) == "none"

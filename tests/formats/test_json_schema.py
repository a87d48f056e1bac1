from __future__ import annotations

from collections.abc import Iterator

import pytest

from engine.formats.json_schema import Mismatch, first_mismatch
from engine.model import Json
from engine.policy.bundle import shipped_schema


@pytest.mark.parametrize(
    ("rule", "value", "reason"),
    [
        ({"maxLength": 3}, "x" * 2_000, "2,000 characters where at most 3 are read"),
        ({"maxItems": 3}, list(range(2_000)), "2,000 items where at most 3 are read"),
        ({"maxProperties": 0}, {"x": "y" * 300}, "1 keys where at most 0 are read"),
    ],
)
def test_an_error_about_a_limit_says_the_number(rule: Json, value: Json, reason: str) -> None:
    deep = {"properties": {"a": {"properties": {"b": rule}}}}
    assert first_mismatch(deep, {"a": {"b": value}}) == Mismatch("/a/b", reason, "")


class Unopened(dict[str, Json]):
    """Members that are counted, and not looked at."""

    def __iter__(self) -> Iterator[str]:
        raise AssertionError("looked at")


def test_of_too_many_metrics_none_is_looked_at() -> None:
    """Tens of thousands took seconds to be looked at one by one."""
    metrics = Unopened({f"model.m{number}": 1 for number in range(30_000)})
    found = first_mismatch(
        shipped_schema("metrics.schema.json"), {"subject": 1, "metrics": metrics}
    )
    assert found is not None
    assert (found.pointer, found.reason) == (
        "/metrics",
        "30,000 keys where at most 2,000 are read",
    )

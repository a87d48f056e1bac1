"""Finding a decision by what somebody remembers of its id."""

from __future__ import annotations

import pytest

from engine.errors import NotRecordedError
from engine.ledger.lookup import find
from engine.ledger.store import DecisionRow
from tests.ledger.memory_store import MemoryReader

IDS = (
    "019a4c5e-7d00-7abc-8def-000000000001",
    "019a4c5e-7d00-7abc-8def-000000000002",
    "019a4c5e-8e11-7abc-8def-000000000003",
    "019b0000-0000-7000-8000-000000000004",
)


@pytest.fixture
def reader() -> MemoryReader:
    reader = MemoryReader("00" * 16)
    reader.rows.decisions = [
        DecisionRow(index, name, None, None, 1) for index, name in enumerate(IDS, 1)
    ]
    return reader


@pytest.mark.parametrize(
    ("prefix", "index"),
    [(IDS[0], 1), (f" {IDS[3]}\n", 4), (IDS[2][:11], 3), ("019b0000", 4), (IDS[1].upper(), 2)],
)
def test_an_id_or_its_unique_start_is_found(reader: MemoryReader, prefix: str, index: int) -> None:
    assert find(reader, prefix) == index


@pytest.mark.parametrize(
    ("prefix", "message"),
    [
        ("019a4c5e", f"the start of several decisions: {IDS[0]}, {IDS[1]}, {IDS[2]}\n"),
        (IDS[0][:-1], f"the start of several decisions: {IDS[0]}, {IDS[1]}\n"),
        ("019b000", f"no decision '019b000' is recorded\nthe nearest is {IDS[3]}"),
        (IDS[2][:-1] + "9", f"the nearest is {IDS[2]}"),
        ("019a4c5e-8e11-7abc-8dee-000000000003", f"the nearest is {IDS[2]}"),
        ("", "no decision '' is recorded"),
        ("zzzzzzzzzz", "no decision 'zzzzzzzzzz' is recorded"),
        ("019a4c5e%", "no decision"),
    ],
)
def test_what_is_not_found_is_named_with_what_is_near(
    reader: MemoryReader, prefix: str, message: str
) -> None:
    with pytest.raises(NotRecordedError) as caught:
        find(reader, prefix)

    assert message in str(caught.value)


def test_more_than_three_are_not_all_listed(reader: MemoryReader) -> None:
    more = DecisionRow(5, "019a4c5e-9000-7abc-8def-000000000005", None, None, 1)
    reader.rows.decisions.append(more)

    with pytest.raises(NotRecordedError, match=f"{IDS[2]} and more"):
        find(reader, "019a4c5e")


def test_an_empty_ledger_says_so() -> None:
    with pytest.raises(NotRecordedError, match="holds no decision at all"):
        find(MemoryReader("00" * 16), IDS[0])

"""A ledger is not made later than what it was made for, whatever the clock does meanwhile."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path

import pytest

from engine import Budget, Gate, decide
from engine.decision.runtime import SystemRuntime
from engine.formats.times import parse_time
from engine.signers.file import generate
from tests.cli.budget.test_verb import ASK, write_budget
from tests.cli.conftest import Engine

START = datetime(2026, 6, 1, 12, tzinfo=UTC)
TIMES = ("decided_at", "requested_at", "attested_at", "failed_at", "imported_at", "issued_at", "at")
"""What the types of entries call their instant."""

VERBS = {
    "decide": ("decide", "good.json"),
    "decide, with a request": ("decide", "good.json", "--profile", "strict"),
    "decide, which fails": ("decide", "bad.json"),
    "attest": ("attest", "ethics", "good.json"),
    "reserve": (*ASK, "--usd", "0.01"),
    "import": ("ledger", "import", "run.json", "--key", "run.pub.pem"),
}


@pytest.fixture
def shop(engine: Engine) -> Engine:
    """A folder with evidence, prices and a proof of another ledger, and no ledger yet."""
    write_budget()
    Path("good.json").write_text(engine("example", "promote").out)
    Path("bad.json").write_text('{"metrics": {}}')
    generate(Path("run.pem"))
    run = ("--key-file", "run.pem", "--ledger", "run:", "--export", "run.json")
    assert engine("decide", "good.json", *run).code in (0, 5)
    return engine


@pytest.fixture(params=[timedelta(hours=1), timedelta(hours=-1)], ids=["forward", "back"])
def stepping(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    """A clock that is stepped by an hour between any two looks at it."""

    def instants() -> Iterator[datetime]:
        now = START
        while True:
            yield now
            now += request.param

    looks = instants()
    monkeypatch.setattr(SystemRuntime, "now", lambda _: next(looks))


def times(engine: Engine, *flags: str) -> list[datetime]:
    """When entries 0 and 1 say that they were made."""
    shown = [engine("ledger", "show", str(index), *flags).out for index in (0, 1)]
    created, first = (json.loads(text)["predicate"] for text in shown)
    stated = next(first[name] for name in TIMES if name in first)
    return [parse_time(created["created_at"]), parse_time(stated)]


@pytest.mark.usefixtures("stepping")
@pytest.mark.parametrize("name", VERBS)
def test_a_verb_makes_no_ledger_later_than_its_first_entry(shop: Engine, name: str) -> None:
    answer = shop(*VERBS[name])
    created, first = times(shop)
    assert created <= first, answer.err


@pytest.mark.parametrize("door", ["decide", "Gate", "Budget"])
def test_a_program_makes_no_ledger_later_than_its_first_entry(
    shop: Engine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, door: str
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    looks = (START + timedelta(hours=hour) for hour in count())
    monkeypatch.setattr(SystemRuntime, "now", lambda _: next(looks))
    good, key = json.loads(Path("good.json").read_text()), Path("run.pem").read_bytes()
    if door == "decide":
        decide(good, ledger="l.db", key=key)
    elif door == "Gate":
        with Gate(ledger="l.db", key=key) as gate:
            gate.decide(good)
    else:
        budget = Budget("l.db", key=key, policies="policies", daily_usd="1")
        with budget, budget.reserve("acme", "large", usd="0.01"):
            pass
    created, first = times(shop, "--ledger", "l.db")
    assert created <= first

"""What the library's doors are handed: a wrong argument is named, and nothing is left behind."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from engine import Budget, CircuitBreaker, Gate, decide, gather, verify
from engine.calls.budget.request import Request
from engine.calls.budget.usage import Usage
from engine.errors import GovernanceError
from tests.repository import ROOT
from tests.test_api import PRIVATE, PUBLIC, document

PRICED = ROOT / "tests/calls/budget/policies"
Wrong = tuple[Any, ...]
NO_TEXT: Wrong = (None, True, 0, b"x", [], "")
NO_PATH: Wrong = (True, False, 0, 1.5, b"x", [], "", "a\0b", "x" * 5000, "\ud800")
NO_BYTES: Wrong = (None, True, 5, "proof.json", Path("proof.json"), [], object())
NO_KEY: Wrong = ("", b"", b"x", "key.pem", Path("key.pem"), True, 0, PUBLIC)
NO_INSTANT: Wrong = ("2020-01-01T00:00:00Z", 0, "", False, datetime(2020, 1, 1), 1.5)
NO_WHOLE: Wrong = (True, False, 0.5, float("nan"), "60", -1, 10**30, [])
NO_DOCUMENT: Wrong = (
    "metrics.json", b"{}", Path("metrics.json"), None, 1, [], {}, object(), {"subject": {1, 2}},
    {"metrics": float("nan")},
)  # fmt: skip

Door = Callable[..., object]


def _decide(**given: Any) -> object:
    return decide(given.pop("document", document()), **given)


def _attest(ledger: Path, **given: Any) -> object:
    with Gate("ethics", ledger=ledger, key=PRIVATE) as gate:
        return gate.attest(given.pop("document", document()), **given)


def _verify(**given: Any) -> object:
    with_defaults = {"proof": b"{}", "public_keys": [PUBLIC], **given}
    return verify(with_defaults.pop("proof"), with_defaults.pop("public_keys"), **with_defaults)


def _gather(**given: Any) -> object:
    return gather(given.pop("config", ROOT / "examples/gather/gather.toml"), **given)


def _budget(**given: Any) -> object:
    with_defaults = {"key": PRIVATE, "policies": PRICED, **given}
    Budget(with_defaults.pop("ledger"), **with_defaults).close()
    return None


def _reserve(ledger: Path, **given: Any) -> object:
    with Budget(ledger, key=PRIVATE, policies=PRICED) as budget:
        named = {"provider": "acme", "model": "large", "tokens": 10, "usd": "0.1", **given}
        with budget.reserve(named.pop("provider"), named.pop("model"), **named):
            return None


def _settle(ledger: Path, **given: Any) -> object:
    with (
        Budget(ledger, key=PRIVATE, policies=PRICED) as budget,
        budget.reserve("acme", "large", tokens=10, usd="0.1") as lease,
    ):
        lease.settle(**given)
    return None


def _end(ledger: Path, **given: Any) -> object:
    with Budget(ledger, key=PRIVATE, policies=PRICED) as budget:
        lease = budget.ask(Request("acme", "large", 100_000, tokens=10)).lease
        return budget.settle(given.get("lease_id", lease), given.get("spent", Usage(1)))


def _release(ledger: Path, **given: Any) -> object:
    with Budget(ledger, key=PRIVATE, policies=PRICED) as budget:
        return budget.release(given["lease_id"])


def _ask(ledger: Path, **given: Any) -> object:
    with Budget(ledger, key=PRIVATE, policies=PRICED) as budget:
        return budget.ask(given["request"])


def _breaker(**given: Any) -> object:
    named = {"provider": "acme", "model": "large", **given}
    with CircuitBreaker(named.pop("provider"), named.pop("model"), **named) as breaker:
        return breaker.call(lambda: None)


RECORDED = {"ledger": "ledger.db", "key": PRIVATE}
DOORS: dict[str, tuple[Door, dict[str, Any], dict[str, tuple[Any, ...]]]] = {
    "decide": (_decide, RECORDED, {
        "document": NO_DOCUMENT, "gate": NO_TEXT, "profile": NO_TEXT, "stage": NO_TEXT,
        "ledger": NO_PATH, "key": NO_KEY, "policies": NO_PATH, "export": NO_PATH,
        "now": NO_INSTANT, "attestations": ("", b"x", "proof", None, 5, [""], [None], {"a": 1}),
    }),
    "Gate": (Gate, RECORDED, {"cache": NO_PATH, "gate": NO_TEXT, "key": NO_KEY}),
    "Gate.attest": (_attest, {"ledger": "ledger.db"}, {
        "document": NO_DOCUMENT, "ttl_s": NO_WHOLE, "export": NO_PATH,
    }),
    "verify": (_verify, {}, {
        "proof": NO_BYTES,
        "public_keys": (None, PUBLIC, PUBLIC.decode(), b"", "", 5, [None], [5], ["key.pub"], [b""]),
        "expect": ({}, {"require": "BLOCK"}, "", "BLOCK", False, 0),
    }),
    "gather": (_gather, {}, {
        "config": (None, *NO_PATH), "environ": ([], "PATH", 5, True), "policies": NO_PATH,
    }),
    "Budget": (_budget, {"ledger": "ledger.db"}, {
        "ledger": (None, *NO_PATH), "key": (None, *NO_KEY), "policies": NO_PATH,
        "profile": NO_TEXT, "time_zone": (*NO_TEXT, "x/y", "../../etc/passwd"),
        "daily_usd": (True, 0.5, [], "x", -1, b"5"), "daily_tokens": (True, 0.5, [], "x", -1),
        "daily_requests": (True, 0.5, [], "x", -1), "cache": NO_PATH,
    }),
    "Budget.reserve": (_reserve, {"ledger": "ledger.db"}, {
        "provider": NO_TEXT, "model": NO_TEXT, "usd": (True, 0.5, [], "x", "-1", b"5"),
        "tokens": NO_WHOLE, "requests": (None, *NO_WHOLE), "team": NO_TEXT[1:],
        "tags": ("abc", b"x", None, 5, [5], [""]), "route": NO_TEXT[1:], "ttl_s": (None, *NO_WHOLE),
    }),
    "Lease.settle": (_settle, {"ledger": "ledger.db"}, {
        "usage": ([], "x", 5, {"prompt_tokens": -1}), "usd": (True, 0.5, [], "x", "-1", b"5"),
        "tokens": NO_WHOLE, "requests": NO_WHOLE,
    }),
    "Budget.settle": (_end, {"ledger": "ledger.db"}, {
        "lease_id": NO_TEXT, "spent": (None, 5, "1", {}),
    }),
    "Budget.release": (_release, {"ledger": "ledger.db"}, {"lease_id": NO_TEXT}),
    "Budget.ask": (_ask, {"ledger": "ledger.db"}, {"request": (None, 5, "acme/large", {})}),
    "CircuitBreaker": (_breaker, RECORDED, {
        "provider": NO_TEXT, "model": NO_TEXT, "ledger": NO_PATH, "key": NO_KEY,
        "failure_threshold": (None, *NO_WHOLE), "timeout_s": (None, True, "60", 0, float("nan")),
        "success_threshold": (None, *NO_WHOLE), "lease_s": (None, True, "60", 0, float("inf")),
        "classify": (None, 5, "x"), "classify_answer": (5, "x"),
    }),
}  # fmt: skip
"""Each door: what it is handed that is right, and by argument what is wrong."""


CASES = [
    pytest.param(door, argument, value, id=f"{door} {argument} {number} {type(value).__name__}")
    for door, (_, _, wrong) in DOORS.items()
    for argument, values in wrong.items()
    for number, value in enumerate(values)
]


@pytest.mark.parametrize(("door", "argument", "value"), CASES)
def test_a_wrong_argument_is_an_error_of_the_engines_own(
    door: str, argument: str, value: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    function, right, _ = DOORS[door]
    given: dict[str, Any] = {**right, argument: value}
    with pytest.raises(GovernanceError) as caught:
        function(**given)
    assert caught.value.exit_code in (2, 4)
    known = {"ledger.db", "ledger.db-wal", "ledger.db-shm", "ledger.db.lock", "heads"}
    assert {file.name for file in tmp_path.iterdir()} <= known


def test_text_and_paths_are_taken_alike(tmp_path: Path) -> None:
    table = tmp_path / "own/limits/default/data.yaml"
    table.parent.mkdir(parents=True)
    table.write_bytes((ROOT / "policies/limits/default/data.yaml").read_bytes() + b"\n")
    proof = tmp_path / "proof.json"
    text: Any = PRIVATE.decode()
    decision = decide(
        document(),
        ledger=str(tmp_path / "l.db"),
        key=text,
        policies=str(tmp_path / "own"),
        export=str(proof),
    )
    assert decision.recorded
    keys: Any = [PUBLIC.decode()]
    assert verify(proof.read_bytes(), keys).decision_id == decision.decision_id


def test_no_message_shows_a_key() -> None:
    """A path or a key in the wrong place is named by its type alone."""
    secret: Any = json.dumps({"key": "c2VjcmV0"})
    with pytest.raises(GovernanceError) as caught:
        decide(document(), ledger="l.db", key=secret)
    assert "c2VjcmV0" not in str(caught.value)

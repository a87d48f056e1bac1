"""A ledger on another database is one file and one line: every door works on it as on a file."""

from __future__ import annotations

import json
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from engine import Budget, Gate, verify
from engine.calls.budget.request import Request
from engine.calls.budget.usage import Usage
from engine.decision.program import session_of
from engine.decision.record_to import RecordTo
from engine.decision.runtime import SystemRuntime
from engine.errors import DocumentError, LedgerError, RollbackError, UsageError
from engine.formats.times import write_time
from engine.ledger import STORES, open_ledger
from engine.model import Json, Signer
from tests.ledger.memory_store import MemoryStore
from tests.repository import ROOT

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
KEY = Ed25519PrivateKey.from_private_bytes(b"\x09" * 32)
PEM = KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
PUBLIC = KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
PRICED = ROOT / "tests/calls/budget/policies"
URL = "memory:here"


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> MemoryStore:
    """A second kind of store, in the table under a scheme of its own."""
    made = MemoryStore()
    monkeypatch.setitem(STORES, "memory", lambda _url, _writable, _timeout: made)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.setattr(SystemRuntime, "now", lambda _self: NOW)
    return made


def evidence(**claims: float) -> Json:
    document = json.loads((ROOT / "examples/promote.json").read_text())
    document["observed_at"] = write_time(NOW)
    document["metrics"] |= {f"budget.{name}": value for name, value in claims.items()}
    return document


def spend_a_dollar_of_one() -> None:
    with Budget(URL, key=PEM, policies=PRICED, daily_usd="1") as budget:
        granted = budget.ask(Request("acme", "large", 1_000_000, tokens=100))
        budget.settle(granted.lease, Usage(1_000_000))


@pytest.mark.usefixtures("store")
def test_it_decides_and_its_proof_and_all_of_it_verify(tmp_path: Path) -> None:
    with Gate(ledger=URL, key=PEM) as gate:
        decision = gate.decide(evidence(), export=tmp_path / "proof.json")

    assert decision.recorded
    verified = verify((tmp_path / "proof.json").read_bytes(), [PUBLIC])
    assert verified.verdict == decision.verdict
    heads = tmp_path / "governance-engine/heads"
    with closing(open_ledger(URL, signer=None, heads=heads)) as ledger:
        report = ledger.verify(signatures=True, public_keys=[KEY.public_key().public_bytes_raw()])
        assert (report.size, report.head) == (2, True)


@pytest.mark.usefixtures("store")
def test_its_own_figures_of_budgets_count_and_not_the_callers_claim() -> None:
    """INV-DOOR-2: also for a door that has not opened it yet."""
    spend_a_dollar_of_one()

    with (
        Gate(ledger=URL, key=PEM) as gate,
        pytest.raises(DocumentError, match=r"budget.usd_ratio is 1 by ledger .* claims 0.01"),
    ):
        gate.decide(evidence(usd_ratio=0.01))
    with session_of(URL, PEM) as unopened:
        question = unopened.question("promotion", "default", "candidate")
        assert unopened.figures(question) is not None


def test_what_cannot_be_looked_for_is_an_error_and_not_a_missing_ledger(
    store: MemoryStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unreachable() -> bool:
        raise LedgerError("the database does not answer")

    monkeypatch.setattr(store, "exists", unreachable)
    with pytest.raises(LedgerError, match="does not answer"):
        RecordTo(URL, _no_key, environ={}).exists()
    with pytest.raises(UsageError, match="no ledger is kept in other:"):
        RecordTo("other:here", _no_key, environ={}).exists()


def _no_key() -> Signer:
    raise AssertionError("no key is needed to look")


def test_one_that_went_backwards_is_refused(store: MemoryStore) -> None:
    """INV-DOOR-4: its heads lie in the user's state folder, for it has no folder of its own."""
    with Gate(ledger=URL, key=PEM) as gate:
        gate.decide(evidence())
    before = store.copy()
    with Gate(ledger=URL, key=PEM) as gate:
        gate.decide(evidence())
    store.put_back(before)

    with pytest.raises(RollbackError):
        Gate(ledger=URL, key=PEM)


@pytest.mark.usefixtures("store")
def test_no_file_of_this_machine_belongs_to_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "memory:here").touch()
    with Gate(ledger=URL, key=PEM) as gate:
        gate.decide(evidence(), export="memory:here")
    assert (tmp_path / "memory:here").stat().st_size

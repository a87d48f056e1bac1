from __future__ import annotations

import hashlib
import importlib.metadata
import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

import engine
from engine import Expectations, decide, errors, verify
from engine.decision.runtime import SystemRuntime
from engine.errors import UsageError, VerificationError
from engine.formats.times import write_time
from engine.model import Json, Verdict
from tests.repository import ROOT

EXAMPLE = ROOT / "examples" / "promote.json"
NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
KEY = Ed25519PrivateKey.from_private_bytes(hashlib.sha256(b"test").digest())
PRIVATE = KEY.private_bytes(
    serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
)
PUBLIC = KEY.public_key().public_bytes(
    serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
)


def document() -> Json:
    return {**json.loads(EXAMPLE.read_text()), "observed_at": write_time(NOW)}


@pytest.fixture(autouse=True)
def noon(monkeypatch: pytest.MonkeyPatch) -> None:
    """The system's clock stands still."""
    monkeypatch.setattr(SystemRuntime, "now", lambda _: NOW)


def test_a_program_decides_records_and_verifies(tmp_path: Path) -> None:
    decision = decide(document(), ledger=tmp_path / "l.db", key=PRIVATE, export=tmp_path / "p.json")
    assert (decision.verdict, decision.recorded, decision.index) == (Verdict.PROMOTE, True, 1)

    verified = verify(
        (tmp_path / "p.json").read_bytes(), [PUBLIC], Expectations(require=Verdict.PROMOTE)
    )
    assert verified.decision_id == decision.decision_id
    assert verified.failed_expectations == ()


def test_a_proof_is_not_written_over_a_file_by_a_folders_name_nor_among_the_policies(
    tmp_path: Path,
) -> None:
    """INV-DOOR-5."""
    own = tmp_path / "own"
    (own / "limits/own").mkdir(parents=True)
    (own / "limits/own/data.yaml").write_text("extends: default\nchecks: {}\n")
    (tmp_path / "notes.md").write_text("notes")
    for export in (f"{tmp_path}/notes.md/", own / "new.yaml", str(own / "limits/own/data.yaml")):
        with pytest.raises(UsageError, match="written"):
            decide(document(), ledger=tmp_path / "l.db", key=PRIVATE, policies=own, export=export)
    assert (tmp_path / "notes.md").read_text() == "notes"
    assert [path.name for path in own.rglob("*") if path.is_file()] == ["data.yaml"]


def test_without_a_ledger_the_decision_says_that_it_is_not_recorded() -> None:
    decision = decide(document())
    assert (decision.verdict, decision.recorded, decision.checkpoint) == ("PROMOTE", False, None)


def test_what_nobody_asks_and_what_is_no_value_is_named_from_python_as_in_reports() -> None:
    """INV-REPORT-3, and INV-INPUT-9 of a check."""
    given = document()
    given["metrics"] |= {"x.ethics.eec": 1, "ethics.ece": {"value": -1, "n": 5000}}

    decision = decide(given)

    assert [(row.metric, row.nearest) for row in decision.unread_metrics] == [
        ("x.ethics.eec", "did you mean 'ethics.ece'?")
    ]
    (ece,) = [check for check in decision.checks if check["id"] == "ethics.ece"]
    assert "invalid_because" in ece


def test_evidence_of_yesterday_holds() -> None:
    """INV-INPUT-6: stale evidence is never a pass."""
    assert decide(document(), now=NOW + timedelta(days=30)).verdict == Verdict.HOLD


def test_an_attestation_that_is_handed_on_is_verified_and_rested_on(tmp_path: Path) -> None:
    """INV-ATTEST-3, INV-ATTEST-4: here by the own key, which the profile tolerates."""
    profile = tmp_path / "policies/limits/attested/data.yaml"
    profile.parent.mkdir(parents=True)
    row = "{severity: block}"
    profile.write_text(f"extends: default\nchecks: {{ethics.attestation: {row}}}\n")
    asking: dict[str, Any] = {"profile": "attested", "policies": tmp_path / "policies"}
    proof = attested(tmp_path)
    key: dict[str, Any] = {"ledger": tmp_path / "l.db", "key": PRIVATE}

    assert decide(document(), **asking).verdict == Verdict.HOLD
    decision = decide(document(), **asking, **key, attestations=[proof])
    assert decision.verdict == Verdict.PROMOTE
    assert decision.relaxations == ("policies_overridden", "self_attested")
    assert [each["self"] for each in decision.attestations] == [True]
    with pytest.raises(VerificationError):
        decide(document(), **asking, attestations=[proof.replace(b'"size":2', b'"size":3')])
    # A profile that asks for none does not look at any.
    assert decide(document(), attestations=[b"none"]).verdict == Verdict.PROMOTE


def attested(folder: Path) -> bytes:
    """The proof of an attestation by our key, in a ledger of its own."""
    from engine.decision.attest import attest
    from engine.decision.export import export
    from engine.decision.judge import judge
    from engine.evidence.documents import parse
    from engine.evidence.input import Question, gather
    from engine.ledger import open_ledger
    from engine.policy.bundle import shipped_bundle, shipped_schema
    from engine.policy.evaluators.wasm import WasmEvaluator
    from engine.signers.ed25519 import from_pem

    question, bundle = Question("ethics", "default", "candidate", NOW), shipped_bundle()
    evidence = parse("m.json", json.dumps(document()).encode())
    asked = gather([evidence], question, bundle, shipped_schema("metrics.schema.json"))
    evaluator = WasmEvaluator(bundle, cache=None)
    name = "01a1fd23-6d77-7766-9a1c-db593db46467"
    judgement = judge(asked, question, bundle, evaluator, decision_id=name, salt=bytes(32))
    evaluator.close()
    signer = from_pem(PRIVATE, "key")
    url = str(folder / "board.db")
    ledger = open_ledger(url, signer=signer, heads=None, create=True, created_at=write_time(NOW))
    attest(judgement, 3600, ledger, signer, bundle)
    assert ledger.verify(signatures=True, public_keys=[signer.public_key]).decisions == 1
    assert ledger.verify().decisions == 1
    proof = export(ledger, name).encode()
    ledger.close()
    return proof


def test_a_ledger_needs_a_key(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="a ledger needs a key"):
        decide(document(), ledger=tmp_path / "l.db")


def test_what_is_not_genuine_raises() -> None:
    with pytest.raises(VerificationError):
        verify(b"{}", [PUBLIC])


def test_the_names_stay_functions_whoever_imports_the_modules_first() -> None:
    code = (
        "import engine.decision.judge, engine.proof.verify\n"
        "from engine import decide, verify\n"
        "assert decide.__module__ == verify.__module__ == 'engine.api'\n"
        "from engine.proof.verify import Expectations\n"
        "from engine import decide as again\n"
        "assert again is decide\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize(
    "imported",
    ["import engine.verify as v; v.Expectations", "from engine.verify import Expectations"],
)
def test_the_old_place_of_expectations_warns_and_works(imported: str) -> None:
    code = (
        "import warnings\n"
        "with warnings.catch_warnings(record=True) as caught:\n"
        "    warnings.simplefilter('always')\n"
        f"    {imported}\n"
        "assert [each.category for each in caught] == [DeprecationWarning], caught\n"
        "import engine\n"
        "assert callable(engine.verify)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_sources_that_nothing_was_built_of_say_what_is_installed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "engine._version", None)
    monkeypatch.delitem(sys.modules, "engine.system.version", raising=False)
    assert engine.__version__ == importlib.metadata.version("governance-engine")


def test_every_error_that_a_caller_may_catch_is_imported_from_the_front_door() -> None:
    """docs/circuit-breaker.md: `from engine import CircuitOpenError`."""
    kinds = {
        name: kind
        for name, kind in vars(errors).items()
        if isinstance(kind, type) and issubclass(kind, errors.GovernanceError)
    }

    assert len(kinds) > 20
    assert {name: getattr(engine, name) for name in kinds} == kinds
    assert kinds.keys() <= set(engine.__all__)

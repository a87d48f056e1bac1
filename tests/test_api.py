from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from engine import decide, verify
from engine.errors import UsageError, VerificationError
from engine.model import Json, Verdict
from engine.times import write_time
from engine.verify import Expectations

EXAMPLE = Path(__file__).parents[1] / "examples" / "promote.json"
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


def test_a_program_decides_records_and_verifies(tmp_path: Path) -> None:
    decision = decide(
        document(), ledger=tmp_path / "l.db", key=PRIVATE, export=tmp_path / "p.json", now=NOW
    )
    assert (decision.verdict, decision.recorded, decision.index) == (Verdict.PROMOTE, True, 1)

    verified = verify(
        (tmp_path / "p.json").read_bytes(), [PUBLIC], Expectations(require=Verdict.PROMOTE)
    )
    assert verified.decision_id == decision.decision_id
    assert verified.failed_expectations == ()


def test_without_a_ledger_the_decision_says_that_it_is_not_recorded() -> None:
    decision = decide(document(), now=NOW)
    assert (decision.verdict, decision.recorded, decision.checkpoint) == ("PROMOTE", False, None)


def test_evidence_of_yesterday_holds() -> None:
    """INV-INPUT-6: stale evidence is never a pass."""
    assert decide(document(), now=NOW + timedelta(days=30)).verdict == Verdict.HOLD


def test_a_ledger_needs_a_key(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="a ledger needs a key"):
        decide(document(), ledger=tmp_path / "l.db", now=NOW)


def test_what_is_not_genuine_raises() -> None:
    with pytest.raises(VerificationError):
        verify(b"{}", [PUBLIC])


def test_the_names_stay_functions_whoever_imports_the_modules_first() -> None:
    code = (
        "import engine.decide, engine.verify\n"
        "from engine import decide, verify\n"
        "assert decide.__module__ == verify.__module__ == 'engine.api'\n"
        "from engine.verify import Expectations\n"
        "from engine import decide as again\n"
        "assert again is decide\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)

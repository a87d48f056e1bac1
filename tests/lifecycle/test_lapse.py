"""Until when the attestations of a subject in production last. LIVE-ETHICS-1."""

from __future__ import annotations

from engine.model import Json
from engine.proof.attestation_rules import RequiredAttestation, lasts_until

SHA256 = "ab" * 32
ETHICS, PRIVACY = (f"urn:governance-engine:{gate}-attestation:v1" for gate in ("ethics", "privacy"))
DAY_S = 86_400


def attestation(kind: str, expires_at: str) -> Json:
    return {
        "type": kind,
        "verdict": "PROMOTE",
        "subject_sha256": SHA256,
        "age_s": 60,
        "remaining_s": 60,
        "relaxations": [],
        "self": False,
        "role": "attestor",
        "issued_at": "2026-11-21T12:00:00Z",
        "expires_at": expires_at,
    }


def required(kind: str) -> RequiredAttestation:
    return RequiredAttestation((kind,), 90 * DAY_S, "block")


def test_of_several_required_attestations_the_first_to_expire_counts() -> None:
    """Once one is gone the gate blocks, however long the other lasts."""
    given = [
        attestation(ETHICS, "2026-11-25T12:00:00Z"),
        attestation(PRIVACY, "2026-11-23T12:00:00Z"),
    ]
    both = [required(ETHICS), required(PRIVACY)]
    assert lasts_until(both, given, SHA256, ()) == "2026-11-23T12:00:00Z"


def test_of_several_attestations_for_one_check_the_longest_lived_counts() -> None:
    """Any one of them is enough, so a subject is not rolled back while one is still in force."""
    given = [
        attestation(ETHICS, "2026-11-25T12:00:00Z"),
        attestation(ETHICS, "2026-11-23T12:00:00Z"),
    ]
    assert lasts_until([required(ETHICS)], given, SHA256, ()) == "2026-11-25T12:00:00Z"

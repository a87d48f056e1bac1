"""INV-CONFORM-1: where a ledger keeps the policy of an entry, what the policy says is compared."""

from __future__ import annotations

from datetime import timedelta

from engine.formats.times import parse_time, write_time
from engine.ledger import Blob, EntryDraft, LedgerPosition
from engine.model import Subject
from engine.proof.envelope import open_envelope, seal
from engine.proof.statement import parse_statement, statement
from engine.specs.conform.claims import Claims
from tests.ledger.scribe import KEY, decision_id
from tests.lifecycle.driver import ATTESTED, WATCHED, World, bundle_with


def attested() -> World:
    world = World(bundle_with(ATTESTED))
    world.attest(Subject(WATCHED.name, WATCHED.version, WATCHED.sha256))
    return world


def test_an_honest_attestation_lasts_as_long_as_its_policy_allows() -> None:
    claims = Claims(attested().ledger)
    assert len(list(claims.read())) == 2
    assert claims.contradicted is None


def test_an_attestation_that_lasts_too_long_is_named() -> None:
    """INV-ATTEST-7: ten years, where the profile allows months."""
    ledger = attested().ledger
    whole = parse_statement(open_envelope(ledger.entry(1)).payload)
    predicate = whole["predicate"]
    until = parse_time(predicate["expires_at"]) + timedelta(days=3650)
    longer = {**predicate, "attestation_id": decision_id(9), "expires_at": write_time(until)}
    digest = predicate["policy"]["digest"]["sha256"]
    blobs = (*ledger.attachments(1), Blob("policy", ledger.blob("policy", digest), digest))

    def build(_place: LedgerPosition) -> bytes:
        payload = statement(whole["subject"], whole["predicateType"], longer)
        return seal(payload, KEY.sign, KEY.key_id)

    ledger.append([EntryDraft(decision_id(9), None, None, build, blobs)])
    claims = Claims(ledger)
    list(claims.read())

    assert claims.contradicted is not None
    assert (claims.contradicted.entry, claims.contradicted.promise) == (2, "INV-ATTEST-7")
    assert claims.contradicted.reason == "the attestation lasts longer than the profile allows"

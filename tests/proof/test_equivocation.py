"""A file that convicts a signer, and each way in which it does not."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from engine.errors import VerificationError
from engine.formats.signed_json import write_base64
from engine.proof.equivocation import SignedRecord, encode, record_of, verify_equivocation
from engine.proof.trusted_keys import TrustedKey
from tests.repository import ROOT
from tests.simulator import NOW, Case, Key, Ledger, Policy

RELEASE, OTHER = Key("release"), Key("other")
SCHEMA = json.loads((ROOT / "schemas/equivocation.schema.json").read_text())
LEFT, RIGHT = 0, 1


def signed(key: Key, name: str, version: str, *, at: int = 1) -> SignedRecord:
    """A decision whose id depends on its place alone, in a ledger of its own."""
    ledger = Ledger(key, name)
    for _ in range(at - 1):
        ledger.append(b"an earlier entry")
    case = Case()
    case.subject |= {"version": version}
    index = ledger.decide(case, Policy())
    ledger.append(b"whatever comes later")
    return record_of(ledger.prove(index))


PAIR = (signed(RELEASE, "one", "1.0.0"), signed(RELEASE, "two", "2.0.0"))


def test_one_key_that_signed_two_decisions_under_one_id_is_convicted() -> None:
    """INV-IMPORT-2."""
    data = encode(PAIR)
    Draft202012Validator(SCHEMA).validate(json.loads(data))

    found = verify_equivocation(data, [OTHER.public, RELEASE.public])

    assert (found.public_key, found.decision_id) == (
        RELEASE.public,
        "0193477e-7a00-7000-8000-000000000001",
    )
    assert all(record.is_included for record in found.records)
    assert encode(reversed(PAIR)) == data


def test_what_an_import_carries_of_the_original_is_enough() -> None:
    central, run = Ledger(OTHER, "central"), Ledger(RELEASE, "two")
    index = run.decide(Case(), Policy())
    imported = record_of(central.prove(central.adopt(run, index)))
    assert (imported.path, imported.entry) == (None, run.entries[index])

    found = verify_equivocation(encode([PAIR[LEFT], imported]), [RELEASE.public])

    assert sorted(record.is_included for record in found.records) == [False, True]


def test_a_key_is_convicted_whenever_it_was_trusted() -> None:
    assert verify_equivocation(encode(PAIR), [TrustedKey(RELEASE.public, not_after=NOW)])


def with_other(**members: Any) -> bytes:
    return encode([PAIR[LEFT], replace(PAIR[RIGHT], **members)])


def edited(edit: Callable[[Any], None]) -> bytes:
    document = json.loads(encode(PAIR))
    edit(document)
    return json.dumps(document).encode()


def rewrapped(entry: bytes) -> bytes:
    return json.dumps(json.loads(entry), indent=1).encode()


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (encode([PAIR[LEFT], PAIR[LEFT]]), "one and the same decision"),
        (
            encode([PAIR[LEFT], replace(PAIR[LEFT], entry=rewrapped(PAIR[LEFT].entry), path=None)]),
            "one and the same decision",
        ),
        (encode([PAIR[LEFT], signed(RELEASE, "two", "2.0.0", at=2)]), "two ids"),
        (encode([PAIR[LEFT], signed(OTHER, "two", "2.0.0")]), "two keys signed"),
        (encode([PAIR[LEFT], signed(Key("stranger"), "two", "2.0.0")]), "none of the given keys"),
        (encode(PAIR[:1]), "holds 1 records"),
        (encode([*PAIR, PAIR[LEFT]]), "holds 3 records"),
        (with_other(index=0), "not at index 0"),
        (with_other(index=3), "behind its own checkpoint"),
        (with_other(checkpoint=PAIR[LEFT].checkpoint, path=None), "another ledger than its"),
        (with_other(checkpoint="nothing"), "not a signed note"),
        (edited(lambda file: file.update(more=1)), "unknown member"),
        (edited(lambda file: file.update(mediaType="x")), "not of type"),
        (edited(lambda file: file["records"][0].update(path=None)), "not an array"),
        (edited(lambda file: file["records"][0].update(entry=write_base64(b"{}"))), "lacks"),
        (b"", "not strict JSON"),
    ],
)
def test_what_does_not_convict_is_not_genuine(data: bytes, reason: str) -> None:
    with pytest.raises(VerificationError, match=reason):
        verify_equivocation(data, [RELEASE.public, OTHER.public])


def test_an_honest_importer_of_its_own_run_is_not_convicted_by_its_own_import() -> None:
    """Both entries name the decision's id, and one key signed both: that is what importing is."""
    central, run = Ledger(RELEASE, "central"), Ledger(RELEASE, "one")
    index = run.decide(Case(), Policy())
    mine = central.prove(central.adopt(run, index))
    imported = SignedRecord(mine.entry, mine.index, mine.checkpoint, mine.path)
    with pytest.raises(VerificationError, match="not a decision"):
        verify_equivocation(encode([record_of(run.prove(index)), imported]), [RELEASE.public])


def test_a_key_of_another_role_convicts_nobody() -> None:
    keys = [TrustedKey(RELEASE.public, roles=("checkpoint",))]
    with pytest.raises(VerificationError, match="none of the given keys"):
        verify_equivocation(encode(PAIR), keys)

from __future__ import annotations

import base64
import json
import subprocess
import sys
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.errors import VerificationError
from engine.model import DECISION_FAILED_TYPE, Json, Subject, Verdict
from engine.proof import checkpoint, merkle
from engine.proof.bundle import ProofBundle
from engine.proof.checkpoint import Checkpoint, origin_of
from engine.proof.envelope import open_envelope, seal
from engine.proof.keys import load_public_pem
from engine.proof.verify import Expectations, TrustedKey, verify
from tests.examples import examples
from tests.repository import DATA
from tests.simulator import ARTIFACT, NOW, Case, Key, Ledger, Policy, ledger_of_decisions, metric

KEY, OTHER_KEY = Key("release"), Key("somebody else")
POLICY = Policy()
LEDGER = ledger_of_decisions(KEY, POLICY, 6)
INDEX, SIZE = 3, 7
BUNDLE = LEDGER.prove(INDEX)


def refuse(bundle: ProofBundle | bytes, reason: str = ".", *keys: Key) -> None:
    """``bundle`` is not genuine; the reason says so."""
    data = bundle if isinstance(bundle, bytes) else bundle.encode()
    with pytest.raises(VerificationError, match=reason):
        verify(data, [key.public for key in keys or (KEY,)])


def test_a_genuine_record_says_what_was_decided() -> None:
    verified = verify(BUNDLE.encode(), [OTHER_KEY.public, KEY.public])

    assert verified.verdict is Verdict.PROMOTE
    assert verified.subject == Subject("scoring-model", "2.4.1", ARTIFACT)
    assert (verified.gate, verified.profile, verified.stage) == (
        *("promotion", "default", "candidate"),
    )
    assert (verified.index, verified.checkpoint.size) == (INDEX, SIZE)
    assert verified.ledger_id == LEDGER.id
    assert verified.decision_id == "0193477e-7a00-7000-8000-000000000003"
    assert (verified.decided_at, verified.valid_until) == (
        *("2026-11-20T12:00:05Z", "2026-11-21T12:00:05Z"),
    )
    assert [check["id"] for check in verified.checks] == [
        *("ethics.consent", "ethics.ece", "slo.dec_p95_ms"),
    ]
    assert verified.relaxations == ()
    assert verified.policy_digest == POLICY.digest()
    assert verified.policy is not None
    assert verified.policy.files["policy.wasm"] == POLICY.files()["policy.wasm"]
    assert verified.input == BUNDLE.attachments["input"]
    assert verified.predicate["evaluator"]["kind"] == "wasm"
    assert (verified.failed_expectations, verified.nothing_required) == ((), True)


@given(st.integers(1, 6), st.data())
def test_every_decision_verifies_at_every_later_size(index: int, data: st.DataObject) -> None:
    size = data.draw(st.integers(index + 1, SIZE))
    whole, policy = data.draw(st.booleans()), data.draw(st.booleans())
    bundle = LEDGER.prove(index, size, whole=whole, policy=policy)

    verified = verify(bundle.encode(), [KEY.public])

    assert (verified.index, verified.checkpoint.size) == (index, size)
    assert (verified.policy is not None) == policy


FAILING = {"ethics.consent": metric(True), "ethics.ece": metric(0.031, n=24_000)}


@pytest.mark.parametrize(
    ("case", "verdict"),
    [
        (Case(), "PROMOTE"),
        (Case(stage="production"), "PROMOTE"),
        (Case(relaxations=["ephemeral_ledger"]), "PROMOTE"),
        (Case(relaxations=["unsigned_evidence"]), "HOLD"),
        (Case(metrics={"ethics.consent": metric(True)}), "HOLD"),
        (Case(metrics={}), "HOLD"),
        (Case(metrics=FAILING), "BLOCK"),
        (Case(metrics=FAILING, stage="production"), "ROLLBACK"),
        (Case(subject={"name": "scoring-model"}), "PROMOTE"),
    ],
    ids=str,
)
def test_every_verdict_has_a_genuine_record(case: Case, verdict: str) -> None:
    ledger = Ledger(KEY)
    index = ledger.decide(case, POLICY)

    assert verify(ledger.prove(index).encode(), [KEY.public]).verdict == verdict


def test_access_gates_have_records_too() -> None:
    policy = Policy(gate="spend", rule="access/v1")
    ledger = Ledger(KEY)
    allowed, denied = (
        ledger.decide(Case(), policy),
        ledger.decide(Case(metrics=FAILING), policy),
    )

    assert verify(ledger.prove(allowed).encode(), [KEY.public]).verdict is Verdict.ALLOW
    assert verify(ledger.prove(denied).encode(), [KEY.public]).verdict is Verdict.DENY


# Forgeries by somebody without the key. INV-PROOF-1.


def test_another_key_is_refused() -> None:
    refuse(BUNDLE, "none of the given keys", OTHER_KEY)
    with pytest.raises(VerificationError):
        verify(BUNDLE.encode(), [])


def test_a_record_of_another_key_in_this_ledger_is_refused() -> None:
    ledger = Ledger(KEY)
    payload = open_envelope(LEDGER.entries[INDEX]).payload
    index = ledger.append(seal(payload, OTHER_KEY.sign, KEY.key_id))

    refuse(ledger.prove(index), "none of the given keys signed the record")


def test_both_chain_fields_changed_is_refused() -> None:
    leaf = merkle.leaf_hash(BUNDLE.entry)
    previous = bytes(reversed(BUNDLE.previous_hash))
    forged = replace(BUNDLE, previous_hash=previous, current_hash=merkle.chain_hash(previous, leaf))

    refuse(forged, "do not lead")
    last = LEDGER.prove(SIZE - 1)
    leaf = merkle.leaf_hash(last.entry)
    refuse(
        replace(last, previous_hash=previous, current_hash=merkle.chain_hash(previous, leaf)),
        "do not lead",
    )


def test_the_chain_must_be_shown_up_to_the_checkpoint() -> None:
    following = BUNDLE.following_leaves
    refuse(replace(BUNDLE, following_leaves=()), "leaves follow")
    refuse(replace(BUNDLE, following_leaves=following[:-1]), "leaves follow")
    refuse(replace(BUNDLE, following_leaves=following[::-1]), "do not lead")
    refuse(replace(BUNDLE, previous_hash=bytes(32)), "does not follow from previous_hash")


def test_the_leaves_of_the_chain_are_those_of_the_tree() -> None:
    """Who has the key could sign the root of one history and the chain of another."""
    following, chain = BUNDLE.following_leaves[::-1], BUNDLE.current_hash
    for leaf in following:
        chain = merkle.chain_hash(chain, leaf)
    signed = checkpoint.verify(BUNDLE.checkpoint, [KEY.public])._replace(chain=chain)
    note = checkpoint.sign(signed, KEY.sign, KEY.public)
    refuse(replace(BUNDLE, following_leaves=following, checkpoint=note), "not those of the tree")


def test_an_entry_of_another_ledger_of_the_same_key_is_refused() -> None:
    other = ledger_of_decisions(KEY, POLICY, 6, name="two")
    refuse(replace(BUNDLE, entry=other.entries[INDEX]), "not at index 3")

    replayed = Ledger(KEY, "two")
    index = replayed.append(LEDGER.entries[INDEX])
    stolen = replace(replayed.prove(index), attachments=BUNDLE.attachments)
    refuse(stolen, "of another ledger")


def test_a_neighbours_path_is_refused() -> None:
    for neighbour in (INDEX - 1, INDEX + 1):
        theirs = LEDGER.prove(neighbour)
        refuse(replace(BUNDLE, path=theirs.path), "not at index 3")
        refuse(replace(BUNDLE, index=neighbour), "not at index|too")
        refuse(replace(BUNDLE, index=neighbour, path=theirs.path), "not at index")


def test_an_older_checkpoint_is_refused() -> None:
    older = LEDGER.checkpoint(SIZE - 1)
    refuse(replace(BUNDLE, checkpoint=older), "its checkpoint about 6")
    refuse(replace(BUNDLE, checkpoint=older, size=SIZE - 1), "not at index|too long")
    refuse(replace(BUNDLE, checkpoint=LEDGER.checkpoint(INDEX), size=INDEX), "outside a tree")


def test_a_checkpoint_that_nobody_signed_is_refused() -> None:
    state, _, _ = checkpoint.parse(BUNDLE.checkpoint)
    forged = checkpoint.sign(state, OTHER_KEY.sign, KEY.public)
    refuse(replace(BUNDLE, checkpoint=forged), "a signature of the checkpoint is wrong")
    forged = checkpoint.sign(state, OTHER_KEY.sign, OTHER_KEY.public)
    refuse(replace(BUNDLE, checkpoint=forged), "none of the given keys signed the checkpoint")


def test_swapped_attachments_are_refused() -> None:
    given = BUNDLE.attachments
    for first, second in (("input", "salt"), ("input", "policy"), ("salt", "policy")):
        refuse(replace(BUNDLE, attachments={**given, first: given[second], second: given[first]}))


@pytest.mark.parametrize("name", ["input", "salt"])
def test_a_missing_attachment_is_refused(name: str) -> None:
    kept = {key: value for key, value in BUNDLE.attachments.items() if key != name}
    refuse(replace(BUNDLE, attachments=kept), f"attachment '{name}' is missing")


def test_the_input_of_another_decision_is_refused() -> None:
    ledger = Ledger(KEY)
    index = ledger.decide(Case(metrics=FAILING), POLICY)
    other = ledger.prove(index).attachments
    refuse(replace(BUNDLE, attachments={**BUNDLE.attachments, "input": other["input"]}), "input")


def test_an_input_that_differs_where_no_check_looks_is_refused() -> None:
    given = BUNDLE.attachments
    other = given["input"].replace(b"never evaluated", b"read by nobody!")
    assert len(other) == len(given["input"])
    assert other != given["input"]
    for change in ({"input": other}, {"salt": bytes(32)}):
        forged = replace(BUNDLE, attachments={**given, **change})
        refuse(forged, "not the one that the record was made from")


def test_a_salt_cannot_take_bytes_from_the_input() -> None:
    salt, document = BUNDLE.attachments["salt"], BUNDLE.attachments["input"]
    moved = {"salt": salt + document[:1], "input": document[1:]}
    refuse(replace(BUNDLE, attachments={**BUNDLE.attachments, **moved}), "salt is not 32 bytes")


# A ledger that lasts one run.


def test_a_ledger_in_the_bundle_must_be_the_one_that_was_signed() -> None:
    whole = LEDGER.prove(INDEX, whole=True)
    assert whole.ledger is not None
    for entries in (
        whole.ledger[:-1],
        whole.ledger[::-1],
        (*whole.ledger, b"more"),
        (*whole.ledger[:-1], b"another"),
        (),
    ):
        refuse(replace(whole, ledger=entries), "not the one that the checkpoint signs")
    refuse(replace(whole, following_leaves=BUNDLE.following_leaves), "beside the whole ledger")
    refuse(replace(whole, previous_hash=bytes(32)), "does not follow from previous_hash")


# What is not a decision, or not of this engine.


def test_an_entry_that_is_no_decision_is_refused() -> None:
    refuse(LEDGER.prove(0), "not a decision")
    ledger = Ledger(KEY)

    def fail(statement: dict[str, Any]) -> None:
        statement["type"] = DECISION_FAILED_TYPE

    refuse(ledger.prove(ledger.decide(Case(), POLICY, edit_statement=fail)), "not a decision")


def test_a_version_that_nobody_here_knows_is_refused_by_its_type() -> None:
    """spec/predicate-v2.md section 1: so a reader of version 1 alone refuses version 2."""
    later = "urn:governance-engine:decision:v3"
    ledger = Ledger(KEY)

    def date_ahead(statement: dict[str, Any]) -> None:
        statement["type"] = later

    proof = ledger.prove(ledger.decide(Case(), POLICY, edit_statement=date_ahead))
    refuse(proof, f"the entry is a {later}, not a decision")


def test_a_checkpoint_of_something_else_is_refused() -> None:
    state = Checkpoint("example.com/log", SIZE, merkle.root(SIZE, LEDGER.node), LEDGER.chain[SIZE])
    note = checkpoint.sign(state, KEY.sign, KEY.public)
    refuse(replace(BUNDLE, checkpoint=note), "not a ledger of this engine")
    assert origin_of("a") == "governance-engine/a"


# Imported decisions. INV-IMPORT-1.


def test_an_imported_decision_is_the_decision_of_its_own_ledger() -> None:
    central = ledger_of_decisions(KEY, POLICY, 2, name="central")
    index = central.adopt(LEDGER, INDEX)
    central.decide(Case(), POLICY)

    verified = verify(
        central.prove(index).encode(), [KEY.public], Expectations(require=Verdict.PROMOTE)
    )

    assert verified.ledger_id == LEDGER.id
    assert verified.checkpoint.origin == origin_of(central.id)
    assert (verified.verdict, verified.index) == ("PROMOTE", index)
    assert verified.failed_expectations == ()


def test_a_run_may_have_its_own_key() -> None:
    run_key = Key("run")
    run = ledger_of_decisions(run_key, POLICY, 1, name="run")
    central = Ledger(KEY, "central")
    bundle = central.prove(central.adopt(run, 1))

    assert verify(bundle.encode(), [KEY.public, run_key.public]).ledger_id == run.id
    refuse(bundle, "none of the given keys", KEY)
    refuse(bundle, "none of the given keys", run_key)


def _set(path: str, value: Json, predicate: dict[str, Any]) -> None:
    *parents, last = path.split(".")
    for parent in parents:
        predicate = predicate[parent]
    if value is ...:
        del predicate[last]
    else:
        predicate[last] = value


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("decision_id", "0193477e-7a00-7000-8000-000000000009"),
        ("envelope", base64.b64encode(LEDGER.entries[0]).decode()),
        ("envelope", base64.b64encode(b"{}").decode()),
        ("envelope", "?"),
        ("envelope", ...),
        ("origin.checkpoint", LEDGER.checkpoint(SIZE - 1)),
        ("origin.checkpoint", ledger_of_decisions(KEY, POLICY, 6, name="two").checkpoint()),
        ("origin.checkpoint", None),
        ("origin.index", SIZE),
        ("origin.index", -1),
        ("origin.size", SIZE - 1),
        ("origin.more", 1),
        ("origin", None),
        ("imported_at", "yesterday"),
        ("ledger.id", LEDGER.id),
        ("ledger", ...),
        ("more", 1),
    ],
)
def test_an_import_that_does_not_fit_is_refused(path: str, value: Json) -> None:
    central = Ledger(KEY, "central")
    refuse(central.prove(central.adopt(LEDGER, INDEX, edit=partial(_set, path, value))))


def test_an_import_of_an_import_is_refused() -> None:
    central, archive = Ledger(KEY, "central"), Ledger(KEY, "archive")
    index = archive.adopt(central, central.adopt(LEDGER, INDEX))

    refuse(archive.prove(index), "not a decision")


# Bytes.

SMALL = LEDGER.prove(INDEX, policy=False).encode()
WHOLE = BUNDLE.encode()


def altered(original: bytes, data: bytes) -> bool:
    """Whether ``data`` parses to another document than ``original``, or to none."""
    try:
        return bool(json.loads(data) != json.loads(original))
    except ValueError:
        return True


def survives(data: bytes) -> bool:
    try:
        verify(data, [KEY.public])
    except VerificationError:
        return False
    return True


@pytest.mark.no_cover  # the same lines for every byte
@pytest.mark.parametrize("mask", [0x01, 0x04, 0x20])
def test_no_changed_byte_that_alters_the_document_verifies(mask: int) -> None:
    """INV-PROOF-1, for every byte of one bundle."""
    for at, byte in enumerate(SMALL):
        data = SMALL[:at] + bytes([byte ^ mask]) + SMALL[at + 1 :]
        assert not (survives(data) and altered(SMALL, data)), at


@given(st.integers(0, len(WHOLE)), st.binary(max_size=1), st.integers(0, 1))
@settings(max_examples=examples(600))
def test_no_byte_changed_put_in_or_left_out_verifies(at: int, byte: bytes, skipped: int) -> None:
    """INV-PROOF-1, for a bundle with its policy."""
    data = WHOLE[:at] + byte + WHOLE[at + skipped :]
    assert not (survives(data) and altered(WHOLE, data))


ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)


def _places(value: Json, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    if not isinstance(value, dict | list):
        return [path]
    items = value.items() if isinstance(value, dict) else enumerate(value)
    return [path, *(place for key, inner in items for place in _places(inner, (*path, key)))]


def _replaced(value: Json, path: tuple[Any, ...], new: Json) -> Json:
    if not path:
        return new
    copied = value.copy()
    copied[path[0]] = _replaced(value[path[0]], path[1:], new)
    return copied


def mutate(document: Json, data: st.DataObject) -> Json:
    """``document`` with one value, anywhere in it, replaced by any other."""
    places = [place for place in _places(document) if place]
    path = data.draw(st.sampled_from(places))
    return _replaced(document, path, data.draw(ANY_JSON))


@given(st.data())
@settings(max_examples=examples(300))
def test_a_mutated_bundle_is_refused_and_raises_nothing_else(data: st.DataObject) -> None:
    """INV-PROOF-2."""
    original = json.loads(WHOLE)
    mutated = json.dumps(mutate(original, data)).encode()
    assert not (survives(mutated) and altered(WHOLE, mutated))


@given(st.data())
@settings(max_examples=examples(300))
def test_any_statement_a_key_signs_is_refused_or_verified(data: st.DataObject) -> None:
    """INV-PROOF-2: whatever the signer writes, only a VerificationError comes out."""
    payload = json.loads(open_envelope(BUNDLE.entry).payload)
    ledger = Ledger(KEY)
    mutated = json.dumps(mutate(payload, data)).encode()
    index = ledger.append(seal(mutated, KEY.sign, KEY.key_id))
    survives(replace(ledger.prove(index), attachments=BUNDLE.attachments).encode())


@given(st.data())
@settings(max_examples=examples(300))
def test_any_input_that_is_signed_is_refused_or_verified(data: st.DataObject) -> None:
    def edit_input(document: dict[str, Any]) -> None:
        mutated = mutate(document, data)
        document.clear()
        document.update(mutated)

    ledger = Ledger(KEY)
    try:
        index = ledger.decide(Case(), POLICY, edit_input=edit_input)
    except ValueError:  # not JSON at all: NaN, a number beyond a double, half a surrogate pair
        return
    survives(ledger.prove(index).encode())


@given(st.binary(max_size=300))
def test_arbitrary_bytes_are_refused_and_raise_nothing_else(data: bytes) -> None:
    """INV-PROOF-2."""
    refuse(data)
    refuse(b'{"mediaType":' + data + b"}")


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"[" * 100_000, id="deep"),
        pytest.param(SMALL[:-2] + b',"x":' + b"[" * 40 + b"]" * 40 + b"}", id="33 levels"),
        pytest.param(SMALL + SMALL, id="twice"),
        pytest.param(SMALL.replace(b'"index":3', b'"index":NaN'), id="NaN"),
        pytest.param(SMALL.replace(b'"index":3', b'"index":3,"index":3'), id="key twice"),
        pytest.param(SMALL.replace(b'"index":3', b'"index":3.0'), id="index 3.0"),
        pytest.param(SMALL.replace(b'"index":3', b'"index":1e999'), id="index 1e999"),
        pytest.param(
            SMALL.replace(b'"size":7', b'"size":' + b"7" * 5000), id="size of 5000 digits"
        ),
        pytest.param(SMALL.replace(b"=", b"", 1), id="padding left out"),
        pytest.param(b"\xef\xbb\xbf" + SMALL, id="byte order mark"),
        pytest.param(SMALL.decode().encode("utf-16"), id="UTF-16"),
    ],
)
def test_a_file_that_is_not_strict_is_refused(data: bytes) -> None:
    refuse(data)


def test_white_space_alters_nothing() -> None:
    pretty = json.dumps(json.loads(WHOLE), indent=2, sort_keys=False).encode()
    assert verify(pretty, [KEY.public]).verdict is Verdict.PROMOTE


def test_the_verifier_only_loads_the_pure_core() -> None:
    """An auditor reads these modules and no more."""
    script = "import sys, engine.proof.verify; print(*sorted(m for m in sys.modules if m in %r))"
    heavy = ("sqlite3", "socket", "subprocess", "yaml", "jsonschema", "wasmtime", "requests")
    ran = subprocess.run([sys.executable, "-c", script % (heavy,)], capture_output=True, check=True)
    assert ran.stdout.split() == []
    script = (
        "import sys, engine.proof.verify; "
        "print(*(m for m in sys.modules if m.startswith('engine.')))"
    )
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True)
    assert set(ran.stdout.decode().split()) == {
        *(
            "engine.proof.archive",
            "engine.proof.policy_archive",
            "engine.proof.policy_files",
            "engine.proof.possible",
            "engine.proof.ledger_before",
            "engine.proof.approvals",
            "engine.proof.signed_evidence",
            "engine.proof.attestation",
            "engine.formats.canonical",
        ),
        *(
            "engine.proof.checkpoint",
            "engine.proof.equivocation",
            "engine.proof.history",
            "engine.proof.inclusion",
            "engine.proof.attestation_rules",
            "engine.proof.trust",
        ),
        *(
            "engine.proof.derivation",
            "engine.proof.envelope",
            "engine.errors",
            "engine.proof.expectations",
        ),
        *(
            "engine.proof.input_document",
            "engine.proof.keys",
            "engine.proof.merkle",
            "engine.model",
            "engine.proof.decision_predicate",
            "engine.proof.decision_version",
        ),
        *(
            "engine.proof.bundle",
            "engine.proof.statement",
            "engine.formats.times",
            "engine.proof.verdict_rules",
            "engine.proof.verify",
            "engine.proof.waivers",
            "engine.proof.trusted_keys",
        ),
        "engine.exit_codes",
        "engine.formats",
        "engine.formats.json_values",
        "engine.formats.signed_json",
        "engine.formats.strict_json",
        "engine.proof",
    }


def test_a_record_of_version_1_stays_genuine() -> None:
    """The file is never written again: whoever keeps one must be able to verify it."""
    record, public = (DATA / "proof-v1.json").read_bytes(), (DATA / "proof-v1.pub.pem").read_bytes()

    verified = verify(record, [load_public_pem(public)])

    assert verified.verdict is Verdict.PROMOTE
    statuses = {check["id"]: check["status"] for check in verified.checks}
    assert {name for name, status in statuses.items() if status == "fail"} == {"slo.cdc_lag_p95_s"}
    assert statuses["ethics.ece"] == "pass"
    assert [check["waived_by"] for check in verified.checks if check["waived_by"]] == ["W-7"]
    assert verified.relaxations == ()
    assert (verified.index, verified.checkpoint.size) == (1, 2)
    assert verified.policy is not None


def test_a_checkpoint_that_was_kept_and_contradicts_convicts_the_signer() -> None:
    """INV-LEDGER: of one size there is one root; whoever kept a note sees a fork."""
    honest, forked = Ledger(KEY), Ledger(KEY)
    forked.id = honest.id
    for ledger, stage in ((honest, "candidate"), (forked, "production")):
        ledger.decide(Case(), POLICY)
        ledger.decide(Case(stage=stage), POLICY)
        ledger.decide(Case(), POLICY)
    kept = honest.prove(1).checkpoint
    older = Ledger(KEY)
    older.id = honest.id
    elsewhere = Ledger(KEY)
    elsewhere.decide(Case(), POLICY)

    proof = honest.prove(1).encode()
    lie = forked.prove(1).encode()

    assert verify(proof, [KEY.public], Expectations(checkpoints=[kept])).verdict == "PROMOTE"
    other = elsewhere.prove(1).checkpoint
    assert verify(lie, [KEY.public], Expectations(checkpoints=[other])).verdict == "PROMOTE"
    with pytest.raises(VerificationError, match="the ledger forked: at size") as refused:
        verify(lie, [KEY.public], Expectations(checkpoints=[kept]))
    assert kept in str(refused.value)


def test_an_import_is_signed_by_keys_that_were_trusted_when_it_was_made() -> None:
    """INV-EXPECT-3: of the import itself, and of the checkpoint that it lies under."""
    source, importer = Ledger(KEY), Ledger(Key("importer"), "two")
    proof = importer.prove(importer.adopt(source, source.decide(Case(), POLICY))).encode()
    imported_at = NOW + timedelta(hours=1)

    def trusted(**validity: Any) -> list[TrustedKey]:
        return [TrustedKey(KEY.public), TrustedKey(importer.key.public, **validity)]

    later = imported_at + timedelta(seconds=1)
    assert verify(proof, trusted(not_after=later)).verdict == "PROMOTE"
    for role in (("decision",), ("checkpoint",)):
        rest = tuple({"decision", "checkpoint"} - {*role})
        expired = TrustedKey(importer.key.public, role, not_after=imported_at)
        keys = [TrustedKey(KEY.public), expired, TrustedKey(importer.key.public, rest)]
        with pytest.raises(VerificationError, match="sign"):
            verify(proof, keys)


@pytest.mark.parametrize("status", ["unwaivable", "applied", "unused", "expired"])
@pytest.mark.parametrize("name", ["id", "check"])
@pytest.mark.parametrize("value", [[], {}, None, 1])
def test_a_waiver_that_did_something_names_itself_and_its_check(
    status: str, name: str, value: Json
) -> None:
    use = {"id": "W-1", "check": "ethics.ece", "status": status, name: value}
    ledger = Ledger(KEY)
    index = ledger.decide(Case(), Policy(), edit=lambda record: record.update(waivers=[use]))
    with pytest.raises(VerificationError):
        verify(ledger.prove(index).encode(), [KEY.public])

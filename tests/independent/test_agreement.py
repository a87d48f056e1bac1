"""Two verifiers, one answer: the engine's and one that was written from the text alone."""

from __future__ import annotations

import ast
import base64
import copy
import itertools
import json
import random
import sys
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest

from engine.errors import VerificationError
from engine.formats import canonical
from engine.model import Json
from engine.proof import verify as ours
from engine.proof.bundle import ProofBundle
from engine.proof.envelope import open_envelope, seal
from engine.proof.expectations import Expectations
from engine.proof.keys import load_public_pem
from tests.independent import lies, verifier
from tests.independent.lies import BOARD, KEY, STRANGER, Scene, without
from tests.independent.verifier import Answer
from tests.repository import DATA, ROOT
from tests.simulator import ARTIFACT, Key, Ledger, Policy

pytestmark = pytest.mark.no_cover  # the same lines many times over: measured elsewhere

NOW = "2026-11-20T13:00:05Z"
KEYS = [KEY.public, STRANGER.public]
WANTS: tuple[dict[str, Any], ...] = (
    {"require": "PROMOTE", "now": NOW},
    {"require": "HOLD", "no_relaxations": True, "no_waivers": True},
    {"require": "ALLOW", "subject": "scoring-model", "decision_id": "another"},
    {"digest": ARTIFACT, "gate": "ethics", "stage": "candidate", "profile": "default"},
    {"gate": "promotion", "stage": "production", "profile": "strict", "policy_digest": "0" * 64},
    {"now": "2026-11-20T11:55:04Z"},
    {"now": "2026-11-20T11:55:05.5Z", "max_age_s": 0},
    {"now": NOW, "max_age_s": 3599},
    {"require": "PROMOTE", "policy": Policy(ttl_s=60).archive()},
    {"now": "2026-11-21T12:00:05Z", "max_age_s": 86_400},
    {"require": "PROMOTE", "policy_approvers": [BOARD.public]},
    {"no_relaxations": True, "policy_approvers": [STRANGER.public]},
    {"no_relaxations": True, "policy_digest": lies.POLICY.digest()},
)
SENTENCES = {
    "verdict ": "require",
    "gate ": "gate",
    "a PROMOTE of gate": "gate",
    "profile ": "profile",
    "stage ": "stage",
    "decision ": "decision_id",
    "subject ": "subject",
    "no policy digest ": "policy_digest",
    "artifact ": "digest",
    "no relaxation": "no_relaxations",
    "no waiver": "no_waivers",
    "policy not attached": "policy",
    "the policy ": "policy",
    "a policy that a key of role": "policy_approvers",
    "policies that somebody chose": "policy_approvers",
    "the record is from the future": "now",
    "the verdict may be used until": "now",
    "an age of at most": "max_age_s",
}


def answer_of_ours(data: bytes, keys: list[bytes], want: Mapping[str, Any]) -> Answer:
    """The engine's answer, in the other verifier's words."""
    wishes = dict(want)
    if "now" in wishes:
        wishes["now"] = datetime.fromisoformat(wishes["now"])
    if "policy_digest" in wishes:
        wishes["policy_digests"] = [wishes.pop("policy_digest")]
    for name in ("relaxations", "waivers"):
        if wishes.pop(f"no_{name}", False):
            wishes[name] = ()
    try:
        verified = ours.verify_any(data, keys, Expectations(**wishes))
        assert not isinstance(verified, ours.Equivocation | ours.CheckpointPair)
    except VerificationError as error:
        return Answer(False, str(error))
    unmet = {
        next(name for start, name in SENTENCES.items() if sentence.startswith(start))
        for sentence in verified.failed_expectations
    }
    return Answer(True, unmet=frozenset(unmet))


def agreed(name: str, data: bytes, keys: list[bytes], want: Mapping[str, Any]) -> Answer:
    """The answer of both."""
    first, second = answer_of_ours(data, keys, want), verifier.verify(data, keys, want)
    same = (first.genuine, first.unmet) == (second.genuine, second.unmet)
    assert same, f"{name}, {sorted(want)}:\nours  {first}\nother {second}"
    return second


def ends_well(name: str, bundle: ProofBundle, policy: Policy) -> bool:
    """Whether a demand for PROMOTE and the policy is met, however the policy arrives."""
    want = {"require": "PROMOTE", "policy_digest": policy.digest(), "now": NOW}
    own = want | {"policy": policy.archive()}
    answers = [agreed(name, bundle.encode(), KEYS, want)]
    for left_out in ("policy", "attestations"):
        if left_out in bundle.attachments:
            less = without(bundle, left_out)
            answers += [agreed(f"{name}, no {left_out}", less.encode(), KEYS, want)]
            answers += [agreed(f"{name}, own for {left_out}", less.encode(), KEYS, own)]
    return any(answer.genuine and not answer.unmet for answer in answers)


def promoted(scene: Scene) -> ProofBundle:
    ledger = Ledger(KEY)
    index = ledger.decide(scene.case, scene.policy)
    ledger.append(b"whatever comes later")
    return ledger.prove(index)


def bundles() -> Iterator[tuple[str, ProofBundle]]:
    """One genuine bundle of each kind."""
    for scene in [*lies.honest(), *lies.scenes()]:
        bundle = promoted(scene)
        yield scene.name, bundle
        yield f"{scene.name}, without policy", without(bundle, "policy")
    ledger, central = Ledger(KEY), Ledger(STRANGER, "central")
    for scene in list(lies.honest())[:3]:
        index = ledger.decide(scene.case, scene.policy)
        yield f"{scene.name}, whole ledger", ledger.prove(index, whole=True)
        yield f"{scene.name}, imported", central.prove(central.adopt(ledger, index))
    yield "attestation", lies.attested(KEY)
    yield "attestation, without policy", without(lies.attested(KEY), "policy")
    yield "attestation of another", lies.attested(BOARD)


BUNDLES = dict(bundles())


@pytest.mark.parametrize("name", BUNDLES)
def test_both_say_the_same_of_every_kind_of_record(name: str) -> None:
    bundle = BUNDLES[name]
    genuine = agreed(name, bundle.encode(), KEYS, {}).genuine
    assert genuine is (name != "attestation of another")
    for want in WANTS:
        agreed(name, bundle.encode(), KEYS, want)
    for keys in ([], [KEY.public], [BOARD.public], [BOARD.public, *KEYS]):
        agreed(name, bundle.encode(), keys, {})
    for attachment in bundle.attachments:
        agreed(name, without(bundle, attachment).encode(), KEYS, {})


def test_both_versions_are_among_them() -> None:
    """spec/predicate-v2.md: else nothing here would be said of the second."""
    bundle = BUNDLES["version 2"]
    (proof,) = json.loads(bundle.attachments["attestations"])
    for entry in (bundle.entry, base64.b64decode(proof["entry"])):
        kind = json.loads(open_envelope(entry).payload)["predicateType"]
        assert kind.endswith(":v2")


def without_member(name: str) -> Json:
    return {key: value for key, value in lies.FOUND.items() if key != name}


NO_FILES: list[Json] = [
    *(without_member(name) for name in ("folders", "files", "names", "left_out")),
    *(lies.FOUND | {name: 0} for name in ("folders", "files", "file")),
    *(lies.FOUND | {name: 4} for name in ("folders", "file")),
    lies.FOUND | {"names": {"sha256": "AB" * 32}},
    lies.FOUND | {"more": 1},
    *(
        lies.FOUND | {"left_out": {"count": count, "first": first}}
        for count, first in (
            (0, lies.FOUND["left_out"]["first"]),
            (2, lies.FOUND["left_out"]["first"]),
            (9, lies.FOUND["left_out"]["first"] * 9),
            (1, [{"name": "a" * 129, "reason": "suffix"}]),
            (1, [{"name": "", "reason": "suffix"}]),
            (1, [{"name": "a", "reason": "unknown to this version"}]),
            (1, [{"name": "a"}]),
        )
    ),
    None,
]


@pytest.mark.parametrize("found", NO_FILES)
def test_both_refuse_files_of_evidence_that_do_not_fit(found: Json) -> None:
    """INV-INPUT-10; spec/predicate-v2.md section 5."""
    (scene,) = [scene for scene in lies.honest() if scene.name == "found in folders"]
    ledger = Ledger(KEY)
    index = ledger.decide(
        scene.case, scene.policy, edit=lambda predicate: predicate.update(evidence_files=found)
    )
    assert not agreed(scene.name, ledger.prove(index).encode(), KEYS, {}).genuine


@pytest.mark.parametrize(
    "changed",
    [
        {"count": 0, "rows": []},
        {"count": 3},
        {"count": 1},
        {"rows": ["waivers/W-1", "limits/default/slo.p95"]},
        {"rows": ["limits/default/slo.p95", ""]},
        {"rows": ["limits/default/slo.p95", "w" * 129]},
        {"count": 33, "rows": [f"waivers/{number:02}" for number in range(33)]},
        {"against": {"sha256": lies.TOLERANT.digest()}},
        {"more": 1},
    ],
)
def test_both_refuse_changed_rows_that_do_not_fit(changed: dict[str, Json]) -> None:
    """spec/predicate-v2.md section 6."""
    (scene,) = [scene for scene in lies.honest() if scene.name == "rows changed"]
    ledger, found = Ledger(KEY), lies.CHANGED | changed
    index = ledger.decide(
        scene.case, scene.policy, edit=lambda predicate: predicate.update(policy_changes=found)
    )
    assert not agreed(scene.name, ledger.prove(index).encode(), KEYS, {}).genuine


@pytest.mark.parametrize("name", lies.FALSE_APPROVALS)
def test_both_refuse_an_approval_that_does_not_hold(name: str) -> None:
    """INV-RELAX-2; spec/predicate-v2.md section 7."""
    assert not agreed(name, lies.falsely_approved(name).encode(), KEYS, {}).genuine


def test_an_approval_counts_for_the_keys_that_the_consumer_names() -> None:
    """INV-RELAX-2: by the consumer's own list, whatever the decision's list was."""
    bundle = BUNDLES["approved"].encode()
    for want, unmet in (
        ({"policy_approvers": [BOARD.public]}, set()),
        ({"policy_approvers": [BOARD.public], "no_relaxations": True}, set()),
        ({"policy_approvers": [STRANGER.public]}, {"policy_approvers"}),
        ({"no_relaxations": True}, {"policy_approvers"}),
        ({"no_relaxations": True, "policy_digest": lies.POLICY.digest()}, set()),
        ({"no_relaxations": True, "policy": lies.POLICY.archive()}, set()),
    ):
        assert set(agreed("approved", bundle, KEYS, want).unmet) == unmet
    sound = BUNDLES["sound"].encode()
    assert agreed("sound", sound, KEYS, {"policy_approvers": [BOARD.public]}).unmet
    assert not agreed("sound", sound, KEYS, {"no_relaxations": True}).unmet


def test_both_refuse_files_of_evidence_in_a_record_of_version_1() -> None:
    ledger = Ledger(KEY)
    case = replace(lies.version_2().case, relaxations=(), attestations=(), proofs=())
    index = ledger.decide(
        case, lies.POLICY, edit=lambda predicate: predicate.update(evidence_files=lies.FOUND)
    )
    assert not agreed("version 1", ledger.prove(index).encode(), KEYS, {}).genuine


@pytest.mark.parametrize("scene", list(lies.honest()), ids=lambda scene: scene.name)
def test_an_honest_promotion_ends_as_required(scene: Scene) -> None:
    assert ends_well(scene.name, promoted(scene), scene.policy)


def tell(step: int) -> int:
    """Both verifiers refuse every ``step``-th lie; returns how many were count."""
    count = 0
    for name, bundle, policy in itertools.islice(lies.lies(), 0, None, step):
        assert lies.claimed(bundle) == "PROMOTE"
        assert not ends_well(name, bundle, policy), name
        count += 1
    return count


def test_no_lie_of_a_key_holder_ends_as_required() -> None:
    """INV-PROOF-1: whoever holds the key cannot sign a PROMOTE that does not follow."""
    assert tell(5) >= 100


@pytest.mark.soak
@pytest.mark.timeout(1800)
def test_no_lie_at_all_ends_as_required() -> None:
    """INV-PROOF-1, for every change of every case."""
    assert tell(1) >= 500


def trust_cases() -> Iterator[tuple[str, str, dict[str, Any], bool, set[str]]]:
    """File, key, what is wanted, whether it is genuine, and what is not met."""
    want = {"require": "PROMOTE", "max_age_s": 10**9, "now": "2026-11-30T12:00:00Z"}
    yield "proof-v1.json", "proof-v1.pub.pem", want, True, set()
    yield "trust/c1-limits-loosened-no-policy.json", "trust/pub.pem", want, False, set()
    yield "trust/c2-checks-dropped-no-policy.json", "trust/pub.pem", want, False, set()
    yield "trust/c4-reason-ansi.json", "trust/pub.pem", want, False, set()
    yield "trust/c6-valid-until-2099-no-policy.json", "trust/pub.pem", want, True, {"policy"}
    yield "trust/c9-waivers-injected.json", "trust/pub.pem", want, False, set()
    e1 = "trust/e1-gate-security-proof"
    yield f"{e1}.json", f"{e1}.pub.pem", want, True, {"gate", "policy"}
    for name in ("original", "same-id-other-content"):
        of = want | {"gate": "security"}
        yield f"trust/import-{name}.json", "trust/import.pub.pem", of, True, {"policy"}


@pytest.mark.parametrize(("file", "key", "want", "genuine", "unmet"), list(trust_cases()))
def test_both_say_the_same_of_the_recorded_cases(
    file: str, key: str, want: dict[str, Any], genuine: bool, unmet: set[str]
) -> None:
    public = load_public_pem((DATA / key).read_bytes())
    answer = agreed(file, (DATA / file).read_bytes(), [public], want)
    assert (answer.genuine, set(answer.unmet)) == (genuine, unmet)


# Bytes.


def flipped(data: bytes, chance: random.Random) -> bytes:
    """One byte changed, left out, doubled, or put in."""
    at, byte = chance.randrange(len(data)), bytes([chance.randrange(256)])
    kept, ways = data[at : at + 1], (byte, b"", data[at : at + 1] * 2, byte + data[at : at + 1])
    changed = chance.choice([way for way in ways if way != kept])
    return data[:at] + changed + data[at + 1 :]


def mutate_bytes(count: int, seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311
    originals = [
        bundle.encode() for name, bundle in BUNDLES.items() if name != "attestation of another"
    ]
    documents = [json.loads(data) for data in originals]
    for number in range(count):
        which = number % len(originals)
        data = flipped(originals[which], chance)
        answer = agreed(f"seed {seed}, number {number}", data, KEYS, {})
        assert not answer.genuine or json.loads(data) == documents[which]


def test_no_changed_byte_makes_another_document() -> None:
    """INV-PROOF-1, for 2,000 changes of bundles of every kind."""
    mutate_bytes(2_000, 13)


@pytest.mark.soak
@pytest.mark.timeout(1800)
def test_no_changed_byte_makes_another_document_however_often() -> None:
    """INV-PROOF-1, for 20,000 more."""
    mutate_bytes(20_000, 14)


# Documents that a key signs although something in them is otherwise.

SMALL: tuple[Json, ...] = (
    *(None, True, False, 0, 1, -1, 0.5, 1.0, 1e300, "", "x", [], {}, [0], {"sha256": "0" * 64}),
    *("2026-11-20T12:00:05Z", "2026-11-20T12:00:05.5Z", "2026-11-20T13:00:05+01:00", "off", "=="),
)


def changed(document: Json, chance: random.Random) -> Json:
    """The document with one place in it replaced, left out, added to, or exchanged."""
    whole = copy.deepcopy(document)
    places: list[tuple[Any, Any]] = []
    stack = [whole]
    while stack:
        value = stack.pop()
        keys = list(value) if isinstance(value, dict) else range(len(value))
        places += [(value, key) for key in keys]
        stack += [value[key] for key in keys if isinstance(value[key], dict | list)]
    parent, key = chance.choice(places)
    other, place = chance.choice(places)
    way = chance.randrange(5)
    if way == 0:
        del parent[key]
    elif way == 1:
        parent[key] = copy.deepcopy(other[place])
    elif way == 2 and isinstance(parent, dict):
        parent[chance.choice(("x", "n", "unless", "unit", "min_n", "compare"))] = parent[key]
    else:
        parent[key] = copy.deepcopy(chance.choice(SMALL))
    return whole


def signed_otherwise(count: int, seed: int) -> Iterator[tuple[str, bytes]]:
    """Statements of every kind, each changed in one place and signed again."""
    chance = random.Random(seed)  # noqa: S311
    for number in range(count):
        name, bundle = list(BUNDLES.items())[number % len(BUNDLES)]
        key: Key = STRANGER if "imported" in name else BOARD if "another" in name else KEY
        statement = changed(json.loads(open_envelope(bundle.entry).payload), chance)
        ledger = Ledger(key, f"of {key.key_id}" if "attestation" in name else "one")
        if "imported" in name:
            ledger = Ledger(key, "central")
        try:
            payload = json.dumps(statement).encode()
            index = ledger.append(seal(payload, key.sign, key.key_id))
        except ValueError:
            continue
        again = ledger.prove(index)
        yield (
            f"{name}, seed {seed}, number {number}",
            ProofBundle(
                **{
                    field: getattr(again, field)
                    for field in ("entry", "index", "size", "path", "checkpoint")
                },
                previous_hash=again.previous_hash,
                current_hash=again.current_hash,
                attachments=bundle.attachments,
            ).encode(),
        )


def inputs_otherwise(count: int, seed: int) -> Iterator[tuple[str, bytes]]:
    """Inputs, each changed in one place before the record of them is signed."""
    chance = random.Random(seed)  # noqa: S311
    all_scenes = [*lies.honest(), *lies.scenes()]
    for number in range(count):
        scene = all_scenes[number % len(all_scenes)]

        def edit(document: dict[str, Any]) -> None:
            other = changed(document, chance)
            document.clear()
            document.update(other)

        ledger = Ledger(KEY)
        try:
            index = ledger.decide(scene.case, scene.policy, edit_input=edit)
        except ValueError:
            continue
        yield f"{scene.name}, seed {seed}, number {number}", ledger.prove(index).encode()


def policies_otherwise(count: int, seed: int) -> Iterator[tuple[str, bytes]]:
    """Policies, each with one place of its data or manifest otherwise, and a record of it."""
    chance = random.Random(seed)  # noqa: S311
    all_scenes = [*lies.honest(), *lies.scenes()]
    for number in range(count):
        scene = all_scenes[number % len(all_scenes)]
        held, other = scene.policy, None
        written = held.data()
        if chance.random() < 0.6:
            written = changed(written, chance)
        else:
            other = canonical.encode(changed(json.loads(held.manifest()), chance))

        class Odd(Policy):
            def data(self, given: dict[str, Json] = written) -> dict[str, Json]:
                return given

            def profile(self, given: dict[str, Json] = written) -> dict[str, Json]:
                table = given.get("limits")
                table = table.get("default") if isinstance(table, dict) else None
                return table if isinstance(table, dict) else super().profile()

            def manifest(self, given: bytes | None = other) -> bytes:
                return super().manifest() if given is None else given

        ledger = Ledger(KEY)
        try:
            policy = Odd(**{name: getattr(held, name) for name in held.__dataclass_fields__})
            index = ledger.decide(scene.case, policy)
            yield f"{scene.name}, seed {seed}, number {number}", ledger.prove(index).encode()
        except ValueError:
            continue


@pytest.mark.parametrize("make", [signed_otherwise, inputs_otherwise, policies_otherwise])
def test_both_say_the_same_of_what_a_key_signs_by_mistake(make: Any) -> None:
    for name, data in make(150, 15):
        agreed(name, data, KEYS, {"require": "PROMOTE"})


@pytest.mark.soak
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("make", [signed_otherwise, inputs_otherwise, policies_otherwise])
def test_both_say_the_same_of_much_more_of_it(make: Any) -> None:
    for seed in range(16, 26):
        for name, data in make(600, seed):
            agreed(name, data, KEYS, {"require": "PROMOTE"})


@pytest.mark.parametrize(
    "trust", [None, "x", 1, [], {}, {"keys": None}, {"keys": 1}, {"keys": "x"}]
)
def test_a_list_of_trusted_keys_that_is_none_gives_nobody_a_role(trust: Json) -> None:
    case = lies.resting(lies.attested(), trust=[])

    class Odd(Policy):
        def data(self) -> dict[str, Json]:
            return {**super().data(), "trust": trust}

    fields = {name: getattr(lies.RESTING, name) for name in lies.RESTING.__dataclass_fields__}
    ledger = Ledger(KEY)
    bundle = ledger.prove(ledger.decide(case, Odd(**fields)))

    assert agreed(f"trust {trust!r}", bundle.encode(), KEYS, {}).genuine


# The second verifier itself.


@pytest.mark.parametrize("name", ["verifier.py", "public_formats.py", "signed_evidence.py"])
def test_the_second_verifier_knows_nothing_of_the_engine(name: str) -> None:
    tree = ast.parse((ROOT / "tests/independent" / name).read_text())
    modules = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    modules |= {
        a.name for node in ast.walk(tree) if isinstance(node, ast.Import) for a in node.names
    }
    known = (
        "cryptography",
        "tests.independent.public_formats",
        "tests.independent.signed_evidence",
    )
    outside = {module for module in modules if module and not module.startswith(known)}
    assert {module.split(".")[0] for module in outside} <= sys.stdlib_module_names

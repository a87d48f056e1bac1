from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.errors import VerificationError
from engine.formats import canonical
from engine.model import Json
from engine.proof import policy_archive, policy_files
from engine.proof.archive import pack, unpack
from engine.proof.bundle import parse as parse_bundle
from engine.proof.envelope import open_envelope
from engine.proof.verify import verify
from tests.examples import examples
from tests.simulator import Case, Key, Ledger, Policy, conclude, limit, metric

KEY = Key("release")
POLICY = Policy(
    checks={
        "ethics.ece": limit(0.01, min_n=1000, in_production="rollback", unit="1"),
        "model.caos": {"kind": "baseline", "operator": ">=", "severity": "warn", "max_age_s": 60},
        "slo.p95": limit(800, severity="warn", unless="slo.quiet"),
    }
)
CASE = Case(
    metrics={
        "ethics.ece": metric(0.006, n=24_000),
        "model.caos": metric(5, ago_s=9, baseline=4),
        "slo.p95": metric(512),
    }
)
Edit = Callable[[dict[str, Any]], None]


def prove(edit: Edit | None = None, policy: Policy = POLICY, case: Case = CASE) -> bytes:
    """A proof, with its policy, of a record that was changed before it was signed."""
    ledger = Ledger(KEY)
    index = ledger.decide(case, policy, edit=edit) if edit else ledger.decide(case, policy)
    return ledger.prove(index).encode()


def refuse(data: bytes, reason: str) -> None:
    with pytest.raises(VerificationError, match=reason):
        verify(data, [KEY.public])


def test_an_attached_policy_is_read() -> None:
    policy = policy_files.parse(POLICY.archive())

    assert policy.digest == POLICY.digest()
    assert policy.data == POLICY.data()
    assert policy.files == {"manifest.json": POLICY.manifest(), **POLICY.files()}
    assert verify(prove(), [KEY.public]).policy == policy


def test_a_policy_may_be_left_out_and_then_nothing_is_said_of_it() -> None:
    ledger = Ledger(KEY)
    index = ledger.decide(CASE, POLICY)

    assert verify(ledger.prove(index, policy=False).encode(), [KEY.public]).policy is None


def test_a_policy_with_two_waivers_of_one_id_is_refused() -> None:
    """INV-WAIVER-5: the report would show the approvers of the one that does not cover."""
    mine: dict[str, Json] = {
        "id": "W-1",
        "check": "ethics.ece",
        "subject": {"name": "scoring-model"},
        "reason": "because I say so",
        "approvers": ["me"],
        "expires_at": "2026-12-01T00:00:00Z",
    }
    approved = mine | {"subject": {"name": "another"}, "approvers": ["ana", "bo"]}
    failing = Case(metrics=CASE.metrics | {"ethics.ece": metric(0.5, n=24_000)})

    def report(predicate: dict[str, Any]) -> None:
        for waiver in predicate["waivers"]:
            waiver |= {key: approved[key] for key in ("reason", "approvers", "expires_at")}

    verify(prove(policy=replace(POLICY, waivers=[mine]), case=failing), [KEY.public])
    refuse(prove(report, replace(POLICY, waivers=[mine, approved]), failing), "waiver 'W-1' twice")


def test_another_policy_is_refused() -> None:
    ledger = Ledger(KEY)
    bundle = ledger.prove(ledger.decide(CASE, POLICY))
    other = Policy(checks=POLICY.checks, ttl_s=60).archive()
    swapped = replace(bundle, attachments={**bundle.attachments, "policy": other})

    refuse(swapped.encode(), "not the one that the record names")


@pytest.mark.parametrize(
    ("edit", "reason"),
    [
        (lambda p: p["policy"].update(revision="r2"), "another revision"),
        (lambda p: p.update(valid_until="2026-11-22T12:00:05Z"), "not valid for the 86400 s"),
        (lambda p: p["profile"]["digest"].update(sha256="0" * 64), "whose digest"),
        (lambda p: p["checks"].pop(1), "exactly the checks of gate"),
        (lambda p: p["checks"][0].update(limit=0.02), "0.02, which is not the profile's limit"),
        (lambda p: p["checks"][0].update(severity="warn"), "another severity"),
        (lambda p: p["checks"][0].update(min_n=10), "another min_n"),
        (lambda p: p["checks"][0].pop("min_n"), "another min_n"),
        (lambda p: p["checks"][0].update(max_age_s=7200), "another max_age_s"),
        (lambda p: p["checks"][0].update(in_production="block"), "another in_production"),
        (lambda p: p["checks"][0].pop("in_production"), "another in_production"),
        (lambda p: p["checks"][0].update(unit="%"), "another unit"),
        (lambda p: p["checks"][0].pop("unit"), "another unit"),
        (lambda p: p["checks"][0].update(kind="evidence"), "another metric, or of another kind"),
        (lambda p: p["checks"][0].update(unless="slo.quiet"), "another metric, or of another kind"),
        (lambda p: p["checks"][2].pop("unless"), "another metric, or of another kind"),
    ],
)
def test_a_record_says_of_its_policy_what_the_policy_says(edit: Edit, reason: str) -> None:
    """INV-PROOF-1: nobody signs limits that the policy does not have."""

    def edit_and_conclude(predicate: dict[str, Any]) -> None:
        edit(predicate)
        blocking = any(check["severity"] == "block" for check in predicate["checks"])
        predicate["verdict"] = "PROMOTE" if blocking else "HOLD"
        conclude(predicate)

    refuse(prove(edit_and_conclude), reason)


@pytest.mark.parametrize(
    ("edit", "reason"),
    [
        (lambda p: p["profile"]["digest"].update(sha256="0" * 64), "whose digest"),
        (lambda p: p["checks"][0].update(limit=0.02), "not the profile's limit"),
        (lambda p: p["checks"][0].update(limit="0.01"), "not the profile's limit"),
        (lambda p: p["checks"][0].update(min_n=True), "another min_n"),
        (lambda p: p["checks"][0].pop("min_n"), "another min_n"),
        (lambda p: p["checks"][0].update(compare=None), "another compare"),
        (lambda p: p["checks"][0].update(operator="<"), "compared by <"),
        (lambda p: p["checks"][0].update(metric="slo.p95"), "about another metric"),
        (lambda p: p["checks"][0].update(severity="warn"), "another severity"),
        (lambda p: p["checks"][0].update(unit="%"), "another unit"),
        (lambda p: p["checks"][2].pop("unless"), "of another kind"),
        (lambda p: p["checks"][2].update(in_production=None), "another in_production"),
        (lambda p: p["checks"][2].update(max_age_s=None), "another max_age_s"),
    ],
)
def test_what_was_compared_before_is_agreed_to_and_nothing_else(edit: Edit, reason: str) -> None:
    """INV-PROOF-1: a policy that is held against many records remembers what it has compared."""
    policy = policy_files.parse(POLICY.archive())
    bundle = parse_bundle(prove())
    honest = json.loads(open_envelope(bundle.entry).payload)["predicate"]
    policy_archive.require_policy(honest, policy, None)
    policy_archive.require_policy(honest, policy, None)
    changed = deepcopy(honest)
    edit(changed)

    for _ in range(2):
        with pytest.raises(VerificationError, match=reason):
            policy_archive.require_policy(changed, policy, None)
    policy_archive.require_policy(honest, policy, None)


def test_defaults_may_be_written_out() -> None:
    def write_out(predicate: dict[str, Any]) -> None:
        predicate["checks"][0].update(compare="value")
        predicate["checks"][2].update(in_production="block")

    assert verify(prove(write_out), [KEY.public]).verdict == "PROMOTE"


def test_a_relaxation_is_tolerated_by_the_profile_only() -> None:
    def tolerate(predicate: dict[str, Any]) -> None:
        predicate["relaxations"][0]["tolerated"] = True
        predicate["verdict"] = "PROMOTE"
        conclude(predicate)

    relaxed = replace(CASE, relaxations=["unsigned_evidence"])
    assert verify(prove(case=relaxed), [KEY.public]).verdict == "HOLD"
    refuse(prove(tolerate, case=relaxed), "otherwise on relaxation 'unsigned_evidence'")


def test_an_unwaivable_check_is_not_waived() -> None:
    """INV-WAIVER-1."""
    waiver = {
        "id": "W-1",
        "check": "m",
        "subject": {"name": "scoring-model"},
        "reason": "please",
        "expires_at": "2026-12-01T00:00:00Z",
    }
    failing = Case(metrics={"m": metric(5), "p": metric(0)})
    waivable = Policy(checks={"m": limit(1), "p": limit(1)}, waivers=[waiver])
    strict = Policy(checks={"m": limit(1, unwaivable=True), "p": limit(1)}, waivers=[waiver])

    def waive(predicate: dict[str, Any]) -> None:
        predicate["checks"][0]["waived_by"] = "W-1"
        predicate["waivers"][0]["status"] = "applied"
        predicate["verdict"] = "PROMOTE"
        conclude(predicate)

    assert verify(prove(policy=waivable, case=failing), [KEY.public]).verdict == "PROMOTE"
    assert verify(prove(policy=strict, case=failing), [KEY.public]).verdict == "BLOCK"
    refuse(prove(waive, policy=strict, case=failing), "says that it cannot be")
    fine = Case(metrics={"m": metric(0), "p": metric(0)})
    assert verify(prove(policy=strict, case=fine), [KEY.public]).verdict == "PROMOTE"


WAIVER: dict[str, Json] = {
    "id": "W-1",
    "check": "m",
    "subject": {"name": "scoring-model"},
    "reason": "the reader is being moved",
    "approvers": ["ana", "bo"],
    "expires_at": "2026-12-01T00:00:00Z",
}
WAIVABLE = {"m": limit(1), "p": limit(1)}


@pytest.mark.parametrize(
    "written",
    [
        pytest.param([], id="none"),
        pytest.param([WAIVER | {"id": "W-2"}], id="another id"),
        pytest.param([WAIVER | {"check": "p"}], id="another check"),
        pytest.param(
            [WAIVER | {"subject": {"name": "scoring-model", "version": "1"}}], id="subject"
        ),
        pytest.param([WAIVER | {"expires_at": "2026-11-21T00:00:00Z"}], id="expires earlier"),
        pytest.param([WAIVER | {"approvers": ["ana"]}], id="other approvers"),
        pytest.param([WAIVER | {"reason": "none"}], id="another reason"),
        pytest.param([WAIVER, WAIVER | {"id": "W-0"}], id="one more, which would waive"),
        pytest.param("W-1", id="no list"),
        pytest.param(["W-1"], id="no objects"),
    ],
)
def test_an_input_holds_the_waivers_of_the_policy_and_no_others(written: Json) -> None:
    """INV-WAIVER-5: a key holder does not waive; the policy does."""

    class Written(Policy):
        def data(self) -> dict[str, Json]:
            return super().data() | {"waivers": {"waivers": written}}

    failing = Case(metrics={"m": metric(5), "p": metric(0)})
    ours = Policy(checks=WAIVABLE, waivers=[WAIVER])
    theirs = Written(checks=WAIVABLE, waivers=[WAIVER])

    assert verify(prove(policy=ours, case=failing), [KEY.public]).verdict == "PROMOTE"
    refuse(prove(policy=theirs, case=failing), "waivers?")


def test_the_rule_is_the_gates() -> None:
    def judge_otherwise(predicate: dict[str, Any]) -> None:
        predicate.update(verdict_rule="access/v1", verdict="ALLOW")

    refuse(prove(judge_otherwise), "decides by another rule")


@pytest.mark.parametrize(
    "change",
    [
        *({"relaxations_allowed": value} for value in ("ephemeral_ledger", None, {"a": 1})),
        *({"decision_ttl_s": value} for value in (None, "86400", True, -1, 2**40)),
    ],
    ids=str,
)
def test_a_profile_says_what_it_allows_and_for_how_long(change: dict[str, Json]) -> None:
    class Odd(Policy):
        def profile(self) -> dict[str, Json]:
            return super().profile() | change

    refuse(prove(policy=Odd(checks=POLICY.checks)), "what it allows and for how long")


def test_a_check_without_a_row_blocks_and_is_unknown() -> None:
    class NoRow(Policy):
        def profile(self) -> dict[str, Json]:
            profile = super().profile()
            del profile["checks"]["m"]
            return profile

    policy = NoRow(checks={"m": {"kind": "limit", "operator": "<=", "severity": "block"}})
    bundle = prove(policy=policy, case=Case(metrics={"m": metric(0)}))

    verified = verify(bundle, [KEY.public])
    assert [check["status"] for check in verified.checks] == ["unknown"]
    assert verified.verdict == "HOLD"


FILES = {"manifest.json": POLICY.manifest(), **POLICY.files()}
MANIFEST: dict[str, Any] = policy_files.parse(POLICY.archive()).manifest


def _with(name: str, content: bytes | None) -> bytes:
    files = {**FILES, name: content}
    return pack({key: value for key, value in files.items() if value is not None})


def _with_manifest(**change: Json) -> bytes:
    whole = {key: value for key, value in (MANIFEST | change).items() if value is not ...}
    return _with("manifest.json", canonical.encode(whole))


@pytest.mark.parametrize(
    "archive",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(_with("manifest.json", None), id="no manifest"),
        pytest.param(_with("policy.wasm", None), id="no module"),
        pytest.param(_with("data.json", None), id="no data"),
        pytest.param(_with("data.json", b"{}"), id="another data.json"),
        pytest.param(_with("sources/promotion/promotion.rego", b""), id="another source"),
        pytest.param(_with("sources/promotion/promotion.rego", None), id="a source left out"),
        pytest.param(_with("sources/more.rego", b""), id="a source more"),
        pytest.param(_with("more", b""), id="a file more"),
        pytest.param(_with("manifest.json", b"[]"), id="manifest no object"),
        pytest.param(_with("manifest.json", b"{"), id="manifest no JSON"),
        pytest.param(_with_manifest(schema="governance-engine/policy/v2"), id="schema v2"),
        pytest.param(_with_manifest(files=...), id="manifest without files"),
        pytest.param(_with_manifest(files={}), id="manifest with no file"),
        pytest.param(_with_manifest(sources=None), id="sources null"),
        pytest.param(
            _with_manifest(files={"data.json": None, "policy.wasm": None}), id="hashes null"
        ),
        pytest.param(
            _with_manifest(files={**MANIFEST["files"], "manifest.json": "00" * 32}),
            id="manifest names itself",
        ),
    ],
)
def test_an_archive_that_is_not_its_manifests_is_refused(archive: bytes) -> None:
    with pytest.raises(VerificationError, match=r"policy|hash of data\.json"):
        policy_files.parse(archive)


def test_a_policy_over_16_mib_is_refused_unread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(policy_files, "MAX_BYTES", len(POLICY.archive()) - 1)
    with pytest.raises(VerificationError, match="are read"):
        policy_files.parse(POLICY.archive())


ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 2**60) | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=5,
)
TOP = ("limits", "catalogue", "gates", "checks", "default", "promotion", "metrics", "ethics.ece")


@given(st.sampled_from(TOP), ANY_JSON)
@settings(max_examples=examples(150))
def test_any_policy_that_is_signed_is_refused_or_verified(name: str, value: Json) -> None:
    """Whatever data and manifest say, no exception but VerificationError comes out."""

    def put(document: Json) -> Json:
        if not isinstance(document, dict):
            return document
        return {key: value if key == name else put(member) for key, member in document.items()}

    class Odd(Policy):
        def files(self) -> dict[str, bytes]:
            return super().files() | {"data.json": canonical.encode(put(self.data()))}

        def manifest(self) -> bytes:
            return canonical.encode(put(json.loads(super().manifest())))

    try:
        policy = Odd(checks=POLICY.checks)
        policy.archive()
    except ValueError:  # an integer that canonical JSON does not hold
        return
    try:
        verify(prove(policy=policy), [KEY.public])
    except VerificationError:
        return
    assert hashlib.sha256(unpack(policy.archive())["manifest.json"]).hexdigest() == policy.digest()

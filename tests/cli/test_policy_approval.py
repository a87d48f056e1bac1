"""INV-RELAX-2: a built policy that a trusted key approved is no relaxation; anything else is."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from engine import Expectations, Gate, verify
from engine.decision.approvals import Approvals, approvals_of
from engine.decision.policies_in_use import ChosenBy, PoliciesInUse
from engine.errors import UsageError
from engine.formats import canonical
from engine.formats.signed_json import write_base64
from engine.policy.overlay import load_policies
from engine.proof.approvals import attachment_of
from engine.proof.envelope import open_envelope
from engine.proof.keys import public_pem
from engine.proof.trusted_keys import TrustedKey
from tests.cli.conftest import NOON, Engine
from tests.repository import ROOT
from tests.simulator import Key, approval

pytestmark = pytest.mark.usefixtures("noon")

BOARD, STRANGER = Key("board"), Key("stranger")
TRUST = f"keys:\n  - {{name: board, key_id: {BOARD.key_id}, roles: [policy]}}\n"
NOW = NOON
HOUR = timedelta(hours=1)
FILE = Path("own.tar.approvals.json")


def given(key: Key, digest: str, **terms: Any) -> bytes:
    return approval(key, digest, **{"approved_at": NOW - HOUR, **terms}).envelope


def forged(digest: str) -> bytes:
    envelope = json.loads(given(BOARD, digest))
    envelope["signatures"][0]["sig"] = write_base64(bytes(64))
    return canonical.encode(envelope)


@pytest.fixture
def built(engine: Engine) -> str:
    """``own.tar``, evidence that passes, and a trust list; returns the policy's digest."""
    Path("own/limits/default").mkdir(parents=True)
    Path("own/limits/default/data.yaml").write_text("checks:\n  slo.dec_p95_ms: {limit: 900}\n")
    answer = engine("policy", "build", "--policies", "own", "--out", "own.tar")
    Path("metrics.json").write_text(engine("example", "promote").out)
    Path("trust.yaml").write_text(TRUST)
    return answer.out.split()[1]


def decided(engine: Engine, *flags: str, **environ: str) -> Any:
    named = ("--policies", "own.tar", "--format", "json", *flags)
    return engine("decide", "metrics.json", *named, **environ)


WRONG: dict[str, tuple[Callable[[str], list[bytes]] | None, str, str]] = {
    "nobody approved": (None, TRUST, "no such file: `engine policy sign` writes it"),
    "by a key without the role": (
        lambda digest: [given(STRANGER, digest)],
        TRUST,
        "the trust list gives it no role 'policy': the key is not in trust.yaml",
    ),
    "an attestor is no approver": (
        lambda digest: [given(STRANGER, digest)],
        f"{TRUST}  - {{key_id: {STRANGER.key_id}, roles: [attestor]}}\n",
        "the trust list gives it no role 'policy'",
    ),
    "expired": (
        lambda digest: [given(BOARD, digest, expires_at=NOW - timedelta(minutes=1))],
        TRUST,
        "expired at",
    ),
    "from the future": (
        lambda digest: [given(BOARD, digest, approved_at=NOW + HOUR)],
        TRUST,
        "which is in the future",
    ),
    "of another policy": (
        lambda _: [given(BOARD, "ab" * 32)],
        TRUST,
        "an approval is of policy abababababababab…",
    ),
    "with another signature": (lambda digest: [forged(digest)], TRUST, "none of the given keys"),
    "by a key of small order": (
        lambda digest: [
            canonical.encode(
                {
                    **json.loads(given(BOARD, digest)),
                    "payload": write_base64(
                        open_envelope(given(BOARD, digest)).payload.replace(
                            json.dumps(public_pem(BOARD.public).decode()).encode(),
                            json.dumps(public_pem((1).to_bytes(32, "little")).decode()).encode(),
                        )
                    ),
                }
            )
        ],
        TRUST,
        "an Ed25519 key of small order",
    ),
    "by a key whose time is over": (
        lambda digest: [given(BOARD, digest)],
        TRUST.replace("[policy]", '[policy], not_after: "2026-01-01T00:00:00Z"'),
        "the trust list gives it no role 'policy' at this time",
    ),
    "by a key whose time had not begun": (
        lambda digest: [given(BOARD, digest)],
        TRUST.replace("[policy]", '[policy], not_before: "2099-01-01T00:00:00Z"'),
        "the trust list gives it no role 'policy' at this time",
    ),
}


def test_of_approvals_that_are_given_at_once_none_is_lost(engine: Engine, built: str) -> None:
    for number in range(4):
        engine("keys", "init", "--key-file", f"{number}.pem")
    sign = [sys.executable, "-m", "engine", "policy", "sign", "own.tar", "--key-file"]
    running = [subprocess.Popen([*sign, f"{number}.pem"]) for number in range(4)]
    assert [process.wait(timeout=120) for process in running] == [0] * 4
    approvals = approvals_of(Path("own.tar"), built, Path("trust.yaml"))
    assert len({approval.public_key for approval in approvals.given}) == 4


@pytest.mark.parametrize("name", WRONG)
def test_what_is_no_approval_leaves_the_relaxation_and_says_why(
    engine: Engine, built: str, name: str
) -> None:
    """INV-RELAX-2"""
    envelopes, trust, reason = WRONG[name]
    Path("trust.yaml").write_text(trust)
    if envelopes is not None:
        FILE.write_bytes(b"[" + b",".join(envelopes(built)) + b"]")

    answer = decided(engine, "--policy-trust", "trust.yaml")

    assert (answer.code, answer.json["relaxations"]) == (0, ["policies_overridden"])
    assert "policy_approvals" not in answer.json
    assert "engine: the policies are not approved: " in answer.err
    assert reason in answer.err


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("trust.yaml", None, "trust.yaml: no such file or directory"),
        ("trust.yaml", "keys: []\n", "trust.yaml: no key has the role 'policy'"),
        ("trust.yaml", TRUST.replace("[policy]", "[polcy]"), "trust.yaml:2:"),
        ("trust.yaml", "keys:\n  - {public_key_file: b.pub.pem, roles: [policy]}\n", "b.pub.pem"),
        (FILE.name, "{}", "the approvals is not an array"),
        (FILE.name, "[]", "there are 0 approvals; 1 to 16 are read"),
        (FILE.name, "[", "own.tar.approvals.json: "),
    ],
)
def test_a_list_or_a_file_of_approvals_that_cannot_be_read_is_refused(
    engine: Engine, built: str, name: str, content: str | None, message: str
) -> None:
    Path(name).unlink(missing_ok=True)
    if content is not None:
        Path(name).write_text(content)

    answer = decided(engine, ENGINE_POLICY_TRUST="trust.yaml")

    assert (answer.code, answer.out) == (2, "")
    assert message in answer.err


def test_approvals_without_a_trust_list_are_named(engine: Engine, built: str) -> None:
    assert "no trust list" not in decided(engine).err
    FILE.write_bytes(b"[" + given(BOARD, built) + b"]")

    answer = decided(engine)

    assert answer.json["relaxations"] == ["policies_overridden"]
    assert f"{FILE} is not read: no trust list is named (--policy-trust, ENGINE" in answer.err


def test_a_key_that_is_not_there_is_made_under_its_name(engine: Engine, built: str) -> None:
    answer = engine("policy", "sign", "own.tar", "--key-file", "board.pem")

    assert answer.code == 2
    assert "engine keys init --key-file board.pem" in answer.err


def test_only_the_call_says_who_may_approve(engine: Engine, built: str) -> None:
    """INV-RELAX-2: neither engine.toml nor the policy itself."""
    Path("engine.toml").write_text('policies = "own.tar"\npolicy_trust = "trust.yaml"\n')
    refused = engine("decide", "metrics.json")
    assert refused.code == 2
    assert "engine.toml:2: key 'policy_trust' is not taken from a file" in refused.err
    assert "--policy-trust, or ENGINE_POLICY_TRUST" in refused.err

    Path("engine.toml").unlink()
    Path("own/trust").mkdir()
    Path("own/trust/data.yaml").write_text(TRUST)
    own = engine("policy", "list", "--policies", "own")
    assert own.code == 2
    assert "own/trust/data.yaml:2:" in own.err


def test_a_configured_policy_that_is_approved_is_as_good_as_the_shipped_one(
    engine: Engine, built: str
) -> None:
    """INV-RELAX-2: signed, decided, exported, replayed, verified; until it expires."""
    assert engine("keys", "init", "--key-file", "board.pem").code == 0
    Path("engine.toml").write_text('policies = "own.tar"\n')
    named = decided(engine, "--policy-trust", "trust.yaml", "--dry-run")
    assert named.json["relaxations"] == ["policies_overridden"]
    signed = engine("policy", "sign", "own.tar", "--key-file", "board.pem", "--note", "as agreed")
    assert (signed.code, f"policy {built}  approved by key " in signed.out) == (0, True)
    again = engine("policy", "sign", "own.tar", "--key-file", "board.pem")
    assert len(json.loads(FILE.read_bytes())) == 1 == signed.out.count(str(FILE)), again.err
    Path("trust.yaml").write_text("keys:\n  - {public_key_file: board.pub.pem, roles: [policy]}\n")

    flags = ("--profile", "default", "--export", "proof.json", "--format", "json")
    answer = engine("decide", "metrics.json", *flags, ENGINE_POLICY_TRUST="trust.yaml")

    assert (answer.code, answer.err.count("not approved")) == (0, 0)
    assert answer.json["relaxations"] == []
    (row,) = answer.json["policy_approvals"]
    assert row["key_id"] in signed.out
    assert engine("replay").code == engine("ledger", "verify").code == 0
    assert "approved" in engine("explain", answer.json["decision_id"]).out
    signer = '[[key]]\nfile = ".engine/keys/engine.pub.pem"\n'
    approver = '[[key]]\nfile = "board.pub.pem"\nroles = ["policy"]\n'
    for text, code, words in (
        (f"policy_approved = true\nrelaxations = []\n{signer}{approver}", 0, "as required"),
        (f"relaxations = []\n{signer}", 1, "demand its key"),
        (f"policy_approved = true\n{signer}", 2, "no key has the role 'policy'"),
        (f"{signer}{approver}", 2, "and no approval is demanded"),
        (
            f"policy_approved = true\n{signer}{approver}not_after = 2020-01-01T00:00:00Z\n",
            1,
            "a policy that a key of role 'policy' approved is required; it was approved by key",
        ),
    ):
        Path("verify.toml").write_text(f'require = "PROMOTE"\n{text}')
        checked = engine("verify", "proof.json", "--expect", "verify.toml")
        assert (checked.code, words in checked.out + checked.err) == (code, True), checked


def test_the_key_that_decides_does_not_approve(engine: Engine, built: str) -> None:
    """INV-RELAX-2: else whoever may decide may choose by what."""
    engine("decide", "metrics.json")
    assert engine("policy", "sign", "own.tar").code == 0
    public = Path(".engine/keys/engine.pub.pem").read_text()
    Path("own.pub.pem").write_text(public)
    Path("trust.yaml").write_text("keys:\n  - {public_key_file: own.pub.pem, roles: [policy]}\n")
    answer = decided(engine, "--policy-trust", "trust.yaml")
    assert answer.json["relaxations"] == ["policies_overridden"]
    assert "is by the key that signs the decision" in answer.err


def test_an_approval_counts_until_it_expires_and_the_longest_is_named(built: str) -> None:
    """INV-RELAX-2: of a session that lasts longer."""
    bundle = load_policies(Path("own.tar"), opa=None)
    short, long = (
        approval(BOARD, built, approved_at=NOW - HOUR, expires_at=NOW + n * HOUR) for n in (1, 2)
    )
    trust = {"keys": [{"key_id": BOARD.key_id, "roles": ["policy"]}]}
    approvals = Approvals((long, short), (), trust)
    policies = PoliciesInUse(bundle, ChosenBy.CALLER, approvals=approvals)
    assert policies.approved(NOW, None) == (long,)
    assert policies.relaxations(NOW, None) == ()
    assert policies.relaxations(NOW + 2 * HOUR, None) == ("policies_overridden",)
    assert policies.relaxations(NOW, BOARD.public) == ("policies_overridden",)
    assert policies.changes("default") is policies.changes("default")  # compared once


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (("own",), "engine policy build --policies DIR --out NAME.tar"),
        ((), "what to approve is missing"),
        (("no.tar",), "no.tar"),
        (("own.tar", "--expires", "2020-01-01T00:00:00Z"), "would have expired already"),
        (("own.tar", "--note", "n" * 1025), "a note has 1 to 1024 characters"),
        (("own.tar", "--note", "a\u202eb"), "each of which is seen"),
    ],
)
def test_what_cannot_be_approved_is_refused(
    engine: Engine, built: str, argv: tuple[str, ...], message: str
) -> None:
    assert engine("keys", "init").code == 0
    answer = engine("policy", "sign", *argv)
    assert (answer.code, answer.out) == (2, "")
    assert message in answer.err
    assert not FILE.exists()


def test_a_program_says_whose_approval_counts(engine: Engine, built: str, tmp_path: Path) -> None:
    engine("keys", "init")
    key = Path(".engine/keys/engine.pem").read_bytes()
    public = Path(".engine/keys/engine.pub.pem").read_bytes()
    document = json.loads(Path("metrics.json").read_text())
    named: dict[str, Any] = {"policies": "own.tar", "policy_trust": "trust.yaml"}
    with pytest.warns(UserWarning, match="the policies are not approved: .* no such file"):
        Gate(**named).close()
    FILE.write_bytes(attachment_of([approval(BOARD, built, approved_at=NOW - HOUR)]))
    with Gate(**named, ledger=tmp_path / "l.db", key=key) as gate:
        decision = gate.decide(document, export=tmp_path / "p.json")
    assert decision.relaxations == ()
    assert [row["key_id"] for row in decision.policy_approvals] == [BOARD.key_id]
    proof = (tmp_path / "p.json").read_bytes()
    by: list[bytes | TrustedKey] = [
        public_pem(BOARD.public),
        TrustedKey(STRANGER.public, ("policy",)),
    ]
    assert not verify(proof, [public], Expectations(policy_approvers=by)).failed_expectations
    assert verify(proof, [public], Expectations(policy_approvers=by[1:])).failed_expectations
    for wrong in ([], [TrustedKey(BOARD.public)], ["text"], BOARD.public):
        with pytest.raises(UsageError):
            Expectations(policy_approvers=wrong)  # type: ignore[arg-type]


def test_the_schema_describes_what_is_signed(built: str) -> None:
    schema = json.loads((ROOT / "schemas/policy-approval.schema.json").read_text())
    Draft202012Validator.check_schema(schema)
    said = json.loads(
        open_envelope(given(BOARD, built, expires_at=NOW + HOUR, note="as agreed")).payload
    )
    Draft202012Validator(schema).validate(said)

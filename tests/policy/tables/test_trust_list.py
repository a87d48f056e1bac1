"""INV-ATTEST-2: the trust list, read strictly from the policy's source."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from engine.errors import ConfigError
from engine.model import Json
from engine.policy.build import compile_policies
from engine.policy.bundle import PolicyBundle, shipped_bundle
from engine.policy.overlay import load_policies
from engine.proof.keys import public_pem
from tests.policy.toys import toy
from tests.signers.pem import pem
from tests.simulator import Key

BOARD = Key("board")
PEM = public_pem(BOARD.public).decode()
INLINE = "\n".join(f"      {line}" for line in PEM.splitlines())
BY_FILE = "keys:\n  - {public_key_file: board.pub.pem, roles: [attestor]}\n"


def folder(tmp_path: Path, trust: str, pem: str = PEM) -> Path:
    (tmp_path / "trust").mkdir(exist_ok=True)
    (tmp_path / "trust/data.yaml").write_text(trust)
    (tmp_path / "trust/board.pub.pem").write_text(pem)
    return tmp_path


def bundle_of(tmp_path: Path, trust: str) -> PolicyBundle:
    return load_policies(folder(tmp_path, trust), opa=None)


def keys(tmp_path: Path, trust: str) -> Json:
    return bundle_of(tmp_path, trust).data["trust"]["keys"]


def test_nobody_is_trusted_as_shipped() -> None:
    assert shipped_bundle().data["trust"] == {"keys": []}


@pytest.mark.parametrize(
    "naming",
    [f"key_id: {BOARD.key_id}", "public_key_file: board.pub.pem", f"public_key: |\n{INLINE}"],
    ids=("id", "file", "inline"),
)
def test_a_key_is_named_by_its_id_its_file_or_itself(tmp_path: Path, naming: str) -> None:
    row = 'keys:\n  - roles: [attestor]\n    name: board\n    not_after: "2027-01-01T00:00:00Z"\n'
    assert keys(tmp_path, f"{row}    {naming}\n") == [
        {
            "key_id": BOARD.key_id,
            "roles": ["attestor"],
            "name": "board",
            "not_after": "2027-01-01T00:00:00Z",
        }
    ]


def test_the_key_file_is_part_of_the_policy_and_needs_no_opa(tmp_path: Path) -> None:
    bundle = bundle_of(tmp_path, BY_FILE)
    assert "trust/board.pub.pem" in bundle.source_digests
    assert bundle.revision == shipped_bundle().revision
    again = PolicyBundle.from_archive(bundle.archive())
    assert again.digest == bundle.digest
    assert again.file("sources/trust/board.pub.pem") == PEM.encode()


def test_a_build_takes_it_in_too(opa: Path) -> None:
    bundle = compile_policies(toy({"trust/data.yaml": BY_FILE, "trust/board.pub.pem": PEM}), opa)
    assert bundle.data["trust"]["keys"] == [{"key_id": BOARD.key_id, "roles": ["attestor"]}]
    assert bundle.file("sources/trust/board.pub.pem") == PEM.encode()
    assert bundle.revision == compile_policies(toy(), opa).revision


@pytest.mark.parametrize(
    ("trust", "words"),
    [
        ("keys: [1]", "an object"),
        ("keys: [{}]", "'roles' is missing"),
        ("keys: [{roles: [attestor]}]", "exactly one of key_id"),
        (f"keys: [{{key_id: {BOARD.key_id}, public_key_file: a, roles: [attestor]}}]", "one of"),
        ("keys: [{key_id: ab, roles: [attestor]}]", "64 lowercase hex digits"),
        ("keys: [{public_key: ab, roles: [attestor]}]", "Ed25519"),
        ("keys: [{public_key_file: bord.pub.pem, roles: [attestor]}]", "board.pub.pem"),
        ("keys: [{public_key_file: ../board.pub.pem, roles: [attestor]}]", "no key file"),
        ("keys: [{public_key_file: board.pub.pem, roles: []}]", "at least one role"),
        ("keys: [{public_key_file: board.pub.pem, roles: [attester]}]", "attestor"),
        ("keys: [{public_key_file: board.pub.pem, roles: [attestor, attestor]}]", "each once"),
        ("keys: [{public_key_file: board.pub.pem, roles: [attestor], until: 1}]", "until"),
        (
            'keys: [{public_key_file: board.pub.pem, roles: [attestor], not_after: "soon"}]',
            "RFC 3339",
        ),
        (
            "keys: [{public_key_file: board.pub.pem, roles: [attestor], "
            'not_before: "2027-01-01T00:00:00Z", not_after: "2027-01-01T00:00:00Z"}]',
            "over before it begins",
        ),
        (BY_FILE + f"  - {{key_id: {BOARD.key_id}, roles: [attestor]}}\n", "has a row already"),
    ],
)
def test_a_list_that_is_not_clear_is_refused_with_its_place(
    tmp_path: Path, trust: str, words: str
) -> None:
    with pytest.raises(ConfigError, match=words) as caught:
        keys(tmp_path, trust)
    assert str(caught.value).startswith(f"{tmp_path}/trust/data.yaml")


def test_a_private_key_beside_the_list_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"board\.pub\.pem: this file holds a private key"):
        load_policies(folder(tmp_path, "keys: []\n", pem().decode()), opa=None)


def test_the_list_is_the_digest_that_decisions_name(tmp_path: Path) -> None:
    bundle = bundle_of(tmp_path, BY_FILE)
    assert bundle.digest != shipped_bundle().digest
    assert json.loads(bundle.data_bytes)["trust"]["keys"][0]["key_id"] == BOARD.key_id

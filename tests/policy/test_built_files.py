"""A built policy is what its own sources give, or it is refused: what decides is what was read."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from engine.decision.approvals import approvals_of
from engine.errors import ConfigError
from engine.formats import canonical
from engine.model import Json
from engine.policy import overlay
from engine.policy.build import compile_policies, find_opa, write
from engine.policy.bundle import DATA_JSON, MANIFEST, WASM, PolicyBundle, shipped_bundle
from engine.policy.laying import merged, with_data
from engine.policy.overlay import load_policies, require_compiled_of_sources
from engine.policy.sources import Source, sha256
from engine.proof.archive import pack, unpack
from engine.proof.keys import public_pem

_BELOW = b'check.below("slo.dec_p95_ms", "slo.dec_p95_ms")'


def own_rows() -> PolicyBundle:
    """The shipped rules with a limit of one's own."""
    text = b"checks: {slo.dec_p95_ms: {limit: 700}}"
    given = {"limits/default/data.yaml": Source("own", text)}
    return with_data(shipped_bundle(), merged(shipped_bundle(), given))


def own_rules(before: bytes = b"package slo", after: bytes = b"package slo # ours") -> PolicyBundle:
    """The shipped rules, of which one file says something else."""
    text = shipped_bundle().file("sources/slo/slo.rego")
    assert before in text
    text = text.replace(before, after, 1)
    files = merged(shipped_bundle(), {"slo/slo.rego": Source("own", text)})
    return compile_policies(files, find_opa({}))


def other_module() -> bytes:
    """What the shipped rules compile to where one comparison is another."""
    return own_rules(b'check.at_most("slo.dec_p95_ms")', _BELOW).wasm


def forged(
    bundle: PolicyBundle, folder: Path, change: Callable[[Json], object], **files: bytes
) -> Path:
    """A built file whose digests fit what is in it, and whose parts do not fit each other."""
    contents = unpack(bundle.archive())
    contents |= {name.replace("_", "."): data for name, data in files.items()}
    manifest = json.loads(contents[MANIFEST])
    manifest["files"] = {name: sha256(contents[name]) for name in (WASM, DATA_JSON)}
    change(manifest)
    contents[MANIFEST] = canonical.encode(manifest)
    path = folder / "policy.tar"
    path.write_bytes(pack(contents))
    return path


def unchanged(_manifest: Json) -> None:
    """Nothing of the manifest but its digests."""


def without_digest(manifest: Json) -> None:
    manifest["gates"]["promotion"]["requires_digest"] = False


def without_a_check(manifest: Json) -> None:
    manifest["gates"]["promotion"]["checks"].remove("slo.dec_p95_ms")


@pytest.mark.parametrize("change", [without_digest, without_a_check])
def test_a_manifest_that_its_sources_do_not_give_is_refused(
    tmp_path: Path, change: Callable[[Json], object]
) -> None:
    """INV-POLICY-5: what a built file changes is in its sources, which are what people read."""
    with pytest.raises(ConfigError, match="is not what the sources in it give"):
        load_policies(forged(own_rows(), tmp_path, change), opa=None)


def test_a_module_of_other_rules_is_refused(tmp_path: Path) -> None:
    file = forged(own_rows(), tmp_path, unchanged, policy_wasm=other_module())
    with pytest.raises(ConfigError, match="is not what the sources in it give"):
        load_policies(file, opa=None)


@pytest.mark.parametrize("bundle", [own_rows, own_rules])
@pytest.mark.parametrize(
    ("member", "value"),
    [("decision_ttl_s", -1), ("decision_ttl_s", 10**15), ("relaxations_allowed", 5)],
)
def test_data_that_no_source_gives_is_refused(
    tmp_path: Path, bundle: Callable[[], PolicyBundle], member: str, value: Json
) -> None:
    built = bundle()
    document = json.loads(built.data_bytes)
    document["limits"]["default"][member] = value
    file = forged(built, tmp_path, unchanged, data_json=canonical.encode(document))
    with pytest.raises(ConfigError, match="is not what the sources in it give"):
        load_policies(file, opa=None)


@pytest.mark.parametrize("bundle", [own_rows, own_rules])
def test_what_was_built_is_taken(tmp_path: Path, bundle: Callable[[], PolicyBundle]) -> None:
    built = bundle()
    file = tmp_path / "policy.tar"
    file.write_bytes(built.archive())
    loaded = load_policies(file, opa=None)
    assert loaded.digest == built.digest
    require_compiled_of_sources(file, loaded, lambda: find_opa({}))


def test_nobody_approves_a_module_that_its_own_rules_do_not_compile_to(tmp_path: Path) -> None:
    """INV-POLICY-5: whoever approves reads the sources, and what decides is the module."""
    file = forged(own_rules(), tmp_path, unchanged, policy_wasm=other_module())
    loaded = load_policies(file, opa=None)  # without OPA nobody can tell
    with pytest.raises(ConfigError, match="is not what the sources in it compile to"):
        require_compiled_of_sources(file, loaded, lambda: find_opa({}))


def test_a_trust_list_is_open_where_a_key_beside_it_is(tmp_path: Path) -> None:
    key = Ed25519PrivateKey.generate().public_key().public_bytes_raw()
    board = tmp_path / "board.pub.pem"
    board.write_bytes(public_pem(key))
    board.chmod(0o644)
    trust = tmp_path / "trust.yaml"
    trust.write_text("keys: [{public_key_file: board.pub.pem, roles: [policy]}]")
    trust.chmod(0o644)
    file = tmp_path / "policy.tar"
    assert not approvals_of(file, "0" * 64, trust).open_to_others
    board.chmod(0o666)
    assert approvals_of(file, "0" * 64, trust).open_to_others
    trust.write_text("keys: [{public_key_file: ../board.pub.pem, roles: [policy]}]")
    with pytest.raises(ConfigError, match="no key file"):
        approvals_of(file, "0" * 64, trust)


@pytest.mark.parametrize("change", [without_digest, without_a_check])
def test_a_built_folder_is_held_against_its_sources_too(
    tmp_path: Path, change: Callable[[Json], object]
) -> None:
    write(own_rows(), tmp_path, keep_sources=True)
    assert load_policies(tmp_path, opa=None).digest == own_rows().digest
    manifest = json.loads((tmp_path / MANIFEST).read_bytes())
    change(manifest)
    (tmp_path / MANIFEST).write_bytes(canonical.encode(manifest))
    with pytest.raises(ConfigError, match="is not what the sources in it give"):
        load_policies(tmp_path, opa=None)


@pytest.mark.parametrize("mode", [0o700, 0o755])
def test_what_was_held_against_its_sources_is_not_held_again_where_only_its_user_writes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: int
) -> None:
    """INV-POLICY-5: remembered by the digest, which covers sources and what they give."""
    cache, file = tmp_path / "cache", tmp_path / "policy.tar"
    file.write_bytes(own_rows().archive())
    load_policies(file, opa=None, cache=cache)
    cache.chmod(mode)
    compared: list[Path] = []
    monkeypatch.setattr(overlay, "_compare_with_sources", lambda file, _: compared.append(file))
    load_policies(file, opa=None, cache=cache)
    assert compared == ([] if mode == 0o700 else [file])
    other = forged(own_rows(), tmp_path, without_digest)
    load_policies(other, opa=None, cache=cache)
    assert compared[-1] == other


def test_what_its_sources_do_not_give_is_refused_each_time(tmp_path: Path) -> None:
    file = forged(own_rows(), tmp_path, without_a_check)
    for _ in range(2):
        with pytest.raises(ConfigError, match="is not what the sources in it give"):
            load_policies(file, opa=None, cache=tmp_path / "cache")

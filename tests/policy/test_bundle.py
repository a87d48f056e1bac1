from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from engine.errors import ConfigError, PolicyError, UsageError, VerificationError
from engine.formats import canonical
from engine.model import Json
from engine.policy.build import build, compile_policies
from engine.policy.bundle import PolicyBundle, opened, shipped_schema
from engine.policy.evaluators.wasm import WasmEvaluator
from engine.policy.manifest import matches
from engine.policy.sources import sha256
from engine.proof.archive import pack, unpack
from tests.examples import examples
from tests.policy.toys import toy, written


@pytest.fixture(scope="module")
def bundle(opa: Path) -> PolicyBundle:
    return compile_policies(toy(), opa)


def test_the_digest_is_the_manifests_and_the_manifest_names_every_file(
    bundle: PolicyBundle,
) -> None:
    manifest = json.loads(bundle.manifest)

    assert bundle.digest == sha256(bundle.manifest)
    assert manifest["sources"] == {path: sha256(file.content) for path, file in toy().items()}
    assert manifest["files"] == {
        "data.json": sha256(bundle.data_bytes),
        "policy.wasm": sha256(bundle.wasm),
    }
    assert manifest["capabilities_sha256"] == manifest["sources"]["capabilities.json"]
    assert canonical.encode(manifest) == bundle.manifest


def test_what_a_bundle_has_is_found_by_name(bundle: PolicyBundle) -> None:
    assert [gate.name for gate in bundle.gates()] == ["promotion"]
    assert [check.id for check in bundle.checks()] == ["toy.ece", "toy.owner"]
    assert bundle.profile("loose")["checks"]["toy.ece"]["limit"] == 0.5
    assert bundle.catalogue()["toy.ece"]["unit"] == "ratio"
    assert [waiver["id"] for waiver in bundle.waivers()] == ["W-1"]
    assert bundle.profile_digest("loose") == sha256(canonical.encode(bundle.profile("loose")))


@pytest.mark.parametrize(
    ("look_up", "error", "nearest"),
    [
        (lambda bundle: bundle.gate("promotio"), UsageError, "promotion"),
        (lambda bundle: bundle.check("toy.eces"), UsageError, "toy.ece"),
        (lambda bundle: bundle.profile("defalt"), ConfigError, "default"),
    ],
)
def test_a_wrong_name_is_an_error_that_names_the_nearest(
    bundle: PolicyBundle, look_up: Callable[[PolicyBundle], Any], error: type, nearest: str
) -> None:
    with pytest.raises(error, match=f"did you mean '{nearest}'"):
        look_up(bundle)


def test_an_archive_is_the_bundle_again(bundle: PolicyBundle) -> None:
    archive = bundle.archive()

    again = PolicyBundle.from_archive(archive)

    assert again.archive() == archive
    assert (again.digest, again.data, again.gates()) == (bundle.digest, bundle.data, bundle.gates())
    answers = [
        WasmEvaluator(policies, cache=None).evaluate("promotion", b"{}")
        for policies in (bundle, again)
    ]
    assert answers[0] == answers[1]


@settings(max_examples=examples(60), deadline=None)
@given(st.data())
def test_no_changed_byte_of_an_archive_is_taken_for_the_same_policy(
    bundle: PolicyBundle, data: st.DataObject
) -> None:
    archive = bytearray(bundle.archive())
    position = data.draw(st.integers(0, len(archive) - 1))
    archive[position] ^= data.draw(st.integers(1, 255))

    try:
        changed = PolicyBundle.from_archive(bytes(archive))
    except VerificationError:
        return
    assert changed.digest != bundle.digest  # a text of the manifest, which only the digest covers
    assert (changed.wasm_digest, changed.data_bytes) == (bundle.wasm_digest, bundle.data_bytes)


def forged(bundle: PolicyBundle, change: Callable[[dict[str, bytes], Any], None]) -> bytes:
    """An archive whose files are changed and whose manifest names them as they are then."""
    files = unpack(bundle.archive())
    manifest = json.loads(files["manifest.json"])
    change(files, manifest)
    for name, content in files.items():
        if name.startswith("sources/"):
            manifest["sources"][name.removeprefix("sources/")] = sha256(content)
        elif name in manifest["files"]:
            manifest["files"][name] = sha256(content)
    return pack(files | {"manifest.json": canonical.encode(manifest)})


def test_a_forger_who_names_the_files_as_they_are_has_another_digest(bundle: PolicyBundle) -> None:
    def loosen(files: dict[str, bytes], _manifest: Any) -> None:
        files["data.json"] = files["data.json"].replace(b"0.01", b"0.99")

    assert PolicyBundle.from_archive(forged(bundle, loosen)).digest != bundle.digest


def _set(path: str, value: Any) -> Callable[[dict[str, bytes], Any], None]:
    def change(_files: dict[str, bytes], manifest: Any) -> None:
        *parents, last = path.split("/")
        for name in parents:
            manifest = manifest[name]
        manifest[last] = value

    return change


def _file(name: str, content: bytes) -> Callable[[dict[str, bytes], Any], None]:
    return lambda files, _manifest: files.update({name: content})


@pytest.mark.parametrize(
    "change",
    [
        _set("schema", "governance-engine/policy/v2"),
        _set("revision", "0" * 64),
        _set("extra", 1),
        _set("gates", {}),
        _set("gates/promotion/checks", ["toy.unheard_of"]),
        _set("gates/promotion/checks", []),
        _set("gates/promotion/rule", "always/v1"),
        _set("gates/promotion/requires_digest", "no"),
        _set("gates/promotion/entrypoint", "promotion/other"),
        _set("checks/toy.ece/kind", "vibe"),
        _set("checks/toy.ece/metric", None),
        _set("sources/missing.rego", "0" * 64),
        _set("files/policy.wasm2", "0" * 64),
        _file("data.json", b"{}"),
        _file("data.json", b"[]"),
        _file("data.json", b"{"),
        _file(
            "data.json", b'{"limits":{"a":1},"catalogue":{"metrics":{}},"waivers":{"waivers":[]}}'
        ),
        _file("data.json", b'{"limits":{},"catalogue":{"metrics":{}},"waivers":{"waivers":[1]}}'),
        _file("sources/promotion/promotion.rego", b"package promotion"),
        _file("extra", b""),
        lambda files, _manifest: files.pop("policy.wasm"),
        lambda files, _manifest: files.pop("data.json"),
        lambda files, _manifest: files.pop("sources/trust/data.yaml"),
    ],
)
def test_an_archive_that_is_no_whole_bundle_is_refused(
    bundle: PolicyBundle, change: Callable[[dict[str, bytes], Any], None]
) -> None:
    with pytest.raises(VerificationError):
        PolicyBundle.from_archive(forged(bundle, change))


def test_a_manifest_in_another_spelling_is_refused(bundle: PolicyBundle) -> None:
    files = unpack(bundle.archive())
    files["manifest.json"] = json.dumps(json.loads(bundle.manifest)).encode()

    with pytest.raises(VerificationError):
        PolicyBundle.from_archive(pack(files))


def test_files_in_another_order_are_refused(bundle: PolicyBundle) -> None:
    files = unpack(bundle.archive())

    with pytest.raises(VerificationError, match="order"):
        PolicyBundle.from_archive(pack(dict(reversed(files.items()))))


@pytest.mark.parametrize("archive", [b"", b"x", bytes(1024), bytes(17 * 1024 * 1024)])
def test_what_is_no_archive_is_refused(archive: bytes) -> None:
    with pytest.raises(VerificationError):
        PolicyBundle.from_archive(archive)


@pytest.fixture
def folder(opa: Path, tmp_path: Path) -> Path:
    """A build folder."""
    build(written(toy(), tmp_path / "in"), tmp_path / "out", opa)
    return tmp_path / "out"


def test_a_file_that_is_not_what_the_manifest_names_is_not_used(folder: Path) -> None:
    """INV-POLICY-1: neither a changed module nor changed limits decide."""
    (folder / "data.json").write_bytes(
        (folder / "data.json").read_bytes().replace(b"0.01", b"0.99")
    )
    (folder / "policy.wasm").write_bytes(b"\0asm")
    (folder / "policies" / "promotion" / "promotion.rego").write_text("package promotion")
    (folder / "policies" / "trust" / "data.yaml").unlink()
    bundle = opened(folder, folder / "policies")

    for use in (
        lambda: bundle.profile("default"),
        lambda: bundle.wasm,
        lambda: bundle.file("sources/promotion/promotion.rego"),
        lambda: bundle.file("sources/trust/data.yaml"),
        bundle.archive,
        lambda: WasmEvaluator(bundle, cache=None).evaluate("promotion", b"{}"),
    ):
        with pytest.raises(PolicyError, match="policy bundle: "):
            use()


@pytest.mark.parametrize("manifest", [b"", b"{}", b"[]", b"null", b"\xff"])
def test_a_folder_without_a_manifest_is_an_error(folder: Path, manifest: bytes) -> None:
    (folder / "manifest.json").write_bytes(manifest)
    with pytest.raises(PolicyError, match="no policy manifest"):
        opened(folder, folder / "policies")

    (folder / "manifest.json").unlink()
    with pytest.raises(PolicyError, match="no policy manifest"):
        opened(folder, folder / "policies")


def _changed(value: Json) -> Iterator[Json]:
    """Every document that has one place of ``value`` otherwise, left out, or one more."""
    yield from (None, 0, True, "", "x", "a.b", "A b", "a.b\n", "0" * 64, [], {}, ["a.b", "a.b"])
    if isinstance(value, dict):
        yield {**value, "more": "x"}
        yield {**value, "more.one": next(iter(value.values()), "x")}
        for key, inner in value.items():
            yield {name: kept for name, kept in value.items() if name != key}
            yield from ({**value, key: changed} for changed in _changed(inner))
    if isinstance(value, list):
        yield from (value * 2, value[:1])


def test_a_manifest_is_taken_exactly_where_its_schema_takes_it(bundle: PolicyBundle) -> None:
    """A manifest is read by hand, which is quick; the schema is what it promises."""
    whole = json.loads(bundle.manifest)
    for table, most in (("sources", 1), ("gates", 1), ("checks", 2)):
        whole[table] = dict(list(whole[table].items())[:most])
    next(iter(whole["checks"].values()))["controls"] = ["eu-ai-act/15", "gdpr/6"]
    validator = Draft202012Validator(shipped_schema("policy-manifest.schema.json"))
    assert matches(whole)
    taken = [changed for changed in _changed(whole) if matches(changed)]
    assert [changed for changed in taken if not validator.is_valid(changed)] == []
    refused = [changed for changed in _changed(whole) if not matches(changed)]
    odd = [changed for changed in refused if validator.is_valid(changed)]
    assert all("\\n" in json.dumps(changed) for changed in odd)  # where `$` lets a line end follow
    assert len(taken) > 50
    assert len(refused) > 400

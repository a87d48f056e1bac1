"""INV-POLICY-4: the same Rego is compiled once; what is kept counts where nobody else wrote it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from engine.errors import ConfigError
from engine.policy import compiled as module
from engine.policy.build import compile_policies
from engine.policy.bundle import PolicyBundle
from engine.policy.compiled import keep_compiled, load_compiled
from engine.policy.sources import Source, Sources
from tests.policy.toys import toy


@pytest.fixture(scope="module")
def compiled(opa: Path) -> PolicyBundle:
    return compile_policies(toy(), opa)


@pytest.fixture
def cache(tmp_path: Path, compiled: PolicyBundle) -> Path:
    """A cache that holds the toy."""
    keep_compiled(tmp_path / "cache", toy(), compiled)
    return tmp_path / "cache"


def with_rego() -> Sources:
    files = toy()
    path = next(name for name in files if name.endswith(".rego"))
    return {**files, path: replace(files[path], content=files[path].content + b"\n# more\n")}


def test_what_was_compiled_once_is_the_same_policy_again(
    cache: Path, compiled: PolicyBundle
) -> None:
    found = load_compiled(cache, toy())
    assert found is not None
    assert found.digest == compiled.digest
    assert found.archive() == compiled.archive()


def test_data_is_never_taken_from_what_was_kept(cache: Path, opa: Path) -> None:
    files = toy({"limits/other/data.yaml": "extends: default\n"})
    found = load_compiled(cache, files)
    assert found is not None
    assert found.digest == compile_policies(files, opa).digest
    with pytest.raises(ConfigError, match=r"limits/other/data\.yaml"):
        load_compiled(cache, toy({"limits/other/data.yaml": "extends: nothing\n"}))


OTHERS: dict[str, Callable[[pytest.MonkeyPatch], Sources]] = {
    "other Rego": lambda _: with_rego(),
    "other capabilities": lambda _: {
        **toy(),
        "capabilities.json": Source("c", toy()["capabilities.json"].content + b"\n"),
    },
    "another OPA": lambda patch: patch.setattr(module, "OPA_VERSION", "9.9.9") or toy(),
    "another engine": lambda patch: patch.setattr(module, "__version__", "9.9.9") or toy(),
}


@pytest.mark.parametrize("name", OTHERS)
def test_what_is_otherwise_is_compiled_again(
    cache: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert load_compiled(cache, OTHERS[name](monkeypatch)) is None


def test_what_another_opa_compiled_is_not_kept(
    tmp_path: Path, compiled: PolicyBundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "OPA_VERSION", "9.9.9")
    keep_compiled(tmp_path / "cache", toy(), compiled)
    assert not (tmp_path / "cache").exists()


def test_what_was_changed_since_is_compiled_again(cache: Path) -> None:
    (file,) = cache.iterdir()
    whole = file.read_bytes()
    for at in (0, 40, len(whole) // 2, len(whole) - 1):
        file.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        assert load_compiled(cache, toy()) is None


@pytest.mark.parametrize("exposed", ["", "file"])
def test_what_others_could_have_written_is_compiled_again(cache: Path, exposed: str) -> None:
    target = next(cache.iterdir()) if exposed else cache
    target.chmod(0o777)
    assert load_compiled(cache, toy()) is None


def test_another_policy_under_this_ones_name_is_compiled_again(
    cache: Path, opa: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whole and kept by this user, and of other Rego: the digests in it are compared, too."""
    name = module._name(toy())
    monkeypatch.setattr(module, "_name", lambda _files: name)
    keep_compiled(cache, with_rego(), compile_policies(with_rego(), opa))
    assert load_compiled(cache, toy()) is None

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from engine.policy.evaluators.module_cache import ModuleCache


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A cache that holds one module."""
    folder = tmp_path / "new" / "cache"
    ModuleCache(folder).keep("one", b"code")
    return folder


def test_what_is_kept_is_found_again_by_its_name_only(folder: Path) -> None:
    assert ModuleCache(folder).load("one") == b"code"
    assert ModuleCache(folder).load("two") is None


def test_the_folder_and_its_files_are_the_users_alone(folder: Path) -> None:
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert [stat.S_IMODE(file.stat().st_mode) for file in folder.iterdir()] == [0o600]


@pytest.mark.parametrize("position", [0, 31, 32, -1])
def test_a_flipped_byte_is_not_loaded(folder: Path, position: int) -> None:
    (file,) = folder.iterdir()
    content = bytearray(file.read_bytes())
    content[position] ^= 1
    file.write_bytes(content)

    assert ModuleCache(folder).load("one") is None


def test_a_module_under_another_ones_name_is_not_loaded(folder: Path) -> None:
    (file,) = folder.iterdir()
    file.rename(file.with_name("two.cwasm"))

    assert ModuleCache(folder).load("two") is None


@pytest.mark.parametrize("mode", [0o701, 0o710, 0o707, 0o770, 0o777, 0o1777])
def test_a_folder_that_others_can_enter_is_not_used(folder: Path, mode: int) -> None:
    folder.chmod(mode)

    ModuleCache(folder).keep("two", b"code")

    assert ModuleCache(folder).load("one") is None
    assert len(list(folder.iterdir())) == 1


def test_a_folder_of_somebody_else_is_not_used(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    somebody_else = os.geteuid() + 1
    monkeypatch.setattr(os, "geteuid", lambda: somebody_else)

    ModuleCache(folder).keep("two", b"code")

    assert ModuleCache(folder).load("one") is None
    assert len(list(folder.iterdir())) == 1


def test_a_link_is_not_followed(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(folder)
    (file,) = folder.iterdir()
    file.rename(tmp_path / "elsewhere")
    (folder / "one.cwasm").symlink_to(tmp_path / "elsewhere")

    assert ModuleCache(folder).load("one") is None
    assert ModuleCache(tmp_path / "link").load("one") is None


def test_a_file_that_others_can_write_is_not_loaded(folder: Path) -> None:
    (file,) = folder.iterdir()
    file.chmod(0o602)

    assert ModuleCache(folder).load("one") is None


def test_a_cache_that_cannot_be_made_is_empty(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    cache = ModuleCache(tmp_path / "file" / "cache")

    cache.keep("one", b"code")

    assert cache.load("one") is None


def test_a_failed_write_leaves_nothing_behind(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_arguments: object, **_options: object) -> None:
        raise OSError("no space left")

    monkeypatch.setattr(os, "replace", full)

    ModuleCache(folder).keep("two", b"code")

    assert [file.name for file in folder.iterdir()] == ["one.cwasm"]


def test_the_oldest_modules_are_forgotten(folder: Path) -> None:
    cache = ModuleCache(folder)
    os.utime(folder / "one.cwasm", (0, 0))
    for number in range(8):
        cache.keep(f"more-{number}", b"code")

    assert cache.load("one") is None
    assert cache.load("more-0") == b"code"

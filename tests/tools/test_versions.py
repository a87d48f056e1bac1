"""``tools/versions.py``: other versions of Python test the wheel, and not the clone."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.repository import ROOT
from tools import versions
from tools.versions import copy_tests, find_python, main

RUNNING = f"{sys.version_info.major}.{sys.version_info.minor}"


def test_a_version_that_is_not_installed_is_named_with_what_installs_it(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["3.99"]) == 2
    refusal = capsys.readouterr().err
    assert "Python 3.99 is not installed here: " in refusal
    assert "`pyenv install 3.99`" in refusal


def test_an_installed_version_is_found_wherever_it_is() -> None:
    python = find_python(RUNNING, {"PATH": str(Path(sys.executable).parent)})
    printed = subprocess.run([python, "-V"], check=True, capture_output=True, text=True).stdout
    assert printed.startswith(f"Python {RUNNING}.")


def test_the_tests_are_copied_and_the_engine_is_the_installed_one(tmp_path: Path) -> None:
    copy_tests(Path(sys.executable), tmp_path / "copy")

    copied = tmp_path / "copy" / "tests" / "tools" / Path(__file__).name
    assert copied.read_bytes() == Path(__file__).read_bytes()
    assert (tmp_path / "copy" / "engine").resolve() == (ROOT / "engine").resolve()
    assert (tmp_path / "copy" / "engine").is_symlink()


def test_a_version_whose_suite_fails_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    suites: list[tuple[str, Sequence[str]]] = []

    def passes(python: Path, _: Path, selected: Sequence[str]) -> bool:
        suites.append((python.name, selected))
        return python.name == "3.13"

    monkeypatch.setattr(versions, "ROOT", tmp_path)
    monkeypatch.setattr(versions, "find_python", lambda version, _: Path(version))
    monkeypatch.setattr(versions, "build_wheel", lambda _: Path("engine.whl"))
    monkeypatch.setattr(versions, "install", lambda python, *_: python)
    monkeypatch.setattr(versions, "copy_tests", lambda *_: None)
    monkeypatch.setattr(versions, "passes", passes)

    assert main(["3.12", "3.13", "--", "tests/proof"]) == 1

    assert suites == [("3.12", ["tests/proof"]), ("3.13", ["tests/proof"])]
    assert capsys.readouterr().err == "the core suite fails on Python 3.12\n"

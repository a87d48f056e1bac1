"""The pinned conftest: one version in go.mod, and a binary that says so is taken."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.errors import BenchError
from bench.fetch_conftest import GO_MOD, MODULE, fetch, pinned_version, version


def program(path: Path, said: str) -> Path:
    path.write_text(f"#!/bin/sh\necho '{said}'\n")
    path.chmod(0o755)
    return path


def test_go_mod_pins_the_version_and_makes_it_a_tool() -> None:
    assert pinned_version(GO_MOD.read_text()) == "0.71.1"
    assert f"\ntool {MODULE}\n" in GO_MOD.read_text()


def test_a_go_mod_without_the_pin_is_an_error() -> None:
    with pytest.raises(BenchError, match="no line that requires"):
        pinned_version("module x\n\nrequire github.com/open-policy-agent/opa v1.22.0\n")


def test_the_version_is_what_the_binary_says(tmp_path: Path) -> None:
    assert version(program(tmp_path / "conftest", "Conftest: 1.2.3")) == "1.2.3"


@pytest.mark.parametrize("said", ["OPA: 1.2.3", ""])
def test_a_binary_that_does_not_say_its_version_has_none(tmp_path: Path, said: str) -> None:
    assert version(program(tmp_path / "conftest", said)) == ""
    assert version(tmp_path / "nowhere") == ""


def test_a_binary_of_the_pinned_version_is_not_built_again(tmp_path: Path) -> None:
    there = program(tmp_path / "conftest", "Conftest: 0.71.1")
    assert fetch(tmp_path, {"PATH": "/nowhere"}) == there

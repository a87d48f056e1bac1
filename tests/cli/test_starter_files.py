"""The starter policy is held to what the shipped policies are held to."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from engine.cli.starter_files import starter_policy
from engine.errors import UsageError
from engine.policy.bundle import shipped_folder
from engine.policy.overlay import load_policies

CAPABILITIES = shipped_folder("policies") / "capabilities.json"


@pytest.fixture
def overlay(tmp_path: Path) -> Path:
    """A starter policy, written out."""
    for path, text in starter_policy("checkout").items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
    return tmp_path


def opa_says(opa: Path, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [opa, *arguments], cwd=folder, capture_output=True, text=True, check=False
    )


def test_the_starter_policy_is_formatted_checked_and_wholly_covered(
    overlay: Path, opa: Path
) -> None:
    libraries = [str(path) for path in (shipped_folder("policies") / "lib").glob("*/*.rego")]
    code = [path for path in libraries if not path.endswith("_test.rego")]
    given = ("--capabilities", str(CAPABILITIES))

    assert opa_says(opa, overlay, "fmt", "--fail", "--list", "checkout").stdout == ""
    checked = opa_says(opa, overlay, "check", "--strict", *given, "checkout", *code)
    assert (checked.returncode, checked.stderr) == (0, "")
    tested = opa_says(opa, overlay, "test", *given, "--coverage", "checkout", *code)
    assert tested.returncode == 0, tested.stdout
    own = re.search(r'"checkout/checkout\.rego": \{(.*?)"coverage": ([0-9.]+)', tested.stdout, re.S)
    assert own is not None
    assert float(own[2]) == 100


def test_laid_over_the_shipped_policies_it_is_a_gate(overlay: Path, opa: Path) -> None:
    bundle = load_policies(overlay, opa=opa)
    assert bundle.gate("checkout").checks == ("checkout.open_incidents",)
    assert bundle.profile("default")["checks"]["checkout.open_incidents"]["limit"] == 0
    assert "checkout.open_incidents" in bundle.catalogue()


@pytest.mark.parametrize("name", ["slo", "lib", "data", "some", "Check-out", "", "a_test", "x"])
def test_a_name_that_cannot_be_a_package_is_refused(name: str) -> None:
    with pytest.raises(UsageError, match="policy"):
        starter_policy(name)

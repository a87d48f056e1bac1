"""The specs with a real TLC: break a guard by hand, and the run that notices is named."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.repository import ROOT
from tests.specs import lamp

JAR = ROOT / ".tools" / "tlc.jar"

pytestmark = pytest.mark.system


def check(folder: Path, *names: str) -> subprocess.CompletedProcess[str]:
    assert JAR.is_file(), "make spec fetches TLC"
    command = [sys.executable, "-m", "engine", "spec", "check", "--tla", str(folder), *names]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert text.count(old) == 1
    path.write_text(text.replace(old, new))


def test_the_recorded_outputs_are_what_tlc_says(tmp_path: Path) -> None:
    done = check(lamp.specs(tmp_path))
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_guard_broken_by_hand_is_noticed_with_its_counterexample(tmp_path: Path) -> None:
    folder = Path(shutil.copytree(ROOT / "tla", tmp_path / "tla"))
    edit(folder / "Breaker.tla", "MayProbe == probe = None", "MayProbe == leaseAge = 0")

    done = check(folder, "breaker")

    assert done.returncode == 1
    assert "expected ok, TLC said invariant OneProbeInv (exit code 12)" in done.stdout
    assert 'phase = "half-open"' in done.stdout


def test_a_spec_that_does_not_parse_says_where(tmp_path: Path) -> None:
    folder = lamp.specs(tmp_path)
    edit(folder / "Lamp.tla", "changes < Most", "changes < < Most")

    done = check(folder, "lamp")

    assert done.returncode == 1
    assert "TLC said parse error (exit code 150)" in done.stdout
    assert "Encountered" in done.stdout

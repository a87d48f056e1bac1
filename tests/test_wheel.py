"""The built wheel, in an empty environment: no clone, no OPA, no Go."""

from __future__ import annotations

import shutil
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

from engine.cli.starter_files import REQUIREMENTS, WHEEL
from tests.repository import DATA, ROOT
from tests.wheels import UV, built, installed


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return built(tmp_path_factory.mktemp("dist"))


@pytest.fixture(scope="module")
def environment(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment with the wheel and the locked packages of a plain install."""
    return installed(wheel, tmp_path_factory.mktemp("plain"))


def test_the_wheel_decides_in_an_empty_folder(environment: Path, tmp_path: Path) -> None:
    folder = tmp_path / "empty"
    folder.mkdir()

    done = subprocess.run(
        ["/bin/sh", "-c", "engine init && engine example promote | engine decide -"],
        cwd=folder,
        env={"PATH": f"{environment / 'bin'}:/usr/bin:/bin", "HOME": str(folder), "CI": "true"},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert "\n✓ PROMOTE  scoring-model 2.4.1, in force until " in done.stdout


def test_a_program_that_uses_the_wheel_is_type_checked(environment: Path, tmp_path: Path) -> None:
    program = shutil.copy(DATA / "typed_client.py", tmp_path)
    mypy = [sys.executable, "-m", "mypy", "--strict", "--config-file=", "--cache-dir=cache"]
    installed = f"--python-executable={environment / 'bin' / 'python'}"

    checked = subprocess.run(
        [*mypy, installed, program], cwd=tmp_path, capture_output=True, text=True, check=False
    )

    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_the_wheel_carries_what_deciding_needs(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    assert names >= {
        "engine/py.typed",
        "engine/_data/starter/ci/github.yml",
        "engine/_data/starter/ci/gitlab.yml",
        "engine/_data/starter/policy/my_domain.rego",
        "engine/_data/starter/policy/my_domain_test.rego",
        "engine/_data/manifest.json",
        "engine/_data/policy.wasm",
        "engine/_data/data.json",
        "engine/_data/policies/promotion/promotion.rego",
        "engine/_data/schemas/metrics.schema.json",
        "engine/_data/examples/promote.json",
        "engine/_data/tla/Breaker.tla",
        "engine/_data/tla/manifest.toml",
        "engine/_data/tla/graph/breaker.json.gz",
    }


def test_what_a_ci_job_installs_by_hash_is_what_is_locked() -> None:
    """To write it anew: this export, to that file."""
    export = [UV, "export", "--quiet", "--frozen", "--no-dev", "--no-emit-project"]
    done = subprocess.run(
        [*export, "--no-header", "--no-annotate"], cwd=ROOT, check=True, capture_output=True
    )
    written = ROOT / "engine" / "_data" / "starter" / "ci" / "requirements.txt"
    assert done.stdout == written.read_bytes()


@pytest.mark.system
def test_pip_installs_what_the_ci_job_says_and_refuses_another_wheel(
    wheel: Path, environment: Path, tmp_path: Path
) -> None:
    vendored = tmp_path / WHEEL
    vendored.parent.mkdir()
    shutil.copy(wheel, vendored)
    init = [str(environment / "bin" / "engine"), "init", "--ci", "github", "--yes"]
    world = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path)}
    assert subprocess.run(init, cwd=tmp_path, env=world, check=False).returncode == 0
    fresh = tmp_path / "venv"
    venv.create(fresh, with_pip=True)
    pip = [str(fresh / "bin" / "pip"), "install", "--quiet"]
    pip += ["--require-hashes", "-r", REQUIREMENTS]

    assert subprocess.run(pip, cwd=tmp_path, check=False).returncode == 0
    assert (fresh / "bin" / "engine").exists()
    with vendored.open("ab") as other:
        other.write(b"\0")
    pip.append("--force-reinstall")
    refused = subprocess.run(pip, cwd=tmp_path, check=False, capture_output=True, text=True)
    assert refused.returncode != 0
    assert "HASHES" in refused.stderr

"""The built wheel, in an empty environment: no clone, no OPA, no Go."""

from __future__ import annotations

import shutil
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

from tests.repository import DATA, ROOT

UV = str(ROOT / ".tools" / "uv" / "bin" / "uv")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    assert Path(UV).exists(), "make setup installs uv"
    out = tmp_path_factory.mktemp("dist")
    subprocess.run([UV, "build", "--quiet", "--wheel", "--out-dir", str(out)], cwd=ROOT, check=True)
    (built,) = out.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def environment(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment with the wheel and the locked packages of a plain install."""
    folder = tmp_path_factory.mktemp("plain")
    environment = folder / "venv"
    venv.create(environment)
    requirements = folder / "requirements.txt"
    export = [UV, "export", "--quiet", "--frozen", "--no-dev", "--no-emit-project"]
    locked = [*export, "--output-file", str(requirements)]
    subprocess.run(locked, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    python = environment / "bin" / "python"
    install = [UV, "pip", "install", "--quiet", "--python", str(python)]
    subprocess.run([*install, "--require-hashes", "-r", str(requirements)], check=True)
    subprocess.run([*install, "--no-deps", str(wheel)], check=True)
    return environment


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

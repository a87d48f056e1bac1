"""The built wheel, and environments with it and the locked packages."""

from __future__ import annotations

import subprocess
import venv
from pathlib import Path

from tests.repository import ROOT

UV = str(ROOT / ".tools" / "uv" / "bin" / "uv")


def built(out: Path) -> Path:
    """The wheel of this clone."""
    assert Path(UV).exists(), "make setup installs uv"
    subprocess.run([UV, "build", "--quiet", "--wheel", "--out-dir", str(out)], cwd=ROOT, check=True)
    (wheel,) = out.glob("*.whl")
    return wheel


def installed(wheel: Path, folder: Path, extra: str | None = None) -> Path:
    """An environment with the wheel and the locked packages of an install with an extra."""
    folder.mkdir(exist_ok=True)
    environment = folder / "venv"
    venv.create(environment)
    requirements = folder / "requirements.txt"
    export = [UV, "export", "--quiet", "--frozen", "--no-dev", "--no-emit-project"]
    export += ["--extra", extra] if extra else []
    locked = [*export, "--output-file", str(requirements)]
    subprocess.run(locked, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    python = environment / "bin" / "python"
    install = [UV, "pip", "install", "--quiet", "--python", str(python)]
    subprocess.run([*install, "--require-hashes", "-r", str(requirements)], check=True)
    subprocess.run([*install, "--no-deps", str(wheel)], check=True)
    return environment

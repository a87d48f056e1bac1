"""Run the core suite against the built wheel on other versions of Python.

    tools/versions.py 3.12 3.13 [-- what pytest is to run]

For each version there is a fresh environment below ``build/versions`` with the wheel and the
locked test dependencies. The tests run in a copy of the repository whose ``engine`` is what the
wheel installed, so that nothing they import or read is of the clone. ``tests/test_wheel.py``
stays out: it builds the wheel again, of a clone.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
UV = str(ROOT / ".tools" / "uv" / "bin" / "uv")
CORE = ("-q", "-n", "auto", "-m", "not system and not soak", "--ignore=tests/test_wheel.py")


class VersionsError(Exception):
    """A version could not be tested; the message says what to do."""


def find_python(version: str, environ: Mapping[str, str]) -> Path:
    """Return the interpreter of ``version`` that uv finds, also where pyenv keeps it.

    Raises:
        VersionsError: There is none.
    """
    folders = environ.get("PATH", "").split(os.pathsep)
    without_shims = os.pathsep.join(f for f in folders if Path(f).name != "shims")
    # A shim of pyenv is an error to uv, unless it is of the version that pyenv is to run.
    for environment in ({"PYENV_VERSION": version}, {"PATH": without_shims}):
        found = subprocess.run(
            [UV, "python", "find", "--no-project", "--no-python-downloads", version],
            cwd=ROOT,
            env={**environ, **environment},
            capture_output=True,
            text=True,
            check=False,
        )
        if found.returncode == 0:
            return Path(found.stdout.strip())
    raise VersionsError(
        f"Python {version} is not installed here: `pyenv install {version}` or "
        f"`{Path(UV).relative_to(ROOT)} python install {version}` installs it."
    )


def build_wheel(folder: Path) -> Path:
    """Return the wheel of this clone, built into ``folder``."""
    _run([UV, "build", "--quiet", "--wheel", "--out-dir", folder], ROOT)
    (wheel,) = folder.glob("*.whl")
    return wheel


def install(python: Path, wheel: Path, environment: Path) -> Path:
    """Return the interpreter of a fresh environment with ``wheel`` and what its tests need."""
    _run([UV, "venv", "--quiet", "--clear", "--python", python, environment], ROOT)
    locked = environment / "locked.txt"
    export = [UV, "export", "--quiet", "--frozen", "--no-emit-project"]
    _run([*export, "--output-file", str(locked)], ROOT)
    installed = environment / "bin" / "python"
    pip = [UV, "pip", "install", "--quiet", "--python", str(installed)]
    _run([*pip, "--require-hashes", "-r", str(locked)], ROOT)
    _run([*pip, "--no-deps", str(wheel)], ROOT)
    return installed


def copy_tests(python: Path, to: Path) -> None:
    """Copy the repository, with the ``engine`` that ``python`` has installed in place of its own.

    It is a clone with the files as they are now, because tests look at its commits.
    """
    shutil.rmtree(to, ignore_errors=True)
    _run(["git", "clone", "--quiet", "--shared", ROOT, to], ROOT)
    listed = _run(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], ROOT)
    for name in filter(None, listed.split("\0")):
        if Path(name).parts[0] == "engine":
            continue
        if (ROOT / name).is_file():
            (to / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, to / name)
        else:
            (to / name).unlink(missing_ok=True)
    shutil.rmtree(to / "engine")
    where = "import pathlib, engine; print(pathlib.Path(engine.__file__).parent)"
    (to / "engine").symlink_to(_run([python, "-I", "-c", where], to).strip())
    (to / ".tools").symlink_to(ROOT / ".tools")


def _run(command: Sequence[str | Path], cwd: Path) -> str:
    done = subprocess.run(command, cwd=cwd, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode != 0:
        raise VersionsError(f"failed: {' '.join(map(str, command))}")
    return done.stdout


def main(argv: Sequence[str]) -> int:
    """Test each version; 0 when every suite passed, 2 when one could not be run."""
    parser = argparse.ArgumentParser(prog="tools/versions.py", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("versions", nargs="+", metavar="VERSION", help="such as 3.12")
    split = argv.index("--") if "--" in argv else len(argv)
    args, selected = parser.parse_args(argv[:split]), argv[split + 1 :]
    built = ROOT / "build" / "versions"
    shutil.rmtree(built / "dist", ignore_errors=True)
    failed = []
    try:
        pythons = {version: find_python(version, os.environ) for version in args.versions}
        wheel = build_wheel(built / "dist")
        for version, found in pythons.items():
            python = install(found, wheel, built / version / "venv")
            copy_tests(python, built / version / "tests")
            print(f"Python {version}: {wheel.name}", flush=True)
            if not passes(python, built / version / "tests", selected):
                failed.append(version)
    except VersionsError as error:
        print(f"versions: {error}", file=sys.stderr)
        return 2
    if failed:
        print(f"the core suite fails on Python {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


def passes(python: Path, tests: Path, selected: Sequence[str]) -> bool:
    """Whether the core suite, or what is ``selected`` of it, passes in the copy ``tests``."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    environ["PATH"] = f"{python.parent}{os.pathsep}{environ.get('PATH', '')}"
    suite = subprocess.run(
        [python, "-m", "pytest", *CORE, *selected], cwd=tests, env=environ, check=False
    )
    return suite.returncode == 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

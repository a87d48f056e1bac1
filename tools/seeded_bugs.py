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
(a name that is not there, a type that does not fit) shows nothing. A test that does not end any
more shows the bug as well: it is killed, with every process that it started. The test that caught
a bug must pass without it. The table says which test caught which bug, and how.

``--sample N`` takes N bugs by a seed, which is the commit unless ``--seed`` names another.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from typing import TypeVar

T = TypeVar("T")

ROOT = Path(__file__).resolve().parents[1]
SEEDED = "tests/seeded"
MEMBERS = {"name", "file", "old", "new", "tests"}
LONGEST_S = 30
"""A test that runs for longer hangs, if it takes less than a fifth of that without the bug."""
SLOWER = 5
SOUND_LONGEST_S = 600
START_UP_S = 120
"""So long may pass until the first test runs, and from the end of the last one to pytest's own."""
SHOWN = 160
"""Characters of what a test reported that the table shows."""
WITNESS = "seeded_witness"

TESTS_PASSED, TESTS_FAILED = 0, 1
"""Exit codes of pytest; every other one says that the tests did not run."""

PLUGIN = f'''
"""Writes down which test runs, by what each failed, and from where the engine was imported."""

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


def testify(running):
    path = os.environ["{WITNESS.upper()}"]
    with open(path + ".new", "w") as file:
        json.dump({{"engine": engine.__file__, "failed": failed, "running": running}}, file)
    os.replace(path + ".new", path)


def pytest_runtest_logstart(nodeid):
    testify(nodeid)


def pytest_sessionfinish():
    testify(None)
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
        report: By which test and how; or why that is not so.
        took_s: Seconds with the bug.
    """

    caught: bool
    report: str
    took_s: float


@dataclass(frozen=True, slots=True)
class Run:
    """What one run of pytest came to.

    Attributes:
        code: Its exit code.
        failed: Each failure: the test, its words, whether they show a bug.
        hanging: The test that did not end.
        words: The end of what it printed.
        took_s: Seconds.
    """

    code: int
    failed: tuple[tuple[str, str, bool], ...]
    hanging: str | None
    words: str
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


def sample(listed: Sequence[T], size: int, seed: str) -> list[T]:
    """Return ``size`` of what is listed, the same for the same seed, in the order of the list.

    Raises:
        SeededError: That is none.
    """
    if size < 1:
        raise SeededError(f"a sample of {size} shows nothing")
    chosen = random.Random(seed).sample(listed, min(size, len(listed)))  # noqa: S311
    return sorted(chosen, key=listed.index)


def commit(root: Path) -> str:
    """Return the commit that ``root`` is at, as the seed of a sample.

    Raises:
        SeededError: There is none.
    """
    command = ["git", "rev-parse", "--short=12", "HEAD"]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise SeededError("there is no commit to take the seed from: name one with --seed")
    return done.stdout.strip()


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

    def __init__(
        self, root: Path, workers: int, folder: Path, longest_s: float = LONGEST_S
    ) -> None:
        self._longest_s = longest_s
        self._sound_s: dict[str, float] = {}
        self._copies: SimpleQueue[Path] = SimpleQueue()
        for number in range(workers):
            copy = folder / str(number)
            copy_repository(root, copy)
            self._copies.put(copy)

    def __call__(self, bug: Bug) -> Outcome:
        """Return what became of ``bug``."""
        copy = self._copies.get()
        started = time.monotonic()
        try:
            caught, report = self._judge(copy, bug)
        except SeededError as error:
            caught, report = False, str(error)
        except (OSError, ValueError) as error:
            caught, report = False, f"{type(error).__name__}: {error}"
        finally:
            self._copies.put(copy)
        return Outcome(caught, report, time.monotonic() - started)

    def _judge(self, copy: Path, bug: Bug) -> tuple[bool, str]:
        run = _run_with(copy, bug, longest_s := self._longest_s)
        while run.hanging is not None:
            if (needed_s := SLOWER * self.require_sound(copy, run.hanging)) <= longest_s:
                return True, f"{run.hanging} (no end: killed after {longest_s:.0f} s)"
            run = _run_with(copy, bug, longest_s := needed_s)
        if run.code == TESTS_PASSED:
            return False, f"nobody noticed: {', '.join(bug.tests)}"
        if run.code != TESTS_FAILED or not run.failed:
            return False, f"the tests did not run: {run.words}"
        for test, words, shows in run.failed:
            if not shows:
                return False, f"{test} tripped over it: {words}"
        test, words, _ = run.failed[0]
        self.require_sound(copy, test)
        return True, f"{test} ({words})"

    def require_sound(self, copy: Path, test: str) -> float:
        """Return in how many seconds ``test`` passes in ``copy`` without any bug; it runs once.

        Raises:
            SeededError: It does not pass.
        """
        if test not in self._sound_s:
            run = _run(copy, [test], SOUND_LONGEST_S)
            if run.failed:
                failures = "; ".join(f"{test}: {words}" for test, words, _ in run.failed)
                raise SeededError(f"it fails without any bug: {failures}")
            if run.code != TESTS_PASSED:
                raise SeededError(f"{test} did not run without any bug: {run.words}")
            self._sound_s[test] = run.took_s
        return self._sound_s[test]


def _run_with(copy: Path, bug: Bug, longest_s: float) -> Run:
    """Run the tests of ``bug`` with it; afterwards the copy is sound again.

    Raises:
        SeededError: It does not fit its file.
    """
    target = copy / bug.file
    sound = target.read_text()
    if (times := sound.count(bug.old)) != 1 or bug.old == bug.new:
        raise SeededError(f"its old text is in {bug.file} {times} times, or is its new text")
    _write(target, sound.replace(bug.old, bug.new))
    try:
        return _run(copy, bug.tests, longest_s, "-x")
    finally:
        _write(target, sound)


def _write(target: Path, text: str) -> None:
    """Write a source, and drop what was compiled of it within the same second."""
    target.write_text(text)
    for compiled in (target.parent / "__pycache__").glob(f"{target.stem}.*.pyc"):
        compiled.unlink()


def _run(copy: Path, tests: Sequence[str], longest_s: float, *options: str) -> Run:
    """Run pytest in ``copy`` as a process group of its own, of which nothing is left over."""
    witness = copy / f"{WITNESS}.json"
    witness.unlink(missing_ok=True)
    command = [sys.executable, "-m", "pytest", "-q", "-p", WITNESS, "-p", "no:cacheprovider"]
    command += ["-m", "not soak", "--tb=line", f"--rootdir={copy}", *options, *tests]
    environ = {
        **os.environ,
        WITNESS.upper(): str(witness),
        "HYPOTHESIS_STORAGE_DIRECTORY": str(copy / ".hypothesis"),
    }
    started = time.monotonic()
    # Into a file: a pipe stays open for as long as any process that the tests have started.
    with tempfile.TemporaryFile() as output:
        pytest = subprocess.Popen(
            command, cwd=copy, env=environ, stdout=output, stderr=output, start_new_session=True
        )
        try:
            in_time = _ends(pytest, witness, longest_s)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(pytest.pid, signal.SIGKILL)
            pytest.wait()
        output.seek(0)
        words = "\n".join(output.read().decode(errors="replace").strip().split("\n")[-12:])
    took_s = time.monotonic() - started
    if not witness.exists():
        return Run(max(pytest.returncode, TESTS_FAILED + 1), (), None, words, took_s)
    testimony = json.loads(witness.read_text())
    if not Path(testimony["engine"]).is_relative_to(copy):
        raise SeededError(f"the tests imported {testimony['engine']}, not the copy with the bug")
    failed = tuple(
        (failure["test"], f"{kind}: {first_line}"[:200], shows and failure["when"] == "call")
        for failure in testimony["failed"]
        for kind, shows, text in failure["by"]
        for first_line in text.strip().split("\n")[:1]
    )
    hanging = None if in_time else testimony["running"]
    return Run(pytest.returncode, failed, hanging, words, took_s)


def _ends(pytest: subprocess.Popen[bytes], witness: Path, longest_s: float) -> bool:
    """Wait until pytest ends; False as soon as one test has been running for ``longest_s``."""
    testimony, since = b"", time.monotonic()
    while True:
        with contextlib.suppress(subprocess.TimeoutExpired):
            pytest.wait(0.1)
            return True
        now, before = time.monotonic(), testimony
        if witness.exists() and (testimony := witness.read_bytes()) != before:
            since = now
        elif now - since > (longest_s if _has_test(testimony) else START_UP_S):
            return False


def _has_test(testimony: bytes) -> bool:
    """Whether a test was running when the witness wrote this."""
    return bool(testimony) and json.loads(testimony)["running"] is not None


def main(argv: Sequence[str]) -> int:
    """Print the table; 0 when every bug was caught."""
    parser = argparse.ArgumentParser(prog="tools/seeded_bugs.py", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--only", metavar="TEXT", default="", help="bugs whose name has TEXT")
    parser.add_argument("--sample", type=int, metavar="N", help="N of them, chosen by the seed")
    parser.add_argument("--seed", metavar="TEXT", help="of the sample; the commit by default")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, metavar="N")
    args = parser.parse_args(argv)
    try:
        return _judge_all(ROOT, _chosen(ROOT, args.only, args.sample, args.seed), args.jobs)
    except SeededError as error:
        print(f"seeded bugs: {error}", file=sys.stderr)
        return 1


def _chosen(root: Path, only: str, size: int | None, seed: str | None) -> list[Bug]:
    listed = [bug for bug in bugs(root) if only in str(bug)]
    if not listed:
        raise SeededError(f"none is listed whose name has {only!r}")
    if size is None:
        return listed
    seed = seed or commit(root)
    print(f"{min(size, len(listed))} of {len(listed)} seeded bugs, chosen by --seed {seed}")
    return sample(listed, size, seed)


def _judge_all(root: Path, chosen: Sequence[Bug], jobs: int) -> int:
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(jobs) as pool:
        judge = Judge(root, jobs, Path(folder))
        width, missed = max(len(str(bug)) for bug in chosen), 0
        for bug, outcome in zip(chosen, pool.map(judge, chosen), strict=True):
            word = "caught" if outcome.caught else "MISSED"
            missed += not outcome.caught
            report = outcome.report[:SHOWN] if outcome.caught else outcome.report
            print(f"{bug!s:<{width}}  {word}  {outcome.took_s:4.1f} s  {report}", flush=True)
    took_s = time.monotonic() - started
    print(f"{len(chosen) - missed} of {len(chosen)} seeded bugs caught in {took_s:.0f} s")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

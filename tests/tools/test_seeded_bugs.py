"""``tools/seeded_bugs.py``: a bug counts as caught only when a test shows it."""

from __future__ import annotations

import builtins
import fcntl
import keyword
import re
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import pytest

from tools.seeded_bugs import (
    MEMBERS,
    ROOT,
    SOUND_LONGEST_S,
    Bug,
    Judge,
    Outcome,
    Run,
    SeededError,
    _ends,
    bugs,
    commit,
    main,
    sample,
)

ENGINE = """from engine.errors import LedgerError


def doubled(number: int) -> int:
    if number < 0:
        raise LedgerError("a negative number")
    return 2 * number
"""
TESTS = """from engine.sums import doubled


def test_doubled() -> None:
    assert doubled(2) == 4
"""


@pytest.fixture(scope="module")
def copies(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("copies")


@pytest.fixture
def copy(copies: Path) -> Path:
    """Where the judge's only worker puts bugs."""
    return copies / "0"


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small repository, with the errors of this one."""
    root = tmp_path_factory.mktemp("repository")
    (root / "engine").mkdir()
    (root / "engine" / "__init__.py").write_text("")
    for module in ("errors", "exit_codes", "model"):
        shutil.copy(ROOT / "engine" / f"{module}.py", root / "engine")
    (root / "engine" / "sums.py").write_text(ENGINE)
    (root / "test_sums.py").write_text(TESTS)
    (root / "test_broken.py").write_text(TESTS.replace("== 4", "== 5"))
    subprocess.run(["git", "init", "-q"], cwd=root, check=True)
    return root


@pytest.fixture(scope="module")
def judge(repository: Path, copies: Path) -> Iterator[Judge]:
    """Has all the time that a busy machine may need: these tests are not about time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tools.seeded_bugs.START_UP_S", SOUND_LONGEST_S)
        yield Judge(repository, 1, copies, longest_s=SOUND_LONGEST_S)


@pytest.fixture
def impatient(repository: Path, tmp_path: Path) -> Judge:
    """Ends what takes longer than 12 s, unless it takes a fifth of that without the bug."""
    return Judge(repository, 1, tmp_path / "copies", longest_s=12)


def bug(old: str, new: str, test: str = "test_sums.py") -> Bug:
    return Bug("sums", "a bug", "engine/sums.py", old, new, (test,))


@pytest.mark.parametrize(
    ("old", "new", "report"),
    [
        ("2 * number", "3 * number", "test_sums.py::test_doubled (AssertionError: assert 6 == 4)"),
        ("number < 0", "number < 9", "test_sums.py::test_doubled (LedgerError: a negative number)"),
    ],
)
def test_a_bug_is_caught_by_an_assertion_or_a_refusal(
    judge: Judge, old: str, new: str, report: str
) -> None:
    outcome = judge(bug(old, new))

    assert (outcome.caught, outcome.report) == (True, report)


@pytest.mark.parametrize(
    ("old", "new", "report"),
    [
        ("2 * number", "number * 2", "nobody noticed: test_sums.py"),
        ("2 * number", "2 * numbre", "tripped over it: NameError"),
        ("2 * number", "2 * (number", "the tests did not run"),
        ("3 * number", "2 * number", "in engine/sums.py 0 times"),
        ("number", "count", "in engine/sums.py 4 times"),
        ("2 * number", "2 * number", "or is its new text"),
    ],
)
def test_a_bug_that_no_test_shows_is_missed(judge: Judge, old: str, new: str, report: str) -> None:
    outcome = judge(bug(old, new))

    assert not outcome.caught
    assert report in outcome.report


def test_tests_that_do_not_exist_catch_nothing(judge: Judge) -> None:
    outcome = judge(bug("2 * number", "3 * number", "test_other.py"))

    assert not outcome.caught
    assert outcome.report.startswith("the tests did not run")


HANG = """import fcntl, os, signal, threading
    file = open({lock!r}, "w")
    fcntl.flock(file, fcntl.LOCK_EX)
    signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    os.fork()
    threading.Event().wait()"""


def test_a_test_that_no_signal_ends_has_caught_the_bug_and_nothing_of_it_is_left(
    impatient: Judge, tmp_path: Path
) -> None:
    lock = tmp_path / "lock"

    outcome = impatient(bug("return 2 * number", HANG.format(lock=str(lock))))

    assert outcome.caught
    assert outcome.report.startswith("test_sums.py::test_doubled (no end: killed after ")
    with lock.open() as file:  # its child had the lock as well, and has let go of it
        fcntl.flock(file, fcntl.LOCK_EX)


def test_tests_that_do_not_even_start_have_not_caught_the_bug(
    judge: Judge, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tools.seeded_bugs.START_UP_S", 2)

    outcome = judge(bug("def doubled", "import threading; threading.Event().wait()\ndef doubled"))

    assert not outcome.caught
    assert outcome.report.startswith("the tests did not run")


def test_a_slow_test_is_given_five_times_what_it_takes_without_the_bug(
    impatient: Judge, monkeypatch: pytest.MonkeyPatch
) -> None:
    limits = []

    def run(_: Path, tests: Sequence[str], longest_s: float, *options: str) -> Run:
        limits.append(longest_s)
        if tests == ["test_slow.py::test_slow"]:
            return Run(0, (), None, "1 passed", took_s=9)
        hanging = "test_slow.py::test_slow" if longest_s < 45 else None
        return Run(0, (), hanging, "1 passed", took_s=40)

    monkeypatch.setattr("tools.seeded_bugs._run", run)

    outcome = impatient(bug("2 * number", "number + number"))

    assert outcome.report == "nobody noticed: test_sums.py"
    assert limits == [12, SOUND_LONGEST_S, 45]


@dataclass
class SlowProcess:
    """Ends after so many seconds of a clock that goes on while somebody waits for it."""

    takes_s: float
    now: float = 0

    def wait(self, timeout: float) -> int:
        self.now += timeout
        if self.now < self.takes_s:
            raise subprocess.TimeoutExpired("pytest", timeout)
        return 1


@pytest.mark.parametrize(
    ("running", "ends"), [('"test_sums.py::test_doubled"', False), ("null", True)]
)
def test_only_a_test_that_runs_is_cut_off(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, running: str, ends: bool
) -> None:
    """On a busy machine a pytest whose tests have ended takes its time to end as well."""
    (tmp_path / "witness").write_text(f'{{"running": {running}}}')
    process = SlowProcess(takes_s=60)
    monkeypatch.setattr("tools.seeded_bugs.time.monotonic", lambda: process.now)

    assert _ends(cast(Any, process), tmp_path / "witness", longest_s=30) == ends


def test_tests_that_fail_without_the_bug_catch_nothing(judge: Judge) -> None:
    outcome = judge(bug("2 * number", "3 * number", "test_broken.py"))

    assert not outcome.caught
    assert outcome.report.startswith("it fails without any bug: test_broken.py::test_doubled: ")


def test_after_a_bug_the_copy_is_sound_again(judge: Judge, copy: Path) -> None:
    judge(bug("2 * number", "3 * number"))

    judge.require_sound(copy, "test_sums.py")
    with pytest.raises(SeededError, match=r"test_broken\.py::test_doubled: AssertionError"):
        judge.require_sound(copy, "test_broken.py")


@pytest.mark.parametrize(
    ("row", "report"),
    [
        ("[[bug]]\nname = 'x'", "a bug has exactly"),
        (
            "\n".join(
                [
                    "[[bug]]",
                    *(f"{name} = 'x'" for name in sorted(MEMBERS - {"tests"})),
                    "tests = []",
                ]
            ),
            "and a test",
        ),
        (
            "\n".join(
                2
                * ["[[bug]]", *(f"{m} = 'x'" for m in sorted(MEMBERS - {"tests"})), "tests = ['x']"]
            ),
            "listed twice: area: x",
        ),
    ],
)
def test_a_table_that_is_not_whole_is_refused(tmp_path: Path, row: str, report: str) -> None:
    (tmp_path / "tests" / "seeded").mkdir(parents=True)
    (tmp_path / "tests" / "seeded" / "area.toml").write_text(row)

    with pytest.raises(SeededError, match=report):
        bugs(tmp_path)


def test_every_listed_bug_fits_its_file() -> None:
    """Cheap, so that a change of the engine shows at once which row it outdated."""
    for listed in bugs(ROOT):
        assert (ROOT / listed.file).read_text().count(listed.old) == 1, str(listed)
        for test in listed.tests:
            assert (ROOT / test.partition("::")[0]).exists(), str(listed)


STRING_OR_COMMENT = re.compile(r'"""[\s\S]*?"""|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'|#.*')
NAME = re.compile(r"(?<![\w.])([A-Za-z_]\w*)(?P<given>\s*=(?!=))?")
DEFINED = re.compile(r"\b(?:from|import|as|def|for|lambda|except)\s+([\w, .]+)")
KNOWN = frozenset((*dir(builtins), *keyword.kwlist, *keyword.softkwlist))


def names_that_are_gone(text: str, new: str) -> set[str]:
    """Return the names that ``new`` uses and that neither it nor the file ``text`` has."""
    code = STRING_OR_COMMENT.sub('""', new)
    used = {match[1] for match in NAME.finditer(code) if not match["given"]}
    given = {match[1] for match in NAME.finditer(code) if match["given"]}
    defined = {name for match in DEFINED.finditer(code) for name in re.findall(r"\w+", match[1])}
    return used - given - defined - KNOWN - set(re.findall(r"\w+", text))


@pytest.mark.parametrize(
    ("new", "gone"),
    [
        ("return 3 * number", set()),
        ("return 3 * numbre", {"numbre"}),
        ("import os\n    os.abort()", set()),
        ("other = len([x for x in (number,)])\n    return other", set()),
        ('return "numbre"  # numbre', set()),
        ("return doubled(number=spare)", {"spare"}),
    ],
)
def test_a_name_that_is_gone_is_found_without_running_the_bug(new: str, gone: set[str]) -> None:
    assert names_that_are_gone(ENGINE, new) == gone


def test_every_listed_bug_uses_names_that_its_file_has() -> None:
    """A test that trips over such a name shows nothing of the bug."""
    rows = [row for row in bugs(ROOT) if row.file.endswith(".py")]
    assert len(rows) > 100
    found = {
        str(row): gone
        for row in rows
        if (gone := names_that_are_gone((ROOT / row.file).read_text(), row.new))
    }
    assert found == {}


def test_a_seed_chooses_the_same_bugs_every_time_and_another_seed_others() -> None:
    listed = bugs(ROOT)

    chosen = sample(listed, 5, "one")

    assert chosen == sample(listed, 5, "one")
    assert chosen != sample(listed, 5, "another")
    assert chosen == [bug for bug in listed if bug in chosen]
    assert sample(listed, 1_000, "one") == listed


def test_the_sample_says_which_seed_chose_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    sampled: list[Bug] = []

    def judge_all(_: Path, chosen: Sequence[Bug], jobs: int) -> int:
        sampled.extend(chosen)
        return 0

    monkeypatch.setattr("tools.seeded_bugs._judge_all", judge_all)

    assert main(["--sample", "3", "--seed", "today"]) == 0
    assert main(["--sample", "3"]) == 0

    size = len(bugs(ROOT))
    assert capsys.readouterr().out.splitlines() == [
        f"3 of {size} seeded bugs, chosen by --seed today",
        f"3 of {size} seeded bugs, chosen by --seed {commit(ROOT)}",
    ]
    assert sampled[:3] == sample(bugs(ROOT), 3, "today")
    assert sampled[3:] == sample(bugs(ROOT), 3, commit(ROOT))


def test_a_missed_bug_fails_the_run_and_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [bug("2 * number", "3 * number"), replace(bug("a", "b"), name="an unseen bug")]
    outcomes = iter([Outcome(True, "test_sums.py", 1.0), Outcome(False, "nobody noticed", 1.0)])
    monkeypatch.setattr("tools.seeded_bugs.bugs", lambda _: rows)
    monkeypatch.setattr("tools.seeded_bugs.Judge", lambda *_: lambda _: next(outcomes))

    assert main(["--jobs", "1"]) == 1

    _, missed, total = capsys.readouterr().out.splitlines()
    assert missed == "sums: an unseen bug  MISSED   1.0 s  nobody noticed"
    assert total.startswith("1 of 2 seeded bugs caught in ")


def test_a_name_that_no_bug_has_is_an_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--only", "no such bug"]) == 1
    assert "none is listed whose name has 'no such bug'" in capsys.readouterr().err

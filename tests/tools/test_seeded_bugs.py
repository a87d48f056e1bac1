"""``tools/seeded_bugs.py``: a bug counts as caught only when a test shows it."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tools.seeded_bugs import MEMBERS, ROOT, Bug, Judge, SeededError, bugs, main

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
def judge(tmp_path_factory: pytest.TempPathFactory) -> Judge:
    """The judge of a small repository, with the errors of this one."""
    root = tmp_path_factory.mktemp("repository")
    (root / "engine").mkdir()
    (root / "engine" / "__init__.py").write_text("")
    for module in ("errors", "exit_codes", "model"):
        shutil.copy(ROOT / "engine" / f"{module}.py", root / "engine")
    (root / "engine" / "sums.py").write_text(ENGINE)
    (root / "test_sums.py").write_text(TESTS)
    (root / "test_broken.py").write_text(TESTS.replace("== 4", "== 5"))
    subprocess.run(["git", "init", "-q"], cwd=root, check=True)
    return Judge(root, 1, tmp_path_factory.mktemp("copies"))


def bug(old: str, new: str, test: str = "test_sums.py") -> Bug:
    return Bug("sums", "a bug", "engine/sums.py", old, new, (test,))


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("2 * number", "3 * number", "test_sums.py::test_doubled (AssertionError: assert 6 == 4)"),
        ("number < 0", "number < 9", "test_sums.py::test_doubled (LedgerError: a negative number)"),
    ],
)
def test_a_bug_is_caught_by_an_assertion_or_a_refusal(
    judge: Judge, old: str, new: str, told: str
) -> None:
    outcome = judge(bug(old, new))

    assert (outcome.caught, outcome.told) == (True, told)


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("2 * number", "number * 2", "nobody noticed: test_sums.py"),
        ("2 * number", "2 * numbre", "tripped over it: NameError"),
        ("2 * number", "2 * (number", "the tests did not run"),
        ("3 * number", "2 * number", "in engine/sums.py 0 times"),
        ("number", "count", "in engine/sums.py 4 times"),
        ("2 * number", "2 * number", "or is its new text"),
    ],
)
def test_a_bug_that_no_test_shows_is_missed(judge: Judge, old: str, new: str, told: str) -> None:
    outcome = judge(bug(old, new))

    assert not outcome.caught
    assert told in outcome.told


def test_tests_that_do_not_exist_catch_nothing(judge: Judge) -> None:
    outcome = judge(bug("2 * number", "3 * number", "test_other.py"))

    assert not outcome.caught
    assert outcome.told.startswith("the tests did not run")


def test_after_a_bug_the_copy_is_sound_again(judge: Judge) -> None:
    judge(bug("2 * number", "3 * number"))

    judge.require_sound(["test_sums.py"])
    with pytest.raises(SeededError, match=r"test_broken\.py::test_doubled: AssertionError"):
        judge.require_sound(["test_sums.py", "test_broken.py"])


@pytest.mark.parametrize(
    ("row", "told"),
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
def test_a_table_that_is_not_whole_is_refused(tmp_path: Path, row: str, told: str) -> None:
    (tmp_path / "tests" / "seeded").mkdir(parents=True)
    (tmp_path / "tests" / "seeded" / "area.toml").write_text(row)

    with pytest.raises(SeededError, match=told):
        bugs(tmp_path)


def test_every_listed_bug_fits_its_file() -> None:
    """Cheap, so that a change of the engine tells at once which row it outdated."""
    for each in bugs(ROOT):
        assert (ROOT / each.file).read_text().count(each.old) == 1, str(each)
        assert all((ROOT / test.partition("::")[0]).exists() for test in each.tests), str(each)


def test_a_name_that_no_bug_has_is_an_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--only", "no such bug"]) == 1
    assert "none is listed whose name has 'no such bug'" in capsys.readouterr().err

"""``tools/mutants.py``: a hole in the policies' tests is found and named, and stays one."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools import mutants
from tools.mutants import Judge, Mutant

REGO = """package a

import rego.v1

# A comment with <= is left alone.
status(value) := "unknown" if {
	not is_number(value)
} else := "pass" if {
	value <= 5
} else := "fail"
"""
WHOLE_TEST = """package a_test

import data.a

test_at_the_limit if a.status(5) == "pass"

test_past_the_limit if a.status(6) == "fail"

test_text if a.status("5") == "unknown"
"""
LIMITS = "checks:\n  a.b: {limit: 5, severity: block, max_age_s: 60}\n"
LIMITS_TEST = """package limits_test

test_limits if {
	row := {"limit": 5, "severity": "block", "max_age_s": 60}
	data.limits["default"].checks["a.b"] == row
}
"""


@pytest.fixture
def policies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A small policy, tested from every side."""
    folder = tmp_path / "policies"
    written = {
        "a/a.rego": REGO,
        "a/a_test.rego": WHOLE_TEST,
        mutants.LIMITS: LIMITS,
        "limits/limits_test.rego": LIMITS_TEST,
        "capabilities.json": (mutants.POLICIES / "capabilities.json").read_text(),
    }
    for path, text in written.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
    monkeypatch.setattr(mutants, "POLICIES", folder)
    monkeypatch.setattr(mutants, "ALLOWED", folder / "mutants.toml")
    monkeypatch.setattr("sys.argv", ["mutants.py", "--jobs", "1"])
    return folder


def weaken(policies: Path) -> None:
    """Take away the test at the limit: a shifted comparison goes unnoticed."""
    test = policies / "a" / "a_test.rego"
    test.write_text(test.read_text().replace("a.status(5)", "a.status(4)"))


def listed(policies: Path, operator: str, code: str, reason: str) -> None:
    (policies / "mutants.toml").write_text(
        f'[[survivor]]\nfile = "a/a.rego"\noperator = "{operator}"\n'
        f'code = "{code}"\nreason = "{reason}"\n'
    )


def test_every_operator_is_applied_where_it_fits_and_nowhere_else(policies: Path) -> None:
    made = [(each.file, each.line, each.operator) for each in mutants.mutants(policies)]

    assert ("a/a.rego", 9, "shift a comparison") in made
    assert ("a/a.rego", 9, "flip a comparison") in made
    assert ("a/a.rego", 9, "shift a number") in made
    assert ("a/a.rego", 9, "drop a condition") in made
    assert ("a/a.rego", 7, "drop a negation") in made
    assert ("a/a.rego", 8, "drop a branch") in made
    assert ("a/a.rego", 10, "drop a branch") in made
    assert (mutants.LIMITS, 2, "shift a limit") in made
    assert (mutants.LIMITS, 2, "change a severity") in made
    assert not [each for each in made if each[0].endswith("_test.rego") or each[1] == 5]


def test_a_mutant_is_the_whole_file_with_one_change(policies: Path) -> None:
    (shifted,) = [
        each
        for each in mutants.mutants(policies)
        if each.operator == "shift a comparison" and each.file == "a/a.rego"
    ]

    assert shifted.text == REGO.replace("value <= 5", "value < 5")
    assert str(shifted) == "a/a.rego:9: shift a comparison: value <= 5"


def test_a_policy_that_is_tested_from_every_side_has_no_survivor(
    policies: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert mutants.main() == 0, capsys.readouterr()


def test_a_survivor_fails_and_is_named(policies: Path, capsys: pytest.CaptureFixture[str]) -> None:
    weaken(policies)

    assert mutants.main() == 1
    assert "survived: a/a.rego:9: shift a comparison: value <= 5" in capsys.readouterr().err


def test_no_reason_excuses_more_than_a_twentieth(
    policies: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    weaken(policies)
    listed(policies, "shift a comparison", "value <= 5", "nobody is at the limit")

    assert mutants.main() == 1
    assert "more than 5% survived" in capsys.readouterr().err


def test_an_entry_that_is_killed_is_stale(
    policies: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    listed(policies, "flip a comparison", "value <= 5", "no input tells them apart")

    assert mutants.main() == 1
    assert "listed, and killed or gone: a/a.rego" in capsys.readouterr().err


def test_an_entry_needs_a_reason(policies: Path) -> None:
    listed(policies, "flip a comparison", "value <= 5", " ")

    with pytest.raises(SystemExit, match="reason"):
        mutants.main()


def test_a_mutant_that_does_not_compile_is_not_killed(policies: Path, opa: Path) -> None:
    judge = Judge(opa, 1, policies.parent / "copies")

    assert judge(None) == "survived"
    assert judge(mutant(REGO.replace("value <= 5", "value <= limit"))) == "invalid"
    assert judge(mutant(REGO.replace("value <= 5", "value > 5"))) == "killed"
    assert judge(mutant(REGO.replace("A comment", "Another comment"))) == "survived"
    assert judge(None) == "survived"


def mutant(text: str) -> Mutant:
    return Mutant("a/a.rego", 9, "by hand", "value <= 5", text)


def test_policies_whose_tests_fail_are_not_mutated(
    policies: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (policies / "a" / "a_test.rego").write_text("package a_test\n\ntest_no if 1 == 2\n")

    assert mutants.main() == 1
    assert "fail their own tests" in capsys.readouterr().err


def test_no_mutant_at_all_is_a_failure(
    policies: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["mutants.py", "--only", "nowhere"])

    assert mutants.main() == 1
    assert "no mutant was made" in capsys.readouterr().err


@pytest.mark.parametrize(("size", "code", "told"), [
    ("1", 0, "1 of {all} mutants, chosen by --seed 7\n"),
    ("0", 2, "a sample of 0 shows nothing"),
    ("-1", 2, "a sample of -1 shows nothing"),
])  # fmt: skip
def test_a_sample_is_chosen_by_its_seed(
    policies: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    size: str,
    code: int,
    told: str,
) -> None:
    """What is listed as a survivor may be outside it: that is no stale entry."""
    made = list(mutants.mutants(policies))
    listed(policies, made[0].operator, "no such line", "somebody else looks at it")
    arguments = ["mutants.py", "--sample", size, "--seed", "7", "--jobs", "1"]
    monkeypatch.setattr("sys.argv", arguments)

    assert mutants.main() == code
    said = capsys.readouterr()
    assert told.format(all=len(made)) in said.out + said.err

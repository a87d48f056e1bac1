"""The exit codes are a contract: each verdict has its own, and the worst of several is given."""

from __future__ import annotations

import pytest

from engine import __main__, exit_codes
from engine.cli import EXIT_CODES
from engine.errors import GovernanceError
from engine.model import Verdict


def test_every_verdict_has_the_code_of_the_contract() -> None:
    assert {str(verdict): exit_codes.OF_VERDICT[verdict] for verdict in Verdict} == {
        "PROMOTE": 0,
        "ALLOW": 0,
        "BLOCK": 1,
        "DENY": 1,
        "HOLD": 5,
        "ROLLBACK": 6,
    }


def test_a_crash_of_the_command_has_the_code_of_what_could_not_be_decided() -> None:
    """The entry module imports nothing of the engine before its ``try``, so it has a copy."""
    assert __main__.COULD_NOT_DECIDE == exit_codes.UNDECIDED


@pytest.mark.parametrize(
    ("codes", "expected"),
    [
        ([0, 5], 5),
        ([5, 1], 1),
        ([1, 6], 6),
        ([6, 2], 2),
        ([2, 3], 3),
        ([0, 4, 1], 4),
        ([0], 0),
        ([], 3),
    ],
)
def test_of_several_codes_the_worst_is_given(codes: list[int], expected: int) -> None:
    """No code that is worse hides behind a better one, and nothing evaluated is no pass."""
    assert exit_codes.worst(codes) == expected


def test_an_error_that_says_nothing_else_is_no_verdict() -> None:
    assert GovernanceError.exit_code == exit_codes.UNDECIDED == 3


def test_the_overview_tells_every_code() -> None:
    listed = [int(line.split()[0]) for line in EXIT_CODES.splitlines()[1:]]
    assert listed == sorted(exit_codes.WORST_FIRST)

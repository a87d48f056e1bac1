"""The exit codes of the command line: a contract with every pipeline that calls it.

The four outcomes of a decision are never folded together, and no crash looks like one of them.
Source: README.md, "Exit codes".
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

PASS = 0
"""PROMOTE or ALLOW; verified, and every expectation met."""
FAIL = 1
"""BLOCK or DENY; verified, but an expectation is not met."""
INVALID = 2
"""Usage, configuration or input is invalid; nothing was decided."""
UNDECIDED = 3
"""Could not decide; also any crash of the engine."""
NOT_GENUINE = 4
"""A signature, proof, chain or replay is wrong, or a ledger went backwards."""
HOLD = 5
"""Not enough evidence; or a dry run that would have been 0."""
ROLLBACK = 6

MEANINGS: Mapping[int, str] = {
    PASS: "PROMOTE or ALLOW; verified, and every expectation met",
    FAIL: "BLOCK or DENY; verified, but an expectation is not met",
    INVALID: "usage, configuration or input invalid; nothing was decided",
    UNDECIDED: "could not decide; also any crash of the engine",
    NOT_GENUINE: "not genuine: signature, proof, chain, replay, or a ledger that went backwards",
    HOLD: "HOLD; or a dry run that would have been 0",
    ROLLBACK: "ROLLBACK",
}
"""What each says, in the words of ``--help`` and README."""

OF_VERDICT: Mapping[str, int] = {
    "PROMOTE": PASS,
    "ALLOW": PASS,
    "BLOCK": FAIL,
    "DENY": FAIL,
    "HOLD": HOLD,
    "ROLLBACK": ROLLBACK,
}
"""By the word of a :class:`engine.model.Verdict`, which this module need not import to be quick."""

WORST_FIRST = (NOT_GENUINE, UNDECIDED, INVALID, ROLLBACK, FAIL, HOLD, PASS)
"""Of several inputs the worst decides."""


def worst(codes: Collection[int]) -> int:
    """Return the worst of ``codes``; with none of them nothing was decided."""
    return next((code for code in WORST_FIRST if code in codes), UNDECIDED)

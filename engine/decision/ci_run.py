"""Which run of a CI this is, so that runs that left no decision can be missed."""

from __future__ import annotations

import re
from collections.abc import Mapping

from engine.errors import UsageError
from engine.formats.ci_runs import RUN_PART
from engine.model import CiRun

_NAMED = re.compile(rf"({RUN_PART})/({RUN_PART})", re.ASCII)
_NUMBERED = re.compile(r"[1-9][0-9]{0,19}/[1-9][0-9]{0,19}", re.ASCII)
_KNOWN = (
    ("github", "GITHUB_RUN_ID", "GITHUB_RUN_ATTEMPT"),
    ("gitlab", "CI_PIPELINE_ID", "CI_JOB_ID"),
)
"""What a CI is called, and its variables for a run and for the attempt at it."""


def ci_run(environ: Mapping[str, str], named: str | None = None) -> CiRun | None:
    """Return the run that the environment is of; None where no CI says one.

    Args:
        environ: The environment.
        named: ``ID/ATTEMPT``, by a flag or ``ENGINE_CI_RUN``: what the caller's own CI calls it.

    Raises:
        UsageError: What is named is no such pair.
    """
    if named := named or environ.get("ENGINE_CI_RUN"):
        return CiRun("named", *parse_run(named, "the run that was named"))
    for ci, run_id, attempt in _KNOWN:
        if environ.get(run_id):
            both = f"{environ[run_id]}/{environ.get(attempt) or '1'}"
            if _NUMBERED.fullmatch(both) is None:
                raise UsageError(
                    f"{run_id} and {attempt}: {both[:140]!r} is no run of {ci}: both are numbers",
                    "another CI names its run with --ci-run ID/ATTEMPT",
                )
            return CiRun(ci, *parse_run(both, f"{run_id} and {attempt}"))
    return None


def parse_run(text: str, what: str) -> tuple[str, str]:
    """Return id and attempt of ``ID/ATTEMPT``.

    Args:
        text: At most 64 letters, digits and ``._:-`` each; digits twice where the id is digits.
        what: Names it in the error.

    Raises:
        UsageError: It is none.
    """
    if (match := _NAMED.fullmatch(text)) is None:
        raise UsageError(f"{what}: {text[:140]!r} is no run", "ID/ATTEMPT, such as 9876543210/1")
    if match[1].isdigit() and not match[2].isdigit():
        raise UsageError(
            f"{what}: {text!r} is no run: the attempt of a numbered run is a number, such as 1",
            f"ID/ATTEMPT, such as {match[1]}/1",
        )
    return match[1], match[2]

"""What each program answered, read from its own output, and whether they all say the same.

A program that answers quickly and otherwise has not won. So every file of every round is
compared: the verdict, and which checks stand against it with which status.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from bench.errors import BenchError

LETS_THROUGH = ("PROMOTE", "ALLOW")
_HARMLESS = ("pass", "exempt")
_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Outcome:
    """The answer on one file.

    Attributes:
        verdict: PROMOTE, HOLD, BLOCK or ROLLBACK.
        against: What stands against a release, as ``<check id>: <status>``.
    """

    verdict: str
    against: frozenset[str]


Outcomes = Mapping[str, Outcome]
"""By name of the metrics file, without folder."""


def of_engine(output: bytes) -> dict[str, Outcome]:
    """Read ``engine decide --format jsonl``.

    Raises:
        BenchError: A verdict was not recorded: then the run measured something else.
    """
    outcomes: dict[str, Outcome] = {}
    for line in output.splitlines():
        decision = json.loads(line)
        name = PurePosixPath(decision["file"]).name
        if decision["verdict"] is None:
            raise BenchError(f"{name}: the engine could not decide: {decision['error']['message']}")
        if not decision["recorded"]:
            raise BenchError(f"{name}: the engine printed a verdict that it did not record")
        _add(outcomes, name, _outcome_of(decision))
    return outcomes


def of_opa(output: bytes, prefix: str) -> dict[str, Outcome]:
    """Read ``opa exec``; ``prefix`` is what ``--emit-input`` puts before a file's name."""
    outcomes: dict[str, Outcome] = {}
    for answer in json.loads(output)["result"]:
        name = PurePosixPath(answer["path"]).name.removeprefix(prefix)
        if "result" not in answer:
            raise BenchError(f"{name}: opa exec gave no result: {answer.get('error')}")
        _add(outcomes, name, _outcome_of(answer["result"]))
    return outcomes


def of_conftest(output: bytes, prefix: str) -> dict[str, Outcome]:
    """Read ``conftest test --output json``: it knows only what is denied, and by which code."""
    outcomes: dict[str, Outcome] = {}
    for answer in json.loads(output):
        name = PurePosixPath(answer["filename"]).name.removeprefix(prefix)
        denials = answer.get("failures", [])
        if not denials and answer.get("successes") != 1:
            raise BenchError(f"{name}: conftest neither passed it nor denied it")
        words = [denial["metadata"]["code"] for denial in denials]
        verdicts = [word for word in words if "." not in word] or [LETS_THROUGH[0]]
        messages = (denial["msg"] for denial in denials)
        against = frozenset(word for word in messages if not word.startswith("the verdict is"))
        if len(verdicts) != 1:
            raise BenchError(f"{name}: conftest denied it with several verdicts: {verdicts}")
        _add(outcomes, name, Outcome(verdicts[0], against))
    return outcomes


def _outcome_of(decision: Mapping[str, Any]) -> Outcome:
    against = frozenset(
        f"{check['id']}: {check['status']}"
        for check in decision["checks"]
        if check["severity"] == "block"
        and check["waived_by"] is None
        and check["status"] not in _HARMLESS
    )
    return Outcome(decision["verdict"], against)


def _add(outcomes: dict[str, Outcome], name: str, outcome: Outcome) -> None:
    if name in outcomes:
        raise BenchError(f"{name}: answered twice")
    outcomes[name] = outcome


def require_same(expected: frozenset[str], answers: Mapping[str, Outcomes]) -> None:
    """Demand one answer per expected file from each program, and the same from all of them.

    Args:
        expected: Names of the files that were given.
        answers: Outcomes by the name of the program.

    Raises:
        BenchError: A file is missing, was not given, or two programs differ on it.
    """
    for program, outcomes in answers.items():
        if missing := expected - outcomes.keys():
            raise BenchError(f"{program}: no answer on {_listed(missing)}")
        if invented := outcomes.keys() - expected:
            raise BenchError(f"{program}: answered on what it was not given: {_listed(invented)}")
    (first, reference), *others = answers.items()
    for program, outcomes in others:
        if odd := [name for name in sorted(expected) if outcomes[name] != reference[name]]:
            differences = "\n".join(
                f"  {name}\n    {first}: {_described(reference[name])}\n"
                f"    {program}: {_described(outcomes[name])}"
                for name in odd[:_SHOWN]
            )
            raise BenchError(f"{first} and {program} differ on {len(odd)} files:\n{differences}")


def _described(outcome: Outcome) -> str:
    return f"{outcome.verdict} ({', '.join(sorted(outcome.against)) or 'nothing against it'})"


def _listed(names: frozenset[str] | set[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(sorted(names)[:_SHOWN]) + more

"""``engine ledger runs``: the CI's runs with their decisions, and those that left none."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from typing import TYPE_CHECKING

from engine import exit_codes
from engine.cli import workspace
from engine.cli.console.shell import Shell
from engine.decision.ci_run import parse_run
from engine.errors import UsageError
from engine.formats.printable import plain
from engine.model import Json

if TYPE_CHECKING:
    from engine.decision.runs import DecisionOfRun
    from engine.settings.config import Config

MAX_BYTES = 16 << 20
_MOST_ATTEMPTS = 1000
_FORMAT = "JSON of `gh run list --json databaseId,attempt`, or lines ID ATTEMPT"
_Run = tuple[str, str]


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare flags."""
    parser.add_argument(
        "--expected",
        metavar="FILE",
        help="the CI's own list: JSON of gh run list, or lines ID ATTEMPT",
    )
    parser.add_argument("--format", choices=["text", "json"], default="text", help="(text)")


def run(args: argparse.Namespace, config: Config, shell: Shell) -> int:
    """List runs; exit code 1 where one of the CI's list left no decision."""
    from engine.decision.runs import decisions_of_runs

    expected = _expected(args.expected, shell) if args.expected else None
    found: dict[_Run, list[DecisionOfRun]] = {}
    with workspace.open_ledger_to_read(config, shell) as ledger:
        for decision in decisions_of_runs(ledger):
            found.setdefault((decision.run.id, decision.run.attempt), []).append(decision)
    missing = [] if expected is None else [run for run in expected if run not in found]
    unlisted = [] if expected is None else [run for run in found if run not in set(expected)]
    if args.format == "json":
        shell.print_json(_document(found, expected, missing, unlisted), indent=2)
    else:
        shell.print_lines("\n".join(_text(found, expected, missing, unlisted)))
    return exit_codes.FAIL if missing else exit_codes.PASS


def _document(
    found: dict[_Run, list[DecisionOfRun]],
    expected: list[_Run] | None,
    missing: list[_Run],
    unlisted: list[_Run],
) -> dict[str, Json]:
    runs = [
        {**decisions[0].run._asdict(), "decisions": [_members(decision) for decision in decisions]}
        for decisions in found.values()
    ]
    return {
        "runs": runs,
        "expected": None if expected is None else len(expected),
        "without_decision": [{"id": name, "attempt": attempt} for name, attempt in missing],
        "not_expected": [{"id": name, "attempt": attempt} for name, attempt in unlisted],
    }


def _members(decision: DecisionOfRun) -> dict[str, Json]:
    predicate = decision.statement["predicate"]
    members = {name: predicate[name] for name in ("decision_id", "decided_at", "gate", "verdict")}
    subject = decision.statement["subject"][0]["name"]
    return {**members, "subject": subject, "attempt": decision.attempt, "index": decision.entry}


def _text(
    found: dict[_Run, list[DecisionOfRun]],
    expected: list[_Run] | None,
    missing: list[_Run],
    unlisted: list[_Run],
) -> Iterator[str]:
    for (name, attempt), decisions in found.items():
        yield f"run {name}/{attempt} ({decisions[0].run.ci})"
        for decision in decisions:
            row = _members(decision)
            yield f"  {row['verdict']:<8}  {plain(row['decision_id']):<36}  entry {row['index']}"
            counted = plain(f"attempt {row['attempt']} by {row['gate']} on {row['subject']}")
            yield f"            {counted}"
    for name, attempt in missing:
        yield f"run {name}/{attempt}: NO DECISION"
    for name, attempt in unlisted:
        yield f"run {name}/{attempt}: is not in the CI's list"
    decided = sum(map(len, found.values()))
    yield f"{len(found)} runs with {decided} decisions" + (
        ""
        if expected is None
        else f"; of {len(expected)} that the CI lists, {len(missing)} left none"
    )


def _expected(name: str, shell: Shell) -> list[_Run]:
    """The runs of the CI's own list, each once, in its order.

    Raises:
        DocumentError: The file cannot be read as JSON.
        UsageError: It names no run, or something that is none.
    """
    from engine.evidence.documents import read_bytes

    data = read_bytes(name, stdin=shell.stdin, max_bytes=MAX_BYTES)
    is_json = data.lstrip()[:1] in (b"[", b"{")
    runs = list(dict.fromkeys(_of_json(name, data) if is_json else _of_lines(name, data)))
    if not runs:
        raise UsageError(f"--expected {name}: it names no run", _FORMAT)
    return runs


def _of_json(name: str, data: bytes) -> Iterator[_Run]:
    """What GitHub lists: of each run the last attempt, which says that there were those before."""
    from engine.evidence.documents import parse

    document = parse(name, data)
    if not isinstance(document.value, list):
        raise UsageError(f"--expected {name}: it is no list", _FORMAT)
    for number, row in enumerate(document.value):
        wrong = f"--expected {name}: entry {number} of the list"
        if not isinstance(row, dict):
            raise UsageError(f"{wrong} is no object", _FORMAT)
        run_id, last = row.get("databaseId"), row.get("attempt")
        if type(run_id) is not int or type(last) is not int or not 1 <= last <= _MOST_ATTEMPTS:
            raise UsageError(
                f"{wrong} has no databaseId and attempt, both whole numbers from 1",
                "gh run list --json databaseId,attempt",
            )
        for attempt in range(1, last + 1):
            yield parse_run(f"{run_id}/{attempt}", wrong)


def _of_lines(name: str, data: bytes) -> Iterator[_Run]:
    for number, line in enumerate(data.decode(errors="replace").splitlines(), 1):
        text = line.partition("#")[0].split()
        if text:
            yield parse_run("/".join(text), f"--expected {name}:{number}")

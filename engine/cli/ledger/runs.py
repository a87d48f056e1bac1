"""``engine ledger runs``: the CI's runs with their decisions, and those that left none."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator
from itertools import chain, islice
from typing import TYPE_CHECKING, NamedTuple

from engine import exit_codes
from engine.cli import workspace
from engine.cli.console.shell import Shell
from engine.decision.ci_run import parse_run
from engine.errors import UsageError, suggest
from engine.formats.printable import plain
from engine.model import Json

if TYPE_CHECKING:
    from engine.decision.runs import DecisionOfRun
    from engine.settings.config import Config

OF_ENTRY_0 = "verified with the key in entry 0, for want of another: pass --key to say whose it is"
MAX_BYTES = 16 << 20
_MOST_ATTEMPTS = 1000
_MOST_RUNS = 100_000
_NAMED = 100
"""Runs without a decision, and runs that the list does not have, that are named; JSON has all."""
_FORMAT = "JSON of `gh run list --json databaseId,attempt`, or lines ID ATTEMPT"
_Run = tuple[str, str]


class _Owed(NamedTuple):
    """Which decision a run of the CI's list owes.

    Attributes:
        subject: Its subject's name; None is any.
        gate: Its gate; None is any.
    """

    subject: str | None
    gate: str | None

    def __str__(self) -> str:
        about = f" about {plain(self.subject)}" if self.subject else ""
        return about + (f" by {plain(self.gate)}" if self.gate else "")

    def is_paid_by(self, decision: DecisionOfRun) -> bool:
        """Whether it is such a decision."""
        row = _members(decision)
        return all(name in (None, row[member]) for member, name in self._asdict().items())

    def remarks(self, decisions: Iterable[DecisionOfRun]) -> Iterator[str]:
        """Yield what any decision pays for, and a name that none has, with the nearest."""
        rows = [_members(decision) for decision in decisions]
        if self.subject is None:
            yield "a decision about any subject counts: --subject NAME says about which"
        if self.gate is None:
            yield "a decision by any gate counts: --gate G says by which"
        for member, name in self._asdict().items():
            known = {row[member] for row in rows}
            if name is not None and name not in known:
                hint = suggest(name, known)
                yield plain(f"no decision of a run has the {member} {name!r}; {hint}".rstrip("; "))


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare flags."""
    parser.add_argument(
        "--expected",
        metavar="FILE",
        help="the CI's own list: JSON of gh run list, or lines ID ATTEMPT",
    )
    parser.add_argument("--subject", metavar="NAME", help="whose decision a run owes (any)")
    parser.add_argument("--gate", metavar="G", help="whose decision a run owes (any)")
    parser.add_argument("--key", action="append", metavar="PUB", help="public key (the own one)")
    parser.add_argument("--format", choices=["text", "json"], default="text", help="(text)")


def run(args: argparse.Namespace, config: Config, shell: Shell) -> int:
    """List runs; exit code 1 where one of the CI's list left no decision that counts."""
    from engine.decision.runs import decisions_of_runs

    owed = _Owed(args.subject, args.gate)
    if any(owed) and not args.expected:
        raise UsageError(
            "--subject and --gate say which decision a run of the CI's list owes",
            "name the list with --expected FILE",
        )
    expected = _expected(args.expected, shell) if args.expected else None
    found: dict[_Run, list[DecisionOfRun]] = {}
    without_run: list[DecisionOfRun] = []
    with workspace.open_ledger_to_read(config, shell, args.key) as ledger:
        keys_given = bool(ledger.public_keys)
        for decision in decisions_of_runs(ledger):
            if decision.run is None:
                without_run.append(decision)
                continue
            found.setdefault((decision.run.id, decision.run.attempt), []).append(decision)
    listed = set(expected or found)
    missing = [run for run in expected or () if not any(map(owed.is_paid_by, found.get(run, ())))]
    unlisted = [run for run in found if run not in listed]
    if args.format == "json":
        document = _document(found, expected, missing, unlisted)
        document["owed"] = owed._asdict() if expected else None
        document["without_run"] = [_members(decision) for decision in without_run]
        shell.print_json({**document, "keys_given": keys_given}, indent=2)
    else:
        lines = _text(found, expected, missing, unlisted, f"NO DECISION{owed}")
        shell.print_lines("\n".join(lines))
        if expected:
            for remark in owed.remarks(chain.from_iterable(found.values())):
                shell.print(remark)
        if without_run:
            shell.print(_without_run(without_run))
        if not keys_given:
            shell.print(OF_ENTRY_0)
    return exit_codes.FAIL if missing else exit_codes.PASS


def _document(
    found: dict[_Run, list[DecisionOfRun]],
    expected: list[_Run] | None,
    missing: list[_Run],
    unlisted: list[_Run],
) -> dict[str, Json]:
    runs = [
        {**run._asdict(), "decisions": [_members(decision) for decision in decisions]}
        for decisions in found.values()
        if (run := decisions[0].run) is not None
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
    none: str,
) -> Iterator[str]:
    for (name, attempt), decisions in found.items():
        ci = decisions[0].run.ci if decisions[0].run is not None else ""
        yield plain(f"run {name}/{attempt} ({ci})")
        for decision in decisions:
            row = _members(decision)
            yield f"  {row['verdict']:<8}  {plain(row['decision_id']):<36}  entry {row['index']}"
            counted = plain(f"attempt {row['attempt']} by {row['gate']} on {row['subject']}")
            yield f"            {counted}"
    yield from _named(missing, none)
    yield from _named(unlisted, "is not in the CI's list")
    decided = sum(map(len, found.values()))
    yield f"{_counted(len(found), 'run')} with {_counted(decided, 'decision')}" + (
        ""
        if expected is None
        else f"; of {len(expected)} that the CI lists, {len(missing)} left none"
    )


def _without_run(decisions: list[DecisionOfRun]) -> str:
    many = "imported decision names" if len(decisions) == 1 else "imported decisions name"
    return (
        f"{len(decisions):,} {many} no run, the first at entry {decisions[0].entry}:\n"
        "  import its whole proof of a --ledger run: again, or ask the CI which run it was of"
    )


def _counted(number: int, what: str) -> str:
    return f"{number:,} {what}" if number == 1 else f"{number:,} {what}s"


def _named(runs: list[_Run], what: str) -> Iterator[str]:
    for name, attempt in runs[:_NAMED]:
        yield plain(f"run {name}/{attempt}: {what}")
    if len(runs) > _NAMED:
        yield f"and {len(runs) - _NAMED:,} more: {what}"


def _expected(name: str, shell: Shell) -> list[_Run]:
    """The runs of the CI's own list, each once, in its order.

    Raises:
        DocumentError: The file cannot be read as JSON.
        UsageError: It names no run, or something that is none.
    """
    from engine.evidence.documents import read_bytes

    data = read_bytes(name, stdin=shell.stdin, max_bytes=MAX_BYTES)
    is_json = data.lstrip()[:1] in (b"[", b"{")
    listed = _of_json(name, data) if is_json else _of_lines(name, data)
    runs = list(dict.fromkeys(islice(listed, _MOST_RUNS + 1)))
    if next(listed, None) is not None or len(runs) > _MOST_RUNS:
        raise UsageError(
            f"--expected {name}: it names more than {_MOST_RUNS:,} runs",
            "list the runs of a shorter time, each attempt once",
        )
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

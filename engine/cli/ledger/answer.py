"""What ``engine ledger verify`` answers, as text and as JSON."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from engine.cli.ledger.runs import OF_ENTRY_0
from engine.formats.printable import plain
from engine.model import Json

if TYPE_CHECKING:
    from engine.ledger.audit.report import LedgerReport

_BEFORE = ("requests", "failures", "documents", "budgets")
"""What lies before a checkpoint that was given, and is not looked at; of budgets nothing is."""
_SIGNED = ("signatures", "index columns", "documents")
"""What ``--no-signatures`` leaves out."""
_NAMED = 20
"""Requests without an answer that are named; JSON has all."""


def as_text(
    report: LedgerReport, keys: str, budgets: int, continued: Sequence[str]
) -> Iterator[str]:
    """Yield the lines of the answer.

    Args:
        report: Of the verification; all of it held.
        keys: With whose keys.
        budgets: Documents of budgets that were compared with the entries.
        continued: What ``--state`` says.
    """
    plural = "" if report.signatures == 1 else "s"
    signed = f", {report.signatures} signature{plural}" if report.signatures else ""
    begun = f" since entry {report.since}" if report.since else ""
    counted = "entry" if report.size == 1 else "entries"
    yield f"ledger {report.ledger_id}: {report.size} {counted} hold{begun}{signed}"
    yield f"  root {report.root.hex()}"
    counts = ((report.decisions, "decision"), (report.checkpoints, "checkpoint"))
    yield "  " + ", ".join(f"{count} {what}{'s' * (count != 1)}" for count, what in counts)
    for line in _requests(report):
        yield f"  {line}"
    if budgets:
        yield f"  {budgets} documents of budgets are what the entries add up to"
    for line in (*_scope(report, keys), *continued):
        yield f"  {line}"
    if report.since:
        yield f"  --since: requests, failures and documents before entry {report.since} were not"
        yield "  looked at, nor what budgets have left; without it all of that is"
    if report.events is None:
        yield "  no index of events: an older engine made this ledger, or somebody removed it;"
        yield "  no name is compared with it, and the next entry makes it anew of all entries"
    if not report.head:
        yield "  no signed head is kept here: keep checkpoints, pass --since"
    if report.uncovered:
        yield f"  {report.uncovered} entries wait for the next checkpoint"


def as_document(
    report: LedgerReport, keys: str, budgets: int, continued: Sequence[str]
) -> dict[str, Json]:
    """Return the same as JSON, with every request that has no answer; arguments as above."""
    return {
        "genuine": True,
        "ledger_id": report.ledger_id,
        "since": report.since,
        "not_compared": list(dict.fromkeys(_not_compared(report))),
        "size": report.size,
        "root": report.root.hex(),
        "chain": report.chain.hex(),
        "decisions": report.decisions,
        "checkpoints": report.checkpoints,
        "uncovered": report.uncovered,
        "signatures": report.signatures,
        "head": report.head,
        "keys_given": report.keys_given,
        "keys": keys if report.keys_given else "entry 0",
        "documents": report.documents,
        "erased": report.erased,
        "budgets": budgets,
        "events": report.events,
        "requests": report.requests,
        "unanswered": [
            {"entry": index, "decision_id": decision_id} for index, decision_id in report.unanswered
        ],
        "state": list(continued),
    }


def _not_compared(report: LedgerReport) -> Iterator[str]:
    """Yield what the answer says nothing of."""
    if report.since:
        yield from _BEFORE
    if _leaves_out_signatures(report):
        yield from _SIGNED
    if report.events is None:
        yield "index of events"


def _leaves_out_signatures(report: LedgerReport) -> bool:
    return not report.signatures and report.since < report.size


def _requests(report: LedgerReport) -> Iterator[str]:
    """How many decisions were requested, and by name those that nothing answers."""
    if not report.requests:
        return
    if not report.unanswered:
        yield f"{report.requests} requested decisions, every one answered"
        return
    yield (
        f"{len(report.unanswered)} of {report.requests} requested decisions have no answer: "
        "a run was stopped,"
    )
    yield "or kept back what the gate said"
    for index, decision_id in report.unanswered[:_NAMED]:
        yield f"  entry {index}: {plain(decision_id)}"
    if len(report.unanswered) > _NAMED:
        yield f"  and {len(report.unanswered) - _NAMED} more: --format json names all"


def _scope(report: LedgerReport, keys: str) -> Iterator[str]:
    """What the answer rests on, and what it says nothing of."""
    if report.keys_given:
        yield f"verified with {plain(keys)}"
    else:
        yield OF_ENTRY_0
    if _leaves_out_signatures(report):
        yield f"--no-signatures: {', '.join(_SIGNED[:-1])} and {_SIGNED[-1]} were not compared"
        return
    erased = f"; those of {report.erased} entries are erased" if report.erased else ""
    yield f"{report.documents} documents beside them are what was signed{erased}"

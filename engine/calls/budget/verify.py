"""Whether a ledger's budget entries add up to its state. INV-BUDGET-13."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from engine.calls.budget.entries import Entries
from engine.calls.budget.scratch import Scratch
from engine.calls.budget.state import DUE, LEASE
from engine.errors import VerificationError
from engine.evidence.budget_figures import MATCHES
from engine.evidence.input import BUDGET, DAY
from engine.ledger import Ledger, StateView

_KINDS = (BUDGET, LEASE, DUE)
_LAST = "\U0010ffff"
_AT_ONCE = 256
MOST_SHOWN = 20


@dataclass(frozen=True, slots=True)
class Sums:
    """What was added up; all of it is what the state says.

    Attributes:
        size: Entries of the ledger.
        counted: Of them, reservations, denials, settlements and releases.
        documents: Documents of the state that were compared.
    """

    size: int
    counted: int
    documents: int


def verify(ledger: Ledger, public_keys: Sequence[bytes] = ()) -> Sums:
    """Add up the signed entries and compare with the state; writers may go on.

    A document is compared with what the entries add up to at the same moment: where the ledger
    grew meanwhile, at one of the moments in which the document may have been read.

    Args:
        ledger: Whose.
        public_keys: Raw keys that may have signed; without any it is the key in entry 0.

    Raises:
        VerificationError: An entry is not signed, does not follow from itself or from those before
            it, or a document is not what they add up to; names the entry, or the lease or budget.
    """
    scratch = Scratch()
    try:
        entries = Entries(ledger, scratch, public_keys)
        entries.advance(ledger.size())
        differing: list[str] = []
        documents = 0
        for kind, key, in_state in _keys(ledger.state(), scratch):
            documents += in_state
            if not _agree(ledger, entries, scratch, kind, key):
                differing.append(_difference(kind, key, scratch.get(kind, key), ledger.state()))
                if len(differing) == MOST_SHOWN:
                    break
        differing += _mismatched(ledger, entries)
        if differing:
            raise VerificationError(
                f"{ledger.url}: the entries do not add up to the state:\n" + "\n".join(differing),
                "the state is what is granted by, the entries are what was signed: restore the "
                "ledger's file from where it was last verified",
            )
        return Sums(entries.size, entries.counted, documents)
    finally:
        scratch.close()


def keeps_budgets(state: StateView) -> bool:
    """Return whether the state holds a document of a budget or a lease."""
    return any(state.scan(kind, "", _LAST, 1) for kind in _KINDS)


def _keys(state: StateView, scratch: Scratch) -> Iterator[tuple[str, str, bool]]:
    """Every key of the state, and those that only the entries have."""
    for kind in _KINDS:
        for key in _scanned(state, kind):
            yield kind, key, True
        for key in _scanned(scratch, kind):
            if state.get(kind, key) is None:
                yield kind, key, False


def _scanned(view: StateView, kind: str) -> Iterator[str]:
    start = ""
    while rows := view.scan(kind, start, _LAST, _AT_ONCE):
        for key, _ in rows:
            yield key
        start = rows[-1][0] + "\0"


def _agree(ledger: Ledger, entries: Entries, scratch: Scratch, kind: str, key: str) -> bool:
    """Whether entries and state say the same of one document at some moment from now on."""
    if scratch.get(kind, key) == ledger.state().get(kind, key):
        return True
    entries.advance(ledger.size())
    body, stop = ledger.state().get(kind, key), ledger.size()
    while scratch.get(kind, key) != body:
        if entries.size >= stop:
            return False
        entries.advance(entries.size + 1)
    return True


def _mismatched(ledger: Ledger, entries: Entries) -> Iterator[str]:
    """What the state says a budget counts for, and the policies of its grants do not.

    Where the state does not say it, the budget counts for more, not for less.
    """
    for key in _scanned(ledger.state(), MATCHES):
        if not _has_matches(ledger, entries, key):
            day, _, budget = key.partition("/")
            yield f"  the state says of other requests that they count for {budget} on {day}"


def _has_matches(ledger: Ledger, entries: Entries, key: str) -> bool:
    """As :func:`_agree`, where a policy that says it is kept."""
    day, _, budget = key.partition("/")
    entries.advance(ledger.size())
    body, stop = ledger.state().get(MATCHES, key), ledger.size()
    while (known := entries.matches(day, budget)) is not None:
        if body == json.dumps(known).encode():
            return True
        if entries.size >= stop:
            return False
        entries.advance(entries.size + 1)
    return True


def _difference(kind: str, key: str, expected: bytes | None, state: StateView) -> str:
    there = state.get(kind, key)
    what = {
        BUDGET: "the newest day" if key == DAY else "budget {2} on {0}".format(*key.partition("/")),
        LEASE: f"lease {key}",
        DUE: f"the expiry of lease {key.rpartition('/')[2]}",
    }[kind]
    return f"  {what}: the entries say {_shown(expected)}, the state says {_shown(there)}"


def _shown(body: bytes | None) -> str:
    return "nothing" if body is None else body.decode(errors="replace")

"""What no part of a ledger shows by itself: that the parts fit, and that nothing is there twice."""

from __future__ import annotations

from array import array
from collections.abc import Iterator

from engine.errors import VerificationError
from engine.ledger.audit.blobs import FoundBlobs, require_policies
from engine.ledger.audit.end import HINT
from engine.ledger.audit.identity import require_distinct, require_new_events
from engine.ledger.audit.requests import Requests
from engine.ledger.audit.walk import Part, Scope
from engine.ledger.store import Reader


def joined(parts: Iterator[Part], scope: Scope) -> Part:
    """Return the parts as one.

    Raises:
        VerificationError: One does not begin where the one before it ended: somebody changed
            the ledger between the two.
    """
    state, decisions, checkpoints, covered = scope.start, 0, 0, 0
    known_by, blobs, requests = array("Q"), FoundBlobs(), Requests()
    for part in parts:
        if part.before != state:
            raise VerificationError(
                f"entry {state.size}: what comes before it is not what was verified", HINT
            )
        state = part.after
        decisions += part.decisions
        checkpoints += part.checkpoints
        covered = max(covered, part.covered)
        known_by.extend(part.known_by)
        blobs.include(part.blobs)
        requests.include(part.requests)
    return Part(scope.start, state, decisions, checkpoints, covered, known_by, blobs, requests)


def require_across(reader: Reader, part: Part, *, signatures: bool) -> int:
    """Require that no entry of ``part`` is there twice, and that its policies are kept.

    Args:
        reader: The ledger.
        part: From where the caller's checkpoint ends to the last entry.
        signatures: Whether the part was verified with signatures; else no policy is looked at.

    Returns:
        How many policies were compared.

    Raises:
        VerificationError: It is not so; names the entry.
    """
    start = part.before.size
    require_distinct(part.known_by, start)
    if start:
        require_new_events(reader, start, part.after.size)
    return require_policies(reader, part.blobs, is_whole=start == 0) if signatures else 0

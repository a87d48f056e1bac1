"""HOLDs that nobody followed up: after the profile's ``hold_ttl_s`` they expire. LIVE-HOLD-1.

Decisions are read once, in the order of the ledger, a bounded number at a time; open HOLDs are
kept in the ledger's state until a newer decision on the same subject by the same gate, or their
time, closes them.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta

from engine.decision.export import decision_of, is_decision, require_signed
from engine.decision.record import event
from engine.formats import canonical
from engine.formats.times import parse_time, write_time
from engine.ledger import EntryDraft, Ledger, subject_key
from engine.ledger.entries import State
from engine.lifecycle.contract import SweepResult
from engine.model import HOLD_EXPIRED_TYPE, Json, Verdict
from engine.policy.bundle import PolicyBundle
from engine.proof.expectations import subject_of
from engine.proof.input_document import subject_document
from engine.signers import Signer

KIND = "hold"
MOST_EXPIRED = 64
"""Most HOLDs that one sweep expires."""

_CURSOR, _DUE, _BY = "cursor", "due/", "by/"
_AFTER_SLASH = "0"


@dataclass(frozen=True, slots=True)
class Hold:
    """An open HOLD.

    Attributes:
        decision: Its decision's id.
        subject_key: Under which decisions on its subject find each other.
        subject: ``{"name", "version"?, "digest"?}``.
        gate: Gate that was asked.
        profile: Name of the table of limits.
        decided_at: RFC 3339.
        expires_at: RFC 3339; from then on it has expired, if no decision followed.
    """

    decision: str
    subject_key: str
    subject: Json
    gate: str
    profile: str
    decided_at: str
    expires_at: str


def sweep(
    ledger: Ledger, signer: Signer, bundle: PolicyBundle, now: datetime, most: int = 256
) -> SweepResult:
    """Read up to ``most`` entries that no sweep has read, and expire HOLDs that are due.

    One transaction: entries ``hold-expired:v1`` and what is remembered of them.
    """
    swept: list[SweepResult] = []

    def work(state: State) -> Sequence[EntryDraft]:
        cursor, seen = _read(state, ledger, bundle, most)
        instant = max(seen, now)
        state.put(KIND, _CURSOR, _remembered(cursor, instant))
        due = _due(state, instant, MOST_EXPIRED + 1)
        drafts, expired = [], []
        for key, hold in due[:MOST_EXPIRED]:
            state.put(KIND, key, None)
            state.put(KIND, _of(hold.subject_key, hold.gate), None)
            if _is_newest(ledger, hold):
                drafts.append(_expired(hold, instant, signer))
                expired.append(hold.decision)
        swept.append(SweepResult(tuple(expired), ledger.size() - cursor, len(due) > MOST_EXPIRED))
        return drafts

    ledger.transact(work)
    return swept[-1]


def _read(state: State, ledger: Ledger, bundle: PolicyBundle, most: int) -> tuple[int, datetime]:
    """Take in what no sweep has read yet; returns how far it came, and the newest instant seen."""
    cursor_state = json.loads(state.get(KIND, _CURSOR) or b"{}")
    cursor: int = cursor_state.get("entries", 0)
    signed = ledger.signed_state()
    stop = min(cursor + most, signed.size if signed is not None else 0)
    for index, entry in ledger.entries(cursor, stop):
        cursor = index + 1
        require_signed(ledger, index)  # whatever it is: another may lie where a decision was
        if is_decision(entry):
            _follow(state, entry, bundle)
    seen = cursor_state.get("seen")
    return cursor, parse_time(seen) if seen else datetime.fromtimestamp(0, UTC)


def _remembered(cursor: int, instant: datetime) -> bytes:
    return canonical.encode({"entries": cursor, "seen": write_time(instant)})


def _follow(state: State, entry: bytes, bundle: PolicyBundle) -> None:
    """Close the HOLD that this decision follows; open one if it is a HOLD itself."""
    statement = decision_of(entry).statement
    predicate = statement["predicate"]
    subject = subject_document(subject_of(statement))
    key = _of(subject_key(subject), predicate["gate"])
    if (before := state.get(KIND, key)) is not None:
        state.put(KIND, before.decode(), None)
        state.put(KIND, key, None)
    if predicate["verdict"] != Verdict.HOLD:
        return
    ends = parse_time(predicate["decided_at"]) + timedelta(
        seconds=ttl_s(bundle, predicate["profile"]["name"])
    )
    hold = Hold(
        decision=predicate["decision_id"],
        subject_key=subject_key(subject),
        subject=subject,
        gate=predicate["gate"],
        profile=predicate["profile"]["name"],
        decided_at=predicate["decided_at"],
        expires_at=write_time(ends),
    )
    due = f"{_DUE}{hold.expires_at}/{hold.decision}"
    state.put(KIND, due, canonical.encode(asdict(hold)))
    state.put(KIND, key, due.encode())


def ttl_s(bundle: PolicyBundle, profile: str) -> int:
    """Return for how many seconds a HOLD by ``profile`` may stay open.

    A profile that these policies no longer have gets the shortest time that any has.
    """
    limits = bundle.data["limits"]
    tables = [limits[profile]] if profile in limits else limits.values()
    return min(int(table["hold_ttl_s"]) for table in tables)


def _due(state: State, instant: datetime, most: int) -> list[tuple[str, Hold]]:
    """The open HOLDs whose time has come, those that came first first."""
    stop = f"{_DUE}{write_time(instant)}{_AFTER_SLASH}"
    return [(key, Hold(**json.loads(body))) for key, body in state.scan(KIND, _DUE, stop, most)]


def _is_newest(ledger: Ledger, hold: Hold) -> bool:
    """Whether no decision followed it, also none that no sweep has read yet."""
    index = ledger.newest(hold.subject_key, hold.gate)
    if index is None:
        return False
    predicate = decision_of(ledger.entry(index)).statement["predicate"]
    return bool(predicate["decision_id"] == hold.decision)


def _expired(hold: Hold, instant: datetime, signer: Signer) -> EntryDraft:
    predicate = {
        "at": write_time(instant),
        "decision": hold.decision,
        "subject": hold.subject,
        "gate": hold.gate,
        "profile": hold.profile,
        "decided_at": hold.decided_at,
        "expires_at": hold.expires_at,
    }
    return event(HOLD_EXPIRED_TYPE, hold.subject["name"], predicate, signer)


def _of(key: str, gate: str) -> str:
    return f"{_BY}{key}/{gate}"

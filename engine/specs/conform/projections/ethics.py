"""Attestations, and what rests on them, as steps of ``tla/Ethics.tla``; one trace per subject.

Only decisions of gates that ask for an attestation take part. Between two entries any time may
have passed: which of the spec's clocks ran out meanwhile follows from the instants that the
entries say. What a decision rests on is taken from the attestations in its own statement, what
was taken back from those in the ledger, and when production must roll back from the limits in
the very measurement that looked.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from engine.formats.times import parse_time
from engine.model import (
    ATTESTATION_TYPES,
    DECISION_TYPES,
    HOLD_EXPIRED_TYPE,
    PROMOTED_TYPE,
    RECOVER_TYPE,
    ROLLBACK_TYPE,
    Json,
)
from engine.specs.conform.graph import State
from engine.specs.conform.lookup import OutsideModel, Projected, Step

GRAPH = "ethics-line"
TYPES = frozenset(
    {
        *(*DECISION_TYPES, *ATTESTATION_TYPES["ethics"], HOLD_EXPIRED_TYPE),
        *(PROMOTED_TYPE, ROLLBACK_TYPE, RECOVER_TYPE),
    }
)
SETS: frozenset[str] = frozenset()

_LAPSE = "lifecycle.unattested_s"
_INITIAL: dict[str, Json] = {
    **{"stage": "candidate", "said": "none", "left": 0, "news": False, "word": "none"},
    **{"evidence": "none", "force": 0, "rests": 0, "covers": 0, "lapse": 0, "hold": "none"},
    **{"held": 0, "looked": False},
}


@dataclass(slots=True)
class _Word:
    """The newest attestation of an artifact: its id, what it says, and its times."""

    id: str
    answer: str
    issued: datetime
    expires: datetime


@dataclass(slots=True)
class _Subject:
    """One subject's behaviour so far, and the instants behind the spec's clocks."""

    trace: str
    state: State
    word: _Word | None = None
    force_until: datetime | None = None
    rests_until: datetime | None = None
    covered_until: datetime | None = None
    pending: tuple[int, datetime] | None = None
    grace: timedelta = field(default_factory=timedelta)


class Projection:
    """See :mod:`engine.specs.conform.projections`."""

    def __init__(self) -> None:
        self._subjects: dict[tuple[Json, ...], _Subject] = {}
        self._of_digest: dict[str, list[_Subject]] = {}
        self._words: dict[str, _Word] = {}
        self._states: dict[tuple[Json, ...], State] = {}

    def steps(self, index: int, statement: Mapping[str, Json]) -> Iterator[Projected]:
        """Yield what an entry means."""
        kind, predicate = statement["predicateType"], statement["predicate"]
        if kind in ATTESTATION_TYPES["ethics"]:
            yield from self._attested(index, statement)
        elif kind in DECISION_TYPES:
            yield from self._decision(index, statement)
        else:
            subject = self._known(predicate)
            if subject is not None:
                yield from self._acted(subject, index, kind, predicate)

    # -- entries ------------------------------------------------------------------------

    def _attested(self, index: int, statement: Mapping[str, Json]) -> Iterator[Step]:
        predicate, digest = statement["predicate"], statement["subject"][0]["digest"]["sha256"]
        word = _Word(
            predicate["attestation_id"],
            "pass" if predicate["verdict"] == "PROMOTE" else "fail",
            parse_time(predicate["issued_at"]),
            parse_time(predicate["expires_at"]),
        )
        self._words[digest] = word
        for subject in self._of_digest.get(digest, ()):
            yield from self._settled(subject)
            yield from self._until(subject, word.issued, index)
            yield self._attest(subject, word, index)

    def _decision(self, index: int, statement: Mapping[str, Json]) -> Iterator[Projected]:
        predicate, about = statement["predicate"], statement["subject"][0]
        now, key = parse_time(predicate["decided_at"]), _key(about)
        if predicate["gate"] == "lifecycle":
            for subject in self._of_digest.get(about["digest"]["sha256"], ()):
                if key == subject.trace.rpartition(" by ")[0]:
                    yield from self._looking(subject, index, predicate, now)
            return
        if _asks(predicate) is None:
            return
        trace = f"{key} by {predicate['gate']}, {predicate['profile']['name']}"
        subject = self._subject((trace,), about["digest"]["sha256"], trace)
        yield from self._settled(subject)
        yield from self._resting(subject, predicate, index, now)
        yield from self._until(subject, now, index)
        if subject.state["stage"] == "candidate":
            yield from self._decided(subject, index, predicate)

    def _resting(
        self, subject: _Subject, predicate: Mapping[str, Json], index: int, now: datetime
    ) -> Iterator[Step]:
        """Take in the word of the ledger, or of another one, that the decision could rest on."""
        given = predicate["attestations"]
        word = self._words.get(given[0]["subject_sha256"]) if given else None
        for facts in given:
            issued = parse_time(facts["issued_at"])
            if word is None or issued > word.issued:
                answer = "pass" if facts["verdict"] == "PROMOTE" else "fail"
                word = _Word(facts["id"], answer, issued, parse_time(facts["expires_at"]))
        if word is not None and (subject.word is None or subject.word.id != word.id):
            yield self._attest(subject, word, index)
        yield from self._until(subject, now, index)

    def _decided(
        self, subject: _Subject, index: int, predicate: Mapping[str, Json]
    ) -> Iterator[Step]:
        word = "BLOCK" if predicate["verdict"] == "ROLLBACK" else predicate["verdict"]
        promote, hold = word == "PROMOTE", word == "HOLD"
        subject.force_until = parse_time(predicate["valid_until"])
        subject.rests_until = subject.word.expires if subject.word is not None else None
        changes = {
            **{"word": word, "evidence": _seen(predicate), "force": int(promote)},
            **{"rests": subject.state["left"] if promote else 0, "held": 0},
            "hold": "open" if hold else "none",
        }
        text = f"gate {predicate['gate']} says {predicate['verdict']}"
        yield self._step(subject, "Decide", index, text, changes)

    def _acted(
        self, subject: _Subject, index: int, kind: str, predicate: Mapping[str, Json]
    ) -> Iterator[Step]:
        now = parse_time(predicate["at"])
        if kind == ROLLBACK_TYPE:
            yield from self._rolled_back(subject, index, predicate)
            return
        yield from self._settled(subject)
        if kind == RECOVER_TYPE:
            if subject.state["stage"] == "rolledback":
                yield self._step(subject, "Return", index, "recovered", {"stage": "candidate"})
            return
        if kind == HOLD_EXPIRED_TYPE:
            due = now >= parse_time(predicate["expires_at"])
            yield from self._until(subject, now, index, held=int(due))
            changes: dict[str, Json] = {"looked": True, "hold": "expired", "held": 0}
            yield self._step(subject, "Look", index, "its HOLD expired", changes)
        else:
            yield from self._until(subject, now, index)
            until = predicate.get("attested_until")
            subject.covered_until = parse_time(until) if until else None
            changes = {"stage": "serving", "covers": 1, "force": 0, "rests": 0}
            yield self._step(subject, "Promote", index, "promoted", changes)

    def _looking(
        self, subject: _Subject, index: int, predicate: Mapping[str, Json], now: datetime
    ) -> Iterator[Projected]:
        """A measurement: what it comes to is known with the next entry about the subject."""
        yield from self._settled(subject)
        if subject.state["stage"] != "serving":
            return
        lapse = [check for check in predicate["checks"] if check["id"] == _LAPSE]
        if not lapse or lapse[0]["severity"] == "off":
            yield OutsideModel(index, f"{_LAPSE} is turned off, and the model has it")
            return
        subject.grace = timedelta(seconds=lapse[0]["limit"])
        yield from self._until(subject, now, index)
        subject.pending = (index, now)

    def _settled(self, subject: _Subject) -> Iterator[Step]:
        """The measurement before rolled nothing back."""
        if subject.pending is not None:
            (index, _), subject.pending = subject.pending, None
            yield self._step(subject, "Look", index, "measured", self._covered(subject))

    def _rolled_back(
        self, subject: _Subject, index: int, predicate: Mapping[str, Json]
    ) -> Iterator[Step]:
        gone: dict[str, Json] = {"stage": "rolledback", "news": False, "covers": 0, "lapse": 0}
        if subject.pending is not None and _is_due(subject.state):
            subject.pending = None
            text = f"rolled back, {predicate['cause']}"
            yield self._step(subject, "Look", index, text, {**gone, "looked": True})
            return
        yield from self._settled(subject)
        yield self._step(subject, "Leave", index, f"rolled back, {predicate['cause']}", gone)

    def _covered(self, subject: _Subject) -> dict[str, Json]:
        """What hearing of a newer attestation comes to, at a look that rolls nothing back."""
        state, word = subject.state, subject.word
        if not state["news"] or word is None:
            return {"looked": True}
        if word.answer == "pass" and state["left"]:
            subject.covered_until = word.expires
            return {"looked": True, "news": False, "covers": 1, "lapse": 0}
        if state["covers"]:
            subject.covered_until = word.issued
        return {"looked": True, "news": False, "covers": 0}

    # -- clocks and states --------------------------------------------------------------

    def _attest(self, subject: _Subject, word: _Word, index: int) -> Step:
        subject.word = word
        news = subject.state["stage"] == "serving"
        changes = {"said": word.answer, "left": 1, "news": news}
        return self._step(subject, "Attest", index, f"attested: {word.answer}", changes)

    def _until(self, subject: _Subject, now: datetime, index: int, held: int = 0) -> Iterator[Step]:
        """The time up to ``now``: the clocks that ran out in it, in one step."""
        state = subject.state
        ends = {
            "left": subject.word.expires if subject.word else None,
            "force": subject.force_until,
            "rests": subject.rests_until,
            "covers": subject.covered_until,
        }
        changes: dict[str, Json] = {
            name: 0 for name, end in ends.items() if state[name] and end is not None and now >= end
        }
        if state["stage"] == "serving" and not state["covers"] and not state["lapse"]:
            since = subject.covered_until
            if since is not None and now - since >= subject.grace > timedelta():
                changes["lapse"] = 1
        if held and not state["held"]:
            changes["held"] = 1
        if changes or state["looked"]:
            yield self._step(subject, "Pass", index, "time passed", {**changes, "looked": False})

    def _step(
        self, subject: _Subject, action: str, index: int, text: str, changes: Mapping[str, Json]
    ) -> Step:
        before = subject.state
        after = {**before, **changes}
        subject.state = self._states.setdefault(tuple(after.values()), after)
        return Step(action, before, subject.state, index, text, subject.trace)

    def _subject(self, key: tuple[Json, ...], digest: str, trace: str) -> _Subject:
        if key not in self._subjects:
            initial = self._states.setdefault(tuple(_INITIAL.values()), _INITIAL)
            subject = self._subjects[key] = _Subject(trace, initial)
            self._of_digest.setdefault(digest, []).append(subject)
        return self._subjects[key]

    def _known(self, predicate: Mapping[str, Json]) -> _Subject | None:
        """The subject that an event is about, if its gate asks for an attestation."""
        about = predicate["subject"]
        digest = about.get("sha256") or about.get("digest", {}).get("sha256", "")
        by = predicate if "gate" in predicate else about
        named = f"{about['name']} {about.get('version') or '-'} {digest}"
        return self._subjects.get((f"{named} by {by['gate']}, {by['profile']}",))


def _key(about: Mapping[str, Json]) -> str:
    version = about.get("annotations", {}).get("version")
    return f"{about['name']} {version or '-'} {about['digest']['sha256']}"


def _is_due(state: State) -> bool:
    """Whether a look must roll back for want of an attestation."""
    if not state["news"]:
        return bool(state["lapse"]) and not state["covers"]
    if state["said"] == "pass" and state["left"]:
        return False
    return not state["left"] if state["covers"] else bool(state["lapse"])


def _asks(predicate: Mapping[str, Json]) -> Mapping[str, Any] | None:
    """The check that asks for an attestation and blocks without one."""
    for check in predicate["checks"]:
        if check["kind"] == "attestation" and check["severity"] == "block":
            found: Mapping[str, Any] = check
            return found
    return None


def _seen(predicate: Mapping[str, Json]) -> str:
    """What the other blocking checks of a decision come to."""
    statuses = {
        check["status"]
        for check in predicate["checks"]
        if check["severity"] == "block"
        and check["kind"] != "attestation"
        and check["waived_by"] is None
    }
    if "fail" in statuses:
        return "bad"
    return "good" if statuses <= {"pass", "exempt", "off"} else "few"

"""Every entry as an append of ``tla/Ledger.tla``: one history, each entry built on all before it.

An entry says where it stands: the ledger's id, and for decisions and attestations which attempt
it is on its subject by its gate, and which one was before it. So a writer that built on other
entries than the ledger holds, because it had not taken in what another process appended, is seen
as the spec's ``Begin`` on another tree, and so is a run of a CI that is no run of the import before
it. The other steps of the append left nothing behind that could differ; they are the shortest way
through the spec to the next entry.

A requested decision is a trace of its own, by its id: the ledger as that request sees it. The
decision, attestation or failure that answers it begins on what was requested, or is no step of the
spec; a request that nothing answers ends its trace there, as a crash does in the spec. That there
is one answer, and none before its request, :class:`engine.specs.conform.claims.Claims` derives,
which knows every id.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from engine.errors import VerificationError
from engine.ledger.audit.requests import ANSWERS, OpenRequest, require_answer
from engine.model import (
    ATTESTED_TYPES,
    CREATION_TYPES,
    DECISION_IMPORTED_TYPE,
    DECISION_REQUESTED_TYPE,
    DECISION_TYPES,
    RUN_IMPORTED_TYPE,
    Json,
)
from engine.specs.conform.graph import State
from engine.specs.conform.lookup import Step

GRAPH = "ledger-line"
TYPES = None
TOLD_APART = frozenset(
    {
        *CREATION_TYPES,
        *ANSWERS,
        DECISION_REQUESTED_TYPE,
        DECISION_IMPORTED_TYPE,
        RUN_IMPORTED_TYPE,
    }
)
SETS = frozenset({"notes", "shown", "asked"})

_PLACED = dict.fromkeys(DECISION_TYPES, "decision_id") | dict.fromkeys(
    ATTESTED_TYPES, "attestation_id"
)


def _state(log: list[int], pc: str, tree: list[int], **other: Any) -> State:
    done: dict[str, Any] = {
        "head": log,
        "told": log,
        "notes": [0, *log],
        "made": max([0, *tree]),
    } | other
    head: list[int] = done["head"]
    shown = [head[:size] for size in range(len(head), -1, -1)]
    return {
        "log": log,
        "pc": {"p1": pc},
        "tree": {"p1": tree},
        "restored": 0,
        "edited": 0,
        "of": [0] * done["made"],
        "about": [0] * done["made"],
        "open": {"p1": 0},
        "asked": [],
        "shown": shown,
        **done,
    }


def _append(before: list[int], base: list[int]) -> tuple[tuple[str, State, State], ...]:
    """The steps of one append to ``before`` by a writer that built on ``base``."""
    made = max([0, *before]) + 1
    tree, log = [*base, made], [*before, made]
    old = {"head": before, "told": before, "notes": [0, *before]}
    up = _state(before, "up", before)
    states = [
        up,
        _state(before, "waiting", before),
        _state(before, "commit", tree),
        _state(log, "head", tree, **old),
        _state(log, "note", tree, **{**old, "head": log}),
        _state(log, "tell", tree, **{"told": before}),
        _state(log, "up", tree),
    ]
    actions = ["Ask", "Begin", "Commit", "KeepHead", "KeepNote", "Tell"]
    if len(log) > 1:
        states.append(_LAST)
        actions.append("Forget")
    return tuple(zip(actions, states, states[1:], strict=False))


_LAST = _state([1], "up", [1])
_FIRST, _LATER = _append([], []), _append([1], [1])


def _saying(
    append: tuple[tuple[str, State, State], ...], begun: State, saying: State
) -> tuple[tuple[str, State, State], ...]:
    """The same append, of an entry that is a request or an answer.

    Args:
        append: Of an entry that is neither.
        begun: What there was of requests before it.
        saying: And what there is from the moment that it is begun.
    """
    states = [append[0][1], *(after for _, _, after in append)]
    changed = [{**state, **(begun if at < 2 else saying)} for at, state in enumerate(states)]
    return tuple((action, changed[at], changed[at + 1]) for at, (action, _, _) in enumerate(append))


_UNSAID: State = {"of": [], "about": []}
_SAID: State = {"of": [1], "about": [1], "open": {"p1": 1}}
_JUDGED: State = {**_SAID, "asked": [1]}
_REQUEST = _saying(_FIRST, _UNSAID, _SAID)


def _answer(about: int) -> tuple[tuple[str, State, State], ...]:
    """The answer to the request, about what was requested, 1, or about something else."""
    answered: State = {"of": [1, 1], "about": [1, about], "asked": [1]}
    _, *rest = _saying(_LATER[:-1], _JUDGED, answered)
    judge = ("Judge", _REQUEST[-1][2], rest[0][1])
    return (judge, *rest, ("Close", rest[-1][2], _FIRST[0][1]))


_ANSWER, _OTHER = _answer(1), _answer(2)


def _stray(append: tuple[tuple[str, State, State], ...]) -> tuple[tuple[str, State, State], ...]:
    """The same append, begun on other entries than the ledger holds."""
    (ask, waiting, _), (begin, before, after) = append[0], append[1]
    return (ask, waiting, before), (begin, before, {**after, "tree": {"p1": [2]}})


_STRAY_FIRST, _STRAY = _stray(_FIRST), _stray(_LATER)


class Projection:
    """See :mod:`engine.specs.conform.projections`."""

    def __init__(self) -> None:
        self._ledger = ""
        self._next = 0
        self._imported: Json = None
        self._last: dict[tuple[str, str, str], tuple[int, str]] = {}
        self._open: dict[Json, OpenRequest] = {}

    def steps(self, index: int, statement: Mapping[str, Json]) -> Iterator[Step]:
        """Yield the append of one entry; entry 0 is where the spec begins."""
        kind = statement["predicateType"]
        wrong = self._out_of_place(index, kind, statement)
        self._next = index + 1
        text = kind.removeprefix("urn:governance-engine:")
        if index or wrong:
            steps = _FIRST if index <= 1 else _LATER
            words = text
            if wrong:
                steps, words = _STRAY if index > 1 else _STRAY_FIRST, f"{text}: {wrong}"
            for action, before, after in steps:
                yield Step(action, before, after, index, words)
        yield from self._of_request(index, kind, statement, text)

    def _of_request(
        self, index: int, kind: str, statement: Mapping[str, Json], text: str
    ) -> Iterator[Step]:
        """What a request or the answer to one is in the trace of that request."""
        predicate = statement["predicate"]
        steps, name = _REQUEST, predicate.get(ANSWERS.get(kind, "decision_id"))
        if kind == DECISION_REQUESTED_TYPE:
            self._open[name] = OpenRequest(index, predicate, statement["subject"][0])
        elif kind in ANSWERS and name in self._open:
            steps = _ANSWER
            try:
                require_answer(index, statement, self._open.pop(name))
            except VerificationError as error:
                steps, text = _OTHER, f"{text}: {error.message.partition(': ')[2]}"
        else:
            return
        for action, before, after in steps:
            yield Step(action, before, after, index, text, f"request {name}")

    def _out_of_place(self, index: int, kind: str, statement: Mapping[str, Json]) -> str:
        """What it says of its place that is not so; empty when all is well."""
        predicate = statement["predicate"]
        if index != self._next:
            return f"it follows entry {self._next - 1}"
        if index == 0:
            self._ledger = predicate.get("ledger_id", "")
            return "" if kind in CREATION_TYPES else "it does not begin a ledger"
        where = predicate.get("ledger")
        if isinstance(where, dict) and where.get("id") != self._ledger:
            return f"it was built for ledger {where.get('id')}, and this is {self._ledger}"
        imported, self._imported = self._imported, None
        if kind == DECISION_IMPORTED_TYPE:
            self._imported = predicate["decision_id"]
        elif kind == RUN_IMPORTED_TYPE and (name := predicate["decision_id"]) != imported:
            return f"it says which run {name} is of, and the entry before it does not import that"
        return self._misplaced(statement, _PLACED[kind]) if kind in _PLACED else ""

    def _misplaced(self, statement: Mapping[str, Json], id_: str) -> str:
        """Whether a decision or attestation was built on another last one than the ledger's."""
        predicate, key = statement["predicate"], _key(statement, id_)
        attempt, previous = self._last.get(key, (0, None))
        self._last[key] = (attempt + 1, predicate[id_])
        if (predicate["attempt"], predicate["previous"]) == (attempt + 1, previous):
            return ""
        return (
            f"it says attempt {predicate['attempt']} after {predicate['previous']}, "
            f"and the ledger holds {attempt} before it, the last {previous}"
        )


def _key(statement: Mapping[str, Json], id_: str) -> tuple[str, str, str]:
    """Equal for what takes part in the same count of attempts; see spec/predicate-v1.md."""
    subject, gate = statement["subject"][0], statement["predicate"]["gate"]
    noted = subject.get("annotations", {})
    digest = "" if noted.get("digest_of") == "input" else subject["digest"]["sha256"]
    if id_ == "attestation_id":
        return "", digest, gate
    return f"{subject['name']}\n{noted.get('version')}", digest, gate

"""Every entry as an append of ``tla/Ledger.tla``: one history, each entry built on all before it.

An entry says where it stands: the ledger's id, and for decisions and attestations which attempt
it is on its subject by its gate, and which one was before it. So a writer that built on other
entries than the ledger holds, because it had not taken in what another process appended, is seen
as the spec's ``Begin`` on another tree. The other steps of the append left nothing behind that
could differ; they are the shortest way through the spec to the next entry.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from engine.model import ATTESTED_TYPES, CREATION_TYPES, DECISION_TYPES, Json
from engine.specs.conform.graph import State
from engine.specs.conform.lookup import Step

GRAPH = "ledger-line"
TYPES = None
SETS = frozenset({"notes", "shown"})

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
        self._last: dict[tuple[str, str, str], tuple[int, str]] = {}

    def steps(self, index: int, statement: Mapping[str, Json]) -> Iterator[Step]:
        """Return the append of one entry; entry 0 is where the spec begins."""
        kind = statement["predicateType"]
        wrong = self._out_of_place(index, kind, statement)
        self._next = index + 1
        if index == 0 and not wrong:
            return iter(())
        steps = _FIRST if index <= 1 else _LATER
        text = kind.removeprefix("urn:governance-engine:")
        if wrong:
            steps, text = _STRAY if index > 1 else _STRAY_FIRST, f"{text}: {wrong}"
        return (Step(action, before, after, index, text) for action, before, after in steps)

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

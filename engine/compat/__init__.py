"""Compatibility of JSON Schemas, old against new. Pure; nothing is fetched.

``output``: what the new side writes, a reader of the old must understand: every instance of the
new schema is one of the old. ``input``: what the old side sends, the new must accept: the
reverse. A yes is proven; a no comes with an instance that shows it wherever one was found; what
is not known is neither.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Literal

from engine.compat.containment import Containment
from engine.compat.drift import drift
from engine.compat.flat import ANNOTATIONS, DECIDED, SAME_ONLY
from engine.compat.outcome import Break, ContainmentResult, UndecidedPoint
from engine.compat.sample import NOTHING
from engine.compat.schemas import Doubt, Node, SchemaSet

Direction = Literal["output", "input", "both"]
DIRECTIONS = ("output", "input", "both")
Verdict = Literal["compatible", "incompatible", "undecided"]


@dataclass(frozen=True, slots=True)
class CompatibilityFinding:
    """A break or a question of one document in one direction.

    Attributes:
        direction: ``output`` or ``input``.
        side: Whose schema ``pointer`` is in: ``old`` or ``new``.
        told: What it is.
    """

    direction: str
    side: str
    told: Break | UndecidedPoint


@dataclass(frozen=True, slots=True)
class Comparison:
    """Old against new.

    Attributes:
        findings: Breaks and questions, in the order of documents.
        drift: Columns that were added, dropped or changed.
        documents: How many documents were compared.
    """

    findings: tuple[CompatibilityFinding, ...]
    drift: int
    documents: int

    @property
    def verdict(self) -> Verdict:
        """Incompatible where there is a break, undecided where there is a question only."""
        if any(isinstance(finding.told, Break) for finding in self.findings):
            return "incompatible"
        return "undecided" if self.findings else "compatible"


def compare(
    old: SchemaSet,
    new: SchemaSet,
    pairs: Sequence[tuple[str, str]],
    direction: Direction,
    annotations: frozenset[str] = frozenset(),
) -> Comparison:
    """Compare documents of two sets.

    Args:
        old: What was.
        new: What is to be.
        pairs: Names of documents, old and new; a name missing in ``new`` is a break.
        direction: Which way instances flow.
        annotations: Further keywords that are known to say nothing about instances.
    """
    findings: list[CompatibilityFinding] = []
    count = 0
    ways = ("output", "input") if direction == "both" else (direction,)
    for before, after in pairs:
        if after not in new.documents:
            gone = Break("document", before, "", "the schema is gone")
            findings += [CompatibilityFinding(way, "old", gone) for way in ways]
            count += len(_columns_of(old, before))
            continue
        first, second = old.root(before), new.root(after)
        findings += _unknown(first, "old", ways[0], annotations)
        findings += _unknown(second, "new", ways[0], annotations)
        for way in ways:
            sub, sup = (second, first) if way == "output" else (first, second)
            side = "old" if way == "output" else "new"
            found = validated(Containment().check([sub], [sup]), sub, sup)
            told: list[Break | UndecidedPoint] = [
                *_first(found.breaks),
                *dict.fromkeys(found.questions),
            ]
            findings += [CompatibilityFinding(way, side, each) for each in told]
        count += drift(first, second)
    return Comparison(tuple(findings), count, len(pairs))


def _columns_of(schemas: SchemaSet, name: str) -> dict[str, str]:
    from engine.compat.drift import columns

    return columns(schemas.root(name))


def _first(breaks: Sequence[Break]) -> list[Break]:
    """One break per rule and place; one with a witness where there is one."""
    found: dict[tuple[str, str, str], Break] = {}
    for each in breaks:
        place = (each.rule, each.document, each.pointer)
        if place not in found or (each.has_witness and not found[place].has_witness):
            found[place] = each
    return list(found.values())


def validated(outcome: ContainmentResult, sub: Node, sup: Node) -> ContainmentResult:
    """Return it with witnesses that behave as claimed: valid for ``sub``, not for ``sup``.

    A break that needs its witness and has none is a question.
    """
    breaks: list[Break] = []
    questions = list(outcome.questions)
    for each in outcome.breaks:
        shown = each.has_witness and _shows(each, sub, sup)
        if shown or each.is_sure:
            breaks.append(each if shown else replace(each, witness=NOTHING))
        else:
            questions.append(
                UndecidedPoint(each.document, each.pointer, f"{each.reason}: not decided")
            )
    return ContainmentResult(tuple(breaks), tuple(questions))


def _shows(each: Break, sub: Node, sup: Node) -> bool:
    try:
        return sub.is_valid(each.witness) and not sup.is_valid(each.witness)
    except Doubt:
        return False


_KNOWN = ANNOTATIONS | DECIDED | SAME_ONLY


def _unknown(
    root: Node, side: str, way: str, annotations: frozenset[str]
) -> Iterator[CompatibilityFinding]:
    """Yield a question for each keyword whose meaning is not known here."""
    try:
        root.draft  # noqa: B018  (asked for its doubt)
    except Doubt as doubt:
        yield CompatibilityFinding(
            way, side, UndecidedPoint(root.name, doubt.pointer, doubt.reason)
        )
    for node in _reachable(root):
        if not isinstance(node.schema, dict):
            continue
        for word in node.schema:
            if word not in _KNOWN and word not in annotations:
                told = UndecidedPoint(
                    node.name, f"{node.pointer}/{word}", f"unknown keyword {word!r}"
                )
                yield CompatibilityFinding(way, side, told)
        if node.pointer and isinstance(node.get("$id"), str) and node.get("$id")[:1] != "#":
            told = UndecidedPoint(
                node.name, f"{node.pointer}/$id", "a schema inside with its own $id"
            )
            yield CompatibilityFinding(way, side, told)


def _reachable(root: Node) -> Iterator[Node]:
    """Yield every schema that can take part, each once; definitions only where referred to."""
    waiting, seen = [root], {root.key}
    while waiting:
        node = waiting.pop()
        yield node
        if not isinstance(node.schema, dict):
            continue
        found = [
            inner
            for word in node.schema
            if word not in ("$defs", "definitions")
            for inner in node.inside(word)
        ]
        if node.has("$ref"):
            with suppress(Doubt):  # the comparison itself meets it again, and says so
                found.append(node.referred())
        for inner in found:
            if inner.key not in seen:
                seen.add(inner.key)
                waiting.append(inner)

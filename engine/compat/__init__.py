"""Compatibility of JSON Schemas, old against new. Pure; nothing is fetched.

``engine compat`` and the source ``schemas`` enter by :func:`compare`.

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

from engine.compat.changes import count_changes
from engine.compat.containment import Containment
from engine.compat.doubt import PROOF_WORK, Doubt
from engine.compat.flat import ANNOTATIONS, DECIDED, SAME_ONLY
from engine.compat.instances import is_instance
from engine.compat.numerals import text_of
from engine.compat.outcome import Break, ContainmentResult, UndecidedPoint
from engine.compat.sample import NOTHING
from engine.compat.schemas import Node, SchemaSet

Direction = Literal["output", "input", "both"]
DIRECTIONS = ("output", "input", "both")
Verdict = Literal["compatible", "incompatible", "undecided"]


@dataclass(frozen=True, slots=True)
class CompatibilityFinding:
    """A break or a question of one document in one direction.

    Attributes:
        direction: ``output`` or ``input``.
        side: Whose schema ``pointer`` is in: ``old`` or ``new``.
        problem: The break, or the point that is not decided.
    """

    direction: str
    side: str
    problem: Break | UndecidedPoint


@dataclass(frozen=True, slots=True)
class Comparison:
    """Old against new.

    Attributes:
        findings: Breaks and questions, in the order of documents.
        changes: Columns that were added, dropped or changed; None where they are too many.
        documents: How many documents were compared.
    """

    findings: tuple[CompatibilityFinding, ...]
    changes: int | None
    documents: int

    @property
    def verdict(self) -> Verdict:
        """Incompatible where there is a break, undecided where there is a question only."""
        if any(isinstance(finding.problem, Break) for finding in self.findings):
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
    counts: list[int | None] = []
    work = new.work = old.work
    ways = ("output", "input") if direction == "both" else (direction,)
    for before, after in pairs:
        work.restart()
        if after not in new.documents:
            gone = Break("document", before, "", "the schema is gone")
            findings += [CompatibilityFinding(way, "old", gone) for way in ways]
            counts.append(count_changes(old.root(before), None))
            continue
        first, second = old.root(before), new.root(after)
        for root, side in ((first, "old"), (second, "new")):
            unknown = _unknown(root, annotations)
            findings += [CompatibilityFinding(ways[0], side, point) for point in unknown]
        findings += [
            CompatibilityFinding(ways[0], side, point)
            for point, side in _said_in_vain(first, second, annotations)
        ]
        if not (_is_known(first) and _is_known(second)):
            counts.append(count_changes(first, second))
            continue
        for way in ways:
            sub, sup = (second, first) if way == "output" else (first, second)
            side = "old" if way == "output" else "new"
            work.restart()
            found = Containment(sup).check([sub], [sup])
            work.restart(PROOF_WORK)
            found = validated(found, sub, sup)
            points = dict.fromkeys(found.questions)
            findings += [CompatibilityFinding(way, side, fault) for fault in _first(found.breaks)]
            findings += [CompatibilityFinding(way, side, point) for point in points]
        counts.append(count_changes(first, second))
    known = [count for count in counts if count is not None]
    changes = sum(known) if len(known) == len(counts) else None
    return Comparison(tuple(findings), changes, len(pairs))


def _is_known(root: Node) -> bool:
    """Whether the draft is known that says what its keywords mean."""
    try:
        root.draft  # noqa: B018  (read for its doubt)
    except Doubt:
        return False
    return True


def _first(breaks: Sequence[Break]) -> list[Break]:
    """One break per rule and place; one with a witness where there is one."""
    found: dict[tuple[str, str, str], Break] = {}
    for fault in breaks:
        place = (fault.rule, fault.document, fault.pointer)
        if place not in found or (fault.has_witness and not found[place].has_witness):
            found[place] = fault
    return list(found.values())


def validated(outcome: ContainmentResult, sub: Node, sup: Node) -> ContainmentResult:
    """Return it with witnesses that behave as claimed: valid for ``sub``, not for ``sup``.

    A break that needs its witness and has none is a question.
    """
    breaks: list[Break] = []
    questions = list(outcome.questions)
    for fault in outcome.breaks:
        shown = fault.has_witness and _shows(fault, sub, sup)
        if shown or fault.is_sure:
            breaks.append(fault if shown else replace(fault, witness=NOTHING))
        else:
            questions.append(
                UndecidedPoint(fault.document, fault.pointer, f"{fault.reason}: not decided")
            )
    return ContainmentResult(tuple(breaks), tuple(questions))


def _shows(fault: Break, sub: Node, sup: Node) -> bool:
    try:
        return is_instance(sub, fault.witness) and not is_instance(sup, fault.witness)
    except Doubt:
        return False


_KNOWN = ANNOTATIONS | DECIDED | SAME_ONLY


def _unknown(root: Node, annotations: frozenset[str]) -> Iterator[UndecidedPoint]:
    """Yield each keyword whose meaning is not known here."""
    try:
        root.draft  # noqa: B018  (read for its doubt)
    except Doubt as doubt:
        yield UndecidedPoint(root.name, doubt.pointer, doubt.reason)
    for node in _reachable(root):
        if not isinstance(node.schema, dict):
            continue
        for word in node.schema:
            if word not in _KNOWN and word not in annotations:
                place = f"{node.pointer}/{word}"
                yield UndecidedPoint(node.name, place, f"unknown keyword {word!r}")
        if node.pointer and isinstance(node.get("$id"), str) and node.get("$id")[:1] != "#":
            place = f"{node.pointer}/$id"
            yield UndecidedPoint(node.name, place, "a schema inside with its own $id")


def _said_in_vain(
    first: Node, second: Node, annotations: frozenset[str]
) -> Iterator[tuple[UndecidedPoint, str]]:
    """Yield each keyword that its draft has not, where the other side does not say the same.

    Some validators honour them all the same, so that a difference may be one of instances.
    """
    mine, theirs = _absent(first, annotations), _absent(second, annotations)
    sides = ((first, mine, theirs, "old"), (second, theirs, mine, "new"))
    for root, words, others, side in sides:
        for pointer, (word, text) in words.items():
            if others.get(pointer) != (word, text):
                reason = f"{word!r} is no keyword of its draft"
                yield UndecidedPoint(root.name, pointer, reason), side


def _absent(root: Node, annotations: frozenset[str]) -> dict[str, tuple[str, str]]:
    absent = root.schemas.absent(root.name) - annotations - {"additionalItems"}
    return {
        f"{node.pointer}/{word}": (word, text_of(node.schema[word]))
        for node in _reachable(root)
        if isinstance(node.schema, dict)
        for word in absent & node.schema.keys()
    }


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

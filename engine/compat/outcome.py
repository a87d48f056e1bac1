"""What a comparison found: breaks, with an instance that shows each, and doubts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from engine.compat.doubt import Doubt
from engine.compat.flat import DECIDED
from engine.compat.sample import NOTHING
from engine.compat.schemas import Node
from engine.model import Json


@dataclass(frozen=True, slots=True)
class Break:
    """An instance that one side allows and the other does not, or the reason why there is one.

    Attributes:
        rule: What is broken, named as the keyword that breaks it.
        document: Document that forbids it.
        pointer: JSON pointer of the keyword there.
        reason: One clause.
        witness: Such an instance; :data:`~engine.compat.sample.NOTHING` where none is known.
        is_sure: Whether it holds without a witness.
    """

    rule: str
    document: str
    pointer: str
    reason: str
    witness: Json = NOTHING
    is_sure: bool = True

    @property
    def has_witness(self) -> bool:
        """Whether there is an instance to show."""
        return self.witness is not NOTHING


@dataclass(frozen=True, slots=True)
class UndecidedPoint:
    """Something that could not be decided."""

    document: str
    pointer: str
    reason: str


@dataclass(frozen=True, slots=True)
class ContainmentResult:
    """Whether all that one side allows is allowed by the other: yes, where it is empty."""

    breaks: tuple[Break, ...] = ()
    questions: tuple[UndecidedPoint, ...] = ()

    @property
    def holds(self) -> bool:
        """Whether it is proven."""
        return not self.breaks and not self.questions

    def __add__(self, other: ContainmentResult) -> ContainmentResult:
        return ContainmentResult(self.breaks + other.breaks, self.questions + other.questions)

    def lifted(self, lift: Callable[[Json], Json]) -> ContainmentResult:
        """Return it one level up: each witness inside an instance of the level above."""
        return replace(
            self,
            breaks=tuple(
                replace(fault, witness=lift(fault.witness)) if fault.has_witness else fault
                for fault in self.breaks
            ),
        )

    def unsure(self) -> ContainmentResult:
        """Return it with breaks that count only if their witness does."""
        return replace(self, breaks=tuple(replace(fault, is_sure=False) for fault in self.breaks))


HOLDS = ContainmentResult()


def broken(
    node: Node, keyword: str, reason: str, witness: Json = NOTHING, *, sure: bool = True
) -> ContainmentResult:
    """Return the outcome with one break at ``keyword`` of ``node``."""
    place = f"{node.pointer}/{keyword}" if keyword and node.has(keyword) else node.pointer
    steps = reversed(node.pointer.split("/"))
    rule = keyword or next((step for step in steps if step in DECIDED), "false")
    return ContainmentResult((Break(rule, node.name, place, reason, witness, sure),))


def open_question(node: Node, keyword: str, reason: str) -> ContainmentResult:
    """Return the outcome with one question at ``keyword`` of ``node``."""
    place = f"{node.pointer}/{keyword}" if keyword else node.pointer
    return ContainmentResult((), (UndecidedPoint(node.name, place, reason),))


def doubted(doubt: Doubt, document: str) -> ContainmentResult:
    """Return the outcome for a doubt that was raised."""
    return ContainmentResult((), (UndecidedPoint(document, doubt.pointer, doubt.reason),))

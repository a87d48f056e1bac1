"""A scan over bytes that arrive piece by piece; bounded memory, however long a line is."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from engine.privacy import DEFAULT
from engine.privacy.rule import AFTER, BEFORE, Kind, Rule
from engine.privacy.triggers import Triggers

BLOCK = 1024 * 1024
"""Bytes that are looked at together, about."""


@dataclass(frozen=True, slots=True)
class ScanFinding:
    """A place with something that must not be there; what it is, never what it says.

    Attributes:
        type: Name of the rule.
        kind: Whether it is personal data or a secret.
        line: Counted from 1, by line feeds.
        offset: Bytes from the start of the text to the value.
        length: Bytes to replace from there, so that nothing of it is left.
        digest: HMAC-SHA-256 of type and value, lowercase hex: the same value has the same
            digest under one key, however it is written.
    """

    type: str
    kind: Kind
    line: int
    offset: int
    length: int
    digest: str


@dataclass(frozen=True, slots=True)
class _Span:
    """A rule's match in the whole text; ``rank`` says who names it where several match."""

    start: int
    end: int
    rank: int
    value: bytes


class Scanner:
    """Finds what ``rules`` describe in a text that is fed in pieces, wherever it is cut.

    Args:
        key: Of the digests; at least 16 bytes.
        rules: What to look for.
        block: Bytes to look at together; findings do not depend on it.
    """

    def __init__(self, key: bytes, rules: Sequence[Rule] = DEFAULT, *, block: int = BLOCK) -> None:
        if len(key) < 16:
            raise ValueError("a key of fewer than 16 bytes keeps nothing secret")
        self._key = key
        self._rules = rules
        self._triggers = _SHARED if rules is DEFAULT else Triggers(rules)
        self._block = block
        self._text = b""
        self._pending: list[bytes] = []
        self._pending_size = 0
        self._base = 0
        self._fresh = 0
        self._lines = 0
        self._counted = 0
        self._spans: list[_Span] = []

    def feed(self, piece: bytes) -> Iterator[ScanFinding]:
        """Yield what is certain after ``piece``, in order; the rest comes later."""
        self._pending.append(piece)
        self._pending_size += len(piece)
        if self._pending_size >= self._block:
            yield from self._look(last=False)

    def finish(self) -> Iterator[ScanFinding]:
        """Yield what was not certain before the end was known. Nothing may follow."""
        yield from self._look(last=True)

    @property
    def settled(self) -> int:
        """Bytes from the start whose findings have all been given."""
        return min([self._base + max(0, self._fresh - BEFORE), *(s.start for s in self._spans)])

    def _look(self, *, last: bool) -> Iterator[ScanFinding]:
        self._text += b"".join(self._pending)
        self._pending, self._pending_size = [], 0
        end = len(self._text) if last else max(self._fresh, len(self._text) - AFTER)
        for rank, rule, at in self._triggers.within(self._text, self._fresh, end):
            if span := rule.at(self._text, at):
                value = rule.canonical(self._text[slice(*span)])
                start, stop = self._base + span[0], self._base + span[1]
                self._spans.append(_Span(start, stop, rank, value))
        self._fresh = end
        yield from self._settle(last=last)
        drop = max(0, end - BEFORE)
        if self._spans:
            drop = min(drop, max(0, self._spans[0].start - self._base))
        self._count_to(self._base + drop)
        self._text = self._text[drop:]
        self._base += drop
        self._fresh -= drop

    def _settle(self, *, last: bool) -> Iterator[ScanFinding]:
        """Give the groups of overlapping spans that nothing found later can touch."""
        sure = self._base + (len(self._text) if last else max(0, self._fresh - BEFORE))
        kept: list[_Span] = []
        for group in _overlapping(self._spans):
            if last or max(span.end for span in group) < sure:
                yield self._finding(group)
            else:
                kept += group
        self._spans = kept

    def _finding(self, group: Sequence[_Span]) -> ScanFinding:
        named = min(group, key=lambda span: (span.rank, span.start))
        rule = self._rules[named.rank]
        offset = min(span.start for span in group)
        size = max(span.end for span in group) - offset
        self._count_to(offset)
        digest = hmac.new(self._key, rule.name.encode() + b"\0" + named.value, hashlib.sha256)
        return ScanFinding(rule.name, rule.kind, self._lines + 1, offset, size, digest.hexdigest())

    def _count_to(self, offset: int) -> None:
        """Count lines up to ``offset``; only ever forward."""
        if offset > self._counted:
            self._lines += self._text.count(b"\n", self._counted - self._base, offset - self._base)
            self._counted = offset


def _overlapping(spans: Iterable[_Span]) -> Iterator[list[_Span]]:
    group: list[_Span] = []
    reach = -1
    for span in sorted(set(spans), key=lambda span: (span.start, span.end, span.rank)):
        if group and span.start >= reach:
            yield group
            group = []
            reach = -1
        group.append(span)
        reach = max(reach, span.end)
    if group:
        yield group


_SHARED = Triggers(DEFAULT)


def scan(text: bytes, key: bytes) -> list[ScanFinding]:
    """Return every finding in ``text``."""
    scanner = Scanner(key)
    return [*scanner.feed(text), *scanner.finish()]

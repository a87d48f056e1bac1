"""Where a rule may apply: one quick look over a block for all rules together.

Most of a log cannot begin anything. What can is found without trying any pattern there: fixed
texts by ``bytes.find`` in a folded copy (digits are 0, letters small, so ``000-00-0000`` finds
what a number with hyphens looks like), key words by one alternation of literals.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from engine.privacy.rule import FOLD, Rule


class Triggers:
    """The triggers of ``rules``, put together once.

    Args:
        rules: In the order of their rank.
    """

    def __init__(self, rules: Sequence[Rule]) -> None:
        ranked = list(enumerate(rules))
        self._literals: dict[bytes, list[tuple[int, Rule]]] = {}
        for rank, rule in ranked:
            for literal in rule.literals:
                self._literals.setdefault(literal, []).append((rank, rule))
        # A run of digits, however long, is looked at once, at its start.
        self._runs = {
            literal: re.compile(literal + b"0*")
            for literal in self._literals
            if not literal.strip(b"0")
        }
        words = sorted({word for rule in rules for word in rule.words}, key=lambda w: (-len(w), w))
        # The longest word at a place is found; the shorter ones that it begins with count too.
        self._words = {
            word: [
                (rank, rule)
                for rank, rule in ranked
                if any(word.startswith(shorter) for shorter in rule.words)
            ]
            for word in words
        }
        self._longest_word = len(words[0]) if words else 0
        self._any_word = re.compile(b"|".join(map(re.escape, words)) if words else rb"(?!)")
        self._regexes = [(rank, rule, rule.regex) for rank, rule in ranked if rule.regex]

    def within(self, text: bytes, start: int, end: int) -> Iterator[tuple[int, Rule, int]]:
        """Yield rank, rule and place of every trigger from ``start`` to before ``end``."""
        folded = text.translate(FOLD)
        for literal, rules in self._literals.items():
            for at in self._places(folded, literal, start, end):
                for rank, rule in rules:
                    yield rank, rule, at
        stop = end + self._longest_word
        found = self._any_word.search(folded, start, stop)
        while found and found.start() < end:
            for rank, rule in self._words[found[0]]:
                yield rank, rule, found.start()
            found = self._any_word.search(folded, found.start() + 1, stop)
        for rank, rule, regex in self._regexes:
            for at in _starts(regex, text, start, end):
                yield rank, rule, at

    def _places(self, folded: bytes, literal: bytes, start: int, end: int) -> Iterator[int]:
        # What begins before the end is looked for, not in all that was read ahead.
        if literal in self._runs:
            yield from _starts(self._runs[literal], folded[: end + len(literal)], start, end)
            return
        stop = end + len(literal) - 1
        at = folded.find(literal, start, stop)
        while at >= 0:
            yield at
            at = folded.find(literal, at + 1, stop)


def _starts(regex: re.Pattern[bytes], text: bytes, start: int, end: int) -> Iterator[int]:
    for match in regex.finditer(text, start):
        if match.start() >= end:
            return
        yield match.start()

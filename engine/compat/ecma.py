r"""Regular expressions of ECMA-262, read into their parts. What is not read is a doubt.

They are read as with the flag ``u``, as JSON Schema recommends: by characters, with ``\p{…}``.
Beyond it, a backslash before punctuation is read as that sign, as without the flag: there
is one way to understand it. Captures and laziness change no language and are left out.

Source: ECMA-262 (2025), 22.2.1; JSON Schema 2020-12, core, 6.4.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal, NoReturn

from engine.compat import characters as sets
from engine.compat.characters import Characters
from engine.compat.doubt import Doubt

MAX_REPEATS = 1_000_000


@dataclass(frozen=True, slots=True)
class One:
    """One character out of a set."""

    allowed: Characters


@dataclass(frozen=True, slots=True)
class Chain:
    """Parts behind each other; empty matches the empty text."""

    parts: tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class Choice:
    """Any of several."""

    options: tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class Repeat:
    """A part so many times; ``most`` None has no end."""

    part: Part
    least: int
    most: int | None


@dataclass(frozen=True, slots=True)
class Edge:
    """A place that is looked for, without a character."""

    kind: Literal["start", "end", "word", "inside"]


@dataclass(frozen=True, slots=True)
class Look:
    """What must follow or precede, or must not."""

    part: Part
    is_ahead: bool
    is_negative: bool


Part = One | Chain | Choice | Repeat | Edge | Look


def parsed(pattern: str) -> Part:
    """Return the parts of a pattern.

    Raises:
        Doubt: It is none of ECMA-262, or has a construct that is not read; says which and where.
    """
    try:
        return _Reader(pattern).whole()
    except RecursionError:
        raise Doubt("", "pattern is nested too deeply") from None


_ESCAPED = {
    **{sign: sets.characters(text) for sign, text in zip("tnvfr", "\t\n\v\f\r", strict=True)},
    "d": sets.DIGIT, "D": sets.without(sets.DIGIT), "w": sets.WORD, "W": sets.without(sets.WORD),
    "s": sets.SPACE, "S": sets.without(sets.SPACE),
}  # fmt: skip
_SIGNS: dict[str, Part] = {"^": Edge("start"), "$": Edge("end"), ".": One(sets.DOT)}
_COUNT = re.compile(r"\{([0-9]{1,9})(?:(,)([0-9]{0,9}))?\}")
_GROUPS = {"(?=": (True, False), "(?!": (True, True), "(?<=": (False, False), "(?<!": (False, True)}


class _Reader:
    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0

    def whole(self) -> Part:
        part = self._choice()
        if self._at < len(self._text):
            self._refuse("')' without '('")
        return part

    def _refuse(self, what: str) -> NoReturn:
        shown = self._text if len(self._text) <= 60 else f"{self._text[:60]}…"
        raise Doubt("", f"pattern {shown!r} has at character {self._at + 1} {what}")

    def _next(self, text: str) -> bool:
        """Whether ``text`` comes next; then it is passed."""
        found = self._text.startswith(text, self._at)
        self._at += len(text) if found else 0
        return found

    def _choice(self) -> Part:
        options = [self._chain()]
        while self._next("|"):
            options.append(self._chain())
        return options[0] if len(options) == 1 else Choice(tuple(options))

    def _chain(self) -> Part:
        parts: list[Part] = []
        while self._at < len(self._text) and self._text[self._at] not in "|)":
            parts.append(self._repeated(self._atom()))
        return parts[0] if len(parts) == 1 else Chain(tuple(parts))

    def _repeated(self, part: Part) -> Part:
        bounds = self._bounds()
        if bounds is None:
            return part
        least, most = bounds
        if isinstance(part, Edge | Look):
            self._refuse("a quantifier with nothing to repeat")
        if most is not None and most < least:
            self._refuse("a quantifier whose numbers are out of order")
        if max(least, most or 0) > MAX_REPEATS:
            self._refuse(f"more than {MAX_REPEATS:,} repetitions")
        self._next("?")
        if self._at < len(self._text) and self._text[self._at] in "*+?":
            self._refuse("a quantifier behind a quantifier")
        return Repeat(part, least, most)

    def _bounds(self) -> tuple[int, int | None] | None:
        for sign, bounds in (("*", (0, None)), ("+", (1, None)), ("?", (0, 1))):
            if self._next(sign):
                return bounds
        if not (found := _COUNT.match(self._text, self._at)):
            return None
        self._at = found.end()
        least = int(found[1])
        return least, (None if not found[3] else int(found[3])) if found[2] else least

    def _atom(self) -> Part:
        for sign, part in _SIGNS.items():
            if self._next(sign):
                return part
        if self._text.startswith("(", self._at):
            return self._group()
        if self._next("["):
            return One(self._class())
        if self._next("\\"):
            return self._escape()
        sign = self._text[self._at]
        if sign in "*+?" or _COUNT.match(self._text, self._at):
            self._refuse("a quantifier with nothing to repeat")
        self._at += 1
        return One(sets.characters(sign))

    def _group(self) -> Part:
        for head, (is_ahead, is_negative) in _GROUPS.items():
            if self._next(head):
                return Look(self._closed(), is_ahead, is_negative)
        if self._next("(?:"):
            return self._closed()
        if named := re.compile(r"\(\?<[^\W\d][\w$]*>").match(self._text, self._at):
            self._at = named.end()
            return self._closed()
        if self._text.startswith("(?", self._at):
            self._refuse("a group that is not read")
        self._at += 1
        return self._closed()

    def _closed(self) -> Part:
        part = self._choice()
        if not self._next(")"):
            self._refuse("'(' without ')'")
        return part

    def _escape(self) -> Part:
        for sign, kind in (("b", "word"), ("B", "inside")):
            if self._next(sign):
                return Edge("word" if kind == "word" else "inside")
        if self._text[self._at : self._at + 1] in ("k", *"123456789"):
            self._refuse("a reference back, which is not decided")
        return One(self._escaped())

    def _escaped(self) -> Characters:
        r"""What is behind a backslash, also inside a class."""
        sign = self._text[self._at : self._at + 1]
        self._at += 1
        if sign in _ESCAPED:
            return _ESCAPED[sign]
        if sign in ("p", "P"):
            return self._property(sign)
        if sign == "0" and not self._text[self._at : self._at + 1].isdecimal():
            return sets.characters("\0")
        if found := re.compile(r"c([A-Za-z])").match(self._text, self._at - 1):
            self._at = found.end()
            return sets.characters(chr(ord(found[1]) % 32))
        if sign in ("x", "u"):
            return self._by_number()
        if not sign or sign.isalnum() or sign == "_":
            self._at -= 1
            self._refuse(f"'\\{sign}', which is no escape of ECMA-262")
        return sets.characters(sign)

    def _by_number(self) -> Characters:
        forms = r"x([0-9A-Fa-f]{2})|u([0-9A-Fa-f]{4})|u\{([0-9A-Fa-f]{1,8})\}"
        pair = r"u([Dd][89ABab][0-9A-Fa-f]{2})\\u([Dd][C-Fc-f][0-9A-Fa-f]{2})"
        start = self._at - 1
        if found := re.compile(pair).match(self._text, start):
            high, low = int(found[1], 16), int(found[2], 16)
            point = 0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00)
        elif found := re.compile(forms).match(self._text, start):
            point = int(next(filter(None, found.groups())), 16)
        else:
            self._refuse("an escape without its hexadecimal digits")
        if point > 0x10FFFF:
            self._refuse("a code point beyond the last")
        self._at = found.end()
        if 0xD800 <= point <= 0xDFFF:
            return ()
        return ((point, point),)

    def _property(self, sign: str) -> Characters:
        found = re.compile(r"\{([A-Za-z_0-9=]+)\}").match(self._text, self._at)
        if not found:
            self._refuse(f"\\{sign} without a property in braces")
        known = sets.of_property(found[1])
        if known is None:
            self._refuse(f"the property {found[1]!r}, which is not known here")
        self._at = found.end()
        return sets.without(known) if sign == "P" else known

    def _class(self) -> Characters:
        is_negative = self._next("^")
        parts: list[Characters] = []
        while not self._next("]"):
            if self._at >= len(self._text):
                self._refuse("'[' without ']'")
            low = self._member()
            dash = self._text.startswith("-", self._at)
            if dash and self._text[self._at + 1 : self._at + 2] not in ("]", ""):
                self._at += 1
                parts += self._range(low, self._member())
            else:
                parts.append(low)
        whole = sets.joined(parts)
        return sets.without(whole) if is_negative else whole

    def _range(self, low: Characters, high: Characters) -> list[Characters]:
        ends = [low, high]
        if any(len(end) != 1 or end[0][0] != end[0][1] for end in ends):
            return [low, sets.characters("-"), high]
        first, last = low[0][0], high[0][0]
        if first > last:
            self._refuse("a range that is out of order")
        halves = sets.without(((first, last),))
        return [sets.without(halves)]

    def _member(self) -> Characters:
        if self._next("\\b"):
            return sets.characters("\b")
        if self._next("\\"):
            if self._text[self._at : self._at + 1] in ("k", "B", *"123456789"):
                self._refuse("an escape that a class does not have")
            return self._escaped()
        self._at += 1
        return sets.characters(self._text[self._at - 1])


def conditions(part: Part) -> list[tuple[Part, bool]]:
    r"""Part ``^(?=a)(?!b)c`` into ``^a``, not ``^b``, and ``^c``: all must be as they say.

    Returns:
        Each with whether it must not be found.
    """
    parts = part.parts if isinstance(part, Chain) else (part,)
    if not parts or parts[0] != Edge("start"):
        return [(part, False)]
    found: list[tuple[Part, bool]] = []
    count = 1
    for look in parts[1:]:
        if not isinstance(look, Look) or not look.is_ahead:
            break
        ahead = look.part.parts if isinstance(look.part, Chain) else (look.part,)
        inner = Chain((Edge("start"), *ahead))
        more = conditions(inner)
        if look.is_negative and len(more) > 1:
            break
        found += [(piece, negative != look.is_negative) for piece, negative in more]
        count += 1
    return [*found, (Chain((parts[0], *parts[count:])), False)]

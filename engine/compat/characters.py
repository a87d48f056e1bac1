"""Sets of characters as ECMA-262 means them, each as sorted ranges of code points.

Halves of surrogate pairs are no characters: a JSON text that is read strictly has none. General
categories are those of the Unicode version that Python has; a script is not known to it.

Source: ECMA-262 (2025), 22.2; Unicode Standard Annex 44 for categories.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from functools import cache
from unicodedata import category

Characters = tuple[tuple[int, int], ...]
"""Ranges, first and last code point of each, sorted and apart."""

_LAST = sys.maxunicode
_HALVES = (0xD800, 0xDFFF)


def joined(parts: Iterable[Characters]) -> Characters:
    """Return what is in any of ``parts``."""
    found: list[tuple[int, int]] = []
    for low, high in sorted(piece for part in parts for piece in part):
        if found and low <= found[-1][1] + 1:
            found[-1] = (found[-1][0], max(found[-1][1], high))
        else:
            found.append((low, high))
    return tuple(found)


def without(part: Characters) -> Characters:
    """Return every character that is not in ``part``."""
    found: list[tuple[int, int]] = []
    start = 0
    for low, high in joined([part, (_HALVES,)]):
        if start < low:
            found.append((start, low - 1))
        start = high + 1
    return (*found, (start, _LAST)) if start <= _LAST else tuple(found)


def characters(text: str) -> Characters:
    """Return the characters of a text as a set."""
    return joined([((ord(char), ord(char)),) for char in text])


def contains(part: Characters, point: int) -> bool:
    """Whether a code point is in ``part``."""
    low, high = 0, len(part)
    while low < high:
        middle = (low + high) // 2
        if part[middle][1] < point:
            low = middle + 1
        else:
            high = middle
    return low < len(part) and part[low][0] <= point


ANY = without(())
DIGIT: Characters = ((0x30, 0x39),)
WORD: Characters = ((0x30, 0x39), (0x41, 0x5A), (0x5F, 0x5F), (0x61, 0x7A))
LINE_ENDS = characters("\n\r\u2028\u2029")
_SPACES = "\t\n\v\f\r \u00a0\u1680\u2028\u2029\u202f\u205f\u3000\ufeff"
SPACE = joined([characters(_SPACES), ((0x2000, 0x200A),)])
DOT = without(LINE_ENDS)

_CATEGORIES = {
    "Letter": "L", "Cased_Letter": "LC", "Uppercase_Letter": "Lu", "Lowercase_Letter": "Ll",
    "Titlecase_Letter": "Lt", "Modifier_Letter": "Lm", "Other_Letter": "Lo", "Mark": "M",
    "Combining_Mark": "M", "Nonspacing_Mark": "Mn", "Spacing_Mark": "Mc", "Enclosing_Mark": "Me",
    "Number": "N", "Decimal_Number": "Nd", "digit": "Nd", "Letter_Number": "Nl",
    "Other_Number": "No", "Punctuation": "P", "punct": "P", "Connector_Punctuation": "Pc",
    "Dash_Punctuation": "Pd", "Open_Punctuation": "Ps", "Close_Punctuation": "Pe",
    "Initial_Punctuation": "Pi", "Final_Punctuation": "Pf", "Other_Punctuation": "Po",
    "Symbol": "S", "Math_Symbol": "Sm", "Currency_Symbol": "Sc", "Modifier_Symbol": "Sk",
    "Other_Symbol": "So", "Separator": "Z", "Space_Separator": "Zs", "Line_Separator": "Zl",
    "Paragraph_Separator": "Zp", "Other": "C", "Control": "Cc", "cntrl": "Cc", "Format": "Cf",
    "Private_Use": "Co", "Unassigned": "Cn",
}  # fmt: skip
_MEMBERS = {"LC": ("Lu", "Ll", "Lt")}
_HEXADECIMAL: Characters = ((0x30, 0x39), (0x41, 0x46), (0x61, 0x66))
_FIXED = {
    "Any": ANY,
    "ASCII": ((0, 0x7F),),
    "ASCII_Hex_Digit": _HEXADECIMAL,
    "AHex": _HEXADECIMAL,
    "White_Space": joined([SPACE[:-1], ((0x85, 0x85),)]),
    "space": joined([SPACE[:-1], ((0x85, 0x85),)]),
}


def of_property(name: str) -> Characters | None:
    r"""Return the characters of ``\p{name}``; None where Python cannot tell.

    Args:
        name: What stands between the braces: a general category, alone or behind
            ``General_Category=`` or ``gc=``, or ``Any``, ``ASCII``, ``ASCII_Hex_Digit``,
            ``White_Space``.
    """
    key, equals, value = name.partition("=")
    if equals and key not in ("General_Category", "gc"):
        return None
    if not equals and name in _FIXED:
        return _FIXED[name]
    word = value if equals else name
    short = _CATEGORIES.get(word, word)
    if short not in _CATEGORIES.values() or short == "Cs":
        return None
    return joined(
        part
        for kind, part in _by_category().items()
        if kind in _MEMBERS.get(short, ()) or kind.startswith(short)
    )


@cache
def _by_category() -> dict[str, Characters]:
    """Every general category but that of surrogates."""
    found: dict[str, list[tuple[int, int]]] = {}
    start, kind = 0, category("\0")
    for point in range(1, _LAST + 2):
        here = category(chr(point)) if point <= _LAST else ""
        if here != kind:
            found.setdefault(kind, []).append((start, point - 1))
            start, kind = point, here
    del found["Cs"]
    return {name: tuple(ranges) for name, ranges in found.items()}


def classes(sets: Sequence[Characters]) -> list[tuple[int, int]]:
    """Part all characters into classes that ``sets`` tell apart.

    Returns:
        Of each class, one character, the plainest, and which sets it is in, as bits.
    """
    changes: dict[int, int] = {0: 0, _HALVES[0]: 0, _HALVES[1] + 1: 0}
    for index, part in enumerate(sets):
        for low, high in part:
            for point in (low, high + 1):
                changes[point] = changes.get(point, 0) ^ (1 << index)
    found: dict[int, int] = {}
    inside = 0
    points = sorted(changes)
    for start, end in zip(points, [*points[1:], _LAST + 1], strict=True):
        inside ^= changes[start]
        if start >= end or start == _HALVES[0]:
            continue
        plain = next((p for p in _PLAIN if start <= p < end), start)
        if inside not in found or _rank(plain) < _rank(found[inside]):
            found[inside] = plain
    return [(point, bits) for bits, point in found.items()]


_PLAIN = [ord(char) for char in "a0A- _.bcz19BZ@/"] + list(range(0x21, 0x7F))
_PLACES = {point: place for place, point in reversed(list(enumerate(_PLAIN)))}


def _rank(point: int) -> tuple[int, int]:
    return _PLACES.get(point, len(_PLAIN)), point

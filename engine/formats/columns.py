"""Text in the columns of a terminal: wide letters count twice, lines end between words.

A word that is wider than a line, such as a digest or a path, has a line of its own, whole. Only
letters of scripts that have no spaces (Chinese, Japanese) may stand on either side of a line's end.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator

from engine.formats.printable import OBEYED_AT_START

NARROW = 60
"""Columns below which facts stand under each other."""
NO_BREAK = "\u00a0"
"""A space at which no line ends; :func:`spaced` writes it as any other."""
_OBEYED = re.compile(OBEYED_AT_START)
"""What does not begin a line that layout makes: it stays behind the word before it."""


def columns_of(text: str) -> int:
    """Return the columns that ``text``, one line, takes. Source: UAX 11, wide and fullwidth."""
    if text.isascii():
        return len(text)
    return sum(map(_columns, text))


def _columns(letter: str) -> int:
    if unicodedata.category(letter) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(letter) in ("W", "F") else 1


def kept_together(text: str) -> str:
    """Return ``text`` such that no line ends in it."""
    return text.replace(" ", NO_BREAK)


def spaced(line: str) -> str:
    """Return a line that is laid out with the spaces that people type."""
    return line.replace(NO_BREAK, " ")


def padded(text: str, columns: int) -> str:
    """Return ``text`` with spaces behind it, ``columns`` wide if it is not wider."""
    return text + " " * (columns - columns_of(text))


def wrapped(text: str, width: int, first: str = "", rest: str | None = None) -> list[str]:
    """Return ``text`` in lines of at most ``width`` columns, but for words that are wider.

    Args:
        text: Words; how they are spaced is not kept.
        width: Columns.
        first: Stands before the first line.
        rest: Spaces before each other line, fewer where a word needs the room; None is as many as
            ``first`` is wide.
    """
    rest = " " * columns_of(first) if rest is None else rest
    lines: list[str] = []
    line, used, words = first, columns_of(first), 0
    for word, gap in _words(text, width - len(rest)):
        size, space = columns_of(word), gap if words else 0
        if used + space + size > width and not _OBEYED.match(word):
            if words or line.strip():
                lines.append(line.rstrip())
            line = " " * max(0, min(len(rest), width - size))
            used, words, space = len(line), 0, 0
        line += " " * space + word
        used, words = used + space + size, words + 1
    return [*lines, line.rstrip()]


def _words(text: str, room: int) -> Iterator[tuple[str, int]]:
    """Each word, and the spaces before it; one too wide in the pieces that it may be cut into."""
    for word in _split(re.sub("[ \t\r\n]+", " ", text).strip(" "), " "):
        if columns_of(word) <= room:
            yield word, 1
            continue
        if NO_BREAK in word:
            yield from ((part, 1) for part in _split(word, NO_BREAK))
            continue
        for number, piece in enumerate(_pieces(word)):
            yield piece, int(number == 0)


def _split(text: str, space: str) -> list[str]:
    """The words of ``text``; a command with the word before it, and the space between them."""
    return re.split(f"{space}(?!{OBEYED_AT_START})", text)


def _pieces(word: str) -> Iterable[str]:
    """The letters that are wide, each with the marks behind it, and what stands between them."""
    pieces: list[str] = []
    was_wide = True
    for place, letter in enumerate(word):
        columns = _columns(letter)
        is_one = columns == 0 or not (was_wide or columns == 2)
        if pieces and (is_one or _OBEYED.match(word, place)):
            pieces[-1] += letter
        else:
            pieces.append(letter)
        was_wide = columns == 2 or (was_wide and columns == 0)
    return pieces


def rows(pairs: Iterable[tuple[str, str]], width: int, *, label: int = 9) -> list[str]:
    """Return labelled texts: labels in a column, each text wrapped beside its own.

    Args:
        pairs: Label and text; an empty label continues the column.
        width: Columns of a line; where they are few, a text stands under its label.
        label: Columns of the labels.
    """
    lines: list[str] = []
    for name, text in pairs:
        head = f"  {padded(name, label)} "
        if width < NARROW and columns_of(head) + _widest(text) > width:
            lines += [*([f"  {name}"] if name else ()), *wrapped(text, width, "    ")]
        else:
            lines += wrapped(text, width, head)
    return lines


def _widest(text: str) -> int:
    return max(map(columns_of, text.split(" ")))

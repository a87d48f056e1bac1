"""People at terminals and in browsers, and programs that read a line at a time."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterable, Iterator
from html.parser import HTMLParser


def _is_unseen(character: str) -> bool:
    """Source: https://www.unicode.org/reports/tr44/, PropList.txt and DerivedCoreProperties.txt."""
    name = unicodedata.name(character, "")
    if character in "\t\n":
        return False
    return (
        (
            unicodedata.category(character) in ("Cc", "Cf", "Zl", "Zp")
            and character not in _PREPENDED
        )
        or name.startswith(
            ("VARIATION SELECTOR", "MONGOLIAN FREE VARIATION", "KHMER VOWEL INHERENT")
        )
        or name.endswith(("GRAPHEME JOINER", "BRAILLE PATTERN BLANK"))
        or ("HANGUL" in name and name.endswith("FILLER"))
    )


_PREPENDED = {
    *map(chr, (*range(0x600, 0x606), 0x6DD, 0x70F, 0x890, 0x891, 0x8E2, 0x110BD, 0x110CD))
}
"""Signs of format that are seen: they stand around a number (Prepended_Concatenation_Mark)."""
UNSEEN = re.compile(f"[{''.join(filter(_is_unseen, map(chr, range(0xF0000))))}]")
"""Controls, separators of lines, marks of format, fillers, selectors; not tab and line break."""
_VOID = {"meta", "br", "link", "img", "hr", "input", "rect", "path", "col", "wbr"}
_ALONE = {"html", "head", "body", "main", "title", "style"}


def is_seen(text: str) -> Iterator[str]:
    """A terminal obeys controls; marks of direction turn what follows (Trojan Source).

    Source: ECMA-48 section 5; https://www.unicode.org/reports/tr9/ section 2;
    https://trojansource.codes/trojan-source.pdf
    """
    for found in UNSEEN.finditer(text):
        if not _changes(text[found.start() - 1 : found.start()], found[0]):
            yield f"an unseen character {found[0]!r} at {found.start()}"
            return


def _changes(before: str, character: str) -> bool:
    """A joiner, or a selector of a sign's shape, behind what has no case; or behind an at sign,
    where GitHub would else call somebody. Source: https://www.unicode.org/reports/tr31/ section 2.3
    """
    if before == "@":
        return character == "\u200b"
    if before == "\ufe0f":
        return character == "\u200d"
    has_case = before.lower() != before.upper()
    return character in "\u200c\u200d\ufe0e\ufe0f" and not (before.isascii() or has_case)


def obeys_nothing(text: str) -> Iterator[str]:
    """A report that is printed into a job's log holds no command to the CI system.

    Sources: https://docs.github.com/actions/reference/workflows-and-actions/workflow-commands;
    https://learn.microsoft.com/azure/devops/pipelines/scripts/logging-commands
    """
    yield from (f"{line[:60]!r}" for line in text.split("\n") if line.lstrip().startswith("::"))
    yield from has_no_marked_command(text)


def has_no_marked_command(text: str) -> Iterator[str]:
    """What begins with two number signs is obeyed anywhere in a line.

    Sources: https://learn.microsoft.com/azure/devops/pipelines/scripts/logging-commands;
    https://www.jetbrains.com/help/teamcity/service-messages.html
    """
    if found := re.search(r"##[a-z]*\[", text, re.IGNORECASE):
        yield f"a command {found[0]!r}"


def is_json(text: str) -> Iterator[str]:
    """One JSON text without a byte order mark. Source: RFC 8259 sections 2 and 8.1."""
    if not text:
        return  # nothing was decided, and an object of it is not there
    if text.startswith("\ufeff"):
        yield "begins with a byte order mark"
    try:
        json.loads(text, parse_constant=_refuse)
    except ValueError as error:
        yield f"is no JSON: {error}"


def _refuse(word: str) -> object:
    raise ValueError(f"{word} is no number of JSON")


def is_json_per_line(text: str) -> Iterator[str]:
    """A JSON text in each line. Source: https://jsonlines.org/"""
    for line in text.split("\n"):
        if line:
            yield from is_json(line)


class _Elements(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.seen: list[str] = []
        self.complaints: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append(tag)
        self.complaints += [f"<{tag} {name}>" for name, _ in attrs if name.startswith("on")]
        if tag == "script":
            self.complaints.append("<script>")
        if tag not in _VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if self.open[-1:] == [tag]:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        if tag in _VOID:
            return
        if self.open[-1:] == [tag]:
            self.open.pop()
        else:
            self.complaints.append(f"</{tag}> closes {self.open[-1:]}")

    def handle_comment(self, data: str) -> None:
        self.complaints.append(f"a comment {data[:20]!r}")


def is_one_page(text: str) -> Iterator[str]:
    """Elements are closed in their order, and none runs anything.

    Source: https://html.spec.whatwg.org/multipage/syntax.html#optional-tags
    """
    elements = _Elements()
    elements.feed(text)
    elements.close()
    yield from elements.complaints
    if elements.open:
        yield f"is not closed: {elements.open}"
    yield from (
        f"{tag} is there {n} times" for tag in _ALONE if (n := elements.seen.count(tag)) > 1
    )


_TAG = re.compile(r"<(?!/?(?:details|summary)>|br>)[A-Za-z!?/][^>]*>?", re.ASCII)
_CODE = re.compile(r"(?<!\\)(`+)(?!`).*?(?<!`)\1(?!`)|^```.*?^```$", re.DOTALL | re.MULTILINE)


def is_tame(text: str) -> Iterator[str]:
    """No tag but our own, no link, image, mention or reference in what strangers wrote.

    Source: https://github.github.com/gfm/ sections 6.6, 6.7, 6.10 and 6.11
    """
    shown = _CODE.sub("", text)
    if found := _TAG.search(shown):
        yield f"a tag {found[0]!r}"
    if found := re.search(r"(?<!\\)\]\(|(?<!\\)!\[|https?://|(?<![\w@])@\w", shown):
        yield f"a link or mention {found[0]!r}"


LOG = (is_seen, has_no_marked_command)
TERMINAL = (is_seen, obeys_nothing)
JSON = (*TERMINAL, is_json)
LINES = (*TERMINAL, is_json_per_line)
MARKDOWN = (*TERMINAL, is_tame)
HTML = (*TERMINAL, is_one_page)


def counted(values: Iterable[object], most: int, what: str) -> Iterator[str]:
    """Complain where there are more than ``most`` of ``values``."""
    if (count := len(list(values))) > most:
        yield f"{count:,} {what}; {most:,} are read"

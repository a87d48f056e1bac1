"""What stands before a value: its key, or the words that name it.

Weak patterns (a bare run of digits) count only behind a label that says what they are; stronger
ones do not count behind a key that says that they are something else.
"""

from __future__ import annotations

import re

from engine.privacy.rule import AFTER_ESCAPE, Match

_KEY = re.compile(
    rb"([A-Za-z][\w.\-]{0,60})[\\\"'\]]{0,4}[ \t]?(?:=>|[:=>])[ \t]?[\\\"'(\[]{0,4}\Z"
)
_BARE_KEY = re.compile(rb"([A-Za-z][\w.]{0,60})[ (]\Z")
_PART_NUMBER = re.compile(rb"(?i)(?<![a-z])[ps]/n[ .:#]{0,3}\Z")
_TOKENS = re.compile(rb"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|[0-9]+|[\x80-\xff]+")

_OTHERS = frozenset(
    b"trace span request correlation session transaction message event build commit hash sha "
    b"sha1 sha256 md5 digest checksum crc etag uuid guid id ids ts time timestamp epoch date at ms "
    b"us ns nanos micros millis duration elapsed latency took size bytes length count offset seq "
    b"sequence nonce version rev revision port pid tid thread block height serial order invoice "
    b"tracking index row rowid counter total batch partition lsn txid snowflake part parts pn sku "
    b"seed rng model item catalog catalogue isbn issn ean upc asin article".split()
)
"""Words that say that a number is something that has nothing to do with a person."""

_LINKS = frozenset(
    b"number numbers no nr num numero n is of for the a an to customer user client person holder "
    b"home work main primary secondary private business contact office emergency mobile cell "
    b"phone card account credit debit payment do da de del du des cliente titular usuario "
    b"celular fixo fijo movil residencial comercial recado value raw text new old was my your "
    b"his her their security social national insurance patient employee tax payer field "
    b"input s cpf cnpj ssn 1 2 3".split()
)
"""Words that may stand between a label and its value."""


def tokens(words: bytes) -> list[bytes]:
    """Return the words of a key or a phrase in lower case: ``customerPhone_nr`` has three."""
    return [token.lower() for token in _TOKENS.findall(words)]


def key_before(match: Match) -> bytes:
    """Return the key that the match is the value of; empty where it has none."""
    text, start = match.string, match.start()
    found = _KEY.search(text, max(0, start - 72), start)
    return found[1] if found else b""


def is_other(match: Match) -> bool:
    """Whether the key, or the word before the match, says that it is an id, a time, a size."""
    if _PART_NUMBER.search(match.string, max(0, match.start() - 8), match.start()):
        return True
    key = key_before(match)
    if not key:
        found = _BARE_KEY.search(match.string, max(0, match.start() - 64), match.start())
        key = found[1] if found else b""
    return any(token in _OTHERS for token in tokens(key))


def stands_alone(match: Match) -> bool:
    """Whether no longer id goes on, by hyphen, dot or colon, before or behind the value."""
    text, (start, end) = match.string, match.span()
    before, after = text[max(0, start - 2) : start], text[end : end + 2]
    return not (
        (len(before) == 2 and before[1:] in (b"-", b".", b"_", b"/") and _is_word(before[:1]))
        or (len(after) == 2 and after[:1] in (b"-", b".", b"_", b"/") and _is_word(after[1:]))
    )


def _is_word(character: bytes) -> bool:
    return character.isalnum() and character < b"\x80"


_CLOSE = rb"(?:\\u0022|%2[27]|&quot;|&#3[49];|[\\\"'`*\])>]){0,4}"
_OPEN = rb"(?:\\u0022|%2[27]|&quot;|&#3[49];|[\\\"'`*(\[<]){0,4}"
_NEXT_LINE = rb"(?:\r?\n|\\r\\n|\\n)[ \t]{0,24}"
_IS = rb"=>|->|:=|[:=#>|]|%3[aAdD]|\\u003[aAdD]|is\b"
_ATTRIBUTE = rb"\s(?:value|content)=|\s[\w:.-]{1,24}=[\"'][^\"'<>\r\n]{0,48}[\"']\s?/?>"

ASSIGN = (
    _CLOSE + rb"[ \t]{0,2}(?:" + _IS + rb"|" + _ATTRIBUTE + rb")?"
    rb"[ \t]{0,8}(?:" + _NEXT_LINE + rb")?" + _OPEN
)
"""What may stand between a key and its value: as text, in JSON, a URL, XML, on the next line."""

GLUE = rb"(?P<tail>[\w ./\-\x80-\xff]{0,32}?)" + ASSIGN
"""What may stand between a key word and its value; the words in it are in the group ``tail``."""


def follows_label(match: Match) -> bool:
    """Whether the key word that a match with :data:`GLUE` begins with really names its value."""
    text, start = match.string, match.start()
    if is_inside_word(text, start):
        before = _WORD_BEFORE.search(text, max(0, start - 24), start)
        if before is None or before[0].lower() not in _LINKS:
            return False
    return all(token in _LINKS or token >= b"\x80" for token in tokens(match["tail"]))


def is_inside_word(text: bytes, start: int) -> bool:
    """Whether a small letter at ``start`` goes on from a letter before it that is no escape's."""
    return (
        text[start : start + 1].islower()
        and text[start - 1 : start].isalpha()
        and AFTER_ESCAPE.match(text, start) is None
    )


_WORD_BEFORE = re.compile(rb"[A-Z]?[a-z]+\Z")

"""Reading a long signed document quickly, where that cannot differ from reading it strictly.

``orjson`` reads differently from :func:`engine.formats.signed_json.read_json` in a few things: of
a duplicate key it keeps the last, and it takes integers up to 2^64 and any depth. So its answer
counts only for a text that it would write again byte for byte, with integers beyond 2^53 refused,
and whose brackets alone show that it is less deep than the strict reader's limit.
"""

from __future__ import annotations

from functools import lru_cache

from orjson import OPT_STRICT_INTEGER, dumps, loads

from engine.formats.strict_json import MAX_DEPTH
from engine.model import Json

_NEITHER_QUOTES_NOR_BRACKETS = bytes(set(range(256)) - set(b'"[]{}'))


def quick_json(data: bytes) -> Json | None:
    """Return what ``read_json`` would return for ``data``; None says nothing."""
    try:
        value = loads(data)
        is_strict = dumps(value, None, OPT_STRICT_INTEGER) == data and _is_shallow(data)
    except (ValueError, TypeError):  # what is wrong is for the strict reader to say
        return None
    return value if is_strict else None


def _is_shallow(data: bytes) -> bool:
    r"""Whether JSON text certainly nests at most 32 levels.

    Without a backslash a quote begins a string or ends it, in turn. Pairs of neighbours are taken
    away from the left: the quote in front of the first bracket that is in a string stays then,
    because an even number is before it. So where none stays, all brackets are the structure's.
    """
    if b"\\" in data:
        return False
    return _nests_little(data.translate(None, _NEITHER_QUOTES_NOR_BRACKETS))


@lru_cache(maxsize=64)
def _nests_little(left: bytes) -> bool:
    """The same of quotes and brackets alone; most entries of a ledger have the same ones."""
    left = left.replace(b'""', b"")
    if b'"' in left:
        return False
    for _ in range(MAX_DEPTH):
        if not left:
            return True
        left = left.replace(b"{}", b"").replace(b"[]", b"")
    return not left

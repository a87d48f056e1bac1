"""Reading a long signed document quickly, where that cannot differ from reading it strictly.

``orjson`` reads differently from :func:`engine.formats.signed_json.read_json` in a few things: of
a duplicate key it keeps the last, and it takes integers up to 2^64 and any depth. So its answer
counts only for a text that it would write again byte for byte, with integers beyond 2^53 refused,
and that is less deep than the strict reader's limit.
"""

from __future__ import annotations

from orjson import OPT_INDENT_2, OPT_STRICT_INTEGER, dumps, loads

from engine.formats.strict_json import MAX_DEPTH
from engine.model import Json

_DEEP = b"\n" + b"  " * MAX_DEPTH


def quick_json(data: bytes) -> Json | None:
    """Return what ``read_json`` would return for ``data``; None says nothing."""
    try:
        value = loads(data)
        is_strict = dumps(value, None, OPT_STRICT_INTEGER) == data
        return value if is_strict and _DEEP not in dumps(value, None, OPT_INDENT_2) else None
    except (ValueError, TypeError):  # what is wrong is for the strict reader to say
        return None

"""Reading a long signed document quickly, where that cannot differ from reading it strictly.

``orjson`` (optional: the extra ``fast``) reads differently from :func:`engine.wire.read_json` in
a few things: of a key twice it keeps the last, it takes integers up to 2^64 and any depth. So
its answer counts only for a text that it would write again byte for byte, and that has neither.
"""

from __future__ import annotations

from typing import Any

from engine.model import Json
from engine.wire import MAX_DEPTH, MAX_INTEGER

_dumps: Any = None
_loads: Any = None
_indent = 0


def _load() -> None:
    global _dumps, _loads, _indent  # noqa: PLW0603  (found out once per process)
    try:
        import orjson
    except ImportError:
        _loads = False
    else:
        _dumps, _loads, _indent = orjson.dumps, orjson.loads, orjson.OPT_INDENT_2


_DIGITS_AS_ZERO = bytes(0x30 if 0x30 <= byte <= 0x39 else byte for byte in range(256))
_LONG = b"0" * 16
_DEEP = b"\n" + b"  " * MAX_DEPTH


def quick_json(data: bytes) -> Json | None:
    """Return what ``read_json`` would return for ``data``; None says nothing."""
    if _loads is None:
        _load()
    if not _loads:
        return None
    try:
        value = _loads(data)
        if _dumps(value) != data or _DEEP in _dumps(value, option=_indent):
            return None
    except (ValueError, TypeError):  # what is wrong is for the strict reader to say
        return None
    if _LONG in data.translate(_DIGITS_AS_ZERO) and not _small(value):
        return None
    return value


def _small(value: Json) -> bool:
    rest = [value]
    while rest:
        item = rest.pop()
        if isinstance(item, dict):
            rest.extend(item.values())
        elif isinstance(item, list):
            rest.extend(item)
        elif isinstance(item, int) and abs(item) > MAX_INTEGER:
            return False
    return True

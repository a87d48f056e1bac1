"""Whether a text holds a private key: names of files, settings and flags are shown, and recorded.

A key is known by the frame that every private key has, PEM or PKCS #8, whatever it is written in:
itself, base64 of either alphabet, with or without padding, hexadecimal, one within the other, on
one line or with blanks in it. The 32 bytes of a key without their frame are like any digest.

Sources: RFC 7468 section 10, RFC 5958 section 2, RFC 4648 sections 4, 5 and 8.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Iterator

from engine.errors import ConfigError

_SHORTEST = 20
"""Digits of base64 or hexadecimal that a frame takes at least."""
_LAYERS = 2
"""How often a key is written in another form, as in base64 of its PEM."""
_PEM = re.compile(rb"-----BEGIN(?! (?:PUBLIC KEY|CERTIFICATE)-)")
_DER = re.compile(rb"\x02\x01[\x00\x01]0[\x03-\x20]\x06[\x03-\x10]")
"""Of PKCS #8: the version, and the AlgorithmIdentifier's object identifier."""
_BLANKS = b" \t\r\n:,"
_HEX = re.compile(rb"[0-9A-Fa-f]+")
_BASE64 = re.compile(rb"[A-Za-z0-9+/]+")
_ONE_ALPHABET = bytes.maketrans(b"-_", b"+/")


def holds_private_key(text: str) -> bool:
    """Whether ``text`` holds a private key, in any of the forms that keys are kept in."""
    if len(text) < _SHORTEST and "-----BEGIN" not in text:
        return False
    return _holds(text.encode(errors="replace"), _LAYERS)


def require_no_private_key(place: str, text: str) -> None:
    """Refuse a private key in a text that is shown, recorded or the name of a file.

    Args:
        place: Where the text was given, which is all that the error says.
        text: What was given there.

    Raises:
        ConfigError: There is one in it. Source: INV-DOOR-7.
    """
    if holds_private_key(text):
        raise ConfigError(
            f"{place}: holds a private key, and not the path of one",
            "give the key itself in ENGINE_KEY, and nowhere else",
        )


def line_of_private_key(text: str) -> int:
    """Return the first line of ``text`` that holds a private key; 0 where it holds none.

    1 where only several lines together are one.
    """
    if not holds_private_key(text):
        return 0
    lines = enumerate(text.splitlines(), 1)
    return next((number for number, line in lines if holds_private_key(line)), 1)


def _holds(data: bytes, layers: int) -> bool:
    if _PEM.search(data) or _DER.search(data):
        return True
    return layers > 0 and any(
        _holds(inner, layers - 1 if inner.isascii() else 0) for inner in _decoded(data)
    )


def _decoded(data: bytes) -> Iterator[bytes]:
    """Yield what ``data`` may be another form of; what precedes a key may be any characters."""
    joined = data.translate(_ONE_ALPHABET, _BLANKS).replace(rb"\n", b"").replace(rb"\r", b"")
    for digits, group, decode in _FORMS:
        for run in digits.findall(joined):
            if len(run) >= _SHORTEST:
                for start in range(group):
                    yield decode(run[start : start + (len(run) - start) // group * group])


_FORMS = ((_HEX, 2, binascii.a2b_hex), (_BASE64, 4, binascii.a2b_base64))
"""Digits, how many are read together, and what reads them."""

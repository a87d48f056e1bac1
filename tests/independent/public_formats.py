"""Public formats that the second verifier needs and the standard library lacks.

Strict JSON and its canonical form, times, base64, as much of JSON Schema as ``schemas/`` uses,
Ed25519 by the rule of ``spec/predicate-v1.md`` section 2.2, trees. Another reader takes libraries.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

SCHEMAS = Path(__file__).parents[2] / "schemas"
FIELD = 2**255 - 19
ORDER_8 = 0x05FC536D880238B13933C6D305ACDFD5F098EFF289F4C345B027B2C28F95E826
SMALL = {0, 1, FIELD - 1, ORDER_8, FIELD - ORDER_8}
TYPES = {
    "object": lambda value: isinstance(value, dict),
    "array": lambda value: isinstance(value, list),
    "string": lambda value: isinstance(value, str),
    "boolean": lambda value: isinstance(value, bool),
    "null": lambda value: value is None,
    "integer": lambda value: isinstance(value, int) and not isinstance(value, bool),
}


class NotGenuine(ValueError):  # noqa: N818
    """The bundle shows nothing."""


def must(holds: Any, why: str) -> None:
    if not holds:
        raise NotGenuine(why)


def read_json(data: bytes, most: int = 2**26) -> Any:
    """Section 1."""

    def members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        must(len(dict(pairs)) == len(pairs), "a key twice")
        return dict(pairs)

    def whole(text: str) -> int:
        must(len(text) < 18 and abs(int(text)) < 2**53, "an integer of 2^53 or more")
        return int(text)

    def real(text: str) -> float:
        must(abs(float(text)) != float("inf"), "a number beyond a double")
        return float(text)

    def walk(value: Any, level: int) -> None:
        if isinstance(value, str):
            value.encode()  # half a surrogate pair is no UTF-8
        elif isinstance(value, dict | list):
            must(level < 32, "more than 32 levels")
            for part in [*value, *value.values()] if isinstance(value, dict) else value:
                walk(part, level + 1)

    must(len(data) <= most and sum(map(data.count, b",[{")) <= 2**21, "too long")
    hooks: dict[str, Any] = {"object_pairs_hook": members, "parse_int": whole, "parse_float": real}
    no = lambda text: must(False, f"{text} is no number")  # noqa: E731
    value = json.loads(data.decode(), parse_constant=no, **hooks)
    walk(value, 0)
    return value


def jcs(value: Any) -> bytes:
    """RFC 8785."""
    if isinstance(value, dict):
        plain = all(map(str.isascii, value))
        keys = sorted(value, key=None if plain else lambda key: str(key).encode("utf-16-be"))
        return b"{" + b",".join(jcs(key) + b":" + jcs(value[key]) for key in keys) + b"}"
    if isinstance(value, list):
        return b"[" + b",".join(map(jcs, value)) + b"]"
    if not isinstance(value, float):
        return json.dumps(value, ensure_ascii=False).encode()
    sign, digits, exponent = Decimal(repr(value)).as_tuple()
    text = "".join(map(str, digits)).rstrip("0")
    point = len(digits) + int(exponent)
    if not text:
        return b"0"
    if 0 < point <= 21:
        text = text.ljust(point, "0")[:point] + ("." + text[point:] if text[point:] else "")
    elif -6 < point <= 0:
        text = "0." + "0" * -point + text
    else:
        text = text[0] + ("." + text[1:] if text[1:] else "") + f"e{point - 1:+d}"
    return ("-" * sign + text).encode()


def same(left: Any, right: Any) -> bool:
    """Whether two JSON values are equal: numbers by value, and true is not 1."""
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(same(left[key], right[key]) for key in left)
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(same, left, right))
    return isinstance(left, bool) == isinstance(right, bool) and bool(left == right)


def is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def instant(text: Any) -> int:
    """Microseconds since the year 1 of an RFC 3339 time with a zone; further digits are dropped."""
    pattern = r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(?:Z|([+-])(\d\d):(\d\d))"
    found = re.fullmatch(pattern, text, re.ASCII) if isinstance(text, str) else None
    if found is None:
        raise NotGenuine("not a time")
    clock, fraction, sign, hours, minutes = found.groups()
    must(int(hours or 0) < 24 and int(minutes or 0) < 60, "no such zone")
    past = datetime.fromisoformat(clock) - datetime.min
    offset_s = (int(hours or 0) * 3600 + int(minutes or 0) * 60) * (-1 if sign == "-" else 1)
    seconds = past.days * 86_400 + past.seconds - offset_s
    must(0 <= seconds < 3_652_059 * 86_400, "not in the years 1 to 9999")
    return seconds * 10**6 + int((fraction or "").ljust(6, "0")[:6])


def seconds_between(early: Any, late: Any) -> int:
    """Whole seconds, rounded down; the other way round and negated, rounded up."""
    return (instant(late) - instant(early)) // 10**6


def un64(text: Any, *, url_safe: bool = False) -> bytes:
    """RFC 4648 section 4, one text per byte string."""
    must(isinstance(text, str), "base64 is text")
    if url_safe and not set(text) & set("+/"):
        text = text.replace("-", "+").replace("_", "/")
    data = base64.b64decode(text, validate=True)
    must(base64.b64encode(data).decode() == text, "another base64 of the same bytes")
    return data


def sha256(*parts: bytes) -> bytes:
    return hashlib.sha256(b"".join(parts)).digest()


@lru_cache
def schema_of(name: str) -> Any:
    schema = json.loads((SCHEMAS / f"{name}.schema.json").read_bytes())
    if "predicate" in schema["$defs"]:  # lists those that are written; a reader takes any name
        relaxation = schema["$defs"]["predicate"]["properties"]["relaxations"]["items"]
        relaxation["properties"]["name"] = {"type": "string", "minLength": 1}
    return schema


def conforms(value: Any, name: str) -> None:
    """JSON Schema."""
    schema = schema_of(name)
    must(fits(value, schema, schema), f"not what schemas/{name}.schema.json describes")


def fits(value: Any, rule: Any, schema: Any) -> bool:  # noqa: PLR0911
    if rule is True or rule is False or "$ref" in rule:
        return rule is True or (
            rule is not False
            and fits(value, schema["$defs"][rule["$ref"].removeprefix("#/$defs/")], schema)
        )
    kinds = [rule["type"]] if isinstance(rule.get("type"), str) else rule.get("type", [])
    if kinds and not any(TYPES[kind](value) for kind in kinds):
        return False
    choices = [rule["const"]] if "const" in rule else rule.get("enum")  # texts alone
    if choices and not (isinstance(value, str) and value in choices):
        return False
    if "oneOf" in rule and sum(fits(value, choice, schema) for choice in rule["oneOf"]) != 1:
        return False
    if isinstance(value, str):
        if rule.get("format") == "date-time":
            instant(value)
        pattern = re.sub(r"\$$", r"\\Z", rule.get("pattern", ""))
        short = rule.get("minLength", 0) <= len(value) <= rule.get("maxLength", len(value))
        return short and bool(re.search(pattern, value))
    if is_number(value):
        return bool(rule.get("minimum", value) <= value <= rule.get("maximum", value))
    if isinstance(value, list):
        enough = rule.get("minItems", 0) <= len(value) <= rule.get("maxItems", len(value))
        return enough and all(fits(part, rule.get("items", True), schema) for part in value)
    if isinstance(value, dict):
        known, rest = rule.get("properties", {}), rule.get("additionalProperties", True)
        lacking = set(rule.get("required", ())) - set(value)
        return not lacking and all(fits(v, known.get(k, rest), schema) for k, v in value.items())
    return True


def made_by(key: bytes, signature: bytes, message: bytes) -> bool:
    """Section 2.2, Ed25519's rule; OpenSSL does the last two lines of it."""
    for point in (key, signature[:32]):
        y = int.from_bytes(point, "little") % 2**255
        if len(point) != 32 or y >= FIELD or y in SMALL:
            return False
    try:
        Ed25519PublicKey.from_public_bytes(key).verify(signature, message)
    except InvalidSignature:
        return False
    return True


def node(left: bytes, right: bytes) -> bytes:
    return sha256(b"\x01", left, right)


def root_from(leaf: bytes, index: int, size: int, path: Iterable[bytes]) -> bytes:
    """RFC 9162, section 2.1.3.2."""
    here, last = leaf, size - 1
    for sibling in path:
        must(last > 0, "the path is too long")
        if index % 2 or index == last:
            here = node(sibling, here)
            while index and not index % 2:
                index, last = index // 2, last // 2
        else:
            here = node(here, sibling)
        index, last = index // 2, last // 2
    must(last == 0, "the path is too short")
    return here


def root_of(leaves: Sequence[bytes]) -> bytes:
    """RFC 9162, section 2.1.1: an odd one at the end of a level goes up as it is."""
    while len(leaves) > 1:
        pairs = [leaves[i : i + 2] for i in range(0, len(leaves), 2)]
        leaves = [node(*pair) if len(pair) == 2 else pair[0] for pair in pairs]
    return leaves[0]


def chained(start: bytes, leaves: Iterable[bytes]) -> bytes:
    """Section 10.2."""
    for leaf in leaves:
        start = sha256(start, leaf)
    return start


SPKI = bytes.fromhex("302a300506032b6570032100")


def public_key_in(pem: str) -> bytes:
    """The raw Ed25519 key in a PEM text."""
    der = un64(pem.split("\n")[1])
    must(der[:12] == SPKI and len(der) == 44, "not an Ed25519 key")
    return der[12:]


def statement_of(
    entry: bytes, keys: Sequence[bytes], most: int = 65_535
) -> tuple[dict[str, Any], set[bytes]]:
    """The statement in an envelope, and those of the keys that signed it."""
    envelope = read_json(entry, most)
    must(envelope.keys() == {"payload", "payloadType", "signatures"}, "not an envelope's members")
    kind, signatures = envelope["payloadType"], envelope["signatures"]
    must(kind == "application/vnd.in-toto+json", "not an in-toto statement")
    must(isinstance(signatures, list) and 1 <= len(signatures) <= 16, "1 to 16 signatures")
    payload = un64(envelope["payload"], url_safe=True)
    message = b"DSSEv1 %d %s %d %s" % (len(kind), kind.encode(), len(payload), payload)
    signers = set()
    for row in signatures:
        must({"sig"} <= row.keys() <= {"sig", "keyid"}, "not a signature's members")
        must(isinstance(row.get("keyid", ""), str), "keyid is text")
        signature = un64(row["sig"], url_safe=True)
        signers |= {key for key in keys if made_by(key, signature, message)}
    statement = read_json(payload)
    must(statement.keys() == {"_type", "subject", "predicateType", "predicate"}, "no statement")
    return statement, signers

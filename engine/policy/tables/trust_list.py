"""The trust list of a policy: whose attestations count, read strictly from its source."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from engine.errors import ConfigError, KeyFileError, suggest
from engine.formats.times import parse_time
from engine.model import Json
from engine.policy.sources import TRUST, Sources, is_key
from engine.policy.tables.nodes import Node
from engine.proof.attestation_rules import ATTESTOR
from engine.proof.keys import key_id, load_public_pem

_ROW = ("name", "key_id", "public_key", "public_key_file", "roles", "not_before", "not_after")
_NAMINGS = ("key_id", "public_key", "public_key_file")
_ROLES = (ATTESTOR,)


def trust_list(root: Node, sources: Sources) -> Json:
    """Return ``{"keys": [{"key_id", "roles", "name"?, "not_before"?, "not_after"?}]}``.

    Args:
        root: ``trust/data.yaml``.
        sources: The policy's files; keys lie in ``trust/*.pub.pem``.

    Raises:
        ConfigError: A row is not whole, names no key or several, or one that another row has;
            a key file is none.
    """
    ids = {
        path.removeprefix(f"{TRUST}/"): _key_in(source.content, source.shown)
        for path, source in sources.items()
        if is_key(path)
    }
    keys: dict[str, Json] = {}
    for row in root.keys(("keys",), ("keys",))["keys"].items():
        members = row.keys(_ROW, ("roles",))
        key, named_by = _key_of(row, members, ids)
        if key in keys:
            raise named_by.wrong(f"key {key} has a row already", "one row per key, with all roles")
        keys[key] = _row(key, members)
    return {"keys": list(keys.values())}


def _key_of(row: Node, members: Mapping[str, Node], ids: Mapping[str, str]) -> tuple[str, Node]:
    """The row's key by its id, and what names it."""
    namings = [name for name in _NAMINGS if name in members]
    if len(namings) != 1:
        raise row.wrong(
            f"a key is named by exactly one of {', '.join(_NAMINGS)}", "give one of them"
        )
    node = members[namings[0]]
    if namings == ["key_id"]:
        return node.text(
            r"[0-9a-f]{64}", "64 lowercase hex digits, as `engine keys list` says"
        ), node
    if namings == ["public_key"]:
        try:
            return key_id(load_public_pem(node.text().encode())), node
        except (KeyFileError, UnicodeEncodeError) as error:
            raise node.wrong(str(error).partition("\n")[0], "paste the .pub.pem file") from None
    name = node.text()
    if name not in ids:
        hint = suggest(name, ids) or f"put the key beside this file, as {TRUST}/NAME.pub.pem"
        raise node.wrong(f"no key file {name!r} beside this file", hint)
    return ids[name], node


def _key_in(content: bytes, shown: str) -> str:
    try:
        return key_id(load_public_pem(content))
    except KeyFileError as error:
        raise ConfigError(f"{shown}: {error.message}", error.hint) from None


def _row(key: str, members: Mapping[str, Node]) -> Json:
    roles = [role.one_of(_ROLES) for role in members["roles"].items()]
    if not roles or len(set(roles)) != len(roles):
        raise members["roles"].wrong("a key has at least one role, each once")
    row: dict[str, Json] = {"key_id": key, "roles": sorted(roles)}
    if "name" in members:
        row["name"] = members["name"].text()
    times = {name: _time(members[name]) for name in ("not_before", "not_after") if name in members}
    if len(times) == 2 and times["not_after"] <= times["not_before"]:
        raise members["not_after"].wrong("the key's time is over before it begins")
    return row | {name: members[name].value for name in times}


def _time(node: Node) -> datetime:
    try:
        return parse_time(node.text())
    except ValueError as error:
        raise node.wrong(str(error), "quote it: YAML has no times here") from None

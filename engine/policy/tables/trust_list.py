"""Trust lists, read strictly: a policy's says whose attestations and whose evidence count, a
caller's whose approvals.

No policy says who approves it, so the role of an approver is unknown in a policy's own list.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from pathlib import Path

from engine.errors import ConfigError, KeyFileError, suggest
from engine.formats.times import parse_time
from engine.model import Json
from engine.policy.sources import TRUST, Sources, is_key, read_source
from engine.policy.tables.nodes import Node, read
from engine.proof.attestation_rules import ATTESTOR
from engine.proof.keys import key_id, load_public_pem
from engine.proof.trust import NO_PRODUCERS
from engine.proof.trusted_keys import POLICY
from engine.proof.verdict_rules import PRODUCER

_ROW = (
    *("name", "key_id", "public_key", "public_key_file", "roles", "metrics"),
    *("not_before", "not_after"),
)
_NAMINGS = ("key_id", "public_key", "public_key_file")
_KEY_FILE = ".pub.pem"


def trust_list(
    root: Node, sources: Sources, roles: Collection[str] = (), metrics: Collection[str] = ()
) -> Json:
    """Return ``{"keys": [{"key_id", "roles", "name"?, "metrics"?, "not_before"?, "not_after"?}]}``.

    Args:
        root: ``trust/data.yaml``.
        sources: The policy's files; keys lie in ``trust/*.pub.pem``.
        roles: Those of producers that some profile asks for, besides :data:`PRODUCER`.
        metrics: Ids of the catalogue's metrics.

    Raises:
        ConfigError: A row is not whole, names no key or several, or one that another row has;
            a key file is none.
    """
    ids = {
        path.removeprefix(f"{TRUST}/"): _key_in(source.content, source.shown)
        for path, source in sources.items()
        if is_key(path)
    }
    known = (ATTESTOR, PRODUCER, *sorted({*roles} - {PRODUCER}))
    return _list(root, ids, known, f"{TRUST}/NAME{_KEY_FILE}", metrics)


def approvers_in(file: Path) -> tuple[Json, list[Path]]:
    """Return the trust list in a file of its own, as :func:`trust_list` does, and its key files.

    These lie beside it.

    Raises:
        ConfigError: As :func:`trust_list`; or it cannot be read, or trusts nobody to approve.
    """
    source = read_source(file)
    root = read(source.shown, source.content)
    files = _key_files(file, root)
    ids = {path.name: _key_in(read_source(path).content, str(path)) for path in files}
    trust = _list(root, ids, (ATTESTOR, POLICY), f"NAME{_KEY_FILE}")
    if not any(POLICY in row["roles"] for row in trust["keys"]):
        raise ConfigError(
            f"{file}: no key has the role {POLICY!r}", f"give one `roles: [{POLICY}]`"
        )
    return trust, files


def _key_files(file: Path, root: Node) -> list[Path]:
    rows = root.value.get("keys") if isinstance(root.value, dict) else None
    names = {row.get("public_key_file") for row in rows or () if isinstance(row, dict)}
    return [
        file.parent / name
        for name in sorted(name for name in names if isinstance(name, str))
        if name.endswith(_KEY_FILE) and "/" not in name and (file.parent / name).is_file()
    ]


def _list(
    root: Node,
    ids: Mapping[str, str],
    roles: tuple[str, ...],
    place: str,
    metrics: Collection[str] = (),
) -> Json:
    keys: dict[str, Json] = {}
    for row in root.keys(("keys",), ("keys",))["keys"].items():
        members = row.keys(_ROW, ("roles",))
        key, named_by = _key_of(row, members, ids, place)
        if key in keys:
            raise named_by.wrong(f"key {key} has a row already", "one row per key, with all roles")
        keys[key] = _row(key, members, roles, metrics)
    return {"keys": list(keys.values())}


def _key_of(
    row: Node, members: Mapping[str, Node], ids: Mapping[str, str], place: str
) -> tuple[str, Node]:
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
        hint = suggest(name, ids) or f"put the key beside this file, as {place}"
        raise node.wrong(f"no key file {name!r} beside this file", hint)
    return ids[name], node


def _key_in(content: bytes, shown: str) -> str:
    try:
        return key_id(load_public_pem(content))
    except KeyFileError as error:
        raise ConfigError(f"{shown}: {error.message}", error.hint) from None


def _row(
    key: str, members: Mapping[str, Node], known: tuple[str, ...], metrics: Collection[str]
) -> Json:
    roles = [role.one_of(known) for role in members["roles"].items()]
    if not roles or len(set(roles)) != len(roles):
        raise members["roles"].wrong("a key has at least one role, each once", "such as [attestor]")
    row: dict[str, Json] = {"key_id": key, "roles": sorted(roles)}
    if "name" in members:
        row["name"] = members["name"].text()
    if "metrics" in members:
        row["metrics"] = _metrics(members["metrics"], row["roles"], metrics)
    times = {name: _time(members[name]) for name in ("not_before", "not_after") if name in members}
    if len(times) == 2 and times["not_after"] <= times["not_before"]:
        raise members["not_after"].wrong(
            "the key's time is over before it begins", "not_after is later than not_before"
        )
    return row | {name: members[name].value for name in times}


def _metrics(node: Node, roles: list[str], known: Collection[str]) -> list[str]:
    """The metrics that a key may speak for: ids, or ``domain.*`` for all below."""
    if not set(roles).difference(NO_PRODUCERS):
        raise node.wrong(
            "nobody speaks for metrics in the roles of this key",
            f"give it the role {PRODUCER!r} too, or leave metrics out",
            key=True,
        )
    patterns = []
    for pattern in node.items():
        text = pattern.text()
        below = text.removesuffix("*")
        is_below = text.endswith(".*") and any(metric.startswith(below) for metric in known)
        if not (is_below or text in known):
            raise pattern.wrong(
                f"no metric {text!r} in the catalogue",
                suggest(text, known) or "name one of its metrics, or a domain as `slo.*`",
            )
        patterns.append(text)
    if not patterns or len(set(patterns)) != len(patterns):
        raise node.wrong("a key speaks for at least one metric, each named once")
    return sorted(patterns)


def _time(node: Node) -> datetime:
    try:
        return parse_time(node.text())
    except ValueError as error:
        raise node.wrong(str(error), "quote it: YAML has no times here") from None

"""Profiles: tables of limits that inherit from each other, resolved and checked."""

from __future__ import annotations

from collections.abc import Mapping

from engine.errors import ConfigError, suggest
from engine.model import RECOGNISERS_OFF, RELAXATIONS, Json
from engine.policy.manifest import CheckInfo
from engine.policy.tables.catalogue import NUMERIC, check_limit
from engine.policy.tables.nodes import Node
from engine.proof.decision_version import MAX_ENVELOPES
from engine.proof.trust import NO_PRODUCERS, may_speak
from engine.proof.verdict_rules import PRODUCER

NAME = r"[a-z0-9][a-z0-9_-]*"
ROLE = r"[a-z][a-z0-9_-]{0,63}"
SEVERITIES = ("block", "warn", "off")
SIGNED = "signed"
"""Member of a resolved profile that says which checks ask who measured; its rows say it too."""

_TOP = (
    *("extends", "description", "relaxations_allowed", "decision_ttl_s", "hold_ttl_s", "checks"),
    *("record_requests", "soft_routes", "declared_cost", RECOGNISERS_OFF),
)
ROW_KEYS = (
    *("limit", "severity", "reason", "max_age_s", "min_n", "compare"),
    *("in_production", "unwaivable", "signed_by", "producers"),
)
_Row = dict[str, Node]


def resolve(
    profiles: Mapping[str, Node], checks: Mapping[str, CheckInfo], metrics: Mapping[str, Json]
) -> dict[str, Json]:
    """Return every profile's whole table, ``extends`` applied, by name.

    Args:
        profiles: Root of ``limits/<name>/data.yaml`` by name.
        checks: Every check that some gate lists.
        metrics: Catalogue rows by metric id.

    Raises:
        ConfigError: A parent is unknown or its own ancestor, a row is not whole, names an
            unknown check, has a limit that its metric cannot be held against, or a check has
            no row.
    """
    for name, root in profiles.items():
        others = [other for other in profiles if other != name]
        if _IS_WHOLE.isdisjoint(root.members()) and (near := suggest(name, others)):
            raise root.wrong(
                f"no profile {name!r}, and a new one says `extends: <profile>`", near, key=True
            )
    return {
        name: _resolved(_with_parents(name, profiles, ()), root, checks, metrics)
        for name, root in sorted(profiles.items())
    }


_IS_WHOLE = frozenset(("extends", "description"))
"""A table that has neither is meant to be laid over that of another name."""


def _with_parents(name: str, profiles: Mapping[str, Node], below: tuple[str, ...]) -> list[Node]:
    """The profile ``name`` behind all its ancestors, the eldest first."""
    root = profiles[name]
    parent = root.keys(_TOP).get("extends")
    if parent is None:
        return [root]
    if (parent_name := parent.text(NAME)) not in profiles:
        raise parent.wrong(
            f"no profile {parent_name!r}",
            suggest(parent_name, profiles) or f"known: {', '.join(sorted(profiles))}",
        )
    if parent_name in (*below, name):
        chain = " extends ".join((*below, name, parent_name))
        raise parent.wrong(
            f"{chain}: a profile cannot be its own ancestor", "extend another one, or none"
        )
    return [*_with_parents(parent_name, profiles, (*below, name)), root]


def _resolved(
    lineage: list[Node], own: Node, checks: Mapping[str, CheckInfo], metrics: Mapping[str, Json]
) -> Json:
    merged: dict[str, Node] = {}
    rows: dict[str, _Row] = {}
    for root in lineage:
        merged |= root.members()
        required = () if "extends" in root.members() else ("checks",)
        given = root.keys(_TOP, required).get("checks")
        for check_id, row in given.members().items() if given else ():
            require_known(check_id, row, checks)
            rows[check_id] = _merged(rows.get(check_id, {}), row.keys(ROW_KEYS))
    for key in ("description", "relaxations_allowed", "decision_ttl_s", "hold_ttl_s"):
        if key not in merged:
            raise own.wrong(f"key {key!r} is missing", "give it, or extend a profile that has it")
    if missing := sorted(checks.keys() - rows.keys()):
        raise own.wrong(
            f"no row for {', '.join(missing)}",
            "extend a profile that has them, or turn them off with a reason",
        )
    return {
        **_signed(rows, checks),
        **_recognisers_off(merged.get(RECOGNISERS_OFF)),
        "description": merged["description"].text(),
        "relaxations_allowed": _relaxations(merged["relaxations_allowed"]),
        "decision_ttl_s": merged["decision_ttl_s"].integer(1),
        "record_requests": "record_requests" in merged and merged["record_requests"].boolean(),
        "soft_routes": _routes(merged.get("soft_routes")),
        "declared_cost": _declared_cost(merged.get("declared_cost")),
        "hold_ttl_s": merged["hold_ttl_s"].integer(1),
        "checks": {
            check_id: _checked(row, checks[check_id], own, metrics)
            for check_id, row in sorted(rows.items())
        },
    }


def require_known(check_id: str, row: Node, checks: Mapping[str, CheckInfo]) -> None:
    """Refuse a row of a check that no gate has.

    Raises:
        ConfigError: At the row; names the nearest check.
    """
    if check_id not in checks:
        raise row.wrong(
            f"no gate has a check {check_id!r}", suggest(check_id, checks) or _CHECKS, key=True
        )


def _relaxations(node: Node) -> list[str]:
    names = [item.text(r"[a-z][a-z0-9_]*") for item in node.items()]
    if len(set(names)) != len(names):
        raise node.wrong("a relaxation is named twice", "name each once")
    for item, name in zip(node.items(), names, strict=True):
        if name not in RELAXATIONS:
            raise item.wrong(
                f"no relaxation {name!r} is known",
                suggest(name, RELAXATIONS) or "docs/relaxations.md names them",
            )
    return sorted(names)


def _routes(node: Node | None) -> list[str]:
    """Routes that may spend past a soft limit; none where nobody says any."""
    names = [] if node is None else [item.text() for item in node.items()]
    if node is not None and len(set(names)) != len(names):
        raise node.wrong("a route is named twice", "name each once")
    return sorted(names)


def _recognisers_off(node: Node | None) -> dict[str, Json]:
    """Families that a scan need not look for, with the reason of each; nothing where none is."""
    if node is None or not node.members():
        return {}
    from engine.privacy import FAMILIES

    reasons: dict[str, Json] = {}
    for family, reason in sorted(node.members().items()):
        if family not in FAMILIES:
            raise reason.wrong(
                f"no recogniser {family!r}",
                suggest(family, FAMILIES) or "engine scan --rules lists them",
                key=True,
            )
        reasons[family] = reason.text()
    return {RECOGNISERS_OFF: reasons}


def _signed(rows: Mapping[str, _Row], checks: Mapping[str, CheckInfo]) -> dict[str, Json]:
    """Of each row that asks who measured, what a rule needs to know; nothing where none does."""
    found: dict[str, Json] = {}
    for check_id, row in sorted(rows.items()):
        if "signed_by" not in row and "producers" not in row:
            continue
        check = checks[check_id]
        found[check_id] = {
            "metric": check.metric,
            "unless": check.unless or check.metric,
            "role": row["signed_by"].text() if "signed_by" in row else PRODUCER,
            "producers": row["producers"].integer(1) if "producers" in row else 1,
        }
    return {SIGNED: found} if found else {}


def signing_roles(limits: Mapping[str, Json]) -> set[str]:
    """Return the roles of producers that some check of some resolved profile asks for."""
    return {row["role"] for table in limits.values() for row in table.get(SIGNED, {}).values()}


def require_speakers(profiles: Mapping[str, Node], limits: Mapping[str, Json], trust: Json) -> None:
    """Refuse a row that asks for more keys of a role than the trust list gives it.

    Args:
        profiles: See :func:`resolve`.
        limits: What it returned.
        trust: The trust list.

    Raises:
        ConfigError: At the row; its check could never pass.
    """
    for name, table in limits.items():
        for check_id, demand in table.get(SIGNED, {}).items():
            if table["checks"][check_id]["severity"] == "off":
                continue
            keys = [
                row for row in trust["keys"] if may_speak(row, demand["role"], demand["metric"])
            ]
            if len(keys) < demand["producers"]:
                row = _row_of(check_id, _with_parents(name, profiles, ()))
                raise row.wrong(
                    f"{check_id} asks for {demand['producers']} of role {demand['role']!r}, and "
                    f"{len(keys)} of trust/data.yaml may speak so for {demand['metric']}",
                    f"give a key `roles: [{demand['role']}]` in trust/data.yaml",
                    key=True,
                )


def _row_of(check_id: str, lineage: list[Node]) -> Node:
    """The row of a check that asks, the nearest first."""
    for root in reversed(lineage):
        rows = root.members().get("checks")
        row = rows.members().get(check_id) if rows else None
        if row is not None and not row.members().keys().isdisjoint(("signed_by", "producers")):
            return row
    return lineage[-1]


def _declared_cost(node: Node | None) -> str:
    """Whether a caller's own figure may stand in for a price; only where somebody says so."""
    return "deny" if node is None else node.one_of(("allow", "deny"))


def _merged(inherited: _Row, given: _Row) -> _Row:
    """``given`` laid over ``inherited``; turned on again, a check forgets why it was off."""
    merged = inherited | given
    if "reason" not in given and "severity" in given and given["severity"].value != "off":
        merged.pop("reason", None)
    return merged


_CHECKS = "`engine policy list` names the checks of a gate"


def _checked(row: _Row, check: CheckInfo, own: Node, metrics: Mapping[str, Json]) -> Json:
    """The row as JSON, once every demand on it is met."""
    severity = _required(row, "severity", check, own).one_of(SEVERITIES)
    if severity == "off":
        _required(row, "reason", check, own).text()
    elif "reason" in row:
        raise row["reason"].wrong(
            "a reason is given for severity off only", "take it out", key=True
        )
    if severity != "off":
        _required(row, "max_age_s", check, own)
        if check.kind != "baseline":
            _required(row, "limit", check, own)
    _check_values(row, check, metrics)
    return {key: node.value for key, node in sorted(row.items())}


def _check_values(row: _Row, check: CheckInfo, metrics: Mapping[str, Json]) -> None:
    metric = metrics[check.metric]
    if "limit" in row:
        if check.kind == "baseline":
            raise row["limit"].wrong(
                f"{check.id} is held against the metric's own baseline", "take the line out"
            )
        check_limit(row["limit"], check.metric, metric)
    if "max_age_s" in row:
        row["max_age_s"].integer(1)
    if "min_n" in row:
        row["min_n"].integer(1)
    compares_ci = "compare" in row and row["compare"].one_of(("value", "ci")) == "ci"
    if compares_ci and (metric["type"] not in NUMERIC or check.kind == "series"):
        raise row["compare"].wrong(
            f"{check.metric} has no confidence interval", "write value, or take the line out"
        )
    if "in_production" in row:
        row["in_production"].one_of(("rollback", "block"))
    if "unwaivable" in row:
        row["unwaivable"].boolean()
    _check_signers(row, check)


def _check_signers(row: _Row, check: CheckInfo) -> None:
    for name in ("signed_by", "producers"):
        if name in row and check.kind == "attestation":
            raise row[name].wrong(
                f"{check.id} rests on attestations, whose key it knows already", key=True
            )
    if "signed_by" in row and row["signed_by"].text(ROLE) in NO_PRODUCERS:
        raise row["signed_by"].wrong(
            f"nobody speaks for a metric as {row['signed_by'].value!r}",
            f"name a role of your own, such as {PRODUCER!r}, and give it to a key in trust",
        )
    if "producers" in row and row["producers"].integer(1) > MAX_ENVELOPES:
        raise row["producers"].wrong(f"a decision rests on {MAX_ENVELOPES} signed files at most")


def _required(row: _Row, key: str, check: CheckInfo, own: Node) -> Node:
    if key in row:
        return row[key]
    of_own = (node for node in reversed(row.values()) if node.file is own.file)
    where = next(of_own, next(reversed(row.values()), own))
    some = row["severity"] if key == "reason" else where
    error: ConfigError = some.wrong(
        f"the row of {check.id} has no {key!r}",
        "say why the check is off" if key == "reason" else f"add {key!r} to this row",
    )
    raise error

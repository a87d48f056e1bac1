"""Policy data: ``data.yaml`` files read strictly, resolved, checked, and written as one JSON.

Everything that is a number, a key or a name in a policy comes through here. OPA is not
needed: the checks that rows may name come from the manifest of the compiled bundle.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from difflib import get_close_matches
from itertools import islice
from types import MappingProxyType

from engine.errors import ConfigError, Position, suggest
from engine.formats import canonical
from engine.formats.printable import is_seen
from engine.formats.times import parse_time
from engine.model import Json
from engine.policy.includes import WITH_METADATA
from engine.policy.manifest import CheckInfo
from engine.policy.sources import DATA, Source, Sources
from engine.policy.tables import budget_rows, catalogue, profiles
from engine.policy.tables.controls import controls
from engine.policy.tables.nodes import Node, RowError, read
from engine.policy.tables.price_list import price_list
from engine.policy.tables.rows import GATES, LaidTable
from engine.policy.tables.trust_list import trust_list
from engine.proof.policy_archive import AGAINST

_TOPICS = ("budgets", "catalogue", "controls", "prices", "trust", "waivers")
_OPTIONAL = ("budgets", "controls")
_LIMITS = re.compile(rf"limits/({profiles.NAME})")
_GATES = re.compile(rf"{GATES}/[a-z][a-z0-9_.]*")
"""Which domains a gate asks is compiled, and nothing that a rule sees."""
_MOST_TRIED = 500
"""Rows of a folder that are looked at for the one that an error is due to."""
_WAIVER = ("id", "check", "subject", "reason", "approvers", "expires_at")


def resolve(sources: Sources, checks: Mapping[str, CheckInfo]) -> bytes:
    """Return ``data.json``: what every rule sees below ``data``, as canonical JSON.

    Args:
        sources: The policy's files.
        checks: Every check of the compiled policy, by id.

    Returns:
        ``{"budgets", "catalogue", "limits", "prices", "trust", "waivers"}``; profiles are
        whole, ``extends`` applied. No budgets are said where there is no file of them.

    Raises:
        ConfigError: Says file, line, column and key, and the nearest known name.
    """
    roots = {
        path.removesuffix(f"/{DATA}"): (
            source.laid.root if source.laid else read(source.shown, source.content)
        )
        for path, source in sources.items()
        if path.rpartition("/")[2] == DATA
    }
    try:
        return _resolved(roots, sources, checks)
    except ConfigError as error:
        tables = [source.laid for source in sources.values() if source.laid]
        laid = {source.shown for source in sources.values() if source.laid}
        ships = {source.shown for source in sources.values() if source.is_shipped}
        ships.update(table.shipped.file.shown for table in tables)
        if isinstance(error, RowError) and error.position.file not in ships:
            of_whole_table = not error.position.pointer and error.position.file in laid
            if not of_whole_table:
                raise
        raise _of_own_row(error, tables, roots, sources, checks) or error from None


def _of_own_row(
    error: ConfigError,
    tables: Iterable[LaidTable],
    roots: Mapping[str, Node],
    sources: Sources,
    checks: Mapping[str, CheckInfo],
) -> RowError | None:
    """The error about the folder's row without which what ships has another error, or none.

    What ships fits itself, so an error in its rows is due to some row that was laid over them.
    """
    rows = ((table, row) for table in tables for row in table.rows())
    reason = error.reason if isinstance(error, RowError) else error.message
    found: Node | None = None
    for table, row in islice(rows, _MOST_TRIED):
        try:
            _resolved({**roots, table.path: table.without(row).root}, sources, checks)
        except ConfigError as other:
            # Another error may be one of several, or due to the row's own absence.
            if other.message != error.message and (found is None or row.value is None):
                found = row
            continue
        found = row
        break
    if found is None:
        return None
    if found.value is None:
        return found.wrong(f"nothing holds once it is taken away: {reason}", _INSTEAD, key=True)
    return found.wrong(f"what ships does not fit it: {reason}", error.hint, key=True)


_INSTEAD = (
    "take this line out, or say what holds instead; a check is turned off by "
    '`{severity: "off", reason: …}`'
)


def _resolved(
    roots: Mapping[str, Node], sources: Sources, checks: Mapping[str, CheckInfo]
) -> bytes:
    _check_places(roots)
    metrics = catalogue.metrics(roots["catalogue"])
    check_metrics(checks, metrics, sources)
    _check_controls(checks, controls(roots.get("controls")), sources)
    tables = {match[1]: root for path, root in roots.items() if (match := _LIMITS.fullmatch(path))}
    _check_rows(checks, tables, sources)
    limits = profiles.resolve(tables, checks, metrics)
    trust = trust_list(roots["trust"], sources, profiles.signing_roles(limits), metrics)
    profiles.require_speakers(tables, limits, trust)
    return canonical.encode(
        {
            "budgets": budget_rows.rows(roots.get("budgets")),
            "catalogue": {"metrics": metrics},
            "limits": limits,
            "prices": price_list(roots["prices"]),
            "trust": trust,
            "waivers": {"waivers": _waivers(roots["waivers"], checks)},
        }
    )


def _check_places(roots: Mapping[str, Node]) -> None:
    for path, root in roots.items():
        if path not in _TOPICS and not (_LIMITS.fullmatch(path) or _GATES.fullmatch(path)):
            raise ConfigError(
                f"{root.file.shown}: no policy reads data from {path!r}",
                _right_place(path, root.file.shown),
            )
    for path in (*_TOPICS, "limits/default"):
        if path not in roots and path not in _OPTIONAL:
            raise ConfigError(f"{path}/{DATA} is missing", "the shipped policies have one to copy")


def _right_place(path: str, shown: str) -> str:
    """What to do about data in ``path``: the nearest topic, or the folder that holds topics."""
    if shown.removesuffix(f"{path}/{DATA}").rstrip("/").endswith("limits"):
        return "give the folder above, the one that holds limits/"
    topic, slash, below = path.partition("/")
    folders = {"limits": "<profile>", GATES: "<gate>"}
    if near := get_close_matches(topic, (*_TOPICS, *folders), 1, 0.8):
        rest = f"/{below or folders[near[0]]}" if near[0] in folders else slash + below
        return f"did you mean {near[0]}{rest}/{DATA}?"
    known = (*_TOPICS, *(f"{folder}/{name}" for folder, name in folders.items()))
    return f"known: {', '.join(f'{topic}/{DATA}' for topic in known)}"


def _check_rows(
    checks: Mapping[str, CheckInfo], tables: Mapping[str, Node], sources: Sources
) -> None:
    """Refuse a check of which no profile says anything, or `default` not, at its rule or row."""
    limited: dict[str, dict[str, Node]] = {}
    for profile, root in tables.items():
        rows = root.members().get("checks")
        for name, row in rows.members().items() if rows else ():
            if name not in checks and (bare := bare_rule(sources, f'"{name}"')):
                raise RowError(bare, f"the rule of check {name!r} has no METADATA", WITH_METADATA)
            profiles.require_known(name, row, checks)
            limited.setdefault(name, {})[profile] = row
    if "extends" not in tables["default"].members():
        for name, by_profile in limited.items():
            if "default" not in by_profile and rule_place(name, sources):
                profile, row = next(iter(by_profile.items()))
                raise row.wrong(
                    f"profile 'default' has no row for {name}, and {profile!r} has",
                    _in_default(name, profile, tables, sources),
                    key=True,
                )
    for name in sorted(checks.keys() - limited.keys()):
        raise _of_check(
            name,
            sources,
            f"no profile has a row for its check {name}",
            f"add below `checks:` of limits/default/{DATA}, in your folder: "
            f"{name}: {{limit: …, severity: block, max_age_s: 86400}}",
        )


def _in_default(name: str, profile: str, tables: Iterable[str], sources: Sources) -> str:
    """Where a row of the check ``name`` belongs that stands in ``profile`` alone."""
    source = sources[f"limits/{profile}/{DATA}"]
    others = [other for other in tables if other != profile]
    is_new = source.laid is None and not source.is_shipped
    if is_new and (near := get_close_matches(profile, others, 1)):
        return f"did you mean limits/{near[0]}/{DATA}?"
    return (
        f"add below `checks:` of limits/default/{DATA}, in your folder: "
        f'{name}: {{severity: "off", reason: …}}, or a limit'
    )


def _check_controls(
    checks: Mapping[str, CheckInfo], known: Mapping[str, Json], sources: Sources
) -> None:
    """Require that every control that a check names has a row."""
    for check in checks.values():
        for name in check.controls or ():
            if name not in known:
                near = get_close_matches(name, known, 1)
                raise _of_check(
                    check.id,
                    sources,
                    f"check {check.id}: control {name!r} is not known",
                    _and(
                        f"did you mean {near[0]!r}?" if near else "",
                        f"or add `{name}: {{framework: …, title: …}}` to controls/{DATA}",
                    ),
                    "controls",
                )


def _of_check(
    name: str, sources: Sources, reason: str, hint: str = "", key: str = ""
) -> ConfigError:
    """An error about a check, at its rule or at a ``key`` of its METADATA, unless that ships."""
    if place := rule_place(name, sources, key):
        return RowError(place, reason, hint)
    return ConfigError(reason, hint)


def rule_place(check_id: str, sources: Sources, key: str = "") -> Position | None:
    """Return where the rule stands whose METADATA names a check; None where it ships, or is none.

    Args:
        check_id: Its id.
        sources: The policy's files.
        key: Of its METADATA: then the line that says it, or the one of the id where none does.
    """
    named = re.compile(rf"#\s+check:\s*[\"']?{re.escape(check_id)}[\"']?\s*")
    for path, source in sources.items():
        if not path.endswith(".rego") or source.is_shipped:
            continue
        lines = source.content.decode(errors="replace").splitlines()
        for start in (row for row, line in enumerate(lines) if named.fullmatch(line)):
            below = (row for row in range(start, len(lines)) if not lines[row].startswith("#"))
            rule = next(below, start)
            if not key:
                return Position(source.shown, rule + 1, 1)
            block = block_above(rule + 1, source.content)
            return Position(source.shown, rule + 1 - len(block) + row_of(block, key, "check"), 1)
    return None


def block_above(row: int, content: bytes) -> tuple[str, ...]:
    """Return the lines of the METADATA block that ends above line ``row``; none without one.

    Args:
        row: Counted from 1.
        content: Of the file.
    """
    lines = content.decode(errors="replace").splitlines()[: row - 1]
    block: list[str] = []
    while lines and lines[-1].startswith("#"):
        block.insert(0, lines.pop())
        if block[0].split() == ["#", "METADATA"]:
            return tuple(block)
    return ()


def row_of(block: Sequence[str], *keys: str) -> int:
    """Return which line of a METADATA block says the first of ``keys`` that is there; else 0."""
    for key in keys:
        for row, line in enumerate(block):
            if re.match(rf"#\s+[\"']?{re.escape(key)}[\"']?\s*:", line):
                return row
    return 0


def bare_rule(sources: Sources, mention: str, package: str = "") -> Position | None:
    """Return where a rule ``checks`` stands that has no METADATA; None where it ships, or is none.

    Args:
        sources: The policy's files.
        mention: What its lines hold, such as the id of a check.
        package: What package it is of; empty is any.
    """
    for source, text in _own_rules(sources):
        if package and not re.search(rf"(?m)^package[ \t]+{re.escape(package)}[ \t]*$", text):
            continue
        for rule in _CHECKS_RULE.finditer(text):
            if mention in rule[2] and not re.search(r"(?m)^# METADATA", rule[1]):
                return Position(source.shown, text.count("\n", 0, rule.start(2)) + 1, 1)
    return None


def odd_rule(sources: Sources) -> Position | None:
    """Return where a rule ``checks`` stands that has no METADATA or no ``contains``; else None."""
    for source, text in _own_rules(sources):
        for line, row in enumerate(text.splitlines(), 1):
            if re.match(r"checks\b(?! contains\b)", row):
                return Position(source.shown, line, 1)
    return bare_rule(sources, "")


def _own_rules(sources: Sources) -> Iterator[tuple[Source, str]]:
    """Each file of rules that does not ship, tests apart, and its text."""
    for path, source in sources.items():
        if path.endswith(".rego") and not path.endswith("_test.rego") and not source.is_shipped:
            yield source, source.content.decode(errors="replace")


_CHECKS_RULE = re.compile(r"(?m)((?:^#.*\n)*)(^checks\b.*(?:\n(?![a-z_#]).*)*)")
"""The comment above a rule ``checks``, and its lines up to what comes next."""


def _and(first: str, second: str) -> str:
    return f"{first} {second}" if first else second.removeprefix("or ")


def check_metrics(
    checks: Mapping[str, CheckInfo],
    metrics: Mapping[str, Json],
    sources: Sources = MappingProxyType({}),
) -> None:
    """Require that every check fits the catalogue: its metric, its kind and, once known, operator.

    Args:
        checks: By id.
        metrics: The catalogue's rows, by metric.
        sources: The policy's files; of a rule that does not ship, the line is named.

    Raises:
        ConfigError: One does not; a verifier would refuse what such a policy promotes.
    """
    for check in checks.values():
        for name in filter(None, (check.metric, check.unless)):
            if name not in metrics:
                raise _of_check(
                    check.id,
                    sources,
                    f"check {check.id}: metric {name!r} is not in the catalogue",
                    _and(
                        suggest(name, metrics),
                        f"or add below `metrics:` of catalogue/{DATA}, in your folder: {name}: "
                        "{type: number, unit: …, direction: lower, description: …}",
                    ),
                    "metric" if name == check.metric else "unless",
                )
        if check.unless and metrics[check.unless]["type"] != "boolean":
            raise _of_check(
                check.id,
                sources,
                f"check {check.id}: `unless` metric {check.unless!r} is no boolean",
                f"name one of type boolean; {check.unless!r} is {metrics[check.unless]['type']}",
                "unless",
            )
        if (check.kind == "series") != (metrics[check.metric]["type"] == "series"):
            raise _of_check(
                check.id,
                sources,
                f"check {check.id}: kind {check.kind!r} does not fit metric {check.metric!r}",
                "kind series is for metrics of type series, and they for it",
                "kind",
            )
        direction = metrics[check.metric]["direction"]
        if check.operator in AGAINST.get(direction, ()):
            better = "at_most or below" if direction == "lower" else "at_least or above"
            raise _of_check(
                check.id,
                sources,
                f"check {check.id}: compares by {check.operator}, against its metric's direction",
                f"by the catalogue `{check.metric}` is {direction}: better that way; compare by "
                f"{better}, or change the row",
            )


_CHECKS = "`engine policy list` names the checks of a gate"


def _waivers(root: Node, checks: Mapping[str, CheckInfo]) -> list[Json]:
    seen: set[str] = set()
    for waiver in root.keys(("waivers",), ("waivers",))["waivers"].items():
        members = waiver.keys(_WAIVER, ("id", "reason", "approvers", "expires_at"))
        if (waiver_id := members["id"].text()) in seen:
            raise members["id"].wrong(
                f"waiver {waiver_id!r} is given twice", "give each an id of its own"
            )
        seen.add(waiver_id)
        members["reason"].text()
        _check_approvers(members["approvers"])
        _check_expiry(members["expires_at"])
        # A waiver without a check or a subject stays: it is reported as unscoped, never applied.
        check, subject = members.get("check"), members.get("subject")
        if subject is not None and isinstance(subject.value, dict):
            _check_scope(subject)
        if check is not None and isinstance(check.value, str) and check.value not in checks:
            raise check.wrong(
                f"no gate has a check {check.value!r}", suggest(check.value, checks) or _CHECKS
            )
    waivers: list[Json] = root.value["waivers"]
    return waivers


def _check_scope(node: Node) -> None:
    """Refuse what no subject could be called: its name, version and digest are texts."""
    if isinstance(node.value, dict):
        for member in node.members().values():
            _check_scope(member)
    elif not isinstance(node.value, str):
        node.text()
    elif not is_seen(node.value):
        raise node.wrong(f"{node.value!a} has a character that is not seen", "take it out")


def _check_approvers(node: Node) -> None:
    approvers: set[str] = set()
    for approver in node.items():
        name = " ".join(approver.text().split()).casefold()
        if name in approvers:
            raise approver.wrong(f"{approver.value!r} approves twice", "name each person once")
        approvers.add(name)
    if not approvers:
        raise node.wrong(
            "somebody must have approved a waiver", "name who, such as [release manager]"
        )


def _check_expiry(node: Node) -> None:
    text = node.text(example="such as 2026-12-31T00:00:00Z")
    try:
        parse_time(text)
    except ValueError as error:
        raise node.wrong(str(error), "such as 2026-12-31T00:00:00Z, in quotes") from None
    if not text.endswith("Z"):
        raise node.wrong(f"{text} is not in UTC", "write it with Z, such as 2026-12-31T00:00:00Z")

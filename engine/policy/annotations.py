"""What the METADATA of Rego sources says about gates and checks, out of ``opa inspect``."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from engine.errors import PolicyBuildError, suggest
from engine.model import Json
from engine.policy import includes
from engine.policy.includes import WITH_METADATA
from engine.policy.manifest import KINDS, RULES, CheckInfo, GateInfo
from engine.policy.sources import Sources
from engine.policy.tables.catalogue import METRIC_ID
from engine.policy.tables.data import bare_rule, block_above, row_of

_CHECK_TEXTS = ("invariant", "why", "fix")
CHECK_KEYS = ("check", "metric", "kind", "unless", *_CHECK_TEXTS, "code", "controls")
GATE_KEYS = ("rule", "requires_digest")


@dataclass(frozen=True, slots=True)
class _Annotation:
    """One METADATA block: what it says, about which rule, and where it stands.

    Attributes:
        says: What OPA read in it.
        package: Package of its rule.
        rule: Name of its rule; empty for one of the package.
        file: As an error names it.
        row: Line of the rule or the package below it.
        lines: Of the block, ``# METADATA`` first; empty where it was not found above ``row``.
        is_shipped: Whether its file is as it ships.
    """

    says: Json
    package: str
    rule: str
    file: str
    row: int
    lines: tuple[str, ...]
    is_shipped: bool

    @property
    def custom(self) -> Json:
        return self.says.get("custom", {})

    def at(self, *keys: str) -> str:
        """Return file and line of the first of ``keys`` that the block has; else its own."""
        return f"{self.file}:{self.row - len(self.lines) + row_of(self.lines, *keys)}"

    def wrong(self, reason: str, hint: str = "", *keys: str) -> PolicyBuildError:
        return PolicyBuildError(f"{self.at(*keys)}: METADATA: {reason}", hint)

    def text(self, key: str, among: Json = None) -> str:
        value = (self.says if among is None else among).get(key)
        if value is not None and not isinstance(value, str):
            raise self.wrong(f"{key!r} is no text", "write it in quotes", key)
        if not value or not value.strip():
            line = f"`# {key}: …`" if among is None else f"`#   {key}: …` below `# custom:`"
            above = key if among is None else "custom"
            raise self.wrong(f"no {key!r}", f"add a line {line}", key, above)
        return value.strip()

    def check_keys(self, given: Json, known: Iterable[str]) -> None:
        for key in given:
            if key not in set(known):
                raise self.wrong(f"key {key!r} is not known here", suggest(key, known), key)


@dataclass(slots=True)
class _Domain:
    """What is known about one Rego package."""

    about: _Annotation | None = None
    decision: _Annotation | None = None
    checks: list[CheckInfo] = field(default_factory=list)


def gates_and_checks(
    inspected: Json, files: Sources, shown: Callable[[str], str]
) -> tuple[dict[str, GateInfo], dict[str, CheckInfo]]:
    """Return gates and checks by name from what ``opa inspect -a -f json`` prints.

    Args:
        inspected: OPA's words.
        files: The policy's files, with what each gate includes.
        shown: Turns a path as OPA prints it into one that a person would look for.

    Raises:
        PolicyBuildError: METADATA is missing something or contradicts itself; says file and
            line.
        ConfigError: So does the data that says what a gate includes.
    """
    domains: dict[str, _Domain] = {}
    checks: dict[str, CheckInfo] = {}
    places: dict[str, _Annotation] = {}
    for entry in inspected.get("annotations", []):
        annotation = _annotation(entry, files, shown)
        domain = domains.setdefault(annotation.package, _Domain())
        if entry["annotations"].get("scope") == "package":
            domain.about = annotation if "title" in annotation.says else domain.about
        elif annotation.rule == "decision" and annotation.says.get("entrypoint"):
            domain.decision = annotation
        elif annotation.rule == "checks" or "check" in annotation.custom:
            check = _check(annotation)
            if check.id in checks:
                raise annotation.wrong(
                    f"check {check.id!r} is described twice",
                    f"the other one is {places[check.id].at('check')}: give one of them another id",
                    "check",
                )
            checks[check.id] = check
            places[check.id] = annotation
            domain.checks.append(check)
    gates = {
        package: _gate(package, domain, domains, files)
        for package, domain in sorted(domains.items())
        if domain.decision
    }
    if not gates:
        raise PolicyBuildError(
            "no gate in these policies",
            "a gate is a package whose rule `decision` has METADATA with `entrypoint: true`",
        )
    includes.require_gates(files, gates)
    included = {check_id for gate in gates.values() for check_id in gate.checks}
    asked_by_none = sorted(checks.keys() - included)
    if orphans := [name for name in asked_by_none if not places[name].is_shipped]:
        first = places[orphans[0]]
        raise first.wrong(
            f"no gate asks for {', '.join(orphans)}",
            f"write `includes: {{{first.package}: {{}}}}` into gates/promotion/data.yaml, or the "
            "gate that shall ask",
            "check",
        )
    return gates, checks


def _annotation(entry: Json, files: Sources, shown: Callable[[str], str]) -> _Annotation:
    path = [str(part["value"]) for part in entry["path"][1:]]
    says, location = entry["annotations"], entry["location"]
    package_scope = says.get("scope") == "package"
    source = files.get(location["file"])
    return _Annotation(
        says=says,
        package=".".join(path if package_scope else path[:-1]),
        rule="" if package_scope else path[-1],
        file=shown(location["file"]),
        row=location["row"],
        lines=block_above(location["row"], source.content) if source else (),
        is_shipped=source is not None and source.is_shipped,
    )


def _check(annotation: _Annotation) -> CheckInfo:
    custom = annotation.custom
    annotation.check_keys(custom, CHECK_KEYS)
    check_id = _metric_id(annotation, "check", annotation.text("check", custom))
    kind = custom.get("kind", "limit")
    if kind not in KINDS:
        hint = suggest(str(kind), KINDS)
        raise annotation.wrong(f"kind {kind!r} is none of {', '.join(KINDS)}", hint, "kind")
    unless = custom.get("unless")
    return CheckInfo(
        id=check_id,
        title=annotation.text("title"),
        description=annotation.text("description"),
        metric=_metric_id(annotation, "metric", custom.get("metric", check_id)),
        kind=kind,
        unless=None if unless is None else _metric_id(annotation, "unless", unless),
        **{key: annotation.text(key, custom) for key in _CHECK_TEXTS},
        code=annotation.text("code", custom) if "code" in custom else None,
        controls=_controls(annotation),
    )


def _controls(annotation: _Annotation) -> tuple[str, ...] | None:
    given = annotation.custom.get("controls")
    if given is None:
        return None
    is_list = isinstance(given, list) and all(isinstance(name, str) for name in given)
    if not is_list or not given or len(set(given)) != len(given):
        raise annotation.wrong(
            "`controls` must be a list of different ids",
            "such as `# controls: [eu-ai-act/15]`",
            "controls",
        )
    return tuple(sorted(given))


def _metric_id(annotation: _Annotation, key: str, value: Json) -> str:
    import re

    if not isinstance(value, str) or not re.fullmatch(METRIC_ID, value):
        hint = f"write it as <domain>.<name>, such as {annotation.package}.{value}"
        raise annotation.wrong(f"{key} {value!r} is no id", hint, key)
    return value


def _gate(
    package: str, domain: _Domain, domains: Mapping[str, _Domain], files: Sources
) -> GateInfo:
    decision, about = domain.decision, domain.about
    assert decision is not None  # noqa: S101  (only packages with one are gates)
    if about is None:
        raise decision.wrong("the gate's package has no METADATA with a title")
    says = decision.custom.get("gate")
    if not isinstance(says, dict):
        raise decision.wrong("no `custom: {gate: {rule: …, requires_digest: …}}`")
    decision.check_keys(says, GATE_KEYS)
    if says.get("rule") not in RULES:
        hint = suggest(str(says.get("rule")), RULES)
        raise decision.wrong(
            f"rule {says.get('rule')!r} is none of {', '.join(RULES)}", hint, "rule", "gate"
        )
    if not isinstance(says.get("requires_digest"), bool):
        raise decision.wrong(
            "`requires_digest` must be true or false",
            "add `#     requires_digest: false` to `gate:`",
            *("requires_digest", "gate"),
        )
    by_data = includes.included(
        package, files, {name: bool(domain.checks) for name, domain in domains.items()}
    )
    by_hand = _includes(about, domains)
    if by_data is not None and not set(by_hand) <= {package}:
        raise about.wrong(
            "`includes` stands in METADATA, and in the gate's data",
            f"take it out here: gates/{package}/data.yaml says what the gate includes",
            "includes",
        )
    included = {*(by_hand if by_data is None else by_data), *([package] if domain.checks else [])}
    checks = [check for name in included for check in domains[name].checks]
    if not checks and (bare := bare_rule(files, "", package)):
        raise PolicyBuildError(f"{bare.file}:{bare.line}: no METADATA is above it", WITH_METADATA)
    if not checks:
        raise decision.wrong("the gate has no check", "annotate `checks`, or include a domain")
    return GateInfo(
        name=package,
        entrypoint=f"{package.replace('.', '/')}/decision",
        title=about.text("title"),
        description=about.text("description"),
        rule=says["rule"],
        requires_digest=says["requires_digest"],
        checks=tuple(sorted(check.id for check in checks)),
        includes=tuple(sorted(included)),
    )


def _includes(about: _Annotation, domains: Mapping[str, _Domain]) -> list[str]:
    includes = about.custom.get("includes", [])
    if not isinstance(includes, list) or not all(isinstance(name, str) for name in includes):
        raise about.wrong("`includes` must be a list of domains", "such as [ethics]", "includes")
    known = [name for name, domain in domains.items() if domain.checks]
    for name in includes:
        if name not in known:
            raise about.wrong(f"no domain {name!r} with checks", suggest(name, known), "includes")
    return sorted(set(includes))

"""``kind = "sarif"``: findings of static analysis, by severity, counted result by result."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from engine.evidence.sources.contract import Evidence, SourceRequest
from engine.evidence.sources.heads import Head
from engine.evidence.sources.json_events import ANY, OPENED, Place, read_values
from engine.evidence.sources.reports import Reports, counts, listed, reports_of, unfit
from engine.model import Json

EXAMPLE = """\
[[source]]
kind = "sarif"
path = "scans/"                     # SARIF 2.1.0: semgrep, bandit, CodeQL, …; several are added up
max_suppressed = 20                 # accepted suppressions that count; of more none does (0)
"""
METHOD = "sarif/1"
MAX_KINDS = 1_000_000
"""Of results of one run that differ in rule, level, severity or suppression."""

SEVERITIES = ("critical", "high", "medium", "low", "unrated")
_LEVELS = {"error": "high", "warning": "medium", "note": "low"}
_NO_FINDING = frozenset(("pass", "notApplicable", "informational"))
_PLACES = (
    ("version",),
    ("runs", ANY, "tool"),
    ("runs", ANY, "invocations"),
    ("runs", ANY, "results", ANY),
    ("runs", ANY, "externalPropertyFileReferences"),
)
_VERSION, _TOOL, _INVOCATIONS, _RESULTS, _ELSEWHERE = range(len(_PLACES))

_Rule = tuple[Json, Json, Json]
_Key = tuple[_Rule, str, str, bool]


def recognise(head: Head) -> str:
    """Return why a file is SARIF; empty where it is none."""
    found = head.json
    if found is None or found.is_list or found.members.get("runs") != []:
        return ""
    is_one = found.members.get("version") == "2.1.0" or (
        "version" not in found.members and "tool" in found.inner.get("runs", {})
    )
    is_one = is_one and ("tool" in found.inner.get("runs", {}) or "$schema" in found.members)
    return "version 2.1.0, and runs of a tool" if is_one else ""


@dataclass
class _Run:
    """One run of a tool, as far as it was read."""

    tool: Json = None
    results: Counter[_Key] = field(default_factory=Counter)
    has_results: bool = False


def read(request: SourceRequest) -> Evidence:
    """Count the results of every run of every file.

    A result's severity is what ``security-severity`` says of it or its rule, else its level, else
    its rule's. Where nothing says one it is ``unrated``: any such finding could be critical.
    """
    table = request.table
    reports = reports_of(request)
    most = table.whole("max_suppressed", 0)
    table.finish()
    found: Counter[str] = Counter()
    suppressed: Counter[str] = Counter()
    runs = without = 0
    for file in reports.files:
        for run in _runs(file, reports):
            runs += 1
            without += not run.has_results
            _count(run, found, suppressed)
    accepted = suppressed.total()
    if accepted > most:
        reports.note(f"{accepted:,} suppressed, and {most:,} may be: they count as findings")
        found += suppressed
        accepted = 0
    about = reports.about(METHOD, {"runs": runs, "max_suppressed": most})
    values: dict[str, Json] = {f"security.{name}_findings": found[name] for name in SEVERITIES}
    values["security.suppressed_findings"] = accepted
    status = ""
    if not runs or without:
        status = "insufficient_data"
        reports.note(f"{listed(reports.names.values())}: a run without results: did the tool scan?")
    total = found.total() + accepted
    return Evidence(counts(values, about, total, status=status), tuple(reports.notes))


def _runs(file: Path, reports: Reports) -> Iterator[_Run]:
    name = reports.names[file]
    run, at, version = _Run(), -1, None
    for which, place, value in read_values(file, name, _PLACES):
        if which == _VERSION:
            version = value
            continue
        if not isinstance(place[1], int):
            raise unfit(name, "is no list of runs", "/runs")
        if place[1] != at:
            if at != -1:
                yield _required(run, name, at)
            run, at = _Run(), place[1]
        _keep(run, which, place, value, file, reports)
    if version != "2.1.0":
        raise unfit(name, f"version {version!r} where 2.1.0 is read", "/version")
    if at != -1:
        yield _required(run, name, at)


def _keep(run: _Run, which: int, place: Place, value: Json, file: Path, reports: Reports) -> None:
    name = reports.names[file]
    if value is OPENED:
        run.has_results = run.has_results or which == _RESULTS
    elif which == _RESULTS:
        run.results[_key(value, name, place, reports)] += 1
        if len(run.results) > MAX_KINDS:
            raise unfit(name, f"more than {MAX_KINDS:,} kinds of results", _pointer(place))
    elif which == _TOOL:
        run.tool = value
    elif which == _INVOCATIONS:
        _require_success(value, name, place, reports, file)
    elif isinstance(value, dict) and value.get("results"):
        raise unfit(name, "its results are in another file", _pointer(place))


def _pointer(place: Place) -> str:
    return "/" + "/".join(map(str, place))


def _required(run: _Run, name: str, at: int) -> _Run:
    if not isinstance(run.tool, dict) or not isinstance(run.tool.get("driver"), dict):
        raise unfit(name, "a run names no tool", f"/runs/{at}/tool/driver")
    return run


def _require_success(value: Json, name: str, place: Place, reports: Reports, file: Path) -> None:
    if not isinstance(value, list):
        raise unfit(name, "is no list", _pointer(place))
    for number, member in enumerate(value):
        if not isinstance(member, dict):
            raise unfit(name, "is no object", f"{_pointer(place)}/{number}")
        if member.get("executionSuccessful") is not True:
            pointer = f"{_pointer(place)}/{number}/executionSuccessful"
            raise unfit(name, "nothing says that the tool came to its end", pointer)
        reports.made(file, member.get("endTimeUtc"))
        for key in ("toolExecutionNotifications", "toolConfigurationNotifications"):
            found = member.get(key) or ()
            errors = sum(isinstance(n, dict) and n.get("level") == "error" for n in found)
            if errors:
                reports.count_unknown("errors that the tool met", errors)
                reports.note(f"{name}: the tool met {errors:,} errors while it ran")


def _key(value: Json, name: str, place: Place, reports: Reports) -> _Key:
    """What decides the severity of a result: of very many few differ."""
    if not isinstance(value, dict):
        raise unfit(name, "a result is no object", _pointer(place))
    kind = value.get("kind", "fail")
    if kind in _NO_FINDING or value.get("baselineState") == "absent":
        return ((None, None, None), "", "none", False)
    rule = value.get("rule")
    rule = rule if isinstance(rule, dict) else {}
    component = rule.get("toolComponent")
    index = component.get("index") if isinstance(component, dict) else None
    reference = (
        _scalar(value.get("ruleId", rule.get("id"))),
        _scalar(value.get("ruleIndex", rule.get("index"))),
        _scalar(index),
    )
    level = value.get("level")
    if kind != "fail" and level in (None, "none"):
        level = "unrated"
    own = _security_severity(value)
    return reference, own, str(level or ""), _is_suppressed(value, reports)


def _scalar(value: Json) -> Json:
    return value if isinstance(value, str | int) else None


def _security_severity(value: Json) -> str:
    properties = value.get("properties") if isinstance(value, dict) else None
    found = properties.get("security-severity") if isinstance(properties, dict) else None
    return "" if found is None else str(found)[:40]


def _is_suppressed(value: Mapping[str, Json], reports: Reports) -> bool:
    """Whether somebody accepted that a result is suppressed, and nobody rejected it."""
    given = value.get("suppressions")
    if not given:
        return False
    if isinstance(given, list) and all(
        isinstance(member, dict) and member.get("status") == "accepted" for member in given
    ):
        return True
    reports.count_unknown("suppressions that nobody accepted")
    return False


def _count(run: _Run, found: Counter[str], suppressed: Counter[str]) -> None:
    rules = _Rules(run.tool)
    for (reference, own, level, is_suppressed), count in run.results.items():
        if level == "none" and reference == (None, None, None) and not own:
            continue
        severity = rules.severity(reference, own, level)
        (suppressed if is_suppressed else found)[severity] += count


class _Rules:
    """The rules of a tool and its extensions, by id and by index."""

    def __init__(self, tool: Json) -> None:
        extensions = tool.get("extensions") or []
        self._components = [self._of(tool["driver"]), *map(self._of, extensions)]

    def _of(self, component: Json) -> list[Mapping[str, Json]]:
        rules = component.get("rules") if isinstance(component, dict) else None
        return [rule for rule in rules if isinstance(rule, dict)] if isinstance(rules, list) else []

    def severity(self, reference: _Rule, own: str, level: str) -> str:
        """Return the severity of a result, from what it and its rule say."""
        rule = self._rule(reference)
        if score := own or _security_severity(rule):
            return _by_score(score)
        if not level:
            defaults = rule.get("defaultConfiguration")
            level = str(defaults.get("level", "")) if isinstance(defaults, dict) else ""
        return _LEVELS.get(level, "unrated")

    def _rule(self, reference: _Rule) -> Mapping[str, Json]:
        rule_id, index, component = reference
        at = component + 1 if type(component) is int else 0
        rules = self._components[at] if 0 <= at < len(self._components) else []
        if type(index) is int and 0 <= index < len(rules):
            rule = rules[index]
            if rule_id is None or _names(rule.get("id"), rule_id):
                return rule
        every = rules if at else [rule for some in self._components for rule in some]
        exact = [rule for rule in every if rule.get("id") == rule_id]
        near = exact or [rule for rule in every if _names(rule.get("id"), rule_id)]
        return near[0] if len(near) == 1 or exact else {}


def _names(rule_id: Json, given: Json) -> bool:
    """Whether ``given`` is a rule's id, or one below it: ``CA1000/1`` is of ``CA1000``."""
    return given == rule_id or (
        isinstance(given, str) and isinstance(rule_id, str) and given.startswith(f"{rule_id}/")
    )


def _by_score(text: str) -> str:
    try:
        score = float(text)
    except ValueError:
        return "unrated"
    if not 0 <= score <= 10:  # also what is no number
        return "unrated"
    return next(name for least, name in _SCORES if score >= least)


_SCORES = ((9.0, "critical"), (7.0, "high"), (4.0, "medium"), (0.0, "low"))

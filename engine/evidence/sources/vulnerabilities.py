"""``kind = "vulnerabilities"``: known vulnerabilities of dependencies, by severity, one by one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from engine.evidence.sources.contract import Evidence, SourceRequest
from engine.evidence.sources.heads import Head, read_head
from engine.evidence.sources.json_events import ANY, OPENED, number, read_values
from engine.evidence.sources.reports import Reports, counts, listed, reports_of, unfit
from engine.formats.times import is_time, parse_time
from engine.model import Json

EXAMPLE = """\
[[source]]
kind = "vulnerabilities"
path = "audit.json"                 # pip-audit, npm audit, Trivy, Grype, OSV-Scanner, CycloneDX VDR
"""
METHOD = "vulnerabilities/1"
MAX_VULNERABILITIES = 1_000_000
SEVERITIES = ("critical", "high", "medium", "low", "unrated")
_WORDS = {
    **{name: name for name in SEVERITIES},
    **{"moderate": "medium", "negligible": "low", "info": "low", "informational": "low"},
}
_SCORES = ((9.0, "critical"), (7.0, "high"), (4.0, "medium"), (0.1, "low"))


def recognise(head: Head) -> str:
    """Return why a file lists vulnerabilities; empty where it does not."""
    form = _form_of(head)
    return form and f"the form of {form}"


def _form_of(head: Head) -> str:
    found = head.json
    if found is None or found.is_list:
        return ""
    members, inner = found.members, found.inner
    forms = {
        "pip-audit": {"dependencies", "fixes"} <= members.keys()
        and members["dependencies"] == []
        and ("name" in inner.get("dependencies", {}) or members["fixes"] == []),
        "npm audit": "auditReportVersion" in members and members.get("vulnerabilities") == {},
        "Trivy": "SchemaVersion" in members
        and ("ArtifactName" in members or "Results" in members)
        and members.get("Results", []) == [],
        "Grype": members.get("matches") == [] and "descriptor" in members and "source" in members,
        "OSV-Scanner": members.get("results") == []
        and {"source", "packages"} <= inner.get("results", {}).keys(),
        "CycloneDX": members.get("bomFormat") == "CycloneDX"
        and members.get("vulnerabilities") == [],
    }
    return next((form for form, is_one in forms.items() if is_one), "")


@dataclass(slots=True)
class _Known:
    """What is known of one vulnerability of one package."""

    key: tuple[str, str, str]
    severity: str
    is_fixable: bool
    published: Json = None


@dataclass
class _Tally:
    """What the vulnerabilities of all files came to; a pair of id and package counts once."""

    now: datetime
    severities: Counter[str] = field(default_factory=Counter)
    fixable: int = 0
    oldest_days: int = 0
    undated: int = 0
    scanned: int = 0
    skipped: int = 0
    nothing: list[str] = field(default_factory=list)
    seen: set[int] = field(default_factory=set)

    def add(self, known: _Known) -> None:
        key = hash(known.key)
        if key in self.seen:
            return
        if len(self.seen) >= MAX_VULNERABILITIES:
            raise ValueError(f"more than {MAX_VULNERABILITIES:,} vulnerabilities")
        self.seen.add(key)
        self.severities[known.severity] += 1
        self.fixable += known.is_fixable
        days = self._age(known.published)
        if days is None:
            self.undated += 1
        else:
            self.oldest_days = max(self.oldest_days, days)

    def _age(self, published: Json) -> int | None:
        if not isinstance(published, str) or not is_time(published):
            return None
        try:
            return max((self.now - parse_time(published)).days, 0)
        except ValueError:
            return None


def _text(value: Json, what: str) -> str:
    if not isinstance(value, str) or not value:
        raise ValueError(f"it has no {what}")
    return value


def _word(value: Json) -> str:
    """The severity that a word says; what says none is ``unrated``, never low."""
    return _WORDS.get(str(value).lower(), "unrated")


def _score(value: Json) -> str:
    """The severity of a CVSS score, also as text."""
    try:
        score = float(value) if isinstance(value, str) else number(value)
    except ValueError:
        return "unrated"
    if score is None or not 0 < score <= 10:
        return "unrated"
    return next((name for least, name in _SCORES if score >= least), "low")


def _worst(severities: Iterable[str]) -> str:
    return min(severities, key=SEVERITIES.index, default="unrated")


class _Reader:
    """Reads one file of one form.

    Attributes:
        places: See :func:`engine.evidence.sources.json_events.read_values`.
    """

    places: tuple[tuple[str, ...], ...] = ()

    def __init__(self, tally: _Tally, reports: Reports, file: Path) -> None:
        self.tally, self.reports, self.file = tally, reports, file

    def take(self, at: int, value: Json) -> None:
        """Take a value at one of :attr:`places`; raises :class:`ValueError` where it is wrong."""

    def finish(self) -> str:
        """Return why nothing was looked at; empty where something was."""
        return ""


class _PipAudit(_Reader):
    places = (("dependencies", ANY),)

    def __init__(self, tally: _Tally, reports: Reports, file: Path) -> None:
        super().__init__(tally, reports, file)
        self.count = 0

    def take(self, at: int, value: Json) -> None:  # noqa: ARG002
        package = _text(value["name"], "name")
        if value.get("skip_reason") is not None:
            self.tally.skipped += 1
            return
        version = _text(value["version"], "version")
        self.count += 1
        self.tally.scanned += 1
        for found in value["vulns"]:
            key = (_text(found["id"], "id"), package, version)
            self.tally.add(_Known(key, "unrated", bool(found.get("fix_versions"))))

    def finish(self) -> str:
        return "" if self.count else "no dependency was looked at"


class _NpmAudit(_Reader):
    places = (("vulnerabilities", ANY), ("metadata",), ("auditReportVersion",))

    def __init__(self, tally: _Tally, reports: Reports, file: Path) -> None:
        super().__init__(tally, reports, file)
        self.packages = 0
        self.metadata: Json = None

    def take(self, at: int, value: Json) -> None:
        if at == 1:
            self.metadata = value
        elif at == 2 and value != 2:
            raise ValueError(f"version {value} where 2 is read")
        elif at == 0:
            self.packages += 1
            package = _text(value["name"], "name")
            is_fixable = bool(value.get("fixAvailable"))
            for found in value["via"]:
                if isinstance(found, str):
                    continue  # by way of another package, at is listed itself
                key = (str(found.get("source", found.get("url"))), package, str(found.get("range")))
                self.tally.add(_Known(key, _word(found.get("severity")), is_fixable))

    def finish(self) -> str:
        counted = self.metadata["vulnerabilities"]["total"]
        if counted > self.packages:
            raise ValueError(f"counts {counted} vulnerable packages, and has {self.packages:,}")
        total = self.metadata["dependencies"]["total"]
        if type(total) is not int or total < 0:
            raise ValueError(f"metadata counts {total!r} dependencies")
        self.tally.scanned += total
        return "" if total else "no dependency was looked at"


class _Trivy(_Reader):
    places = (("Results", ANY), ("CreatedAt",))

    def __init__(self, tally: _Tally, reports: Reports, file: Path) -> None:
        super().__init__(tally, reports, file)
        self.targets = 0

    def take(self, at: int, value: Json) -> None:
        if at == 1:
            self.reports.made(self.file, value)
            return
        self.targets += "Vulnerabilities" in value or "Packages" in value or "Type" in value
        for other in ("Secrets", "Misconfigurations", "Licenses"):
            if value.get(other):
                self.reports.count_unknown(f"Trivy's {other}", len(value[other]))
        for found in value.get("Vulnerabilities") or ():
            names = ("VulnerabilityID", "PkgName", "InstalledVersion")
            vulnerability, package, version = (_text(found.get(key), key) for key in names)
            is_fixable = bool(found.get("FixedVersion"))
            severity = _word(found.get("Severity"))
            key = (vulnerability, package, version)
            self.tally.add(_Known(key, severity, is_fixable, found.get("PublishedDate")))

    def finish(self) -> str:
        return "" if self.targets else "no target was scanned for vulnerabilities"


class _Grype(_Reader):
    places = (("matches", ANY), ("ignoredMatches", ANY), ("descriptor",))

    def __init__(self, tally: _Tally, reports: Reports, file: Path) -> None:
        super().__init__(tally, reports, file)
        self.is_whole = False

    def take(self, at: int, value: Json) -> None:
        if at == 2:
            self.reports.made(self.file, value.get("timestamp"))
            self.is_whole = True
            return
        if at == 1:
            self.reports.count_unknown("matches that Grype was told to ignore: they count")
        found, artifact = value["vulnerability"], value["artifact"]
        fix = found.get("fix") or {}
        key = (_text(found["id"], "id"), str(artifact["name"]), str(artifact["version"]))
        is_fixable = fix.get("state") == "fixed" or bool(fix.get("versions"))
        published = found.get("publishedDate")
        self.tally.add(_Known(key, _word(found.get("severity")), is_fixable, published))

    def finish(self) -> str:
        return "" if self.is_whole else "nothing says that Grype wrote it"


class _Osv(_Reader):
    places = (("results", ANY),)

    def __init__(self, tally: _Tally, reports: Reports, file: Path) -> None:
        super().__init__(tally, reports, file)
        self.packages = 0

    def take(self, at: int, value: Json) -> None:  # noqa: ARG002
        for item in value["packages"]:
            self.packages += 1
            about = item["package"]
            package, version = _text(about["name"], "name"), str(about.get("version", ""))
            known = {_text(found["id"], "id"): found for found in item.get("vulnerabilities") or ()}
            groups = item.get("groups") or [{"ids": [found_id]} for found_id in known]
            listed_ids = {found_id for group in groups for found_id in group["ids"]}
            groups += [{"ids": [found_id]} for found_id in known if found_id not in listed_ids]
            for group in groups:
                same = [known[found_id] for found_id in group["ids"] if found_id in known]
                words = [_word(_of(found, "database_specific", "severity")) for found in same]
                rated = [_score(group["max_severity"])] if group.get("max_severity") else []
                severity = _worst([*rated, *words])
                dates = sorted(str(f["published"]) for f in same if f.get("published"))
                key = (_text(min(group["ids"]), "id"), package, version)
                published = dates[0] if dates else None
                self.tally.add(_Known(key, severity, any(map(_has_fix, same)), published))

    def finish(self) -> str:
        return "" if self.packages else "no package is listed"


def _of(value: Json, *keys: str) -> Json:
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return value


def _has_fix(found: Json) -> bool:
    return any(
        "fixed" in event
        for affected in found.get("affected") or ()
        for span in affected.get("ranges") or ()
        for event in span.get("events") or ()
    )


class _CycloneDx(_Reader):
    places = (("vulnerabilities", ANY), ("metadata",))

    def take(self, at: int, value: Json) -> None:
        if at == 1:
            self.reports.made(self.file, _of(value, "timestamp"))
            return
        ratings = value.get("ratings") or ()
        severity = _worst(
            _word(rating["severity"]) if "severity" in rating else _score(rating.get("score"))
            for rating in ratings
        )
        if _of(value, "analysis", "state") in ("not_affected", "false_positive", "resolved"):
            self.reports.count_unknown("analyses that nobody signed: what they clear counts")
        is_fixable = bool(value.get("recommendation")) or any(
            version.get("status") == "unaffected"
            for affected in value.get("affects") or ()
            for version in affected.get("versions") or ()
        )
        for reference in [str(a.get("ref")) for a in value.get("affects") or ()] or [""]:
            key = (_text(value["id"], "id"), reference, "")
            self.tally.add(_Known(key, severity, is_fixable, value.get("published")))


_READERS: Mapping[str, Callable[[_Tally, Reports, Path], _Reader]] = {
    "pip-audit": _PipAudit,
    "npm audit": _NpmAudit,
    "Trivy": _Trivy,
    "Grype": _Grype,
    "OSV-Scanner": _Osv,
    "CycloneDX": _CycloneDx,
}
_COUNTING = {"pip-audit", "npm audit"}
"""Which forms say how many dependencies were looked at; those that were skipped, pip-audit's."""


def read(request: SourceRequest) -> Evidence:
    """Count the vulnerabilities of every file; one of one package counts once.

    Where no severity is given it is ``unrated``. Where a scanner looked at nothing, that it found
    nothing is ``insufficient_data``.
    """
    reports = reports_of(request)
    request.table.finish()
    tally = _Tally(request.now)
    forms = set(_read_files(reports, tally))
    about = reports.about(METHOD, {"form": ", ".join(sorted(forms))})
    found = tally.severities.total()
    values: dict[str, Json] = {
        f"security.vulnerabilities_{name}": tally.severities[name] for name in SEVERITIES
    }
    values["security.vulnerabilities_fixable"] = tally.fixable
    values["security.vulnerabilities_oldest_days"] = None if tally.undated else tally.oldest_days
    status = "insufficient_data" if tally.nothing else ""
    metrics = counts(values, about, found, status=status)
    if forms <= _COUNTING:
        counted: dict[str, Json] = {"security.dependencies_scanned": tally.scanned}
        if forms == {"pip-audit"}:
            counted["security.dependencies_skipped"] = tally.skipped
        metrics |= counts(counted, about, tally.scanned + tally.skipped)
    if tally.skipped:
        reports.note(f"{tally.skipped:,} dependencies were skipped: nothing is known of them")
    for line in tally.nothing:
        reports.note(line)
    return Evidence(metrics, tuple(reports.notes))


def _read_files(reports: Reports, tally: _Tally) -> Iterator[str]:
    for file in reports.files:
        name = reports.names[file]
        form = _form_of(read_head(file, name))
        if not form:
            raise unfit(name, f"is none of {listed(_READERS, 6)}; an error page, or cut off?")
        reader = _READERS[form](tally, reports, file)
        pointer = ""
        try:
            for which, place, value in read_values(file, name, reader.places):
                if value is not OPENED:
                    pointer = "/" + "/".join(map(str, place))
                    reader.take(which, value)
            pointer = ""
            if reason := reader.finish():
                tally.nothing.append(f"{name}: {reason}")
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            reason = f"is not as {form} writes it: {type(error).__name__}: {error}"
            raise unfit(name, reason[:200], pointer) from None
        yield form

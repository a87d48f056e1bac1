"""From a gather configuration to a metrics file: every source read, and nothing claimed twice."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from fnmatch import fnmatchcase
from glob import iglob
from pathlib import Path
from typing import Any

from engine.errors import ConfigError, DocumentError, Position, suggest
from engine.evidence.metrics_file import RefusalError, expand, long_form, not_of_type
from engine.evidence.sources import Evidence, SourceRequest, source_of
from engine.evidence.sources.consent import ALL_WITH_A_RECORD, SUBJECTS
from engine.formats.times import write_time
from engine.metrics.reasons import in_words
from engine.model import INVALID_INPUT, Json, MetricStatus
from engine.settings.table import Table, read_table
from engine.system.reading import open_to_read

_HEX = frozenset("0123456789abcdef")


CONSENT = "ethics.consent"
PREDICTED = ("ece", "rho", "fairness")
"""Methods whose metrics are computed of predictions."""


@dataclass(frozen=True, slots=True)
class GatheredEvidence:
    """What the sources of a configuration said.

    Attributes:
        document: A metrics file.
        evidence: What each source said, in the order of the configuration.
        remarks: On metrics that cannot be so, one line each.
    """

    document: dict[str, Json]
    evidence: tuple[Evidence, ...]
    remarks: tuple[str, ...] = ()

    @property
    def notes(self) -> tuple[str, ...]:
        """What a person should know."""
        own = tuple(note for measured in self.evidence for note in measured.notes)
        return own + self.remarks

    @property
    def accounts(self) -> tuple[str, ...]:
        """What each source read, left out and gave, one line each."""
        return tuple(map(_account, self.evidence))

    def name_instant(self) -> None:
        """Say in the source of each metric that the instant was the caller's choice.

        Consent that has expired since still counts as of then: whoever decides on it can see why.
        """
        at = f"as of {self.document['observed_at']}, which the caller chose"
        for metric in self.document["metrics"].values():
            source = metric.get("source")
            metric["source"] = f"{at}: {source}"[:1024] if source else at


def _account(measured: Evidence) -> str:
    """Rows, groups and what was left out, as far as the metrics of one source say."""
    metrics = measured.metrics.values()
    computed: list[Json] = [metric.get("computed", {}) for metric in metrics]
    sources = dict.fromkeys(str(metric["source"]) for metric in metrics if "source" in metric)
    rows = max((metric["n"] for metric in metrics if isinstance(metric.get("n"), int)), default=0)
    groups = max((len(about.get("groups", {})) for about in computed), default=0)
    excluded: dict[str, int] = {}
    for about in computed:
        for reason, count in about.get("excluded", {}).items():
            excluded[reason] = max(count, excluded.get(reason, 0))
    left_out = in_words(excluded)
    parts = [
        ", ".join(sources),
        f"n {rows:,}" if rows else "",
        f"{groups:,} {'group' if groups == 1 else 'groups'}" if groups else "",
        f"left out: {left_out or 'nothing'}" if rows or left_out else "",
    ]
    names = ", ".join(
        name if metric.get("value") is not None else f"{name} ({metric.get('status', 'undefined')})"
        for name, metric in sorted(measured.metrics.items())
    )
    return f"read {'; '.join(filter(None, parts)) or 'a source'}; gave {names or 'nothing'}"


class MergedMetrics:
    """The metrics of several sources, without those that more than one of them gives.

    Attributes:
        metrics: By id.
    """

    def __init__(self) -> None:
        self.metrics: dict[str, Json] = {}
        self._first: dict[str, Table] = {}

    def add(self, found: Mapping[str, Json], source: Table) -> dict[str, Table]:
        """Add what ``source`` measured, and return what another measures, too, with the first.

        Of such a metric no value counts, whoever gives one later.
        """
        doubled = {name: self._first[name] for name in found if name in self._first}
        self.metrics |= found
        for name in doubled:
            del self.metrics[name]
        self._first = dict.fromkeys(found, source) | self._first
        return doubled


@dataclass(frozen=True, slots=True)
class Plan:
    """A configuration that was read: nothing of its sources has been looked at yet.

    Attributes:
        subject: As a metrics file writes it.
        requests: One to each source.
        members: The whole of the configuration.
        folder: What its paths are relative to.
    """

    subject: dict[str, Json]
    requests: tuple[SourceRequest, ...]
    members: Mapping[str, Json]
    folder: Path

    def reads(self, files: Iterable[Path]) -> list[Path]:
        """Return those of ``files`` that the configuration names, itself or by a glob."""
        named = frozenset(_named(self.members, self.folder))
        return [
            file
            for file in files
            if (real := os.path.realpath(file)) in named
            or any(fnmatchcase(real, name) for name in named)
            or _is_one_of(file, named)
        ]


def _is_one_of(file: Path, named: Iterable[str]) -> bool:
    """Whether ``file`` is one that is ``named``, itself or by a glob, by another name."""
    if not file.is_file():
        return False
    found = (Path(name) for pattern in named for name in iglob(pattern))  # noqa: PTH207
    return any(there.is_file() and there.samefile(file) for there in found)


def read_plan(
    name: str, data: bytes, folder: Path, now: datetime, environ: Mapping[str, str]
) -> Plan:
    """Return what the configuration in ``data`` asks for.

    Args:
        name: Of the file, for messages.
        data: Its bytes, TOML.
        folder: What its paths are relative to.
        now: The instant of gathering, UTC, whole seconds.
        environ: The environment.

    Raises:
        ConfigError: Not TOML, or a key of the top level is wrong; says where.
    """
    top = read_table(
        name, data, "one [[source]] table per source; `engine gather --help` shows one"
    )
    subject = subject_of(top.table("subject", required=True), folder)
    tables = top.tables("source")
    if not tables:
        near = suggest("source", top.keys())
        hint = near if near.startswith("did") else '[[source]]\nkind = "predictions"'
        raise ConfigError(f"{name}: no [[source]] table", f"add what is to be measured: {hint}")
    top.finish()
    requests = tuple(SourceRequest(table, folder, now, environ, subject) for table in tables)
    return Plan(subject, requests, top.members, folder)


def _named(value: Json, folder: Path) -> Iterator[str]:
    """Every text in ``value`` that may be a path or a glob: one with a letter or digit in it."""
    if isinstance(value, str) and any(map(str.isalnum, value)) and "\0" not in value:
        yield os.path.realpath(folder / value)
    elif isinstance(value, Mapping | list):
        for inner in value.values() if isinstance(value, Mapping) else value:
            yield from _named(inner, folder)


def gather(name: str, plan: Plan, catalogue: Mapping[str, Json], schema: Json) -> GatheredEvidence:
    """Read every source of ``plan`` and return the metrics file they make together.

    Args:
        name: Of the configuration, for messages.
        plan: See :func:`read_plan`.
        catalogue: Row by metric id.
        schema: ``metrics.schema.json``.

    Raises:
        ConfigError: A key of a source is wrong, or two sources measure the same metric.
        DocumentError: A source cannot be read, or what was measured does not match schema or
            catalogue.
    """
    evidence: list[Evidence] = []
    merged = MergedMetrics()
    for request in plan.requests:
        found = source_of(request.table).read(request)
        request.table.finish()
        if doubled := merged.add(found.metrics, request.table):
            metric, first = next(iter(doubled.items()))
            raise request.table.refused(
                "kind",
                f"metric {metric!r} is measured by the source at line {first.line}, too",
                "keep one of the two, or gather them into two files",
            )
        evidence.append(replace(found, notes=(*found.notes, *request.table.left_out)))
    evidence += _consent_of_others(merged.metrics)
    now = plan.requests[0].now
    observed_at = write_time(now)
    document = {"subject": plan.subject, "observed_at": observed_at, "metrics": merged.metrics}
    remarks = _without_misfits(merged.metrics, catalogue)
    try:
        expanded = expand(document, catalogue, now, schema, remarks)
    except RefusalError as refused:
        raise _refused(name, refused, evidence) from None
    invalid = [name for name, metric in expanded.items() if metric["status"] == INVALID_INPUT]
    for metric_id in invalid:
        merged.metrics[metric_id] = long_form(merged.metrics[metric_id]) | {"status": INVALID_INPUT}
    shown = tuple(remark for remark in remarks if remark.partition(": ")[0] in invalid)
    return GatheredEvidence(document, tuple(evidence), shown)


def _consent_of_others(metrics: dict[str, Json]) -> list[Evidence]:
    """Take the value of a consent that does not say whose, beside more predictions than records.

    Who has a record is then not known to be whoever was predicted on.
    """
    consent = metrics.get(CONSENT)
    computed = consent.get("computed", {}) if consent else {}
    if consent is None or computed.get("parameters", {}).get(SUBJECTS) != ALL_WITH_A_RECORD:
        return []
    rows = max((metric.get("n") or 0 for name, metric in metrics.items() if _is_predicted(metric)),
               default=0)  # fmt: skip
    people = consent.get("n") or 0
    if people >= rows or consent.get("value") is not True:
        return []
    metrics[CONSENT] = consent | {"value": None, "status": MetricStatus.INSUFFICIENT_DATA.value}
    note = (
        f"{CONSENT}: {people:,} people with a record, and {rows:,} predictions: name whose data "
        'is used: subjects = {path = "…", column = "…"}'
    )
    return [Evidence({}, (note,))]


def _is_predicted(metric: Json) -> bool:
    """Whether a metric was computed of predictions, or of counts of them."""
    method = metric.get("computed", {}).get("method", "") if isinstance(metric, dict) else ""
    return method.partition("/")[0] in PREDICTED


def _refused(name: str, refused: RefusalError, evidence: Iterable[Evidence]) -> DocumentError:
    """What is wrong with a metric: in the file that it was taken over from, if it was."""
    for measured in evidence:
        if error := measured.refused(refused.pointer, refused.reason, refused.hint):
            return error
    place = Position(name, pointer=refused.pointer)
    return DocumentError(place, f"what was measured: {refused.reason}", refused.hint)


def _without_misfits(
    metrics: dict[str, dict[str, Json]], catalogue: Mapping[str, Json]
) -> list[str]:
    """Take the value of each metric whose source gave another type than its row says, and tell.

    The others count: what one query came to does not end the file.
    """
    remarks: list[str] = []
    for name, given in metrics.items():
        metric, row = long_form(given), catalogue.get(name)
        flaw = row and not_of_type({"status": "ok", **metric}, row)
        if flaw and metric.get("computed"):
            metrics[name] = metric | {"value": None, "status": INVALID_INPUT}
            remarks.append(f"{name}: {flaw[0]}: no check passes on it")
    return remarks


def subject_of(table: Table, folder: Path) -> dict[str, Json]:
    """Return the subject that ``table`` describes, as a metrics file writes it.

    Raises:
        ConfigError: A key is wrong, or the artifact is not there.
    """
    subject: dict[str, Any] = {"name": table.name("name")}
    if table.has("version"):
        subject["version"] = table.name("version")
    if table.has("digest"):
        digest = table.table("digest")
        sha256 = digest.text("sha256")
        if len(sha256) != 64 or not _HEX.issuperset(sha256):
            raise digest.refused(
                "sha256", "not 64 lowercase hex digits", "as sha256sum prints them"
            )
        subject["digest"] = {"sha256": sha256}
    if table.has("artifact"):
        files = table.paths(folder, "artifact")
        if len(files) != 1 or "digest" in subject:
            raise table.refused("artifact", "names more than one file, or stands beside a digest")
        if not files[0].stat().st_size:
            raise table.refused("artifact", "is an empty file", "build it first")
        subject["digest"] = {"sha256": _sha256(files[0])}
    return subject


def _sha256(file: Path) -> str:
    with open_to_read(file) as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()

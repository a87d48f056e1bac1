"""``kind = "consent"``: whether everybody whose data is used has agreed to it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from engine.errors import DocumentError, Position, suggest
from engine.evidence.sources.contract import Evidence, SourceRequest
from engine.evidence.sources.digest import FileFingerprints, sha256_of
from engine.evidence.sources.records import SUFFIXES, columns, place_of, records
from engine.evidence.sources.rows import SUFFIXES as ROW_SUFFIXES
from engine.evidence.sources.rows import connected, rows_of
from engine.formats.times import parse_time, write_time
from engine.metrics.consent import Coverage, Record
from engine.model import Json
from engine.settings.table import Table

EXAMPLE = """\
[[source]]
kind = "consent"
path = "consent.csv"                # or .jsonl, a folder, a glob
purpose = "credit scoring"          # letter by letter
notices = ["2026-01"]               # versions of the notice that count; without it all
required = ["age_checked"]          # flags that must be true
subjects = {path = "predictions.csv", column = "id"}    # who; without it all with a record
"""
SUBJECTS, ALL_WITH_A_RECORD = "subjects", "all with a record"
"""The parameter that says whose consent was looked for, and what it is where nobody was named."""
ROLES = ("subject", "purpose", "decision", "issued", "expiry", "withdrawal", "notice_version")
_SUBJECTS = tuple({**dict.fromkeys(SUFFIXES), **ROW_SUFFIXES})
_TIMES = ("issued", "expiry", "withdrawal")
_NEEDED = ("subject", "purpose", "decision", "issued")
_FLAGS = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}


@dataclass(frozen=True)
class _Form:
    """How records are written.

    Attributes:
        columns: Column by role.
        granted: How a decision for is written.
        refused: How one against is written.
        required: Columns of flags that must be true.
    """

    columns: Mapping[str, str]
    granted: frozenset[str]
    refused: frozenset[str]
    required: tuple[str, ...]


def read(request: SourceRequest) -> Evidence:
    """Read every record; a metric that says whether all are covered."""
    table = request.table
    files = table.paths(request.folder, "path", SUFFIXES)
    form = _form(table)
    purpose = table.text("purpose")
    notices = table.texts("notices", ())
    used = _used(table, request.folder)
    observed_at = table.time("observed_at", write_time(request.now))
    table.finish()
    everything = [*files, *(used[0] if used else ())]
    unchanged = FileFingerprints(everything)
    coverage = Coverage(purpose, request.now, notices)
    for file in files:
        _require_columns(table, file, form)
        for line, values in records(file):
            coverage.add(_record(file, line, values, form))
    subjects = None if used is None else _subjects(*used)
    parameters: dict[str, Json] = {
        "purpose": purpose[:256],
        "at": write_time(request.now),
        SUBJECTS: ALL_WITH_A_RECORD if used is None else "named",
    }
    if used is not None:
        parameters["subjects_of"] = f"{used[1]} in {', '.join(used[2].texts('path'))}"[:256]
    for key, names in (("notices", notices), ("required", form.required)):
        if names:
            parameters[key] = ", ".join(names)[:256]
    outcome = coverage.outcome(subjects, parameters)
    sha256 = sha256_of(everything, request.folder)
    unchanged.require()
    metric = outcome.metric(
        source=", ".join(table.texts("path"))[:1024], observed_at=observed_at, source_sha256=sha256
    )
    notes = (f"ethics.consent: {outcome.because}",) if outcome.because else ()
    return Evidence({"ethics.consent": metric}, notes)


def _form(table: Table) -> _Form:
    named = table.table("columns")
    form = _Form(
        columns={role: named.text(role, role) for role in ROLES},
        granted=frozenset(table.texts("granted", ("granted",))),
        refused=frozenset(table.texts("refused", ("refused", "denied"))),
        required=table.texts("required", ()),
    )
    if both := sorted(form.granted & form.refused):
        raise table.refused("granted", f"{both[0]!r} would be both granted and refused")
    return form


def _used(table: Table, folder: Path) -> tuple[list[Path], str, Table] | None:
    """Files and column that say whose data is used; None where nothing does."""
    if not table.has("subjects"):
        return None
    named = table.table("subjects")
    return named.paths(folder, "path", _SUBJECTS), named.text("column"), named


def _subjects(files: Sequence[Path], column: str, table: Table) -> set[str]:
    found: set[str] = set()
    for file in files:
        if file.suffix not in SUFFIXES:
            found |= _in_table(file, column, table)
            continue
        _require_column(table, file, "column", column, columns(file))
        for line, values in records(file):
            found.add(_text(_Place(file, line).at(column, values), column))
    return found


def _in_table(file: Path, column: str, table: Table) -> set[str]:
    """The subjects of a Parquet file and the like, such as the predictions themselves."""
    rows = rows_of(Table(table.file, "", {"path": str(file)}), Path())
    with connected(rows) as connection:
        rows.require(connection, {"column": column})
        with rows.worded():
            text = f"CAST({rows.column(column)} AS VARCHAR)"
            found = connection.execute(f"SELECT DISTINCT {text} FROM {rows.scan()}").fetchall()  # noqa: S608
    place = _Place(file, 0)
    return {_text(place.at(column, {column: subject}), column) for (subject,) in found}


def _require_columns(table: Table, file: Path, form: _Form) -> None:
    there = columns(file)
    if not there:
        return
    for role in _NEEDED:
        _require_column(table, file, "columns", form.columns[role], there)
    if file.suffix == ".csv":
        optional = [form.columns[role] for role in ROLES if table.table("columns").has(role)]
        for column in optional:
            _require_column(table, file, "columns", column, there)
    for flag in form.required:
        _require_column(table, file, "required", flag, there)


def _require_column(table: Table, file: Path, key: str, column: str, there: Sequence[str]) -> None:
    if column not in there:
        hint = suggest(column, there) or f"its columns: {', '.join(there[:12])}"
        raise table.refused(key, f"{str(file)!r} has no column {column!r}", hint)


def _record(file: Path, line: int, values: Mapping[str, Json], form: _Form) -> Record:
    place = _Place(file, line)
    given = {role: place.at(column, values) for role, column in form.columns.items()}
    decision = _text(given["decision"], "decision")
    if decision not in form.granted | form.refused:
        raise given["decision"].refused(
            f"decision {decision[:40]!r} is not known",
            suggest(decision, form.granted | form.refused) or "name it in granted or refused",
        )
    times = {role: _time(given[role], role) for role in _TIMES}
    issued = times["issued"]
    if issued is None:
        raise given["issued"].refused("issued is missing", "say since when it holds")
    notice = given["notice_version"].value
    flags = [_flag(place.at(name, values), name) for name in form.required]
    return Record(
        subject=_text(given["subject"], "subject"),
        purpose=_text(given["purpose"], "purpose"),
        granted=decision in form.granted,
        issued=issued,
        expiry=times["expiry"],
        withdrawal=times["withdrawal"],
        notice_version=None if notice is None else str(notice),
        flags=all(flags),
    )


@dataclass(frozen=True, slots=True)
class _Place:
    """A record: its file and line, of Parquet and the like 0; there it may hold a value."""

    file: Path
    line: int

    def at(self, column: str, values: Mapping[str, Json]) -> _Cell:
        return _Cell(self, column, values.get(column))


@dataclass(frozen=True, slots=True)
class _Cell:
    """What a record holds in one column."""

    place: _Place
    column: str
    value: Json

    def refused(self, reason: str, hint: str) -> DocumentError:
        file, line = self.place.file, self.place.line
        where = place_of(file, line, self.column) if line else Position(str(file))
        return DocumentError(where, reason, hint)


def _text(cell: _Cell, role: str) -> str:
    """A text that is not empty. What it is is not told: it may be about a person."""
    if type(cell.value) is int:
        return str(cell.value)
    if not isinstance(cell.value, str) or not cell.value:
        raise cell.refused(f"{role} is missing or no text", "every record needs one")
    return cell.value


def _time(cell: _Cell, role: str) -> datetime | None:
    if cell.value is None:
        return None
    try:
        return parse_time(cell.value if isinstance(cell.value, str) else "").astimezone(UTC)
    except (ValueError, OverflowError):
        reason = f"{role} {str(cell.value)[:40]!r} is no time"
        raise cell.refused(reason, "with its zone, such as 2026-01-31T12:00:00Z") from None


def _flag(cell: _Cell, name: str) -> bool:
    value = cell.value
    found = value if isinstance(value, bool) else _FLAGS.get(str(value).lower())
    if found is None:
        raise cell.refused(f"{name} is neither true nor false", "write true or false")
    return found

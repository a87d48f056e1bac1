"""``kind = "coverage"``: which lines and branches tests reach, counted line by line."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TypeVar

from engine.errors import DocumentError, Position
from engine.evidence.sources.changed_lines import changed_lines
from engine.evidence.sources.contract import Evidence, SourceRequest
from engine.evidence.sources.heads import Head, read_head
from engine.evidence.sources.json_events import ANY, OPENED, read_values
from engine.evidence.sources.reports import Reports, listed, reports_of, unfit
from engine.evidence.sources.xml_events import RefusedXmlError, read_xml
from engine.model import Json
from engine.system.reading import open_to_read

EXAMPLE = """\
[[source]]
kind = "coverage"
path = "coverage.xml"               # Cobertura, LCOV, JaCoCo, coverage.py's JSON
changed_since = "origin/main"       # also: of the lines changed since; a revision of git
"""
METHOD = "coverage/1"
MAX_LINE = 2_000_000
"""Largest number of a line."""
MAX_LINES = 50_000_000
"""Of all files together."""
_MAX_BYTES_OF_LINE = 1_000_000
_MISSED, _COVERED = 1, 2
_T = TypeVar("_T")
_CONDITIONS = re.compile(r"\d+(?:\.\d+)?%\s*\((\d{1,9})/(\d{1,9})\)")


def recognise(head: Head) -> str:
    """Return why a file is a coverage report; empty where it is none."""
    form = _form_of(head)
    return form and f"the form of {form}"


def _form_of(head: Head) -> str:
    if head.xml is not None:
        if head.xml.root == "coverage" and {"line-rate", "version"} & head.xml.attributes.keys():
            return "Cobertura" if "packages" in head.xml.names else ""
        is_jacoco = head.xml.root == "report" and head.xml.names & {"sourcefile", "counter"}
        return "JaCoCo" if is_jacoco and "package" in head.xml.names else ""
    if head.json is not None:
        is_own = {"meta", "files", "totals"} <= head.json.members.keys()
        return "coverage.py" if is_own and "version" in head.json.inner.get("meta", {}) else ""
    is_lcov = re.search(r"(?m)^SF:.+\n(?:[A-Z]+:.*\n)*?(?:DA:\d+,|LF:\d|end_of_record)", head.text)
    return "LCOV" if is_lcov and re.match(r"(?:TN:|SF:|#)", head.text) else ""


@dataclass
class Measured:
    """What is known of every line, by file.

    Attributes:
        lines: By file; at a line's number 0 is no code, 1 was not reached, 2 was.
        branches: By file and line: reached, and all. Of several reports the most of both.
    """

    lines: dict[str, bytearray] = field(default_factory=dict)
    branches: dict[str, dict[int, tuple[int, int]]] = field(default_factory=dict)
    _kept: int = 0

    def add(self, name: str, line: int, *, is_reached: bool) -> None:
        """Keep a line; once reached it stays so."""
        if not 0 < line <= MAX_LINE:
            raise ValueError(f"{line} is no number of a line")
        known = self.lines.setdefault(name, bytearray())
        if line >= len(known):
            more = line + 1 - len(known)
            self._kept += more
            if self._kept > MAX_LINES:
                raise ValueError(f"more than {MAX_LINES:,} lines")
            known.extend(bytes(more))
        if known[line] != _COVERED:
            known[line] = _COVERED if is_reached else _MISSED

    def add_branches(self, name: str, line: int, reached: int, every: int) -> None:
        """Keep the branches of a line."""
        if not 0 <= reached <= every:
            raise ValueError(f"{reached} of {every} branches")
        known = self.branches.setdefault(name, {})
        before = known.get(line, (0, 0))
        known[line] = (max(before[0], reached), max(before[1], every))

    def count(self) -> tuple[int, int]:
        """Return how many lines were reached, and how many there are."""
        reached = sum(known.count(_COVERED) for known in self.lines.values())
        return reached, reached + sum(known.count(_MISSED) for known in self.lines.values())

    def count_branches(self) -> tuple[int, int]:
        """Return how many branches were reached, and how many there are."""
        pairs = [pair for known in self.branches.values() for pair in known.values()]
        return sum(reached for reached, _ in pairs), sum(every for _, every in pairs)


def _whole(text: object, what: str) -> int:
    if isinstance(text, int) and not isinstance(text, bool) and 0 <= text < 10**18:
        return text
    if isinstance(text, str) and re.fullmatch(r"[0-9]{1,18}", text):
        return int(text)
    raise ValueError(f"{what} is {str(text)[:40]!r}, and no count")


class _Cobertura:
    """Reads the elements of a Cobertura report."""

    def __init__(self, reports: Reports, file: Path, measured: Measured) -> None:
        self._reports, self._file, self._measured = reports, file, measured
        self._path: list[str] = []
        self._name = ""
        self._valid: int | None = None
        self._count = 0

    def start(self, name: str, attributes: Mapping[str, str]) -> None:
        self._path.append(name)
        if name == "line" and self._path[-3:-1] == ["class", "lines"]:
            self._line(attributes)
        elif name == "class":
            self._name = attributes.get("filename", "")
            if not self._name:
                raise RefusedXmlError("a <class> without filename")
        elif len(self._path) == 1:
            if name != "coverage":
                raise RefusedXmlError(f"its first element is <{name}>, and not <coverage>")
            if valid := attributes.get("lines-valid"):
                self._valid = _checked(_whole, valid, "lines-valid")
            if stamp := re.fullmatch(r"(\d{10})(\d{3})?", attributes.get("timestamp", "")):
                self._reports.made_at(self._file, int(stamp[1]))

    def _line(self, attributes: Mapping[str, str]) -> None:
        number = _checked(_whole, attributes.get("number"), "number")
        hits = _checked(_whole, attributes.get("hits"), "hits")
        self._count += 1
        _checked(self._measured.add, self._name, number, is_reached=hits > 0)
        if attributes.get("branch") == "true":
            found = _CONDITIONS.fullmatch(attributes.get("condition-coverage", ""))
            if found is None:
                self._reports.count_unknown("branches of a line")
                return
            _checked(self._measured.add_branches, self._name, number, int(found[1]), int(found[2]))

    def end(self, _name: str) -> None:
        self._path.pop()
        if not self._path and self._valid is not None and self._count < self._valid:
            raise RefusedXmlError(f"counts {self._valid:,} lines, and has {self._count:,}")


class _JaCoCo:
    """Reads the elements of a JaCoCo report."""

    def __init__(self, reports: Reports, file: Path, measured: Measured) -> None:
        self._reports, self._file, self._measured = reports, file, measured
        self._path: list[str] = []
        self._package = self._name = ""
        self._count = 0

    def start(self, name: str, attributes: Mapping[str, str]) -> None:
        self._path.append(name)
        if name == "line" and self._path[-2:-1] == ["sourcefile"]:
            numbers = [_checked(_whole, attributes.get(key), key) for key in _JACOCO]
            line, _missed, reached, missed_branches, reached_branches = numbers
            self._count += 1
            _checked(self._measured.add, self._name, line, is_reached=reached > 0)
            if every := missed_branches + reached_branches:
                add = self._measured.add_branches
                _checked(add, self._name, line, reached_branches, every)
        elif name == "package":
            self._package = attributes.get("name", "")
        elif name == "sourcefile":
            self._name = f"{self._package}/{attributes.get('name', '')}".lstrip("/")
            self._count = 0
        elif name == "counter" and self._path[-2:-1] == ["sourcefile"]:
            self._counter(attributes)
        elif name == "sessioninfo" and re.fullmatch(r"\d{13}", attributes.get("dump", "")):
            self._reports.made_at(self._file, int(attributes["dump"]) // 1000)
        elif len(self._path) == 1 and name != "report":
            raise RefusedXmlError(f"its first element is <{name}>, and not <report>")

    def _counter(self, attributes: Mapping[str, str]) -> None:
        if attributes.get("type") != "LINE":
            return
        counted = sum(_checked(_whole, attributes.get(key), key) for key in ("missed", "covered"))
        if self._count < counted:
            raise RefusedXmlError(
                f"{self._name[:100]!r} counts {counted:,} lines, and has {self._count:,}"
            )

    def end(self, _name: str) -> None:
        self._path.pop()


_JACOCO = ("nr", "mi", "ci", "mb", "cb")


def _checked(call: Callable[..., _T], *arguments: object, **named: object) -> _T:
    """Return what ``call`` returns; what it refuses is refused with the element's line."""
    try:
        return call(*arguments, **named)
    except ValueError as error:
        raise RefusedXmlError(str(error)) from None


def _read_xml(
    reader: type[_Cobertura | _JaCoCo], reports: Reports, file: Path, measured: Measured
) -> None:
    reading = reader(reports, file, measured)
    read_xml(file, reports.names[file], reading.start, reading.end)


def _read_own(reports: Reports, file: Path, measured: Measured) -> None:
    """Read the JSON of coverage.py."""
    name = reports.names[file]
    found = 0
    total: Json = None
    for which, place, value in read_values(file, name, [("files", ANY), ("totals",)]):
        if value is OPENED:
            continue
        pointer = "/" + "/".join(map(str, place))
        if which == 1:
            total = value.get("num_statements") if isinstance(value, dict) else None
            continue
        try:
            found += _own_file(str(place[1]), value, measured)
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise unfit(name, f"is no file's coverage: {error}"[:200], pointer) from None
    if total is None or total != found:
        reason = f"counts {total} statements, and has {found:,}"
        raise unfit(name, reason, "/totals/num_statements")


def _own_file(name: str, value: Json, measured: Measured) -> int:
    reached, missed = value["executed_lines"], value["missing_lines"]
    counted = value["summary"]["num_statements"]
    if not isinstance(reached, list) or len(reached) + len(missed) != counted:
        raise ValueError(f"it counts {counted} statements, and has {len(reached) + len(missed)}")
    for lines, is_reached in ((reached, True), (missed, False)):
        for line in lines:
            measured.add(name, _whole(line, "a line"), is_reached=is_reached)
    every: dict[int, list[int]] = {}
    for key, at in (("executed_branches", 0), ("missing_branches", 1)):
        for start, _end in value.get(key, ()):
            every.setdefault(_whole(abs(start), "a line"), [0, 0])[at] += 1
    for line, (taken, left) in every.items():
        measured.add_branches(name, line, taken, taken + left)
    return int(counted)


def _read_lcov(reports: Reports, file: Path, measured: Measured) -> None:
    name = reports.names[file]
    source, count = "", 0
    branches: dict[int, dict[str, bool]] = {}
    number = 0
    for number, line in enumerate(_text_lines(file, name), 1):
        key, _, rest = line.partition(":")
        try:
            if key == "SF":
                source, count, branches = rest, 0, {}
            elif line == "end_of_record":
                for at, taken in branches.items():
                    measured.add_branches(source, at, sum(taken.values()), len(taken))
                source = ""
            elif key in ("DA", "BRDA", "LF") and not source:
                raise ValueError(f"{key} outside of a record")
            elif key == "DA":
                text, hits = rest.split(",")[:2]
                measured.add(source, _whole(text, "line"), is_reached=_whole(hits, "hits") > 0)
                count += 1
            elif key == "BRDA":
                text, block, branch, times = rest.split(",")
                is_taken = times != "-" and _whole(times, "taken") > 0
                known = branches.setdefault(_whole(text, "line"), {})
                known[f"{block},{branch}"] = known.get(f"{block},{branch}", False) or is_taken
            elif key == "LF" and _whole(rest, "LF") > count:
                raise ValueError(f"counts {rest} lines, and has {count:,}")
            elif key not in _LCOV and line and not line.startswith("#"):
                reports.count_unknown(f"a line that starts with {key[:20]!r}")
        except ValueError as error:
            raise unfit(name, str(error)[:200], line=number) from None
    if source:
        raise unfit(name, "is cut off inside of a record", line=number)


_LCOV = frozenset(
    "TN SF VER FN FNDA FNF FNH FNL FNA BRF BRH LH DA BRDA LF MCDC MCF MCH".split()  # noqa: SIM905
)


def _text_lines(file: Path, name: str) -> Iterator[str]:
    try:
        with open_to_read(file) as opened:
            while data := opened.readline(_MAX_BYTES_OF_LINE):
                if len(data) == _MAX_BYTES_OF_LINE:
                    raise unfit(name, "a line is too long")
                yield data.decode().rstrip("\r\n")
    except UnicodeDecodeError:
        raise unfit(name, "is not UTF-8") from None
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise DocumentError(Position(name), reason, "name a file that can be read") from None


_READERS: Mapping[str, Callable[[Reports, Path, Measured], None]] = {
    "Cobertura": partial(_read_xml, _Cobertura),
    "JaCoCo": partial(_read_xml, _JaCoCo),
    "coverage.py": _read_own,
    "LCOV": _read_lcov,
}


def read(request: SourceRequest) -> Evidence:
    """Count the lines of every file; a line that any report reaches is reached."""
    table = request.table
    reports = reports_of(request)
    since = table.text("changed_since") if table.has("changed_since") else ""
    table.finish()
    measured = Measured()
    forms = set()
    for file in reports.files:
        name = reports.names[file]
        form = _form_of(read_head(file, name))
        if not form:
            known = ", ".join(_READERS)
            raise unfit(name, f"is none of {known}; an error page, or cut off at its start?")
        forms.add(form)
        _READERS[form](reports, file, measured)
    parameters: dict[str, Json] = {"form": ", ".join(sorted(forms))}
    if since:
        parameters["changed_since"] = since[:256]
    reached, every = measured.count()
    pairs = {
        "quality.coverage_lines": (reached, every),
        "quality.coverage_branches": measured.count_branches(),
    }
    if since:
        pairs["quality.coverage_changed_lines"] = _of_changed(request, reports, measured, since)
    about = reports.about(METHOD, parameters)
    if not every:
        reports.note(f"{listed(reports.names.values())}: no line of code was measured")
    return Evidence(
        {name: _ratio(pair, about, every) for name, pair in pairs.items()}, tuple(reports.notes)
    )


def _ratio(pair: tuple[int, int], about: Mapping[str, Json], lines: int) -> dict[str, Json]:
    reached, every = pair
    if every:
        return {"value": reached / every, "n": every, **about}
    status = "undefined" if lines else "insufficient_data"
    return {"value": None, "status": status, "n": 0, **about}


def _of_changed(
    request: SourceRequest, reports: Reports, measured: Measured, since: str
) -> tuple[int, int]:
    """How many of the lines that were changed tests reach, and how many of them are code."""
    changed = changed_lines(request.folder, request.environ, since, request.table)
    suffixes = {Path(name).suffix for name in measured.lines}
    reached = every = 0
    missing = []
    for path, lines in changed.items():
        names = [name for name in measured.lines if _is_same(name, path)]
        if len(names) > 1:
            reason = f"names the changed file {path} more than once: {listed(names)}"
            raise unfit(listed(reports.names.values()), reason)
        if not names:
            if Path(path).suffix in suffixes:
                missing.append(path)
            continue
        known = measured.lines[names[0]]
        found = [known[line] for line in lines if line < len(known)]
        reached += found.count(_COVERED)
        every += found.count(_COVERED) + found.count(_MISSED)
    if missing:
        reports.count_unknown("changed files that no report names", len(missing))
        reports.note(f"changed, and in no coverage report: {listed(missing)}")
    return reached, every


def _is_same(name: str, path: str) -> bool:
    """Whether a report's file is the repository's: one path ends as the other does, by folder."""
    ours, theirs = _parts(path), _parts(name)
    shorter = min(len(ours), len(theirs))
    return bool(shorter) and ours[-shorter:] == theirs[-shorter:]


def _parts(path: str) -> Sequence[str]:
    return [part for part in path.replace("\\", "/").split("/") if part not in ("", ".")]

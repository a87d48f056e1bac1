"""CSV and JSON lines, one record after the other, each with the line it stands on."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from itertools import chain, islice
from pathlib import Path

from engine.errors import DocumentError, Position
from engine.formats.json_positions import escape, json_places, line_and_column
from engine.formats.json_text import UnreadableTextError, read_json
from engine.model import Json
from engine.system.reading import open_to_read

SUFFIXES = (".csv", ".jsonl", ".ndjson")
DELIMITERS = (",", ";", "\t", "|")
"""What programs put between the cells of CSV."""
_LONGEST_LINE = 1 << 20
_MOST_LINES = 1_000
"""Of a record of CSV, that its cells are looked for in."""


def records(file: Path) -> Iterator[tuple[int, dict[str, Json]]]:
    """Yield line and record; an empty cell of CSV is None.

    Raises:
        DocumentError: Not UTF-8, not CSV or JSON lines, a column or key twice, a row with
            more or fewer cells than the header; says where.
    """
    try:
        yield from _csv(file) if file.suffix == ".csv" else _json_lines(file)
    except OSError as error:
        raise _refused(file, 0, (error.strerror or str(error)).lower()) from None


def columns(file: Path) -> Sequence[str]:
    """Return the columns of a CSV, or the keys of the first JSON line; empty without any."""
    if file.suffix != ".csv":
        return list(next(records(file), (0, {}))[1])
    with open_to_read(file) as opened:
        for _line, row in _rows(file, opened):
            return row
    return []


def _csv(file: Path) -> Iterator[tuple[int, dict[str, Json]]]:
    with open_to_read(file) as opened:
        rows = _rows(file, opened)
        _line, header = next(rows, (0, []))
        if not any(header):
            raise _refused(file, 1, "is empty: no header")
        doubled = next((name for name in header if header.count(name) > 1), None)
        if doubled is not None:
            raise _refused(file, 1, f"column {doubled!r} is there twice")
        for line, row in rows:
            if len(row) != len(header):
                raise _refused(file, line, f"{len(row)} cells where the header has {len(header)}")
            yield line, {key: cell or None for key, cell in zip(header, row, strict=True)}


def _rows(file: Path, opened: Iterator[bytes]) -> Iterator[tuple[int, list[str]]]:
    lines = _lines(file, opened)
    first = next(lines, "")
    reader = csv.reader(chain([first], lines), delimiter=delimiter_of(first), strict=True)
    while True:
        start = reader.line_num + 1
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise _refused(file, reader.line_num, str(error)) from None
        if row:
            yield start, row


def _json_lines(file: Path) -> Iterator[tuple[int, dict[str, Json]]]:
    with open_to_read(file) as opened:
        for number, line in enumerate(_lines(file, opened), 1):
            if not line.strip():
                continue
            try:
                value = read_json(line.rstrip("\r\n").encode())
            except UnreadableTextError as refused:
                flaw = refused.flaw
                raise _refused(file, number, flaw.reason, flaw.offset + 1) from None
            if not isinstance(value, dict):
                raise _refused(file, number, "is no object")
            yield number, value


def delimiter_of(header: str, default: str = ",") -> str:
    """Return what stands between the names of a header: ``default``, unless only another parts it.

    A header that two of them part is read by the default; a column that is then not found is
    refused, so that nothing is read by a wrong one.
    """
    parting = [mark for mark in DELIMITERS if len(_parted(header, mark)) > 1]
    return parting[0] if len(parting) == 1 else default


def _parted(header: str, mark: str) -> list[str]:
    try:
        return next(csv.reader([header], delimiter=mark, strict=True), [])
    except csv.Error:
        return []


def _lines(file: Path, opened: Iterator[bytes]) -> Iterator[str]:
    for number, line in enumerate(opened, 1):
        if len(line) > _LONGEST_LINE:
            raise _refused(file, number, f"longer than {_LONGEST_LINE:,} bytes")
        try:
            yield line.decode("utf-8-sig" if number == 1 else "utf-8")
        except UnicodeDecodeError:
            raise _refused(file, number, "is not written in UTF-8") from None


def place_of(file: Path, line: int, column: str) -> Position:
    """Return where a record that starts at ``line`` has its value of ``column``.

    The file is read once more: only an error asks. The column is counted in characters, and not
    known where the record lacks the value.

    Args:
        file: CSV or JSON lines, as :func:`records` reads it.
        line: As :func:`records` gives it.
        column: Of the header, or key.
    """
    with open_to_read(file) as opened:
        text = "".join(islice(_lines(file, opened), line - 1, line - 1 + _MOST_LINES))
    if file.suffix != ".csv":
        at = json_places(text.partition("\n")[0])[0].get(f"/{escape(column)}")
        return Position(str(file), line, 0 if at is None else at + 1)
    names = columns(file)
    at = _cell_at(text, names.index(column), _delimiter(file)) if column in names else None
    if at is None:
        return Position(str(file), line)
    below, inside = line_and_column(text, at)
    return Position(str(file), line + below - 1, inside)


def line_of_row(file: Path, row: int, delimiter: str) -> int:
    """Return the line at which a row starts, counted as DuckDB numbers rows; 0 where none does.

    An empty line is a row only of a CSV with one column.

    Args:
        file: CSV, unless it ends as JSON lines do.
        row: Counted from 1, without the header.
        delimiter: Of CSV.
    """
    with open_to_read(file) as opened:
        lines = (raw.decode("utf-8", "replace") for raw in opened)
        if file.suffix in (".jsonl", ".ndjson"):
            filled = (number for number, line in enumerate(lines, 1) if line.strip())
            return next(islice(filled, row - 1, None), 0)
        reader = csv.reader(lines, delimiter=delimiter)
        width = len(next(reader, []))
        start = reader.line_num + 1
        for cells in reader:
            row -= 1 if cells or width == 1 else 0
            if not row:
                return start
            start = reader.line_num + 1
    return 0


def _delimiter(file: Path) -> str:
    with open_to_read(file) as opened:
        return delimiter_of(next(_lines(file, opened), ""))


def _cell_at(text: str, index: int, delimiter: str) -> int | None:
    """The offset of a cell of the record that ``text`` starts with; None where it has fewer."""
    is_quoted = False
    if not index:
        return 0
    for at, sign in enumerate(text):
        if sign == '"':
            is_quoted = not is_quoted
        elif is_quoted:
            continue
        elif sign == "\n":
            return None
        elif sign == delimiter:
            index -= 1
            if not index:
                return at + 1
    return None


def _refused(file: Path, line: int, reason: str, column: int = 0) -> DocumentError:
    hint = "write CSV with a header, or one JSON object per line, in UTF-8"
    return DocumentError(Position(str(file), line, column), reason, hint)

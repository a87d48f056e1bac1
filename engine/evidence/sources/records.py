"""CSV and JSON lines, one record after the other, each with the line it stands on."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path

from engine.errors import DocumentError, Position
from engine.formats.json_text import UnreadableTextError, read_json
from engine.model import Json
from engine.system.reading import open_to_read

SUFFIXES = (".csv", ".jsonl", ".ndjson")
DELIMITERS = (",", ";", "\t", "|")
"""What programs put between the cells of CSV."""
_LONGEST_LINE = 1 << 20


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
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise _refused(file, reader.line_num, str(error)) from None
        if row:
            yield reader.line_num, row


def _json_lines(file: Path) -> Iterator[tuple[int, dict[str, Json]]]:
    with open_to_read(file) as opened:
        for number, line in enumerate(_lines(file, opened), 1):
            if not line.strip():
                continue
            try:
                value = read_json(line.encode())
            except UnreadableTextError as refused:
                raise _refused(file, number, refused.flaw.reason) from None
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


def _refused(file: Path, line: int, reason: str) -> DocumentError:
    hint = "write CSV with a header, or one JSON object per line, in UTF-8"
    return DocumentError(Position(str(file), line, 1 if line else 0), reason, hint)

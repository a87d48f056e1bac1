"""Files of rows, read by DuckDB: CSV, Parquet, JSON lines and Arrow; what it refuses, worded."""

from __future__ import annotations

import csv
import re
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine.errors import DocumentError, Position, requires_extra, suggest
from engine.evidence.sources.counting import literal, name
from engine.evidence.sources.records import delimiter_of
from engine.settings.table import Table
from engine.system.reading import open_to_read

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

SUFFIXES = {
    ".csv": "csv",
    ".tsv": "csv",
    ".parquet": "parquet",
    ".pq": "parquet",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".arrow": "arrow",
    ".feather": "arrow",
}
FORMATS = ("csv", "parquet", "jsonl", "arrow")
_ARROW_VIEW = "arrow_rows"
_KEYS_LOOKED_AT = 1_000
_LONGEST_HEADER = 1 << 20


class Rows:
    """Files of one format that together are one table.

    Args:
        table: The source table they are named in, for messages.
        files: Sorted, at least one.
        kind: One of :data:`FORMATS`.
        delimiter: Of CSV.
        max_rows: Parquet that says it holds more is refused.
    """

    def __init__(
        self, table: Table, files: Sequence[Path], kind: str, delimiter: str, max_rows: int
    ) -> None:
        self._table = table
        self.files = tuple(files)
        self.kind = kind
        self.delimiter = delimiter
        self._max_rows = max_rows
        self._headers: dict[Path, tuple[str, ...]] = {}
        self._required: tuple[str, ...] = ()

    def scan(self, files: Sequence[Path] | None = None) -> str:
        """Return what stands after FROM in DuckDB's SQL, once :meth:`require` has looked."""
        chosen = self.files if files is None else files
        if self.kind == "arrow":
            return _ARROW_VIEW
        listed = f"[{', '.join(literal(str(file)) for file in chosen)}]"
        if self.kind == "parquet":
            return f"read_parquet({listed}, hive_partitioning = false)"
        if self.kind == "jsonl":
            return (
                f"read_json_objects({listed}, format = 'newline_delimited', compression = 'none')"
            )
        return self._scan_csv(chosen)

    def _scan_csv(self, files: Sequence[Path]) -> str:
        """Nothing is guessed: the names of columns are those that :meth:`require` read."""
        by_header: dict[tuple[str, ...], list[Path]] = {}
        for file in files:
            by_header.setdefault(self._headers[file], []).append(file)
        scans = []
        for header, some in by_header.items():
            # Columns nobody asks for may have one name; DuckDB wants them to have several.
            names = [
                column if column in self._required else f"{at}:{column}"
                for at, column in enumerate(header)
            ]
            columns = ", ".join(f"{literal(column)}: 'VARCHAR'" for column in names)
            scans.append(
                f"read_csv([{', '.join(literal(str(file)) for file in some)}], "
                f"columns = {{{columns}}}, auto_detect = false, header = true, "
                f"delim = {literal(self.delimiter)}, quote = '\"', escape = '\"', nullstr = '', "
                "strict_mode = true, compression = 'none', hive_partitioning = false)"
            )
        if len(scans) == 1:
            return scans[0]
        chosen = ", ".join(name(column) for column in self._required)
        return f"({' UNION ALL '.join(f'SELECT {chosen} FROM {scan}' for scan in scans)})"  # noqa: S608

    def column(self, column: str) -> str:
        """Return what stands for a column in DuckDB's SQL."""
        if self.kind == "jsonl":
            return f"json_extract_string(json, {_json_path(column)})"
        return name(column)

    def value(self, column: str) -> str:
        """Return what stands for the JSON of a member of JSON lines."""
        return f"json_extract(json, {_json_path(column)})"

    def number(self, column: str) -> str:
        """Return SQL for a column's number from 0 to 1; of text with a decimal comma, too.

        Between 0 and 1 a comma parts no thousands, so that ``0,93`` means one thing only.
        """
        text = self.column(column)
        if self.kind == "csv":
            comma = f"regexp_full_match(trim({text}), '[-+]?[0-9]?,[0-9]+([eE][-+]?[0-9]+)?')"
            text = f"CASE WHEN {comma} THEN replace({text}, ',', '.') ELSE {text} END"
        return f"TRY_CAST({text} AS DOUBLE)"

    def names(self, connection: DuckDBPyConnection) -> list[str]:
        """Return the names of the columns of the first file.

        Raises:
            DocumentError: It cannot be read.
        """
        with self.worded(self.files[0]):
            return self._columns_of(connection, self.files[0]) or []

    def every_name(self, connection: DuckDBPyConnection, file: Path) -> list[str]:
        """Return the names of all columns of one file; of JSON lines, the keys of every row.

        Raises:
            DocumentError: It cannot be read.
        """
        with self.worded(file):
            found = self._columns_of(connection, file)
            if self.kind == "jsonl" and found is not None:
                rows = connection.execute(
                    f"SELECT DISTINCT unnest(json_keys(json)) FROM {self.scan([file])}"  # noqa: S608
                ).fetchall()
                found = sorted(row[0] for row in rows)
        return found or []

    def expect(self, columns: Iterable[str]) -> None:
        """Say which columns will be asked for; each is in every file."""
        self._required = tuple(sorted(columns))

    def require(self, connection: DuckDBPyConnection, columns: Mapping[str, str]) -> None:
        """Refuse files that lack one of ``columns``, or have one twice.

        Args:
            connection: See :func:`connected`.
            columns: Column by the key that names it.

        Raises:
            ConfigError: A column is missing, with the nearest that is there, or is there twice.
            DocumentError: A file cannot be read.
        """
        self._required = tuple(dict.fromkeys(columns.values()))
        for file in self.files:
            with self.worded(file):
                found = self._columns_of(connection, file)
            if found is None:
                continue
            for key, column in columns.items():
                self._require_one(file, key, column, found)

    def _require_one(self, file: Path, key: str, column: str, found: Sequence[str]) -> None:
        if column not in found:
            hint = suggest(column, set(found)) or f"its columns: {', '.join(found[:12])}"
            raise self._table.refused(key, f"{str(file)!r} has no column {column!r}", hint)
        alike = [other for other in found if other.casefold() == column.casefold()]
        if len(alike) > 1:
            raise self._table.refused(
                key,
                f"{str(file)!r} has the column {column!r} {len(alike)} times: {', '.join(alike)}",
                "keep one of them; capital letters do not tell columns apart",
            )

    def _columns_of(self, connection: DuckDBPyConnection, file: Path) -> list[str] | None:
        """Names of columns in ``file``; None where it has no rows to have any."""
        if self.kind == "csv":
            found = _header(file, self.delimiter)
            self._headers[file] = tuple(found)
            return found
        if self.kind == "jsonl":
            return self._keys(connection, file)
        if self.kind == "arrow":
            return _arrow_columns(file)
        rows = connection.execute(
            "SELECT sum(num_rows) FROM parquet_file_metadata(?)", [str(file)]
        ).fetchall()
        if rows[0][0] > self._max_rows:
            raise self._table.refused(
                "path",
                f"{str(file)!r} says it holds {rows[0][0]:,} rows, more than {self._max_rows:,}",
                "set max_rows if so many are meant",
            )
        schema = connection.execute(
            "SELECT name, num_children FROM parquet_schema(?)", [str(file)]
        ).fetchall()
        return list(_top_columns(schema[1:]))

    def _keys(self, connection: DuckDBPyConnection, file: Path) -> list[str] | None:
        scan = self.scan([file])
        doubled = connection.execute(
            f"SELECT json_type(json), json FROM {scan} WHERE json_type(json) <> 'OBJECT' "  # noqa: S608
            "OR len(json_keys(json)) <> len(list_distinct(json_keys(json))) LIMIT 1"
        ).fetchone()
        if doubled is not None:
            what = "has a key twice" if doubled[0] == "OBJECT" else "is no object"
            line = _line_with(file, str(doubled[1]))
            raise DocumentError(
                Position(str(file), line),
                f"a line {what}: {str(doubled[1])[:80]}",
                "write one object with each key once per line",
            )
        found = connection.execute(
            f"SELECT DISTINCT unnest(json_keys(json)) FROM "  # noqa: S608
            f"(SELECT json FROM {scan} LIMIT {_KEYS_LOOKED_AT})"
        ).fetchall()
        return sorted(row[0] for row in found) or None

    @contextmanager
    def worded(self, file: Path | None = None) -> Iterator[None]:
        """Turn whatever a library says of ``file`` into a DocumentError."""
        with requires_extra("data"):
            import duckdb

            if self.kind == "arrow":
                import pyarrow

        caught: list[type[Exception]] = [duckdb.Error, OSError, UnicodeError, csv.Error]
        if self.kind == "arrow":
            caught.append(pyarrow.ArrowException)
        try:
            yield
        except (duckdb.ParserException, duckdb.CatalogException):
            raise  # the SQL is ours: no fault of the file
        except tuple(caught) as error:
            raise self._error(error, file) from None

    def _error(self, error: Exception, file: Path | None) -> DocumentError:
        text = str(error)
        named = [candidate for candidate in self.files if str(candidate) in text]
        at = file or (named[0] if named else self.files[0])
        line = re.search(r"(?:CSV Error on Line: |[Ll]ine (?:number )?)(\d+)", text)
        parts = [part for part in text.splitlines() if part.strip()]
        if "Original Line:" in text:
            parts = [part for part in parts if re.match("Expected|Error|Value|Maximum|Max", part)]
        clause = next(iter(parts), "not in its form")
        clause = re.sub(
            r"^(Invalid Input|IO|Binder|Conversion|Parser|Out of Memory) Error: ", "", clause
        )
        if "unicode" in text.lower() or isinstance(error, UnicodeError):
            clause = "is not written in UTF-8"
        reason = f"cannot be read as {self.kind}: {clause.strip()[:200]}"
        hint = f"is it whole, and is it {self.kind}? write it again, in UTF-8 where it is text"
        return DocumentError(Position(str(at), int(line[1]) if line else 0), reason, hint)


def _top_columns(schema: Sequence[tuple[str, int | None]]) -> Iterator[str]:
    """Yield the columns of a Parquet schema, without those inside lists and structures."""
    inside = 0
    for column, children in schema:
        if not inside:
            yield column
        else:
            inside -= 1
        inside += children or 0


def _json_path(column: str) -> str:
    path = column.replace("\\", "\\\\").replace('"', '\\"')
    return literal(f'$."{path}"')


def rows_of(table: Table, folder: Path) -> Rows:
    """Return the rows that ``path``, ``format``, ``delimiter`` and ``max_rows`` name.

    Raises:
        ConfigError: Nothing is there, of no known format, or of several.
    """
    files = table.paths(folder, "path", tuple(SUFFIXES))
    kinds = {SUFFIXES.get(file.suffix.lower(), file.suffix) for file in files}
    if table.has("format"):
        kinds = {table.choice("format", FORMATS)}
    kind = kinds.pop()
    if kinds:
        raise table.refused("path", "names files of several formats", "one source per format")
    if kind not in FORMATS:
        raise table.refused(
            "path",
            f"files that end in {kind!r} are not read",
            f"unpack it, or write one of: {', '.join(SUFFIXES)}",
        )
    default = "\t" if files[0].suffix == ".tsv" else ","
    if kind == "csv" and not table.has("delimiter"):
        default = delimiter_of(_first_line(files[0]), default)
    delimiter = table.text("delimiter", default, longest=1)
    return Rows(table, files, kind, delimiter, table.whole("max_rows", 10**10, least=1))


@contextmanager
def connected(rows: Rows) -> Iterator[DuckDBPyConnection]:
    """Yield a DuckDB of one's own, in memory, that loads nothing from anywhere.

    Raises:
        MissingExtraError: DuckDB is not installed.
    """
    with requires_extra("data"):
        import duckdb

        if rows.kind == "arrow":
            import pyarrow.dataset as arrow
    with tempfile.TemporaryDirectory(prefix="engine-gather-") as scratch:
        settings: dict[str, Any] = {
            "autoinstall_known_extensions": "false",
            "autoload_known_extensions": "false",
            "preserve_insertion_order": "false",
            "python_enable_replacements": "false",
            "temp_directory": scratch,
        }
        connection = duckdb.connect(":memory:", config=settings)
        try:
            # It makes a CAST of a TRY_CAST over CSV: the whole file is refused for one cell.
            connection.execute("SET disabled_optimizers = 'type_pushdown'")
            if rows.kind == "arrow":
                with rows.worded():
                    dataset = arrow.dataset([str(file) for file in rows.files], format="ipc")
                    connection.register(_ARROW_VIEW, dataset)
            yield connection
        finally:
            connection.close()


def _first_line(file: Path) -> str:
    """The header of a CSV, or nothing where it cannot be read; :func:`_header` says why."""
    try:
        with open_to_read(file) as opened:
            return opened.readline(_LONGEST_HEADER).decode("utf-8-sig")
    except (OSError, UnicodeError):
        return ""


def _header(file: Path, delimiter: str) -> list[str]:
    with open_to_read(file) as opened:
        first = opened.readline(_LONGEST_HEADER)
    text = first.decode("utf-8-sig")
    found = next(csv.reader([text], delimiter=delimiter, strict=True), [])
    if not any(found):
        raise DocumentError(
            Position(str(file), 1, 1), "is empty: no header", "write the names of its columns first"
        )
    return found


def _arrow_columns(file: Path) -> list[str]:
    """Names of columns. Every offset is looked at: those of a damaged file lead out of it."""
    with requires_extra("data"):
        import pyarrow
        import pyarrow.ipc

    with pyarrow.memory_map(str(file)) as mapped, pyarrow.ipc.open_file(mapped) as opened:
        for at in range(opened.num_record_batches):
            opened.get_batch(at).validate(full=True)
        return list(opened.schema.names)


def _line_with(file: Path, text: str) -> int:
    """Line of ``file`` that is ``text``; 0 where none is."""
    with open_to_read(file) as opened:
        for number, line in enumerate(opened, 1):
            if line.strip() == text.strip().encode():
                return number
    return 0

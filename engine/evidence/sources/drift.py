"""``kind = "drift"``: how many columns of data differ from the schema declared for a row."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from engine.compat import members
from engine.compat.doubt import Doubt
from engine.compat.flat import atom_of, atoms, flatten, required
from engine.compat.schemas import DRAFTS, Node
from engine.errors import UsageError
from engine.evidence.sources.contract import Evidence, SourceRequest
from engine.evidence.sources.counting import name
from engine.evidence.sources.digest import FileFingerprints, sha256_of
from engine.evidence.sources.rows import Rows, connected, rows_of
from engine.evidence.sources.schemas import read_side
from engine.formats.times import write_time
from engine.model import Json

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

EXAMPLE = """\
[[source]]
kind = "drift"
path = "orders.parquet"              # or .csv, .jsonl, .arrow, a folder, a glob
schema = "schemas/order.json"        # JSON Schema of one row, a file or REVISION:PATH
"""
MAX_DISTINCT = 100_000
"""Different values of a column of lists or objects that are looked into; more are not measured."""
_TEXT = "string"
_KINDS = {
    "BOOLEAN": "boolean", "BIGINT": "integer", "UBIGINT": "integer", "HUGEINT": "integer",
    "UHUGEINT": "integer", "INTEGER": "integer", "UINTEGER": "integer", "SMALLINT": "integer",
    "USMALLINT": "integer", "TINYINT": "integer", "UTINYINT": "integer", "DOUBLE": "number",
    "FLOAT": "number", "DECIMAL": "number", "VARCHAR": _TEXT, "ARRAY": "array", "LIST": "array",
    "OBJECT": "object", "STRUCT": "object", "MAP": "object", "NULL": "null",
}  # fmt: skip


def read(request: SourceRequest) -> Evidence:
    """Hold the columns of every file against the schema.

    A column differs that the schema does not name, that it requires and a row lacks, or that has
    a value of a type it does not allow, also inside lists and objects. Where the schema says
    nothing of ``additionalProperties``, a column that it does not name differs too. Bounds,
    patterns and listed values are tests of data, and not looked at. In CSV an empty cell is none,
    and a number or a boolean is what can be read as one.
    """
    table = request.table
    rows = rows_of(table, request.folder)
    named = table.text("schema")
    draft = table.choice("draft", tuple(DRAFTS)) if table.has("draft") else None
    observed_at = table.time("observed_at", write_time(request.now))
    table.finish()
    try:
        side = read_side(named, request.folder, request.environ, draft)
    except UsageError as error:
        raise table.refused("schema", error.message, error.hint) from None
    if not side.is_file:
        raise table.refused("schema", f"{named!r} is a folder", "name the schema of one row")
    unchanged = FileFingerprints(rows.files)
    (document,) = side.schemas.documents
    with connected(rows) as connection:
        data = _Data(rows, connection)
        count = data.count()
        try:
            found = dict(_differences(data, side.schemas.root(document)))
            says: dict[str, Json] = {"value": len(found), "n": count}
            notes = [f"data.schema_drift: {column}: {why}" for column, why in found.items()]
        except Doubt as doubt:
            says = {"value": None, "status": "undefined", "n": count}
            notes = [f"data.schema_drift: {doubt.pointer or '/'} of the schema: {doubt.reason}"]
    if not count:
        says = {"value": None, "status": "insufficient_data", "n": 0}
        notes = ["data.schema_drift: the files have no row"]
    sha256 = sha256_of(list(rows.files), request.folder)
    unchanged.require()
    metric: dict[str, Json] = {
        **says,
        "observed_at": observed_at,
        "source": ", ".join(table.texts("path"))[:1024],
        "computed": {
            "method": "drift/1",
            "parameters": {"schema": named[:256]},
            "source_sha256": sha256,
        },
    }
    return Evidence({"data.schema_drift": metric}, tuple(notes[:20]))


class _Data:
    """The rows and what is asked about a column of them."""

    def __init__(self, rows: Rows, connection: DuckDBPyConnection) -> None:
        self._rows = rows
        self._connection = connection
        self.is_text = rows.kind == "csv"
        self.has_nulls = rows.kind == "jsonl"  # elsewhere a cell without a value is null or absent
        by_file = [set(rows.every_name(connection, file)) for file in rows.files]
        self.columns = sorted(set().union(*by_file))
        self.everywhere = set.intersection(*by_file)
        rows.expect(self.everywhere)

    def _query(self, sql: str) -> list[tuple[Json, ...]]:
        with self._rows.worded():
            return self._connection.execute(sql).fetchall()

    def count(self) -> int:
        """Return how many rows there are."""
        return int(self._query(f"SELECT count(*) FROM {self._rows.scan()}")[0][0])  # noqa: S608

    def kinds(self, column: str) -> set[str]:
        """Return the kinds of its values, as atoms; ``absent`` where a row has none."""
        value, kind = self._value(column)
        whole = f"TRY_CAST({value} AS DOUBLE) = floor(TRY_CAST({value} AS DOUBLE))"
        found = self._query(
            f"SELECT DISTINCT {kind}, CASE WHEN {kind} IN ('DOUBLE', 'FLOAT') "  # noqa: S608
            f"OR {kind} LIKE 'DECIMAL%' THEN {whole} END FROM {self._rows.scan()}"
        )
        return {_atom(word, is_whole) for word, is_whole in found}

    def _value(self, column: str) -> tuple[str, str]:
        if self._rows.kind == "jsonl":
            value = self._rows.value(column)
            return f"({value} ->> '$')", f"json_type({value})"
        value = name(column)
        return value, f"CASE WHEN {value} IS NOT NULL THEN typeof({value}) END"

    def unreadable(self, column: str, kinds: set[str]) -> bool:
        """Whether a cell of text can be read as none of ``kinds``."""
        value = name(column)
        casts = {
            "integer": f"TRY_CAST({value} AS DOUBLE) = floor(TRY_CAST({value} AS DOUBLE))",
            "fraction": f"TRY_CAST({value} AS DOUBLE) IS NOT NULL",
            "boolean": f"lower({value}) IN ('true', 'false')",
            "null": "false",
        }
        fits = " OR ".join(f"coalesce({casts[kind]}, false)" for kind in sorted(kinds & set(casts)))
        sql = f"SELECT 1 FROM {self._rows.scan()} WHERE {value} IS NOT NULL AND NOT ({fits or 'false'})"  # noqa: E501, S608
        return bool(self._query(f"{sql} LIMIT 1"))

    def nested(self, column: str) -> Iterator[Json]:
        """Yield the different lists and objects of a column.

        Raises:
            Doubt: There are too many.
        """
        value = (
            self._rows.value(column) if self._rows.kind == "jsonl" else f"to_json({name(column)})"
        )
        found = self._query(
            f"SELECT DISTINCT CAST({value} AS VARCHAR) FROM {self._rows.scan()} "  # noqa: S608
            f"WHERE json_type({value}) IN ('ARRAY', 'OBJECT') LIMIT {MAX_DISTINCT + 1}"
        )
        if len(found) > MAX_DISTINCT:
            raise Doubt("", f"{column} has over {MAX_DISTINCT:,} different lists or objects")
        yield from (json.loads(text) for (text,) in found)


def _atom(word: Json, is_whole: Json) -> str:
    if word is None:
        return "absent"
    kind = _KINDS.get(str(word).partition("(")[0], "array" if str(word).endswith("[]") else _TEXT)
    return "integer" if kind == "number" and is_whole else "fraction" if kind == "number" else kind


def _differences(data: _Data, root: Node) -> Iterator[tuple[str, str]]:
    """Yield each column that differs, and how."""
    flat = flatten([root])
    if flat is None or "object" not in atoms(flat):
        raise Doubt(root.pointer, "the schema of a row is that of an object")
    loose = next(
        (n for n in flat if n.has("anyOf", "oneOf", "if", "not", "dependentSchemas")), None
    )
    if loose is not None:
        raise Doubt(loose.pointer, "alternatives and conditions have no one set of columns")
    must = required(flat)
    for column in sorted(must - set(data.columns)):
        yield column, "is required, and missing"
    for column in data.columns:
        why = _difference(data, flat, column, is_required=column in must)
        if why:
            yield column, why


def _difference(data: _Data, flat: Sequence[Node], column: str, *, is_required: bool) -> str:
    if not _is_declared(flat, column):
        return "is not declared"
    if column not in data.everywhere:
        return "is in some files only"
    inner = flatten(members.member(flat, column))
    if inner is None:
        return "is not allowed"
    if data.is_text:
        return _difference_of_text(data, column, atoms(inner), is_required=is_required)
    return _difference_inside(data, column, inner, is_required=is_required)


def _difference_of_text(data: _Data, column: str, allowed: set[str], *, is_required: bool) -> str:
    if is_required and "null" not in allowed and "absent" in data.kinds(column):
        return "is required, and empty in a row"
    if _TEXT not in allowed and data.unreadable(column, allowed):
        return f"has a value that is no {' or '.join(sorted(allowed))}"
    return ""


def _difference_inside(
    data: _Data, column: str, inner: Sequence[Node], *, is_required: bool
) -> str:
    allowed = atoms(inner)
    found = data.kinds(column)
    if is_required and "absent" in found and (data.has_nulls or "null" not in allowed):
        return "is required, and missing in a row"
    wrong = sorted(found - {"absent"} - allowed)
    if wrong:
        return f"has a value of type {'number' if wrong[0] == 'fraction' else wrong[0]}"
    if found & {"array", "object"} and any(_differs(inner, value) for value in data.nested(column)):
        return "has other values inside than declared"
    return ""


def _is_declared(flat: Sequence[Node], column: str) -> bool:
    """Whether a schema names it, has a pattern for it, or says what others are like."""
    return any(
        column in node.get("properties", {})
        or any(members.matches(p, column, node) for p in node.get("patternProperties", {}))
        or node.get("additionalProperties", False) is not False
        for node in flat
    )


def _differs(nodes: Sequence[Node], value: Json) -> bool:
    """Whether a value inside a column is of another shape than declared."""
    flat = flatten(nodes)
    if flat is None or atom_of(value) not in atoms(flat):
        return True
    if isinstance(value, list):
        return any(_differs(members.item(flat, n), item) for n, item in enumerate(value))
    if isinstance(value, dict):
        is_open = not any(node.has("properties", "patternProperties") for node in flat)
        return any(key not in value for key in required(flat)) or any(
            (not is_open and not _is_declared(flat, key))
            or _differs(members.member(flat, key), item)
            for key, item in value.items()
        )
    return False

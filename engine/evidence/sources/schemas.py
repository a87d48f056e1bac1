"""JSON Schemas, old against new: two files, two folders, or two revisions of a git repository."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, cast

from engine.compat import DIRECTIONS, Comparison, Direction, compare
from engine.compat.outcome import UndecidedPoint
from engine.compat.schemas import DRAFTS, SchemaSet
from engine.errors import DocumentError, Position, UsageError
from engine.evidence.sources.contract import Evidence, SourceRequest
from engine.formats.json_positions import escape, line_and_column
from engine.formats.json_text import UnreadableTextError, read_exact_json
from engine.model import Json
from engine.system.git import run_git
from engine.system.reading import read_whole
from engine.system.walk import LeftOut, files_below, has_suffix, remarks

EXAMPLE = """\
[[source]]
kind = "schemas"
old = "v1/schemas"                   # a file, a folder, or REVISION:PATH of a git repository
new = "schemas"
direction = "output"                 # output: old readers read new; input: new reads old; both
draft = "2020-12"                    # of schemas without $schema: 4, 6, 7, 2019-09, 2020-12
annotations = ["x-owner"]            # further keywords that do not constrain
"""

MAX_BYTES = 4 * 1024 * 1024
MAX_FILES = 2_000
_REVISION = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._/@{}~^+-]{0,199}\Z")


@dataclass(frozen=True, slots=True)
class Side:
    """The schemas of one side.

    Attributes:
        name: As the caller gave it.
        schemas: By path inside the folder; a single file by its name.
        is_file: Whether the caller named one file.
        left_out: Of a folder on disk, what was not looked at.
    """

    name: str
    schemas: SchemaSet
    is_file: bool
    left_out: tuple[LeftOut, ...] = ()


def is_schema(path: str) -> bool:
    """Whether a file below a folder, on disk or in a revision, is read: ``*.json``, not hidden."""
    hidden = any(part.startswith(".") for part in path.split("/"))
    return has_suffix(path, (".json",)) and not hidden


def read_side(
    name: str, folder: Path, environ: Mapping[str, str], draft: str | None = None
) -> Side:
    """Read the schemas that ``name`` means: a file, a folder, or ``REVISION:PATH``.

    Raises:
        UsageError: Nothing is there; no such revision; no repository.
        DocumentError: Not JSON, or not a JSON Schema; says where.
    """
    path = folder / name
    left_out: tuple[LeftOut, ...] = ()
    if path.is_dir():
        texts, left_out = _from_folder(name, path)
        is_file = False
    elif not path.exists() and ":" not in name:
        raise UsageError(f"{name}: no such file or folder", _WHAT)
    elif path.exists():
        texts, is_file = {path.name: _bytes(name, path)}, True
    else:
        texts, is_file = _from_git(name, folder, environ)
    documents = {
        document: _parsed(_place(name, document, is_file), data) for document, data in texts.items()
    }
    schemas = SchemaSet(documents, None if draft is None else DRAFTS[draft])
    for document, schema in documents.items():
        place = _place(name, document, is_file)
        _require_schema(place, schema, schemas.assumed_draft(document))
    return Side(name, schemas, is_file, left_out)


def compare_sides(
    old: Side, new: Side, direction: str, annotations: frozenset[str] = frozenset()
) -> Comparison:
    """Compare two files, or the files of two folders by their paths inside.

    Raises:
        UsageError: One side is a file and the other a folder.
    """
    if old.is_file != new.is_file:
        raise UsageError(
            f"{old.name} and {new.name}: one is a file, the other a folder", "give two of a kind"
        )
    names = sorted(old.schemas.documents)
    pairs = [(name, name) for name in names]
    if old.is_file:
        pairs = [(names[0], next(iter(new.schemas.documents)))]
    return compare(old.schemas, new.schemas, pairs, cast(Direction, direction), annotations)


def metrics(comparison: Comparison, source: str, direction: str) -> dict[str, dict[str, Json]]:
    """Return the metrics of a comparison; what is undecided has no value.

    How many columns of a schema changed says nothing about data: ``data.schema_drift`` is how data
    differs from its schema, and another source measures it.
    """
    verdict = comparison.verdict
    says: dict[str, Json] = {"value": verdict == "compatible"}
    if verdict == "undecided" or not comparison.documents:
        says = {"value": None, "status": "undefined"}
    changed: dict[str, Json] = {"value": comparison.changes}
    if comparison.changes is None:
        changed |= {"status": "undefined"}
    how: dict[str, Json] = {"method": "schemas/2", "parameters": {"direction": direction}}
    about: dict[str, Json] = {"source": source[:1024], "computed": how}
    return {
        "data.schema_compatible": {**says, **about},
        "data.schema_changes": {**changed, **about},
    }


def read(request: SourceRequest) -> Evidence:
    """Compare what the table names."""
    table = request.table
    names = table.text("old"), table.text("new")
    direction = table.choice("direction", DIRECTIONS)
    draft = table.choice("draft", tuple(DRAFTS)) if table.has("draft") else None
    annotations = frozenset(table.texts("annotations", ()))
    try:
        old, new = (read_side(name, request.folder, request.environ, draft) for name in names)
        comparison = compare_sides(old, new, direction, annotations)
    except UsageError as error:
        raise table.refused("old", error.message, error.hint) from None
    found = [(finding.direction, finding.problem) for finding in comparison.findings[:20]]
    left = [
        line
        for side in (old, new)
        for line in (*remarks(side.name, side.left_out), *assumptions(side))
    ]
    notes = [f"{way}: {point.document}{point.pointer}: {point.reason}" for way, point in found]
    return Evidence(metrics(comparison, " → ".join(names), direction), (*notes, *left))


def assumptions(side: Side) -> list[str]:
    """Return a line on each draft that was guessed and is not the newest."""
    schemas = side.schemas
    guessed = [
        (document, schemas.assumed_draft(document))
        for document, schema in schemas.documents.items()
        if schemas.default_draft is None and isinstance(schema, dict) and "$schema" not in schema
    ]
    names = {draft: name for name, draft in DRAFTS.items()}
    newest = max(names)
    return [
        f"{_place(side.name, document, side.is_file)}: no $schema; read as draft {names[draft]}, "
        "the newest that has its keywords (--draft says another)"
        for document, draft in guessed
        if draft != newest
    ]


def questions(comparison: Comparison) -> int:
    """Return how many questions are open."""
    return sum(isinstance(finding.problem, UndecidedPoint) for finding in comparison.findings)


# Where schemas come from.


def _place(name: str, inside: str, is_file: bool) -> str:
    return name if is_file else f"{name}/{inside}"


def _from_folder(name: str, path: Path) -> tuple[dict[str, bytes], tuple[LeftOut, ...]]:
    found = files_below(path, is_schema)
    if not found.files:
        raise UsageError(f"{name}: no *.json in this folder", _WHAT)
    if len(found.files) > MAX_FILES:
        raise UsageError(f"{name}: more than {MAX_FILES:,} files", "name a smaller folder")
    files = [Path(file) for file in found.files]
    texts = {file.relative_to(path).as_posix(): _bytes(str(file), file) for file in files}
    return texts, found.left_out


def _bytes(name: str, path: Path) -> bytes:
    try:
        return read_whole(path, MAX_BYTES)
    except OSError as error:
        raise UsageError(f"{name}: {(error.strerror or str(error)).lower()}", _WHAT) from None


def _parsed(name: str, data: bytes) -> Json:
    try:
        schema = read_exact_json(data)
    except UnreadableTextError as refused:
        line, column = (
            line_and_column(refused.text, refused.flaw.offset) if refused.text else (0, 0)
        )
        place = Position(name, line, column, refused.flaw.pointer)
        raise DocumentError(place, refused.flaw.reason, refused.flaw.hint or _JSON) from None
    if not isinstance(schema, dict | bool):
        raise DocumentError(Position(name), "no JSON Schema is written like this", _JSON)
    return schema


def _require_schema(name: str, schema: Json, draft: int) -> None:
    """Refuse what is no schema of its draft: what its patterns say is not looked at here.

    Raises:
        DocumentError: It is none; says where, and under which draft.
    """
    from jsonschema import FormatChecker, validators
    from jsonschema.exceptions import SchemaError

    kinds: dict[int, Any] = {
        4: validators.Draft4Validator,
        6: validators.Draft6Validator,
        7: validators.Draft7Validator,
        2019: validators.Draft201909Validator,
        2020: validators.Draft202012Validator,
    }
    says = schema.get("$schema") if isinstance(schema, dict) else None
    kind: Any = kinds[draft] if says is None else validators.validator_for(schema, kinds[draft])
    try:
        kind.check_schema(schema, format_checker=FormatChecker(formats=()))
    except SchemaError as error:
        pointer = "".join(f"/{escape(str(step))}" for step in error.absolute_path)
        hint = _JSON if says is not None else _DRAFT
        raise DocumentError(Position(name, pointer=pointer), error.message[:200], hint) from None
    except Exception as error:  # noqa: BLE001  (what the library cannot take)
        raise DocumentError(Position(name), f"cannot be read ({error})"[:200], _JSON) from None


def _from_git(name: str, folder: Path, environ: Mapping[str, str]) -> tuple[dict[str, bytes], bool]:
    revision, _, inside = name.partition(":")
    path = PurePosixPath(inside or ".")
    if not _REVISION.match(revision) or ".." in revision:
        raise UsageError(f"{name}: {revision!r} is no revision", _REVISIONS)
    if path.is_absolute() or ".." in path.parts or "\0" in inside:
        raise UsageError(f"{name}: {inside!r} is no path inside the repository", _REVISIONS)
    git = _Git(folder, environ, name)
    commit = git("rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}")
    digest = commit.decode().strip()
    if not re.fullmatch(r"[0-9a-f]{40,64}", digest):
        raise UsageError(f"{name}: no such revision", _REVISIONS)
    top = git("rev-parse", "--show-prefix").decode().strip()
    whole = (PurePosixPath(top) / path).as_posix().removeprefix("./")
    listed = git("ls-tree", "-r", "-z", "--full-tree", "--full-name", digest)
    blobs, links = _blobs(listed)
    if whole in blobs:
        return {PurePosixPath(whole).name: git.blob(blobs[whole])}, True
    prefix = "" if whole == "." else f"{whole}/"
    found = {
        file.removeprefix(prefix): blob
        for file, blob in blobs.items()
        if file.startswith(prefix) and is_schema(file.removeprefix(prefix))
    }
    for link in links:
        below = link.removeprefix(prefix)
        is_below = link.startswith(prefix) and (is_schema(below) or "." not in below)
        if link == whole or is_below:
            raise UsageError(f"{name}: {link} is a link", _CHECK_OUT)
    if not found:
        raise UsageError(f"{name}: no *.json there at that revision", _REVISIONS)
    if len(found) > MAX_FILES:
        raise UsageError(f"{name}: more than {MAX_FILES:,} files", "name a smaller folder")
    return {file: git.blob(blob) for file, blob in sorted(found.items())}, False


def _blobs(listed: bytes) -> tuple[dict[str, str], list[str]]:
    """Object of every regular file, and the links, in what ``git ls-tree -z`` lists."""
    files: dict[str, str] = {}
    links: list[str] = []
    for row in filter(None, listed.split(b"\0")):
        about, _, name = row.partition(b"\t")
        path = name.decode("utf-8", "surrogateescape")
        mode, kind, digest = about.split()[:3]
        if mode == b"120000":
            links.append(path)
        elif kind == b"blob":
            files[path] = digest.decode()
    return files, links


@dataclass(frozen=True, slots=True)
class _Git:
    """Asks git, see :func:`engine.system.git.run_git`, and words what it refuses."""

    folder: Path
    environ: Mapping[str, str]
    name: str

    def __call__(self, *arguments: str) -> bytes:
        try:
            done = run_git(self.folder, self.environ, *arguments)
        except (OSError, subprocess.TimeoutExpired) as error:
            raise UsageError(f"{self.name}: git did not answer: {error}", _REVISIONS) from None
        if done.returncode:
            message = done.stderr.decode(errors="replace").strip().split("\n")[0]
            raise UsageError(f"{self.name}: {message or 'no such revision'}"[:300], _REVISIONS)
        return done.stdout

    def blob(self, digest: str) -> bytes:
        """Return the bytes of an object by its digest."""
        size = int(self("cat-file", "-s", digest))
        if size > MAX_BYTES:
            raise DocumentError(Position(self.name), f"larger than {MAX_BYTES:,} bytes", "split it")
        return self("cat-file", "blob", digest)


_WHAT = "give a schema, a folder of *.json, or REVISION:PATH such as v1.2:schemas"
_REVISIONS = "such as v1.2:schemas or HEAD~1:api/user.schema.json, from inside the repository"
_CHECK_OUT = "links are followed on disk alone: check that revision out, and name its folder"
_DRAFT = "it names no $schema: say which draft it is of, such as --draft 7"
_JSON = "a JSON Schema is a JSON object, or true or false"

"""Evidence files: found, read within limits, parsed strictly, with a place for every value."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from engine.errors import DocumentError, Position, UsageError, VerificationError
from engine.formats.json_positions import Lines, json_places, line_and_column
from engine.formats.json_text import MAX_BYTES, UnreadableTextError, decode, read_json, read_yaml
from engine.model import Json
from engine.system.reading import read_whole
from engine.system.walk import files_below, has_suffix, remarks

if TYPE_CHECKING:
    from engine.evidence.folders import FolderFile
    from engine.proof.signed_evidence import SignedEvidence

SUFFIXES = (".json", ".yaml", ".yml")
STANDARD_INPUT = "-"

_TO_COMPARE = "`engine example promote` prints a metrics file to compare with"
_BINARY = (b"\x1f\x8b", b"PK\x03\x04", b"PAR1", b"\x7fELF", b"%PDF", b"\x89PNG")


@dataclass(frozen=True)
class Document:
    """One document as the caller gave it.

    Attributes:
        name: File name as the caller wrote it; ``-`` is standard input.
        data: The bytes that were read.
        value: What they say.
        is_yaml: Whether they were read as YAML.
        found: The folder in which it was found; None for one that the caller named itself.
        signed: Whose word it is, where it came in a signed envelope; ``value`` is what is in it.
    """

    name: str
    data: bytes = field(repr=False)
    value: Json = field(repr=False)
    is_yaml: bool = False
    found: FolderFile | None = field(default=None, repr=False)
    signed: SignedEvidence | None = field(default=None, repr=False)

    def position(self, pointer: str) -> Position:
        """Return where ``pointer`` stands; its nearest existing parent if it is not there."""
        at = pointer
        while at not in self._places and at:
            at = at.rpartition("/")[0]
        line, column = self._lines.place(self._places.get(at, 0))
        return Position(self.name, line, column, pointer)

    def refused(self, pointer: str, reason: str, hint: str = "") -> DocumentError:
        """Return the error that says why this document is refused at ``pointer``."""
        return DocumentError(self.position(pointer), reason, hint or _TO_COMPARE)

    @cached_property
    def _text(self) -> str:
        return decode(self.data)

    @cached_property
    def _lines(self) -> Lines:
        return Lines(self._text)

    @cached_property
    def _places(self) -> dict[str, int]:
        if self.is_yaml:
            return read_yaml(self.data)[1]
        return json_places(self._text)[0]


def parse(name: str, data: bytes, found: FolderFile | None = None) -> Document:
    """Return the document in ``data``; YAML by its suffix, standard input by its first byte.

    Args:
        name: See :class:`Document`, as ``found``.
        data: What was read.
        found: Where.

    Raises:
        DocumentError: Refused by a strict reader; says where and why.
    """
    is_yaml = has_suffix(name, (".yaml", ".yml"))
    if name == STANDARD_INPUT:
        is_yaml = data.lstrip()[:1] not in (b"{", b"[", b"")
    try:
        value = read_yaml(data)[0] if is_yaml else read_json(data)
    except UnreadableTextError as refused:
        flaw = refused.flaw
        line, column = line_and_column(refused.text, flaw.offset) if refused.text else (0, 0)
        position = Position(name, line, column, flaw.pointer)
        hint = (
            "a metrics file is JSON or YAML; this one looks binary, so name another"
            if data.startswith(_BINARY)
            else flaw.hint or _TO_COMPARE
        )
        raise DocumentError(position, flaw.reason, hint, code="document_unreadable") from None
    if isinstance(value, dict) and ("payload" in value or "payloadType" in value):
        return _signed(name, data, found)
    return Document(name, data, value, is_yaml, found)


def _signed(name: str, data: bytes, found: FolderFile | None) -> Document:
    """A document in a signed envelope: it is what the envelope holds, by the key that it names."""
    from engine.proof.signed_evidence import read_evidence

    try:
        signed = read_evidence(data)
    except VerificationError as error:
        raise DocumentError(Position(name), error.message, error.hint) from None
    return Document(name, data, signed.document, found=found, signed=signed)


def read(name: str, *, stdin: BinaryIO, max_bytes: int = MAX_BYTES) -> Document:
    """Read and parse the file ``name``, or standard input when it is ``-``.

    Raises:
        DocumentError: Missing, unreadable, no file, over ``max_bytes``, or refused by a
            strict reader.
    """
    return parse(name, read_bytes(name, stdin=stdin, max_bytes=max_bytes))


def read_bytes(name: str, *, stdin: BinaryIO, max_bytes: int = MAX_BYTES) -> bytes:
    """Return the bytes of the regular file or pipe ``name``, at most ``max_bytes`` of them."""
    try:
        is_stream = name == STANDARD_INPUT
        data = stdin.read(max_bytes + 1) if is_stream else read_whole(name, max_bytes)
    except OSError as error:
        if error.errno == errno.EFBIG:
            raise _too_large(name, max_bytes) from None
        reason = (error.strerror or str(error)).lower()
        hint = _nearest(name)
        raise DocumentError(Position(name), reason, hint, code="document_missing") from None
    require_small(name, data, max_bytes)
    return data


def require_small(name: str, data: bytes, max_bytes: int) -> None:
    """Refuse a document of more than ``max_bytes``.

    Raises:
        DocumentError: It is larger.
    """
    if len(data) > max_bytes:
        raise _too_large(name, max_bytes)


def _too_large(name: str, max_bytes: int) -> DocumentError:
    return DocumentError(
        Position(name),
        f"larger than {max_bytes:,} bytes",
        "raise the limit with --max-bytes if evidence this large is meant",
        code="document_too_large",
    )


def _nearest(name: str) -> str:
    """What to do about a file that cannot be read: the nearest name beside it, if any is near."""
    import difflib

    path = Path(name)
    try:
        siblings = [] if os.path.lexists(path) else [file.name for file in path.parent.iterdir()]
    except OSError:
        siblings = []
    near = difflib.get_close_matches(path.name, siblings, n=1, cutoff=0.8)
    if near:
        return f"did you mean {str(path.with_name(near[0]))!r}?"
    return "give the path of a file that can be read, seen from the folder you are in"


@dataclass(frozen=True)
class EvidenceFiles:
    """The files of one call, in the order in which they are read; whoever reads them does it here.

    Attributes:
        names: As the caller wrote them, or below a folder of the caller's.
    """

    names: tuple[str, ...]
    _found: Mapping[str, FolderFile] = field(default_factory=dict, repr=False)

    def read(self, name: str, *, stdin: BinaryIO, max_bytes: int = MAX_BYTES) -> Document:
        """Return what :func:`read` does, with the folder in which the file was found.

        Raises:
            DocumentError: As :func:`read`.
        """
        data = read_bytes(name, stdin=stdin, max_bytes=max_bytes)
        return parse(name, data, self._found.get(name))


def expand(paths: Iterable[str], say: Callable[[str], None]) -> EvidenceFiles:
    """Return the files that ``paths`` name: a folder is its metrics files, recursive, sorted.

    Args:
        paths: Files and folders; ``-`` is standard input.
        say: Receives, per folder, what was not looked at.

    Raises:
        UsageError: A folder holds no metrics file, or a part of it cannot be read.
    """
    names: list[str] = []
    found: dict[str, FolderFile] = {}
    for path in paths:
        if path == STANDARD_INPUT or not Path(path).is_dir():
            names.append(path)
            continue
        from engine.evidence.folders import FolderFile, ReadFolder

        below = files_below(path, partial(has_suffix, suffixes=SUFFIXES))
        if not below.files:
            raise UsageError(
                f"{path}: no {', '.join('*' + suffix for suffix in SUFFIXES)} in this folder",
                "give the folder that the pipeline wrote its metrics files into",
            )
        for line in remarks(path, below.left_out):
            say(line)
        folder = ReadFolder.of(below)
        for place, name in enumerate(below.files, 1):
            found.setdefault(name, FolderFile(folder, place))
        names += below.files
    return EvidenceFiles(tuple(names), found)

"""``engine convert``: decisions that were written as json, in another format; offline."""

from __future__ import annotations

import argparse
import errno
from collections.abc import Iterator
from dataclasses import dataclass, replace

from engine import exit_codes
from engine.cli import workspace
from engine.cli.arguments import detail_arguments
from engine.cli.console.printer import Printer
from engine.cli.console.screen import Screen
from engine.cli.console.shell import Shell
from engine.errors import DocumentError, UsageError
from engine.evidence.documents import Document, parse
from engine.evidence.metrics_file import RefusalError
from engine.formats.json_text import UnreadableTextError, read_json
from engine.report import FORMATS, Report
from engine.report.reading import UndecidedInput, read
from engine.system.reading import read_whole

DESCRIPTION = (
    "Write decisions in another format: one object or an array that `engine decide --format json`\n"
    "wrote, or the lines of jsonl, which do not say where a metric stands. Nothing is decided,\n"
    "recorded or verified; html has no Merkle path here, only the ledger knows it."
)
MAX_BYTES = 64 * 1024 * 1024
EXAMPLE = "  engine convert decision.json --format sarif --output html=decision.html"


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare flags."""
    parser.add_argument("file", metavar="DECISION.json", help="what decide wrote, or -")
    parser.add_argument("--format", default=None, metavar="F", help=f"{', '.join(FORMATS)} (text)")
    parser.add_argument(
        "--output", action="append", default=[], metavar="F=PATH", help="also write format F"
    )
    parser.add_argument("--explain", action="store_true", help="say why and what to do, for all")
    detail_arguments(parser)


def run(args: argparse.Namespace, shell: Shell) -> int:
    """Read everything, then write it; 0 when it is written, whatever the verdicts are."""
    source = _source(args.file, _bytes(args.file, shell))
    for _ in source.reports():
        pass  # nothing is written of a file that is refused further down
    screen = Screen(shell, 0, several=False)
    printer = Printer(args, screen, shell, several=source.several, decides=False)
    if printer.paths:
        config = workspace.settings(argparse.Namespace(), shell)
        inputs = [args.file] if args.file != "-" else []
        workspace.require_apart(printer.paths, inputs, config, shell)
    with printer:
        for report in source.reports():
            if isinstance(report, UndecidedInput):
                printer.failed(report.file, report.error)
            else:
                printer.add(report)
    return exit_codes.PASS


@dataclass(frozen=True)
class _Source:
    """Decisions, in the lines of a file or in one document.

    Attributes:
        several: Whether they are to be framed as several.
        document: The document that has them all; None where each line is one.
        name: File they are in.
        lines: The lines.
    """

    several: bool
    document: Document | None
    name: str
    lines: tuple[bytes, ...] = ()

    def reports(self) -> Iterator[Report | UndecidedInput]:
        """Yield every decision; may be called again.

        Raises:
            DocumentError: Refused; names the place.
        """
        if self.document is None:
            for number, line in enumerate(self.lines):
                if line.strip():
                    yield _read_line(self.name, line, number)
        elif self.several:
            for number, value in enumerate(self.document.value):
                yield _read(self.document, value, f"/{number}")
        else:
            yield _read(self.document, self.document.value, "")


def _source(name: str, data: bytes) -> _Source:
    lines = tuple(data.split(b"\n"))
    if sum(1 for line in lines if line.strip()) > 1 and _is_whole(next(filter(bytes.strip, lines))):
        return _Source(several=True, document=None, name=name, lines=lines)
    document = _parsed(name, data)
    return _Source(isinstance(document.value, list), document, name)


def _parsed(name: str, data: bytes, line: int = 0) -> Document:
    """The document in ``data``, ``line`` lines below the top of the file."""
    try:
        # By its own name a file could be taken for YAML; decisions are JSON only.
        return replace(parse("decisions.json", data), name=name)
    except DocumentError as error:
        raise _moved(error, name, line) from None


def _moved(error: DocumentError, name: str, line: int) -> DocumentError:
    at = error.position
    place = replace(at, file=name, line=at.line + line if at.line else line)
    return DocumentError(place, error.reason, error.hint)


def _is_whole(line: bytes) -> bool:
    """Whether a file whose first line this is has a document per line."""
    try:
        return isinstance(read_json(line), dict)
    except UnreadableTextError:
        return False


def _read(document: Document, value: object, pointer: str) -> Report | UndecidedInput:
    try:
        return read(value, pointer)
    except RefusalError as refused:
        raise document.refused(refused.pointer, refused.reason, refused.hint) from None


def _read_line(name: str, line: bytes, number: int) -> Report | UndecidedInput:
    document = _parsed(name, line, number)
    try:
        return _read(document, document.value, "")
    except DocumentError as error:
        raise _moved(error, name, number) from None


def _bytes(name: str, shell: Shell) -> bytes:
    try:
        data = shell.stdin.read(MAX_BYTES + 1) if name == "-" else read_whole(name, MAX_BYTES)
        if len(data) > MAX_BYTES:
            raise OSError(errno.EFBIG, f"larger than {MAX_BYTES:,} bytes")
    except OSError as error:
        raise UsageError(
            f"{name}: {(error.strerror or str(error)).lower()}",
            "give a file that `engine decide --format json` wrote",
        ) from None
    return data

"""``engine redact``: a log without what ``engine scan`` finds in it."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from engine import exit_codes
from engine.cli import workspace
from engine.cli.arguments import limit_arguments, output
from engine.cli.console.shell import Shell

if TYPE_CHECKING:
    from engine.evidence.sources.streams import ReadLimits
    from engine.privacy.rule import Rule

DESCRIPTION = (
    "Write a log again with [redacted:TYPE] in place of all that `engine scan` finds; every other\n"
    "byte stays as it is. gz where the input is, or OUT ends in .gz. The result is scanned before\n"
    "it appears: nothing is found in it, or nothing is written. Exit code 0 when it is written."
)
EXAMPLE = "  engine redact app.log.gz -o shared.log.gz"

_ROUNDS = 4


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare flags."""
    parser.add_argument("path", metavar="PATH", help="log to read, or -")
    parser.add_argument(
        "-o", "--out", type=output, metavar="OUT", required=True, help="file to write"
    )
    parser.add_argument(
        "--also", metavar="FAMILY", nargs="+", action="extend", default=[],
        help="take out a family that is looked for only where asked: birth_date, ip_address",
    )  # fmt: skip
    limit_arguments(parser)


def run(args: argparse.Namespace, shell: Shell) -> int:
    """Rewrite until nothing is found; whole or not at all."""
    from engine.errors import UsageError
    from engine.evidence.sources.streams import ReadLimits
    from engine.privacy.selection import select
    from engine.system.files import require_writable

    out = Path(args.out)
    require_writable(out)
    if args.path != "-" and Path(args.path).is_dir():
        raise UsageError(f"{args.path}: is a folder", "redact one file at a time")
    inputs = [args.path] if args.path != "-" else []
    workspace.require_apart_from_ours([out], inputs, shell)
    rules = select(args.also)
    limits = ReadLimits(args.max_bytes, args.max_ratio)
    replaced = _rewrite(args.path, out, limits, rules, shell)
    shell.say(f"{args.out}: {replaced:,} {'place' if replaced == 1 else 'places'} replaced")
    return exit_codes.PASS


def _rewrite(name: str, out: Path, limits: ReadLimits, rules: Sequence[Rule], shell: Shell) -> int:
    """Write ``out`` and return how many places were replaced.

    What is left between two places may look like something new, so the result is rewritten
    until nothing is found in it.
    """
    import tempfile

    from engine.errors import OutputError
    from engine.system.files import WholeFile, is_stream

    key = shell.random(32)
    with tempfile.TemporaryDirectory(
        prefix=".redact-", dir=None if is_stream(out) else out.parent
    ) as folder:
        first, second = Path(folder, "1"), Path(folder, "2")
        packing, count = _round(name, first, limits, shell.stdin, key, rules)
        total = count
        for _ in range(_ROUNDS):
            if not count:
                break
            _, count = _round(str(first), second, None, shell.stdin, key, rules)
            total += count
            first, second = second, first
        if count:
            raise OutputError(f"{out}: something was found again in what was rewritten; not kept")
        whole = WholeFile(out)
        try:
            _copy(first, whole.write, packed=packing == "gzip" or out.suffix == ".gz")
        except BaseException:
            whole.drop()
            raise
        whole.keep()
    return total


def _round(
    name: str,
    out: Path,
    limits: ReadLimits | None,
    stdin: BinaryIO,
    key: bytes,
    rules: Sequence[Rule],
) -> tuple[str, int]:
    """Rewrite once, unpacked; return how the input was packed and how much was replaced.

    Without ``limits`` the input is what an earlier round wrote: never packed.
    """
    from engine.errors import DocumentError, OutputError, Position
    from engine.evidence.sources.streams import ReadLimits, open_stream
    from engine.privacy.redactor import Redactor

    stream = (
        open_stream(name, stdin=stdin, limits=limits)
        if limits
        else open_stream(name, stdin=stdin, limits=ReadLimits(), as_it_is=True)
    )
    redactor = Redactor(key, rules)
    try:
        with out.open("wb") as file:
            for piece in stream.pieces():
                file.write(redactor.feed(piece))
            file.write(redactor.finish())
    except OSError as error:
        raise OutputError(f"{out}: {(error.strerror or str(error)).lower()}") from None
    if stream.truncated:
        raise DocumentError(
            Position(name), f"not read to its end: {stream.truncated}", "nothing was written"
        )
    if stream.packing not in ("", "gzip"):
        raise DocumentError(Position(name), f"packed with {stream.packing}", "unpack it, or use gz")
    if stream.encoding:
        raise DocumentError(
            Position(name), f"{stream.encoding} text", f"iconv -f {stream.encoding} -t utf-8"
        )
    return stream.packing, redactor.count


def _copy(path: Path, write: Callable[[bytes], None], *, packed: bool) -> None:
    """Copy a file in pieces, packed as gzip without name and time if ``packed``."""
    import zlib

    packer = zlib.compressobj(6, zlib.DEFLATED, 31)
    with path.open("rb") as file:
        while piece := file.read(1024 * 1024):
            write(packer.compress(piece) if packed else piece)
    if packed:
        write(packer.flush())

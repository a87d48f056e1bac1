"""``engine budget reconcile``: a provider's invoice against the ledger."""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence
from decimal import Decimal
from typing import TYPE_CHECKING

from engine import exit_codes
from engine.cli.budget import spending
from engine.cli.console.shell import Shell
from engine.errors import DocumentError, Position, UsageError
from engine.settings.config import Config

if TYPE_CHECKING:
    from engine.calls.budget.invoices import InvoiceDifference, InvoiceRow
    from engine.calls.budget.spending import Spending
    from engine.model import Json

MAX_BYTES = 64 * 1024 * 1024
_COLUMNS = ("day", "model", "amount", "tokens", "provider")


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare flags."""
    parser.add_argument(
        "file", metavar="INVOICE", help="CSV, JSON or JSON lines: day, model, amount, tokens; or -"
    )
    parser.add_argument("--provider", metavar="P", help="whose invoice, if no column says it")
    parser.add_argument(
        "--column", action="append", default=[], metavar="WHAT=NAME",
        help="a column's name in the file; may be repeated",
    )  # fmt: skip
    parser.add_argument(
        "--tolerance-usd", type=_decimal, default=Decimal("0.01"), metavar="X",
        help="difference of a day and model that is none (0.01)",
    )  # fmt: skip
    parser.add_argument(
        "--tolerance-percent", type=_decimal, default=Decimal(0), metavar="X",
        help="the same, as a share of the amount; of tokens too (0)",
    )  # fmt: skip
    parser.add_argument(
        "--total", action="store_true", help="add the days up: the invoice's are of another zone"
    )
    parser.add_argument("--format", choices=["text", "json"], default="text", help="(text)")


def run(args: argparse.Namespace, config: Config, shell: Shell) -> int:
    """Compare; 0 when there is no difference, 1 when there is one."""
    from engine.calls.budget.invoices import Tolerance, reconcile

    billed = _billed(args, shell)
    found = spending.read(config, shell)
    tolerance = Tolerance(args.tolerance_usd, args.tolerance_percent)
    findings = reconcile(billed, found, tolerance, total=args.total)
    unsettled = _unsettled(billed, found)
    if args.format == "json":
        document = {
            "rows": len(billed),
            "findings": [_as_json(difference) for difference in findings],
            "unsettled_leases": unsettled,
        }
        shell.print_json(document, indent=2)
    else:
        _print(args.file, billed, findings, unsettled, shell)
    return exit_codes.FAIL if findings else exit_codes.PASS


def _billed(args: argparse.Namespace, shell: Shell) -> list[InvoiceRow]:
    from engine.calls.budget.invoices import read_csv, read_objects
    from engine.evidence.documents import read_bytes

    columns = dict(_column(text) for text in args.column)
    data = read_bytes(args.file, stdin=shell.stdin, max_bytes=MAX_BYTES)
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DocumentError(
            Position(args.file), f"byte {error.start} is not UTF-8 text", "save it as UTF-8"
        ) from None
    if text.lstrip()[:1] in ("{", "["):
        return read_objects(args.file, _objects(args.file, text), args.provider, columns)
    return read_csv(args.file, text, args.provider, columns)


def _objects(name: str, text: str) -> list[tuple[int, Json]]:
    """The rows of JSON with their lines: a list, an object with one list in it, or JSON lines."""
    from engine.formats.json_text import UnreadableTextError, read_json

    lines = [(number, line) for number, line in enumerate(text.split("\n"), 1) if line.strip()]
    if len(lines) > 1 and all(line.lstrip().startswith("{") for _, line in lines):
        rows = []
        for number, line in lines:
            try:
                rows.append((number, read_json(line.encode())))
            except UnreadableTextError as refused:
                at = Position(name, number, refused.flaw.offset + 1)
                raise DocumentError(at, refused.flaw.reason) from None
        return rows
    from engine.evidence.documents import parse
    from engine.formats.json_positions import Lines, json_places

    value = parse(f"{name}.json" if name == "-" else name, text.encode()).value
    pointer = ""
    if isinstance(value, dict):
        lists = [key for key, member in value.items() if isinstance(member, list)]
        if not lists:
            return [(1, value)]
        if len(lists) > 1:
            raise DocumentError(
                Position(name), f"several lists in it: {', '.join(lists)}", "give one list of rows"
            )
        pointer, value = f"/{lists[0]}", value[lists[0]]
    places, starts = json_places(text)[0], Lines(text)
    return [
        (starts.place(places.get(f"{pointer}/{number}", 0))[0], row)
        for number, row in enumerate(value)
    ]


def _column(text: str) -> tuple[str, str]:
    what, _, name = text.partition("=")
    if what not in _COLUMNS or not name:
        raise UsageError(
            f"--column {text!r}", f"WHAT=NAME, and WHAT is one of {', '.join(_COLUMNS)}"
        )
    return what, name


def _unsettled(billed: Sequence[InvoiceRow], found: Spending) -> int:
    """Leases of the invoice's days that nobody settled: their cost is not in the ledger."""
    first, last = min(row.day for row in billed), max(row.day for row in billed)
    whose = {row.provider for row in billed}
    return sum(
        first <= held.day <= last and held.about.provider in whose for held in found.held.values()
    )


def _print(
    name: str,
    billed: Sequence[InvoiceRow],
    findings: Sequence[InvoiceDifference],
    unsettled: int,
    shell: Shell,
) -> None:
    for found in findings:
        unit = " tokens" if found.kind == "tokens" else " USD"
        whose = f"{found.provider}/{found.model}"
        shell.print(
            f"{found.day or 'all days':<10}  {whose}: {found.kind}: "
            f"billed {_number(found.billed)}{unit}, "
            f"recorded {_number(found.recorded)}{unit}, difference {_number(found.difference)}"
        )
    total = f"{len(findings)} differences" if len(findings) != 1 else "1 difference"
    shell.print(f"invoice {name}: {len(billed):,} row{'s' * (len(billed) != 1)}, {total}")
    if unsettled:
        shell.say(
            f"{unsettled:,} leases of these days were never settled: what they cost is on the "
            "invoice only"
        )


def _number(amount: Decimal) -> str:
    text = f"{amount:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _as_json(difference: InvoiceDifference) -> Json:
    return {
        "kind": difference.kind,
        "day": difference.day or None,
        "provider": difference.provider,
        "model": difference.model,
        "unit": "tokens" if difference.kind == "tokens" else "usd",
        "billed": _number(difference.billed),
        "recorded": _number(difference.recorded),
        "difference": _number(difference.difference),
    }


def _decimal(text: str) -> Decimal:
    if not re.fullmatch(r"[0-9]{1,15}(\.[0-9]{1,9})?", text):
        raise argparse.ArgumentTypeError(f"{text[:40]!r} is not a number from 0, such as 0.01")
    return Decimal(text)

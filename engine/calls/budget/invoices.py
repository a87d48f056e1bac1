"""A provider's invoice against what the ledger says was spent; differences are findings."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import NamedTuple

from engine.calls.budget.spending import Spending
from engine.errors import DocumentError, Position, suggest
from engine.formats.money import MICROS
from engine.model import Json

COLUMNS: Mapping[str, tuple[str, ...]] = {
    "day": ("day", "date", "usage_date"),
    "model": ("model", "model_id"),
    "amount": ("amount", "amount_usd", "cost", "cost_usd", "usd"),
    "tokens": ("tokens", "total_tokens"),
    "provider": ("provider",),
}
"""What a row says, and the names that a column for it may have."""

_REQUIRED = ("day", "model", "amount")
_DAY = re.compile(r"(\d{4}-\d{2}-\d{2})(?:[T ].*)?", re.ASCII | re.DOTALL)
_AMOUNT = re.compile(r"\$?(-?\d{1,12}(?:\.\d{1,20})?(?:[eE]-?\d{1,2})?)", re.ASCII)
_SHOWN = 10


class InvoiceRow(NamedTuple):
    """One row of an invoice; ``tokens`` is None where it does not say."""

    day: str
    provider: str
    model: str
    usd: Decimal
    tokens: int | None
    line: int


class InvoiceDifference(NamedTuple):
    """Where an invoice and the ledger differ.

    Attributes:
        kind: ``amount``, ``tokens``, ``not in the ledger`` or ``not on the invoice``.
        day: YYYY-MM-DD; empty where days were added up.
        provider: Whose.
        model: Which.
        billed: By the invoice: US dollars, or tokens.
        recorded: By the ledger.
    """

    kind: str
    day: str
    provider: str
    model: str
    billed: Decimal
    recorded: Decimal

    @property
    def difference(self) -> Decimal:
        """What was billed beyond what was recorded."""
        return self.billed - self.recorded


class Tolerance(NamedTuple):
    """Up to what a difference is none: either of the two is enough."""

    usd: Decimal = Decimal("0.01")
    percent: Decimal = Decimal(0)

    def allows(self, billed: Decimal, recorded: Decimal, least: Decimal) -> bool:
        """Whether two amounts are as good as equal; ``least`` is the absolute tolerance."""
        room = max(least, max(abs(billed), abs(recorded)) * self.percent / 100)
        return abs(billed - recorded) <= room


def read_csv(
    name: str, text: str, provider: str | None, columns: Mapping[str, str]
) -> list[InvoiceRow]:
    """Return the rows of an invoice in CSV, whose first line names the columns.

    Args:
        name: The file's, for errors.
        text: Its text.
        provider: Whose invoice, for rows that do not say.
        columns: Column of the file for one of ``COLUMNS``, where its name is another.

    Raises:
        DocumentError: A column is missing, or rows are bad; names each with its line.
    """
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    rows: list[tuple[int, Mapping[str, Json]]] = []
    try:
        header = [cell.strip() for cell in next(reader, [])]
        for cells in reader:
            if any(cell.strip() for cell in cells):
                row = dict(zip(header, (cell.strip() for cell in cells), strict=False))
                rows.append((reader.line_num, row if len(cells) == len(header) else {}))
    except csv.Error as error:
        raise DocumentError(Position(name, reader.line_num), str(error), _FORM) from None
    named = _named(name, 1, header, columns, provider)
    return _billed(name, rows, named, provider)


def read_objects(
    name: str, rows: Sequence[tuple[int, Json]], provider: str | None, columns: Mapping[str, str]
) -> list[InvoiceRow]:
    """Return the rows of an invoice in JSON: ``(line, object)`` each.

    Raises:
        DocumentError: As :func:`read_csv`.
    """
    known = [key for _, row in rows if isinstance(row, Mapping) for key in row]
    named = _named(name, 0, list(dict.fromkeys(known)), columns, provider)
    return _billed(
        name,
        [(line, row if isinstance(row, Mapping) else {}) for line, row in rows],
        named,
        provider,
    )


def _named(
    name: str, line: int, header: Sequence[str], columns: Mapping[str, str], provider: str | None
) -> dict[str, str]:
    """The file's own name of each column."""
    lower = {cell.lower(): cell for cell in header}
    found = {}
    for ours, names in COLUMNS.items():
        if ours in columns:
            if columns[ours] not in header:
                raise DocumentError(
                    Position(name, line),
                    f"no column {columns[ours]!r}",
                    suggest(columns[ours], header),
                )
            found[ours] = columns[ours]
        elif there := next((lower[candidate] for candidate in names if candidate in lower), None):
            found[ours] = there
    for ours in _REQUIRED:
        if ours not in found:
            raise DocumentError(
                Position(name, line),
                f"no column for the {ours}",
                f"name it: --column {ours}=NAME; there are: {', '.join(header) or 'none'}",
            )
    if "provider" not in found and provider is None:
        raise DocumentError(Position(name, line), "no column says whose invoice it is", _WHOSE)
    return found


def _billed(
    name: str,
    rows: Sequence[tuple[int, Mapping[str, Json]]],
    named: Mapping[str, str],
    provider: str | None,
) -> list[InvoiceRow]:
    billed: list[InvoiceRow] = []
    bad: list[tuple[int, str]] = []
    for line, row in rows:
        try:
            billed.append(_row(line, row, named, provider))
        except ValueError as error:
            bad.append((line, str(error)))
    if bad:
        others = "".join(f"{name}:{line}: {reason}\n" for line, reason in bad[1:_SHOWN])
        more = f"and {len(bad) - _SHOWN} more\n" if len(bad) > _SHOWN else ""
        line, reason = bad[0]
        raise DocumentError(Position(name, line), reason, f"{others}{more}{_FORM}")
    if not billed:
        raise DocumentError(Position(name), "no row in it", _FORM)
    return billed


def _row(
    line: int, row: Mapping[str, Json], named: Mapping[str, str], provider: str | None
) -> InvoiceRow:
    if not row:
        raise ValueError("the row has not as many cells as there are columns")
    texts = {ours: _text(row.get(theirs)) for ours, theirs in named.items()}
    day = _DAY.fullmatch(texts["day"])
    if day is None or not _is_day(day[1]):
        raise ValueError(f"day {texts['day']!r} is none such as 2026-01-31")
    amount = _AMOUNT.fullmatch(texts["amount"])
    if amount is None:
        raise ValueError(f"amount {texts['amount']!r} is none such as 1.25")
    if not texts["model"]:
        raise ValueError("no model")
    whose = texts.get("provider") or provider
    if not whose:
        raise ValueError("no provider")
    tokens = texts.get("tokens", "")
    if tokens and not (tokens.isascii() and tokens.isdigit() and len(tokens) < 16):
        raise ValueError(f"tokens {tokens!r} is no whole number")
    count = int(tokens) if tokens else None
    return InvoiceRow(day[1], whose, texts["model"], Decimal(amount[1]), count, line)


def _text(value: Json) -> str:
    if value is None or isinstance(value, bool | list | dict):
        return "" if value is None else repr(value)
    return str(value).strip()


def _is_day(text: str) -> bool:
    from datetime import date

    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True


def reconcile(
    billed: Sequence[InvoiceRow], found: Spending, tolerance: Tolerance, *, total: bool = False
) -> list[InvoiceDifference]:
    """Return where invoice and ledger differ, by day, provider and model.

    The ledger is looked at on the days from the invoice's first to its last, and only for the
    providers that are on it.

    Args:
        billed: The invoice's rows; several of one day and model are added up.
        found: What the ledger says.
        tolerance: Up to what a difference is none.
        total: Add the days up, for invoices that count days in another time zone.
    """
    first, last = min(row.day for row in billed), max(row.day for row in billed)
    whose = {row.provider for row in billed}
    usd: dict[tuple[str, str, str], list[Decimal]] = {}
    tokens: dict[tuple[str, str, str], list[int | None]] = {}
    sides: dict[tuple[str, str, str], set[int]] = {}

    def add(key: tuple[str, str, str], side: int, amount: Decimal, count: int | None) -> None:
        key = ("", *key[1:]) if total else key
        usd.setdefault(key, [Decimal(0), Decimal(0)])[side] += amount
        counts = tokens.setdefault(key, [0, 0])
        there = counts[side]
        counts[side] = None if count is None or there is None else there + count
        sides.setdefault(key, set()).add(side)

    for row in billed:
        add((row.day, row.provider, row.model), 0, row.usd, row.tokens)
    for settlement in found.settled:
        if first <= settlement.day <= last and settlement.about.provider in whose:
            key = (settlement.day, settlement.about.provider, settlement.about.model)
            add(key, 1, Decimal(settlement.usd_micros) / MICROS, settlement.tokens)
    findings = []
    for key in sorted(usd):
        findings += _compared(key, usd[key], tokens[key], sides[key], tolerance)
    return findings


def _compared(
    key: tuple[str, str, str],
    usd: list[Decimal],
    tokens: list[int | None],
    sides: set[int],
    tolerance: Tolerance,
) -> list[InvoiceDifference]:
    if sides != {0, 1}:
        if tolerance.allows(usd[0], usd[1], tolerance.usd):
            return []
        kind = "not in the ledger" if sides == {0} else "not on the invoice"
        return [InvoiceDifference(kind, *key, usd[0], usd[1])]
    found = []
    if not tolerance.allows(usd[0], usd[1], tolerance.usd):
        found.append(InvoiceDifference("amount", *key, usd[0], usd[1]))
    if tokens[0] is not None and tokens[1] is not None:
        counts = Decimal(tokens[0]), Decimal(tokens[1])
        if not tolerance.allows(*counts, Decimal(0)):
            found.append(InvoiceDifference("tokens", *key, *counts))
    return found


_FORM = "each row has a day, a model and an amount in US dollars; CSV needs a line of names"
_WHOSE = "say it: --provider P"

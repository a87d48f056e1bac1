"""Prices from a map that others keep, in the form of LiteLLM's ``model_prices`` file.

The map says US dollars per token as floats; a price list says US dollars per million tokens,
exactly. What the map does not say is never a price of 0: such a model is not taken, and the
answer says why.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fnmatch import fnmatchcase
from typing import NamedTuple

from engine.formats.money import MOST_MICROS, ceil_micros, dollars
from engine.model import Json

KINDS = {
    "input": "input_cost_per_token",
    "cached_input": "cache_read_input_token_cost",
    "cache_write": "cache_creation_input_token_cost",
    "output": "output_cost_per_token",
}
"""Our word for an amount, and the map's."""

_ALSO = {"output": ("output_cost_per_reasoning_token",)}
_SAMPLE = "sample_spec"
_NAME = re.compile(r"[^\s\x00-\x1f\x7f]{1,200}")
_ALWAYS = ("provider", "model", "from")
_PER = 1_000_000


class PriceRow(NamedTuple):
    """A price of one model from one day on; amounts in micro-dollars per million tokens."""

    provider: str
    model: str
    day: str
    input: int
    cached_input: int
    cache_write: int
    output: int

    @property
    def amounts(self) -> tuple[int, int, int, int]:
        """What is paid, without whom and since when."""
        return self[3:]


@dataclass(frozen=True)
class Import:
    """What was taken of a map, and what was not.

    Attributes:
        rows: In order of provider and model.
        left: ``(model, reason)`` of what was asked for and not taken.
        dearest: Models whose price depends on the prompt's length, or the like: the dearest
            was taken, so that a cost may be overstated, never understated.
        free: Models that the map calls free, both ways; taken only when asked to.
    """

    rows: tuple[PriceRow, ...]
    left: tuple[tuple[str, str], ...]
    dearest: tuple[str, ...]
    free: tuple[str, ...]


def take(
    prices: Mapping[str, Json],
    day: str,
    *,
    providers: Sequence[str] = (),
    models: Sequence[str] = (),
    free: bool = False,
) -> Import:
    """Return the rows of a map's models that are paid by the token.

    Args:
        prices: The map, by model.
        day: From which day the prices hold, YYYY-MM-DD.
        providers: Only theirs; empty is all.
        models: Only those that one of these patterns (``*``, ``?``) matches; empty is all.
        free: Whether a price of 0 both ways is believed.
    """
    rows: dict[tuple[str, str], PriceRow] = {}
    left: list[tuple[str, str]] = []
    dearest: list[str] = []
    unpaid: list[str] = []
    for key, entry in sorted(prices.items()):
        if key == _SAMPLE or not isinstance(entry, Mapping):
            continue
        provider = entry.get("litellm_provider")
        provider = provider if isinstance(provider, str) else ""
        model = key.removeprefix(f"{provider}/")
        if providers and provider not in providers:
            continue
        if models and not any(fnmatchcase(model, pattern) for pattern in models):
            continue
        try:
            row, tiered = _row(provider, model, day, entry)
        except ValueError as reason:
            left.append((key, str(reason)))
            continue
        if not row.input and not row.output and not free:
            unpaid.append(key)
            continue
        there = rows.get((provider, model))
        if there is not None and there != row:
            # Two entries of one model: the dearer of each amount, as with tiers.
            row, tiered = PriceRow(*row[:3], *map(max, row.amounts, there.amounts)), True
        rows[provider, model] = row
        if tiered:
            dearest.append(key)
    return Import(
        tuple(rows[name] for name in sorted(rows)), tuple(left), tuple(dearest), tuple(unpaid)
    )


def _row(provider: str, model: str, day: str, entry: Mapping[str, Json]) -> tuple[PriceRow, bool]:
    if not _NAME.fullmatch(provider) or "/" in provider:
        raise ValueError("no litellm_provider")
    if not _NAME.fullmatch(model):
        raise ValueError("its name has spaces in it, or more than 200 characters")
    found = {ours: _amounts(entry, ours) for ours in KINDS}
    for ours in ("input", "output"):
        if not found[ours]:
            raise ValueError(f"no {KINDS[ours]}")
    best = {ours: max(amounts, default=None) for ours, amounts in found.items()}
    price = best["input"] or 0
    row = PriceRow(
        provider,
        model,
        day,
        input=price,
        cached_input=price if best["cached_input"] is None else best["cached_input"],
        cache_write=price if best["cache_write"] is None else best["cache_write"],
        output=best["output"] or 0,
    )
    return row, any(len(amounts) > 1 for amounts in found.values())


def _amounts(entry: Mapping[str, Json], ours: str) -> set[int]:
    """Every price the map has for one kind of token: the usual one, and those of tiers."""
    name = KINDS[ours]
    tiers = entry.get("tiered_pricing")
    holders = (
        [entry, *(tier for tier in tiers if isinstance(tier, Mapping))]
        if isinstance(tiers, list)
        else [entry]
    )
    return {
        _per_million(key, value)
        for holder in holders
        for key, value in holder.items()
        if (key == name or key.startswith(f"{name}_above_") or key in _ALSO.get(ours, ()))
        and value is not None
    }


def _per_million(key: str, value: Json) -> int:
    if not isinstance(value, int | float) or isinstance(value, bool) or value < 0:
        raise ValueError(f"{key} is {json.dumps(value)}, which is no price")
    amount = ceil_micros(Decimal(repr(value)) * _PER)
    if amount > MOST_MICROS:
        raise ValueError(f"{key} is {value}, which nobody asks for a token")
    return amount


def merged(old: Iterable[PriceRow], new: Iterable[PriceRow]) -> list[PriceRow]:
    """Return both, in order: a price from a day on is added only where it changes something.

    A row of the same model and day is replaced. Rows of models that the new prices do not
    name stay: what was priced is not forgotten.
    """
    days: dict[tuple[str, str], dict[str, PriceRow]] = {}
    for row in old:
        days.setdefault(row[:2], {})[row.day] = row
    for row in new:
        there = days.setdefault(row[:2], {})
        there.pop(row.day, None)
        before = max((day for day in there if day < row.day), default=None)
        if before is None or there[before].amounts != row.amounts:
            there[row.day] = row
    return [rows[day] for _, rows in sorted(days.items()) for day in sorted(rows)]


def rows_of(data: Mapping[str, Json]) -> list[PriceRow]:
    """Return the rows of a policy's resolved price list."""
    names = (*_ALWAYS, *(f"{name}_usd_micros" for name in KINDS))
    return [PriceRow(*(row[name] for name in names)) for row in data["prices"]]


def written(rows: Sequence[PriceRow], origin: str) -> bytes:
    """Return ``rows`` as a ``prices/data.yaml``; ``origin`` says where they come from."""
    lines = [f"# {origin}", "# US dollars per million tokens, from a day on."]
    lines.append("prices:" if rows else "prices: []")
    lines += [f"  - {_line(row)}" for row in rows]
    return ("\n".join(lines) + "\n").encode()


def _line(row: PriceRow) -> str:
    members = {"provider": row.provider, "model": row.model, "from": row.day}
    for name in KINDS:
        amount = getattr(row, name)
        if name in ("input", "output") or amount != row.input:
            members[name] = dollars(amount)
    texts = (f"{key}: {json.dumps(value, ensure_ascii=False)}" for key, value in members.items())
    return f"{{{', '.join(texts)}}}"

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

from engine.calls.budget.prices import SEARCHES
from engine.calls.budget.token_usage import MODALITIES, USES
from engine.formats.money import MOST_MICROS, ceil_micros, dollars
from engine.model import Json

KINDS = ("input", "cached_input", "cache_write", "output")
"""Kinds of text that every row has a price of."""

_TIER = r"(?:_above_\d+k_tokens|_above_1hr|_priority|_flex|_batches|_batch_requests)*"
_OF_KIND = {
    "input": "input_cost_per_token",
    "cached_input": "cache_read_input_token_cost|input_cost_per_token_cache_hit",
    "cache_write": "cache_creation_input_token_cost",
    "output": "output_cost_per_token|output_cost_per_reasoning_token",
    "audio_input": "input_cost_per_audio_token|cache_creation_input_audio_token_cost"
    "|cache_read_input_audio_token_cost|cache_read_input_token_cost_per_audio_token",
    "audio_output": "output_cost_per_audio_token",
    "image_input": "input_cost_per_image_token|cache_read_input_image_token_cost",
    "image_output": "output_cost_per_image_token",
}
"""The map's words for the price of each kind of token, as expressions; any tier may follow."""
_READERS = {kind: re.compile(f"(?:{names}){_TIER}", re.ASCII) for kind, names in _OF_KIND.items()}
_SEARCH = "search_context_cost_per_query"
_ALWAYS_SEARCH = ("perplexity",)
"""Providers whose models search at every call, and whose usage does not say how often."""
_MONEY = re.compile("cost|price|pricing")
_NOT_DOLLARS = re.compile(r"(?:input|output)_dbu_cost_per_token")
"""Prices in another unit, beside the same in dollars."""
_SAMPLE = "sample_spec"
_NAME = re.compile(r"[^\s\x00-\x1f\x7f]{1,200}")
_ALWAYS = ("provider", "model", "from")
_PER = 1_000_000
_NO_ALIASES: Mapping[str, Mapping[str, str]] = {}


class PriceRow(NamedTuple):
    """A price of one model from one day on; amounts in micro-dollars per million tokens.

    That of searches is per thousand of them.
    """

    provider: str
    model: str
    day: str
    input: int
    cached_input: int
    cache_write: int
    output: int
    audio_input: int | None = None
    audio_output: int | None = None
    image_input: int | None = None
    image_output: int | None = None
    search: int | None = None

    @property
    def amounts(self) -> tuple[int | None, ...]:
        """What is paid, without whom and since when; None is no price."""
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
            row, tiered = _dearest(row, there), True
        rows[provider, model] = row
        if tiered:
            dearest.append(key)
    return Import(
        tuple(rows[name] for name in sorted(rows)), tuple(left), tuple(dearest), tuple(unpaid)
    )


def _dearest(row: PriceRow, other: PriceRow) -> PriceRow:
    """A row of the dearer of each amount."""
    both = zip(PriceRow._fields[3:], row.amounts, other.amounts, strict=True)
    dearer = {name: _dearer(first, second) for name, first, second in both}
    return PriceRow(*row[:3], **dearer)  # type: ignore[arg-type]  # what both have, it has


def _dearer(first: int | None, second: int | None) -> int | None:
    """The dearer of two prices; of one that only one of two entries has, that one."""
    return max((amount for amount in (first, second) if amount is not None), default=None)


def _row(provider: str, model: str, day: str, entry: Mapping[str, Json]) -> tuple[PriceRow, bool]:
    if not _NAME.fullmatch(provider) or "/" in provider:
        raise ValueError("no litellm_provider")
    if not _NAME.fullmatch(model):
        raise ValueError("its name has spaces in it, or more than 200 characters")
    found = _amounts(entry)
    for kind in ("input", "output"):
        if not found[kind]:
            raise ValueError(f"no {_OF_KIND[kind].partition('|')[0]}")
    best = {kind: max(amounts, default=None) for kind, amounts in found.items()}
    price = best["input"] or 0
    if entry.get("supports_vision") is True and best["image_input"] is None:
        best["image_input"] = price  # then the map counts what an image is in tokens of the prompt
    row = PriceRow(
        provider,
        model,
        day,
        input=price,
        cached_input=price if best["cached_input"] is None else best["cached_input"],
        cache_write=price if best["cache_write"] is None else best["cache_write"],
        output=best["output"] or 0,
        **{use: best[use] for use in MODALITIES},
        search=_search(provider, entry),
    )
    return row, any(len(amounts) > 1 for amounts in found.values())


def _amounts(entry: Mapping[str, Json]) -> dict[str, set[int]]:
    """Every price the map has for each kind of token: the usual one, and those of tiers.

    Raises:
        ValueError: It is no price, or the map has a price of something that is no token, which a
            usage would not tell.
    """
    tiers = entry.get("tiered_pricing")
    holders = [entry, *(tiers if isinstance(tiers, list) else ())]
    found: dict[str, set[int]] = {kind: set() for kind in _READERS}
    for holder in holders:
        if not isinstance(holder, Mapping):
            raise ValueError("tiered_pricing has a tier that is none")
        for key, value in holder.items():
            if value is None or not _MONEY.search(key) or _is_no_price(key):
                continue
            kind = next((kind for kind, name in _READERS.items() if name.fullmatch(key)), None)
            if kind is not None:
                found[kind].add(_per_million(key, value))
            elif value != 0:
                raise ValueError(f"it also costs {key}, which is not by the token")
    return found


def _is_no_price(key: str) -> bool:
    return key in ("tiered_pricing", _SEARCH) or _NOT_DOLLARS.fullmatch(key) is not None


def _search(provider: str, entry: Mapping[str, Json]) -> int | None:
    """The dearest price of a thousand searches; None where the map has none."""
    sizes = entry.get(_SEARCH)
    if sizes is None:
        return None
    if not isinstance(sizes, Mapping) or not sizes:
        raise ValueError(f"{_SEARCH} is no object of prices")
    # As a price of tokens, so that its form is looked at in the same way.
    dearest = max(_per_million(f"{_SEARCH}.{size}", cost) for size, cost in sizes.items())
    if dearest and provider in _ALWAYS_SEARCH:
        raise ValueError(f"it also costs {_SEARCH}, at every call")
    return -(-dearest // (_PER // SEARCHES))


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
    names = (*_ALWAYS, *(f"{name}_usd_micros" for name in (*KINDS, *USES)))
    return [PriceRow(*(row.get(name) for name in names)) for row in data["prices"]]


def written(
    rows: Sequence[PriceRow], origin: str, aliases: Mapping[str, Mapping[str, str]] = _NO_ALIASES
) -> bytes:
    """Return ``rows`` as a ``prices/data.yaml``.

    Args:
        rows: The prices.
        origin: Where they come from.
        aliases: Other names of models by provider.
    """
    lines = [
        f"# {origin}",
        "# US dollars per million tokens, of searches per thousand, from a day on.",
    ]
    if aliases:
        lines.append(f"aliases: {json.dumps(aliases, ensure_ascii=False, sort_keys=True)}")
    lines.append("prices:" if rows else "prices: []")
    lines += [f"  - {_line(row)}" for row in rows]
    return ("\n".join(lines) + "\n").encode()


def _line(row: PriceRow) -> str:
    members = {"provider": row.provider, "model": row.model, "from": row.day}
    for name in KINDS:
        amount = getattr(row, name)
        if name in ("input", "output") or amount != row.input:
            members[name] = dollars(amount)
    members |= {use: dollars(amount) for use in USES if (amount := getattr(row, use)) is not None}
    texts = (f"{key}: {json.dumps(value, ensure_ascii=False)}" for key, value in members.items())
    return f"{{{', '.join(texts)}}}"

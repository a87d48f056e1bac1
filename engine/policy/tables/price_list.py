"""The price list of a policy: what models cost, read strictly from its source."""

from __future__ import annotations

from datetime import date

from engine.errors import suggest
from engine.formats.money import micros
from engine.model import Json, is_number
from engine.policy.tables.nodes import Node

_AMOUNTS = ("input", "output", "cached_input", "cache_write")
_USES = ("audio_input", "audio_output", "image_input", "image_output", "search")
"""What has no price where a row does not say it; of searches, per thousand of them."""
_ROW = ("provider", "model", "from", *_AMOUNTS, *_USES)
_REQUIRED = ("provider", "model", "from", "input", "output")
_NAME = r"[^\s\x00-\x1f\x7f]{1,200}"


def price_list(root: Node) -> Json:
    """Return the rows with their amounts in micro-dollars per million tokens.

    ``{"prices": [{"provider", "model", "from", "input_usd_micros", "output_usd_micros",
    "cached_input_usd_micros", "cache_write_usd_micros"}]}``, in order of provider, model and
    day. A price that is not told for cached tokens is that of others; one that is not told for
    audio, images or searches is none, and then ``{kind}_usd_micros`` is not there. ``aliases`` are
    other names of models by provider, where there are any.

    Args:
        root: ``prices/data.yaml``.

    Raises:
        ConfigError: A row is not whole, its amounts are no amounts, or it is there twice.
    """
    top = root.keys(("prices", "aliases"))
    rows: dict[tuple[str, str, str], Json] = {}
    for row in top["prices"].items() if "prices" in top else ():
        members = row.keys(_ROW, _REQUIRED)
        key = (_name(members["provider"]), _name(members["model"]), _day(members["from"]))
        if key in rows:
            raise row.wrong(
                "{}/{} has a price from {} already".format(*key), "one row for each day it changes"
            )
        rows[key] = _priced(key, members)
    table: Json = {"prices": [rows[key] for key in sorted(rows)]}
    if "aliases" in top and (aliases := _aliases(top["aliases"], {key[:2] for key in rows})):
        table["aliases"] = aliases
    return table


def _aliases(node: Node, priced: set[tuple[str, str]]) -> dict[str, dict[str, str]]:
    """Other names by provider; each is of a model that has a price, and no such model itself."""
    found: dict[str, dict[str, str]] = {}
    for provider, names in node.members().items():
        models = sorted(model for of, model in priced if of == provider)
        for alias, target in names.members().items():
            model = _name(target)
            if (provider, model) not in priced:
                raise target.wrong(
                    f"{provider}/{model} has no price to go by", suggest(model, models)
                )
            if (provider, alias) in priced:
                raise target.wrong(f"{provider}/{alias} has prices of its own", key=True)
            found.setdefault(provider, {})[alias] = model
    return found


def _priced(key: tuple[str, str, str], members: dict[str, Node]) -> Json:
    amounts = {name: _amount(members[name]) for name in _AMOUNTS if name in members}
    return {
        "provider": key[0],
        "model": key[1],
        "from": key[2],
        **{f"{name}_usd_micros": amounts.get(name, amounts["input"]) for name in _AMOUNTS},
        **{f"{name}_usd_micros": _amount(members[name]) for name in _USES if name in members},
    }


def _name(node: Node) -> str:
    return node.text(_NAME, "without spaces, as the provider's API takes it")


def _day(node: Node) -> str:
    text = node.text(r"\d{4}-\d{2}-\d{2}", 'quote it: "2026-01-31"')
    try:
        date.fromisoformat(text)
    except ValueError:
        raise node.wrong(
            f"{text} is no day of any calendar", "such as 2026-01-31, in quotes"
        ) from None
    return text


def _amount(node: Node) -> int:
    hint = 'US dollars per million tokens, such as "2.50"'
    text = str(node.value) if is_number(node.value) else node.text(example=hint)
    try:
        return micros(text)
    except ValueError as error:
        raise node.wrong(str(error), hint) from None

"""``engine budget import-prices``: a price map that others keep, as the policy's price list."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from engine import exit_codes
from engine.cli.arguments import calendar_day
from engine.cli.console.shell import Shell
from engine.errors import ConfigError, UsageError, suggest
from engine.settings.config import Config

if TYPE_CHECKING:
    from engine.calls.budget.price_maps import Import, PriceRow
    from engine.model import Json

PLACE = "prices/data.yaml"
MAX_BYTES = 32 * 1024 * 1024
_LISTED = 10


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare flags."""
    parser.add_argument(
        "file", metavar="FILE", help="JSON such as model_prices_and_context_window.json, or -"
    )
    parser.add_argument(
        "-o", "--out", metavar="DIR", help=f"policies folder, whose {PLACE} is written (print it)"
    )
    parser.add_argument(
        "--from", dest="day", type=calendar_day, metavar="DAY",
        help="day from which they hold (today)",
    )  # fmt: skip
    parser.add_argument(
        "--provider", action="append", default=[], metavar="P", help="only theirs; may be repeated"
    )
    parser.add_argument(
        "--model", action="append", default=[], metavar="GLOB", help="only such; may be repeated"
    )
    parser.add_argument(
        "--free", action="store_true", help="believe a price of 0; else such a model has no price"
    )


def run(args: argparse.Namespace, _config: Config, shell: Shell) -> int:
    """Import; 0 when something was taken."""
    from engine.calls.budget import price_maps
    from engine.system.files import write_whole

    prices = _map(args.file, shell)
    day = args.day or shell.now().date().isoformat()
    taken = price_maps.take(prices, day, providers=args.provider, models=args.model, free=args.free)
    if not taken.rows:
        _report(taken, shell)
        raise UsageError(f"{args.file}: no price was taken", _nearest(args.provider, prices))
    origin = f"Written by `engine budget import-prices`, last with prices from {day}."
    if args.out is None:
        shell.stdout.write(price_maps.written(taken.rows, origin).decode())
        _report(taken, shell)
        return exit_codes.PASS
    path = Path(args.out) / PLACE
    old, aliases = _there(path)
    rows = price_maps.merged(old, taken.rows)
    content = price_maps.written(rows, origin, aliases)
    _require_size(path, content)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, content)
    _report(taken, shell)
    changed = len(set(rows) - set(old))
    shell.print(f"wrote {path}: {len(rows):,} in it, {changed:,} new or changed")
    return exit_codes.PASS


def _map(name: str, shell: Shell) -> dict[str, Json]:
    from engine.evidence.documents import read

    prices = read(name, stdin=shell.stdin, max_bytes=MAX_BYTES).value
    if not isinstance(prices, dict) or not any(isinstance(row, dict) for row in prices.values()):
        raise UsageError(
            f"{name}: not a price map", 'it begins {"MODEL": {"input_cost_per_token": …'
        )
    return prices


def _there(path: Path) -> tuple[list[PriceRow], dict[str, dict[str, str]]]:
    """The rows and aliases that the folder has; an unreadable list is never written over."""
    from engine.calls.budget.price_maps import rows_of
    from engine.policy.sources import MAX_FILE_BYTES
    from engine.policy.tables.nodes import read
    from engine.policy.tables.price_list import price_list
    from engine.system.reading import read_whole

    try:
        content = read_whole(path, MAX_FILE_BYTES)
    except FileNotFoundError:
        return [], {}
    except OSError as error:
        raise ConfigError(f"{path}: {(error.strerror or str(error)).lower()}") from None
    table = price_list(read(str(path), content))
    return rows_of(table), table.get("aliases", {})


def _require_size(path: Path, content: bytes) -> None:
    from engine.policy.sources import MAX_FILE_BYTES

    if len(content) > MAX_FILE_BYTES:
        raise UsageError(
            f"{path}: {len(content):,} bytes, more than the {MAX_FILE_BYTES:,} of a policy's file",
            "take the models that you use: --provider P, --model GLOB",
        )


def _report(taken: Import, shell: Shell) -> None:
    shell.say(f"prices taken: {len(taken.rows):,}")
    if taken.dearest:
        shell.say(
            f"{len(taken.dearest):,} of them have several prices (by length of the prompt, say), "
            f"and the dearest was taken: {_some(taken.dearest)}"
        )
    if taken.free:
        shell.say(f"{len(taken.free):,} not taken, at a price of 0 (--free): {_some(taken.free)}")
    reasons: dict[str, list[str]] = {}
    for model, reason in taken.left:
        reasons.setdefault(reason, []).append(model)
    for reason, names in sorted(reasons.items(), key=lambda item: -len(item[1])):
        shell.say(f"{len(names):,} not taken, {reason}: {_some(names)}")


def _some(names: tuple[str, ...] | list[str]) -> str:
    more = f" and {len(names) - _LISTED:,} more" if len(names) > _LISTED else ""
    return ", ".join(names[:_LISTED]) + more


def _nearest(providers: list[str], prices: dict[str, Json]) -> str:
    known = {
        row["litellm_provider"]
        for row in prices.values()
        if isinstance(row, dict) and isinstance(row.get("litellm_provider"), str)
    }
    for provider in providers:
        if provider not in known:
            return suggest(provider, known) or f"the map has no provider {provider!r}"
    return "see above what was left out, and why"

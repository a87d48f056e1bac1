"""``engine example``: a document to start from, fresh as of now."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from engine import exit_codes
from engine.cli import workspace
from engine.cli.console.shell import Shell
from engine.errors import UsageError, suggest
from engine.formats.times import write_time
from engine.model import Json
from engine.policy.bundle import shipped_bundle, shipped_folder

if TYPE_CHECKING:
    from engine.selftest.bad_evidence import Constraint
    from engine.settings.config import Config

DESCRIPTION = (
    "Print an example metrics file, observed now: promote, hold, block or rollback. Where the\n"
    "folder has checks of its own, their metrics are in it too: passing, missing or failing."
)
EXAMPLE = "  engine example promote | engine decide -"


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare flags."""
    parser.add_argument("name", metavar="NAME", help="promote, hold, block or rollback")


def run(args: argparse.Namespace, shell: Shell) -> int:
    """Print the document; nothing is written or recorded."""
    folder = shipped_folder("examples")
    known = sorted(path.stem for path in folder.glob("*.json"))
    if args.name not in known:
        raise UsageError(f"example {args.name!r} is not known", suggest(args.name, known))
    document = json.loads((folder / f"{args.name}.json").read_bytes())
    fresh = {"subject": document.pop("subject"), "observed_at": write_time(shell.now()), **document}
    fresh["metrics"] |= _own_metrics(args, args.name, shell)
    shell.print_json(fresh, indent=2)
    return exit_codes.PASS


def _own_metrics(args: argparse.Namespace, name: str, shell: Shell) -> Json:
    """Values for the checks of the gate in use that read a metric of the folder's own."""
    config = workspace.settings(args, shell)
    folder = config.path("policies")
    if folder is None or name == "hold":
        return {}
    found: dict[str, Json] = {}
    for demand in _demands(folder, config, shell):
        fits = (
            value for value in demand.candidates() if demand.passes(value) == (name == "promote")
        )
        value = next(fits, None)
        found.setdefault(
            demand.metric, value if demand.min_n is None else {"value": value, "n": demand.min_n}
        )
    return found


def _demands(folder: Path, config: Config, shell: Shell) -> Iterator[Constraint]:
    """What is demanded of metrics of the folder's own; by its tables alone where OPA is missing."""
    from engine.selftest.bad_evidence import Constraint

    profile, shipped = config.text("profile"), shipped_bundle().catalogue()
    try:
        bundle = workspace.open_policies(config, shell)
    except UsageError:
        from engine.policy.uncompiled import own_demands

        demands = own_demands(folder, profile)
        shell.say(
            "engine: there is no OPA for rules of your own: what they compare is taken from the "
            "tables"
        )
        for metric, (row, about) in demands.items():
            yield Constraint.of({"id": metric, "metric": metric, "kind": "limit", **row}, about)
        return
    rows = bundle.profile(profile)["checks"]
    for info in map(bundle.check, bundle.gate(config.text("gate")).checks):
        row = rows.get(info.id, {})
        if info.metric not in shipped and row.get("severity") != "off":
            check = {"limit": None, **row, **info._asdict()}
            demand = Constraint.of(check, bundle.catalogue()[info.metric])
            if demand.can_fail:
                yield demand

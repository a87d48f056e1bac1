"""How an ended lease is told."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from engine.cli.console.shell import Shell

if TYPE_CHECKING:
    from engine.calls.budget.tracker import LeaseEnd


def tell(ending: LeaseEnd, form: str, shell: Shell) -> None:
    """Print ``ending``; an overrun is narrated besides."""
    from engine.formats.money import dollars

    if form == "json":
        document = {
            "lease": ending.lease,
            "state": ending.state,
            "day": ending.day,
            "used": None if ending.used is None else ending.used.members,
            "overrun": ending.overrun.members,
            "new": ending.new,
            "index": ending.index,
        }
        print(json.dumps(document), file=shell.stdout)
    else:
        used = ending.used
        spent = "" if used is None else f", {dollars(used.usd_micros)} USD, {used.tokens} tokens"
        before = "" if ending.new else " (it was before)"
        print(f"{ending.state}{before}  {ending.lease}  {ending.day}{spent}", file=shell.stdout)
    if any(ending.overrun):
        over = ending.overrun
        shell.say(
            f"engine: past its budget by {dollars(over.usd_micros)} USD, {over.tokens} tokens, "
            f"{over.requests} requests; recorded, and nothing more is granted until there is room"
        )

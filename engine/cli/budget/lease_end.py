"""How the end of a lease is printed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.cli.console.shell import Shell

if TYPE_CHECKING:
    from engine.calls.budget.tracker import LeaseEnd


def print_lease_end(end: LeaseEnd, form: str, shell: Shell) -> None:
    """Print ``end`` on standard output, and an overrun on standard error too."""
    from engine.formats.money import dollars
    from engine.formats.printable import plain

    if form == "json":
        document = {
            "lease": end.lease,
            "state": end.state,
            "day": end.day,
            "used": None if end.used is None else end.used.members,
            "overrun": end.overrun.members,
            "overruns": [{"budget": name, **over.members} for name, over in end.overruns],
            "unpriced": list(end.unpriced),
            "new": end.new,
            "index": end.index,
        }
        shell.print_json(document)
    else:
        used = end.used
        spent = "" if used is None else f", {dollars(used.usd_micros)} USD, {used.tokens} tokens"
        before = "" if end.new else " (it was before)"
        shell.print(f"{end.state}{before}  {end.lease}  {end.day}{spent}")
    for name, over in end.overruns:
        shell.say(
            f"engine: past budget {plain(name)} by {dollars(over.usd_micros)} USD, "
            f"{over.tokens} tokens, {over.requests} requests"
        )
    if end.overruns:
        shell.say("  recorded, and nothing more is granted of it until there is room")
    if end.unpriced:
        shell.say(
            f"engine: no price is known of {plain(', '.join(end.unpriced))}: settled as reserved",
            "  say what it cost: --usd, or `usd=` from Python",
        )

"""One reservation from its grant to its end. Pure.

    (none) --reserve--> open --settle--> settled
                        open --release-> released --settle--> settled
                        open --expire--> expired  --settle--> settled

Nothing leaves ``settled``. Settling past expiry or release is a late settlement: it holds nothing
any more, and is recorded all the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from engine.formats import canonical
from engine.formats.canonical import PlainObject
from engine.metrics.amounts import NOTHING, Amount, amount_of
from engine.model import Json

OPEN = "open"
EXPIRED = "expired"
RELEASED = "released"
SETTLED = "settled"


class Lease(NamedTuple):
    """What is known of a lease.

    Attributes:
        state: ``open``, ``expired``, ``released`` or ``settled``.
        day: Day whose budgets it counts against, whenever it ends.
        expires_at: RFC 3339; from then on it may be taken back.
        budgets: Ids of the budgets that it counts against, sorted.
        granted: What was granted, in each of them.
        about: ``provider``, ``model`` and, where said, ``team``, ``tags``, ``route``.
        used: What was settled; None before.
        counted: How that was counted, ``(within, overrun)`` per budget; empty before.
    """

    state: str
    day: str
    expires_at: str
    budgets: tuple[str, ...]
    granted: Amount
    about: Mapping[str, Json]
    used: Amount | None = None
    counted: tuple[tuple[Amount, Amount], ...] = ()

    @property
    def held(self) -> Amount:
        """What it keeps from others."""
        return self.granted if self.state == OPEN else NOTHING

    def encode(self) -> bytes:
        """Return canonical JSON."""
        members: dict[str, Json] = {
            "about": dict(self.about),
            "asked": list(self.granted),
            "budgets": self.budgets,
            "day": self.day,
            "expires_at": self.expires_at,
            "state": self.state,
        }
        if self.used is not None:
            members["used"] = list(self.used)
            members["counted"] = [[list(within), list(overrun)] for within, overrun in self.counted]
        return canonical.encode_read(PlainObject(members))  # amounts are below 2^53, keys are ours


def decode(body: bytes) -> Lease:
    """Return the lease that :meth:`Lease.encode` wrote."""
    import orjson

    members = orjson.loads(body)
    used = members.get("used")
    return Lease(
        state=members["state"],
        day=members["day"],
        expires_at=members["expires_at"],
        budgets=tuple(members["budgets"]),
        granted=amount_of(members["asked"]),
        about=members["about"],
        used=None if used is None else amount_of(used),
        counted=tuple(
            (amount_of(within), amount_of(overrun))
            for within, overrun in members.get("counted", ())
        ),
    )

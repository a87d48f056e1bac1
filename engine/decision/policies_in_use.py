"""Which policies answer, and who chose them."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

from engine.policy.bundle import PolicyBundle, shipped_digest


class ChosenBy(StrEnum):
    """Who chose the policies: nobody, a configuration file, or the call itself."""

    SHIPPED = "shipped"
    CONFIGURED = "configured"
    CALLER = "caller"


class PoliciesInUse(NamedTuple):
    """The policies that answer, and who chose them.

    Attributes:
        bundle: The policies.
        chosen_by: Whoever named them.
        open_to_others: Whether somebody else can write to their folder, or to the configuration.
    """

    bundle: PolicyBundle
    chosen_by: ChosenBy = ChosenBy.SHIPPED
    open_to_others: bool = False

    @property
    def relaxations(self) -> tuple[str, ...]:
        """What has to be named: the gated party, or a file near it, chose the gate."""
        named = ["folder_writable_by_others"] if self.open_to_others else []
        chosen = _NAMED.get(self.chosen_by)
        if chosen is not None and self.bundle.digest != shipped_digest():
            named.append(chosen)
        return tuple(named)


_NAMED = {ChosenBy.CALLER: "policies_overridden", ChosenBy.CONFIGURED: "policies_configured"}

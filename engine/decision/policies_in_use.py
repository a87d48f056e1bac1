"""Which policies answer, and who chose them."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

from engine.policy.bundle import PolicyBundle, shipped_bundle


class ChosenBy(StrEnum):
    """Who chose the policies: nobody, a configuration file, or the call itself."""

    SHIPPED = "shipped"
    CONFIGURED = "configured"
    CALLER = "caller"


class PoliciesInUse(NamedTuple):
    """The policies that answer, and who chose them."""

    bundle: PolicyBundle
    chosen_by: ChosenBy = ChosenBy.SHIPPED

    @property
    def relaxations(self) -> tuple[str, ...]:
        """What has to be named: the gated party chose its own gate."""
        if self.chosen_by is ChosenBy.CALLER and self.bundle.digest != shipped_bundle().digest:
            return ("policies_overridden",)
        return ()

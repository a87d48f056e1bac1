"""Which policies answer, and who chose them."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import NamedTuple

from engine.model import Json
from engine.policy.bundle import PolicyBundle, shipped_bundle, shipped_digest


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
        folder: What is laid over the shipped ones; None is nothing.
    """

    bundle: PolicyBundle
    chosen_by: ChosenBy = ChosenBy.SHIPPED
    open_to_others: bool = False
    folder: Path | None = None

    @property
    def relaxations(self) -> tuple[str, ...]:
        """What has to be named: the gated party, or a file near it, chose the gate."""
        named = ["folder_writable_by_others"] if self.open_to_others else []
        if self._are_own:
            named.append(_NAMED[self.chosen_by])
        return tuple(named)

    @property
    def _are_own(self) -> bool:
        """Whether somebody chose them, and they are not the ones that ship."""
        return self.chosen_by in _NAMED and self.bundle.digest != shipped_digest()

    def changes(self, profile: str) -> Json:
        """Return what a record says of the rows that the policies change; None if they ship so.

        Args:
            profile: The table of limits that is asked.
        """
        if not self._are_own:
            return None
        from engine.policy.changes import record_of

        return record_of(shipped_bundle(), self.bundle, profile)


_NAMED = {ChosenBy.CALLER: "policies_overridden", ChosenBy.CONFIGURED: "policies_configured"}

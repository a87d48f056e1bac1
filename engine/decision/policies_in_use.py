"""Which policies answer, and who chose them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from enum import StrEnum
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from engine.model import Json
from engine.policy.bundle import PolicyBundle, shipped_bundle, shipped_digest
from engine.system.ownership import others_can_write_to

if TYPE_CHECKING:
    from engine.decision.approvals import Approvals
    from engine.proof.approvals import Approval


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
        approvals: Who approved them, where the call says whose word counts; None asks nobody.
    """

    bundle: PolicyBundle
    chosen_by: ChosenBy = ChosenBy.SHIPPED
    open_to_others: bool = False
    folder: Path | None = None
    approvals: Approvals | None = None

    def relaxations(self, now: datetime, own_key: bytes | None) -> tuple[str, ...]:
        """Return what has to be named: the gated party, or a file near it, chose the gate.

        Args:
            now: Of the decision.
            own_key: The key that signs it; see :meth:`Approvals.counting`.
        """
        named = ["folder_writable_by_others"] if self.open_to_others else []
        if self._are_own and not self.approved(now, own_key):
            named.append(_NAMED[self.chosen_by])
        return tuple(named)

    def approved(self, now: datetime, own_key: bytes | None) -> tuple[Approval, ...]:
        """Return the approvals that count at an instant; none of policies that nobody chose."""
        if self.approvals is None or not self._are_own:
            return ()
        return self.approvals.counting(now, own_key)

    def not_approved(self, now: datetime, own_key: bytes | None) -> list[str]:
        """Return why no approval counts, a clause each; nothing where one does or none is there."""
        if not self._are_own or self.approved(now, own_key):
            return []
        if self.approvals is None:
            return self._not_asked()
        return list(self.approvals.why_not(now, own_key))

    def _not_asked(self) -> list[str]:
        """Why approvals that lie beside the policies are not even looked at."""
        from engine.policy.overlay import APPROVALS

        file = self.folder and self.folder.with_name(self.folder.name + APPROVALS)
        if file is None or not file.is_file():
            return []
        return [
            f"{file.name} is not read: no trust list is named (--policy-trust, ENGINE_POLICY_TRUST)"
        ]

    @property
    def _are_own(self) -> bool:
        """Whether somebody chose them, and they are not the ones that ship."""
        return self.chosen_by in _NAMED and self.bundle.digest != shipped_digest()

    def changes(self, profile: str) -> Json:
        """Return what a record says of the rows that the policies change; None if they ship so.

        Args:
            profile: The table of limits that is asked.
        """
        return _changes(self.bundle, profile) if self._are_own else None


@lru_cache(maxsize=16)
def _changes(bundle: PolicyBundle, profile: str) -> Json:
    """What a record says of the rows that ``bundle`` changes; compared once, not each time."""
    from engine.policy.changes import record_of

    return record_of(shipped_bundle(), bundle, profile)


_NAMED = {ChosenBy.CALLER: "policies_overridden", ChosenBy.CONFIGURED: "policies_configured"}


def in_use(
    folder: Path | None,
    trust: Path | None,
    by: ChosenBy,
    load: Callable[[Path], PolicyBundle],
    *,
    open_to_others: bool = False,
) -> PoliciesInUse:
    """Return the policies that somebody chose, with who approved them; the shipped ones for none.

    Args:
        folder: A folder, or a built file; None chooses nothing.
        trust: Trust list of the call; it is read wherever it is named.
        by: Whoever chose them.
        load: Reads them.
        open_to_others: Whether somebody else can write to what names them.

    Raises:
        GovernanceError: They, or the trust list, cannot be read.
    """
    if folder is None:
        if trust is not None:
            from engine.policy.tables.trust_list import approvers_in

            approvers_in(trust)
        return PoliciesInUse(shipped_bundle(), open_to_others=open_to_others)
    bundle, approvals = load(folder), None
    is_open = open_to_others or others_can_write_to(folder)
    if trust is not None:
        from engine.decision.approvals import approvals_of

        approvals = approvals_of(folder, bundle.digest, trust)
        is_open = is_open or approvals.open_to_others
    return PoliciesInUse(bundle, by, is_open, folder.absolute(), approvals)

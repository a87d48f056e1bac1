"""Which families a scan looks for: the usual ones, what is asked for besides, less what a policy
switches off.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from engine.errors import UsageError, suggest
from engine.privacy import DEFAULT, FAMILIES, ON_REQUEST, RULES
from engine.privacy.rule import Rule


def select(also: Iterable[str] = (), off: Iterable[str] = ()) -> Sequence[Rule]:
    """Return the rows to look for, in the order of the table.

    Args:
        also: Families of those that are looked for only where somebody asks.
        off: Families that a policy switches off.

    Raises:
        UsageError: No family has that name; names the nearest.
    """
    added, removed = frozenset(also), frozenset(off)
    for name in sorted(added | removed):
        require_family(name)
    if not added & ON_REQUEST and not removed:
        return DEFAULT
    return tuple(
        rule
        for rule in RULES
        if rule.name not in removed and (rule.name in added or not rule.on_request)
    )


def require_family(name: str) -> None:
    """Refuse a name that no family has.

    Raises:
        UsageError: Names the nearest.
    """
    if name not in FAMILIES:
        hint = suggest(name, FAMILIES) or "engine scan --rules lists them"
        raise UsageError(f"no recogniser {name!r}", hint)

"""What became of many inputs, in a few lines: by verdict, and by the checks that stood against."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from engine.errors import GovernanceError
from engine.model import Json, Severity, Status
from engine.proof.verdict_rules import is_waived

_QUIET = (Status.PASS, Status.EXEMPT, Status.OFF)
_AGAINST = (Status.FAIL, Status.UNKNOWN, Status.STALE, Status.INSUFFICIENT)
_BLOCK = Severity.BLOCK
_LONGEST = 12


class Summary:
    """Counts; keeps nothing of a decision."""

    def __init__(self) -> None:
        self._verdicts: Counter[str] = Counter()
        self._failures = 0
        self._against: dict[str, Counter[str]] = {}

    def add(self, verdict: str, against: Sequence[tuple[str, str]]) -> None:
        """Count one decision and the checks that :func:`standing_against` lists."""
        self._verdicts[verdict] += 1
        for name, status in against:
            self._against.setdefault(name, Counter())[status] += 1

    def failed(self, error: GovernanceError) -> None:  # noqa: ARG002
        """Count one input that could not be decided on."""
        self._failures += 1

    @property
    def done(self) -> int:
        """Inputs that were decided, or could not be."""
        return self._verdicts.total() + self._failures

    def lines(self) -> list[str]:
        """Return the counts by verdict, then a table of the checks that stood against most."""
        verdicts = ", ".join(
            f"{count:,} {verdict}" for verdict, count in sorted(self._verdicts.items())
        )
        lost = f"; {self._failures:,} could not be decided" if self._failures else ""
        head = f"{self._verdicts.total():,} decided" + (f": {verdicts}" if verdicts else "") + lost
        return [head, *self._table()]

    def _table(self) -> list[str]:
        if not self._against:
            return []
        worst = sorted(self._against.items(), key=lambda row: (-row[1].total(), row[0]))
        names = max(len(name) for name, _ in worst[:_LONGEST])
        title = f"  {'blocking check':<{names}}" + "".join(f"{name:>14}" for name in _AGAINST)
        lines = [title] + [
            f"  {name:<{names}}" + "".join(f"{counts[status] or '-':>14}" for status in _AGAINST)
            for name, counts in worst[:_LONGEST]
        ]
        if len(worst) > _LONGEST:
            lines.append(f"  and {len(worst) - _LONGEST} more")
        return lines


def standing_against(checks: Sequence[Json]) -> tuple[tuple[str, str], ...]:
    """Return id and status of every blocking check that neither passed nor was waived."""
    return tuple(
        (check["id"], check["status"])
        for check in checks
        if check["severity"] == _BLOCK and check["status"] not in _QUIET and not is_waived(check)
    )

"""Whether what each cycle recorded is a behaviour of the specs: by lookup, entry by entry."""

from __future__ import annotations

from engine.ledger import Ledger
from engine.specs.conform.conformance import Conformance, statements


class Follower:
    """Reads a ledger once from its beginning, and then what each cycle appended."""

    def __init__(self) -> None:
        self._conformance = Conformance()
        self._findings: list[str] = []
        self._named: set[str] = set()

    def check(self, ledger: Ledger) -> list[str]:
        """Read what was appended since the last call; return what no spec allows, in lines.

        What was found once is returned every time; empty when all entries conform.
        """
        for index, statement in statements(ledger, self._conformance.entries):
            try:
                rejected = self._conformance.feed(index, statement)
            except (LookupError, TypeError, ValueError, AttributeError) as error:
                self._findings.append(f"entry {index} lacks what a spec reads: {error!r}")
                continue
            self._findings += [line for rejection in rejected for line in rejection.lines()]
        return list(self._findings)

    def unmodelled(self) -> list[str]:
        """Return which specs have no model of what was recorded; each is named once."""
        lines = []
        for name, report in self._conformance.reports().items():
            if report.unmodelled is not None and name not in self._named:
                self._named.add(name)
                lines.append(f"{name}: {report.unmodelled.reason}; `engine conform` says more")
        return lines

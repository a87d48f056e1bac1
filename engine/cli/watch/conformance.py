"""Whether what each cycle recorded is a behaviour of the specs: by lookup, entry by entry."""

from __future__ import annotations

from engine.ledger import Ledger
from engine.specs.conform.claims import Claims
from engine.specs.conform.conformance import Conformance


class Follower:
    """Reads a ledger once from its beginning, and then what each cycle appended."""

    def __init__(self) -> None:
        self._conformance = Conformance()
        self._claims: Claims | None = None
        self._findings: list[str] = []
        self._named: set[str] = set()
        self._contradicted = False

    def check(self, ledger: Ledger) -> list[str]:
        """Read what was appended since the last call; return what no spec allows, in lines.

        What was found once is returned every time; empty when all entries conform.

        Raises:
            VerificationError: An entry is not signed by the ledger's key; names it.
        """
        if self._claims is None:
            self._claims = Claims(ledger, (ledger.signer.public_key,))
        claims = self._claims
        claims.go_on_in(ledger)
        for index, statement in claims.read():
            try:
                rejected = self._conformance.feed(index, statement)
            except (LookupError, TypeError, ValueError, AttributeError) as error:
                self._findings.append(f"entry {index} lacks what a spec reads: {error!r}")
                continue
            self._findings += [line for rejection in rejected for line in rejection.lines()]
        if claims.contradicted is not None and not self._contradicted:
            self._contradicted = True
            self._findings += claims.contradicted.lines()
        return list(self._findings)

    def unmodelled(self) -> list[str]:
        """Return which specs have no model of what was recorded; each is named once."""
        found = {
            name: report.unmodelled.reason
            for name, report in self._conformance.reports().items()
            if report.unmodelled is not None
        }
        found |= dict.fromkeys(self._conformance.unknown, "a type that this engine does not know")
        lines = [
            f"{name}: {reason}; `engine conform` says more"
            for name, reason in found.items()
            if name not in self._named
        ]
        self._named |= found.keys()
        return lines

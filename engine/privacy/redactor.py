"""The same text without what a scan finds in it; every other byte as it was."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from engine.privacy import DEFAULT
from engine.privacy.rule import Rule
from engine.privacy.scanner import BLOCK, ScanFinding, Scanner


def mark(finding: ScanFinding) -> bytes:
    """Return what stands in place of a finding; no rule takes it for anything."""
    return b"[redacted:%s]" % finding.type.encode()


class Redactor:
    """Rewrites a text that is fed in pieces.

    Args:
        key: As for a scan; no digest is written.
        rules: As for a scan.
        block: As for a scan.

    Attributes:
        count: Places replaced so far.
    """

    def __init__(self, key: bytes, rules: Sequence[Rule] = DEFAULT, *, block: int = BLOCK) -> None:
        self._scanner = Scanner(key, rules, block=block)
        self._text = b""
        self._base = 0
        self.count = 0

    def feed(self, piece: bytes) -> bytes:
        """Return what is certain after ``piece``; may be empty."""
        self._text += piece
        return self._rewritten(list(self._scanner.feed(piece)), self._scanner.settled)

    def finish(self) -> bytes:
        """Return the rest. Nothing may follow."""
        return self._rewritten(list(self._scanner.finish()), self._base + len(self._text))

    def _rewritten(self, findings: Iterable[ScanFinding], until: int) -> bytes:
        parts: list[bytes] = []
        at = 0
        for finding in findings:
            start = finding.offset - self._base
            parts += [self._text[at:start], mark(finding)]
            at = start + finding.length
            self.count += 1
        stop = max(at, until - self._base)
        parts.append(self._text[at:stop])
        self._text = self._text[stop:]
        self._base += stop
        return b"".join(parts)

"""Evidence of several documents put together: whose word each metric is. Pure.

A metric that nobody signed is in one document only. One that producers signed may be in several:
copies by one key count once, several keys count each where they say the same, and two who
contradict each other are refused, both by name.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from engine.evidence.documents import Document
from engine.evidence.metrics_file import RefusalError
from engine.formats.json_positions import escape
from engine.formats.times import age_s, parse_time, write_time
from engine.model import Json
from engine.proof.decision_version import MAX_ENVELOPES
from engine.proof.signed_evidence import SignedEvidence, agree, attachment_of, signers_of
from engine.proof.verdict_rules import OLDEST_FUTURE_S


class Producers:
    """Who signed which metrics of one decision.

    Args:
        now: The decision's instant.
    """

    def __init__(self, now: datetime) -> None:
        self._now = now
        self._by: dict[str, list[tuple[Document, SignedEvidence]]] = {}
        self._stated: dict[str, Json] = {}
        self._evidence: dict[bytes, SignedEvidence] = {}

    def add(self, document: Document, given: dict[str, Json], metrics: dict[str, Json]) -> None:
        """Put what a signed document says into ``metrics``.

        Args:
            document: It.
            given: Its metrics in long form.
            metrics: Those of the documents before; changed here.

        Raises:
            RefusalError: It was signed in the future, there are too many, or it contradicts
                another on a metric.
        """
        evidence = document.signed
        if evidence is None:
            raise TypeError("the document is not signed")
        if age_s(self._now, evidence.signed_at) < OLDEST_FUTURE_S:
            raise RefusalError(
                "",
                f"was signed at {write_time(evidence.signed_at)}, which is in the future",
                "compare the clocks of this machine and of the one that signed",
            )
        self._evidence[evidence.envelope] = evidence
        if len(self._evidence) > MAX_ENVELOPES:
            raise RefusalError(
                "",
                f"more than {MAX_ENVELOPES} signed files for one decision",
                "let each producer sign one file with all its metrics",
            )
        for name, metric in given.items():
            before = metrics.get(name)
            if before is None:
                metrics[name] = metric
            elif not agree(before, metric):
                raise self._contradiction(name, document, before, metric)
            elif parse_time(metric["observed_at"]) < parse_time(before["observed_at"]):
                metrics[name] = metric
            self._by.setdefault(name, []).append((document, evidence))
            self._stated[name] = metrics[name]

    def has(self, metric: str) -> bool:
        """Whether somebody signed a metric."""
        return metric in self._by

    def _contradiction(
        self, name: str, document: Document, before: Json, metric: Json
    ) -> RefusalError:
        first, signed = self._by[name][0]
        other = next(
            (key for key in ("value", "status", "n", "ci", "baseline")
             if before.get(key) != metric.get(key)),
            "value",
        )  # fmt: skip
        own = document.signed.key_id if document.signed is not None else ""
        return RefusalError(
            f"/metrics/{escape(name)}",
            f"{name}: {_written(other, metric)} by key {own[:16]}…; {first.name} says "
            f"{_written(other, before)}, by key {signed.key_id[:16]}…",
            "two producers contradict each other: find out which one is right, and measure again",
        )

    def name_signers(self, metrics: Mapping[str, Json], trust: Json) -> None:
        """Name who signed each metric in it; not where the ledger's own figure stands instead."""
        for name, by in self._by.items():
            metric = metrics.get(name)
            if metric is self._stated[name]:
                evidence = [signed for _, signed in by]
                metric["signers"] = signers_of(name, evidence, trust, self._now)

    def rows(self) -> list[dict[str, Json]]:
        """Return what a record says of the signed evidence, sorted."""
        return [evidence.row() for evidence in self._sorted()]

    def envelopes(self) -> bytes:
        """Return what is kept beside the record; empty where nobody signed."""
        found = self._sorted()
        return attachment_of(found) if found else b""

    def _sorted(self) -> Sequence[SignedEvidence]:
        def order(evidence: SignedEvidence) -> tuple[str, str, str]:
            row = evidence.row()
            return row["key_id"], row["signed_at"], row["envelope"]["sha256"]

        return sorted(self._evidence.values(), key=order)


def _written(key: str, metric: Mapping[str, Json]) -> str:
    value = metric.get(key)
    text = "none" if value is None else str(value)[:60]
    return text if key == "value" else f"{key} {text}"

"""Consent coverage: of how many people every use is covered by a consent that is in force."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime

from engine.metrics.outcome import INSUFFICIENT, OK, ComputedMetric
from engine.metrics.reasons import in_words
from engine.model import Json

METHOD = "consent/1"
COVERED = ""
NO_RECORD = "no_record"
OTHER_PURPOSE = "other_purpose"
NOT_YET_ISSUED = "not_yet_issued"


@dataclass(frozen=True, slots=True)
class Record:
    """What somebody decided about one use of their data.

    Attributes:
        subject: Who; never leaves this computation.
        purpose: What for, letter by letter.
        granted: Whether they agreed.
        issued: From when on it holds.
        expiry: From when on it holds no more; None is never.
        withdrawal: When they took it back; None is never.
        notice_version: Version of the notice they saw; None when not recorded.
        flags: Whether every flag that is required is set.
    """

    subject: str
    purpose: str
    granted: bool
    issued: datetime
    expiry: datetime | None = None
    withdrawal: datetime | None = None
    notice_version: str | None = None
    flags: bool = True


def lack(record: Record, now: datetime, notices: Collection[str]) -> str:
    """Return why a record that was issued does not cover a use at ``now``; empty where it does.

    It holds from ``issued`` until before ``expiry`` and before ``withdrawal``.

    Args:
        record: Issued, and for the purpose in question.
        now: The instant.
        notices: Versions of the notice that are accepted; empty accepts any.
    """
    if not record.granted:
        return "refused"
    if record.withdrawal is not None and record.withdrawal <= now:
        return "withdrawn"
    if record.expiry is not None and record.expiry <= now:
        return "expired"
    if notices and record.notice_version not in notices:
        return "other_notice"
    return COVERED if record.flags else "flag_not_set"


class Coverage:
    """Folds records, in any order, into what covers each subject.

    The newest record of a subject for the purpose decides; of two of the same instant the one
    that does not cover.

    Args:
        purpose: The one in question.
        now: The instant.
        notices: Versions of the notice that are accepted; empty accepts any.
    """

    def __init__(self, purpose: str, now: datetime, notices: Collection[str] = ()) -> None:
        self._purpose = purpose
        self._now = now
        self._notices = frozenset(notices)
        self._issued: dict[str, datetime] = {}
        self._lacks: dict[str, str] = {}
        self.records = 0

    def add(self, record: Record) -> None:
        """Take ``record`` into account."""
        self.records += 1
        subject = record.subject
        if record.purpose != self._purpose:
            self._lacks.setdefault(subject, OTHER_PURPOSE)
        elif record.issued > self._now:
            if self._lacks.get(subject, OTHER_PURPOSE) == OTHER_PURPOSE:
                self._lacks[subject] = NOT_YET_ISSUED
        else:
            found = lack(record, self._now, self._notices)
            before = self._issued.get(subject)
            if before is None or record.issued > before:
                self._lacks[subject] = found
            elif record.issued == before:
                # Of two reasons the first in order, so that the order of rows is of no matter.
                self._lacks[subject] = min(filter(None, (self._lacks[subject], found)), default="")
            self._issued[subject] = record.issued if before is None else max(before, record.issued)

    def outcome(
        self, subjects: Iterable[str] | None, parameters: dict[str, Json]
    ) -> ComputedMetric:
        """Return whether everybody is covered; how many are is in ``reference``.

        Args:
            subjects: Whose data is used; None is everybody who has a record.
            parameters: Everything that was set.
        """
        everybody = set(self._lacks if subjects is None else subjects)
        reasons = [self._lacks.get(subject, NO_RECORD) for subject in everybody]
        lacking = {reason: reasons.count(reason) for reason in sorted(set(reasons)) if reason}
        n, covered = len(reasons), reasons.count(COVERED)
        if not n or not self.records:
            because = "no consent record" if not self.records else "nobody whose data is used"
            return ComputedMetric(METHOD, INSUFFICIENT, n=n, because=because, parameters=parameters)
        because = (
            ""
            if covered == n
            else f"{n - covered:,} of {n:,} are not covered: " + in_words(lacking)
        )
        return ComputedMetric(
            METHOD,
            OK,
            covered == n,
            n=n,
            because=because,
            parameters=parameters,
            excluded=lacking,
            reference={"coverage": covered / n, "covered": covered, "records": self.records},
        )

"""When a failed attempt is followed by the next one, and when by none. Pure.

Waits double from ``first_s`` up to ``most_s``, and each is drawn from its upper half, so that
hooks that failed together do not come back together. Source: Brooker (2015), "Exponential Backoff
And Jitter", equal jitter.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from engine.effects import AttemptOutcome, AttemptStatus

if TYPE_CHECKING:
    from engine.settings.table import Table


@dataclass(frozen=True, slots=True)
class Backoff:
    """How patient a hook is.

    Attributes:
        first_s: Longest wait after the first attempt, seconds.
        most_s: Longest wait at all, also where the receiver asks for a longer one.
        attempts: After so many it is given up.
    """

    first_s: int = 5
    most_s: int = 60
    attempts: int = 120

    def wait_s(self, attempt: int, chance: float, retry_after_s: int | None = None) -> int:
        """Return the seconds to wait after attempt ``attempt``, at least 1.

        Args:
            attempt: Counted from 1.
            chance: At least 0 and below 1.
            retry_after_s: What the receiver asked for.
        """
        doubled = self.first_s << min(attempt - 1, 32)
        wait_s = min(self.most_s, doubled) * (1 + chance) / 2
        return max(1, math.ceil(wait_s), min(retry_after_s or 0, self.most_s))

    def next_at(
        self, outcome: AttemptOutcome, attempt: int, now: datetime, chance: float
    ) -> datetime | None:
        """Return when the next attempt is due; None when there is none any more.

        Args:
            outcome: Of attempt ``attempt``; not done.
            attempt: Counted from 1.
            now: When it ended.
            chance: At least 0 and below 1.
        """
        if outcome.ended is not AttemptStatus.FAILED or attempt >= self.attempts:
            return None
        return now + timedelta(seconds=self.wait_s(attempt, chance, outcome.retry_after_s))


def backoff_of(table: Table) -> Backoff:
    """Return the backoff of key ``retry`` of ``table``: ``{first_s, most_s, attempts}``.

    Raises:
        ConfigError: A key or a value is wrong.
    """
    default, retry = Backoff(), table.table("retry")
    first_s = retry.whole("first_s", default.first_s, least=1, most=3600)
    most_s = retry.whole("most_s", max(default.most_s, first_s), least=first_s, most=86_400)
    return Backoff(first_s, most_s, retry.whole("attempts", default.attempts, least=1, most=1000))

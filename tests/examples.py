"""How many examples Hypothesis tries: all of them in ``make soak``, a share in ``make test``."""

from __future__ import annotations

from hypothesis import settings

WHOLE = "whole"
"""The profile in which every property is tried as often as it says."""
SHARE = 4
"""``make test`` tries one in so many."""


def examples(count: int) -> int:
    """Return how many of ``count`` examples this run tries, for ``settings(max_examples=…)``."""
    return count if settings.get_current_profile_name() == WHOLE else max(count // SHARE, 1)

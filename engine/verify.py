"""Old place of :class:`engine.Expectations` and :class:`engine.Verified`; goes after 0.1."""

from __future__ import annotations

import warnings

from engine.proof.expectations import Expectations
from engine.proof.verify import Verified, verify

__all__ = ["Expectations", "Verified", "verify"]

warnings.warn(
    "engine.verify as a module goes away: from engine import Expectations, Verified, verify",
    DeprecationWarning,
    stacklevel=2,
)

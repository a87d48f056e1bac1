"""Old place of :class:`engine.Expectations` and :class:`engine.Verified`; goes after 0.1."""

from __future__ import annotations

import warnings

from engine.api import verify as function
from engine.proof.expectations import Expectations
from engine.proof.verify import Verified, verify

__all__ = ["Expectations", "Verified", "verify"]

# `import engine.verify as v` gives the function, whose names these then are, too.
vars(function).update({name: globals()[name] for name in __all__})
warnings.warn(
    "engine.verify as a module goes away: from engine import Expectations, Verified, verify",
    DeprecationWarning,
    stacklevel=2,
)

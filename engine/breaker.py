"""The circuit breaker's public names: see :mod:`engine.calls.breaker`.

>>> from engine.breaker import CircuitBreaker
"""

from engine.calls import breaker
from engine.calls.breaker import *  # noqa: F403
from engine.calls.breaker import CallOutcome

Outcome = CallOutcome
"""Its name until 0.1; stays."""

__all__ = ["Outcome"]
__all__ += breaker.__all__

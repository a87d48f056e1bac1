"""The circuit breaker's public names: see :mod:`engine.calls.breaker`.

>>> from engine.breaker import CircuitBreaker
"""

from engine.calls.breaker import (
    Breaker,
    CallOutcome,
    Circuit,
    CircuitBreaker,
    Circuits,
    LedgerCircuits,
    MemoryCircuits,
    Phase,
    Settings,
    Ticket,
)

Outcome = CallOutcome
"""Its name until 0.1; stays."""

__all__ = [
    "Breaker",
    "CallOutcome",
    "Circuit",
    "CircuitBreaker",
    "Circuits",
    "LedgerCircuits",
    "MemoryCircuits",
    "Outcome",
    "Phase",
    "Settings",
    "Ticket",
]

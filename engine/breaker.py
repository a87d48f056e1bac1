"""The circuit breaker's public names: see :mod:`engine.calls.breaker`.

>>> from engine.breaker import CircuitBreaker
"""

from engine.calls.breaker import (
    Breaker,
    Circuit,
    CircuitBreaker,
    Circuits,
    LedgerCircuits,
    MemoryCircuits,
    Outcome,
    Phase,
    Settings,
    Ticket,
)

__all__ = [
    "Breaker",
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

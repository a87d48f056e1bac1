"""Circuit breaker: calls to a provider's model that keeps failing are stopped, then probed.

>>> breaker = CircuitBreaker("acme", "large", ledger="ledger.db", key=pem)
>>> breaker.call(client.complete, prompt)
>>> await breaker.call_async(client.complete, prompt)
"""

from engine.breaker.breaker import Breaker
from engine.breaker.circuits import Circuits, LedgerCircuits, MemoryCircuits
from engine.breaker.client import CircuitBreaker
from engine.breaker.machine import Circuit, Outcome, Phase, Settings, Ticket

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

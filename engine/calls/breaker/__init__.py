"""Circuit breaker: calls to a provider's model that keeps failing are stopped, then probed.

>>> from engine import CircuitBreaker
>>> breaker = CircuitBreaker("openai", "gpt-4o", ledger="ledger.db", key=pem)
>>> answer = breaker.call(client.chat.completions.create, model="gpt-4o", messages=messages)
>>> breaker.state().phase
<Phase.CLOSED: 'closed'>
>>> breaker.close()

``machine`` says how a circuit changes, as a pure value; ``circuits`` keep it, in a ledger or in
memory, one change at a time; ``breaker`` wraps calls and asks the store only when it must;
``classify`` says which errors are the provider's, ``answers`` when an answer has ended; ``client``
opens all of it for a program.
"""

from engine.calls.breaker.breaker import Breaker
from engine.calls.breaker.circuits import Circuits, LedgerCircuits, MemoryCircuits
from engine.calls.breaker.client import CircuitBreaker
from engine.calls.breaker.machine import CallOutcome, Circuit, Phase, Settings, Ticket

__all__ = [
    "Breaker",
    "CallOutcome",
    "Circuit",
    "CircuitBreaker",
    "Circuits",
    "LedgerCircuits",
    "MemoryCircuits",
    "Phase",
    "Settings",
    "Ticket",
]

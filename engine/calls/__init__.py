"""Around calls to models: whether one may be made, and what it may cost.

``budget/`` holds money for a call before it is made and counts what it used after it. ``breaker/``
stops calls to a model that keeps failing. Both record in the ledger; neither makes the call itself,
and neither imports the other. Programs enter by :class:`~engine.calls.budget.client.Budget` and
:class:`~engine.calls.breaker.CircuitBreaker`, the command line by ``engine budget``.
"""

"""Whether a ledger's entries are a behaviour of the specs.

Keeps the readers of the state graphs, which are made when the specs are checked and ship with
the engine. ``engine conform`` and ``engine watch`` enter by ``conformance``. The order: an entry,
its ``projections`` (entry to steps), ``lookup`` (each step must be an edge of the ``graph``). No
JVM is needed but for ``by_tlc``, where TLC judges the same steps without a graph; ``tlc`` runs it
and ``dot`` reads what it dumps. ``cover`` finds the paths along which tests drive the code.
"""

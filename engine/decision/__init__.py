"""From evidence to a recorded decision. Keeps the :class:`~engine.decision.session.Session`.

Doors (the command line, the library, budgets, the lifecycle) enter by a session: opened from a
folder's settings in ``workspace``, from a program's arguments in ``program``. The order: question
(``session``), evidence (:mod:`engine.evidence`), ``judge``, ``record`` or ``attest``, ``export``.
``replay`` decides again from what was recorded. Domain-blind: no gate, metric or limit by name,
but for the figures of budgets that a ledger knows itself.
"""

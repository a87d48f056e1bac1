"""The life of a subject after its promotion: measured, decided, recorded, acted on.

Keeps each watched subject's state, the outbox of effects and the open HOLDs, all in the ledger's
state. ``engine watch`` enters by :class:`Controller` and :mod:`outbox`. The order of ``promote``:
``admission``, then entry and effect. Of ``step``: the clocks (``machine``, ``lapse``), the answer
of gate ``lifecycle`` (or ``undecided``), the plan of actions, their ``entries`` and the outbox, all
in one transaction; ``engine watch`` performs the effects afterwards, by :mod:`engine.effects`.
"""

from engine.lifecycle import outbox
from engine.lifecycle.contract import (
    ACTIONS,
    GATE,
    CycleResult,
    Effect,
    Lifecycles,
    Phase,
    Promotion,
    Reading,
    SweepResult,
    WatchedSubject,
)
from engine.lifecycle.controller import Controller

__all__ = [
    "ACTIONS",
    "GATE",
    "Controller",
    "CycleResult",
    "Effect",
    "Lifecycles",
    "Phase",
    "Promotion",
    "Reading",
    "SweepResult",
    "WatchedSubject",
    "outbox",
]

"""The life of a subject after its promotion: noticed, decided, recorded, acted on."""

from engine.lifecycle.contract import (
    ACTIONS,
    GATE,
    Cycle,
    Effect,
    Lifecycles,
    Phase,
    Promotion,
    Reading,
    Swept,
    Watched,
)

__all__ = [
    "ACTIONS",
    "GATE",
    "Cycle",
    "Effect",
    "Lifecycles",
    "Phase",
    "Promotion",
    "Reading",
    "Swept",
    "Watched",
]

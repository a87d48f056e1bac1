"""The life of a subject after its promotion: noticed, decided, recorded, acted on."""

from engine.lifecycle import outbox
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
from engine.lifecycle.controller import Controller

__all__ = [
    "ACTIONS",
    "GATE",
    "Controller",
    "Cycle",
    "Effect",
    "Lifecycles",
    "Phase",
    "Promotion",
    "Reading",
    "Swept",
    "Watched",
    "outbox",
]

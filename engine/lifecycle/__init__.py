"""The life of a subject after its promotion: noticed, decided, recorded, acted on."""

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

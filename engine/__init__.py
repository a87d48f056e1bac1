"""A release gate that proves its verdicts.

>>> from engine import Budget, decide, verify
"""

from __future__ import annotations

import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from engine.api import decide, verify
    from engine.calls.budget.client import Budget

__version__ = "0.1.0"
__all__ = ["Budget", "__version__", "decide", "verify"]

_FUNCTIONS = ("decide", "verify")


def __getattr__(name: str) -> Any:
    """Import the interface when it is asked for, so that ``engine --version`` does not pay."""
    if name in _FUNCTIONS:
        from engine import api

        return getattr(api, name)
    if name == "Budget":
        from importlib import import_module

        return import_module("engine.calls.budget.client").Budget
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


class _Package(ModuleType):
    """Keeps ``engine.decision.judge`` the function when the module of that name is imported."""

    def __setattr__(self, name: str, value: object) -> None:
        if not (name in _FUNCTIONS and isinstance(value, ModuleType)):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package

"""A release gate that proves its verdicts.

>>> from engine import Budget, Expectations, Gate, decide, gather, verify
"""

import os  # which Python has loaded by now, as it has sys
import sys

if (
    sys.argv[:1] == ["-m"]  # so far ``python -m`` looks for what it runs, and that is
    and sys.orig_argv[-len(sys.argv)].rpartition("m")[2] == "engine"  # the engine itself
    and not sys.flags.safe_path
):
    # It looks for every module in the working folder first: also for ``typing``.
    try:
        _here = os.getcwd()  # noqa: PTH109  (Python has loaded os, but not pathlib)
    except OSError:
        _here = ""
    if sys.path and sys.path[0] in ("", _here):
        del sys.path[0]

from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from engine.api import Gate, decide, gather, verify
    from engine.calls.breaker import CircuitBreaker
    from engine.calls.budget.client import Budget
    from engine.errors import (
        BudgetDeniedError,
        CircuitOpenError,
        CommitError,
        ConfigError,
        DocumentError,
        EquivocationError,
        ExposedLedgerError,
        GovernanceError,
        KeyFileError,
        LedgerBusyError,
        LedgerError,
        MissingExtraError,
        NoKeyError,
        NotRecordedError,
        OutputError,
        PolicyBuildError,
        PolicyError,
        RollbackError,
        SourceError,
        SpecError,
        UsageError,
        VerificationError,
    )
    from engine.proof.expectations import Expectations
    from engine.proof.verify import Verified
    from engine.system.version import __version__

__all__ = [
    "Budget",
    "BudgetDeniedError",
    "CircuitBreaker",
    "CircuitOpenError",
    "CommitError",
    "ConfigError",
    "DocumentError",
    "EquivocationError",
    "Expectations",
    "ExposedLedgerError",
    "Gate",
    "GovernanceError",
    "KeyFileError",
    "LedgerBusyError",
    "LedgerError",
    "MissingExtraError",
    "NoKeyError",
    "NotRecordedError",
    "OutputError",
    "PolicyBuildError",
    "PolicyError",
    "RollbackError",
    "SourceError",
    "SpecError",
    "UsageError",
    "VerificationError",
    "Verified",
    "__version__",
    "decide",
    "gather",
    "verify",
]

_MODULES = {
    "Budget": "engine.calls.budget.client",
    "BudgetDeniedError": "engine.errors",
    "CircuitBreaker": "engine.calls.breaker",
    "CircuitOpenError": "engine.errors",
    "CommitError": "engine.errors",
    "ConfigError": "engine.errors",
    "DocumentError": "engine.errors",
    "EquivocationError": "engine.errors",
    "Expectations": "engine.proof.expectations",
    "ExposedLedgerError": "engine.errors",
    "Gate": "engine.api",
    "GovernanceError": "engine.errors",
    "KeyFileError": "engine.errors",
    "LedgerBusyError": "engine.errors",
    "LedgerError": "engine.errors",
    "MissingExtraError": "engine.errors",
    "NoKeyError": "engine.errors",
    "NotRecordedError": "engine.errors",
    "OutputError": "engine.errors",
    "PolicyBuildError": "engine.errors",
    "PolicyError": "engine.errors",
    "RollbackError": "engine.errors",
    "SourceError": "engine.errors",
    "SpecError": "engine.errors",
    "UsageError": "engine.errors",
    "VerificationError": "engine.errors",
    "Verified": "engine.proof.verify",
    "__version__": "engine.system.version",
    "decide": "engine.api",
    "gather": "engine.api",
    "verify": "engine.api",
}
"""Where each public name is."""


def __getattr__(name: str) -> Any:
    """Import a public name when it is asked for, so that ``engine --version`` does not pay."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_MODULES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)


class _Package(ModuleType):
    """Keeps ``engine.verify`` the function when the module of that name is imported."""

    def __setattr__(self, name: str, value: object) -> None:
        if not (name in _MODULES and isinstance(value, ModuleType)):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package

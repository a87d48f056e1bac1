"""The clock and the source of chance of a decision: read once, and passed down."""

from __future__ import annotations

import os
import time
from datetime import UTC, datetime
from typing import Protocol


class Runtime(Protocol):
    """The clock and the source of chance around a session."""

    def now(self) -> datetime:
        """Return the time in UTC, whole seconds."""

    def milliseconds(self) -> int:
        """Return Unix time in milliseconds, for ids."""

    def random(self, size: int) -> bytes:
        """Return ``size`` bytes nobody can guess."""


class SystemRuntime:
    """The system's own clock and chance. The clock is read once per command."""

    def now(self) -> datetime:
        """Return the time in UTC, whole seconds."""
        return datetime.now(UTC).replace(microsecond=0)

    def milliseconds(self) -> int:
        """Return Unix time in milliseconds, for ids."""
        return time.time_ns() // 1_000_000

    def random(self, size: int) -> bytes:
        """Return ``size`` bytes nobody can guess."""
        return os.urandom(size)

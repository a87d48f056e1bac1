"""A mark for tests that fork."""

from __future__ import annotations

import pytest

forking = pytest.mark.filterwarnings(
    r"ignore:This process \(pid=\d+\) is multi-threaded, use of fork:DeprecationWarning"
)
"""Python 3.12 and later warn of a fork among threads, and what runs tests in parallel has one.

The engine itself forks only where it has no threads, and there the warning stays an error.
"""

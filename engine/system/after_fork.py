"""Locks and forks: a child has the locks of its parent, and none of the threads that hold them."""

from __future__ import annotations

import os
from typing import Any, TypeVar
from weakref import WeakSet

_T = TypeVar("_T")
_LOCKS: WeakSet[Any] = WeakSet()


def free_in_child(lock: _T) -> _T:
    """Return ``lock``, which is free in a forked child, whichever thread of its parent holds it.

    Else the child would wait for ever. What it guards may be half done there: a connection or an
    evaluator of another process is not used, but refused or opened anew.
    """
    _LOCKS.add(lock)
    return lock


def _free() -> None:
    for lock in list(_LOCKS):
        lock._at_fork_reinit()  # as the locks of the standard library's logging are freed


os.register_at_fork(after_in_child=_free)

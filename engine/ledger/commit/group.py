"""Group commit: threads that append at the same time share one transaction and one fsync."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from copy import copy

from engine.errors import GovernanceError, LedgerBusyError, LedgerError
from engine.ledger.entries import AppendedEntry, EntryDraft, State
from engine.system.after_fork import free_in_child

MOST_TOGETHER = 256
"""Units from which on a commit takes no more in: those who wait for it have waited long enough."""


class Unit:
    """Drafts that are recorded together or not at all, and what became of them.

    Attributes:
        work: Gives the drafts; called once, inside the transaction.
        outcome: Where they are; None while that is open, or when there is an error.
        error: Why they are not recorded, or may not be.
    """

    __slots__ = ("error", "outcome", "work")

    def __init__(self, work: Callable[[State], Sequence[EntryDraft]]) -> None:
        self.work = work
        self.outcome: list[AppendedEntry] | None = None
        self.error: Exception | None = None

    @property
    def settled(self) -> bool:
        """Whether somebody has dealt with it."""
        return self.outcome is not None or self.error is not None

    def result(self) -> list[AppendedEntry]:
        """Return the outcome, or raise the error."""
        if self.error is not None:
            raise self.error
        if self.outcome is None:
            raise LedgerError("an append was never dealt with; nothing was recorded")
        return self.outcome


class Group:
    """Lets one thread at a time commit whatever all threads have waiting.

    Args:
        commit: Settles every unit of the list it is given, in order, with those that
            :meth:`join` adds to it meanwhile. What it raises settles the others: a plain
            exception as itself, an interrupt as a LedgerError (the interrupt itself goes to
            the thread that it hit).
    """

    def __init__(self, commit: Callable[[list[Unit]], None]) -> None:
        self._commit = commit
        self._waiting: list[Unit] = []
        self._changed = free_in_child(threading.Condition(threading.Lock()))
        self._committing = False

    def run(self, unit: Unit) -> None:
        """Return when ``unit`` is settled, by this thread or by another."""
        with self._changed:
            self._waiting.append(unit)
            while self._committing:
                self._changed.wait()
                if unit.settled:
                    return
            taken, self._waiting = self._waiting, []
            self._committing = True
        try:
            self._commit(taken)
        except LedgerBusyError as error:  # who waited behind this wait does not wait anew
            settle(taken, error)
            self.join(late := list[Unit]())
            settle(late, _waited_for_by_another(error))
        except Exception as error:  # noqa: BLE001  it belongs to the thread that waits for a unit
            settle(taken, error)
        except BaseException:
            settle(taken, LedgerError("the append was interrupted; nothing was recorded"))
            raise
        finally:
            with self._changed:
                self._committing = False
                self._changed.notify_all()

    def join(self, taken: list[Unit]) -> None:
        """Add what has come to wait to the units of the commit that is going on."""
        if len(taken) < MOST_TOGETHER:
            with self._changed:
                taken += self._waiting
                self._waiting.clear()


def settle(units: Sequence[Unit], error: Exception) -> None:
    """Give every unit that is still open the error that stopped all of them, each its own.

    One object that several threads raise would collect the tracebacks of all of them.
    """
    for number, unit in enumerate(unit for unit in units if not unit.settled):
        unit.error = _again(error) if number else error


def _again(error: Exception) -> Exception:
    """Another error of the same kind and words; the same where there is no making one."""
    if not isinstance(error, GovernanceError):
        return error
    another = copy(error)
    another.__cause__ = error.__cause__
    return another


def _waited_for_by_another(error: LedgerBusyError) -> LedgerBusyError:
    return LedgerBusyError(f"{error.message}; an append that came before waited for it", error.hint)

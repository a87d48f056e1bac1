"""Threads that append at the same time share one commit."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from engine.errors import LedgerBusyError, LedgerError
from engine.ledger.commit.group import MOST_TOGETHER, Group, Unit, settle
from engine.ledger.entries import EntryDraft, State


def _nothing(_state: State) -> list[EntryDraft]:
    return []


class Announced(threading.Condition):
    """A condition that says when somebody begins to wait for it."""

    def __init__(self) -> None:
        super().__init__(threading.Lock())
        self.waiting = threading.Semaphore(0)

    def wait(self, timeout: float | None = None) -> bool:
        self.waiting.release()
        return super().wait(timeout)


def announcing(commit: Callable[[list[Unit]], None]) -> tuple[Group, threading.Semaphore]:
    """A group, and what is released when a thread begins to wait in it."""
    group = Group(commit)
    group._changed = changed = Announced()
    return group, changed.waiting


def run_together(commit: Callable[[list[Unit]], None], units: list[Unit]) -> None:
    """Commit units as when threads had been waiting with all but the last."""
    group = Group(commit)
    group._waiting = units[:-1]
    group.run(units[-1])


def test_whoever_waits_is_committed_together() -> None:
    commits: list[int] = []

    def commit(units: list[Unit]) -> None:
        if not commits:  # the first holds on until five others wait behind it
            for _ in range(5):
                waiting.acquire()
        commits.append(len(units))
        for unit in units:
            unit.outcome = []

    group, waiting = announcing(commit)
    units = [Unit(_nothing) for _ in range(6)]
    threads = [threading.Thread(target=group.run, args=(unit,)) for unit in units]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sum(commits) == 6
    assert len(commits) == 2, "the first alone, and then all that waited"
    assert all(unit.settled for unit in units)


def test_whoever_comes_while_others_are_worked_on_joins_their_commit() -> None:
    late = Unit(_nothing)
    commits: list[list[Unit]] = []

    def commit(units: list[Unit]) -> None:
        commits.append(units)
        thread.start()
        waiting.acquire()
        group.join(units)
        for unit in units:
            unit.outcome = []

    group, waiting = announcing(commit)
    thread = threading.Thread(target=group.run, args=(late,))
    first = Unit(_nothing)
    group.run(first)
    thread.join()

    assert commits == [[first, late]]
    assert late.result() == []


def test_a_commit_takes_in_no_more_than_so_many() -> None:
    group = Group(lambda units: settle(units, LedgerError("full")))
    group._waiting = [Unit(_nothing)]
    taken = [Unit(_nothing) for _ in range(MOST_TOGETHER)]
    group.join(taken)
    assert len(taken) == MOST_TOGETHER
    group.join(taken[1:])
    assert len(group._waiting) == 0


def test_an_error_of_the_commit_settles_everybody() -> None:
    def commit(units: list[Unit]) -> None:
        units[0].outcome = []
        raise LedgerError("no lock")

    units = [Unit(_nothing), Unit(_nothing), Unit(_nothing)]
    run_together(commit, units)

    assert units[0].result() == []
    for unit in units[1:]:
        with pytest.raises(LedgerError, match="no lock"):
            unit.result()


def test_each_append_has_an_error_of_its_own() -> None:
    """Raised in several threads, one object would collect the tracebacks of all of them."""
    late = [Unit(_nothing), Unit(_nothing)]

    def commit(units: list[Unit]) -> None:
        group._waiting += late
        raise LedgerBusyError("ledger.db: process 7 has held the lock for 2 s", "wait")

    group = Group(commit)
    units = [Unit(_nothing), Unit(_nothing)]
    group._waiting = units[:-1]
    group.run(units[-1])

    errors = [unit.error for unit in (*units, *late)]
    assert len({id(error) for error in errors}) == 4
    assert {type(error) for error in errors} == {LedgerBusyError}
    own, behind = ({str(error) for error in some} for some in (errors[:2], errors[2:]))
    assert own == {"ledger.db: process 7 has held the lock for 2 s\nwait"}
    assert behind == {
        "ledger.db: process 7 has held the lock for 2 s; "
        "an append that came before waited for it\nwait"
    }


def test_an_interrupt_hits_one_thread_and_is_an_error_to_the_others() -> None:
    def commit(units: list[Unit]) -> None:
        raise KeyboardInterrupt

    units = [Unit(_nothing), Unit(_nothing)]
    with pytest.raises(KeyboardInterrupt):
        run_together(commit, units)

    for unit in units:
        with pytest.raises(LedgerError, match="interrupted; nothing was recorded"):
            unit.result()


def test_a_unit_that_nobody_dealt_with_is_no_success() -> None:
    with pytest.raises(LedgerError, match="never dealt with"):
        Unit(_nothing).result()

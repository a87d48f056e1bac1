"""The file lock: one holder, a bounded wait, a named holder."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from engine.errors import LedgerBusyError, LedgerError
from engine.system.locking import FileLock
from tests.forking import forking


class Clock:
    """Time that passes only in its sleeps, and may do something while it passes."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def sleep(self, seconds: float) -> None:
        assert 0 < seconds <= 0.005, "the back-off is short"
        self.now_s += seconds


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ledger.db.lock"


def test_a_free_lock_is_taken_without_waiting(path: Path) -> None:
    clock = Clock()
    lock = FileLock(path, 1, clock.sleep)

    for _ in range(3):
        with lock.hold():
            assert int(path.read_text()) == os.getpid()

    assert clock.now_s == 0


def test_a_held_lock_is_waited_for_as_long_as_was_said_and_not_longer(path: Path) -> None:
    clock = Clock()
    busy = pytest.raises(LedgerBusyError, match=f"process {os.getpid()} has held")
    with FileLock(path, 0).hold(), busy as caught, FileLock(path, 2, clock.sleep).hold():
        pytest.fail("two holders")

    assert "nothing was recorded" in caught.value.hint
    assert 2 <= clock.now_s < 2.01


def test_a_lock_that_is_given_up_meanwhile_is_taken(path: Path) -> None:
    holder = FileLock(path, 0).hold()
    holder.__enter__()
    waits: list[float] = []

    def sleep(seconds: float) -> None:
        waits.append(seconds)
        if len(waits) == 3:
            holder.__exit__(None, None, None)

    with FileLock(path, 2, sleep).hold():
        assert len(waits) == 3


def test_a_lock_is_given_up_when_what_it_was_held_for_fails(path: Path) -> None:
    with pytest.raises(ValueError, match="failed"), FileLock(path, 0).hold():
        raise ValueError("failed")

    with FileLock(path, 0).hold():
        pass


@forking
def test_a_holder_that_is_dead_or_unknown_is_not_named(path: Path) -> None:
    child = os.fork()
    if child == 0:
        os._exit(0)
    os.waitpid(child, 0)
    for text in (b"%d\n" % child, b"", b"nonsense"):
        with FileLock(path, 0).hold():
            path.write_bytes(text)
            busy = pytest.raises(LedgerBusyError, match="another process has held")
            with busy, FileLock(path, 0).hold():
                pytest.fail("two holders")


@forking
def test_a_child_forked_under_the_lock_does_not_keep_it(path: Path) -> None:
    with FileLock(path, 0).hold():
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:  # lives until the parent has tried the lock again
            os.close(writing)
            os.read(reading, 1)
            os._exit(0)
    try:
        with FileLock(path, 0).hold():
            pass
    finally:
        os.close(writing)
        os.waitpid(child, 0)
        os.close(reading)


def test_where_no_lock_file_can_be_made_nothing_is_locked(tmp_path: Path) -> None:
    refused = pytest.raises(LedgerError, match="cannot be opened: No such file or directory")
    with refused, FileLock(tmp_path / "missing" / "lock", 0).hold():
        pytest.fail("no lock")

"""The loop itself: nothing that goes wrong is silent, and nothing but a false ledger ends it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from engine.cli.watch.conformance import Follower
from engine.cli.watch.loop import Loop, WatchSession
from engine.effects import EFFECTS
from engine.errors import CommitError, KeyFileError, LedgerBusyError, RollbackError
from engine.evidence.sources import SOURCES
from engine.ledger import Ledger
from tests.cli.watch.simulated import START, World

HERE = "tests.cli.watch.simulated"


class Rig(World):
    """A world whose sessions a test can break."""

    breaks: Callable[[], None] = staticmethod(lambda: None)
    opened = 0

    @contextmanager
    def _session(self) -> Iterator[WatchSession]:
        self.opened += 1
        with super()._session() as session:
            lifecycles: Any = Broken(session.lifecycles, self)
            yield WatchSession(session.ledger, session.signer, lifecycles)


class Broken:
    """Lifecycles of which a step first does what the test wants."""

    def __init__(self, lifecycles: Any, rig: Rig) -> None:
        self._lifecycles, self._rig = lifecycles, rig

    def __getattr__(self, name: str) -> Any:
        return getattr(self._lifecycles, name)

    def step(self, *args: Any) -> Any:
        self._rig.breaks()
        return self._lifecycles.step(*args)


@pytest.fixture
def rig(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Rig:
    monkeypatch.setitem(SOURCES, "simulated", HERE)
    monkeypatch.setitem(EFFECTS, "simulated", HERE)
    made = Rig(tmp_path, seed=1)
    with made.ledger() as ledger:
        made._decide(ledger)
    return made


@pytest.fixture
def loop(rig: Rig) -> Iterator[Loop]:
    with rig._loop() as made:
        yield made


def raising(error: Exception) -> Callable[[], None]:
    def raises() -> None:
        raise error

    return raises


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (CommitError("the disk is full"), "the disk is full"),
        (
            LedgerBusyError("it is held", "wait"),
            "watch: it is held\n  wait\n  nothing was recorded\n",
        ),
        (KeyFileError("no key", "give one"), "no key\n  give one\n  nothing was recorded\n"),
        (OSError(5, "I/O error", "x"), "could not go on: x: i/o error\n  nothing was recorded\n"),
        (ZeroDivisionError("oops"), "a defect: ZeroDivisionError: oops"),
    ],
)
def test_a_cycle_that_fails_is_told_and_the_next_opens_the_ledger_anew(
    rig: Rig, loop: Loop, error: Exception, message: str
) -> None:
    """INV-WATCH-7"""
    assert loop.cycle() == 0
    assert rig.opened == 1
    rig.breaks = raising(error)
    assert loop.cycle() == 3
    assert message in rig.err.getvalue()
    rig.breaks = lambda: None
    rig.now += timedelta(minutes=1)
    assert loop.cycle() == 0
    assert rig.opened > 1


def test_a_cycle_that_fails_half_way_says_what_it_has_recorded(rig: Rig, loop: Loop) -> None:
    rig.breaks = raising(LedgerBusyError("it is held"))
    assert loop.cycle() == 3
    assert "  before that, recorded as entry 2\n" in rig.err.getvalue()  # that it was promoted


def test_a_ledger_that_is_not_genuine_ends_the_watch(rig: Rig, loop: Loop) -> None:
    """INV-WATCH-7"""
    rig.breaks = raising(RollbackError("it went backwards"))
    with pytest.raises(RollbackError):
        loop.cycle()


def test_what_no_spec_allows_is_told_after_the_cycle(rig: Rig, loop: Loop) -> None:
    """INV-WATCH-7"""

    class Never(Follower):
        def check(self, ledger: Ledger) -> list[str]:  # noqa: ARG002
            return ["entry 7: two rollbacks of one breach"]

        def unmodelled(self) -> list[str]:
            return ["promotion: other limits"]

    loop._follower = Never()
    assert loop.cycle() == 4
    assert "does not conform: entry 7: two rollbacks" in rig.err.getvalue()
    assert "not held against every spec: promotion: other limits" in rig.err.getvalue()


def test_cycles_are_in_the_middle_of_each_minute_whenever_it_begins(rig: Rig, loop: Loop) -> None:
    rig.now = START + timedelta(seconds=59)
    stop = START + timedelta(minutes=5)
    loop.run(rig._wait, lambda: rig.now >= stop)
    seconds = [(at - START).total_seconds() for at in sorted(rig.truth)]
    assert seconds == [59, 90, 150, 210, 270]


def test_a_cycle_that_takes_too_long_is_told(rig: Rig, loop: Loop) -> None:
    def slow() -> None:
        rig.now += timedelta(seconds=100)

    rig.breaks = slow
    stop = START + timedelta(minutes=1)
    loop.run(rig._wait, lambda: rig.now >= stop)
    assert "this cycle took 100 s; one is due every 60 s" in rig.err.getvalue()

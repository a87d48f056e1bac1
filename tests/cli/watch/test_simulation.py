"""``engine watch`` for days in seconds, with faults every few minutes and deaths everywhere."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from engine.effects import EFFECTS
from engine.evidence.sources import SOURCES
from tests.cli.watch.monitor import entries_of, inspected
from tests.cli.watch.simulated import MINUTE, START, Fault, World

HERE = "tests.cli.watch.simulated"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder in memory where there is one: what survives a power cut is tested elsewhere."""
    monkeypatch.setitem(SOURCES, "simulated", HERE)
    monkeypatch.setitem(EFFECTS, "simulated", HERE)
    memory = Path("/dev/shm")  # noqa: S108
    if not memory.is_dir():
        yield tmp_path
        return
    with tempfile.TemporaryDirectory(dir=memory) as name:
        yield Path(name)


def simulate(folder: Path, length: timedelta, seed: int) -> World:
    world = World(folder, seed)
    world.faulty(length)
    world.dies_often = 0.002
    world.run(length)
    world.settle()
    return world


def test_two_days_of_faults(folder: Path) -> None:
    """INV-WATCH-5, INV-WATCH-6"""
    world = simulate(folder, timedelta(days=2), seed=7)
    seen = inspected(world)
    assert seen.wrong == []
    assert "does not conform" not in world.err.getvalue()
    assert seen.counts["entries: breach"] >= 5
    assert seen.counts["entries: rollback"] >= 2
    assert seen.counts["effects: repeats, same key"] >= 5
    assert sum(count for what, count in seen.counts.items() if what.startswith("deaths")) >= 10


@pytest.mark.soak
def test_thirty_days_of_faults(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The bar: every breach paged and rolled back in bound, nothing repeated, nothing lost."""
    seen = inspected(simulate(folder, timedelta(days=30), seed=30))
    with capsys.disabled():
        print(f"\n{seen.table()}")
    assert seen.wrong == []
    assert seen.counts["entries: breach"] >= 100
    assert seen.counts["entries: rollback"] >= 30


def an_hour_with_a_breach(folder: Path, dies_at: int | None) -> World:
    """Promoted, broken for good from minute 5 on, degraded in vain, rolled back, recovered."""
    folder.mkdir()
    world = World(folder, seed=1)
    world.faults = [Fault("stubborn service", START + 5 * MINUTE, START + 25 * MINUTE)]
    world.dies_at = dies_at
    world.run(timedelta(minutes=52))
    world.settle()
    return world


def done(world: World) -> list[str]:
    """What was recorded besides measurements and outcomes, in order."""
    with world.ledger() as ledger:
        kinds = [kind for _, kind, _ in entries_of(ledger)]
    return [kind for kind in kinds if kind not in ("decision", "effect", "ledger-created")]


DONE = ["promoted", "breach", "page", "degrade", "rollback", "recover", "promoted"]
APPLIED = ["promote", "page", "degrade", "rollback", "recover", "promote"]


def require_the_same_after_a_death(folder: Path, at: int) -> None:
    world = an_hour_with_a_breach(folder / str(at), at)
    assert sum(world.deaths.values()) == 1
    assert done(world) == DONE, at
    assert [action for action, _ in world.service.applied.values()] == APPLIED, at
    assert inspected(world).wrong == [], at


def test_a_death_anywhere_near_an_action_changes_nothing_but_the_time(folder: Path) -> None:
    """INV-WATCH-5: before and after each commit, and between intent, effect and outcome."""
    whole = an_hour_with_a_breach(folder / "whole", None)
    assert done(whole) == DONE
    near = [at for at, now in enumerate(whole.places, 1) if now in whole.busy]
    assert len(near) >= 20
    for at in near[::4]:  # the soak run takes each one
        require_the_same_after_a_death(folder, at)


@pytest.mark.soak
def test_a_death_anywhere_at_all_changes_nothing_but_the_time(folder: Path) -> None:
    places = len(an_hour_with_a_breach(folder / "whole", None).places)
    for at in range(1, places + 1):
        require_the_same_after_a_death(folder, at)

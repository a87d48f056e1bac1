"""Spenders in processes of their own: all at once, killed at every step, and on a full disk."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from engine.calls.budget.state import BudgetDocuments
from engine.calls.budget.verify import verify
from tests.calls.budget.shop import Shop
from tests.calls.budget.spender import STEPS
from tests.ledger.scribe import KEY, open_at
from tests.repository import ROOT

DAY = "2026-11-20"


_CACHE = TemporaryDirectory()
"""Keeps the compiled policy for all spenders."""


def spender(folder: Path, *flags: object) -> subprocess.Popen[str]:
    """Start one."""
    return subprocess.Popen(
        [sys.executable, "-m", "tests.calls.budget.spender", folder, _CACHE.name, *map(str, flags)],
        cwd=ROOT,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def lines_of(said: str) -> list[tuple[str, str, int]]:
    """What was acknowledged; a line that a kill cut off was not."""
    whole = [line.split() for line in said.splitlines(keepends=True) if line.endswith("\n")]
    return [(word, lease, int(micros)) for word, lease, micros in whole]


def require_sound(
    folder: Path, said: list[tuple[str, str, int]], budget: int, *, unsaid: int = 0
) -> None:
    """Require that nothing is over, nothing lost, and that entries and state say the same.

    Args:
        folder: Of the ledger.
        said: Everything that was acknowledged.
        budget: Micro-dollars of the day.
        unsaid: How many steps may have been recorded without anybody being told.
    """
    with closing(open_at(folder, create=False, lock_timeout_s=60.0)) as ledger:
        assert ledger.verify(signatures=True, public_keys=[KEY.public_key]).head
        sums = verify(ledger)
        assert len(said) <= sums.counted <= len(said) + unsaid
        documents = BudgetDocuments(ledger.state())
        book = documents.book(DAY, "daily")
        ended = {lease: (word, micros) for word, lease, micros in said if word != "ALLOW"}
        for word, lease, micros in said:
            if word == "DENY":
                assert documents.lease(lease) is None
                continue
            there = documents.lease(lease)
            assert there is not None, f"{lease} was acknowledged, and is lost"
            if word == "ALLOW":
                assert there.granted.usd_micros == micros
                if lease not in ended:
                    assert there.state == "open" or unsaid
            else:
                assert there.state == word
                assert there.used is None or there.used.usd_micros == micros
    if book is not None:
        assert book.within.usd_micros + book.reserved.usd_micros <= budget
        assert book.overrun.usd_micros == 0


def spent_here(folder: Path) -> list[tuple[str, str, int]]:
    """Spend a little in this process, as whoever comes next would."""
    with closing(open_at(folder, create=False)) as ledger:
        shop = Shop(ledger, profile="lenient")
        shop.random = os.urandom
        lease = shop.reserve(50, ttl_s=604_800).lease
        shop.settle(lease, 40)
    return [("ALLOW", lease, 50), ("settled", lease, 40)]


def spend_at_once(folder: Path, processes: int, count: int, budget: int) -> None:
    with closing(open_at(folder)):
        pass  # one makes the ledger
    everybody = [
        spender(folder, "--number", number, "--count", count, "--budget", budget)
        for number in range(1, processes + 1)
    ]
    said: list[tuple[str, str, int]] = []
    for one in everybody:
        out, err = one.communicate()
        assert (one.returncode, err) == (0, "")
        said += lines_of(out)
    words = Counter(word for word, _, _ in said)
    assert words["ALLOW"] + words["DENY"] == processes * count
    assert words["DENY"] > 0, "the budget was not nearly empty"
    require_sound(folder, said, budget)


def test_processes_share_a_nearly_empty_budget(tmp_path: Path) -> None:
    """INV-BUDGET-3: 0 micro-dollars over, 0 lost, and the entries add up to the state."""
    spend_at_once(tmp_path, processes=4, count=15, budget=600)


@pytest.mark.soak
def test_sixteen_processes_with_a_thousand_reservations_each(tmp_path: Path) -> None:
    """INV-BUDGET-3, at the size that is promised."""
    spend_at_once(tmp_path, processes=16, count=1000, budget=100_000)


@pytest.mark.parametrize("step", STEPS)
def test_killed_at_any_step_nothing_that_was_told_is_lost(tmp_path: Path, step: str) -> None:
    """INV-BUDGET-13: what was under way is there with its state, or neither is."""
    doomed = spender(tmp_path, "--count", 3, "--die", step, 2)
    out, err = doomed.communicate()
    assert (doomed.returncode, err) == (-9, "")
    said = lines_of(out)
    require_sound(tmp_path, said, 1_000_000, unsaid=1)
    said += spent_here(tmp_path)
    require_sound(tmp_path, said, 1_000_000, unsaid=1)


@pytest.mark.parametrize(
    "limit", [100_000, *(pytest.param(size, marks=pytest.mark.soak) for size in (60_000, 250_000))]
)
def test_a_full_disk_stops_a_spender_and_loses_nothing(tmp_path: Path, limit: int) -> None:
    first, _ = spender(tmp_path, "--count", 1).communicate()
    starved = spender(tmp_path, "--number", 2, "--count", 60, "--limit", limit)
    out, err = starved.communicate()
    assert starved.returncode == 1, "the disk was never full"
    assert "LedgerError" in err or "CommitError" in err
    said = lines_of(first) + lines_of(out)
    require_sound(tmp_path, said, 1_000_000, unsaid=1)
    require_sound(tmp_path, said + spent_here(tmp_path), 1_000_000, unsaid=1)

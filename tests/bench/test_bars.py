"""Bars are looked up by who runs against whom on how much."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench import (
    breaker_calls,
    budget_calls,
    conform_plans,
    gathering,
    ledger_plans,
    ledger_scale,
    plans,
    reading,
    request_calls,
    scan_plans,
)
from bench.bars import BARS, Bar, bar_for
from bench.gates import OURS, THEIRS, VERDICTS
from bench.scene import Scene

TABLE = (Bar("ours", "theirs", 1.0, files=2_000), Bar("ours", "theirs", 8.0), Bar("a", "b", None))


@pytest.mark.parametrize(
    ("pair", "files", "expected"),
    [
        (("ours", "theirs"), 2_000, 1.0),
        (("ours", "theirs"), None, 8.0),
        (("ours", "theirs"), 200, None),
        (("theirs", "ours"), 2_000, None),
        (("a", "b"), None, None),
    ],
)
def test_a_bar_counts_for_its_pair_and_its_size_only(
    pair: tuple[str, str], files: int | None, expected: float | None
) -> None:
    assert bar_for(*pair, files, TABLE) == expected


def test_every_bar_is_about_a_pair_that_is_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledger_plans, "filled", lambda scene, _entries: scene.home)
    (tmp_path / "metrics").mkdir()
    (tmp_path / "metrics" / "m.json").write_text("{}")
    scene = Scene(tmp_path, Path("conftest"), Path("opa"), names=frozenset({"m.json"}))
    everyone = (plans.batch, plans.many, plans.memory, plans.cold, plans.start, scan_plans.scan)
    (tmp_path / "own.tar").touch()
    own = (plans.own_cold, plans.own_batch)
    contests = (
        plan(scene) for plan in (*everyone, *own, ledger_plans.verify, ledger_plans.signatures)
    )
    measured = {(pair, contest.files is not None) for contest in contests for pair in contest.pairs}
    measured |= {(pair, False) for pair in ledger_scale.pairs(ledger_scale.LARGE)}
    measured |= {((f"{OURS}, {word}", f"{THEIRS}, {word}"), False) for word in VERDICTS}
    measured |= {(pair, False) for pair in (*breaker_calls.PAIRS, *budget_calls.PAIRS)}
    measured |= {(pair, False) for pair in request_calls.PAIRS}
    measured |= {(pair, True) for pair in gathering.pairs()}
    measured |= {(pair, True) for pair in reading.pairs()}
    measured |= {(pair, False) for pair in conform_plans.pairs()}
    assert {((bar.ours, bar.theirs), bar.files is not None) for bar in BARS} == measured

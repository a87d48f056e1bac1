"""The contest about logs: nothing planted goes missing without an error."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from bench import logs, scan_loop, scan_plans
from bench.errors import BenchError
from bench.scene import Scene
from engine.privacy import DEFAULT


def test_the_alternation_has_every_pattern_and_finds_what_is_planted(tmp_path: Path) -> None:
    assert scan_loop.alternation().pattern.count(b"|(?:") >= len(DEFAULT) - 1
    lines = [line for _, line in logs.PLANTED if "\\" not in line and "%" not in line]
    (tmp_path / "a.log").write_text("\n".join(lines))
    assert scan_loop.count(str(tmp_path / "a.log")) >= len(lines)


def test_both_contenders_read_one_file_and_answers_are_checked(tmp_path: Path) -> None:
    scene = Scene(tmp_path, Path("conftest"), Path("opa"), names=frozenset())
    contest = scan_plans.scan(scene, lines=2_000)
    ours, theirs = contest.contenders
    assert ours.command[2] == theirs.command[2]
    assert len(Path(ours.command[2]).read_text().splitlines()) == 2_000
    assert ours.read is not None
    assert theirs.read is not None
    wanted = Counter(kind for kind, _ in logs.planted(2_000, scan_plans.EVERY) if kind)
    assert ours.read(json.dumps({"types": wanted}).encode()) == {}
    with pytest.raises(BenchError, match="engine scan found"):
        ours.read(json.dumps({"types": wanted - Counter(["email"])}).encode())
    with pytest.raises(BenchError, match="fewer than"):
        theirs.read(b"0\n")

"""Whatever a call is given, it ends with the code that it must have, soon, and without a defect."""

from __future__ import annotations

import random
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from engine.cli.verbs import VERBS
from tests.edges.cases import every
from tests.repository import ROOT

SEED = 14
SAMPLE = 40
FEWEST = 2_000


def endings(folder: Path, *asked: str) -> str:
    """What is printed of the cases that are asked for; they run in a process without threads."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.edges", "--in", str(folder), *asked],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode in (0, 1), done.stderr
    return done.stdout


def test_there_are_enough_of_every_verb_and_none_has_the_name_of_another() -> None:
    cases = list(every())
    assert len({case.name for case in cases}) == len(cases) >= FEWEST
    by_verb = Counter(case.verb for case in cases)
    assert set(by_verb) == set(VERBS)
    assert min(by_verb.values()) >= 10


def test_a_sample_ends_as_it_must(tmp_path: Path) -> None:
    """INV-INPUT-8 and INV-EXIT-1, for a few of all the cases that ``make soak`` runs."""
    names = sorted(case.name for case in every() if not case.is_slow)
    chosen = random.Random(SEED).sample(names, SAMPLE)  # noqa: S311
    shown = endings(tmp_path, *(f"={name}" for name in chosen))
    assert re.search(rf"^{SAMPLE} cases, 0 end badly$", shown, re.MULTILINE), shown


@pytest.mark.soak
def test_every_case_ends_as_it_must(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """INV-INPUT-8 and INV-EXIT-1: 0 other codes, defects and tracebacks; 20 s and 500 MiB."""
    shown = endings(tmp_path)
    with capsys.disabled():
        print("\n" + shown)
    assert re.search(r"^[0-9]+ cases, 0 end badly$", shown, re.MULTILINE)

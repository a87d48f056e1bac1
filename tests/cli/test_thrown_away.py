"""A workspace that was thrown away on purpose: its key is new, and the old heads are in the home.

INV-DOOR-4: a ledger of the same key that is missing is never a fresh start; of a new key in the
same place somebody is asked, and where nobody can be asked the error names the one command.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from engine.model import Json
from tests.cli.conftest import Engine
from tests.cli.terminal import at_a_terminal


@pytest.fixture
def thrown_away(engine: Engine, example: Callable[[str], Json], tmp_path: Path) -> Engine:
    Path("good.json").write_text(json.dumps(example("promote")))
    assert engine("decide", "good.json", HOME=str(Path.cwd())).code == 0
    shutil.rmtree(".engine")
    return engine


def test_where_nobody_can_be_asked_the_error_says_what_to_do(thrown_away: Engine) -> None:
    home = str(Path.cwd())
    for _ in range(2):
        answer = thrown_away("decide", "good.json", HOME=home)
        assert answer.code == 4
        assert "is missing, and 2 entries were signed for it with another key" in answer.err
        assert "If it was thrown away on purpose" in answer.err
    (command,) = [line for line in answer.err.splitlines() if line.strip().startswith("mv ")]

    subprocess.run(["bash", "-ec", command], check=True)

    assert thrown_away("decide", "good.json", HOME=home).code == 0
    assert thrown_away("decide", "good.json", HOME=home).code == 0


def test_a_person_is_asked(thrown_away: Engine) -> None:
    code, seen, _ = at_a_terminal(Path.cwd(), ["n"], "decide", "good.json")
    assert (code, "Begin anew with this key" in seen) == (4, True)
    code, seen, _ = at_a_terminal(Path.cwd(), ["y"], "decide", "good.json")
    assert (code, "with another key" in seen) == (0, True)
    assert thrown_away("decide", "good.json", HOME=str(Path.cwd())).code == 0

"""A workspace that was thrown away on purpose: its key is new, and the old heads are in the home.

INV-DOOR-4: a ledger of the same key that is missing is never a fresh start; of a new key in the
same place somebody is asked, and where nobody can be asked the error names the one command.
"""

from __future__ import annotations

import json
import os
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


@pytest.mark.parametrize("verb", [("keys", "init"), ("init", "--yes"), ("decide", "good.json")])
def test_no_key_is_made_where_heads_are_and_nobody_can_be_asked(
    thrown_away: Engine, verb: tuple[str, ...]
) -> None:
    """INV-DOOR-4: the old ledger is said to be missing before anything new takes its place."""
    home = str(Path.cwd())
    answer = thrown_away(*verb, HOME=home)

    assert (answer.code, Path(".engine/keys").exists()) == (4, False)
    assert "is missing, and 2 entries were signed for it with another key" in answer.err
    (command,) = [line for line in answer.err.splitlines() if line.strip().startswith("mv ")]
    subprocess.run(["bash", "-ec", command], check=True)

    assert thrown_away("keys", "init", HOME=home).code == 0


def test_a_person_is_asked(thrown_away: Engine) -> None:
    code, seen, _ = at_a_terminal(Path.cwd(), ["n"], "decide", "good.json")
    assert (code, "Begin anew with this key" in seen) == (4, True)
    code, seen, _ = at_a_terminal(Path.cwd(), ["y"], "decide", "good.json")
    assert (code, "with another key" in seen) == (0, True)
    assert thrown_away("decide", "good.json", HOME=str(Path.cwd())).code == 0


# The state folder is where the environment says: who moves it takes one of the places away.


def test_heads_in_the_other_places_convict_wherever_the_state_folder_moves(
    engine: Engine, example: Callable[[str], Json]
) -> None:
    """INV-DOOR-4."""
    Path("good.json").write_text(json.dumps(example("promote")))
    here = Path.cwd()
    engine("decide", "good.json", XDG_STATE_HOME=str(here / "one"))
    older = Path(".engine/ledger.db").read_bytes()
    engine("decide", "good.json", XDG_STATE_HOME=str(here / "one"))
    Path(".engine/ledger.db").write_bytes(older)

    for state in ("one", "two"):
        assert engine("decide", "good.json", XDG_STATE_HOME=str(here / state)).code == 4
    heads = Path(".engine/heads").rename("elsewhere")
    assert engine("decide", "good.json", XDG_STATE_HOME=str(here / "one")).code == 4
    assert not Path("two").exists()

    answer = engine("decide", "good.json", XDG_STATE_HOME=str(here / "two"))

    assert answer.code == 0
    assert "no signed head of it lies in " in answer.err
    assert str(here / "two") in answer.err
    assert str(here / heads.name) not in answer.err
    again = engine("decide", "good.json", XDG_STATE_HOME=str(here / "two"))
    assert (again.code, "no signed head" in again.err) == (0, False)
    assert engine("decide", "good.json", XDG_STATE_HOME=str(here / "one")).code == 4


def test_a_program_is_warned_of_a_ledger_without_a_head(
    engine: Engine, example: Callable[[str], Json]
) -> None:
    import engine as library

    Path("good.json").write_text(json.dumps(example("promote")))
    engine("decide", "good.json")
    for folder in (Path(".engine/heads"), Path(os.environ["XDG_STATE_HOME"])):
        shutil.rmtree(folder, ignore_errors=True)
    key = Path(".engine/keys/engine.pem").read_bytes()

    with pytest.warns(RuntimeWarning, match="no signed head of it lies in"):
        library.decide(example("promote"), ledger=Path(".engine/ledger.db"), key=key)

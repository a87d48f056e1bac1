"""The same as ``test_pages``, typed where the built wheel is: alone, and with each extra.

Without an extra, what needs one says which to install.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import Engine
from tests.cli.written.running import TLC, WRITTEN, Shell, flaws
from tests.wheels import built, installed

pytestmark = pytest.mark.system


@pytest.mark.parametrize("extra", [None, "data", "spec"])
def test_every_command_that_is_written_runs_where_the_wheel_is(
    extra: str | None, everything: Path, engine: Engine, opa: Path, tmp_path: Path
) -> None:
    assert TLC.exists(), "tools/fetch_tlc.py fetches it"
    venv = installed(built(tmp_path / "dist"), tmp_path / "environment", extra)
    done = set[str]()
    wrong: list[str] = []
    for number, page in enumerate(WRITTEN):
        scratch = tmp_path / str(number)
        scratch.mkdir()
        shell = Shell(scratch, scratch, engine, opa, venv / "bin")
        wrong += [f"{page}: {flaw}" for flaw in flaws(page, done, everything, scratch, shell)]
    assert not wrong, "\n".join(wrong)

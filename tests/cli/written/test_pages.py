"""Every command that a page, a docstring or ``--help`` shows runs, and prints what is shown."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from tests.cli.conftest import Engine
from tests.cli.written.running import CODES, NOT_RUN, WRITTEN, Shell, flaws
from tests.repository import ROOT


@pytest.mark.parametrize("page", WRITTEN)
def test_every_command_of_a_page_runs_and_prints_what_it_shows(
    page: str, everything: Path, engine: Engine, opa: Path, done: set[str], tmp_path: Path
) -> None:
    wrong = flaws(page, done, everything, tmp_path, Shell(tmp_path, tmp_path, engine, opa))
    assert not wrong, "\n".join(wrong)


def test_little_is_parsed_only() -> None:
    texts = [(page, command) for page in WRITTEN for command in WRITTEN[page]]
    idle = [
        start
        for start in NOT_RUN
        if not any(
            start in (page, command.text) or command.text.startswith(start.removesuffix("…"))
            for page, command in texts
        )
    ]
    assert (len(NOT_RUN) <= 15, idle) == (True, [])
    everywhere = {command.text for _, command in texts}
    assert set(CODES) - {(page, command.text) for page, command in texts} - everywhere == set()


def test_every_target_that_a_page_names_is_in_the_makefile() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = {
        word
        for commands in WRITTEN.values()
        for command in commands
        if command.text.startswith("make ")
        for word in shlex.split(command.text, comments=True)[1:]
    }
    assert len(named) > 5
    assert named - targets == {"prega"}  # what somebody else calls theirs, in docs/vocabulary.md

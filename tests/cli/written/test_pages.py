"""Every command that a page, a docstring or ``--help`` shows runs, and prints what is shown."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import signal
import subprocess
from pathlib import Path

import pytest

from tests.ci.steps import BIN
from tests.cli.conftest import Answer, Engine
from tests.cli.written.extract import (
    PAGES,
    Command,
    commands_of,
    examples,
    in_sources,
    is_as_shown,
    name_of,
)
from tests.cli.written.folders import PREPARED, as_typed, furnish
from tests.cli.written.parsing import only_names_a_verb, require_parses
from tests.repository import ROOT

WRITTEN = {name_of(page): commands_of(page.read_text()) for page in PAGES}
WRITTEN |= {"engine/": in_sources(), "--help": examples()}
WRITTEN = {page: commands for page, commands in WRITTEN.items() if commands}

NOT_RUN = {
    "make ": "the targets are what CI runs, this test among them; that each is there is compared",
    ". .venv/bin/activate": "only for the shell that it is typed in",
    "pip install ": "the network; tests/test_wheel.py installs what is built, from the lock",
    "uv build": "tests/test_wheel.py builds",
    "gh run list ": "an account at GitHub; its answer is written by hand for the command after it",
    "spec/predicate-v1.md": "openssl and jq: tests/proof/test_recipe.py runs the script as a whole",
    "engine watch examples/watch/watch.toml": "a Prometheus: tests/system has one",
}
"""What is parsed only, by its beginning, and why. At most 15 rows."""

SLOW = ("engine spec check", "engine selftest", "engine policy test", "engine ledger tables")
"""Seconds and more each: parsed here, run in ``make test-system``."""

CODES: dict[str | tuple[str, str], int] = {
    ("README.md", "engine decide metrics.json --export proof.json"): 1,
    ("docs/complete-records.md", "engine conform"): 4,
    "engine ledger runs --expected runs.json --subject scoring-model --gate promotion": 1,
    "engine decide metrics.json --dry-run": 5,
    "engine decide metrics.json --dry-run --explain": 5,
    "engine decide metrics.json --profile pre-ga": 5,
    "engine gather gather.toml -o metrics.json && engine decide metrics.json": 5,
    "engine verify .engine/equivocation-….json --key release.pub.pem   # exit 4: EQUIVOCATION": 4,
    "engine explain": 2,
    "engine policy build": 2,
    "python -P -m engine": 2,
    "python -m engine": 2,
}
"""Exit codes but 0: evidence that lacks something, or is tried only; a name without its words."""

EMPTY = ("engine keys init", "engine keys init && cat .engine/keys/engine.pub.pem")
"""Typed where nothing is yet."""

_SHELL = re.compile(r"[|&;<>$()*`\n]")
_LASTING = re.compile(r"engine (watch (?!.*--once)|decide .*--watch)")


class Shell:
    """Types lines into one folder: calls of the engine in this process, all else in bash."""

    def __init__(self, folder: Path, home: Path, engine: Engine, opa: Path) -> None:
        self.folder, self.home = folder, home
        self._engine = engine
        self._environ = {"HOME": str(home), "ENGINE_OPA": str(opa)}
        self._path = f"{BIN}:{os.defpath}:/usr/bin:/bin"

    def __call__(self, line: str, **environ: str) -> Answer:
        if not _SHELL.search(line) and (words := shlex.split(line, comments=True))[0] == "engine":
            os.chdir(self.folder)
            return self._engine(*words[1:], **self._environ, **environ)
        shell = subprocess.Popen(
            ["bash", "-o", "pipefail", "-c", line],
            cwd=self.folder,
            env={"PATH": self._path, **self._environ, **environ},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        with shell:
            out, err = shell.communicate(timeout=120)
        return Answer(shell.returncode, out, err)

    def until_it_answers(self, line: str) -> Answer:
        """Type what goes on until Ctrl-C, and that once it has answered."""
        lasting = subprocess.Popen(
            [BIN / "engine", *shlex.split(line)[1:]],
            cwd=self.folder,
            env={"PATH": self._path, **self._environ},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        with lasting:
            assert lasting.stdout is not None
            first = lasting.stdout.readline()
            lasting.send_signal(signal.SIGINT)
            out, err = lasting.communicate(timeout=60)
        return Answer(0 if first else lasting.returncode, first + out, err)


@pytest.fixture(scope="module")
def furnished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("furnished")


@pytest.fixture
def everything(furnished: Path, engine: Engine, opa: Path) -> Path:
    """A folder and a home with all that somebody has, made once."""
    work, home = furnished / "work", furnished / "home"
    if not work.exists():
        work.mkdir()
        home.mkdir()
        furnish(Shell(work, home, engine, opa))
    return furnished


@pytest.fixture(scope="module")
def done() -> set[str]:
    """What running text names and was typed already, for another page."""
    return set()


def copied(everything: Path, to: Path, engine: Engine, opa: Path) -> Shell:
    shutil.copytree(everything, to, symlinks=True)
    return Shell(to / "work", to / "home", engine, opa)


@pytest.mark.parametrize("page", WRITTEN)
def test_every_command_of_a_page_runs_and_prints_what_it_shows(
    page: str, everything: Path, engine: Engine, opa: Path, done: set[str], tmp_path: Path
) -> None:
    """Blocks in their order in one folder; what stands in running text in another."""
    blocks = copied(everything, tmp_path / "blocks", engine, opa)
    prose = copied(everything, tmp_path / "prose", engine, opa)
    nothing = Shell(tmp_path / "nothing", tmp_path / "nothing", engine, opa)
    nothing.folder.mkdir()
    wrong: list[str] = []
    prepared = -1
    for command in WRITTEN[page]:
        here = blocks
        if command.block is None:
            if command.text in done:
                continue
            done.add(command.text)
            here = nothing if command.text in EMPTY else prose
            restore(everything / "work", prose.folder)
        elif command.block > prepared:
            prepared = command.block
            if (page, prepared) in PREPARED:
                PREPARED[page, prepared](blocks)
        wrong += flaws(page, command, here)
    assert not wrong, "\n".join(wrong)


def restore(everything: Path, folder: Path) -> None:
    """Take back what the command before wrote over."""
    for file in everything.iterdir():
        if file.is_file() and file.read_bytes() != (folder / file.name).read_bytes():
            shutil.copy(file, folder)


def flaws(page: str, command: Command, here: Shell) -> list[str]:
    """What is not as it is written, with what there was instead."""
    line = command.text
    if line.startswith(tuple(NOT_RUN)) or (command.block is not None and page in NOT_RUN):
        return []
    line = as_typed(line, here.folder)
    if line.startswith("engine "):
        if command.block is None and only_names_a_verb(line):
            return []
        if line.startswith(SLOW):
            require_parses(shlex.split(line)[1:])
            return []
    done = here.until_it_answers(line) if _LASTING.match(line) else here(line)
    if done.code != CODES.get((page, command.text), CODES.get(command.text, 0)):
        return [f"$ {line}\nexit code {done.code}\n{done.out[-1000:]}\n{done.err[-1000:]}"]
    if command.shown and not is_as_shown(command.shown, done.out):
        return [f"$ {line}\nprints not what is shown, but\n{done.out}"]
    return []


def test_little_is_parsed_only() -> None:
    texts = [(page, command) for page in WRITTEN for command in WRITTEN[page]]
    idle = [
        start
        for start in NOT_RUN
        if not any(start == page or command.text.startswith(start) for page, command in texts)
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

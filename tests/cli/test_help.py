"""What help and README say can be typed: every command in them is parsed by the real parsers."""

from __future__ import annotations

import argparse
import importlib
import os
import re
import shlex
import subprocess
import sys
from itertools import product
from pathlib import Path
from typing import cast

import pytest

from engine.cli.console.shell import VerbModule, parser_of
from engine.cli.verbs import VERBS
from engine.errors import UsageError
from tests.cli.conftest import Engine
from tests.repository import ROOT

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
COMMAND = re.compile(r"(?:^|[\s|&;(])(engine(?: [^|&;#`<>)\n]*)?)")


def module_of(verb: str) -> VerbModule:
    return cast(VerbModule, importlib.import_module(VERBS[verb].module))


def require_parses(argv: list[str]) -> None:
    """Parse as the command line does; UsageError where it would be refused."""
    if not argv or argv[0] in ("--version", "--help", "-V", "-h"):
        return
    assert argv[0] in VERBS, f"engine {' '.join(argv)}: no such verb"
    if argv[1:] not in (["--help"], ["-h"]):
        parser_of(argv[0], module_of(argv[0])).parse_args(argv[1:])


def commands_in(script: str) -> list[list[str]]:
    """Every call of ``engine`` in lines that a shell would run."""
    joined = re.sub(r"\\\n\s*", " ", script)
    return [shlex.split(found)[1:] for found in COMMAND.findall(joined)]


STAND_INS = {"D": "0" * 64, "DUR": "12h", "T": "2026-01-31T12:00:00Z", "N": "2"}
"""What a placeholder in running text could be."""


def choices_of(usage: str) -> list[str]:
    """The commands that ``engine ledger verify|log``, or ``engine replay [--x Y]``, stands for."""
    bare = re.sub(r"[\[\]…]|\.\.\.", "", usage)
    words = [STAND_INS.get(word, word).split("|") for word in bare.split()]
    return [" ".join(chosen) for chosen in product(*words)]


def fenced(text: str) -> list[tuple[str, str]]:
    """(language, content) of every fenced block."""
    return re.findall(r"^```(\w*)\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


def typed(text: str) -> list[str]:
    """What a page tells to type: ``$`` lines, and the commands of CI jobs."""
    lines: list[str] = []
    for language, content in fenced(text):
        if language in ("console", "sh", "bash"):
            lines += [line[2:] for line in content.splitlines() if line.startswith("$ ")]
            if "$ " not in content:
                lines.append(content)
        if language == "yaml":
            lines.append(content)
    return lines


def spans(text: str) -> list[str]:
    """Commands in running text."""
    prose = re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)
    return [found for found in re.findall(r"`([^`\n]+)`", prose) if re.match(r"engine\b", found)]


# The help texts.


@pytest.mark.parametrize("verb", VERBS)
def test_each_verb_shows_an_example_that_parses(engine: Engine, verb: str) -> None:
    example = module_of(verb).EXAMPLE
    answer = engine(verb, "--help")
    assert answer.code == 0
    assert answer.out.rstrip().endswith(f"example:\n{example}".rstrip())
    commands = commands_in(example)
    assert verb in [command[0] for command in commands]
    for command in commands:
        require_parses(command)


@pytest.mark.parametrize("verb", VERBS)
def test_each_flag_says_what_it_does(verb: str) -> None:
    def silent(parser: argparse.ArgumentParser) -> list[str]:
        found = []
        for action in parser._actions:
            if isinstance(action, argparse._SubParsersAction):
                for inner in action.choices.values():
                    found += silent(inner)
            elif not action.help:
                found.append(f"{parser.prog} {'/'.join(action.option_strings) or action.dest}")
        return found

    assert silent(parser_of(verb, module_of(verb))) == []


def test_the_overview_names_every_verb_and_its_example_runs(engine: Engine) -> None:
    overview = engine("--help")
    for verb in VERBS:
        assert re.search(rf"^  {verb} +\S", overview.out, re.MULTILINE)
    (first, second) = commands_in(overview.out.rpartition("example\n")[2])
    assert engine(*second, stdin=engine(*first).out.encode()).code == 0


RUNNING = {
    "decide": 0,
    "example": 0,
    "explain": 0,
    "verify": 0,
    "replay": 0,
    "ledger": 0,
    "policy": 0,
    "init": 0,
    "doctor": 0,
    "config": 0,
    "completion": 0,
}


def test_examples_run_as_they_stand(tmp_path: Path) -> None:
    """In a folder that holds the files they name, as a person would have them."""
    example = script(tmp_path, "engine example promote")
    for file, content in {
        "metrics.json": example.stdout,
        "dist/shop.tar.gz": "built",
        "dist/model.tar.gz": "built",
        "model.tar.gz": "built",
        "policies/limits/own2/data.yaml": "extends: default\nchecks: {}\n",
    }.items():
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).write_text(content)
    document = re.sub(r'\s*"digest": \{[^}]*\}', "", example.stdout).replace(
        '"version": "2.4.1",', '"version": "2.4.1"'
    )
    (tmp_path / "metrics.json").write_text(document)
    assert script(tmp_path, "engine init").returncode == 0
    prepare = (
        "cp .engine/keys/engine.pub.pem release.pub.pem;"
        "engine ledger checkpoint > last-week.checkpoint"
    )
    assert script(tmp_path, prepare).returncode == 0
    for verb, code in RUNNING.items():
        for line in module_of(verb).EXAMPLE.splitlines():
            done = script(tmp_path, line)
            assert done.returncode == code, (line, done.stdout, done.stderr)


def script(cwd: Path, text: str) -> subprocess.CompletedProcess[str]:
    environ = {"PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin", "HOME": str(cwd)}
    return subprocess.run(
        ["bash", "-o", "pipefail", "-c", text], cwd=cwd, env=environ, stdin=subprocess.DEVNULL,
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip


# The README, and the pages of docs/.


def test_the_pages_hold_commands_at_all() -> None:
    readme = PAGES[0].read_text()
    assert len([command for line in typed(readme) for command in commands_in(line)]) >= 5
    assert spans(readme)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_command_of_a_page_parses(page: Path) -> None:
    text = page.read_text()
    commands = [command for line in typed(text) for command in commands_in(line)]
    for span in spans(text):
        commands += [found for choice in choices_of(span) for found in commands_in(choice)]
    for command in commands:
        try:
            require_parses(command)
        except UsageError as error:
            if not only_names_a_verb(command):
                pytest.fail(f"{page.name}: engine {shlex.join(command)}: {error}")


def only_names_a_verb(command: list[str]) -> bool:
    """Running text may say ``engine export`` and mean the verb."""
    parser = parser_of(command[0], module_of(command[0]))
    actions = {
        name
        for action in parser._actions
        for name in (action.choices or () if not action.option_strings else ())
    }
    return len(command) == 1 or (len(command) == 2 and command[1] in actions)


@pytest.mark.parametrize("verb", VERBS)
def test_the_readme_names_every_verb(verb: str) -> None:
    assert re.search(rf"engine {verb}\b", PAGES[0].read_text()), f"README says nothing of {verb}"


def test_what_the_readme_types_runs(tmp_path: Path) -> None:
    """The console blocks that call the engine, typed one after the other in one folder."""
    blocks = [
        content for language, content in fenced(PAGES[0].read_text()) if language == "console"
    ]
    lines = [line[2:] for block in blocks for line in block.splitlines() if line.startswith("$ ")]
    commands = [line for line in lines if re.search(r"\bengine ", line) and "pip " not in line]
    assert commands
    for line in commands:
        done = script(tmp_path, f"({line}); code=$?; exit $code")
        assert done.returncode not in (2, 3, 127), (line, done.stdout, done.stderr)
        assert "Traceback" not in done.stderr, os.linesep.join([line, done.stderr])

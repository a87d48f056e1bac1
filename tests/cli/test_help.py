"""What help says can be typed, and the README names every verb; see :mod:`tests.cli.written`."""

from __future__ import annotations

import argparse
import re
import shlex

import pytest

from engine.cli.console.shell import parser_of
from engine.cli.verbs import VERBS
from tests.cli.conftest import Engine
from tests.cli.written.parsing import module_of, require_parses
from tests.repository import ROOT

COMMAND = re.compile(r"(?:^|[\s|&;(])(engine(?: [^|&;#`<>)\n]*)?)")


def commands_in(script: str) -> list[list[str]]:
    """Every call of ``engine`` in lines that a shell would run."""
    joined = re.sub(r"\\\n\s*", " ", script)
    return [shlex.split(found)[1:] for found in COMMAND.findall(joined)]


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


@pytest.mark.parametrize("verb", VERBS)
def test_the_readme_names_every_verb(verb: str) -> None:
    assert re.search(rf"engine {verb}\b", (ROOT / "README.md").read_text()), (
        f"README says nothing of {verb}"
    )

"""An empty text is never "not given": `--artifact "$UNSET"` must not drop a check and end in 0."""

from __future__ import annotations

import argparse
import importlib
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import pytest

from engine.cli.console.shell import VerbModule, parser_of
from engine.cli.verbs import VERBS
from engine.errors import ConfigError
from engine.settings.config import SETTINGS, load
from tests.cli.conftest import Engine

Call = tuple[list[str], str]
"""Arguments, the last of which is empty; and how the complaint names what it was given to."""


def calls(
    parser: argparse.ArgumentParser, blank: str = "", before: tuple[str, ...] = ()
) -> Iterator[Call]:
    """Each way to give an empty text, or ``blank``, to ``parser`` and to its sub-verbs."""
    positionals: list[str] = []
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            yield [*before, blank], str(action.metavar)
            for name, inner in action.choices.items():
                yield from calls(inner, blank, (*before, name))
        elif action.option_strings and action.nargs != 0:
            for flag in action.option_strings:
                yield [*before, flag, blank], flag
                yield [*before, f"{flag}={blank}"], flag
        elif not action.option_strings:
            name = action.metavar if isinstance(action.metavar, str) else action.dest
            yield [*before, *positionals, blank], name
            positionals.append(next(iter(action.choices or ["1"])))


EVERY = [
    (verb, argv, named)
    for verb, row in VERBS.items()
    for blank in ("", " \t")
    for argv, named in calls(
        parser_of(verb, cast(VerbModule, importlib.import_module(row.module))), blank
    )
]


def test_every_verb_is_walked() -> None:
    assert {verb for verb, _, _ in EVERY} == set(VERBS)
    assert len(EVERY) > 600


def test_an_empty_value_is_refused_by_name(engine: Engine) -> None:
    """INV-INPUT-8: exit code 2, and nothing is written, whatever else the call says."""
    for verb, argv, named in EVERY:
        answer = engine(verb, *argv)
        assert (answer.code, answer.out) == (2, ""), (verb, argv)
        (complaint, *_) = answer.err.splitlines()
        assert named in complaint, (verb, argv, complaint)
        assert complaint.endswith("is empty"), (verb, argv, complaint)
    assert list(Path().rglob("*")) == []


def test_blanks_are_empty_too(engine: Engine) -> None:
    answer = engine("decide", "m.json", "--artifact", "  ")
    assert answer.code == 2
    assert "argument --artifact: is empty" in answer.err
    assert "leave it out, or give it a value: is a variable of the shell not set?" in answer.err


PATHS = ("ENGINE_OPA", "ENGINE_OPA_CA_FILE", "ENGINE_SCAN_KEY_FILE", "ENGINE_TLC_JAR")


@pytest.mark.parametrize("variable", [*(setting.variable for setting in SETTINGS), *PATHS])
def test_a_variable_that_is_set_and_empty_is_refused(engine: Engine, variable: str) -> None:
    answer = engine("convert", "-", **{variable: ""})
    assert answer.code == 2
    assert answer.err.startswith(f"engine: ${variable} is set and empty\n")


def test_so_it_is_by_the_library() -> None:
    with pytest.raises(ConfigError, match="ENGINE_POLICIES is set and empty"):
        load({}, {"ENGINE_POLICIES": ""}, Path("/"))


def test_a_secret_may_be_empty(engine: Engine) -> None:
    """A job of a fork has none, and may still make a dry run."""
    Path("m.json").write_text(engine("example", "promote").out)
    answer = engine("decide", "m.json", "--dry-run", CI="true", ENGINE_KEY="", ENGINE_OPA_TOKEN="")
    assert answer.code == 5


@pytest.mark.parametrize("name", [s.name for s in SETTINGS if not isinstance(s.default, int)])
def test_an_empty_setting_of_the_file_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "engine.toml").write_text(f'\n{name} = ""\n')
    with pytest.raises(ConfigError, match=rf"engine.toml:2: key '{name}' is empty"):
        load({}, {}, tmp_path)

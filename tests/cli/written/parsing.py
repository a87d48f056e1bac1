"""Commands held against the parsers of the verbs."""

from __future__ import annotations

import importlib
import shlex
from typing import cast

from engine.cli.console.shell import VerbModule, parser_of
from engine.cli.verbs import VERBS
from engine.errors import UsageError


def module_of(verb: str) -> VerbModule:
    """The module of a verb."""
    return cast(VerbModule, importlib.import_module(VERBS[verb].module))


def require_parses(argv: list[str]) -> None:
    """Parse as the command line does; UsageError where it would be refused."""
    if not argv or argv[0] in ("--version", "--help", "-V", "-h"):
        return
    assert argv[0] in VERBS, f"engine {' '.join(argv)}: no such verb"
    if argv[1:] not in (["--help"], ["-h"]):
        parser_of(argv[0], module_of(argv[0])).parse_args(argv[1:])


def only_names_a_verb(command: str) -> bool:
    """Running text may say ``engine export``, or ``engine gather --report``, and mean the verb.

    It is a name where the words cannot be typed as they stand: arguments are missing, no more.
    """
    argv = shlex.split(command)[1:]
    if not argv or argv[0] not in VERBS:
        return False
    try:
        require_parses(argv)
    except UsageError as error:
        return "required" in str(error) or "expected" in str(error)
    return False

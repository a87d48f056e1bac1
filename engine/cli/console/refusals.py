"""What is printed about an error, and about a call that its parser refuses."""

from __future__ import annotations

import argparse
import errno
import re
from collections.abc import Iterable, Iterator

from engine import exit_codes
from engine.errors import (
    CommitError,
    GovernanceError,
    LedgerError,
    PolicyBuildError,
    VerificationError,
    suggest,
)
from engine.formats.printable import on_one_line, plain, plain_lines
from engine.system.files import RECORDED, WRITTEN

_EMPTY = "\nleave it out, or give it a value: is a variable of the shell not set?"


def error_text(error: Exception, file: str = "", holds: str = "") -> str:
    """Return the lines for standard error: what is wrong, the notes that show it, then
    indented what to do and what holds.

    Args:
        error: What is wrong.
        file: With which file, among several; not repeated where the error says so itself.
        holds: What holds; else what :func:`what_holds` says.
    """
    first, *rest = plain_lines(str(error)).split("\n")
    shown: list[str] = []
    if isinstance(error, GovernanceError) and not isinstance(error, PolicyBuildError):
        # A message is one line, whatever names are in it; OPA's own words have several.
        first, rest = on_one_line(error.message), plain_lines(error.hint).split("\n")
        rest += filter(None, [holds or what_holds(error)])
        notes = error.notes if isinstance(error, VerificationError) else ()
        shown = [line for note in notes for line in plain_lines(note).rstrip("\n").split("\n")]
    rest = [line for line in dict.fromkeys(rest) if line != first]
    start = f"{on_one_line(file)}: " if file else ""
    place = "" if first.startswith(start) else start
    return "\n".join([f"engine: {place}{first}", *shown, *(f"  {line}" for line in rest)])


def what_holds(error: GovernanceError, *about: type[GovernanceError]) -> str:
    """Return what is recorded, where the words of an error leave it open; nothing where not.

    Args:
        error: One that nothing is recorded with, where it is a :class:`LedgerError`.
        about: Other kinds of errors of which that is so here; of every kind, its code is no
            answer, either.
    """
    refused = isinstance(error, (LedgerError, *about)) and not isinstance(error, CommitError)
    is_answered = error.exit_code != exit_codes.UNDECIDED and GovernanceError not in about
    if not refused or is_answered:
        return ""
    if RECORDED:
        return f"before that, {recorded_text()}"
    return "" if "recorded" in str(error) else recorded_text()


def system_error_text(error: OSError) -> str:
    """Return the lines about what the system refused and no verb expected, and what holds."""
    place = f"{plain(_shortened(str(error.filename)))}: " if error.filename else ""
    reason = (error.strerror or str(error)).lower()
    if error.errno == errno.ENAMETOOLONG:
        return f"engine: {place}{reason}\n  give a shorter path"
    held = recorded_text()
    if WRITTEN:
        held += f"; written are {', '.join(plain(_shortened(str(path))) for path in WRITTEN)}"
    return f"engine: could not go on: {place or 'standard output: '}{reason}\n  {held}"


def system_error(error: OSError) -> GovernanceError:
    """Return :func:`system_error_text` as an error of ours, for what is written besides."""
    first, _, hint = system_error_text(error).partition("\n")
    return GovernanceError(first.removeprefix("engine: "), hint.strip())


def recorded_text() -> str:
    """Return what this process has recorded."""
    return f"recorded as {', '.join(RECORDED)}" if RECORDED else "nothing was recorded"


def _shortened(name: str) -> str:
    return name if len(name) <= 80 else f"{name[:60]}…"


def as_in_usage(parser: argparse.ArgumentParser, message: str) -> str:
    """Return argparse's ``message``; what is missing by its name in the usage, with its choices."""
    before, required, names = message.partition("are required: ")
    if not required:
        return message.partition(" (choose from")[0]
    shown = [_in_usage(parser, name) for name in names.split(", ")]
    return f"{before}{required}{', '.join(shown)}"


def _in_usage(parser: argparse.ArgumentParser, name: str) -> str:
    for action in _named(parser, name):
        if action.choices and not action.option_strings:
            choices = f"{{{','.join(map(str, action.choices))}}}"
            return choices if action.metavar is None else f"{name} {choices}"
    return name


def advised(parser: argparse.ArgumentParser, message: str) -> str:
    """Return the nearest right word for what ``message`` complains of, and how to call.

    Args:
        parser: Of the verb, or of its sub-verb.
        message: As argparse words it.
    """
    lines = [near for near in [_nearest(parser, message)] if near]
    if not lines:
        lines += _example(parser) or [parser.format_usage().strip()]
    return "\n".join([*lines, f"`{parser.prog} --help` lists every flag"])


def _nearest(parser: argparse.ArgumentParser, message: str) -> str:
    if match := re.search(r"unrecognized arguments: (--?[^\s=]+)", message):
        return suggest(match[1], _flags(parser))
    if match := re.search(r"argument ([^:]+): invalid choice: '?([^' ]*)'?", message):
        return suggest(match[2], _choices(parser, match[1]))
    if match := re.search(r"argument ([^:]+): (expected|is empty)", message):
        return _meaning(parser, match[1]) + (_EMPTY if match[2] == "is empty" else "")
    return ""


def _flags(parser: argparse.ArgumentParser) -> list[str]:
    return [flag for action in parser._actions for flag in action.option_strings]


def _named(parser: argparse.ArgumentParser, name: str) -> Iterator[argparse.Action]:
    """The action that argparse calls ``name`` in a message."""
    for action in parser._actions:
        if name in ("/".join(action.option_strings), action.metavar, action.dest):
            yield action


def _choices(parser: argparse.ArgumentParser, name: str) -> Iterable[str]:
    return [str(choice) for action in _named(parser, name) for choice in action.choices or ()]


def _meaning(parser: argparse.ArgumentParser, name: str) -> str:
    for action in _named(parser, name):
        return f"give it: {name} {action.metavar or action.dest.upper()}: {action.help}"
    return ""


def _example(parser: argparse.ArgumentParser) -> list[str]:
    """The verb's own example; a sub-verb has none."""
    if not parser.epilog:
        return []
    return ["such as:", *parser.epilog.removeprefix("example:\n").splitlines()]

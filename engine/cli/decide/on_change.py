"""``engine decide --watch``: decide again whenever the evidence or the policies change."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TypeAlias

from engine.cli import workspace
from engine.cli.console.shell import Shell
from engine.errors import GovernanceError, UsageError
from engine.evidence.documents import STANDARD_INPUT
from engine.settings.config import FILE_NAME
from engine.system.walk import files_below

PAUSE_S = 0.3
ENDED = 5
ABOUT = "a dry run: nothing is recorded; Ctrl-C ends it"

Decide: TypeAlias = Callable[[argparse.Namespace, Shell], int]
_State: TypeAlias = Mapping[Path, tuple[int, int]]


def watch(
    args: argparse.Namespace,
    shell: Shell,
    decide: Decide,
    pause: Callable[[float], None] = time.sleep,
) -> int:
    """Run ``decide`` now and after every change, as a dry run, until interrupted.

    The error of a broken input or policy is printed, and the next change waited for.

    Args:
        args: Of ``engine decide``.
        shell: The world around.
        decide: Runs the verb once.
        pause: Waits that many seconds.

    Returns:
        5, as for a dry run that ended in nothing: the verdicts were on the screen.

    Raises:
        UsageError: Standard input, which cannot be read twice.
    """
    if STANDARD_INPUT in args.paths:
        raise UsageError("standard input cannot be watched", "write it to a file and name that")
    once = argparse.Namespace(**{**vars(args), "watch": False, "dry_run": True})
    try:
        # before deciding: what changes meanwhile is a change
        state = _state(once, shell)
        shell.say(f"engine: watching {len(state)} file{'' if len(state) == 1 else 's'}; {ABOUT}")
        _decided(once, shell, decide)
        while True:
            pause(PAUSE_S)
            if (now := _state(once, shell)) == state:
                continue
            now = _settled(now, once, shell, pause)
            shell.say("", f"engine: {_changed(state, now)}, deciding again; {ABOUT}")
            state = now
            _decided(once, shell, decide)
    except KeyboardInterrupt:
        shell.say("", "engine: no longer watching; nothing was recorded")
        return ENDED


def _decided(args: argparse.Namespace, shell: Shell, decide: Decide) -> None:
    from engine.cli.console.refusals import error_text

    try:
        decide(argparse.Namespace(**vars(args)), shell)
    except GovernanceError as error:
        shell.say(*error_text(error).split("\n"))
    finally:
        shell.stdout.flush()


def _settled(
    now: _State, args: argparse.Namespace, shell: Shell, pause: Callable[[float], None]
) -> _State:
    """Return the state once it stays the same: a file that is being written is let finish."""
    while True:
        pause(PAUSE_S)
        before, now = now, _state(args, shell)
        if now == before:
            return now


def _changed(before: _State, now: _State) -> str:
    """What differs, in a few words."""
    paths = sorted(path for path in before.keys() | now if before.get(path) != now.get(path))
    more = f" and {len(paths) - 1} more" if len(paths) > 1 else ""
    return f"{paths[0]}{more} changed" if paths else "something changed and changed back"


def _state(args: argparse.Namespace, shell: Shell) -> _State:
    """Size and time of every file that a decision reads, as far as they can be seen."""
    written = {Path(output.partition("=")[2]) for output in args.output}
    state = {}
    for path in _watched(args, shell):
        try:
            facts = path.stat()
        except OSError:
            continue
        if path not in written:
            state[path] = (facts.st_size, facts.st_mtime_ns)
    return state


def _watched(args: argparse.Namespace, shell: Shell) -> Iterator[Path]:
    for path in map(Path, args.paths):
        yield from _files(path)
    if args.artifact:
        yield Path(args.artifact)
    try:
        config = workspace.settings(args, shell)
    except GovernanceError:  # the decision reports a broken engine.toml
        yield shell.here / FILE_NAME
        return
    if config.file:
        yield config.file
    if folder := config.path("policies"):
        yield from _files(folder)


def _files(path: Path) -> Iterator[Path]:
    """The file ``path``, or every file below it that is not hidden."""
    try:
        yield from map(Path, files_below(path).files) if path.is_dir() else (path,)
    except UsageError:  # the decision reports it
        yield path

"""The command line: one verb per module, imported when it is called.

Only this layer reads argv and the standard streams. The environment and the time of day are read
here, in :mod:`engine.api`, and in ``runtime`` and ``program`` of :mod:`engine.decision`: nowhere
else. The clock that only measures is read in a few modules more, for deadlines.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Sequence
from errno import ENAMETOOLONG

from engine import exit_codes
from engine.cli.verbs import OTHER_WORDS, VERBS

EXIT_CODES = "\n".join(
    ("exit codes", *(f"  {code}  {text}" for code, text in exit_codes.MEANINGS.items()))
)


def run(argv: Sequence[str]) -> int:
    """Run one command and return its exit code, once standard output has taken its answer."""
    try:
        code = _run(argv)
        sys.stdout.flush()
    except OSError as error:
        from engine.cli.console.annotations import print_annotation
        from engine.cli.console.refusals import system_error, system_error_text

        print(system_error_text(error), file=sys.stderr)
        print_annotation(argv, system_error(error))
        return exit_codes.INVALID if error.errno == ENAMETOOLONG else exit_codes.UNDECIDED
    except Exception as error:
        from engine.cli.console.annotations import print_annotation
        from engine.cli.console.refusals import error_text, what_holds
        from engine.cli.console.shell import narrated
        from engine.errors import GovernanceError, PolicyError

        if not isinstance(error, GovernanceError):
            raise
        for line in error_text(error, holds=what_holds(error, PolicyError)).split("\n"):
            print(narrated(line, sys.stderr), file=sys.stderr)
        print_annotation(argv, error)
        return error.exit_code
    return code


def _run(argv: Sequence[str]) -> int:
    if not argv and "_ARGCOMPLETE" in os.environ:
        from engine.cli.completion import complete

        return complete()
    if not argv or argv[0] in ("-h", "--help", "help"):
        print(_overview())
        return exit_codes.PASS if argv else exit_codes.INVALID
    if argv[0] in ("-V", "--version"):
        print(f"engine {_version()}")
        return exit_codes.PASS
    _require_no_private_keys(argv)
    name = argv[0]
    if name not in VERBS:
        from difflib import get_close_matches

        from engine.formats.printable import plain

        near = OTHER_WORDS.get(name) or next(iter(get_close_matches(name, VERBS, 1, 0.8)), None)
        hint = f"did you mean {near!r}?" if near else "`engine --help` lists the verbs"
        print(f"engine: {plain(repr(name))} is not a verb\n  {hint}", file=sys.stderr)
        return exit_codes.INVALID
    from engine.cli.console.shell import call

    return call(name, VERBS[name].module, argv[1:])


def _require_no_private_keys(argv: Sequence[str]) -> None:
    """Refuse a private key in the call before anything of it is shown; names the flag it is of."""
    from engine.system.key_material import require_no_private_key

    for number, (before, text) in enumerate(zip(("", *argv), argv, strict=False), 1):
        flags = (text.partition("=")[0] if "=" in text else "", before)
        named = (flag for flag in flags if re.fullmatch("--[a-z][a-z-]{1,30}", flag))
        require_no_private_key(next(named, f"argument {number}"), text)


def _overview() -> str:
    width = max(map(len, VERBS))
    verbs = "\n".join(f"  {name:<{width}}  {verb.summary}" for name, verb in VERBS.items())
    return (
        "usage: engine VERB …   (`engine VERB --help` lists every flag)\n\n"
        "A release gate that proves its verdicts.\n\n"
        f"verbs\n{verbs}\n\n{EXIT_CODES}\n\n"
        "example\n  engine example promote | engine decide -"
    )


def _version() -> str:
    from engine import __version__

    return __version__

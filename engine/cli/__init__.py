"""The command line: one verb per module, imported when it is called.

Only this layer reads argv, the environment, the clock and the standard streams.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import NamedTuple

from engine import exit_codes


class Verb(NamedTuple):
    """A verb: the module that runs it and what it does, in one clause."""

    module: str
    summary: str


VERBS = {
    "decide": Verb("engine.cli.decide.verb", "ask a gate about evidence, record the verdict"),
    "watch": Verb(
        "engine.cli.watch.verb", "look after what is in production: measure, decide, act"
    ),
    "gather": Verb("engine.cli.gather", "measure what a configuration names, write a metrics file"),
    "attest": Verb("engine.cli.attest", "sign what a gate answers, for decisions to rest on"),
    "example": Verb("engine.cli.example", "print a fresh example document"),
    "explain": Verb("engine.cli.explain.verb", "say what a check or a recorded decision means"),
    "verify": Verb("engine.cli.verify", "check an exported proof offline"),
    "budget": Verb(
        "engine.cli.budget.verb", "reserve, settle and release what calls to models cost"
    ),
    "export": Verb("engine.cli.export", "write a decision's proof to a file"),
    "convert": Verb("engine.cli.convert", "write decisions in another format, from json"),
    "replay": Verb("engine.cli.replay", "decide recorded decisions again and compare"),
    "ledger": Verb(
        "engine.cli.ledger.verb", "verify, list, show, checkpoint, import entries; tables for SQL"
    ),
    "conform": Verb("engine.cli.conform", "check a ledger's entries against the specs"),
    "keys": Verb("engine.cli.keys", "make or list signing keys"),
    "scan": Verb("engine.cli.scan", "look for personal data and secrets in logs"),
    "redact": Verb("engine.cli.redact", "write a log without what scan finds in it"),
    "compat": Verb("engine.cli.compat", "compare JSON Schemas, old against new"),
    "policy": Verb("engine.cli.policy", "list, start, test or build policies"),
    "spec": Verb(
        "engine.cli.spec", "check the TLA+ specs, each run of TLC against what it must say"
    ),
    "selftest": Verb("engine.cli.selftest", "try what must not get through on the policies in use"),
    "init": Verb("engine.cli.init.verb", "set up a folder: configuration, profile, key, ledger"),
    "doctor": Verb("engine.cli.doctor.verb", "look at all that a decision needs, say what to do"),
    "completion": Verb("engine.cli.completion", "print the completion script of bash, zsh or fish"),
    "config": Verb("engine.cli.config", "show every setting and where it came from"),
}

EXIT_CODES = """\
exit codes
  0  PROMOTE or ALLOW; verified, and every expectation met
  1  BLOCK or DENY; verified, but an expectation is not met
  2  usage, configuration or input invalid; nothing was decided
  3  could not decide; also any crash of the engine
  4  not genuine: signature, proof, chain, replay, or a ledger that went backwards
  5  HOLD; or a dry run that would have been 0
  6  ROLLBACK"""


def run(argv: Sequence[str]) -> int:
    """Run one command and return its exit code."""
    if not argv and "_ARGCOMPLETE" in os.environ:
        from engine.cli.completion import complete

        return complete()
    if not argv or argv[0] in ("-h", "--help", "help"):
        print(_overview())
        return exit_codes.PASS if argv else exit_codes.INVALID
    if argv[0] in ("-V", "--version"):
        print(f"engine {_version()}")
        return exit_codes.PASS
    name = argv[0]
    from engine.errors import GovernanceError, suggest

    if name not in VERBS:
        hint = suggest(name, VERBS) or "`engine --help` lists the verbs"
        print(f"engine: {name!r} is not a verb\n  {hint}", file=sys.stderr)
        return exit_codes.INVALID
    from engine.cli.console.shell import call

    try:
        return call(name, VERBS[name].module, argv[1:])
    except GovernanceError as error:
        print(worded(error), file=sys.stderr)
        return error.exit_code


def worded(error: Exception) -> str:
    first, *rest = str(error).split("\n")
    return "\n".join([f"engine: {first}", *(f"  {line}" for line in rest)])


def _overview() -> str:
    width = max(map(len, VERBS))
    verbs = "\n".join(f"  {name:<{width}}  {verb.summary}" for name, verb in VERBS.items())
    return (
        "usage: engine VERB …   (`engine VERB --help` tells the rest)\n\n"
        "A release gate that proves its verdicts.\n\n"
        f"verbs\n{verbs}\n\n{EXIT_CODES}\n\n"
        "example\n  engine example promote | engine decide -"
    )


def _version() -> str:
    from engine import __version__

    return __version__

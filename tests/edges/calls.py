"""A call of each verb that does its work, and what may stand for each of its arguments."""

from __future__ import annotations

import argparse
import importlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import cast

from engine.cli.console.shell import VerbModule, parser_of
from engine.cli.verbs import VERBS
from tests.edges.case import FAILED, INVALID, PROMOTED, UNDECIDED
from tests.edges.world import PUBLIC_KEY

DIGEST = "sha256:" + "0" * 64


@dataclass(frozen=True)
class Call:
    """A call that does its work.

    Attributes:
        positionals: Its arguments that are no flags, in order.
        flags: What it needs besides.
        code: How it ends.
    """

    positionals: tuple[str, ...] = ()
    flags: tuple[str, ...] = ()
    code: int = PROMOTED


_RESERVE = ("--provider", "acme", "--model", "large", "--usd", "0.01", "--policies", "priced")
CALLS = {
    "decide": Call(("m.json",)),
    "watch": Call(("watch.toml",), ("--once",), UNDECIDED),  # its Prometheus is not there
    "gather": Call(("gather.toml",)),
    "attest": Call(("ethics", "m.json")),
    "evidence": Call(("sign", "m.json")),
    "example": Call(("promote",)),
    "explain": Call(("HOLD",)),
    "verify": Call(("proof.json",), ("--key", PUBLIC_KEY)),
    "budget reserve": Call(flags=_RESERVE),
    "budget settle": Call(("{lease}",), ("--usd", "0.01")),
    "budget release": Call(("{lease}",)),
    "budget status": Call(),
    "budget reopen": Call(flags=("--reason", "a test"), code=INVALID),  # nothing to reopen
    "budget verify": Call(),
    "budget history": Call(),
    "budget forecast": Call(),
    "budget reconcile": Call(("invoice.csv",), ("--provider", "acme"), FAILED),
    "budget import-prices": Call(("prices.json",)),
    "export": Call(("{id}",), ("-o", "out.json")),
    "convert": Call(("decision.json",)),
    "replay": Call(),
    "ledger init": Call(flags=("--ledger", "new.db")),
    "ledger verify": Call(),
    "ledger log": Call(),
    "ledger show": Call(("0",)),
    "ledger checkpoint": Call(),
    "ledger import": Call(("run.json",)),
    "ledger compare": Call(("proof.json", ".engine/ledger.db")),
    "ledger runs": Call(),
    "ledger tables": Call(("tables.sqlite",)),
    "conform": Call(),
    "keys": Call(("list",)),
    "scan": Call(("app.log",)),
    "redact": Call(("app.log",), ("-o", "clean.log")),
    "compat": Call(("schema.json", "schema.json")),
    "policy": Call(("list",)),
    "spec check": Call(("Breaker",), code=UNDECIDED),  # TLC is not there
    "spec list": Call(),
    "selftest": Call(),
    "init": Call(("m.json",), ("--profile", "mine", "--policies", "mine", "--ci", "none")),
    "doctor": Call(),
    "completion": Call(("bash",)),
    "config": Call(("show",)),
}
"""By verb and sub-verb."""


def argv_of(verb: str, *more: str) -> tuple[str, ...]:
    """The call of ``verb`` with ``more`` after it."""
    call = CALLS[verb]
    return (*verb.split(), *call.positionals, *call.flags, *more)


def parsers() -> Iterator[tuple[str, argparse.ArgumentParser]]:
    """Each verb and sub-verb with what parses its arguments."""
    for verb, row in VERBS.items():
        module = cast(VerbModule, importlib.import_module(row.module))
        yield from _below(parser_of(verb, module), (verb,))


def _below(
    parser: argparse.ArgumentParser, words: tuple[str, ...]
) -> Iterator[tuple[str, argparse.ArgumentParser]]:
    inner = [act for act in parser._actions if isinstance(act, argparse._SubParsersAction)]
    if not inner:
        yield " ".join(words), parser
    for action in inner:
        for name, sub in action.choices.items():
            yield from _below(sub, (*words, name))


def options(parser: argparse.ArgumentParser) -> list[argparse.Action]:
    """Its flags, but for ``--help``."""
    return [act for act in parser._actions if act.option_strings and act.dest != "help"]


def flag_of(action: argparse.Action) -> str:
    """The long name of a flag."""
    return action.option_strings[-1]

"""The verbs: where each is, and what it does."""

from __future__ import annotations

from typing import NamedTuple


class Verb(NamedTuple):
    """A verb: the module that runs it, and what it does, in one clause."""

    module: str
    summary: str


OTHER_WORDS = {
    **dict.fromkeys(("check", "evaluate", "eval", "validate", "gate", "run"), "decide"),
    **dict.fromkeys(("log", "history", "show"), "ledger log"),
    **dict.fromkeys(("status", "health"), "doctor"),
    **dict.fromkeys(("test", "lint"), "policy test"),
    "version": "--version",
}
"""What people try who know other programs, and what it is called here."""

VERBS = {
    "decide": Verb("engine.cli.decide.verb", "ask a gate about evidence, record the verdict"),
    "watch": Verb(
        "engine.cli.watch.verb", "look after what is in production: measure, decide, act"
    ),
    "gather": Verb("engine.cli.gather", "measure what a configuration names, write a metrics file"),
    "attest": Verb("engine.cli.attest", "sign what a gate answers, for decisions to rest on"),
    "evidence": Verb("engine.cli.evidence", "sign a metrics file, or say who signed one"),
    "example": Verb("engine.cli.example", "print a fresh example document"),
    "explain": Verb("engine.cli.explain.verb", "say what a check or a recorded decision means"),
    "verify": Verb("engine.cli.verify.verb", "check an exported proof offline"),
    "budget": Verb(
        "engine.cli.budget.verb", "reserve, settle and release what calls to models cost"
    ),
    "export": Verb("engine.cli.export", "write a decision's proof to a file"),
    "convert": Verb("engine.cli.convert", "write decisions in another format, from json"),
    "replay": Verb("engine.cli.replay", "decide recorded decisions again and compare"),
    "ledger": Verb(
        "engine.cli.ledger.verb",
        "verify, list, show, checkpoint, import entries; tables for SQL",
    ),
    "conform": Verb("engine.cli.conform", "check a ledger's entries against the specs"),
    "keys": Verb("engine.cli.keys", "make or list signing keys"),
    "scan": Verb("engine.cli.scan", "look for personal data and secrets in logs"),
    "redact": Verb("engine.cli.redact", "write a log without what scan finds in it"),
    "compat": Verb("engine.cli.compat", "compare JSON Schemas, old against new"),
    "policy": Verb("engine.cli.policy.verb", "list, show, compare, start, test or build policies"),
    "spec": Verb(
        "engine.cli.spec", "check the TLA+ specs, each run of TLC against what it must say"
    ),
    "selftest": Verb("engine.cli.selftest", "try what must not get through on the policies in use"),
    "init": Verb("engine.cli.init.verb", "set up a folder: configuration, profile, key, ledger"),
    "doctor": Verb("engine.cli.doctor.verb", "look at all that a decision needs, say what to do"),
    "completion": Verb("engine.cli.completion", "print the completion script of bash, zsh or fish"),
    "config": Verb("engine.cli.config", "show every setting and where it came from"),
}

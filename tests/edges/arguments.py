"""Every flag of every verb: without a value, with one that it cannot have, twice, misspelt."""

from __future__ import annotations

import argparse
from collections.abc import Iterator

from tests.edges.calls import CALLS, argv_of, flag_of, options, parsers
from tests.edges.case import FAILED, INVALID, Case

_WORDS = ("x", "-1", "1.5", "1e9", "0x10", "\u0663", "NaN", "1_0", " 1", "9" * 30, "1" * 5_000)
NUMBERS = {"seconds", "count", "whole", "processes", "_bytes", "int", "usd", "_decimal"}
"""Names of the types of flags that are numbers."""
WRONG = {
    **dict.fromkeys(NUMBERS - {"usd", "_decimal", "int"}, _WORDS[:3] + _WORDS[3:]),
    **dict.fromkeys(("usd", "_decimal"), ("x", "-1", "1e9", "0x10", "\u0663", "NaN", "inf", "1_0")),
    "int": ("x", "1.5", "1e9", "0x10", "NaN", "1" * 5_000),
    "instant": (
        "x",
        "2026-01-01",
        "2026-13-01T00:00:00Z",
        "9999-12-31T23:59:59Z",
        "0001-01-01T00:00:00Z",
        "1" * 5_000,
    ),
    "_day": ("x", "2026-02-30", "2026-1-1", "99999-01-01", "202\u0663-01-01"),
    "duration": ("x", "1", "1w", "-1h", "1.5h", "9999999999d", "\u0663h"),
    "digest": ("x", "sha256:", "sha256:" + "0" * 63, "sha512:" + "0" * 64, "0" * 65, "Z" * 64),
}
"""What a type of flag refuses."""
HOSTILE = {
    "huge": "x" * 100_000,
    "a path of many parts": "x/" * 3_000,
    "no UTF-8": "a\udcff",
    "control characters": "a\x1b[31m\r\n::error::b",
    "marks of direction": "\u202ea",
}
"""Texts that name nothing, for whatever looks its value up."""

CONTEXT = {
    "scan --metrics": ("--subject", "shop"),
    "compat --metrics": ("--subject", "shop"),
    "scan --subject": ("--metrics", "found.json"),
    "compat --subject": ("--metrics", "found.json"),
    "--ci-run": ("--ledger", "run:", "--export", "run.proof.json"),
}
"""What a flag needs besides so that its value is looked at."""
DEMANDS = {f"verify --{what}" for what in ("gate", "profile", "stage", "subject", "decision")}
"""What a proof is held against; it meets no demand for what there is not."""
NEW_FILES = {
    *("--out", "--report", "--export", "--metrics", "--emit-input", "--state"),
    "ledger compare --output",
    "ledger init --ledger",
    "config --ledger",
    "config --key-file",
    "init --policies",
    "doctor --ledger",
}
"""What is made where it is not there; its name may be any that a file can have."""
UNREAD = {
    "compat --annotation",  # a word of nobody's
    *(f"config --{setting}" for setting in ("gate", "profile", "stage", "policies")),
    "policy --out",
    *(f"explain {flag}" for flag in ("--ledger", "--key-file")),
    *(f"ledger compare {flag}" for flag in ("--ledger", "--key-file")),
    *(f"budget import-prices {flag}" for flag in ("--ledger", "--key-file")),
    *(
        f"budget {verb} --{by}"
        for verb in ("history", "forecast")
        for by in ("provider", "model", "team")
    ),
    "budget reconcile --provider",  # of an invoice that has no such column
}
"""What a call does not look up, or what it only filters by."""
PATHS = {"--ledger", "--key-file", "--out", "--policies"}
"""Of these, what names a file."""


def cases() -> Iterator[Case]:
    """Cases of every argument of every verb."""
    for verb, parser in parsers():
        for action in options(parser):
            yield from _misspelt(verb, action)
            if action.nargs == 0:
                yield from _switched(verb, action)
            else:
                yield from _valued(verb, action)
        yield from _positional(verb, parser)


def _case(verb: str, what: str, code: int, *more: str, names: str = "") -> Case:
    return Case(f"{verb} {what}", argv_of(verb, *more), code, names=names)


def _misspelt(verb: str, action: argparse.Action) -> Iterator[Case]:
    flag = flag_of(action)
    if len(flag) > 4:
        yield _case(verb, f"{flag}: misspelt", INVALID, flag + flag[-1], "x", names=flag)
        yield _case(verb, f"{flag}: in capitals", INVALID, flag.upper(), "x")
        yield _case(verb, f"{flag}: cut short", INVALID, flag[:-1], "x")


def _switched(verb: str, action: argparse.Action) -> Iterator[Case]:
    flag = flag_of(action)
    yield _case(verb, f"{flag}: with a value", INVALID, f"{flag}=x")
    yield _case(verb, f"{flag}: with nothing", INVALID, f"{flag}=")


def _valued(verb: str, action: argparse.Action) -> Iterator[Case]:
    flag, kind = flag_of(action), getattr(action.type, "__name__", "")
    yield _case(verb, f"{flag}: no operand", INVALID, flag)
    yield _case(verb, f"{flag}: -- for an operand", INVALID, flag, "--")
    yield _case(verb, f"{flag}: a flag for an operand", INVALID, flag, "--format")
    for word in WRONG.get(kind, ()):
        yield _case(verb, f"{flag}: {word[:30]!r} for a {kind}", INVALID, f"{flag}={word}")
    context = CONTEXT.get(f"{verb} {flag}", CONTEXT.get(flag, ()))
    for name, text in HOSTILE.items():
        code = _code(verb, action, text)
        yield _case(verb, f"{flag}: {name}", code, *context, f"{flag}={text}")


def _code(verb: str, action: argparse.Action, text: str) -> int:
    """The code of a ``text`` that names nothing."""
    flag = flag_of(action)
    named = f"{verb} {flag}"
    if named in DEMANDS | UNREAD:
        if "\udcff" in text and flag not in PATHS:  # only the name of a file may be any bytes
            return INVALID
        return FAILED if named in DEMANDS else CALLS[verb].code
    is_new = named in NEW_FILES or flag in NEW_FILES
    return CALLS[verb].code if is_new and len(text) <= 1000 else INVALID


def _positional(verb: str, parser: argparse.ArgumentParser) -> Iterator[Case]:
    places = [act for act in parser._actions if not act.option_strings]
    call = CALLS[verb]
    given = call.positionals
    for number, action in enumerate(places):
        if action.nargs not in ("?", "*"):
            argv = (*verb.split(), *given[:number], *call.flags)
            yield Case(f"{verb} {action.dest}: missing", argv, INVALID)
        for name, text in HOSTILE.items():
            changed = (*given[:number], text, *given[number + 1 :])
            argv = (*verb.split(), *changed, *call.flags)
            is_new = action.dest == "out" and len(text) <= 1000
            yield Case(f"{verb} {action.dest}: {name}", argv, call.code if is_new else INVALID)
    if not places or places[-1].nargs not in ("+", "*"):
        argv = (*verb.split(), *(given or ("x",) * len(places)), "more", *call.flags)
        yield Case(f"{verb}: one argument too many", argv, INVALID)
    argv = (*verb.split(), *call.flags, "--", *given)
    if places:
        yield Case(f"{verb}: -- before the arguments", argv, call.code)
    yield Case(f"{verb}: an unknown flag", argv_of(verb, "--no-such-flag"), INVALID)
    yield Case(f"{verb}: an unknown letter", argv_of(verb, "-Z"), INVALID)

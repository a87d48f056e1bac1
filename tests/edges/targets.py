"""Outputs that point where nothing can or may be written, full disks and closed streams."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.edges.calls import CALLS, argv_of
from tests.edges.case import HELD, INVALID, PROMOTED, UNDECIDED, Case

_SUBJECT = ("--subject", "shop@1")
OUTPUTS = {
    "decide --export": (argv_of("decide", "--export", "{to}"), "m.json"),
    "decide --output": (argv_of("decide", "--output", "json={to}"), "m.json"),
    "attest --export": (argv_of("attest", "--export", "{to}"), "m.json"),
    "gather --out": (argv_of("gather", "--out", "{to}"), "gather.toml"),
    "gather --report": (argv_of("gather", "--report", "{to}"), "predictions.csv"),
    "convert --output": (argv_of("convert", "--output", "html={to}"), "decision.json"),
    "export --out": (("export", "{id}", "--out", "{to}"), ""),
    "redact --out": (("redact", "app.log", "--out", "{to}"), "app.log"),
    "scan --metrics": (argv_of("scan", *_SUBJECT, "--metrics", "{to}"), "app.log"),
    "compat --metrics": (argv_of("compat", *_SUBJECT, "--metrics", "{to}"), "schema.json"),
    "ledger compare --output": (argv_of("ledger compare", "--output", "{to}"), "proof.json"),
    "ledger tables": (("ledger", "tables", "{to}"), ""),
}
"""Each verb's options that write a file, with an input of the call."""
FOLDERS = {
    "decide --emit-input": argv_of("decide", "--emit-input", "{to}"),
    "budget import-prices --out": argv_of("budget import-prices", "--out", "{to}"),
}
_LINKS = {
    "a link to the key": ".engine/keys/engine.pem",
    "a link to the ledger": ".engine/ledger.db",
    "a link to engine.toml": "engine.toml",
    "a link into no folder": "absent/x",
    "a link to a folder": "own",
}
_PLACES = {
    "a folder": "own",
    "the working folder": ".",
    "the folder above": "..",
    "no folder": "absent/x",
    "below a file": "m.json/x",
    "the ledger": ".engine/ledger.db",
    "the ledger by another way": "own/../.engine/./ledger.db",
    "the ledger's log": ".engine/ledger.db-wal",
    "the ledger's shared memory": ".engine/ledger.db-shm",
    "the ledger's journal": ".engine/ledger.db-journal",
    "the ledger's lock": ".engine/ledger.db.lock",
    "the key": ".engine/keys/engine.pem",
    "the public key": ".engine/keys/engine.pub.pem",
    "the signed head": ".engine/heads/{head}",
    "a new file among the heads": ".engine/heads/new.json",
    "engine.toml": "engine.toml",
    "a name of 300 bytes": "x" * 300,
    "a name of 300 bytes in UTF-8": "\u00e9" * 150,
    "a path of 5,000 bytes": "x/" * 2_500 + "x",
}


def _link(to: str) -> Callable[[], None]:
    return lambda: os.symlink(to, "link")  # noqa: PTH211


def _hard(to: str) -> Callable[[], None]:
    return lambda: os.link(to, "link")


def _filled(argv: tuple[str, ...], to: str) -> tuple[str, ...]:
    return tuple(word.replace("{to}", to) for word in argv)


def cases() -> Iterator[Case]:
    """Every output of every verb at every place."""
    for what, (argv, read) in OUTPUTS.items():
        yield from _files(what, argv, read)
    yield from _twice()
    yield from _folders()
    yield from _states()
    yield from _streams()


def _files(what: str, argv: tuple[str, ...], read: str) -> Iterator[Case]:
    for how, place in _PLACES.items():
        yield Case(f"{what} is {how}", _filled(argv, place), INVALID)
    to_link = _filled(argv, "link")
    for how, place in _LINKS.items():
        yield Case(f"{what} is {how}", to_link, INVALID, before=_link(place))
    yield Case(f"{what} is a link to itself", to_link, INVALID, before=_link("link"))
    for how, place in (
        ("the key", ".engine/keys/engine.pem"),
        ("the ledger", ".engine/ledger.db"),
        ("engine.toml", "engine.toml"),
    ):
        yield Case(f"{what} is another name of {how}", to_link, INVALID, before=_hard(place))
    if read:
        yield Case(f"{what} is an input", _filled(argv, read), INVALID)
        yield Case(f"{what} is an input by another way", _filled(argv, f"own/../{read}"), INVALID)
        yield Case(f"{what} is a link to an input", to_link, INVALID, before=_link(read))
        yield Case(f"{what} is another name of an input", to_link, INVALID, before=_hard(read))
    verb = what.rpartition(" ")[0] if "--" in what else what
    code = CALLS[verb].code
    if what != "ledger tables":
        yield Case(f"{what} is standard output", _filled(argv, "-"), code)
        yield Case(f"{what} is a link to a new file", to_link, code, before=_link("new.out"))
        yield Case(f"{what} is there already", _filled(argv, "empty"), code)
    yield Case(f"{what} has no room", _filled(argv, "out"), UNDECIDED, room=0)


def _folders() -> Iterator[Case]:
    for what, argv in FOLDERS.items():
        for how, place in {
            "a file": "m.json",
            "below a file": "m.json/x",
            "a name of 300 bytes": "x" * 300,
        }.items():
            yield Case(f"{what} is {how}", _filled(argv, place), INVALID)
        yield Case(
            f"{what} is a link to itself", _filled(argv, "link"), INVALID, before=_link("link")
        )
        yield Case(f"{what} has no room", _filled(argv, "out"), UNDECIDED, room=0)


def _states() -> Iterator[Case]:
    for verb, base in (("verify", argv_of("verify")), ("ledger verify", argv_of("ledger verify"))):
        for how, place in (
            ("a folder", "own"), ("no folder", "absent/x"), ("below a file", "m.json/x"),
            ("the ledger", ".engine/ledger.db"), ("the key", ".engine/keys/engine.pem"),
            ("engine.toml", "engine.toml"), ("no state", "m.json"), ("a name of 300 bytes", "x" * 300),
        ):  # fmt: skip
            yield Case(f"{verb} --state is {how}", (*base, "--state", place), INVALID)
        yield Case(f"{verb} --state has no room", (*base, "--state", "s"), UNDECIDED, room=0)


def _streams() -> Iterator[Case]:
    for verb, call in CALLS.items():
        if call.code == PROMOTED:
            yield Case(f"{verb} on a full disk", argv_of(verb), UNDECIDED, room=0)
        for how, closed in {
            "input": (0,),
            "output": (1,),
            "error": (2,),
            "streams": (0, 1, 2),
        }.items():
            yield Case(
                f"{verb} with closed standard {how}", argv_of(verb), call.code, closed=closed
            )
    for verb in ("decide", "attest", "scan", "convert"):
        stdin_call = (*verb.split(), *(["ethics"] if verb == "attest" else []), "-")
        code = HELD if verb == "scan" else INVALID
        yield Case(f"{verb} of closed standard input", stdin_call, code, closed=(0,))
    if os.geteuid() != 0:
        for what, (argv, _) in OUTPUTS.items():
            closed_folder = lambda: Path("own").chmod(0o555)  # noqa: E731
            yield Case(
                f"{what} is in a read-only folder",
                _filled(argv, "own/x"),
                INVALID,
                before=closed_folder,
            )


def _twice() -> Iterator[Case]:
    for verb, argv in {
        "decide": argv_of("decide", "--output", "json=a", "--output", "junit={to}"),
        "decide --export": argv_of("decide", "--output", "json=a", "--export", "{to}"),
        "gather": argv_of("gather", "--out", "a", "--report", "{to}"),
        "convert": argv_of("convert", "--output", "json=a", "--output", "html={to}"),
    }.items():
        for how, place in (
            ("the same", "a"),
            ("the same by another way", "own/../a"),
            ("the same again", "./a"),
        ):
            yield Case(f"{verb} two outputs: {how}", _filled(argv, place), INVALID)
        yield Case(
            f"{verb} two outputs: the second a link",
            _filled(argv, "link"),
            INVALID,
            before=_link("a"),
        )

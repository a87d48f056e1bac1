"""Whatever is given where a file is expected: every verb ends soon, and says what is wrong."""

from __future__ import annotations

import argparse
import importlib
import os
import resource
import shutil
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import cast

import pytest

from engine.cli.console.shell import VerbModule, parser_of
from engine.cli.verbs import VERBS
from engine.system import reading
from tests.cli.conftest import Engine
from tests.cli.test_gather import CONFIG, fair, write
from tests.cli.watch.test_verb import configure
from tests.repository import ROOT

PLACES = {
    *("A", "B", "CHECKPOINT", "CONFIG", "DECISION.json", "DIR", "FILE", "INVOICE", "LEDGER"),
    *("METRICS", "NAME|DIR", "NEW", "OLD", "PATH", "PEM", "PUB", "URL"),
}
"""What stands for a file in a verb's usage."""
OUTPUTS = {"--out", "--export", "--emit-input", "--metrics", "--report", "--output", "out"}
"""What is written: tests/system/test_files.py, and tests/cli/decide/test_verb.py of the folder."""
FILE = "<FILE>"
UUID = "019478a0-0000-7000-8000-000000000000"
BASES: dict[str, dict[str, list[str]]] = {
    "decide": {"paths": ["m.json"]},
    "watch": {"config": ["watch.toml"], "": ["--once"]},
    "gather": {"config": ["gather.toml"]},
    "attest": {"what": ["ethics"], "paths": ["m.json"]},
    "explain": {"what": ["HOLD"]},
    "explain --ledger": {"what": [UUID]},
    "verify": {"files": ["proof.json"], "": ["--key", "pub.pem"]},
    "verify --expect": {"files": ["proof.json"]},
    "budget reserve": {"": ["--provider", "p", "--model", "m", "--usd", "1"]},
    "budget settle": {"lease": [UUID], "": ["--usd", "1"]},
    "budget release": {"lease": [UUID]},
    "budget reconcile": {"file": ["invoice.csv"], "": ["--provider", "p"]},
    "budget import-prices": {"file": ["prices.json"]},
    "export": {"decision": [UUID], "": ["-o", "out.json"]},
    "convert": {"file": ["decision.json"]},
    "replay --bundle": {"": ["--policy-digest", "0" * 64]},
    "budget reopen": {"": ["--reason", "the clock was ahead"]},
    "ledger show": {"entry": ["0"]},
    "ledger import": {"files": ["proof.json"]},
    "ledger compare": {"a": ["proof.json"], "b": ["proof.json"]},
    "ledger tables": {"out": ["tables.sqlite"]},
    "keys": {"action": ["list"]},
    "scan": {"paths": ["m.json"]},
    "redact": {"path": ["m.json"], "": ["-o", "clean.json"]},
    "compat": {"old": ["schema.json"], "new": ["schema.json"]},
    "policy": {"action": ["list"]},
    "init": {"metrics": ["m.json"]},
}
"""What a call needs besides; by verb, and by positional argument."""
CODES = {
    **{
        f"{argument} {kind}": 4
        for argument in (
            "decide --attestation", "ledger import FILE", "replay --bundle", "verify FILE",
        )
        for kind in ("empty", "junk", "name")
    },
    "ledger verify --since empty": 4, "verify --artifact large": 1,
    **{f"init --artifact {kind}": 0 for kind in ("empty", "junk", "large", "name")},
    "scan FILE empty": 5, "scan FILE junk": 0, "scan FILE name": 0,
    "redact FILE empty": 0, "redact FILE name": 0,
}  # fmt: skip
"""What is not exit code 2: a proof that is none is not genuine, and a log may hold any bytes."""
SIGNING = {"decide", "watch", "attest", "budget reserve", "ledger import", "keys"}
"""Verbs that open the key; the others sign nothing."""
UNOPENED = {
    ("ledger compare", "--ledger"),  # it compares what it is given
    ("budget import-prices", "--ledger"),  # nor does this open one
    ("init", "--policies"),  # written below it
    *(("config", flag) for flag in ("--key-file", "--ledger", "--policies", "--policy-trust")),
    *((verb, "--files") for verb in ("policy", "selftest")),  # compared by their names alone
}


def parsers(
    parser: argparse.ArgumentParser, before: tuple[str, ...]
) -> Iterator[tuple[str, argparse.ArgumentParser]]:
    """Each verb and sub-verb with what it parses."""
    inner = [act for act in parser._actions if isinstance(act, argparse._SubParsersAction)]
    if not inner:
        yield " ".join(before), parser
    for action in inner:
        for name, sub in action.choices.items():
            yield from parsers(sub, (*before, name))


def calls() -> Iterator[tuple[str, str, list[str]]]:
    """Each verb and each of its arguments that is a file, with a call that has it."""
    for verb, row in VERBS.items():
        whole = parser_of(verb, cast(VerbModule, importlib.import_module(row.module)))
        for name, parser in parsers(whole, (verb,)):
            for action in parser._actions:
                flag = action.option_strings[-1] if action.option_strings else action.dest
                if action.nargs == 0 or action.metavar not in PLACES or flag in OUTPUTS:
                    continue
                if (name, flag) in UNOPENED or (flag == "--key-file" and name not in SIGNING):
                    continue
                base = BASES.get(f"{name} {flag}", BASES.get(name, {}))
                given = base if action.option_strings else {**base, action.dest: [FILE]}
                argv = [*name.split(), *(word for words in given.values() for word in words)]
                yield (
                    (name, flag, [*argv, flag, FILE])
                    if action.option_strings
                    else (name, "FILE", argv)
                )


@contextmanager
def soon(seconds: int) -> Iterator[None]:
    def late(*_: object) -> None:
        raise AssertionError(f"still running after {seconds} seconds")

    before = signal.signal(signal.SIGALRM, late)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


NAMED = ("missing", "folder", "pipe", "device", "loop")
"""What cannot be read at all, and is named."""
ENDLESS = {(verb, "large") for verb in ("scan", "redact")}
"""A log is read to its end, whatever its length: --max-bytes."""
KINDS = ("missing", "folder", "empty", "pipe", "device", "large", "loop", "junk", "name")


@pytest.fixture
def kinds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """A path of each kind."""
    monkeypatch.setattr(reading, "WRITER_S", 0.01)
    top = tmp_path / "files"
    (top / "folder").mkdir(parents=True)
    (top / "empty").touch()
    os.mkfifo(top / "pipe")
    (top / "large").touch()
    os.truncate(top / "large", 300 * 10**6)
    (top / "loop").symlink_to("loop")
    (top / "junk").write_bytes(b"\x00\xff" * 600)
    odd = os.fsdecode(os.fsencode(top) + b"/name\xff")
    Path(odd).write_bytes(b"\xff")
    places = {kind: str(top / kind) for kind in KINDS}
    return places | {"missing": str(top / "absent" / "missing"), "device": "/dev/zero", "name": odd}


@pytest.fixture
def workspace(engine: Engine) -> None:
    """What the calls name besides; every one would do its work."""
    Path("m.json").write_text(engine("example", "promote").out)
    decided = engine("decide", "m.json", "--export", "proof.json", "--format", "json")
    assert decided.code == 0, decided.err
    Path("decision.json").write_text(decided.out)
    Path("pub.pem").write_bytes(Path(".engine/keys/engine.pub.pem").read_bytes())
    Path("gather.toml").write_text(CONFIG)
    write(fair(1_000))
    configure("http://127.0.0.1:1")
    Path("invoice.csv").write_text("day,model,amount\n")
    Path("prices.json").write_text("{}")
    Path("schema.json").write_text("{}")
    shutil.copytree(ROOT / "policies", "copied")


def _age(call: tuple[str, str, list[str]]) -> int:
    """Which of the newer flags a call is of; 0 for none of them."""
    if call[0] == "evidence" or call[:2] == ("gather", "--key-file"):
        return 2
    return int(call[1] == "--policy-trust")


def test_every_file_is_read_within_limits(
    engine: Engine, kinds: dict[str, str], workspace: None
) -> None:
    """INV-INPUT-8: exit code 2 within seconds, naming the file, whatever it is."""
    wrong = []
    seen: set[str] = set()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    # A newer flag comes last, so that each older one keeps its kinds, and the files what they hold.
    ordered = sorted(calls(), key=_age)
    for number, (verb, flag, argv) in enumerate(ordered):
        # An option that verbs share is read in one place: every kind once, then one for each verb.
        some = (KINDS[number % len(KINDS)],) if flag in seen else KINDS
        seen.update([flag] if flag != "FILE" else [])
        for kind in some:
            if (verb, kind) in ENDLESS:
                continue
            with soon(20):
                answer = engine(*(kinds[kind] if a == FILE else a for a in argv), CI="true")
            named = kind not in NAMED or Path(kinds[kind]).name in answer.err + answer.out
            code = CODES.get(f"{verb} {flag} {kind}", 2)
            if answer.code != code or not named or "defect" in answer.err:
                wrong.append(f"{' '.join(argv)}: {kind}: {answer.code} {answer.err[:300]}")
    assert wrong == [], "\n".join(wrong)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - peak < 250_000, "KiB"

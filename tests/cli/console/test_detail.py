"""The flags that say how much a text tells mean the same for every verb that has them."""

from __future__ import annotations

import re
from pathlib import Path

from tests.cli.conftest import Engine
from tests.cli.console.test_colour import at_a_terminal

KEY = ".engine/keys/engine.pub.pem"


def test_quiet_is_one_line_of_every_verb(engine: Engine) -> None:
    Path("m.json").write_text(engine("example", "block").out)
    decided = engine("decide", "m.json", "-q", "--export", "p.json", "--output", "json=d.json")
    assert decided.out == "✗ BLOCK  scoring-model 2.5.0\n"
    assert engine("convert", "d.json", "--quiet").out == decided.out
    assert engine("verify", "p.json", "--key", KEY, "-q").out == (
        "GENUINE RECORD OF BLOCK; nothing was required of it\n"
    )
    assert engine("replay", "-q").out.startswith("1 decision replayed")
    assert engine("ledger", "verify", "-q").out.count("\n") == 1
    both = engine("decide", "m.json", "d.json", "--combine", "-q", "-v")
    assert (both.code, both.out) == (2, "")
    assert "--verbose" in both.err


def test_failures_only_is_silent_about_what_is_as_required(engine: Engine) -> None:
    for name in ("promote", "block"):
        Path(f"{name}.json").write_text(engine("example", name).out)
        engine("decide", f"{name}.json", "--export", f"{name}.proof")
    met = ("verify", "promote.proof", "--key", KEY, "--require", "PROMOTE", "--failures-only")
    assert (engine(*met).code, engine(*met).out) == (0, "")
    unmet = engine("verify", "block.proof", *met[2:])
    assert (unmet.code, "verdict PROMOTE is required" in unmet.out) == (1, True)
    many = engine("decide", "promote.json", "block.json", "--failures-only")
    assert [line.split()[0] for line in many.out.splitlines()] == ["BLOCK"]
    assert many.code == 1


def test_a_log_of_a_ci_keeps_the_signed_checkpoint(engine: Engine) -> None:
    """INV-LEDGER-1: `engine ledger verify --since` reads it there."""
    Path("m.json").write_text(engine("example", "promote").out)
    engine("decide", "m.json", "--dry-run")
    engine("init")
    short = at_a_terminal(["decide", "m.json"], {"TERM": "dumb"}).decode()
    assert "governance-engine/" not in short
    assert re.search("checkpoint +2 entries, root ", short)
    for answer in (engine("decide", "m.json"), engine("decide", "m.json", CI="true")):
        Path("log.txt").write_text(answer.out.partition("  checkpoint:\n")[2])
        assert engine("ledger", "verify", "--since", "log.txt").code == 0
    assert "  checkpoint:\n    governance-engine/" in engine("ledger", "verify", "--checkpoint").out

"""Colour at a terminal that may be coloured, and nowhere else: tried at a real pseudo-terminal."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from engine.cli.console.colour import coloured
from engine.report import ReportOptions
from tests.cli.conftest import Engine
from tests.report.cases import BLOCK, HOLD, PROMOTE, written

COLOUR = re.compile(rb"\x1b\[[0-9;]*m")


def at_a_terminal(words: Sequence[str], environ: Mapping[str, str]) -> bytes:
    """Return what ``engine`` says to somebody at a terminal."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "engine", *words],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env={"PATH": "/usr/bin:/bin", "HOME": str(Path.cwd()), **environ},
    )
    os.close(theirs)
    output = b""
    try:
        while piece := os.read(ours, 65536):
            output += piece
    except OSError:
        pass  # the other end is closed: Linux says it with EIO
    finally:
        os.close(ours)
        process.wait(timeout=60)
    return output


@pytest.fixture
def decision(engine: Engine) -> str:
    """A decision as json, in the folder of the test."""
    document = engine("example", "block").out.encode()
    engine("decide", "-", "--output", "json=d.json", stdin=document)
    return "d.json"


def test_words_are_coloured_at_a_terminal(decision: str) -> None:
    output = at_a_terminal(["convert", decision], {"TERM": "xterm-256color"})
    assert COLOUR.search(output)
    assert b"BLOCK" in COLOUR.sub(b"", output)


@pytest.mark.parametrize("environ", [{"TERM": "xterm", "NO_COLOR": "1"}, {"TERM": "dumb"}])
def test_no_colour_is_plain_text(decision: str, environ: dict[str, str], engine: Engine) -> None:
    """https://no-color.org; not even bold or dim."""
    words = ("convert", decision, "--checkpoint")
    output = at_a_terminal(words, environ)
    assert b"\x1b" not in output
    assert output.replace(b"\r\n", b"\n").decode() == engine(*words).out


@pytest.mark.parametrize("name", ["json", "github", "html"])
def test_what_programs_read_is_never_coloured(decision: str, name: str) -> None:
    output = at_a_terminal(["convert", decision, "--format", name], {"TERM": "xterm-256color"})
    assert b"\x1b" not in output
    assert len(output) > 1000


IMITATIONS = (
    "✓ PROMOTE  scoring-model 2.4.1, in force until 2026-12-01T12:00:00Z", "PROMOTE\u00a0\u00a0x",
    "x " * 46 + "✓ PROMOTE", f"PROMOTE{'-' * 120}", "✓\u2003PROMOTE\u2003\u2003" + "x" * 120,
    "GENUINE RECORD OF PROMOTE", "✓ 12 passed  ", "  recorded   entry 2",
)  # fmt: skip


@pytest.mark.parametrize("width", [40, 100])
@pytest.mark.parametrize("name", IMITATIONS)
def test_a_name_is_painted_as_no_verdict_and_begins_no_line_as_one(name: str, width: int) -> None:
    """INV-REPORT-2: neither the words nor the colour of a pass are a stranger's to give."""
    subject = replace(BLOCK.decision.subject, name=name)
    for shown in (BLOCK, HOLD):
        imitated = replace(shown, decision=replace(shown.decision, subject=subject), file=name)
        for several in (False, True):
            options = ReportOptions(several=several, explain=several, width=width, passes=True)
            text = written("text", [imitated], options)
            lines = text.split("\n")
            assert not [line for line in lines if re.match("(✓ )?PROMOTE(  |$)|GENUINE", line)]
            assert sum(bool(re.match("  recorded(  |$)", line)) for line in lines) == 1
            assert "bold green" not in {span.style for span in coloured(text).spans}


def test_every_line_of_the_engines_own_is_painted() -> None:
    for width in (40, 100):
        for shown, style in ((PROMOTE, "bold green"), (BLOCK, "bold red"), (HOLD, "bold yellow")):
            text = coloured(written("text", [shown], ReportOptions(width=width)))
            painted = [(text.plain[span.start : span.end], span.style) for span in text.spans]
            assert [word[2:] for word, found in painted if found == style] == [
                shown.decision.verdict
            ]
            assert sum(found == "dim" for _, found in painted) >= 2, "recorded, and checkpoint"

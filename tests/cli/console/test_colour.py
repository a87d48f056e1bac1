"""Colour at a terminal that may be coloured, and nowhere else: tried at a real pseudo-terminal."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from tests.cli.conftest import Engine

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
    output = at_a_terminal(["convert", decision], environ)
    assert b"\x1b" not in output
    assert output.replace(b"\r\n", b"\n").decode() == engine("convert", decision).out


@pytest.mark.parametrize("name", ["json", "github", "html"])
def test_what_programs_read_is_never_coloured(decision: str, name: str) -> None:
    output = at_a_terminal(["convert", decision, "--format", name], {"TERM": "xterm-256color"})
    assert b"\x1b" not in output
    assert len(output) > 1000

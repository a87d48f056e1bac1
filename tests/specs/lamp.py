"""A small spec of a lamp, and a Java that says what TLC said about each of its runs."""

from __future__ import annotations

import hashlib
import shutil
import stat
from pathlib import Path

import pytest

from engine.specs.conform import tlc
from engine.specs.conform.tlc import Tools
from tests.repository import DATA

JAVA = """#!/bin/sh
while [ $# -gt 0 ]; do
  [ "$1" = -config ] && name=$(basename "$2" .cfg)
  [ "$1" = -dump ] && cat {outputs}/lamp.dot > "$3"
  shift
done
sed 1d "{outputs}/$name.txt"
exit $(sed '1s/exit //;q' "{outputs}/$name.txt")
"""


def specs(parent: Path) -> Path:
    """Return a folder of specs with a manifest, that may be changed."""
    return Path(shutil.copytree(DATA / "tla", parent / "tla"))


def outputs(parent: Path) -> Path:
    """Return what TLC said, by the name of the run; the first line is its exit code."""
    return Path(shutil.copytree(DATA / "tlc", parent / "said"))


def speaking(outputs: Path, monkeypatch: pytest.MonkeyPatch) -> Tools:
    """Return a Java that says it, and a jar that counts as the pinned one."""
    java = outputs.parent / "bin" / "java"
    java.parent.mkdir()
    java.write_text(JAVA.format(outputs=outputs))
    java.chmod(java.stat().st_mode | stat.S_IXUSR)
    jar = outputs.parent / "tlc.jar"
    jar.write_bytes(b"a jar")
    monkeypatch.setattr(tlc, "JAR_SHA256", hashlib.sha256(b"a jar").hexdigest())
    return Tools(java, jar)

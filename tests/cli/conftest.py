"""Runs the command line in this process, as a person would: argv, environment, folder, streams."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from engine.cli import run
from engine.decision.runtime import SystemRuntime
from engine.model import Json
from engine.system.files import RECORDED, WRITTEN
from tests.repository import ROOT

EXAMPLES = ROOT / "examples"
NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)


@dataclass(frozen=True)
class Answer:
    """What a command said and how it ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Json:
        """Standard output as one JSON document."""
        return json.loads(self.out)


Engine = Callable[..., Answer]
"""``engine("decide", "m.json", stdin=b"…", CI="true")``."""


@pytest.fixture(scope="session")
def module_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Keeps the compiled policy, so that it is compiled once for all tests."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def engine(tmp_path: Path, module_cache: Path, monkeypatch: pytest.MonkeyPatch) -> Engine:
    """Run ``engine`` in an empty folder with an empty home."""
    home = tmp_path / "home"
    work = tmp_path / "work"
    home.mkdir()
    work.mkdir()
    monkeypatch.chdir(work)

    def call(*argv: str, stdin: bytes = b"", **environ: str) -> Answer:
        RECORDED.clear()  # of a process of its own
        WRITTEN.clear()
        out, err = io.StringIO(), io.StringIO()
        everything = {
            "HOME": str(home),
            "XDG_CACHE_HOME": str(module_cache),
            "PATH": "/usr/bin:/bin",
            **environ,
        }
        with monkeypatch.context() as patch:
            patch.setattr("os.environ", everything)
            patch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin)))
            patch.setattr(sys, "stdout", out)
            patch.setattr(sys, "stderr", err)
            try:
                code = run(argv)
            except SystemExit as stop:
                code = int(stop.code or 0)
        return Answer(code, out.getvalue(), err.getvalue())

    return call


@pytest.fixture
def noon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let it be :data:`NOON` for every command of this process."""
    monkeypatch.setattr(SystemRuntime, "now", lambda _: NOON)
    monkeypatch.setattr(SystemRuntime, "milliseconds", lambda _: int(NOON.timestamp() * 1000))


@pytest.fixture
def example(engine: Engine) -> Callable[[str], Json]:
    """Return a fresh example document by name."""

    def fresh(name: str) -> Json:
        return engine("example", name).json

    return fresh

"""The lamp's folder, what TLC said about it, and the Java that says so."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.specs.conform.tlc import Tools
from tests.specs import lamp


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return lamp.specs(tmp_path)


@pytest.fixture
def outputs(tmp_path: Path) -> Path:
    return lamp.outputs(tmp_path)


@pytest.fixture
def tools(outputs: Path, monkeypatch: pytest.MonkeyPatch) -> Tools:
    return lamp.speaking(outputs, monkeypatch)

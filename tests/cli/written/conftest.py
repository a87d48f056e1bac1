"""The folder that has everything, made once."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import Engine
from tests.cli.written.folders import furnish
from tests.cli.written.running import Shell


@pytest.fixture(scope="module")
def furnished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("furnished")


@pytest.fixture
def everything(furnished: Path, engine: Engine, opa: Path) -> Path:
    """A folder and a home with all that somebody has."""
    work, home = furnished / "work", furnished / "home"
    if not work.exists():
        work.mkdir()
        home.mkdir()
        furnish(Shell(work, home, engine, opa))
    return furnished


@pytest.fixture(scope="module")
def done() -> set[str]:
    """What running text names and was typed already, for another page."""
    return set()

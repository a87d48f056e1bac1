"""What several folders of tests share: the pinned OPA, the examples, Ctrl-C as in a terminal."""

from __future__ import annotations

import os
import secrets
import signal
from pathlib import Path

import pytest
from hypothesis import settings

from engine.policy.build import find_opa
from tests.examples import SHARE, WHOLE
from tests.repository import ROOT

# The same examples on every machine, however slow: a failure is a finding, never a delay.
settings.register_profile(WHOLE, deadline=None, derandomize=True)
settings.register_profile(
    "project",
    settings.get_profile(WHOLE),
    max_examples=settings.get_profile(WHOLE).max_examples // SHARE,
)
settings.load_profile("project")

# A shell that runs the tests in the background has it ignored, and so would every program that
# they start and interrupt.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


os.umask(0o022)  # what others can write to is named in records
os.environ["XDG_STATE_HOME"] = os.devnull  # before any test has a folder of its own: nowhere


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Measure no coverage where one line is run for the hundredth time: it doubles the time."""
    for item in items:
        if item.get_closest_marker("hypothesis"):
            item.add_marker("no_cover")


@pytest.fixture(autouse=True)
def state(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep signed heads of tests out of the state folder of whoever runs them."""
    folder = tmp_path_factory.getbasetemp() / "state" / secrets.token_hex(8)
    monkeypatch.setenv("XDG_STATE_HOME", str(folder))


@pytest.fixture(scope="session")
def opa() -> Path:
    """OPA's binary. Where there is none the test fails: it is not skipped."""
    return find_opa(os.environ, ROOT / ".tools" / "opa")

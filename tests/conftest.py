"""What several folders of tests share: the pinned OPA."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import settings

from engine.policy.build import find_opa

# The same examples on every machine, however slow: a failure is a finding, never a delay.
settings.register_profile("project", deadline=None, derandomize=True)
settings.load_profile("project")


@pytest.fixture(scope="session")
def opa() -> Path:
    """OPA's binary. Where there is none the test fails: it is not skipped."""
    return find_opa(os.environ, Path(__file__).parent)

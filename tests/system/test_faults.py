"""EIO, ENOSPC, EINTR and SIGKILL at every call by which a verb changes a file.

INV-LEDGER-1 and INV-DOOR-5: nothing that was acknowledged is lost, no file is left half-written,
and the answer tells which of decided, recorded and written holds. See :mod:`tests.system.faults`.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys

import pytest

from tests.repository import ROOT


def fail_calls(*flags: str) -> int:
    """Require that no promise is broken; return how many faults fired."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.system.faults", *flags],
        check=False, cwd=ROOT, env=dict(os.environ), stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    print(done.stdout)
    assert done.returncode == 0, done.stdout
    fired = re.search(r"(?m)^(\d+) faults fired", done.stdout)
    assert fired
    return int(fired[1])


@pytest.mark.system
def test_a_sample_of_calls_that_fail() -> None:
    """Two of every verb, others by ``SEED``."""
    assert fail_calls("--sample", "62", "--seed", os.environ.get("SEED", "0")) > 40


@pytest.mark.soak
@pytest.mark.timeout(0)
def test_every_call_that_fails() -> None:
    assert fail_calls("--record", str(ROOT / "build" / "faults.md")) >= 1500

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


@pytest.mark.system
def test_a_sample_of_calls_that_fail() -> None:
    """Two of every verb, others by ``SEED``; ``make soak`` takes all."""
    flags = ("--sample", "66", "--seed", os.environ.get("SEED", "0"))
    done = subprocess.run(
        [sys.executable, "-m", "tests.system.faults", *flags],
        check=False, cwd=ROOT, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip

    assert done.returncode == 0, done.stdout
    fired = re.search(r"(?m)^(\d+) faults fired", done.stdout)
    assert fired
    assert int(fired[1]) > 40

"""Asks the policies many things in one run of ``opa eval``."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

from engine.model import Json
from tests.repository import ROOT

POLICIES = ROOT / "policies"


def evaluate(opa: Path, query: str, document: Json, *sources: Path) -> Json:
    """Return the value of ``query`` in the policies; a built-in error fails.

    Args:
        opa: The pinned OPA.
        query: What a ``with`` in it puts in place of the input has to be bound before.
        document: The input.
        sources: Files and folders of Rego and data; none are the shipped policies alone.
    """
    options = ["--strict-builtin-errors", "--format=raw", "--stdin-input"]
    data = [f"--data={source}" for source in sources or (Path(),)]
    done = subprocess.run(
        [opa, "eval", *options, *data, query],
        cwd=POLICIES,
        input=json.dumps(document),
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(done.stdout)

"""Make sure that the pinned conftest is there: built once into ``.tools`` from ``bench/go.mod``.

As ``tools/fetch_opa.py`` does for OPA, whose search for Go this shares. Built the way its
releases are (stripped, version set), so that its start is as quick as what people install.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from bench.errors import BenchError
from tools.fetch_opa import TOOLS, FetchError, build, find_go, say

GO_MOD = Path(__file__).with_name("go.mod")
MODULE = "github.com/open-policy-agent/conftest"


def fetch(tools: Path = TOOLS, environ: Mapping[str, str] = os.environ) -> Path:
    """Return the path of the pinned conftest, built into ``tools`` if it is not there yet.

    Raises:
        BenchError: It could not be built.
    """
    pinned = pinned_version(GO_MOD.read_text())
    conftest = tools / "conftest"
    if version(conftest) == pinned:
        return conftest
    tools.mkdir(exist_ok=True)
    try:
        go = find_go(tools, environ)
        say(f"building conftest {pinned}, about 4 minutes, once")
        stamp = f"-s -w -X {MODULE}/internal/version.Version={pinned}"
        # It asks for a patch release of Go that may be newer than the one at hand.
        build(
            *(go, GO_MOD.parent, MODULE, conftest, environ),
            toolchain="auto",
            options=("-ldflags", stamp),
        )
    except FetchError as error:
        raise BenchError(str(error)) from None
    if (found := version(conftest)) != pinned:
        raise BenchError(f"built conftest {found or 'that does not run'}, pinned is {pinned}")
    return conftest


def pinned_version(go_mod: str) -> str:
    """Return the version of conftest that ``go_mod`` requires, without its ``v``."""
    match = re.search(rf"^\s*{re.escape(MODULE)} v(\S+)", go_mod, re.MULTILINE)
    if match is None:
        raise BenchError(f"{GO_MOD}: no line that requires {MODULE}")
    return match[1]


def version(conftest: Path) -> str:
    """Return what ``conftest --version`` says of itself; ``""`` if it does not run."""
    try:
        done = subprocess.run([conftest, "--version"], capture_output=True, text=True, check=False)
    except OSError:
        return ""
    match = re.match(r"Conftest: (\S+)", done.stdout)
    return match[1] if match else ""


if __name__ == "__main__":
    try:
        print(fetch())
    except BenchError as error:
        sys.exit(str(error))

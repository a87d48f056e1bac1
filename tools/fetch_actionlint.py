"""Make sure that ``.tools/actionlint`` is the pinned actionlint, and print its path.

``tools/actionlint/go.mod`` pins it, ``go.sum`` beside it everything that goes into it.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from tools.fetch_opa import ROOT, TOOLS, FetchError, build, find_go, say

GO_MOD = ROOT / "tools" / "actionlint" / "go.mod"
MODULE = "github.com/rhysd/actionlint"


def fetch(tools: Path = TOOLS, environ: Mapping[str, str] = os.environ) -> Path:
    """Return the path of the pinned actionlint, built into ``tools`` if it is not there yet.

    Raises:
        FetchError: It could not be built.
    """
    match = re.search(rf"^\s*{re.escape(MODULE)} v(\S+)", GO_MOD.read_text(), re.MULTILINE)
    if match is None:
        raise FetchError(f"{GO_MOD}: no line that requires {MODULE}")
    actionlint = tools / f"actionlint-{match[1]}"
    if _runs(actionlint):
        return actionlint
    tools.mkdir(exist_ok=True)
    say(f"building actionlint {match[1]}, once")
    build(find_go(tools, environ), GO_MOD.parent, f"{MODULE}/cmd/actionlint", actionlint, environ)
    if not _runs(actionlint):
        raise FetchError(f"{actionlint} does not run")
    return actionlint


def _runs(actionlint: Path) -> bool:
    try:
        done = subprocess.run([actionlint, "-version"], capture_output=True, check=False)
    except OSError:
        return False
    return done.returncode == 0


if __name__ == "__main__":
    try:
        print(fetch())
    except FetchError as error:
        sys.exit(str(error))

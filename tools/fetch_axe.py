"""Make sure that ``.tools/axe`` has the pinned axe-core, and print the path of its script.

``tools/axe/package.json`` pins it, ``package-lock.json`` beside it by its digest.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

from tools.fetch_opa import ROOT, TOOLS, FetchError, say

PINS = ROOT / "tools" / "axe"


def fetch(tools: Path = TOOLS) -> Path:
    """Return the path of the pinned ``axe.min.js``, installed into ``tools`` if it is not there.

    Raises:
        FetchError: It could not be installed.
    """
    version = json.loads((PINS / "package.json").read_text())["dependencies"]["axe-core"]
    folder = tools / f"axe-{version}"
    script = folder / "node_modules" / "axe-core" / "axe.min.js"
    if script.is_file():
        return script
    say(f"installing axe-core {version}, once")
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("package.json", "package-lock.json"):
        shutil.copy(PINS / name, folder / name)
    try:
        subprocess.run(
            ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"],
            cwd=folder, check=True, capture_output=True, text=True, timeout=300,
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError) as error:
        raise FetchError(f"axe-core {version}: {getattr(error, 'stderr', '') or error}") from None
    return script


if __name__ == "__main__":
    try:
        print(fetch())
    except FetchError as error:
        sys.exit(str(error))

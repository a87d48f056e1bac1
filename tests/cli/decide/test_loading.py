"""What forks of a run need is loaded once, before they are made."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from tests.cli.conftest import Engine

_HEAVY = ("engine.decision.judge", "engine.ledger", "orjson", "wasmtime")


def test_forks_load_nothing_heavy_of_their_own(
    engine: Engine, tmp_path: Path, module_cache: Path
) -> None:
    document = engine("example", "promote").out
    folder = tmp_path / "many"
    folder.mkdir()
    for number in range(60):
        (folder / f"{number:02}.json").write_text(document)
    call = [sys.executable, "-X", "importtime", "-m", "engine", "decide", str(folder)]
    done = subprocess.run(
        [*call, "--jobs", "2", "--dry-run", "--format", "jsonl"],
        cwd=tmp_path,
        env={"HOME": str(tmp_path), "XDG_CACHE_HOME": str(module_cache), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.count('"PROMOTE"') == 60, done.stderr[-2000:]
    # One line per import, of forks too, as they share standard error.
    imported = re.findall(r"^import time:.*\| +(\S+)$", done.stderr, re.MULTILINE)
    assert {name: imported.count(name) for name in _HEAVY} == dict.fromkeys(_HEAVY, 1)

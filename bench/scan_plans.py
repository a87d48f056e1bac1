"""The contest about logs: personal data and secrets, planted among lines that look like them."""

from __future__ import annotations

import json
import sys
from collections import Counter
from functools import partial
from pathlib import Path

from bench import logs
from bench.contests import Contender, Contest
from bench.errors import BenchError
from bench.outcomes import Outcomes
from bench.scene import ENGINE, Scene

LINES = 20_000
EVERY = 500
_LOOP = Path(__file__).with_name("scan_loop.py")


def scan(scene: Scene, *, lines: int = LINES) -> Contest:
    """One log. Ours checks digits, labels and ranges, and says where; theirs only matches."""
    path = scene.home / f"planted-{lines}.log"
    rows = list(logs.planted(lines, EVERY))
    if not path.exists():
        path.write_text("\n".join(line for _, line in rows) + "\n")
    planted = Counter(kind for kind, _ in rows if kind)
    engine = Contender(
        "engine scan",
        (ENGINE, "scan", path, "--format", "json"),
        scene.environ,
        cwd=scene.home,
        codes=(1,),
        read=partial(_require_all, planted=planted),
    )
    bare = Contender(
        "one compiled alternation",
        (sys.executable, _LOOP, path),
        scene.environ,
        cwd=scene.home,
        read=partial(_require_some, least=planted.total()),
    )
    return Contest(f"{lines:,} lines of logs", (engine, bare), ((engine.name, bare.name),))


def _require_all(output: bytes, *, planted: Counter[str]) -> Outcomes:
    """Demand exactly what was planted; there is no verdict to compare."""
    found = json.loads(output)["types"]
    if found != dict(planted):
        raise BenchError(f"engine scan found {found}, not {dict(planted)}")
    return {}


def _require_some(output: bytes, *, least: int) -> Outcomes:
    if int(output) < least:
        raise BenchError(f"the bare alternation matched {output!r} times, fewer than {least}")
    return {}

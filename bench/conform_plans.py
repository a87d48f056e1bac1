"""The contest about conformance: a long ledger against the specs, by lookup and by TLC.

By lookup against reading and parsing the same entries; by TLC, which judges every distinct step,
against the smallest complete run of TLC, that of the very model that the steps are judged by.
"""

from __future__ import annotations

import json
import os
import sys
from contextlib import closing
from dataclasses import replace
from functools import partial
from hashlib import sha256
from pathlib import Path

from bench import ledger_fill
from bench.contests import Contender, Contest
from bench.errors import BenchError
from bench.ledger_fill import Template
from bench.ledger_plans import decided, initialised, require_bare
from bench.outcomes import Outcomes
from bench.scene import ENGINE, ROOT, Scene
from engine.ledger import Draft, Signer

ENTRIES = 100_000
LOOKUP, PARSE = "engine conform", "bare loop: parse"
JUDGED, SMALLEST = "engine conform --tlc", "smallest run of TLC"
_LOOP = Path(__file__).with_name("ledger_loop.py")
_SMALLEST = """
import sys, tempfile
from pathlib import Path
from engine.conform import tlc
from engine.specs import config, manifest

folder = Path(sys.argv[1])
(row,) = [row for row in manifest.read(folder) if row.graph == "ledger-line"]
with tempfile.TemporaryDirectory() as scratch:
    model = Path(scratch) / "model.cfg"
    model.write_text(config.derived(folder, row))
    outcome = tlc.run(tlc.find({"PATH": sys.argv[2], "ENGINE_TLC_JAR": sys.argv[3]}, folder),
                      folder, row.module, model)
print(outcome.word, outcome.states)
"""


def pairs() -> tuple[tuple[str, str], ...]:
    """Return what is compared with what: ours, theirs."""
    return ((LOOKUP, PARSE), (JUDGED, SMALLEST))


def repeated(scene: Scene, entries: int) -> Path:
    """Return a folder whose ledger decides on the same few subjects again and again."""
    folder = scene.home / f"repeated-{entries}"
    if not folder.exists():
        among = ledger_fill.templates(decided(scene))
        initialised(scene, folder)
        signer = ledger_fill.key_in(folder)
        with closing(ledger_fill.open_in(folder, signer=signer)) as ledger:
            for first in range(1, entries + 1, ledger_fill.BATCH):
                numbers = range(first, min(first + ledger_fill.BATCH, entries + 1))
                ledger.append([_draft(among[n % len(among)], n, signer) for n in numbers])
    return folder


def _draft(template: Template, number: int, signer: Signer) -> Draft:
    """A decision on the very subject that its statement names, so that attempts count up."""
    subject = template.parts[-1].partition(b'"subject":')[2]
    return replace(template.draft(number, signer), subject_key=sha256(subject).hexdigest())


def conform(scene: Scene, *, entries: int = ENTRIES) -> Contest:
    """Every step of ``entries`` decisions, by lookup and by TLC."""
    folder = repeated(scene, entries)
    jar = os.environ.get("ENGINE_TLC_JAR") or str(ROOT / ".tools" / "tlc.jar")
    environ = {**scene.environ, "PATH": os.environ["PATH"], "ENGINE_TLC_JAR": jar}
    asked = (str(ENGINE), "conform", "--only", "ledger", "--format", "json")
    read = partial(_require_conform, expected=entries + 1)
    bare = (sys.executable, _LOOP, "parse", ".engine/ledger.db")
    smallest = (sys.executable, "-c", _SMALLEST, str(ROOT / "tla"), environ["PATH"], jar)
    contenders = (
        Contender(LOOKUP, (str(ENGINE), "conform", "--format", "json"), environ, folder, read=read),
        Contender(PARSE, bare, environ, folder, read=partial(require_bare, expected=entries + 1)),
        Contender(JUDGED, (*asked, "--tlc"), environ, folder, read=read),
        Contender(SMALLEST, smallest, environ, folder, read=_require_ok),
    )
    return Contest(f"{entries:,} entries against the specs", contenders, pairs())


def _require_conform(output: bytes, *, expected: int) -> Outcomes:
    """Demand that all entries were looked at, and conform."""
    said = json.loads(output)
    if said["entries"] != expected or not said["conforms"]:
        raise BenchError(f"engine conform: {output[:400]!r}, not {expected} entries that conform")
    return {}


def _require_ok(output: bytes) -> Outcomes:
    if output.split()[:1] != [b"ok"]:
        raise BenchError(f"TLC: {output[:200]!r}")
    return {}

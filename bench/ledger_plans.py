"""The contests about reading a ledger: everything that the engine checks, against a bare loop."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from bench import corpus, ledger_fill
from bench.contests import Contender, Contest
from bench.errors import BenchError
from bench.outcomes import Outcomes
from bench.scene import ENGINE, Scene

ENTRIES = 20_000
TEMPLATES = 200
_LOOP = Path(__file__).with_name("ledger_loop.py")
_ENGINE_SAYS = re.compile(rb"ledger [0-9a-f]{32}: ([0-9]+) entries hold(?:, ([0-9]+) signatures)?")


def verify(scene: Scene, *, entries: int = ENTRIES) -> Contest:
    """Leaves, chain, tree, index, checkpoints and head; theirs: leaves and chain."""
    folder = filled(scene, entries)
    options = ("--no-signatures",)
    engine = _engine(scene, folder, "engine ledger verify --no-signatures", options, entries + 1)
    bare = _bare(scene, folder, "bare loop: hash", ("hash", ".engine/ledger.db"), entries + 1)
    return Contest(f"{entries:,} entries", (engine, bare), ((engine.name, bare.name),))


def signatures(scene: Scene, *, entries: int = ENTRIES) -> Contest:
    """The same and every signature and statement, in as many processes as there are processors."""
    folder = filled(scene, entries)
    engine = _engine(scene, folder, "engine ledger verify", (), entries + 1)
    argv = ("signatures", ".engine/ledger.db", ".engine/keys/engine.pub.pem")
    bare = _bare(scene, folder, "bare loop: signatures", argv, entries + 1)
    return Contest(f"{entries:,} signatures", (engine, bare), ((engine.name, bare.name),))


def filled(scene: Scene, entries: int) -> Path:
    """Return a folder with a key and a ledger of ``entries`` decisions; made once per scene."""
    folder = scene.home / f"filled-{entries}"
    if not folder.exists():
        among = ledger_fill.templates(decided(scene))
        initialised(scene, folder)
        signer = ledger_fill.key_in(folder)
        ledger = ledger_fill.open_in(folder, signer=signer)
        try:
            ledger_fill.fill(ledger, among, range(1, entries + 1), signer)
        finally:
            ledger.close()
    return folder


def decided(scene: Scene) -> Path:
    """Return a folder whose ledger holds :data:`TEMPLATES` decisions that the engine made."""
    folder = scene.home / "templates"
    if not folder.exists():
        initialised(scene, folder)
        corpus.write(folder / "metrics", TEMPLATES, datetime.now(UTC).replace(microsecond=0))
        _run(scene, folder, ("decide", "metrics", "--format", "jsonl"), codes=(0, 1, 5, 6))
    return folder


def initialised(scene: Scene, folder: Path) -> None:
    """Make ``folder`` with a fresh key and ledger."""
    folder.mkdir()
    _run(scene, folder, ("init",))


def _run(scene: Scene, folder: Path, argv: tuple[str, ...], codes: tuple[int, ...] = (0,)) -> None:
    command = [str(ENGINE), *argv]
    done = subprocess.run(command, cwd=folder, env=scene.environ, capture_output=True, check=False)
    if done.returncode not in codes:
        message = done.stderr.decode(errors="replace")[-2000:]
        raise BenchError(f"engine {' '.join(argv)}: exit code {done.returncode}\n{message}")


def _engine(
    scene: Scene, folder: Path, name: str, options: tuple[str, ...], expected: int
) -> Contender:
    command: tuple[str | Path, ...] = (ENGINE, "ledger", "verify", *options)
    read = partial(_require_engine, expected=expected, signed=not options)
    return Contender(name, command, scene.environ, cwd=folder, read=read)


def _bare(scene: Scene, folder: Path, name: str, argv: tuple[str, ...], expected: int) -> Contender:
    read: Callable[[bytes], Outcomes] = partial(require_bare, expected=expected)
    return Contender(name, (sys.executable, _LOOP, *argv), scene.environ, cwd=folder, read=read)


def _require_engine(output: bytes, *, expected: int, signed: bool) -> Outcomes:
    """Demand that all entries were verified; there is no verdict to compare."""
    match = _ENGINE_SAYS.match(output)
    counts = [int(count) for count in match.groups() if count] if match else []
    if counts != [expected] * (2 if signed else 1):
        raise BenchError(f"engine ledger verify: {output[:200]!r}, not {expected} entries")
    return {}


def require_bare(output: bytes, *, expected: int) -> Outcomes:
    """Demand that a bare loop read all entries."""
    if output.split() != [b"%d" % expected]:
        raise BenchError(f"the bare loop read {output[:200]!r}, not {expected} entries")
    return {}

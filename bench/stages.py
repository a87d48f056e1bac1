"""``python -m bench.stages``: where the time of ``engine decide DIR`` goes, in µs per file.

Runs the command in this process with a stopwatch around the functions of :data:`STAGES`. A
stage has the time between entering and leaving its functions, less what other stages inside
them take: on the wall, which waits for disk and neighbours, and on the processor, which does
not. Of several rounds, the least of each stage is shown: what it takes when nothing disturbs.
The stopwatches themselves cost about two microseconds per call.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib
import os
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

from bench import corpus
from bench.scene import ENGINE

OUT = Path(__file__).with_name("out")
FILES, ROUNDS = 1_000, 3
WHOLE = "everything else"


class Stage(NamedTuple):
    """A stage and the functions it consists of: ``module:name`` as seen from that module."""

    name: str
    functions: tuple[str, ...]


STAGES = (
    Stage("read the file", ("engine.evidence.documents:read_bytes",)),
    Stage("parse strictly", ("engine.evidence.documents:parse",)),
    Stage("validate and expand", ("engine.evidence.input:expand",)),
    Stage("assemble the Input", ("engine.evidence.input:gather",)),
    Stage("encode the Input", ("engine.evidence.input:canonical.encode_read",)),
    Stage("evaluate (OPA's Wasm)", ("engine.policy.evaluators.wasm:_Instance.evaluate",)),
    Stage("parse the answer", ("orjson:loads",)),
    Stage("check and order the answer", ("engine.policy.evaluators.wasm:whole_answer",)),
    Stage("join checks, write predicate", ("engine.decision.judge:judge",)),
    Stage(
        "recompute status and verdict",
        ("engine.decision.judge:_no_false_checks", "engine.decision.judge:_verified_verdict"),
    ),
    Stage("digests", ("engine.decision.judge:salted_digest", "engine.decision.judge:subject_key")),
    Stage(
        "statement", ("engine.decision.judge:template_of", "engine.decision.record:statement_at")
    ),
    Stage("seal", ("engine.decision.record:seal",)),
    Stage("sign (Ed25519)", ("engine.signers.ed25519:Ed25519Signer.sign",)),
    Stage(
        "ledger: look up id and subject",
        (
            "engine.ledger.sqlite.reader:SqliteReader.indexes_of",
            "engine.ledger.sqlite.reader:SqliteReader.last_decisions",
        ),
    ),
    Stage("ledger: leaf, chain, nodes, rows", ("engine.ledger.commit.batch:Batch.add",)),
    Stage("ledger: insert", ("engine.ledger.sqlite.store:SqliteStore.add",)),
    Stage("ledger: commit (fsync)", ("engine.ledger.sqlite.store:SqliteStore.commit",)),
    Stage(
        "ledger: sign and keep checkpoint",
        ("engine.ledger.ledger:Ledger._sign_checkpoint",),
    ),
    Stage("ledger: keep the head (fsync)", ("engine.ledger.commit.signed_heads:Heads.keep",)),
    Stage("ledger: copy the log back", ("engine.ledger.sqlite.store:SqliteStore.tidy",)),
    Stage("ledger: the rest", ("engine.ledger.ledger:Ledger.append",)),
    Stage("format", ("engine.cli.decide.judge:Judge._judged_file",)),
    Stage("print", ("engine.cli.decide.batches:Batches._print",)),
)


class Timing(NamedTuple):
    """What one stage took in one round: nanoseconds on the wall and the processor, calls."""

    wall_ns: int
    cpu_ns: int
    calls: int


class Stopwatch:
    """Times stages that may lie inside one another.

    Args:
        wall: Nanoseconds on a clock that only goes forward.
        cpu: Nanoseconds that this thread has had the processor.
    """

    def __init__(
        self,
        wall: Callable[[], int] = time.perf_counter_ns,
        cpu: Callable[[], int] = time.thread_time_ns,
    ) -> None:
        self._wall, self._cpu = wall, cpu
        self.wall_ns: dict[str, int] = defaultdict(int)
        self.cpu_ns: dict[str, int] = defaultdict(int)
        self.calls: dict[str, int] = defaultdict(int)
        self._inside = [(0, 0)]

    def spent(self) -> dict[str, Timing]:
        """Return what each stage took so far, and begin anew."""
        spent = {
            name: Timing(self.wall_ns[name], self.cpu_ns[name], calls)
            for name, calls in self.calls.items()
        }
        for counts in (self.wall_ns, self.cpu_ns, self.calls):
            counts.clear()
        return spent

    def around(self, stage: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """Return ``function`` with its time counted as ``stage``, less that of stages inside."""
        wall, cpu, inside = self._wall, self._cpu, self._inside

        def timed(*args: Any, **kwargs: Any) -> Any:
            inside.append((0, 0))
            from_cpu, from_wall = cpu(), wall()
            try:
                return function(*args, **kwargs)
            finally:
                took_wall, took_cpu = wall() - from_wall, cpu() - from_cpu
                inner_wall, inner_cpu = inside.pop()
                outer_wall, outer_cpu = inside[-1]
                inside[-1] = (outer_wall + took_wall, outer_cpu + took_cpu)
                self.wall_ns[stage] += took_wall - inner_wall
                self.cpu_ns[stage] += took_cpu - inner_cpu
                self.calls[stage] += 1

        return timed


def instrument(stopwatch: Stopwatch) -> None:
    """Put the stopwatch around every function of :data:`STAGES`, in this process, for good.

    Raises:
        AttributeError: The engine has no such function any more; the table must follow it.
    """
    for stage in STAGES:
        for place in stage.functions:
            module, _, path = place.partition(":")
            owner, name = _owner(importlib.import_module(module), path)
            setattr(owner, name, stopwatch.around(stage.name, getattr(owner, name)))


def _owner(module: ModuleType, path: str) -> tuple[Any, str]:
    """What holds the last name of ``path``; a foreign module on the way is copied for us."""
    owner: Any = module
    *outer, name = path.split(".")
    for step in outer:
        inner = getattr(owner, step)
        if isinstance(inner, ModuleType):
            copy = ModuleType(inner.__name__)
            copy.__dict__.update(inner.__dict__)
            setattr(owner, step, copy)
            inner = copy
        owner = inner
    return owner, name


def main(argv: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.stages", description=__doc__)
    parser.add_argument("--files", type=int, default=FILES, metavar="N", help=f"how many ({FILES})")
    parser.add_argument("--rounds", type=int, default=ROUNDS, metavar="N", help=f"({ROUNDS})")
    args = parser.parse_args(argv)
    OUT.mkdir(exist_ok=True)
    os.environ.pop("CI", None)
    stopwatch = Stopwatch()
    instrument(stopwatch)
    decide = stopwatch.around(WHOLE, _decide)
    with tempfile.TemporaryDirectory(dir=OUT) as folder:
        subprocess.run([ENGINE, "init"], cwd=folder, check=True, capture_output=True)
        os.chdir(folder)
        rounds = []
        for number in range(args.rounds):
            corpus.write(Path(f"{number}"), args.files, datetime.now(UTC).replace(microsecond=0))
            with Path("stdout").open("w") as stdout, contextlib.redirect_stdout(stdout):
                decide(f"{number}")
            rounds.append(stopwatch.spent())
    print(table(rounds, args.files))
    return 0


def _decide(folder: str) -> None:
    from engine.cli import run

    if run(["decide", folder, "--jobs", "1", "--format", "jsonl"]) not in (0, 1, 5, 6):
        sys.exit("bench: not everything was decided")


def table(rounds: Sequence[Mapping[str, Timing]], files: int) -> str:
    """Return the least that each stage took, per file, and its share of the processor's time."""
    names = (*(stage.name for stage in STAGES), WHOLE)
    least = {
        name: Timing(*map(min, zip(*(spent[name] for spent in rounds), strict=True)))
        for name in names
    }
    whole = Timing(*map(sum, zip(*least.values(), strict=True)))
    lines = [f"{'µs per file':<36} {'wall':>9} {'CPU':>9} {'share':>7} {'calls':>8}"]
    for name, spent in [*least.items(), ("all of it", whole)]:
        lines.append(
            f"{name:<36} {spent.wall_ns / files / 1000:9.1f} {spent.cpu_ns / files / 1000:9.1f} "
            f"{100 * spent.cpu_ns / whole.cpu_ns:6.1f}% {spent.calls:8,}"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""The promotion gate against one written by hand: what our Rego costs where OPA alone evaluates.

``opa bench`` evaluates a gate for a second and says how long one evaluation took; both are
given the same policy data and the same Input. First both answer every Input of the scene, and
any difference in the verdict or in what stands against it ends the run.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path

from bench.bars import bar_for
from bench.contests import Result, Row
from bench.errors import BenchError
from bench.outcomes import Outcome, of_opa, require_same
from bench.process import Run, measure
from bench.ratios import ratio
from bench.scene import PREFIX, ROOT, Scene

HANDWRITTEN = ROOT / "bench" / "handwritten"
OURS, THEIRS = "promotion gate", "hand-written gate"
VERDICTS = ("PROMOTE", "HOLD", "BLOCK")


def hold_gates(
    scene: Scene, *, files: int, rounds: int, say: Callable[[str], None]
) -> tuple[Scene, Result]:
    """Measure both gates on one Input of each verdict; the rounds take turns in who is first.

    Args:
        scene: Where.
        files: Number of Inputs on which the two must agree.
        rounds: How many count. One more comes first and warms up.
        say: Narrates.

    Raises:
        BenchError: OPA failed, or the gates differ on a file.
    """
    scene = scene.with_files(files)
    outcomes = _agreed(scene)
    runs: dict[str, list[Run]] = {}
    for number in range(rounds + 1):
        for verdict in VERDICTS:
            name = _middle(scene, outcomes, verdict)
            gates = [OURS, THEIRS] if number % 2 else [THEIRS, OURS]
            for gate in gates:
                run = _measured(scene, gate, name)
                if number:
                    runs.setdefault(f"{gate}, {verdict}", []).append(run)
        say(f"gates, {f'round {number}' if number else 'warming up'}: done")
    rows = tuple(_row(runs, verdict) for verdict in VERDICTS)
    mix = Counter(outcome.verdict for outcome in outcomes.values())
    return scene, Result("gates in opa bench", rows, runs, mix)


def of_handwritten(output: bytes, prefix: str) -> dict[str, Outcome]:
    """Read what ``opa exec`` prints of the hand-written gate.

    Raises:
        BenchError: A file has no answer.
    """
    outcomes = {}
    for answer in json.loads(output)["result"]:
        name = Path(answer["path"]).name.removeprefix(prefix)
        if "result" not in answer:
            raise BenchError(f"{name}: the hand-written gate gave no result: {answer.get('error')}")
        against = answer["result"]["against"]
        words = frozenset(f"{check}: {status}" for check, status in against.items())
        outcomes[name] = Outcome(answer["result"]["verdict"], words)
    return outcomes


def _agreed(scene: Scene) -> Mapping[str, Outcome]:
    """The outcomes of every Input, once both gates say the same of each."""
    ours = of_opa(_exec(scene, OURS), PREFIX)
    theirs = of_handwritten(_exec(scene, THEIRS), PREFIX)
    require_same(scene.names, {OURS: ours, THEIRS: theirs})
    return ours


def _sources(scene: Scene, gate: str) -> tuple[Path, Path]:
    return (scene.home / "policy" if gate == OURS else HANDWRITTEN, scene.home / "data")


def _package(gate: str) -> str:
    return "promotion" if gate == OURS else "handwritten"


def _exec(scene: Scene, gate: str) -> bytes:
    """What ``opa exec`` prints; it takes bundles only, so one is made of the two folders."""
    bundle = scene.home / f"{_package(gate)}.tar.gz"
    sources = map(str, _sources(scene, gate))
    _opa(scene, ["build", "--ignore", "data.yaml", "-o", str(bundle), *sources])
    decision = f"{_package(gate)}/decision"
    return _opa(scene, ["exec", "--bundle", str(bundle), "--decision", decision, "inputs"]).output


def _measured(scene: Scene, gate: str, name: str) -> Run:
    """One run of ``opa bench``; its times are those of one evaluation."""
    options = [word for source in _sources(scene, gate) for word in ("--data", str(source))]
    options += ["--input", str(scene.home / "inputs" / f"{PREFIX}{name}")]
    options += ["--benchmem=false", "--metrics=false", "--format", "json"]
    run = _opa(scene, ["bench", *options, f"data.{_package(gate)}.decision"])
    report = json.loads(run.output)
    evaluations = report["N"]
    return Run(report["T"] / evaluations / 1e9, run.cpu_s / evaluations, run.peak_bytes, run.output)


def _opa(scene: Scene, argv: list[str]) -> Run:
    command: list[str | Path] = [scene.opa, *argv]
    return measure(command, cwd=scene.home, environ=scene.environ, scratch=scene.home)


def _middle(scene: Scene, outcomes: Mapping[str, Outcome], verdict: str) -> str:
    """The file of this verdict whose Input is of middling size."""
    names = [name for name, outcome in outcomes.items() if outcome.verdict == verdict]
    if not names:
        raise BenchError(f"none of {len(outcomes)} files is {verdict}")
    inputs = scene.home / "inputs"
    names.sort(key=lambda name: ((inputs / f"{PREFIX}{name}").stat().st_size, name))
    return names[len(names) // 2]


def _row(runs: Mapping[str, list[Run]], verdict: str) -> Row:
    ours, theirs = f"{OURS}, {verdict}", f"{THEIRS}, {verdict}"
    wall = ratio([run.wall_s for run in runs[ours]], [run.wall_s for run in runs[theirs]])
    cpu = ratio([run.cpu_s for run in runs[ours]], [run.cpu_s for run in runs[theirs]])
    return Row(ours, theirs, None, "wall", wall, cpu, bar_for(ours, theirs, None))

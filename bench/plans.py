"""The contests: which commands do the same work. A new one is a function here."""

from __future__ import annotations

import sys
from dataclasses import replace
from functools import partial

from bench.contests import Contender, Contest
from bench.outcomes import of_conftest, of_engine, of_opa
from bench.scene import BUNDLE, ENGINE, PREFIX, Scene

FEW = 2_000
"""Files that the memory for many is measured by."""
_VERDICTS = (0, 1, 5, 6)
_DENIED = (0, 1)


def batch(scene: Scene) -> Contest:
    """Many files. Ours validates, decides, signs, commits and prints; theirs evaluate."""
    engine, opa = _engine(scene), _opa(scene)
    conftest = _conftest(scene, "conftest test DIR", "inputs")
    return Contest(
        f"{len(scene.names):,} files",
        (engine, opa, conftest),
        ((engine.name, opa.name), (engine.name, conftest.name)),
        expected=scene.names,
        files=len(scene.names),
    )


def many(scene: Scene) -> Contest:
    """So many files that starting does not count; conftest would take as long as OPA again."""
    engine, opa = _engine(scene), _opa(scene)
    return Contest(
        f"{len(scene.names):,} files",
        (engine, opa),
        ((engine.name, opa.name),),
        expected=scene.names,
        files=len(scene.names),
    )


def memory(scene: Scene) -> Contest:
    """Many files and a few of them: the largest process of either."""
    everything = replace(_engine(scene), read=None)
    few = scene.part("few", FEW)
    part = replace(
        everything,
        name=f"engine decide DIR, {FEW:,} files",
        command=(ENGINE, "decide", few, "--format", "jsonl"),
    )
    return Contest(
        f"memory, {len(scene.names):,} files",
        (everything, part),
        ((everything.name, part.name),),
        files=len(scene.names),
        measure="peak",
    )


def _engine(scene: Scene) -> Contender:
    return Contender(
        "engine decide DIR",
        (ENGINE, "decide", "metrics", "--format", "jsonl"),
        scene.environ,
        codes=_VERDICTS,
        read=of_engine,
    )


def _opa(scene: Scene) -> Contender:
    return Contender(
        "opa exec DIR",
        (scene.opa, "exec", "--bundle", BUNDLE, "--decision", "promotion/decision", "inputs"),
        scene.environ,
        cwd=scene.home,
        read=partial(of_opa, prefix=PREFIX),
    )


def cold(scene: Scene) -> Contest:
    """One file, as the gate step of a pipeline runs it: the whole process, from nothing."""
    name, warmed = scene.one_name(), _engine_of_one(scene)
    in_ci = replace(warmed, name=f"{warmed.name}, CI", environ=scene.environ_ci)
    conftest = _conftest(scene, "conftest test FILE", f"inputs/{PREFIX}{name}")
    return Contest(
        "one cold file",
        (warmed, in_ci, conftest),
        ((warmed.name, conftest.name), (in_ci.name, conftest.name)),
        expected=frozenset((name,)),
    )


def _engine_of_one(scene: Scene) -> Contender:
    return Contender(
        "engine decide FILE",
        (ENGINE, "decide", f"metrics/{scene.one_name()}", "--format", "jsonl"),
        scene.environ,
        codes=_VERDICTS,
        read=of_engine,
    )


def own_cold(scene: Scene) -> Contest:
    """One file by policies of one's own that were built, and by those that ship."""
    expected = frozenset((scene.one_name(),))
    return _own(scene, _engine_of_one(scene), "one cold file, built policies", expected)


def own_batch(scene: Scene) -> Contest:
    """Many files by policies of one's own that were built, and by those that ship."""
    contest = _own(scene, _engine(scene), "files, built policies", scene.names)
    count = len(scene.names)
    return replace(contest, name=f"{count:,} {contest.name}", files=count)


def _own(scene: Scene, shipped: Contender, name: str, expected: frozenset[str]) -> Contest:
    built = replace(
        shipped,
        name=f"{shipped.name}, built policies",
        command=(*shipped.command, "--policies", scene.built_policies()),
    )
    return Contest(name, (built, shipped), ((built.name, shipped.name),), expected=expected)


def start(scene: Scene) -> Contest:
    """Nothing at all: what Python costs, and what we add to it."""
    engine = Contender("engine --version", (ENGINE, "--version"), scene.environ, cwd=scene.home)
    python = Contender(
        "python -c pass", (sys.executable, "-c", "pass"), scene.environ, cwd=scene.home
    )
    return Contest("start", (engine, python), ((engine.name, python.name),))


def _conftest(scene: Scene, name: str, path: str) -> Contender:
    return Contender(
        name,
        (
            *(scene.conftest, "test", "--namespace", "promotion", "--output", "json"),
            *("--policy", "policy", "--data", "data", path),
        ),
        scene.environ,
        cwd=scene.home,
        codes=_DENIED,
        read=partial(of_conftest, prefix=PREFIX),
    )

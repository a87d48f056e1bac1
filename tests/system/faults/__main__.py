"""``python -m tests.system.faults``: fail every call of every verb that writes.

Exit code 1 where a promise is broken, with a line for each. ``--sample N`` fails so many calls,
chosen by ``--seed``, ``--case`` only those cases whose name has that text in it.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import random
import shutil
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from tests.system.faults.cases import CASES, Case
from tests.system.faults.injection import (
    KINDS,
    Fault,
    Place,
    called,
    changing_calls,
    in_fork,
    traced,
)
from tests.system.faults.promises import (
    Found,
    Judgement,
    Whole,
    files_in,
    look,
)

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)


@dataclass(frozen=True)
class Scene:
    """A case that was prepared, and what it does when nothing fails."""

    case: Case
    place: Place
    template: Path
    argv: tuple[str, ...]
    before: Found
    whole: Whole
    faults: tuple[Fault, ...]

    def restored(self) -> Place:
        """The place as it was before the call."""
        shutil.rmtree(self.place.folder)
        shutil.copytree(self.template, self.place.folder, symlinks=True)
        return self.place


def scene_of(case: Case, base: Path, cache: Path) -> Scene:
    """Prepare a case, and run it once without a fault."""
    place = Place(
        base / "case",
        base / "scratch",
        {
            "HOME": str(base / "scratch"),
            "XDG_STATE_HOME": str(base / "case" / "state"),
            "XDG_CACHE_HOME": str(cache),
            "PATH": "/usr/bin:/bin",
            **case.environ,
        },
    )
    shutil.rmtree(base, ignore_errors=True)
    place.work.mkdir(parents=True)
    (base / "case" / "state").mkdir()
    place.scratch.mkdir()
    kept = place.scratch / "argv"
    in_fork(place, lambda: _prepare(case, kept))
    argv = tuple(json.loads(kept.read_text()))
    template = base / "template"
    shutil.copytree(place.folder, template, symlinks=True)
    files = files_in(place)
    seen = look(place, ("--version",))
    before = Found(seen.entries, seen.ids, files)
    for _ in range(2):  # the first fills what is cached
        shutil.rmtree(place.folder)
        shutil.copytree(template, place.folder, symlinks=True)
        ended = traced(place, argv)
    assert ended.code == case.code, (case.name, ended.code, ended.out, ended.err)
    found = files_in(place)
    after = look(place, ("--version",))
    assert after.verified.code == 0
    new = tuple(kind for kind, _ in after.entries[len(before.entries) :])
    calls = list(changing_calls(ended, place.folder))
    faults = tuple(
        Fault(name, number, kind, about) for name, number, about in calls for kind in KINDS
    )
    return Scene(case, place, template, argv, before, Whole(ended, new, found), faults)


def _prepare(case: Case, kept: Path) -> None:
    kept.write_text(json.dumps(case.prepare(lambda *argv: called(argv))))


def outcome_of(scene: Scene, fault: Fault) -> tuple[bool, list[str]]:
    """Whether ``fault`` met a call of ours, and what does not hold after it."""
    place = scene.restored()
    ended = traced(place, scene.argv, fault)
    if not ended.fired:
        return False, []
    files = files_in(place)
    seen = look(place, scene.argv)
    found = Judgement(scene.case, fault, ended, scene.before, scene.whole, seen, files)
    return True, list(found.broken())


def main() -> int:
    """Run; print what is broken, then the count."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sample", type=int, default=0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--case", default="")
    parser.add_argument("--record", type=Path)
    parser.add_argument("--list", action="store_true")
    args = parser.parse_args()
    sys.dont_write_bytecode = True
    os.umask(0o022)
    _import_all()
    _stop_the_clock()
    gc.freeze()  # what is there already stays one copy for all forks
    cases = [case for case in CASES if args.case in case.name]
    with tempfile.TemporaryDirectory(prefix="faults-") as base:
        return _run(args, cases, Path(base))


def _run(args: argparse.Namespace, cases: list[Case], base: Path) -> int:
    chance = random.Random(args.seed)  # noqa: S311  a choice of calls
    started, fired, silent, broken = time.monotonic(), Counter[str](), 0, 0
    for case in cases:
        scene = scene_of(case, base / "scene", base / "cache")
        faults = list(scene.faults)
        if args.list:
            print(f"{case.name}: {len(faults)}, exit {scene.whole.ended.code} {scene.whole.new}")
            for fault in faults[:: len(KINDS)]:
                print("   ", fault)
            continue
        if args.sample:
            faults = chance.sample(faults, min(len(faults), max(1, args.sample // len(cases))))
        for fault in faults:
            met, complaints = outcome_of(scene, fault)
            fired[case.name] += met
            silent += not met
            broken += bool(complaints)
            for complaint in complaints:
                print(f"{case.name}: {fault}: {complaint}", flush=True)
        print(f"# {case.name}: {fired[case.name]} of {len(faults)}", flush=True)
    took = time.monotonic() - started
    print(f"{fired.total()} faults fired, {silent} met no call, {broken} broke a promise")
    print(f"{took:.0f} s, {fired.total() / took:.1f} a second", file=sys.stderr)
    if args.record:
        rows = [f"| {name} | {count} |" for name, count in fired.items()]
        args.record.parent.mkdir(parents=True, exist_ok=True)
        args.record.write_text(
            "\n".join(["| verb | faults fired |", "|---|---|", *rows, f"| all | {fired.total()} |"])
            + "\n"
        )
    return 1 if broken else 0


def _import_all() -> None:
    """Import once what every fork would import for itself."""
    import importlib
    import pkgutil

    import engine

    for module in pkgutil.walk_packages(engine.__path__, "engine."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    for name in ("engine.__main__", "sqlite_utils", "duckdb", "rich.console", "wasmtime"):
        importlib.import_module(name)


def _stop_the_clock() -> None:
    from engine.decision.runtime import SystemRuntime

    SystemRuntime.now = lambda _: NOON  # type: ignore[method-assign,assignment]


if __name__ == "__main__":
    code = main()
    sys.stdout.flush()
    os._exit(code)  # some of what was imported complains of how it is taken apart

"""``python -m bench``: all contests, one table, exit code 1 when a bar is missed."""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import platform
import shutil
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from bench import (
    against,
    breaker_calls,
    budget_calls,
    conform_plans,
    corpus,
    gathering,
    ledger_plans,
    ledger_scale,
    plans,
    reading,
    report,
    request_calls,
    scan_plans,
)
from bench.contests import Result, hold
from bench.errors import BenchError
from bench.fetch_conftest import version as conftest_version
from bench.gates import hold_gates
from bench.scene import BUNDLE, ROOT, Scene, set_up
from tools.fetch_opa import version as opa_version

OUT = Path(__file__).with_name("out")
FILES, ROUNDS = 2_000, 5
MANY, MANY_ROUNDS = 20_000, 3
QUICK_FILES, QUICK_ROUNDS = 200, 2
SMALL = 20
"""Files of the scene where only one of them is decided."""
CONTESTS = (
    *("start", "cold", "gates", "batch", "many", "memory"),
    *("ledger-verify", "ledger-signatures", "ledger-scale", "gather", "scan", "budget", "breaker"),
    *("reading", "conform", "requests", "own-cold", "own-batch"),
)
SOME = 400
"""Files on which two gates must agree before one of each verdict is measured."""
SHORT_PER_LONG = 3
"""Rounds of a contest of milliseconds, for each round of one of seconds."""


def main(argv: Sequence[str]) -> int:
    args = _parser().parse_args(argv)
    if args.against:
        return _against(args.against, args.rounds or against.ROUNDS)
    sizes = args.files or [QUICK_FILES if args.quick else FILES]
    rounds = args.rounds or (QUICK_ROUNDS if args.quick else ROUNDS)
    scratch = OUT / f"scratch-{os.getpid()}"
    scratch.mkdir(parents=True)
    facts = _facts(rounds)
    try:
        scene = set_up(scratch, os.environ)
        facts |= {"opa": opa_version(scene.opa), "conftest": conftest_version(scene.conftest)}
        results = _contests(scene, args.only, sizes, rounds)
        results += _ledger_contests(scene, args.only, args.entries, rounds)
        if args.only in (None, "budget"):
            results.append(budget_calls.hold(scene.home / "budget", rounds=rounds * 2, say=say))
        if args.only in (None, "requests"):
            home = scene.home / "requests"
            results.append(request_calls.hold(home, rounds=rounds * 2, say=say))
        if args.only in (None, "breaker"):
            key_folder, home = ledger_plans.decided(scene), scene.home / "breaker"
            results.append(breaker_calls.hold(key_folder, home, rounds=rounds * 2, say=say))
        if args.only in (None, "gather"):
            home, size = scene.home / "gather", gathering.ROWS
            results.append(gathering.hold(home, os.environ, rows=size, rounds=rounds, say=say))
        if args.only in (None, "reading"):
            home, size = scene.home / "reading", reading.CASES
            results.append(reading.hold(home, os.environ, cases=size, rounds=rounds, say=say))
    except BenchError as error:
        say(f"bench: {error}")
        return 1
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    facts["load_after"] = _load()
    print(report.table(results, facts))
    file = OUT / f"{facts['started_at'].replace(':', '')}.json"
    file.write_text(json.dumps(report.document(results, facts), indent=2) + "\n")
    say(f"bench: {file.relative_to(ROOT)}")
    missed = [row for result in results for row in result.rows if row.is_missed]
    return 1 if missed else 0


def _against(revision: str, rounds: int) -> int:
    scratch = OUT / f"scratch-{os.getpid()}"
    scratch.mkdir(parents=True)
    try:
        return against.hold(revision, scratch, rounds=rounds, say=say)
    except BenchError as error:
        say(f"bench: {error}")
        return 1
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument(
        "--quick", action="store_true", help=f"{QUICK_FILES} files, {QUICK_ROUNDS} rounds"
    )
    parser.add_argument(
        "--files", type=_count, nargs="+", metavar="N", help=f"how many, or several sizes ({FILES})"
    )
    parser.add_argument("--rounds", type=_count, metavar="N", help=f"how many count ({ROUNDS})")
    parser.add_argument(
        "--against",
        metavar="REV",
        help=f"only this: against another tree ({against.ROUNDS} rounds)",
    )
    parser.add_argument("--only", choices=CONTESTS, help="one contest")
    parser.add_argument(
        "--entries",
        type=_count,
        metavar="N",
        help=f"of the ledgers ({ledger_plans.ENTRIES}; scale: {ledger_scale.LARGE})",
    )
    return parser


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 1")
    return int(text)


def _contests(scene: Scene, only: str | None, sizes: Sequence[int], rounds: int) -> list[Result]:
    many = rounds * SHORT_PER_LONG
    contests = [("start", plans.start, SMALL, many), ("cold", plans.cold, SMALL, many)]
    contests += [("batch", plans.batch, size, rounds) for size in sizes]
    if sizes == [FILES] or only in ("many", "memory"):
        contests += [("many", plans.many, MANY, min(rounds, MANY_ROUNDS))]
        contests += [("memory", plans.memory, MANY, 1)]
    contests += [("own-cold", plans.own_cold, SMALL, many)]
    contests += [("own-batch", plans.own_batch, size, rounds) for size in sizes]
    contests += [("scan", scan_plans.scan, SMALL, rounds)]
    results: list[Result] = []
    for name, plan, files, count in contests:
        if only in (None, name):
            scene, result = hold(scene, plan, files=files, rounds=count, say=say)
            results.append(result)
    if only in (None, "gates"):
        scene, result = hold_gates(scene, files=SOME, rounds=rounds, say=say)
        results.append(result)
    return results


def _ledger_contests(
    scene: Scene, only: str | None, entries: int | None, rounds: int
) -> list[Result]:
    results: list[Result] = []
    for name, plan in (
        ("ledger-verify", ledger_plans.verify),
        ("ledger-signatures", ledger_plans.signatures),
    ):
        if only in (None, name):
            sized = partial(plan, entries=entries or ledger_plans.ENTRIES)
            scene, result = hold(scene, sized, files=SMALL, rounds=rounds, say=say)
            results.append(result)
    if only in (None, "conform"):
        sized = partial(conform_plans.conform, entries=entries or conform_plans.ENTRIES)
        scene, result = hold(scene, sized, files=SMALL, rounds=rounds, say=say)
        results.append(result)
    if only in (None, "ledger-scale"):
        folder = ledger_plans.decided(scene)
        large = entries or ledger_scale.LARGE
        results.append(
            ledger_scale.hold(folder, scene.home / "scale", entries=large, rounds=rounds, say=say)
        )
    return results


def _facts(rounds: int) -> dict[str, Any]:
    return {
        "started_at": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "seed": corpus.SEED,
        "rounds": rounds,
        "bundle_sha256": hashlib.sha256(BUNDLE.read_bytes()).hexdigest(),
        "python": platform.python_version(),
        "platform": platform.platform(),
        "processors": os.cpu_count(),
        "load_before": _load(),
    }


def _load() -> list[float]:
    return [round(load, 2) for load in os.getloadavg()]


def say(words: str) -> None:
    """Narrate on standard error."""
    print(words, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

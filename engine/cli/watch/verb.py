"""``engine watch``: look after what is in production, until a signal stops it."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from engine.cli import workspace
from engine.cli.arguments import approval_arguments, ledger_arguments, policy_arguments
from engine.cli.console.shell import Shell
from engine.decision.record_to import RUN_LEDGER
from engine.decision.workspace import (
    daily_limits,
    ensure_workspace,
    ledger_url,
    open_session,
    open_signer,
    require_no_other,
)

if TYPE_CHECKING:
    from engine.cli.watch.loop import Loop, WatchSession
    from engine.cli.watch.plan import Plan
    from engine.policy.bundle import PolicyBundle
    from engine.settings.config import Config

DESCRIPTION = (
    "Measure what is in production, ask gate lifecycle, record what follows (breach, page,\n"
    "degrade, rollback, recover) and perform it through the hooks of CONFIG. Whatever was\n"
    "decided is performed once, or again with the same idempotency key, also after a crash.\n"
    "One watcher per ledger. SIGTERM and Ctrl-C finish what is being recorded.\n"
    "With --once the exit code is 6 where a subject is rolled back, 1 where one is in breach,\n"
    "5 where one could not be measured, 3 where a source, the gate or the ledger failed, 4 where\n"
    "the ledger is not genuine or does not conform to the specs, else 0."
)
EXAMPLE = "  engine watch watch.toml --once"
_SLICE_S = 0.2


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare flags."""
    parser.add_argument("config", metavar="CONFIG", help="TOML: examples/watch of the project")
    parser.add_argument("--once", action="store_true", help="one cycle, for cron and CI")
    parser.add_argument(
        "--format", choices=("text", "json"), default="text",
        help="text, or one JSON object per line",
    )  # fmt: skip
    policy_arguments(parser)
    approval_arguments(parser)
    ledger_arguments(parser)


def run(args: argparse.Namespace, shell: Shell) -> int:
    """Watch, as the only watcher of the ledger."""
    from engine.cli.watch.lock import watch_lock
    from engine.errors import UsageError

    config = workspace.settings(args, shell)
    url = ledger_url(config)
    if url == RUN_LEDGER:
        raise UsageError("a run: ledger forgets what it decided", "name a lasting ledger")
    # A ledger, a key or an amount that is wrong stays wrong in every cycle: exit 2 now.
    require_no_other(config, shell)
    bundle = workspace.open_policies(config, shell)
    plan = _plan(args, config, bundle, shell)
    ensure_workspace(config, shell)
    open_signer(config, shell)
    daily_limits(config)
    with watch_lock(url):
        return _watch(args, _loop(args, plan, config, bundle, shell), shell)


def _watch(args: argparse.Namespace, loop: Loop, shell: Shell) -> int:
    from engine.cli.console.interrupts import Interrupts

    with Interrupts(patient=True) as interrupts:
        try:
            if args.once:
                return loop.cycle()
            return loop.run(_waiting(interrupts), lambda: interrupts.pending)
        finally:
            loop.close()
            if interrupts.pending:
                shell.say("engine: no longer watching; what was decided is recorded")


def _waiting(interrupts: object) -> Callable[[float], None]:
    """A wait that ends soon after a signal; a sleep would go on after it."""

    def wait(seconds: float) -> None:
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0 and not getattr(interrupts, "pending", False):
            time.sleep(min(left, _SLICE_S))

    return wait


def _plan(args: argparse.Namespace, config: Config, bundle: PolicyBundle, shell: Shell) -> Plan:
    from engine.cli.watch.plan import read_plan
    from engine.evidence.documents import read_bytes
    from engine.lifecycle import GATE
    from engine.settings.table import MAX_BYTES

    data = read_bytes(args.config, stdin=shell.stdin, max_bytes=MAX_BYTES)
    folder = Path() if args.config == "-" else Path(args.config).parent
    gate, profile = (str(config.values[key].value) for key in ("gate", "profile"))
    plan = read_plan(args.config, data, folder, shell.environ, gate, profile)
    bundle.gate(GATE)
    for subject in plan.subjects:
        bundle.gate(subject.watched.gate)
        bundle.profile(subject.watched.profile)
    return plan


def _loop(
    args: argparse.Namespace, plan: Plan, config: Config, bundle: PolicyBundle, shell: Shell
) -> Loop:
    from engine.cli.watch.conformance import Follower
    from engine.cli.watch.loop import Loop
    from engine.cli.watch.measurement import World
    from engine.cli.watch.performer import Performer
    from engine.cli.watch.reporter import Reporter
    from engine.policy.bundle import shipped_schema

    schema = shipped_schema("metrics.schema.json")
    world = World(plan.folder, shell.environ, bundle.catalogue(), schema)
    performer = Performer(plan.hooks, shell.now, lambda: _chance(shell))
    return Loop(
        plan,
        world,
        lambda: _session(config, shell),
        performer,
        Follower() if plan.conform else None,
        shell,
        Reporter(shell, as_json=args.format == "json"),
    )


def _chance(shell: Shell) -> float:
    """A number of at least 0 and below 1."""
    return int.from_bytes(shell.random(4), "big") / 2**32


@contextmanager
def _session(config: Config, shell: Shell) -> Iterator[WatchSession]:
    from engine.cli.watch.loop import WatchSession
    from engine.lifecycle import Controller

    with open_session(config, shell) as session:
        yield WatchSession(session.ledger, session.signer, Controller(session))

"""``engine replay``: decide recorded decisions again and compare."""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from typing import TYPE_CHECKING

from engine import exit_codes
from engine.cli import workspace
from engine.cli.arguments import detail_arguments, ledger_arguments, policy_arguments
from engine.cli.console.shell import Shell
from engine.decision.workspace import module_cache
from engine.errors import (
    GovernanceError,
    NotRecordedError,
    PolicyError,
    UsageError,
    VerificationError,
)
from engine.formats.printable import plain
from engine.settings.config import Config

if TYPE_CHECKING:
    from engine.decision.replay import RecordedDecision
    from engine.ledger import Ledger
    from engine.policy.bundle import PolicyBundle
    from engine.policy.evaluator import Evaluator

DESCRIPTION = (
    "Decide recorded decisions again, by the policy each was decided by: every signed byte must\n"
    "come out the same. With --policies, list the past decisions that other policies would flip.\n"
    "With --bundle, replay the policy inside a proof, in a process with limits; without --key\n"
    "that verifies nothing, and is exit 1. What was erased is counted, and the others go on;\n"
    "where nothing is left to replay, that is exit 1 too."
)
EXAMPLE = "  engine replay --policies ./policies --fail-on-flip"

CPU_S = 60
MEMORY_BYTES = 2 * 1024**3


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare flags."""
    parser.add_argument("decision", nargs="?", metavar="DECISION", help="id; all when left out")
    policy_arguments(parser)
    parser.add_argument("--fail-on-flip", action="store_true", help="exit 1 when a verdict flips")
    parser.add_argument("--bundle", metavar="FILE", help="proof bundle to replay")
    parser.add_argument("--policy-digest", metavar="D", help="with --bundle: policy it must be")
    parser.add_argument(
        "--key", action="append", metavar="PUB", help="key that must have signed (the own one)"
    )
    detail_arguments(parser, "--verbose", "--all", "--failures-only", "--checkpoint")
    parser.add_argument("--confined", action="store_true", help=argparse.SUPPRESS)
    ledger_arguments(parser)


def run(args: argparse.Namespace, shell: Shell) -> int:
    """Replay; exit 4 when anything replays differently."""
    if args.bundle:
        if not args.policy_digest:
            raise UsageError(
                "a proof brings its own policy", "say which one it must be: --policy-digest D"
            )
        if args.bundle == "-":
            raise UsageError("a proof to replay is a file", "write it to one first")
        if not args.confined:
            return _in_a_limited_process(args, shell)
        _confine()
        return _replay_bundle(args, shell)
    if args.policy_digest:
        raise UsageError(
            "--policy-digest demands something of a proof's own policy", "name it: --bundle FILE"
        )
    config = workspace.settings(args, shell)
    if args.policies:
        return _list_flips(args, config, shell)
    from engine.decision.replay import Replayer

    with (
        workspace.open_ledger_to_read(config, shell, args.key) as ledger,
        Replayer(_opener(shell)) as replayer,
    ):
        count, others, code = _replay_all(ledger, args, replayer.again, shell)
    shell.print(f"{count} decision{'s' * (count != 1)} replayed, byte for byte the same{others}")
    return code


def _replay_all(
    ledger: Ledger,
    args: argparse.Namespace,
    replay: Callable[[RecordedDecision], None],
    shell: Shell,
) -> tuple[int, str, int]:
    """Replay every decision that can be; print which cannot, or comes out different, and why.

    Returns:
        How many were replayed, how many were not in words, and the exit code: an erased input
        is no fault of the record.
    """
    from engine.decision.replay import decision_entries, recorded_at

    count, failures = 0, list[GovernanceError]()
    for index, entry in decision_entries(ledger, args.decision):
        try:
            replay(recorded_at(ledger, index, entry))
            count += 1
        except GovernanceError as error:
            if args.decision:
                raise
            failures.append(error)
            message = error.message.removeprefix(f"entry {index} ")
            if not args.quiet:
                shell.print(plain(f"entry {index}: {message}"))
    codes = [
        exit_codes.PASS if isinstance(error, NotRecordedError) else error.exit_code
        for error in failures
    ]
    others = f"; {len(failures)} not replayable" * bool(failures)
    nothing = exit_codes.PASS if count else exit_codes.FAIL  # what was not replayed shows nothing
    return count, others, exit_codes.worst([nothing, *codes])


def _opener(shell: Shell) -> Callable[[PolicyBundle], Evaluator]:
    from engine.policy.evaluators.wasm import WasmEvaluator

    cache = module_cache(shell)
    return lambda bundle: WasmEvaluator(bundle, cache=cache)


def _list_flips(args: argparse.Namespace, config: Config, shell: Shell) -> int:
    from engine.decision.replay import flip

    bundle = workspace.open_policies(config, shell)
    evaluator = _opener(shell)(bundle)
    changes: Counter[str] = Counter()

    def list_flip(recorded: RecordedDecision) -> None:
        flipped = flip(recorded, bundle, evaluator)
        if flipped is None:
            return
        changes[f"{flipped.recorded} -> {flipped.now}"] += 1
        if args.quiet:
            return
        why = plain(f"{flipped.subject}: {', '.join(flipped.because)}")
        shell.print(
            f"{flipped.recorded:<8} -> {flipped.now:<8}  entry {flipped.index:<6} "
            f"{plain(flipped.decision_id)}  {why}"
        )

    with workspace.open_ledger_to_read(config, shell, args.key) as ledger:
        total, others, code = _replay_all(ledger, args, list_flip, shell)
    evaluator.close()
    flips = ", ".join(f"{count} {change}" for change, count in sorted(changes.items())) or "none"
    shell.print(f"{total} decisions, flipped by policy {bundle.digest[:16]}: {flips}{others}")
    return exit_codes.worst([code, exit_codes.FAIL if changes and args.fail_on_flip else code])


def _replay_bundle(args: argparse.Namespace, shell: Shell) -> int:
    from engine.cli.inputs import read_key
    from engine.decision.replay import Replayer, recorded_in
    from engine.evidence.documents import read_bytes
    from engine.policy.evaluators.wasm import WasmEvaluator
    from engine.proof.bundle import MAX_BYTES, parse
    from engine.proof.verify import verify

    data = read_bytes(args.bundle, stdin=shell.stdin, max_bytes=MAX_BYTES)
    if args.key:
        verify(data, [read_key(path) for path in args.key])
    recorded = recorded_in(parse(data))
    digest = recorded.statement["predicate"]["policy"]["digest"]["sha256"]
    if digest != args.policy_digest.removeprefix("sha256:"):
        raise VerificationError(
            f"the proof was decided by policy {digest}, not {args.policy_digest}",
            "expect the digest that `engine policy list` prints for the policies you trust",
        )
    with Replayer(lambda bundle: WasmEvaluator(bundle, cache=None)) as replayer:
        replayer.again(recorded)
    if not args.key:
        outcome = "replays the same; not verified: give --key, nobody's signature was checked"
        shell.print(plain(f"{recorded.decision_id} {outcome}"))
        return exit_codes.FAIL
    shell.print(
        f"1 decision replayed, byte for byte the same, obligations too: {recorded.decision_id}, "
        "signed by a key given; attempt and previous are the signer's word"
    )
    return exit_codes.PASS


def _in_a_limited_process(args: argparse.Namespace, shell: Shell) -> int:
    """Replay in a process of its own; a policy inside a proof is a stranger.

    Raises:
        PolicyError: The process was stopped by a limit.
    """
    command = [sys.executable, "-P", "-m", "engine", "replay", "--confined"]
    command += ["--bundle", args.bundle, "--policy-digest", args.policy_digest]
    command += [part for path in args.key or () for part in ("--key", path)]
    hint = f"the attached policy used more than {CPU_S} s or {MEMORY_BYTES:,} bytes"
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=2 * CPU_S, check=False,
            cwd=shell.here, env=dict(shell.environ), stdin=subprocess.DEVNULL,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        raise PolicyError("replaying took too long", hint) from None
    if done.returncode < 0:
        raise PolicyError(f"replaying was stopped by signal {-done.returncode}", hint)
    shell.stdout.write(done.stdout)
    shell.stderr.write(done.stderr)
    return done.returncode


def _confine() -> None:
    """Give up what a replay does not need: processor time, memory, writing files."""
    import resource

    resource.setrlimit(resource.RLIMIT_CPU, (CPU_S, CPU_S))
    resource.setrlimit(resource.RLIMIT_DATA, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))

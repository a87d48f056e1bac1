"""``engine budget reserve``: exit code 0 when it is granted, 1 when it is denied."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from engine import exit_codes
from engine.cli.budget.amounts import usd, whole
from engine.cli.budget.tracker import format_argument, open_tracker, policy_arguments
from engine.cli.console.shell import Shell
from engine.settings.config import Config

if TYPE_CHECKING:
    from engine.calls.budget.reservation import Reservation


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare flags."""
    parser.add_argument("--provider", required=True, metavar="P", help="such as openai")
    parser.add_argument("--model", required=True, metavar="M", help="as its API takes it")
    parser.add_argument("--usd", type=usd, metavar="X", help="most that it may cost, such as 0.05")
    parser.add_argument("--tokens", type=whole, metavar="N", help="most tokens, prompt and answer")
    parser.add_argument("--requests", type=whole, default=1, metavar="N", help="calls (1)")
    parser.add_argument("--team", metavar="T", help="who pays")
    parser.add_argument("--tag", action="append", default=[], metavar="T", help="(repeatable)")
    parser.add_argument("--route", metavar="R", help="what it is for")
    parser.add_argument(
        "--use", action="append", default=[], metavar="KIND",
        help="audio_input, image_output, search, … besides text (repeatable)",
    )  # fmt: skip
    parser.add_argument("--ttl", type=whole, default=300, metavar="S", help="seconds held (300)")
    format_argument(parser)
    policy_arguments(parser)


def run(args: argparse.Namespace, config: Config, shell: Shell) -> int:
    """Reserve; print the lease, or the denial."""
    from engine.calls.budget.request import Request

    request = Request(
        provider=args.provider,
        model=args.model,
        usd_micros=args.usd,
        tokens=args.tokens,
        requests=args.requests,
        team=args.team,
        tags=tuple(args.tag),
        route=args.route,
        uses=tuple(args.use),
    )
    with open_tracker(config, shell) as (tracker, _session):
        now, milliseconds = shell.now(), shell.milliseconds()
        answer = tracker.reserve(request, now, milliseconds, ttl_s=args.ttl)
    with shell.answering(f"recorded as {answer.lease}, {answer.verdict}"):
        if args.format == "json":
            shell.print_json(as_document(answer))
        else:
            shell.print_lines(_text(answer))
    return exit_codes.OF_VERDICT[answer.verdict]


def as_document(answer: Reservation) -> dict[str, object]:
    """Return the answer as JSON writes it."""
    return {
        "lease": answer.lease if answer.allowed else None,
        "verdict": str(answer.verdict),
        "reason": answer.reason,
        "remaining_usd_micros": answer.remaining.usd_micros,
        "remaining": answer.remaining.members,
        "message": answer.message,
        "decision_id": answer.lease,
        "day": answer.day,
        "expires_at": answer.expires_at,
        "budgets": list(answer.budgets),
        "index": answer.index,
        "checkpoint": answer.checkpoint,
        "fix": answer.fix or None,
    }


def _text(answer: Reservation) -> str:
    from engine.formats.money import dollars

    left = answer.remaining.usd_micros
    lines = [f"{answer.verdict}  {answer.reason}: {answer.message}"]
    if answer.allowed:
        lines.append(f"  lease    {answer.lease}  until {answer.expires_at}")
    else:
        lines.append(f"  decision {answer.lease}; why: engine explain {answer.lease}")
    shown = "no limit of USD" if left is None else f"{dollars(left)} USD left"
    if answer.budgets:
        lines.append(f"  {shown} on {answer.day} in {', '.join(answer.budgets)}")
    else:
        lines.append(
            "  no budget covers it: add one to policies/budgets or ENGINE_BUDGET_DAILY_USD"
        )
    return "\n".join([*lines, *([f"  {answer.fix}"] if answer.fix else [])])

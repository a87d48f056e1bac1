"""The tracker that actions write with: its flags, its budgets, its ledger."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from engine.cli import arguments
from engine.cli.console.shell import Shell
from engine.decision.record_to import RUN_LEDGER
from engine.decision.workspace import daily_limits, ledger_url, open_session
from engine.errors import NotRecordedError, UsageError
from engine.settings.config import Config

if TYPE_CHECKING:
    from engine.calls.budget.limits import Budgets
    from engine.calls.budget.tracker import Tracker
    from engine.decision.session import Session
    from engine.policy.bundle import PolicyBundle


def policy_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the flags that name the policies and their table of limits."""
    parser.add_argument("--profile", metavar="P", help="table of limits (default)")
    arguments.policy_arguments(parser)
    arguments.approval_arguments(parser)


def format_argument(parser: argparse.ArgumentParser) -> None:
    """Add the flag that names the answer's format."""
    parser.add_argument("--format", choices=["text", "json"], default="text", help="(text)")


def budgets_of(config: Config, bundle: PolicyBundle) -> Budgets:
    """Return the budgets of the policies and of the settings."""
    from engine.calls.budget.limits import Budgets

    return Budgets(
        bundle.data.get("budgets", []),
        daily_limits(config),
        by_caller=config.values["policies"].by_caller,
    )


def require_lasting(config: Config) -> None:
    """Refuse a ledger that is gone with its run: nothing would be counted."""
    if ledger_url(config) == RUN_LEDGER:
        raise UsageError(
            "a run: ledger forgets what was spent", "name a ledger file that callers share"
        )


@contextmanager
def open_tracker(config: Config, shell: Shell) -> Iterator[tuple[Tracker, Session]]:
    """Yield what reserves, settles and releases, and the session in whose ledger it does so."""
    from engine.calls.budget.tracker import Tracker
    from engine.formats.calendar import zone_of

    require_lasting(config)
    zone_of(zone := config.text("budget_time_zone"))
    with open_session(config, shell) as session:
        tracker = Tracker(
            session,
            budgets=budgets_of(config, session.bundle),
            zone=zone,
            profile=config.text("profile"),
        )
        yield tracker, session


def require_begun(session: Session, what: str) -> None:
    """Refuse to make a ledger for what only another one can have.

    Args:
        session: Records there.
        what: What there is not, then.

    Raises:
        NotRecordedError: There is no ledger.
    """
    if session.record_to is not None and not session.record_to.exists():
        raise NotRecordedError(
            f"{what}: there is no ledger at {session.record_to.url}",
            "name the one in which it was reserved: --ledger, ENGINE_LEDGER",
        )


def lease_of(session: Session, text: str) -> str:
    """Return the whole id of a lease that is named by its beginning."""
    from engine.decision.export import decision_of, is_decision, require_signed

    require_begun(session, f"no lease {text!r}")
    ledger = session.ledger
    require_signed(ledger, index := ledger.find(text))
    entry = ledger.entry(index)
    if not is_decision(entry):
        raise UsageError(f"{text} is no lease", "give the `lease` that reserve printed")
    return str(decision_of(entry).statement["predicate"]["decision_id"])

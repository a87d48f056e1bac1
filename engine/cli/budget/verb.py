"""``engine budget``: reserve before spending, settle after it, see what is left."""

from __future__ import annotations

import argparse
import importlib
from typing import NamedTuple, Protocol, cast

from engine.cli import workspace
from engine.cli.arguments import ledger_arguments
from engine.cli.console.shell import Shell
from engine.settings.config import Config

DESCRIPTION = (
    "Budgets for what calls to models cost. Reserve before the call, settle or release after it:\n"
    "each is recorded in the ledger, and what is reserved and spent never passes a limit."
)
EXAMPLE = "  engine budget reserve --provider openai --model gpt-4o --usd 0.05 --format json"


class Action(NamedTuple):
    """An action: its module in ``engine.cli.budget`` and what it does, in one clause."""

    module: str
    summary: str


ACTIONS = {
    "reserve": Action("reserve", "ask for a part of the budgets before a call is made"),
    "settle": Action("settle", "record what a lease turned out to use"),
    "release": Action("release", "give a lease back, unspent"),
    "status": Action("status", "what each budget has left today"),
    "reopen": Action("reopen", "let today count again after a clock that was ahead"),
    "verify": Action("verify", "add the ledger's entries up and compare with its state"),
    "history": Action("history", "what was spent day by day, as a chart"),
    "forecast": Action("forecast", "how today goes on, hour by hour, and the days to come"),
    "reconcile": Action("reconcile", "a provider's invoice against the ledger"),
    "import-prices": Action("import_prices", "write the price list from a map in LiteLLM's form"),
}


class ActionModule(Protocol):
    """What a module of an action has."""

    def arguments(self, parser: argparse.ArgumentParser) -> None: ...

    def run(self, args: argparse.Namespace, config: Config, shell: Shell) -> int: ...


def _module(name: str) -> ActionModule:
    module = importlib.import_module(f"engine.cli.budget.{ACTIONS[name].module}")
    return cast(ActionModule, module)


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare one sub-command per action."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    for name, action in ACTIONS.items():
        action_parser = actions.add_parser(name, help=action.summary, description=action.summary)
        _module(name).arguments(action_parser)
        ledger_arguments(action_parser)


def run(args: argparse.Namespace, shell: Shell) -> int:
    """Run the action that was typed."""
    return _module(args.action).run(args, workspace.settings(args, shell), shell)

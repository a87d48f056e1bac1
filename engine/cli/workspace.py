"""Flags that verbs share, and what they open: settings, policies, ledger."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from engine.cli.console.shell import Shell
from engine.decision.workspace import policies_in_use, record_to
from engine.errors import UsageError
from engine.formats.times import parse_time
from engine.settings.config import Config, load

if TYPE_CHECKING:
    from engine.ledger import Ledger
    from engine.policy.bundle import PolicyBundle
    from engine.signers import Signer


def question_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the flags that say what is asked."""
    parser.add_argument("--gate", metavar="G", help="policy package that is asked (promotion)")
    parser.add_argument("--profile", metavar="P", help="table of limits (default)")
    parser.add_argument("--stage", metavar="S", help="candidate or production (candidate)")


def policy_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the flag that names other policies."""
    parser.add_argument(
        "--policies", metavar="DIR", help="folder laid over the shipped policies, file by file"
    )


def ledger_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the flags that name key and ledger."""
    parser.add_argument(
        "--ledger", metavar="URL", help="ledger file (.engine/ledger.db), or run: for one per run"
    )
    parser.add_argument("--key-file", metavar="PEM", help="private key, mode 0600")
    parser.add_argument(
        "--lock-timeout", dest="lock_timeout_s", type=_seconds, metavar="S",
        help="seconds to wait for another writer (30)",
    )  # fmt: skip


def instant(text: str) -> datetime:
    """Read an instant that a flag gives: RFC 3339, to UTC and whole seconds."""
    try:
        return parse_time(text).astimezone(UTC).replace(microsecond=0)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _seconds(text: str) -> int:
    if not (text.isascii() and text.isdigit()) or len(text) > 9:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of seconds")
    return int(text)


def settings(args: argparse.Namespace, shell: Shell) -> Config:
    """Return the settings that ``args`` and the world around it give."""
    return load(vars(args), shell.environ, shell.here)


def open_policies(config: Config, shell: Shell) -> PolicyBundle:
    """Return the policies in use, for verbs that ask no gate."""
    return policies_in_use(config, shell).bundle


@contextmanager
def open_ledger_to_write(
    config: Config, shell: Shell, *, may_create: bool = False
) -> Iterator[tuple[Ledger, Signer]]:
    """Yield the ledger and the key that signs for it, for verbs that ask no gate."""
    ledger, signer = record_to(config, shell, may_create=may_create).open(shell)
    try:
        yield ledger, signer
    finally:
        ledger.close()


@contextmanager
def open_ledger_to_read(config: Config, shell: Shell) -> Iterator[Ledger]:
    """Yield the ledger, read-only; no key is needed."""
    ledger = record_to(config, shell).open_to_read()
    try:
        yield ledger
    finally:
        ledger.close()


def specs_folder(named: str | None, shell: Shell) -> Path:
    """Return the folder of the specs: the shipped ones where none is named.

    Raises:
        UsageError: There is no such folder.
    """
    from engine.policy.bundle import shipped_folder

    if named is None:
        return shipped_folder("tla")
    folder = shell.here / named
    if not folder.is_dir():
        raise UsageError(
            f"{named}: no such folder", "give the folder that holds manifest.toml and graph/"
        )
    return folder

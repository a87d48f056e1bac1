"""``engine keys``: make the key that signs, or say which it is."""

from __future__ import annotations

import argparse
import shlex
from pathlib import Path

from engine import exit_codes
from engine.cli import workspace
from engine.cli.console.shell import STAYS, Shell
from engine.decision.workspace import (
    ensure_workspace,
    key_in_environment,
    key_path,
    open_signer,
)
from engine.errors import KeyFileError, UsageError
from engine.settings.config import help_of
from engine.system.files import real_path
from engine.system.git import would_be_taken

DESCRIPTION = "Make a signing key, or list the one in use. The private key is never printed."
EXAMPLE = "  engine keys init && cat .engine/keys/engine.pub.pem"


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare flags."""
    parser.add_argument("action", choices=["init", "list"], help="what to do")
    parser.add_argument("--key-file", metavar="PEM", help=help_of("key_file"))


def run(args: argparse.Namespace, shell: Shell) -> int:
    """Make or list."""
    return _init(args, shell) if args.action == "init" else _list(args, shell)


def _init(args: argparse.Namespace, shell: Shell) -> int:
    from engine.signers.file import generate, public_path

    config = workspace.settings(args, shell)
    path = key_path(config)
    if path.exists():
        raise UsageError(
            f"{path}: there is a key already",
            "it is never written over: use it, or name another file with --key-file",
        )
    if config.path("key_file") is None:
        ensure_workspace(config, shell, may_create=True)
    else:
        generate(path)
    public = public_path(path)
    _warn_of_git(path, shell)
    with shell.answering(f"{path} and {public.name} are made", STAYS):
        shell.print(public)
    return exit_codes.PASS


def _warn_of_git(path: Path, shell: Shell) -> None:
    """Say that git would take a private key into the repository it lies in, and how not."""
    if (root := would_be_taken(path, shell.environ)) is None:
        return
    line = shlex.quote(f"/{real_path(path).relative_to(root).as_posix()}")
    ignore = shlex.quote(str(shell.relative(root / ".gitignore")))
    shell.say(
        f"engine: {path} lies in a git repository that would take it: whoever has it signs as you",
        "  before the next `git add`, add it to .gitignore:",
        f"    echo {line} >> {ignore}",
    )


def _list(args: argparse.Namespace, shell: Shell) -> int:
    from engine.proof.keys import public_pem

    config = workspace.settings(args, shell)
    origin = "$ENGINE_KEY" if key_in_environment(config, shell) else key_path(config)
    try:
        signer = open_signer(config, shell)
    except KeyFileError as error:
        raise KeyFileError(error.message, error.hint or "make one: engine keys init") from None
    shell.print(f"{signer.key_id}  {origin}")
    shell.print_lines(public_pem(signer.public_key).decode(), end="")
    return exit_codes.PASS

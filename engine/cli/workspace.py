"""What verbs open by their flags: settings, policies, ledger."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from engine.cli.console.shell import Shell
from engine.decision.workspace import (
    key_in_environment,
    key_path,
    open_signer,
    policies_in_use,
    record_to,
)
from engine.errors import VerificationError
from engine.formats.signed_json import DAMAGED
from engine.settings.config import EXPECTATIONS, PUBLIC_KEY, Config, load
from engine.system.walk import files_below

if TYPE_CHECKING:
    from engine.ledger import Ledger
    from engine.policy.bundle import PolicyBundle
    from engine.signers import Signer


def settings(args: argparse.Namespace, shell: Shell) -> Config:
    """Return the settings that ``args`` and the environment give."""
    return load(vars(args), shell.environ, shell.here)


def open_policies(config: Config, shell: Shell) -> PolicyBundle:
    """Return the policies in use, for verbs that ask no gate."""
    return policies_in_use(config, shell).bundle


def require_in_use(files: Sequence[str], config: Config) -> None:
    """Refuse files of policies that a verb would not look at, though it was started for them.

    Args:
        files: What a hook names; what is no policy's is passed over.
        config: Says which policies are in use.

    Raises:
        UsageError: One lies in another folder; names it.
    """
    from engine.errors import UsageError
    from engine.policy.bundle import shipped_folder
    from engine.policy.sources import DATA
    from engine.system.files import real_path

    policies = config.path("policies")
    folder = real_path(policies or shipped_folder("policies"))
    for file in map(Path, files):
        is_policys = file.suffix == ".rego" or file.name == DATA
        if not is_policys or real_path(file).is_relative_to(folder):
            continue
        if policies is not None and policies.is_file():
            raise UsageError(
                f"{file}: lies in no policies that are looked at: {policies} is in use, which was "
                "built",
                f"give the folder that {policies.name} is built of: --policies DIR",
            )
        raise UsageError(
            f"{file}: lies in no policies that are looked at: "
            + ("none of your own are named" if policies is None else f"{policies} is in use"),
            'add policies = "DIR" to engine.toml, or give --policies DIR',
        )


def read_files(config: Config) -> list[Path]:
    """Return what verbs read besides their inputs: configuration, policies, what verifies."""
    from engine.signers.file import public_path

    files = [config.file] if config.file else []
    for folder in {config.folder.parent, *(file.parent for file in files)}:
        files += [folder / EXPECTATIONS, folder / PUBLIC_KEY]
    policies = config.path("policies")
    if policies is not None and policies.is_dir():
        files += map(Path, files_below(policies).files)
    return [*files, public_path(key_path(config))]


def require_output(target: Path, config: Config, shell: Shell) -> None:
    """Refuse, before anything is done, an output that would take the place of something.

    Raises:
        UsageError: It cannot be written, belongs to the ledger, or is the configuration.
    """
    from engine.system.files import require_writable

    require_writable(target)
    require_apart([target], [], config, shell)


def require_apart(
    outputs: Sequence[Path], inputs: Iterable[str | Path], config: Config, shell: Shell
) -> None:
    """Refuse an output in the place of an input, another output, or what is ours.

    Raises:
        UsageError: See :func:`engine.system.files.require_apart` and
            :func:`engine.policy.sources.require_outside`; or it belongs to the ledger.
    """
    from engine.policy.sources import require_outside
    from engine.system import files

    files.require_apart(outputs, [*inputs, *read_files(config)])
    require_outside(outputs, config.path("policies"))
    record_to(config, shell).require_apart(outputs)


def require_apart_from_ours(
    outputs: Sequence[Path], inputs: Iterable[str | Path], shell: Shell
) -> None:
    """Do as :func:`require_apart` for a verb that has no flags of key, ledger and policies."""
    require_apart(outputs, inputs, load({}, shell.environ, shell.here), shell)


def public_key_names(args: argparse.Namespace, config: Config, shell: Shell) -> str:
    """Return where the keys that :func:`public_keys` returns come from: files, or a variable."""
    from engine.signers.file import public_path

    if args.key:
        return ", ".join(args.key)
    if key_in_environment(config, shell):
        return "the public half of ENGINE_KEY"
    return str(public_path(key_path(config)))


def public_keys(config: Config, shell: Shell, given: Sequence[str] | None) -> list[bytes]:
    """Return the raw keys that are trusted to have signed one's own ledger.

    Those in the files that ``--key`` gives, else the public half of the own key; none where no key
    is configured and there is none.

    Raises:
        UsageError, KeyFileError: A key that is given, configured or there is not fit for use.
    """
    from engine.errors import NoKeyError
    from engine.signers.file import public_path

    public = public_path(key_path(config))
    has_public = not key_in_environment(config, shell) and os.path.lexists(public)
    if given or has_public:
        from engine.cli.inputs import read_key

        return [read_key(path) for path in given or [str(public)]]
    try:
        return [open_signer(config, shell).public_key]
    except NoKeyError:
        return []


@contextmanager
def open_ledger_to_write(
    config: Config, shell: Shell, *, may_create: bool = False, now: datetime | None = None
) -> Iterator[tuple[Ledger, Signer]]:
    """Yield the ledger and the key that signs for it, for verbs that ask no gate.

    Args:
        config: The settings.
        shell: The process around.
        may_create: Whether the caller asked for a key and a ledger to be made.
        now: Instant of what will be recorded, where it was read already.
    """
    target = record_to(config, shell, may_create=may_create)
    ledger, signer = target.open(shell, no_later_than=now)
    try:
        yield ledger, signer
    finally:
        ledger.close()


@contextmanager
def open_ledger_to_read(
    config: Config, shell: Shell, given: Sequence[str] | None = None
) -> Iterator[Ledger]:
    """Yield the ledger, read-only; :func:`public_keys` says whose signatures it counts.

    What is damaged in it is not asked for: whoever has the ledger restores it.
    """
    keys = public_keys(config, shell, given)
    ledger = record_to(config, shell).open_to_read()
    ledger.public_keys = tuple(keys)
    try:
        yield ledger
    except VerificationError as error:
        if error.hint == DAMAGED:
            from engine.ledger.audit.end import HINT

            error.hint = HINT
        raise
    finally:
        ledger.close()

"""Opens what verbs work with: settings, policies, evaluator, key and ledger."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from engine.cli.console.shell import Shell
from engine.errors import KeyFileError, UsageError
from engine.formats.times import parse_time, write_time
from engine.settings.config import Config, load

if TYPE_CHECKING:
    from engine.ledger import Ledger
    from engine.policy import Evaluator
    from engine.policy.bundle import PolicyBundle
    from engine.signers import Signer

RUN_LEDGER = "run:"
_ASKED_FLAGS = ("gate", "profile", "stage")


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
    """Return the shipped policies, or them with the configured folder laid over."""
    from engine.policy.bundle import shipped_bundle

    folder = config.path("policies")
    return shipped_bundle() if folder is None else policies_in(folder, shell)


def policies_in(folder: Path, shell: Shell) -> PolicyBundle:
    """Return the shipped policies with ``folder`` laid over; Rego in it needs OPA."""
    from engine.policy.build import find_opa
    from engine.policy.overlay import load_policies

    return load_policies(folder, opa=lambda: find_opa(shell.environ, shell.here))


def open_evaluator(
    bundle: PolicyBundle,
    config: Config,
    shell: Shell,
    *,
    few: bool = False,
    expendable: bool = False,
) -> Evaluator:
    """Return OPA, for the caller to close: embedded, or a server held against the embedded one.

    Args:
        bundle: The policies.
        config: Says whether a server is asked.
        shell: Has the server's token in ``ENGINE_OPA_TOKEN``, its CA in ``ENGINE_OPA_CA_FILE``.
        few: Whether only a few documents will follow, so that starting fast counts most.
        expendable: See :class:`engine.policy.EvaluatorOptions`.
    """
    from engine.policy import EVALUATORS, EvaluatorOptions

    url = str(config.values["opa_url"].value or "")
    authority = shell.environ.get("ENGINE_OPA_CA_FILE")
    options = EvaluatorOptions(
        cache=module_cache(shell),
        few=few,
        expendable=expendable,
        url=url,
        token=shell.environ.get("ENGINE_OPA_TOKEN"),
        ca_file=Path(authority) if authority else None,
    )
    return EVALUATORS["server" if url else "wasm"](bundle, options)


def module_cache(shell: Shell) -> Path | None:
    """Where compiled policies are kept; nowhere in CI, where others may write to the disk."""
    if shell.in_ci:
        return None
    base = shell.environ.get("XDG_CACHE_HOME") or ""
    home = shell.environ.get("HOME") or ""
    if Path(base).is_absolute():
        return Path(base) / "governance-engine"
    return Path(home) / ".cache" / "governance-engine" if Path(home).is_absolute() else None


def ledger_url(config: Config) -> str:
    """Return where the ledger is, configured or not."""
    return str(config.values["ledger"].value or config.folder / "ledger.db")


def key_path(config: Config) -> Path:
    """Return the file of the private key, configured or not."""
    return config.path("key_file") or config.folder / "keys" / "engine.pem"


def heads_folder(config: Config, shell: Shell) -> Path:
    """Return the folder of the last signed heads: beside the key where the key is a file of ours.

    A key from the environment or a read-only place has no folder to write to; then the heads
    are in the user's state folder.
    """
    if not shell.environ.get("ENGINE_KEY") and config.path("key_file") is None:
        return config.folder / "heads"
    state = Path(shell.environ.get("XDG_STATE_HOME") or "")
    if not state.is_absolute():
        state = Path(shell.environ.get("HOME") or str(config.folder)) / ".local" / "state"
    return state / "governance-engine" / "heads"


def open_signer(config: Config, shell: Shell) -> Signer:
    """Return the key that signs: ``ENGINE_KEY``, a configured file, or the folder's own.

    Raises:
        KeyFileError: There is none, or it is not fit to sign with.
    """
    from engine.signers import open_signer as opened

    reference = "env:ENGINE_KEY" if shell.environ.get("ENGINE_KEY") else f"file:{key_path(config)}"
    return opened(reference, shell.environ)


def ensure_workspace(config: Config, shell: Shell, *, asked: bool = False) -> None:
    """Create key and folder where there are neither; only on first use, and never unasked in CI.

    Raises:
        KeyFileError: There is no key, and creating one here would not be first use.
    """
    from engine.signers.file import generate

    path = key_path(config)
    if shell.environ.get("ENGINE_KEY") or path.exists():
        if config.values["ledger"].value is None and (asked or not shell.in_ci):
            _make_folder(config.folder)
        return
    url = ledger_url(config)
    ledger_exists = url != RUN_LEDGER and Path(url.removeprefix("sqlite:///")).exists()
    configured = config.path("key_file") is not None
    if configured or ledger_exists or (shell.in_ci and not asked):
        why = (
            f"the ledger {url} has no key here"
            if ledger_exists
            else "in CI no key is made up on the fly"
            if shell.in_ci and not configured
            else "the configured key is not there"
        )
        raise KeyFileError(
            f"{path}: no such key, and {why}",
            "give the key in ENGINE_KEY (PEM) or ENGINE_KEY_FILE (a path, mode 0600), "
            "or make one: engine keys init",
        )
    _make_folder(config.folder)
    generate(path)
    shell.say(f"engine: made a signing key in {path.parent}; keep it, and publish its public half")


def _make_folder(folder: Path) -> None:
    """Make ``folder`` for our eyes only, ignored by git."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        (folder / "keys").mkdir(mode=0o700, exist_ok=True)
        (folder / ".gitignore").write_text("*\n", encoding="utf-8")
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise KeyFileError(
            f"{folder}: {reason}", "run where a folder can be made, or set ENGINE_LEDGER and a key"
        ) from None


@contextmanager
def open_ledger_to_write(
    config: Config, shell: Shell, *, asked: bool = False
) -> Iterator[tuple[Ledger, Signer]]:
    """Yield the ledger and the key that signs for it; both are made on first use.

    In CI a ledger is made only when ``asked`` for: one that is not there is more likely a
    volume that was not mounted.
    """
    from engine.ledger import open_ledger

    ensure_workspace(config, shell, asked=asked)
    signer = open_signer(config, shell)
    ledger = open_ledger(
        ledger_url(config),
        signer=signer,
        heads=heads_folder(config, shell),
        lock_timeout_s=float(config.number("lock_timeout_s")),
        create=asked or not shell.in_ci or ledger_url(config) == RUN_LEDGER,
        created_at=write_time(shell.now()),
        random=shell.random,
    )
    try:
        yield ledger, signer
    finally:
        ledger.close()


@contextmanager
def open_ledger_to_read(config: Config, shell: Shell) -> Iterator[Ledger]:
    """Yield the ledger, read-only; no key is needed."""
    ledger = ledger_to_read(config, shell)
    try:
        yield ledger
    finally:
        ledger.close()


def ledger_to_read(config: Config, shell: Shell) -> Ledger:
    """Return the ledger, read-only, for the caller to close; no key is needed."""
    from engine.ledger import open_ledger

    url = ledger_url(config)
    if url == RUN_LEDGER:
        raise UsageError("a run: ledger is gone with its run", "read its proof: engine verify FILE")
    return open_ledger(
        url,
        signer=None,
        heads=heads_folder(config, shell),
        lock_timeout_s=float(config.number("lock_timeout_s")),
    )


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

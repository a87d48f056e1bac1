"""What ``engine doctor`` examines that is the user's own: folder, key, ledger, head, disk."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, closing
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from engine.cli import workspace
from engine.cli.console.shell import Shell
from engine.cli.doctor.findings import Diagnosis, Level, World
from engine.decision.record_to import RUN_LEDGER
from engine.decision.workspace import (
    key_in_environment,
    key_path,
    ledger_key,
    ledger_url,
    no_key_of_ledger,
    open_signer,
    record_to,
)
from engine.errors import KeyFileError, NoKeyError, UsageError
from engine.exit_codes import INVALID, PASS, UNDECIDED
from engine.formats.ledger_urls import sqlite_path
from engine.proof.verdict_rules import OLDEST_FUTURE_S
from engine.settings.config import Config
from engine.system.reading import open_to_read, read_whole, require_regular

if TYPE_CHECKING:
    from engine.ledger import Ledger

INIT = "engine init"
VERIFIED_ENTRIES = 5000
"""A ledger of at most so many entries is verified whole; it takes well under a second."""
LITTLE_ROOM = 100 * 1024**2
NO_ROOM = 10 * 1024**2
CLOCKS_DIFFER = timedelta(seconds=-OLDEST_FUTURE_S)


def folder(world: World) -> Iterator[Diagnosis]:
    """The folder of key, ledger and heads."""
    path = world.config.folder
    if path.exists() and not path.is_dir():
        yield Diagnosis(Level.FAIL, "folder", f"{path}: is no folder", "move it away", INVALID)


def key(world: World) -> Iterator[Diagnosis]:
    """The private key, and its public half beside it."""
    config, shell = world.config, world.shell
    path = key_path(config)
    in_environment = key_in_environment(config, shell)
    if not in_environment and not os.path.lexists(path):
        workspace_is_new = config.path("key_file") is None and not _has_ledger(config)
        if workspace_is_new and not shell.in_ci:
            yield Diagnosis(Level.WARN, "key", f"{path}: none yet", f"make one: {INIT}")
            return
        if begun := ledger_key(config, shell):
            raise no_key_of_ledger(path, ledger_url(config), begun)
        do = "give it in ENGINE_KEY (PEM) or ENGINE_KEY_FILE (a path); a new one: engine keys init"
        yield Diagnosis(Level.FAIL, "key", f"{path}: no such key", do, KeyFileError.exit_code)
        return
    signer = open_signer(config, shell)
    origin = "$ENGINE_KEY" if in_environment else f"{path}, mode 0600"
    yield Diagnosis(Level.OK, "key", f"{signer.key_id[:16]} from {origin}")
    if not in_environment:
        yield from _public_half(path, signer.public_key)


def _public_half(path: Path, public_key: bytes) -> Iterator[Diagnosis]:
    from engine.proof.keys import load_public_pem
    from engine.signers.file import MAX_BYTES, public_path

    public = public_path(path)
    do = f"write it again: engine keys list | tail -n +2 > {public}"
    try:
        same = load_public_pem(read_whole(public, MAX_BYTES)) == public_key
    except (OSError, KeyFileError):
        yield Diagnosis(Level.WARN, "key", f"{public}: the public half cannot be read", do)
        return
    if not same:
        says = f"{public}: not the public half of {path.name}"
        yield Diagnosis(Level.FAIL, "key", says, do, INVALID)


def _has_ledger(config: Config) -> bool:
    """Also where a link leads nowhere: its volume may not be mounted."""
    path = sqlite_path(ledger_url(config))
    return not path or os.path.lexists(path)


def ledger(world: World) -> Iterator[Diagnosis]:
    """The ledger: opened against its signed head, its key, its last entries, the clock."""
    config, shell = world.config, world.shell
    url = ledger_url(config)
    if url == RUN_LEDGER:
        yield Diagnosis(Level.OK, "ledger", "run: one per run, inside its proof")
        return
    if config.folder.is_file():
        return  # reported under "folder"
    heads = record_to(config, shell).heads
    with ExitStack() as stack:
        try:
            opened = stack.enter_context(_opened(config, shell))
        except UsageError:
            if _has_ledger(config) or shell.in_ci:
                raise
            yield Diagnosis(Level.WARN, "ledger", f"{url}: none yet", f"make one: {INIT}")
            return
        yield from _contents(opened, config)
        _require_same_key(opened, world)
        yield _head(heads, opened.id)
        yield from _clock(opened, shell)
        yield from _budgets(opened, config, shell)


def _opened(config: Config, shell: Shell) -> AbstractContextManager[Ledger]:
    """The ledger, to read: what is wrong with it does not wait until the key is mended."""
    from engine.signers.file import public_path

    try:
        open_signer(config, shell)
    except NoKeyError:
        pass
    except KeyFileError:  # reported under "key"
        if key_in_environment(config, shell) or not os.path.lexists(public_path(key_path(config))):
            return closing(record_to(config, shell).open_to_read())
    return workspace.open_ledger_to_read(config, shell)


def _head(heads: Sequence[Path], ledger_id: str) -> Diagnosis:
    for folder in heads:
        if (folder / f"{ledger_id}.json").is_file():
            return Diagnosis(Level.OK, "head", f"{folder}: agrees with the ledger")
    return Diagnosis(
        Level.WARN,
        "head",
        f"{heads[0]}: no signed head of this ledger is kept here",
        "a ledger set back would not show: keep checkpoints, and pass one to "
        "engine ledger verify --since FILE",
    )


def _contents(opened: Ledger, config: Config) -> Iterator[Diagnosis]:
    from engine.ledger import sqlite_files

    files = sqlite_files(ledger_url(config))
    parts = () if files is None else (files.database, files.log)
    size = opened.size()
    if size <= VERIFIED_ENTRIES:
        report, result = opened.verify(), "all hashes hold"
    else:
        report = opened.verify(since=opened.last_checkpoint())
        result = "opens; all of it: engine ledger verify"
    in_bytes = sum(part.stat().st_size for part in parts if part.exists())
    counted = "entry" if size == 1 else "entries"
    says = f"{opened.url}: {size:,} {counted}, {in_bytes:,} bytes, {result}"
    yield Diagnosis(Level.OK, "ledger", says)
    if report.uncovered:
        yield Diagnosis(
            Level.WARN,
            "ledger",
            f"{report.uncovered} entries wait for a checkpoint: their writer was stopped",
            "nothing: the next decision covers them",
        )


def _require_same_key(opened: Ledger, world: World) -> None:
    from engine.proof.created import read_created

    begun = read_created(opened.entry(0)).public_key
    try:
        signer = open_signer(world.config, world.shell)
    except KeyFileError:
        return  # reported under "key"
    if signer.public_key != begun:
        raise KeyFileError(
            f"the ledger was begun with another key than {signer.key_id[:16]}",
            "use that key (ENGINE_KEY_FILE), or another ledger (--ledger)",
        )


def _clock(opened: Ledger, shell: Shell) -> Iterator[Diagnosis]:
    """Hold the clock against the newest entry that says its time."""
    from engine.formats.times import parse_time, write_time
    from engine.proof.envelope import open_envelope
    from engine.proof.statement import parse_statement

    now = shell.now()
    size = opened.size()
    for _, entry in reversed(list(opened.entries(max(0, size - 50), size))):
        predicate = parse_statement(open_envelope(entry).payload)["predicate"]
        for name in ("decided_at", "failed_at", "created_at", "imported_at"):
            if isinstance(text := predicate.get(name), str):
                if parse_time(text) > now + CLOCKS_DIFFER:
                    yield Diagnosis(
                        Level.FAIL,
                        "clock",
                        f"{write_time(now)}, and the ledger's last entry is of {text}",
                        "set the clock (NTP); if it was wrong then, decisions are stale until now "
                        "has passed it",
                        UNDECIDED,
                    )
                return


def _budgets(opened: Ledger, config: Config, shell: Shell) -> Iterator[Diagnosis]:
    """The day that budgets count on, where it is in the future of the clock."""
    from engine.calls.budget.state import BudgetDocuments

    zone = config.text("budget_time_zone")
    fix = BudgetDocuments(opened.state()).ahead(shell.now(), zone, opened)
    if fix:
        says, _, do = fix.partition(": ")
        yield Diagnosis(Level.FAIL, "budgets", says, do, UNDECIDED)


def place(world: World) -> Iterator[Diagnosis]:
    """The ledger's folder: its lock, its room, whether it can be written."""
    import shutil

    from engine.ledger import sqlite_files

    if (files := sqlite_files(ledger_url(world.config))) is None:
        return
    yield from _lock(files.lock)
    folder = next(parent for parent in files.database.parents if parent.is_dir())
    if not os.access(folder, os.W_OK | os.X_OK):
        says = f"{folder}: cannot be written"
        do = "deciding needs it: run as its owner, or name another with --ledger"
        yield Diagnosis(Level.FAIL, "disk", says, do, UNDECIDED)
    free = shutil.disk_usage(folder).free
    level = Level.FAIL if free < NO_ROOM else Level.WARN if free < LITTLE_ROOM else Level.OK
    do = "" if level is Level.OK else "make room; a decision that cannot be recorded is not given"
    code = UNDECIDED if level is Level.FAIL else PASS
    yield Diagnosis(level, "disk", f"{folder}: {free // 1024**2:,} MiB free", do, code)


def _lock(path: Path) -> Iterator[Diagnosis]:
    import fcntl

    try:
        require_regular(path)
        file = open_to_read(path)
    except (FileNotFoundError, NotADirectoryError):
        return
    except OSError as error:
        says = f"{path}: {(error.strerror or str(error)).lower()}"
        do = "deciding needs it: it is made again where it is moved away"
        yield Diagnosis(Level.FAIL, "lock", says, do, UNDECIDED)
        return
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            yield Diagnosis(Level.OK, "lock", "free")
        except BlockingIOError:
            holder = file.read(16).decode(errors="replace").strip()
            says = f"{path}: held, by process {holder}"
            yield Diagnosis(Level.WARN, "lock", says, "let it finish; look at it: ps -p " + holder)

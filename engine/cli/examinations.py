"""What ``engine doctor`` looks at. Each examination says what it found; none may stop the rest."""

from __future__ import annotations

import importlib.metadata
import os
import stat
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from engine.cli import workspace
from engine.cli.shell import Shell
from engine.config import Config
from engine.errors import GovernanceError, KeyFileError, UsageError

if TYPE_CHECKING:
    from engine.ledger import Ledger

INIT = "engine init"
REINSTALL = "install it again: pip install --force-reinstall governance-engine"
VERIFIED_ENTRIES = 5000
"""A ledger of at most so many entries is verified whole; it takes well under a second."""
LITTLE_ROOM = 100 * 1024**2
NO_ROOM = 10 * 1024**2
CLOCKS_DIFFER = timedelta(seconds=300)
BUILD_SLACK = timedelta(days=1)


class Level(StrEnum):
    """How bad a finding is."""

    OK = "ok"
    WARN = "warn"
    FAIL = "FAIL"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        level: ``ok``, ``warn``, or ``FAIL`` for what keeps ``engine decide`` from deciding.
        about: One word.
        says: What was found.
        do: What to do about it; empty for ``ok``.
        code: Exit code that a failure stands for; 0 when it is none.
    """

    level: Level
    about: str
    says: str
    do: str = ""
    code: int = 0


@dataclass(frozen=True, slots=True)
class World:
    """What is examined."""

    config: Config
    shell: Shell


Examination = Callable[[World], Iterator[Finding]]


def examined(about: str, examine: Examination, world: World) -> Iterator[Finding]:
    """Yield what ``examine`` finds; what it stumbles over is a finding too."""
    try:
        yield from examine(world)
    except GovernanceError as error:
        yield failed(about, error)
    except Exception as error:  # noqa: BLE001  (the world is broken, the report is not)
        said = f"could not be examined: {type(error).__name__}: {error}"
        yield Finding(Level.FAIL, about, said, "mend what the message names, then ask again", 3)


def failed(about: str, error: GovernanceError) -> Finding:
    """Return ``error`` as a finding."""
    do = "; ".join(error.hint.splitlines()) or "see `engine decide --help`"
    return Finding(Level.FAIL, about, "; ".join(error.message.splitlines()), do, error.exit_code)


def versions(_world: World) -> Iterator[Finding]:
    """Engine, Python and the packages that decide and sign."""
    from engine import __version__

    python = sys.version.split()[0]
    yield Finding(Level.OK, "engine", f"{__version__}, Python {python}")
    for name in ("wasmtime", "cryptography"):
        try:
            importlib.import_module(name)
            yield Finding(Level.OK, name, importlib.metadata.version(name))
        except Exception as error:  # noqa: BLE001  (a broken package raises what it likes)
            said = f"cannot be loaded: {type(error).__name__}: {error}"
            yield Finding(Level.FAIL, name, said, REINSTALL, 3)


def loses_rows(version: tuple[int, ...]) -> bool:
    """Whether SQLite of this version has the bug that a reset of the log can lose rows.

    Source: sqlite.org/wal.html, "The WAL-Reset Bug": 3.7.0 to 3.51.2, fixed in 3.50.7, 3.44.6.
    """
    if version[:2] == (3, 44):
        return version < (3, 44, 6)
    if version[:2] == (3, 50):
        return version < (3, 50, 7)
    return (3, 7, 0) <= version <= (3, 51, 2)


def sqlite(_world: World) -> Iterator[Finding]:
    """The SQLite that Python brings."""
    import sqlite3

    version = sqlite3.sqlite_version
    if sqlite3.sqlite_version_info < (3, 37, 0):
        do = "use a Python that brings a newer one"
        yield Finding(Level.FAIL, "sqlite", f"{version} is older than 3.37.0", do, 3)
    elif loses_rows(sqlite3.sqlite_version_info):
        yield Finding(
            Level.WARN,
            "sqlite",
            f"{version} can lose rows when one program writes while another checkpoints "
            "(fixed in 3.51.3, 3.50.7 and 3.44.6)",
            "nothing for the engine, which writes and checkpoints under one lock; "
            "let no other program write to the ledger's file",
        )
    else:
        yield Finding(Level.OK, "sqlite", version)


def opa(world: World) -> Iterator[Finding]:
    """OPA's binary, which only changed Rego needs."""
    from engine.policy.build import find_opa, opa_version

    try:
        path = find_opa(world.shell.environ, world.shell.here)
        yield Finding(Level.OK, "opa", f"{opa_version(path)} at {path}")
    except GovernanceError as error:
        if world.shell.environ.get("ENGINE_OPA"):
            told = failed("opa", error)
            yield Finding(Level.WARN, "opa", f"{told.says}; changed Rego needs it", told.do)
        else:
            yield Finding(Level.OK, "opa", f"{error.message}; only changed Rego needs it")


def key(world: World) -> Iterator[Finding]:
    """The private key, and its public half beside it."""
    config, shell = world.config, world.shell
    path = workspace.key_path(config)
    if not shell.environ.get("ENGINE_KEY") and not os.path.lexists(path):
        workspace_is_new = config.path("key_file") is None and not _has_ledger(config)
        if workspace_is_new and not shell.in_ci:
            yield Finding(Level.WARN, "key", f"{path}: none yet", f"make one: {INIT}")
            return
        do = "give it in ENGINE_KEY (PEM) or ENGINE_KEY_FILE (a path); a new one: engine keys init"
        yield Finding(Level.FAIL, "key", f"{path}: no such key", do, KeyFileError.exit_code)
        return
    signer = workspace.open_signer(config, shell)
    origin = "$ENGINE_KEY" if shell.environ.get("ENGINE_KEY") else f"{path}, mode 0600"
    yield Finding(Level.OK, "key", f"{signer.key_id[:16]} from {origin}")
    if not shell.environ.get("ENGINE_KEY"):
        yield from _public_half(path, signer.public_key)


def _public_half(path: Path, public_key: bytes) -> Iterator[Finding]:
    from engine.keys import load_public_pem
    from engine.signers.file import public_path

    beside = public_path(path)
    do = f"write it again: engine keys list | tail -n +2 > {beside}"
    try:
        same = load_public_pem(beside.read_bytes()) == public_key
    except (OSError, KeyFileError):
        yield Finding(Level.WARN, "key", f"{beside}: the public half cannot be read", do)
        return
    if not same:
        yield Finding(Level.FAIL, "key", f"{beside}: not the public half of {path.name}", do, 2)


def _file_of(url: str) -> Path:
    return Path(url.removeprefix("sqlite:///").removeprefix("sqlite:"))


def _has_ledger(config: Config) -> bool:
    url = workspace.ledger_url(config)
    return url != workspace.RUN_LEDGER and os.path.lexists(_file_of(url))


def ledger(world: World) -> Iterator[Finding]:
    """The ledger: opened against its signed head, its key, its last entries, the clock."""
    config, shell = world.config, world.shell
    url = workspace.ledger_url(config)
    if url == workspace.RUN_LEDGER:
        yield Finding(Level.OK, "ledger", "run: one per run, inside its proof")
        return
    heads = workspace.heads_folder(config, shell)
    if not _has_ledger(config) and not _names(heads) and not shell.in_ci:
        yield Finding(Level.WARN, "ledger", f"{url}: none yet", f"make one: {INIT}")
        return
    with workspace.open_ledger_to_read(config, shell) as opened:
        yield from _contents(opened, url)
        _require_same_key(opened, world)
        kept = (heads / f"{opened.id}.json").is_file()
        if kept:
            yield Finding(Level.OK, "head", f"{heads}: agrees with the ledger")
        else:
            yield Finding(
                Level.WARN,
                "head",
                f"{heads}: no signed head of this ledger is kept here",
                "a ledger set back would not show: keep checkpoints, and pass one to "
                "engine ledger verify --since FILE",
            )
        yield from _clock(opened, shell)


def _names(folder: Path) -> list[str]:
    try:
        return [path.name for path in folder.iterdir()]
    except OSError:
        return []


def _contents(opened: Ledger, url: str) -> Iterator[Finding]:
    size = opened.size()
    if size <= VERIFIED_ENTRIES:
        report = opened.verify()
        told, uncovered = "all hashes hold", report.uncovered
    else:
        report = opened.verify(since=opened.last_checkpoint())
        told, uncovered = "opens; all of it: engine ledger verify", report.uncovered
    in_bytes = sum(path.stat().st_size for path in _parts(_file_of(url)) if path.exists())
    yield Finding(Level.OK, "ledger", f"{url}: {size:,} entries, {in_bytes:,} bytes, {told}")
    if uncovered:
        yield Finding(
            Level.WARN,
            "ledger",
            f"{uncovered} entries wait for a checkpoint: their writer was stopped",
            "nothing: the next decision covers them",
        )


def _parts(path: Path) -> tuple[Path, Path]:
    return path, path.with_name(path.name + "-wal")


def _require_same_key(opened: Ledger, world: World) -> None:
    from engine.ledger.created import read_created

    begun = read_created(opened.entry(0)).public_key
    try:
        signer = workspace.open_signer(world.config, world.shell)
    except KeyFileError:
        return  # said under "key"
    if signer.public_key != begun:
        raise KeyFileError(
            f"the ledger was begun with another key than {signer.key_id[:16]}",
            "use that key (ENGINE_KEY_FILE), or another ledger (--ledger)",
        )


def _clock(opened: Ledger, shell: Shell) -> Iterator[Finding]:
    """Hold the clock against the newest entry that says its time."""
    from engine.envelope import open_envelope
    from engine.statement import parse_statement
    from engine.times import parse_time, write_time

    now = shell.now()
    size = opened.size()
    for _, entry in reversed(list(opened.entries(max(0, size - 50), size))):
        said = parse_statement(open_envelope(entry).payload)["predicate"]
        for name in ("decided_at", "failed_at", "created_at", "imported_at"):
            if isinstance(text := said.get(name), str):
                if parse_time(text) > now + CLOCKS_DIFFER:
                    yield Finding(
                        Level.FAIL,
                        "clock",
                        f"{write_time(now)}, and the ledger's last entry is of {text}",
                        "set the clock (NTP); if it was wrong then, decisions are stale until now "
                        "has passed it",
                        3,
                    )
                return


def clock(world: World) -> Iterator[Finding]:
    """Hold the clock against the day the engine was installed."""
    from engine.policy.bundle import shipped_folder
    from engine.times import write_time

    now = world.shell.now()
    built = datetime.fromtimestamp((shipped_folder("schemas")).stat().st_mtime, UTC)
    if now < built - BUILD_SLACK:
        said = f"{write_time(now)}, before the engine was installed ({write_time(built)})"
        yield Finding(Level.FAIL, "clock", said, "set the clock (NTP)", 3)
    else:
        yield Finding(Level.OK, "clock", write_time(now))


def place(world: World) -> Iterator[Finding]:
    """The ledger's folder: its lock, its room, whether it can be written."""
    import shutil

    url = workspace.ledger_url(world.config)
    if url == workspace.RUN_LEDGER:
        return
    path = _file_of(url).resolve()
    yield from _lock(path.with_name(path.name + ".lock"))
    folder = next(each for each in path.parents if each.is_dir())
    if not os.access(folder, os.W_OK | os.X_OK):
        do = "deciding needs it: run as its owner, or name another with --ledger"
        yield Finding(Level.FAIL, "disk", f"{folder}: cannot be written", do, 3)
    free = shutil.disk_usage(folder).free
    level = Level.FAIL if free < NO_ROOM else Level.WARN if free < LITTLE_ROOM else Level.OK
    do = "" if level is Level.OK else "make room; a decision that cannot be recorded is not told"
    code = 3 if level is Level.FAIL else 0
    yield Finding(level, "disk", f"{folder}: {free // 1024**2:,} MiB free", do, code)


def _lock(path: Path) -> Iterator[Finding]:
    import fcntl

    with suppress(FileNotFoundError):
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
            yield Finding(Level.OK, "lock", "free")
        except BlockingIOError:
            holder = os.pread(descriptor, 16, 0).decode(errors="replace").strip()
            said = f"{path}: held, by process {holder}"
            yield Finding(Level.WARN, "lock", said, "let it finish; look at it: ps -p " + holder)
        finally:
            os.close(descriptor)


def policies(world: World) -> Iterator[Finding]:
    """The shipped policies, what is laid over them, and that the configured gate answers."""
    from engine.model import Stage
    from engine.policy.bundle import shipped_bundle

    shipped = shipped_bundle()
    shipped.archive()  # reads every file and holds it to the manifest
    yield Finding(
        Level.OK, "policies", f"shipped {shipped.digest[:16]}, of OPA {shipped.opa_version}"
    )
    bundle = workspace.open_policies(world.config, world.shell)
    if folder := world.config.path("policies"):
        yield Finding(Level.OK, "policies", f"{folder}: laid over, {bundle.digest[:16]}")
    gate, profile = world.config.text("gate"), world.config.text("profile")
    bundle.gate(gate), bundle.profile(profile)
    if (stage := world.config.text("stage")) not in list(Stage):
        raise UsageError(f"stage {stage!r} is not known", "known: candidate, production")
    evaluator = workspace.open_evaluator(bundle, world.config, world.shell, few=True)
    try:
        evaluator.evaluate(gate, b"{}")
    finally:
        evaluator.close()
    said = f"gate {gate} answers; profile {profile}, stage {stage}"
    yield Finding(Level.OK, "policies", said)


def cache(world: World) -> Iterator[Finding]:
    """The folder of compiled modules: native code, so nobody else may write there."""
    folder = workspace.module_cache(world.shell)
    if folder is None:
        yield Finding(Level.OK, "cache", "kept nowhere: in CI, or there is no home")
        return
    try:
        facts = folder.lstat()
    except FileNotFoundError:
        yield Finding(Level.OK, "cache", f"{folder}: made by the first decision")
        return
    except OSError as error:
        do = "each decision compiles the policy; give a home that can be read"
        yield Finding(Level.WARN, "cache", f"{folder}: {(error.strerror or '').lower()}", do)
        return
    own = facts.st_uid == os.geteuid() and stat.S_ISDIR(facts.st_mode)
    if not own or facts.st_mode & 0o077:
        do = f"nothing is kept there; if nobody else could: chmod 700 {folder}"
        yield Finding(Level.WARN, "cache", f"{folder}: others could have written there", do)
    else:
        yield Finding(Level.OK, "cache", f"{folder}: own, mode 0700")


EXAMINATIONS: dict[str, Examination] = {
    "engine": versions,
    "sqlite": sqlite,
    "opa": opa,
    "key": key,
    "ledger": ledger,
    "clock": clock,
    "disk": place,
    "policies": policies,
    "cache": cache,
}
"""Everything that is looked at, by the word that its own failure is told under, in order."""

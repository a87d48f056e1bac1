"""What ``engine doctor`` examines that came with the installation: programs, policies, cache."""

from __future__ import annotations

import importlib
import importlib.metadata
import os
import stat
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from engine.cli import workspace
from engine.cli.doctor.findings import Diagnosis, Level, World, failed
from engine.decision.workspace import module_cache, open_evaluator
from engine.errors import GovernanceError
from engine.exit_codes import UNDECIDED

REINSTALL = "install it again: pip install --force-reinstall WHEEL"
BUILD_SLACK = timedelta(days=1)


def versions(_world: World) -> Iterator[Diagnosis]:
    """Engine, Python and the packages that decide and sign."""
    from engine import __version__

    python = sys.version.split()[0]
    yield Diagnosis(Level.OK, "engine", f"{__version__}, Python {python}")
    for name in ("wasmtime", "cryptography"):
        try:
            importlib.import_module(name)
            yield Diagnosis(Level.OK, name, importlib.metadata.version(name))
        except Exception as error:  # noqa: BLE001  (a broken package raises what it likes)
            says = f"cannot be loaded: {type(error).__name__}: {error}"
            yield Diagnosis(Level.FAIL, name, says, REINSTALL, UNDECIDED)


def bytecode(_world: World) -> Iterator[Diagnosis]:
    """Whether Python keeps what it compiles: what was imported just now has been written, or not.

    Source: PEP 3147, PEP 552; an interpreter that cannot write bytecode gives no warning.
    """
    modules = [module for name, module in sys.modules.items() if name.split(".")[0] == "engine"]
    specs = [module.__spec__ for module in modules if module.__spec__ is not None]
    lost = [Path(spec.cached) for spec in specs if spec.cached and not Path(spec.cached).exists()]
    if not lost:
        yield Diagnosis(Level.OK, "bytecode", "kept")
        return
    package = Path(__file__).parents[2]
    if sys.dont_write_bytecode:
        why, do = "PYTHONDONTWRITEBYTECODE is set", "unset it, or compile the package once: "
    else:
        why, do = f"{lost[0].parent} cannot be written to", "compile the package, as its owner: "
    says = f"not kept: {why}; every start compiles the engine anew, which takes twice as long"
    yield Diagnosis(
        Level.WARN, "bytecode", says, f"{do}{sys.executable} -m compileall -q {package}"
    )


def loses_rows(version: tuple[int, ...]) -> bool:
    """Whether SQLite of this version has the bug that a reset of the log can lose rows.

    Source: sqlite.org/wal.html, "The WAL-Reset Bug": 3.7.0 to 3.51.2, fixed in 3.50.7, 3.44.6.
    """
    if version[:2] == (3, 44):
        return version < (3, 44, 6)
    if version[:2] == (3, 50):
        return version < (3, 50, 7)
    return (3, 7, 0) <= version <= (3, 51, 2)


def sqlite(_world: World) -> Iterator[Diagnosis]:
    """The SQLite that Python brings."""
    import sqlite3

    version = sqlite3.sqlite_version
    if sqlite3.sqlite_version_info < (3, 37, 0):
        says, do = f"{version} is older than 3.37.0", "use a Python that brings a newer one"
        yield Diagnosis(Level.FAIL, "sqlite", says, do, UNDECIDED)
    elif loses_rows(sqlite3.sqlite_version_info):
        yield Diagnosis(
            Level.WARN,
            "sqlite",
            f"{version} can lose rows when one program writes while another checkpoints "
            "(fixed in 3.51.3, 3.50.7 and 3.44.6)",
            "nothing for the engine, which writes and checkpoints under one lock; "
            "let no other program write to the ledger's file",
        )
    else:
        yield Diagnosis(Level.OK, "sqlite", version)


def opa(world: World) -> Iterator[Diagnosis]:
    """OPA's binary, which only changed Rego needs."""
    from engine.policy.build import find_opa, opa_version

    try:
        path = find_opa(world.shell.environ)
        yield Diagnosis(Level.OK, "opa", f"{opa_version(path)} at {path}")
    except GovernanceError as error:
        if world.shell.environ.get("ENGINE_OPA"):
            failure = failed("opa", error)
            yield Diagnosis(Level.WARN, "opa", f"{failure.says}; changed Rego needs it", failure.do)
        else:
            yield Diagnosis(Level.OK, "opa", f"{error.message}; only changed Rego needs it")


def clock(world: World) -> Iterator[Diagnosis]:
    """Hold the clock against the day the engine was installed."""
    from engine.formats.times import write_time
    from engine.policy.bundle import shipped_folder

    now = world.shell.now()
    built = datetime.fromtimestamp(shipped_folder("schemas").stat().st_mtime, UTC)
    if now < built - BUILD_SLACK:
        says = f"{write_time(now)}, before the engine was installed ({write_time(built)})"
        yield Diagnosis(Level.FAIL, "clock", says, "set the clock (NTP)", UNDECIDED)
    else:
        yield Diagnosis(Level.OK, "clock", write_time(now))


def policies(world: World) -> Iterator[Diagnosis]:
    """The shipped policies, what is laid over them, and that the configured gate answers."""
    from engine.evidence.input import require_stage
    from engine.policy.bundle import shipped_bundle

    shipped = shipped_bundle()
    shipped.archive()  # reads every file and holds it to the manifest
    yield Diagnosis(
        Level.OK, "policies", f"shipped {shipped.digest[:16]}, of OPA {shipped.opa_version}"
    )
    bundle = workspace.open_policies(world.config, world.shell)
    if folder := world.config.path("policies"):
        yield Diagnosis(Level.OK, "policies", f"{folder}: laid over, {bundle.digest[:16]}")
    gate, profile = world.config.text("gate"), world.config.text("profile")
    bundle.gate(gate), bundle.profile(profile)
    require_stage(stage := world.config.text("stage"))
    evaluator = open_evaluator(bundle, world.config, world.shell, few=True)
    try:
        evaluator.evaluate(gate, b"{}")
    finally:
        evaluator.close()
    says = f"gate {gate} answers; profile {profile}, stage {stage}"
    yield Diagnosis(Level.OK, "policies", says)


def cache(world: World) -> Iterator[Diagnosis]:
    """The folder of compiled modules: native code, so nobody else may write there."""
    folder = module_cache(world.shell)
    if folder is None:
        yield Diagnosis(Level.OK, "cache", "kept nowhere: in CI, or there is no home")
        return
    try:
        facts = folder.lstat()
    except FileNotFoundError:
        yield Diagnosis(Level.OK, "cache", f"{folder}: made by the first decision")
        return
    except OSError as error:
        do = "each decision compiles the policy; give a home that can be read"
        yield Diagnosis(Level.WARN, "cache", f"{folder}: {(error.strerror or '').lower()}", do)
        return
    own = facts.st_uid == os.geteuid() and stat.S_ISDIR(facts.st_mode)
    if not own or facts.st_mode & 0o077:
        do = f"nothing is kept there; if nobody else could: chmod 700 {folder}"
        yield Diagnosis(Level.WARN, "cache", f"{folder}: others could have written there", do)
    else:
        yield Diagnosis(Level.OK, "cache", f"{folder}: own, mode 0700")

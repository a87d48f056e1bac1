"""What a working folder's settings say: policies, evaluator, key and ledger; and a session of them.

The ``.engine`` folder holds key, ledger and signed heads where nothing else is configured.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import closing
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from engine.decision.policies_in_use import ChosenBy, PoliciesInUse, in_use
from engine.decision.record_to import RUN_LEDGER, RecordTo
from engine.decision.session import Session
from engine.errors import (
    ConfigError,
    GovernanceError,
    KeyFileError,
    NoKeyError,
    OutputError,
    UsageError,
)
from engine.settings.config import FOLDER_NAME, Config, load, require_own_folder
from engine.system.files import real_path, write_whole
from engine.system.ownership import others_can_write_to
from engine.system.reading import open_to_read, require_regular

if TYPE_CHECKING:
    from engine.metrics.amounts import AmountLimits
    from engine.policy.bundle import PolicyBundle
    from engine.policy.evaluator import Evaluator
    from engine.signers import Signer


LEDGER_NAME = "ledger.db"
"""The ledger's file in the folder, where no setting names another."""


class Surroundings(Protocol):
    """The process around a session: environment, folder, clock, chance, somebody to speak to."""

    @property
    def environ(self) -> Mapping[str, str]:
        """Environment variables."""

    @property
    def here(self) -> Path:
        """The working folder."""

    @property
    def in_ci(self) -> bool:
        """Whether a CI system says that this is one of its jobs."""

    def say(self, text: str) -> None:
        """Narrate."""

    def agrees(self, question: str) -> bool:
        """Ask somebody who sits there; False where nobody does."""

    def now(self) -> datetime:
        """See :class:`engine.decision.runtime.Runtime`."""

    def milliseconds(self) -> int:
        """See :class:`engine.decision.runtime.Runtime`."""

    def random(self, size: int) -> bytes:
        """See :class:`engine.decision.runtime.Runtime`."""


def open_session(
    config: Config, around: Surroundings, *, may_create: bool = False, dry_run: bool = False
) -> Session:
    """Return a session by the settings; only the policies are read yet.

    Args:
        config: The settings.
        around: The process around.
        may_create: Whether the caller asked for a key and a ledger to be made.
        dry_run: Whether nothing is recorded, whatever the settings say.

    Raises:
        GovernanceError: The policies cannot be used, or a setting of budgets is no amount.
    """
    policies = policies_in_use(config, around)
    _require_profile(config, policies.bundle, around)
    session = Session(
        policies,
        partial(open_evaluator, config=config, around=around),
        record_to=record_to(config, around, may_create=may_create),
        runtime=around,
        max_bytes=config.number("max_bytes"),
        daily=daily_limits(config),
        dry_run=dry_run,
    )
    for reason in session.not_approved():
        around.say(f"engine: the policies are not approved: {reason}")
    return session


def _require_profile(config: Config, bundle: PolicyBundle, around: Surroundings) -> None:
    """Refuse a profile that lies in a folder which no setting names, and say so.

    Raises:
        ConfigError: Where the name came from, and which folder has it.
    """
    name = config.text("profile")
    if config.path("policies") is not None or name in bundle.data["limits"]:
        return
    base = config.file.parent if config.file else around.here
    if (base / "policies" / "limits" / name).is_dir():
        raise ConfigError(
            f"{config.place('profile')}: no profile {name!r} ships, and no policies are named",
            f'{base / "policies"} has it: add policies = "policies" to engine.toml, '
            "or give --policies policies",
        )


def policies_in_use(config: Config, around: Surroundings) -> PoliciesInUse:
    """Return the shipped policies, or them with the configured folder laid over."""
    folder = config.path("policies")
    if folder is None and around.in_ci:
        _require_named(config, around)
    by = ChosenBy.CALLER if config.values["policies"].by_caller else ChosenBy.CONFIGURED
    return in_use(
        folder,
        config.path("policy_trust"),
        by,
        partial(policies_in, around=around),
        open_to_others=config.file is not None and others_can_write_to(config.file),
    )


def _require_named(config: Config, around: Surroundings) -> None:
    """Refuse a folder of policies that lies here and that nothing names: nobody in CI would notice.

    Raises:
        ConfigError: There is one, and the shipped policies would decide.
    """
    from engine.policy.bundle import shipped_folder
    from engine.policy.sources import DATA

    own = (config.file.parent if config.file else around.here) / "policies"
    if not own.is_dir() or real_path(own) == real_path(shipped_folder("policies")):
        return
    topics = ("budgets", "catalogue", "gates/*", "limits/*", "prices", "trust", "waivers")
    if any(next(own.glob(f"{topic}/{DATA}"), None) for topic in topics):
        raise ConfigError(
            f"{own}: has policies that nothing names, and the shipped ones would decide",
            'add policies = "policies" to engine.toml, or give --policies policies; '
            "or call the folder otherwise, if the shipped ones are meant",
        )


def policies_in(folder: Path, around: Surroundings, *, anew: bool = False) -> PolicyBundle:
    """Return the shipped policies with ``folder`` laid over; Rego in it needs OPA.

    Args:
        folder: A folder, or a built file.
        around: The process around.
        anew: Whether Rego is compiled though it was before.
    """
    from engine.policy.overlay import load_policies

    def find() -> Path:
        from engine.policy.build import find_opa

        return find_opa(around.environ)

    def is_pinned() -> bool:
        if "ENGINE_OPA" not in around.environ:
            return True
        from engine.policy.build import OPA_VERSION, opa_version

        return opa_version(find()) == OPA_VERSION

    cache = None if anew else module_cache(around)
    return load_policies(folder, opa=find, cache=cache, is_pinned=is_pinned)


def open_evaluator(
    bundle: PolicyBundle,
    config: Config,
    around: Surroundings,
    *,
    few: bool = False,
    expendable: bool = False,
) -> Evaluator:
    """Return OPA, for the caller to close: embedded, or a server held against the embedded one.

    Args:
        bundle: The policies.
        config: Says whether a server is asked.
        around: Has the server's CA in ``ENGINE_OPA_CA_FILE``; its token: :func:`server_token`.
        few: Whether only a few documents will follow, so that starting fast counts most.
        expendable: See :class:`engine.policy.evaluator.EvaluatorOptions`.
    """
    from engine.policy.evaluator import EvaluatorOptions
    from engine.policy.evaluators import EVALUATORS

    url = str(config.values["opa_url"].value or "")
    authority = around.environ.get("ENGINE_OPA_CA_FILE")
    options = EvaluatorOptions(
        cache=module_cache(around),
        few=few,
        expendable=expendable,
        url=url,
        token=server_token(config, around.environ) if url else None,
        ca_file=Path(authority) if authority else None,
    )
    return EVALUATORS["server" if url else "wasm"](bundle, options)


def server_token(config: Config, environ: Mapping[str, str]) -> str | None:
    """Return the token for the OPA server, from whoever named its address.

    A file that was found does not get the caller's token, nor any file of theirs, for an address
    of its choosing: what ``engine.toml`` names has its token in a file beside ``engine.toml``.

    Raises:
        ConfigError: The address is the file's and the token is the caller's, or the token's file
            lies elsewhere or cannot be used.
    """
    url, file = config.values["opa_url"], config.values["opa_token_file"]
    given, path = environ.get("ENGINE_OPA_TOKEN"), config.path("opa_token_file")
    if url.by_caller:
        return _token_in(path, config) if path is not None and file.by_caller else given
    if given or (path is not None and file.by_caller):
        raise ConfigError(
            f"{config.place('opa_url')}: names the OPA server, and the token is the environment's",
            "give the address in ENGINE_OPA_URL or --opa, too; or name the token's file beside it: "
            "opa_token_file",
        )
    if path is None:
        return None
    if config.file is None or not real_path(path).is_relative_to(real_path(config.file.parent)):
        raise ConfigError(
            f"{config.place('opa_token_file')}: {path} is outside of this folder",
            "put the token's file into the folder of engine.toml, or below",
        )
    return _token_in(path, config)


def _token_in(path: Path, config: Config) -> str:
    from engine.net.endpoint import UnfitFileError, token_in

    try:
        return token_in(path)
    except UnfitFileError as error:
        raise ConfigError(f"{config.place('opa_token_file')}: {error.reason}", error.hint) from None


def module_cache(around: Surroundings) -> Path | None:
    """Where compiled policies are kept; nowhere in CI, where others may write to the disk."""
    if around.in_ci:
        return None
    base = around.environ.get("XDG_CACHE_HOME") or ""
    home = around.environ.get("HOME") or ""
    if Path(base).is_absolute():
        return Path(base) / "governance-engine"
    return Path(home) / ".cache" / "governance-engine" if Path(home).is_absolute() else None


def daily_limits(config: Config) -> AmountLimits | None:
    """Return the daily budget of the settings; None where they give none."""
    values = [config.values[f"budget_daily_{unit}"].value for unit in ("usd", "tokens", "requests")]
    if values == [None, None, None]:
        return None
    from engine.settings.daily_limits import daily

    return daily(*(None if value is None else str(value) for value in values))


# -- key and ledger --------------------------------------------------------------------


def record_to(config: Config, around: Surroundings, *, may_create: bool = False) -> RecordTo:
    """Return where decisions are recorded.

    In CI a ledger is made only where ``may_create``: one that is not there is more likely a
    volume that was not mounted.

    Raises:
        UsageError: What the settings name as the ledger cannot be one.
    """
    require_own_folder(config, around.environ)
    if config.values["ledger"].value is not None:
        _require_possible(ledger_url(config), config.values["ledger"].origin)
    has_key_elsewhere = key_in_environment(config, around) or config.path("key_file") is not None
    return RecordTo(
        ledger_url(config),
        partial(_signer, config, around),
        partial(ensure_workspace, config, around, may_create=may_create),
        environ=around.environ,
        heads=None if has_key_elsewhere else config.folder / "heads",
        create=may_create or not around.in_ci,
        begin=None if may_create else partial(require_no_other, config, around),
        lock_timeout_s=float(config.number("lock_timeout_s")),
        agrees=around.agrees,
        say=lambda text: around.say(f"engine: {text}"),
        run=config.optional_text("ci_run"),
    )


def _require_possible(url: str, origin: str) -> None:
    """Refuse a file that was named by mistake; one that was a ledger once has its lock beside it.

    Raises:
        UsageError: It is no regular file, or holds something else and never was a ledger.
    """
    from engine.ledger import sqlite_files

    if (files := sqlite_files(url)) is None:
        return
    try:
        require_regular(files.database)
        if files.lock.exists():
            return
        with open_to_read(files.database) as file:
            start = file.read(len(_SQLITE))
    except (FileNotFoundError, NotADirectoryError):
        return
    except OSError as error:
        raise UsageError(
            f"{origin} {url}: {(error.strerror or str(error)).lower()}",
            "name the ledger's own file",
        ) from None
    if start not in (_SQLITE, b""):
        raise UsageError(f"{origin} {url}: is no ledger", "name the ledger's own file")


_SQLITE = b"SQLite format 3\0"
"""Source: https://www.sqlite.org/fileformat.html#magic_header_string"""


def ledger_url(config: Config) -> str:
    """Return where the ledger is, configured or not.

    Raises:
        UsageError: It is no place for one.
    """
    from engine.ledger import located

    url = str(config.values["ledger"].value or config.folder / LEDGER_NAME)
    located(url)
    return url


def key_path(config: Config) -> Path:
    """Return the file of the private key, configured or not."""
    return config.path("key_file") or config.folder / "keys" / "engine.pem"


def key_in_environment(config: Config, around: Surroundings) -> bool:
    """Whether ``ENGINE_KEY`` is the key: before any file but one that a flag names."""
    is_named = config.values["key_file"].origin.startswith("--")
    return bool(around.environ.get("ENGINE_KEY")) and not is_named


def open_signer(config: Config, around: Surroundings) -> Signer:
    """Return the key that signs: the flag's file, ``ENGINE_KEY``, a configured file, or our own.

    Raises:
        NoKeyError: None is configured, and there is none of our own.
        KeyFileError: The one that is configured is not there, or it is not fit to sign with.
    """
    if not key_in_environment(config, around):
        require_own_folder(config, around.environ)
    return _signer(config, around)


def _signer(config: Config, around: Surroundings) -> Signer:
    """The key, of a folder that was looked at."""
    from engine.signers import open_signer as opened

    in_environment = key_in_environment(config, around)
    reference = "env:ENGINE_KEY" if in_environment else f"file:{key_path(config)}"
    try:
        return opened(reference, around.environ)
    except NoKeyError as error:
        if config.path("key_file") is None:
            raise
        raise KeyFileError(error.message, f"make one with: {_making(config)}") from None


def _making(config: Config) -> str:
    """The command that makes the key that is configured."""
    import shlex

    return f"engine keys init --key-file {shlex.quote(str(key_path(config)))}"


def ensure_workspace(config: Config, around: Surroundings, *, may_create: bool = False) -> None:
    """Create key and folder where there are neither; only on first use, and never unasked in CI.

    Raises:
        UsageError: The ledger is not there, and another one is in use here.
        KeyFileError: There is no key, and creating one here would not be first use.
        RollbackError: Signed heads are kept for a ledger here, and nobody agreed to give it up.
    """
    from engine.ledger import give_up_missing
    from engine.signers.file import generate

    path = key_path(config)
    if key_in_environment(config, around) or path.exists():
        if config.values["ledger"].value is None and (may_create or not around.in_ci):
            if not may_create and not config.folder.exists():
                require_no_other(config, around)
            _make_folder(config.folder)
        return
    configured = config.path("key_file") is not None
    own = config.folder / "keys" / "engine.pem"
    if configured and own.exists():
        origin = config.values["key_file"].origin
        raise KeyFileError(
            f"{path}: no such key, and {own} signs here",
            f"leave out {origin} to sign with that; another one is made by {_making(config)}",
        )
    if begun := ledger_key(config, around):
        raise no_key_of_ledger(path, ledger_url(config), begun)
    if configured or (around.in_ci and not may_create):
        why = (
            "the configured key is not there"
            if configured
            else "in CI no key is made up on the fly"
        )
        if around.environ.get("ENGINE_KEY") == "":
            why += ", and ENGINE_KEY is empty: is the secret there for this job?"
        raise KeyFileError(
            f"{path}: no such key, and {why}",
            "give the key in ENGINE_KEY (PEM) or ENGINE_KEY_FILE (a path, mode 0600), "
            "or make one: engine keys init",
        )
    if not may_create:
        require_no_other(config, around)
    target = record_to(config, around)
    if not (target.is_ephemeral or target.exists()):
        give_up_missing(target.url, target.heads, around.agrees)
    _make_folder(config.folder)
    generate(path)
    around.say(f"engine: made a signing key in {path.parent}; keep it, and publish its public half")


def require_no_other(config: Config, around: Surroundings) -> None:
    """Refuse to begin a ledger while another one is in use here: its path was mistyped.

    One that another key began is not the one that was meant.

    Raises:
        UsageError: There is none where the settings say; names the one that is in use.
    """
    from engine.ledger import located

    target = record_to(config, around)
    if target.is_ephemeral or target.exists():
        return
    for url in _in_use(config, around):
        other = Path(located(url))
        if other.exists() and _may_be_meant(url, config, around):
            named = config.values["ledger"]
            by = "" if named.value is None else f"{named.origin}: "
            raise UsageError(
                f"{by}there is no ledger at {target.url}, and {other} is in use here",
                "name that one, or make another on purpose: engine ledger init"
                + (f" --ledger {target.url}" if by else ""),
            )


def _may_be_meant(url: str, config: Config, around: Surroundings) -> bool:
    """Whether the ledger at ``url`` is one that the own key may have begun."""
    from engine.ledger import open_ledger, read_created

    if not key_in_environment(config, around) and not key_path(config).exists():
        return True
    own = _signer(config, around).public_key
    try:
        with closing(open_ledger(url, signer=None, heads=None)) as ledger:
            return read_created(ledger.entry(0)).public_key == own
    except GovernanceError:  # whoever names it is told what is wrong with it
        return True


def _in_use(config: Config, around: Surroundings) -> Iterator[str]:
    """Where ledgers are that a call without this setting would take, or one from further up."""
    if config.values["ledger"].value is not None:
        unset = {name: text for name, text in around.environ.items() if name != "ENGINE_LEDGER"}
        for environ in (around.environ, unset):
            url = ledger_url(load({}, environ, around.here))
            if url != RUN_LEDGER:
                yield url
        yield str(config.folder / LEDGER_NAME)
    for above in config.folder.parent.parents:
        yield str(above / FOLDER_NAME / LEDGER_NAME)


def ledger_key(config: Config, around: Surroundings) -> str | None:
    """Return the id of the key that the ledger was begun with; None where there is no ledger.

    Raises:
        LedgerError, VerificationError: There is one, and it cannot be read.
    """
    from engine.proof.created import read_created
    from engine.proof.keys import key_id

    target = record_to(config, around)
    if not target.exists():
        return None
    ledger = target.open_to_read()
    try:
        return key_id(read_created(ledger.entry(0)).public_key)
    finally:
        ledger.close()


def no_key_of_ledger(path: Path, url: str, begun: str) -> KeyFileError:
    """Return the error that the ledger is here and the key it was begun with is not."""
    return KeyFileError(
        f"{path}: no such key, and the ledger at {url} was begun with key {begun[:16]}…",
        "restore that key (or give it in ENGINE_KEY or ENGINE_KEY_FILE), or begin another "
        "ledger with --ledger",
    )


def _make_folder(folder: Path) -> None:
    """Make ``folder`` for our eyes only, ignored by git."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        (folder / "keys").mkdir(mode=0o700, exist_ok=True)
        if not (ignored := folder / ".gitignore").exists():
            write_whole(ignored, b"*\n")
    except (OSError, OutputError) as error:
        if isinstance(error, OutputError):
            reason = error.message
        else:
            reason = f"{folder}: {(error.strerror or str(error)).lower()}"
        raise KeyFileError(
            reason, "run where a folder can be made, or set ENGINE_LEDGER and a key"
        ) from None

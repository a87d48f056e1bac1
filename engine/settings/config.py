"""Settings and where each came from: flag, environment, ``engine.toml``, default, in that order.

``engine.toml`` and the ``.engine`` folder are looked for upwards from the working folder, as
``.git`` is; ``.engine`` no further up than the nearest ``engine.toml``, which is where a workspace
begins. Paths in ``engine.toml`` are relative to it.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from engine.errors import ConfigError, suggest
from engine.formats.json_text import MAX_BYTES
from engine.formats.ledger_urls import sqlite_path
from engine.model import is_number
from engine.system.files import path_of, real_path
from engine.system.key_material import line_of_private_key, require_no_private_key
from engine.system.ownership import others_can_write
from engine.system.reading import read_whole

FILE_NAME = "engine.toml"
EXPECTATIONS = "verify.toml"
PUBLIC_KEY = "engine.pub.pem"
"""What `engine init` writes for whoever verifies, to be committed: ``.engine`` is in no clone."""
FOLDER_NAME = ".engine"
MOST_MAX_BYTES = 2**30
MOST_TOML_BYTES = 1024 * 1024
SAFE_FOLDERS = "ENGINE_SAFE_FOLDERS"
"""Variable with folders, parted as ``PATH`` is, whose files count whoever they belong to."""


class Setting(NamedTuple):
    """One thing that can be set.

    Attributes:
        name: Key in ``engine.toml``; the flag is the same with hyphens.
        variable: Environment variable.
        default: Value when nobody says anything.
        meaning: One clause.
        is_path: A relative path is taken from where it was written.
        is_amount: ``engine.toml`` may have a number there, too; whoever uses it reads it.
        is_callers: Only the call says it: ``engine.toml`` may not, which whoever is gated writes.
        least: Of a whole number.
        most: Of a whole number.
    """

    name: str
    variable: str
    default: str | int | None
    meaning: str
    is_path: bool = False
    is_amount: bool = False
    is_callers: bool = False
    least: int = 0
    most: int = 10**9 - 1


SETTINGS = (
    Setting("gate", "ENGINE_GATE", "promotion", "policy package that is asked"),
    Setting("profile", "ENGINE_PROFILE", "default", "table of limits"),
    Setting("stage", "ENGINE_STAGE", "candidate", "candidate or production"),
    Setting(
        "policies",
        "ENGINE_POLICIES",
        None,
        "folder laid over the shipped policies, or one built file",
        is_path=True,
    ),
    Setting(
        "policy_trust",
        "ENGINE_POLICY_TRUST",
        None,
        "trust list of who may approve policies; no key of engine.toml",
        is_path=True,
        is_callers=True,
    ),
    Setting("ledger", "ENGINE_LEDGER", None, "ledger file, or run: for one inside the proof"),
    Setting("ci_run", "ENGINE_CI_RUN", None, "run of the CI, ID/ATTEMPT, for run: ledgers"),
    Setting("key_file", "ENGINE_KEY_FILE", None, "private key, PEM, mode 0600", True),
    Setting("opa_url", "ENGINE_OPA_URL", None, "OPA server that gives the verdict of record"),
    Setting("opa_token_file", "ENGINE_OPA_TOKEN_FILE", None, "bearer token, for that server", True),
    Setting("lock_timeout_s", "ENGINE_LOCK_TIMEOUT_S", 30, "seconds to wait for the ledger's lock"),
    Setting("budget_time_zone", "ENGINE_BUDGET_TIME_ZONE", "UTC", "zone whose days budgets go by"),
    *(
        Setting(
            f"budget_daily_{unit}",
            f"ENGINE_BUDGET_DAILY_{unit.upper()}",
            None,
            f"{what} a day for everything; none is no limit",
            is_amount=True,
        )
        for unit, what in (("usd", "US dollars"), ("tokens", "tokens"), ("requests", "requests"))
    ),
    Setting(
        "max_bytes",
        "ENGINE_MAX_BYTES",
        MAX_BYTES,
        "largest metrics file that is read",
        least=1,
        most=MOST_MAX_BYTES,
    ),
)
_SECRETS = {
    "ENGINE_KEY": "private key itself, PEM, or its file as one line of base64; it is never shown",
    "ENGINE_OPA_TOKEN": "bearer token for the OPA server that the call names",
}
VARIABLES = {
    **{setting.variable: setting.meaning for setting in SETTINGS},
    **_SECRETS,
    SAFE_FOLDERS: "folders whose files count whoever they belong to, parted as PATH is",
    "ENGINE_OPA": "OPA that compiles policies of your own",
    "ENGINE_OPA_CA_FILE": "certificates that an OPA server's is held against",
    "ENGINE_SCAN_KEY_FILE": "key of the digests that `engine scan` prints",
    "ENGINE_TLC_JAR": "TLC that `engine spec check` and `conform` run",
    "ENGINE_ACTION": "set by `engine watch` for a hook: what is to be done",
    "ENGINE_IDEMPOTENCY_KEY": "set by `engine watch` for a hook: the same for the same action",
}
"""Every variable of the environment that begins with ``ENGINE_``, and a clause about each."""
_BY_NAME = {setting.name: setting for setting in SETTINGS}


def help_of(name: str, *, default: bool = False) -> str:
    """Return what a flag's help says of the setting ``name``: its meaning, and its default."""
    setting = _BY_NAME[name]
    return f"{setting.meaning} ({setting.default})" if default else setting.meaning


class Value(NamedTuple):
    """What a setting is, and who said so: ``--flag``, ``$VARIABLE``, a file or ``default``."""

    value: str | int | None
    origin: str

    @property
    def by_caller(self) -> bool:
        """Whether the call itself set it, by flag or environment."""
        return self.origin.startswith(("--", "$"))


class Config(NamedTuple):
    """Every setting with its origin, and the folder that keys and ledger live in.

    Attributes:
        values: By setting name.
        file: The ``engine.toml`` that was found; None when there is none.
        folder: The ``.engine`` that was found, or where it would be created.
    """

    values: Mapping[str, Value]
    file: Path | None
    folder: Path

    def text(self, name: str) -> str:
        """Return the setting ``name``, which has a default."""
        return str(self.values[name].value)

    def optional_text(self, name: str) -> str | None:
        """Return the setting ``name``; None when it is not set."""
        value = self.values[name].value
        return None if value is None else str(value)

    def number(self, name: str) -> int:
        """Return the setting ``name``, a whole number."""
        return int(self.values[name].value or 0)

    def path(self, name: str) -> Path | None:
        """Return the setting ``name`` as a path; None when it is not set.

        Raises:
            UsageError: It is too long for one.
        """
        value = self.values[name].value
        return None if value is None else path_of(str(value), self.place(name))

    def place(self, name: str) -> str:
        """Return where the setting ``name`` was written; in ``engine.toml`` with its line."""
        origin = self.values[name].origin
        written = self.file is not None and origin == str(self.file)
        return f"{origin}:{_line_of(name, Path(origin))}" if written else origin


def load(
    flags: Mapping[str, str | int | None],
    environ: Mapping[str, str],
    here: Path,
    *,
    begins: bool = False,
) -> Config:
    """Return the settings of one call.

    Args:
        flags: Setting name to what the command line said; None where it said nothing.
        environ: The environment.
        here: The working folder.
        begins: Whether a workspace begins here: what lies above is another one's.

    Raises:
        ConfigError: ``engine.toml`` is unreadable, or a key or a value in it is wrong; or a
            variable is, see :func:`require_values`; or what was found is somebody else's; or
            a private key is given as a setting.
    """
    require_values(environ)
    for name, flag in flags.items():
        if isinstance(flag, str):
            require_no_private_key(f"--{name.replace('_', '-')}", flag)
    last = here if begins else None
    file = _upwards(here, FILE_NAME, environ, last)
    written = _read(file) if file else {}
    base = file.parent if file else here
    values = {
        setting.name: _resolve(setting, flags.get(setting.name), environ, written, file)
        for setting in SETTINGS
    }
    _require_zone(values["budget_time_zone"], file)
    if values["ledger"].value == "run":
        raise _colon_forgotten(values["ledger"].origin)
    if file is not None and values["policies"].origin == str(file):
        _require_ours(Path(str(values["policies"].value)), environ)
    last = file.parent if file else last
    folder = _upwards(here, FOLDER_NAME, environ, last) or base / FOLDER_NAME
    return Config(values, file, folder)


def require_own_folder(config: Config, environ: Mapping[str, str]) -> None:
    """Refuse a folder of key, heads and ledger that somebody else could have put together.

    Nothing in it is a link or belongs to another user, and others can write neither to it nor to
    what lies in it.

    Raises:
        ConfigError: It is not so; says what to do. Source: INV-DOOR-6.
    """
    top = config.folder
    for folder in (top, top / "keys", top / "heads"):
        for path in sorted(folder.iterdir()) if _is_folder(folder) else ():
            if path.is_symlink():
                raise ConfigError(
                    f"{path}: is a link, and in this folder none is followed",
                    "put there what it leads to, or name that: ENGINE_LEDGER, ENGINE_KEY_FILE",
                )
            _require_ours(path, environ)
        if _is_folder(folder) and others_can_write(folder.stat()):
            raise ConfigError(
                f"{folder}: others can write to this folder of key, heads and ledger",
                f"look at what is in it, then: chmod go-w {folder}",
            )


def _is_folder(path: Path) -> bool:
    return path.is_dir() and os.access(path, os.R_OK | os.X_OK, effective_ids=True)


def require_values(environ: Mapping[str, str]) -> None:
    """Refuse a variable of the engine that is set and empty, or whose name is nearly one's.

    Raises:
        ConfigError: One is empty, which is not the same as not set; secrets may be, because a CI's
            job on a fork has none. Or one is misspelt, and what it should set would not be set.
            Or one that is no secret holds a private key.
    """
    for name, text in environ.items():
        if not name.startswith("ENGINE_"):
            continue
        if name in VARIABLES:
            if name not in _SECRETS:
                require_no_private_key(f"${name}", text)
            if not text.strip() and name not in _SECRETS:
                raise ConfigError(f"${name} is set and empty", "unset it, or give it a value")
        elif near := _nearest(name.removeprefix("ENGINE_")):
            raise ConfigError(
                f"${name} is no variable of the engine", f"did you mean ENGINE_{near}?"
            )


def _nearest(name: str) -> str:
    """The variable that was meant; nothing where it may be one of another program."""
    import difflib

    known = [variable.removeprefix("ENGINE_") for variable in VARIABLES]
    return next(iter(difflib.get_close_matches(name, known, n=1, cutoff=0.7)), "")


def _require_zone(value: Value, file: Path | None) -> None:
    """Refuse a zone that there is not, whatever the verb: a budget's days would go by it."""
    if value.origin == "default":
        return
    from engine.formats.calendar import zone_of

    name, place = "budget_time_zone", value.origin
    if file is not None and place == str(file):
        place = f"{file}:{_line_of(name, file)}: key {name!r}"
    try:
        zone_of(str(value.value))
    except ConfigError as error:
        raise ConfigError(f"{place}: {error.message}", error.hint) from None


def _resolve(
    setting: Setting,
    flag: str | int | None,
    environ: Mapping[str, str],
    written: Mapping[str, str | int],
    file: Path | None,
) -> Value:
    if flag is not None:
        return Value(flag, f"--{setting.name.replace('_', '-')}")
    if text := environ.get(setting.variable):
        return Value(_from_text(setting, text), f"${setting.variable}")
    if file and setting.name in written:
        value = written[setting.name]
        path = sqlite_path(str(value)) if setting.name == "ledger" else str(value)
        if setting.is_path or (setting.name == "ledger" and path):
            value = str(file.parent / path)
        return Value(value, str(file))
    return Value(setting.default, "default")


def _is_whole(setting: Setting) -> bool:
    return isinstance(setting.default, int)


def _from_text(setting: Setting, text: str) -> str | int:
    if not _is_whole(setting):
        return text
    if not re.fullmatch(r"[0-9]{1,12}", text):
        raise ConfigError(
            f"${setting.variable}: {text!r} is not a whole number", "give digits only"
        )
    return _within(setting, int(text), f"${setting.variable}")


def _within(setting: Setting, value: int, place: str) -> int:
    if not setting.least <= value <= setting.most:
        problem = "is negative" if value < 0 else f"is not from {setting.least} to {setting.most}"
        raise ConfigError(f"{place} {problem}", f"{setting.name}: {setting.meaning}")
    return value


def _read(file: Path) -> dict[str, str | int]:
    hint = 'write each setting on a line of its own, such as gate = "promotion"'
    try:
        table = toml_table(str(file), read_whole(file, MOST_TOML_BYTES).decode(), hint)
    except OSError as error:
        raise ConfigError(f"{file}: {(error.strerror or str(error)).lower()}") from None
    except UnicodeDecodeError as error:
        raise ConfigError(f"{file}: {error}", hint) from None
    table = {name: _amount(_BY_NAME.get(name), value) for name, value in table.items()}
    for name, value in table.items():
        place = f"{file}:{_line_of(name, file)}: key {name!r}"
        setting = _BY_NAME.get(name)
        if setting is None:
            raise ConfigError(f"{place} is not known", suggest(name, _BY_NAME))
        kind = int if _is_whole(setting) else str
        if not isinstance(value, kind) or isinstance(value, bool):
            raise ConfigError(
                f"{place} is {type(value).__name__} where {kind.__name__} is expected",
                f"{setting.name}: {setting.meaning}",
            )
        if isinstance(value, str) and not value.strip():
            raise ConfigError(f"{place} is empty", "remove the line, or give it a value")
        if setting.is_callers:
            raise ConfigError(
                f"{place} is not taken from a file that lies beside what is decided on",
                f"give it in the call: --{name.replace('_', '-')}, or {setting.variable}",
            )
        if isinstance(value, int):
            _within(setting, value, place)
    if table.get("ledger") == "run":
        raise _colon_forgotten(f"{file}:{_line_of('ledger', file)}: ledger")
    return table


def _colon_forgotten(place: str) -> ConfigError:
    return ConfigError(
        f"{place} 'run' would be a file of that name",
        "did you mean run:? such a file is named ./run",
    )


def toml_document(text: str) -> dict[str, Any]:
    """Return what TOML says.

    Raises:
        tomllib.TOMLDecodeError: It is none, nests too deep, or has a number too long to read.
    """
    import tomllib

    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        raise
    except RecursionError:
        raise tomllib.TOMLDecodeError("arrays or tables are nested too deep") from None
    except ValueError:
        raise tomllib.TOMLDecodeError("a number or a day in it cannot be read") from None


def toml_table(name: str, text: str, hint: str) -> dict[str, Any]:
    """Return what the TOML file ``name`` says.

    Args:
        name: Of the file, for messages.
        text: What is in it.
        hint: What to write, where it is no TOML.

    Raises:
        ConfigError: It is none, or holds a private key; says where.
    """
    import tomllib

    if line := line_of_private_key(text):
        require_no_private_key(f"{name}:{line}", text)
    try:
        table = toml_document(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(_toml_flaw(name, error), hint) from None
    require_no_private_key(name, repr(table))  # with its escapes resolved
    return table


def _toml_flaw(name: str, error: ValueError) -> str:
    """What is wrong with the TOML file ``name``: where, then what."""
    found = re.fullmatch(r"(.*) \(at line ([0-9]+), column ([0-9]+)\)", str(error))
    return f"{name}:{found[2]}:{found[3]}: {found[1]}" if found else f"{name}: {error}"


def _amount(setting: Setting | None, value: object) -> object:
    """An amount as text, however the file writes it."""
    is_amount = setting is not None and setting.is_amount
    return str(value) if is_amount and is_number(value) else value


def _line_of(name: str, file: Path) -> int:
    lines = read_whole(file, MOST_TOML_BYTES).decode().splitlines()
    pattern = re.compile(rf"""\s*["'\[]?{re.escape(name)}["'\]]?\s*(=|$)""")
    return next((number for number, line in enumerate(lines, 1) if pattern.match(line)), 1)


def _upwards(
    here: Path, name: str, environ: Mapping[str, str], last: Path | None = None
) -> Path | None:
    """What is called ``name`` here or above, in no folder above ``last``; a link to nothing too."""
    for folder in (here, *here.parents):
        if os.path.lexists(folder / name):
            _require_ours(folder / name, environ)
            return folder / name
        if folder == last:
            break
    return None


def _require_ours(path: Path, environ: Mapping[str, str]) -> None:
    """Refuse what was found and is somebody else's: who plants it would choose limits and ledger.

    Raises:
        ConfigError: It belongs neither to this user nor to root, and lies in no safe folder.
    """
    try:
        owner = path.stat().st_uid
    except OSError:  # who reads it says it better
        return
    if owner in (os.geteuid(), 0):
        return
    safe = environ.get(SAFE_FOLDERS, "").split(os.pathsep)
    real = real_path(path)
    if any(real.is_relative_to(real_path(folder)) for folder in safe if folder):
        return
    raise ConfigError(
        f"{path} belongs to another user (uid {owner})",
        f"if that folder is yours all the same: {SAFE_FOLDERS}={path.parent}",
    )

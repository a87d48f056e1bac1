"""``verify.toml``: what a consumer demands of every proof, in a file of its own.

It is named with ``--expect`` and never looked for, so that nobody who hands over a proof can hand
over what is demanded of it. Paths in it are relative to it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from engine.cli.console.shell import Shell
from engine.cli.inputs import read_key
from engine.errors import KeyFileError, UsageError, VerificationError
from engine.evidence.documents import read_bytes
from engine.formats.times import parse_time
from engine.model import Verdict
from engine.proof import checkpoint
from engine.proof.archive import MAX_BYTES
from engine.proof.expectations import Expectations
from engine.proof.policy_archive import parse_given
from engine.proof.trusted_keys import POLICY, ROLES, TrustedKey
from engine.settings.table import Table, read_table

_HINT = 'such as: gate = "promotion", and [[key]] tables with file = "release.pub.pem"'
_SHA256 = 64
KEYS = (
    *("require", "gate", "profile", "stage", "subject", "max_age", "relaxations", "waivers"),
    *("policy_digests", "policy_approved", "ledgers", "policy", "checkpoints", "state", "key"),
)
"""Keys of the file; docs/verify.md has a row for each."""
KEY_KEYS = ("file", "roles", "not_before", "not_after")
"""Keys of one of its ``[[key]]`` tables."""


@dataclass(frozen=True, slots=True)
class ExpectationsFile:
    """What one ``verify.toml`` says.

    Attributes:
        keys: Whom it trusts, and for what.
        expected: What it demands.
        state: File that remembers how far each ledger came; None where nothing is remembered.
    """

    keys: tuple[TrustedKey, ...]
    expected: Expectations
    state: str | None = None


def read_expectations(name: str, shell: Shell) -> ExpectationsFile:
    """Return what the file ``name`` demands, at the shell's instant.

    Raises:
        ConfigError: Not TOML, an unknown key, or a value of another kind; says the line.
        DocumentError: It, or a file that it names, cannot be read.
    """
    read = partial(read_bytes, stdin=shell.stdin, max_bytes=MAX_BYTES)
    table, folder = read_table(name, read(name), _HINT), Path(name).parent
    table.require_known(KEYS)
    keys = tuple(_key(key, folder) for key in table.tables("key"))
    if not keys:
        raise table.refused("key", "no key is trusted", 'add [[key]] with file = "release.pub.pem"')
    if len({key.public for key in keys}) != len(keys):
        raise table.refused("key", "one key is there twice", "give each its roles in one table")
    for demand in ("policy_digests", "ledgers", "checkpoints"):
        if table.has(demand) and not table.texts(demand):
            raise table.refused(demand, "is empty, and would demand nothing", "remove the line")
    expected = Expectations(
        require=Verdict(table.choice("require", list(Verdict))) if table.has("require") else None,
        gate=table.text("gate") if table.has("gate") else None,
        profile=table.text("profile") if table.has("profile") else None,
        stage=table.text("stage") if table.has("stage") else None,
        subject=table.name("subject") if table.has("subject") else None,
        max_age_s=table.seconds("max_age") if table.has("max_age") else None,
        now=shell.now(),
        relaxations=table.texts("relaxations", ()) if table.has("relaxations") else None,
        waivers=table.texts("waivers", ()) if table.has("waivers") else None,
        policy_digests=_digests(table),
        policy_approvers=_approvers(table, keys),
        ledger_ids=table.texts("ledgers", ()),
        policy=_policy(table, read(str(folder / table.text("policy"))))
        if table.has("policy")
        else None,
        checkpoints=tuple(
            _checkpoint(table, file, read(str(folder / file)))
            for file in table.texts("checkpoints", ())
        ),
    )
    state = str(folder / table.text("state")) if table.has("state") else None
    table.finish()
    return ExpectationsFile(keys, expected, state)


def _key(table: Table, folder: Path) -> TrustedKey:
    table.require_known(KEY_KEYS)
    name = table.text("file")
    try:
        public = read_key(str(folder / name))
    except (UsageError, KeyFileError) as error:
        reason = error.message.removeprefix("--key ")
        raise table.refused("file", reason, "copy the signer's engine.pub.pem beside it") from None
    roles = table.texts("roles", ROLES)
    for role in roles:
        if role not in (*ROLES, POLICY):
            raise table.refused("roles", f"{role!r} is not one of {', '.join((*ROLES, POLICY))}")
    instants = [
        parse_time(table.time(name)) if table.has(name) else None
        for name in ("not_before", "not_after")
    ]
    table.finish()
    return TrustedKey(public, roles, instants[0], instants[1], name)


def _approvers(table: Table, keys: Sequence[TrustedKey]) -> tuple[TrustedKey, ...] | None:
    """Whose approval of the policies is demanded; None where none is."""
    is_demanded = table.has("policy_approved") and table.flag("policy_approved")
    approvers = tuple(key for key in keys if POLICY in key.roles)
    if is_demanded and not approvers:
        raise table.refused(
            "policy_approved",
            f"no key has the role {POLICY!r}",
            f'add [[key]] with file = "approver.pub.pem" and roles = ["{POLICY}"]',
        )
    if approvers and not is_demanded:
        raise table.refused(
            "policy_approved",
            f"{approvers[0].name} has the role {POLICY!r}, and no approval is demanded",
            "add policy_approved = true, or take the role away",
        )
    return approvers or None


def _digests(table: Table) -> tuple[str, ...]:
    digests = tuple(text.removeprefix("sha256:") for text in table.texts("policy_digests", ()))
    for text in digests:
        if len(text) != _SHA256 or set(text) - set("0123456789abcdef"):
            raise table.refused("policy_digests", f"{text!r} is no SHA-256", "write 64 hex digits")
    return digests


def _policy(table: Table, data: bytes) -> bytes:
    try:
        parse_given(data, table.text("policy"))
    except UsageError as error:
        raise table.refused("policy", error.message, error.hint) from None
    return data


def _checkpoint(table: Table, file: str, data: bytes) -> str:
    try:
        note = data.decode()
        checkpoint.parse(note)
    except (UnicodeDecodeError, VerificationError) as error:
        raise table.refused("checkpoints", f"{file}: {error}") from None
    return note

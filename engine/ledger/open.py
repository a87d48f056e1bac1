"""Which stores there are, and how one is opened: found or made, and held against its head."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from engine.errors import KeyFileError, LedgerError, RollbackError, UsageError, VerificationError
from engine.formats.ledger_urls import SQLITE, scheme_of
from engine.ledger.audit.history import head_hint, require_heads, require_prefix
from engine.ledger.commit.signed_heads import Head, HeadPlaces, Heads
from engine.ledger.entries import EntryDraft
from engine.ledger.ledger import Ledger
from engine.ledger.lookup import require_entry
from engine.ledger.notes import signed_note
from engine.ledger.store import Store
from engine.model import CiRun, Signer
from engine.proof.created import LedgerCreation, read_created
from engine.proof.keys import key_id
from engine.system.files import sync_folder

if TYPE_CHECKING:
    from engine.ledger.sqlite.address import SqliteFiles

Opener: TypeAlias = Callable[[str, bool, float], Store]
"""``opener(url, writable, lock_timeout_s)``: the store that a URL names, not yet connected."""

_ID_BYTES = 16


def located(url: str) -> str:
    """Return ``url`` so that it opens the same ledger from any working folder.

    The file of a SQLite ledger is named by its real path, without links, at this moment.

    Raises:
        UsageError: No such kind of ledger.
    """
    files = sqlite_files(url)
    return url if files is None else str(files.database)


def sqlite_files(url: str) -> SqliteFiles | None:
    """Return the files of the SQLite ledger at ``url``, there or not; None for another kind.

    Raises:
        UsageError: No such kind of ledger, or it names no place.
    """
    from engine.ledger.sqlite.address import file_of, files_at

    return files_at(file_of(url)) if _scheme(url) == SQLITE else None


def _scheme(url: str) -> str:
    scheme = scheme_of(url)
    if scheme not in STORES:
        raise UsageError(
            f"{url!r}: no ledger is kept in {scheme}:",
            f"a path, or one of: {', '.join(f'{known}:' for known in STORES)}",
        )
    return scheme


def _sqlite(url: str, writable: bool, lock_timeout_s: float) -> Store:
    from engine.ledger.sqlite.address import file_of
    from engine.ledger.sqlite.store import SqliteStore

    return SqliteStore(file_of(url), url=url, writable=writable, lock_timeout_s=lock_timeout_s)


def _run(url: str, writable: bool, lock_timeout_s: float) -> Store:
    from engine.ledger.sqlite.store import SqliteStore

    if url != "run:" or not writable:
        raise UsageError(
            f"{url!r} cannot be opened: run: is a ledger of this run only",
            "write just run:, and have a key",
        )
    import tempfile

    folder = Path(tempfile.mkdtemp(prefix="engine-run-"))
    return SqliteStore(
        folder / "ledger.db", url=url, writable=True, lock_timeout_s=lock_timeout_s, remove=folder
    )


STORES: dict[str, Opener] = {"run": _run, SQLITE: _sqlite}
"""Scheme of a URL, and what opens it. A plain path is ``sqlite``."""


def store_at(url: str, *, writable: bool = False, lock_timeout_s: float = 30.0) -> Store:
    """Return the store that ``url`` names, not yet connected; one of ``run:`` is made by this.

    Raises:
        UsageError: An unknown kind of URL, or it names no place.
    """
    return STORES[_scheme(url)](url, writable, lock_timeout_s)


def open_ledger(
    url: str,
    *,
    signer: Signer | None,
    heads: Path | Sequence[Path] | None,
    lock_timeout_s: float = 30.0,
    create: bool = False,
    begin: Callable[[], None] | None = None,
    created_at: str = "",
    random: Callable[[int], bytes] = os.urandom,
    agrees: Callable[[str], bool] = lambda _question: False,
    say: Callable[[str], None] = lambda _text: None,
    run: CiRun | None = None,
) -> Ledger:
    """Return the ledger at ``url``, held against the head that was kept for it.

    Args:
        url: A path, ``sqlite:///PATH`` (``sqlite:////PATH`` when absolute), or ``run:`` for
            a ledger that is made now and removed at close.
        signer: Key of the ledger; None opens it for reading.
        heads: Folders of signed heads, in each of which they are kept, and of which the newest
            counts; None keeps and checks none. A ledger of this run has none.
        lock_timeout_s: How long an append waits for other writers.
        create: Make the ledger if there is none; needs ``signer`` and ``created_at``.
        begin: Called before a ledger is made; what it raises reaches the caller, and none is.
        created_at: RFC 3339 UTC, for entry 0.
        random: Gives that many random bytes, for the ledger's id.
        run: Run of a CI that a ledger which is made here is of.
        agrees: Asks somebody whether the ledger of another key that was here may be given up.
        say: Tells somebody that a ledger is written to of which no head is known.

    Raises:
        UsageError: No ledger there and none to be made, or an unknown kind of URL.
        RollbackError: A head is kept for a ledger here, and it is missing, smaller or other;
            where only other keys signed heads for it, nobody agreed to give it up.
        KeyFileError: ``signer`` is not the key that the ledger was begun with.
        LedgerError: It cannot be opened, or what is there is no ledger.
    """
    scheme = _scheme(url)
    store = store_at(url, writable=signer is not None, lock_timeout_s=lock_timeout_s)
    kept = None
    if heads is not None and scheme != "run":
        folders = [heads] if isinstance(heads, Path) else heads
        kept = HeadPlaces([Heads(folder) for folder in folders], store.address)
    try:
        if _connect(store, kept):
            return _opened(store, signer, kept, agrees, say)
        if kept and (claiming := kept.claiming()):
            message = _missing(store.url, claiming)
            _give_up_of_another(claiming, message, signer if create else None, agrees)
        if begin is not None and signer is not None and scheme != "run":
            if create:
                store.require_creatable()
            begin()
        if signer is None or not (create or scheme == "run"):
            raise UsageError(
                f"there is no ledger at {url}",
                "is its volume mounted? make one with `engine ledger init --ledger FILE`; "
                "on a disk that is thrown away use --ledger run: with --export FILE",
            )
        return _created(store, signer, kept, created_at, random, run)
    except BaseException:
        store.close()
        raise


def _connect(store: Store, heads: HeadPlaces | None) -> bool:
    try:
        return store.connect()
    except VerificationError as error:
        if heads and (claiming := heads.claiming()):
            raise RollbackError(
                f"{error.message}; {_signed(claiming)} entries were signed for it",
                head_hint(claiming),
            ) from error
        raise LedgerError(error.message, error.hint) from error


def _signed(claiming: Sequence[Head]) -> int:
    return max(head.checkpoint.size for head in claiming)


def give_up_missing(url: str, heads: Sequence[Path], agrees: Callable[[str], bool]) -> None:
    """Before a key is made: put aside the heads of a ledger that is missing, if somebody agrees.

    Args:
        url: Where the ledger would be.
        heads: Folders of signed heads.
        agrees: As :func:`open_ledger`.

    Raises:
        RollbackError: Heads are kept for a ledger there, and it is not given up.
    """
    kept = HeadPlaces([Heads(folder) for folder in heads], store_at(url).address)
    if claiming := kept.claiming():
        _give_up(claiming, _missing(url, claiming), agrees)


def _missing(url: str, claiming: Sequence[Head]) -> str:
    return f"{url} is missing, and {_signed(claiming)} entries were signed for it"


def _give_up_of_another(
    claiming: Sequence[Head], message: str, signer: Signer | None, agrees: Callable[[str], bool]
) -> None:
    """Put aside the heads of another ledger that was here, where somebody agrees.

    A ledger of the same key never goes missing on purpose without a word: then nobody is asked.

    Raises:
        RollbackError: It is not given up.
    """
    if signer is None or any(head.is_by(signer.public_key) for head in claiming):
        raise RollbackError(message, head_hint(claiming))
    _give_up(claiming, message, agrees)


def _give_up(claiming: Sequence[Head], message: str, agrees: Callable[[str], bool]) -> None:
    message += " with another key"
    files = ", ".join(str(head.file) for head in claiming)
    question = f"{message}.\nBegin anew with this key, and put its signed heads aside ({files})?"
    if not agrees(question):
        raise RollbackError(message, head_hint(claiming))
    for head in claiming:
        try:
            head.file.rename(head.put_aside)
            sync_folder(head.file.parent)
        except OSError as error:
            raise RollbackError(message, head_hint(claiming)) from error


def _opened(
    store: Store,
    signer: Signer | None,
    heads: HeadPlaces | None,
    agrees: Callable[[str], bool] = lambda _question: False,
    say: Callable[[str], None] = lambda _text: None,
) -> Ledger:
    # what is remembered first, the size last: meanwhile others may append
    reader = store.reader()
    ledger_id = reader.ledger_id()
    claiming = heads.claiming(but=ledger_id) if heads else []
    known = heads.all_of(ledger_id) if heads else []
    last = reader.last_checkpoint()
    size, _ = reader.tip()
    first = reader.entries(0, 1)
    created = read_created(first[0].body) if first else None
    begun = created.public_key if created is not None else None
    if claiming:
        own = signer if signer is not None and signer.public_key == begun else None
        message = f"{store.url} is ledger {ledger_id}, but {claiming[0].ledger_id} was signed for"
        _give_up_of_another(claiming, f"{message} there", own, agrees)
    require_heads(reader, size, known, begun, store.url)
    created = created or read_created(require_entry(reader, 0).body)
    _require_beginning(store.url, created, ledger_id, signer)
    if last is not None and last[1] not in {head.note for head in known}:
        signed = signed_note(last[1], created.public_key)
        if signed is not None:
            require_prefix(reader, size, signed, "its last checkpoint", store.url)
    ledger = Ledger(store, ledger_id, signer, heads)
    if signer is not None:
        if heads is not None:
            heads.require_writable()
            if not known and size > 1:
                say(_no_head(store.url, size, heads))
        if last is None or last[0] != size:
            ledger.catch_up()
    return ledger


def _no_head(url: str, size: int, heads: HeadPlaces) -> str:
    places = ", ".join(str(folder) for folder in heads.folders)
    return (
        f"{url} has {size} entries, and no signed head of it lies in {places}: that it did not go "
        "backwards cannot be told; hold it against a checkpoint kept elsewhere: "
        "engine ledger verify --since FILE"
    )


def _require_beginning(
    url: str, created: LedgerCreation, ledger_id: str, signer: Signer | None
) -> None:
    if created.ledger_id != ledger_id:
        raise VerificationError(
            f"{url} calls itself {ledger_id}, but entry 0 created {created.ledger_id}",
            "restore the newest copy of the ledger",
        )
    if signer is not None and signer.public_key != created.public_key:
        raise KeyFileError(
            f"{url} was begun with key {key_id(created.public_key)}, and this is {signer.key_id}",
            "use that key, or another ledger",
        )


def _created(
    store: Store,
    signer: Signer,
    heads: HeadPlaces | None,
    created_at: str,
    random: Callable[[int], bytes],
    run: CiRun | None,
) -> Ledger:
    if not created_at:
        raise UsageError("a new ledger says when it was created", "pass created_at")
    from engine.ledger.commit.created import created_entry

    store.require_creatable()
    if heads is not None:
        heads.require_writable()
    with store.exclusive():
        if not store.connect():  # else another process made it while we waited
            ledger_id = random(_ID_BYTES).hex()
            store.create(ledger_id)
            ledger = Ledger(store, ledger_id, signer, heads)
            entry = created_entry(ledger_id, created_at, signer, run)
            ledger.create(EntryDraft(None, None, None, lambda _: entry))
            return ledger
    return _opened(store, signer, heads)

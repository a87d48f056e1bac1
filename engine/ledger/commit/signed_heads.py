"""The last signed head of each ledger, kept beside the key, beside the ledger, or in both.

Somebody who can replace a ledger by an older copy of itself cannot replace a head that lies
elsewhere, unless they can also reach the key. One file per ledger, ``<ledger id>.json``::

    {"ledger": "<where, seen from this folder>", "checkpoint": "<signed note>"}

A folder may hold the heads of every ledger that a user ever had. An empty file
``<ledger id>.<digest of where>.at`` lies beside a head, so that those of one place are found by
their names, and neither the number of the others nor damage to them matters.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import re
from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from engine.errors import ExposedLedgerError, LedgerError, VerificationError
from engine.proof.checkpoint import Checkpoint, note_key_hash, origin_of, parse
from engine.system.files import sync_folder
from engine.system.ownership import others_can_write
from engine.system.reading import read_whole

_MAX_BYTES = 262_144
_FILE_NAME = re.compile(r"([0-9a-f]{32})(?:\.json|\.([0-9a-f]{16})\.at)", re.ASCII)


class Head(NamedTuple):
    """How far a ledger had come when it was last written with this key.

    Attributes:
        file: Where the head is kept.
        ledger_id: 32 hex digits.
        address: Where the ledger was, seen from the folder of heads.
        note: The signed note.
        checkpoint: What it says. Its signature is verified where the ledger is there, which
            names its key. Where it is missing nothing says whose signature would be genuine, and
            the head counts: a forged one is put aside by hand, and a genuine one is never lost.
    """

    file: Path
    ledger_id: str
    address: str
    note: str
    checkpoint: Checkpoint

    @property
    def put_aside(self) -> Path:
        """Where its file is kept as evidence once nobody is held to it any more."""
        return self.file.with_name(f"{self.file.name}.aside")

    def is_by(self, public_key: bytes) -> bool:
        """Whether the note claims to be signed by a key."""
        _, _, signatures = parse(self.note)
        own = note_key_hash(self.checkpoint.origin, public_key)
        return any(line.key_hash == own for line in signatures)


class Heads:
    """The folder of heads (0700, made when first needed)."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder.absolute()
        self._marked: set[Path] = set()

    def is_open_to_us(self) -> bool:
        """Whether it can be looked into, or is not there."""
        if os.access(self.folder, os.R_OK | os.X_OK, effective_ids=True):
            return True
        try:
            self.folder.lstat()
        except (FileNotFoundError, NotADirectoryError):
            return True
        except OSError:
            pass
        return False

    def of(self, ledger_id: str) -> Head | None:
        """Return the head of a ledger; None when none was ever kept.

        Raises:
            VerificationError: The file is not a head of this ledger.
        """
        file = self._file(ledger_id)
        try:
            data = read_whole(file, _MAX_BYTES)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            if error.errno == errno.EFBIG:
                raise _no_head(file, str(error.strerror)) from error
            raise LedgerError(
                f"{file}: the ledger's head cannot be read: {error.strerror}",
                "its folder belongs to the owner of the key",
            ) from error
        return _parse(file, ledger_id, data)

    def claiming(self, address: str, *, but: str = "") -> list[Head]:
        """Return the heads of the ledgers that were last seen at ``address``, but for one.

        Read are those that lie there by their file names, and those of which no name says where:
        they were kept before such names were. Of the latter a damaged one is passed over.

        Raises:
            VerificationError: A file that lies there by its name is not the head of its ledger.
        """
        try:
            names = [file.name for file in self.folder.iterdir()]
        except (FileNotFoundError, NotADirectoryError):
            return []
        except OSError as error:
            raise LedgerError(
                f"{self.folder}: the heads cannot be read: {error.strerror}",
                "this folder belongs to the owner of the key",
            ) from error
        places: dict[str, set[str]] = {}
        for match in filter(None, map(_FILE_NAME.fullmatch, names)):
            places.setdefault(match[1], set()).update(filter(None, match.groups()[1:]))
        here, found = _place(address), []
        for ledger_id in sorted(places.keys() - {but}):
            known = places[ledger_id]
            if not known or here in known:
                try:
                    head = self.of(ledger_id)
                except VerificationError:
                    if known:
                        raise
                    continue
                if head is not None and head.address == address:
                    found.append(head)
        return found

    def require_writable(self) -> None:
        """Make the folder if it is missing; refuse one that others can write to.

        Raises:
            LedgerError: It cannot be made or written, or others can write to it.
        """
        try:
            if not self.folder.is_dir():
                self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
                sync_folder(self.folder.parent)
            facts = self.folder.stat()
        except OSError as error:
            raise LedgerError(
                f"{self.folder}: the folder of heads cannot be made: {error.strerror}",
                "it lies beside the key; make it yourself with mode 0700, or name another",
            ) from error
        if others_can_write(facts):
            raise ExposedLedgerError(
                f"{self.folder}: others can write to the folder of heads",
                f"check the heads, then: chmod 700 {self.folder}",
            )
        if not os.access(self.folder, os.W_OK | os.X_OK, effective_ids=True):
            raise LedgerError(
                f"{self.folder}: the folder of heads cannot be written",
                "signing needs it; nothing was recorded",
            )

    def keep(self, ledger_id: str, address: str, note: str, checkpoint: Checkpoint) -> Head:
        """Replace a ledger's head, durably, and return it; called under the ledger's lock.

        Raises:
            OSError: It was not replaced.
        """
        data = json.dumps({"ledger": address, "checkpoint": note}, ensure_ascii=False) + "\n"
        file = self._file(ledger_id)
        draft = file.with_name(f".{file.name}.new")
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
        with os.fdopen(os.open(draft, flags, 0o600), "wb") as head:
            head.write(data.encode())
            head.flush()
            os.fsync(head.fileno())
        mark = self.folder / f"{ledger_id}.{_place(address)}.at"
        if mark not in self._marked:
            mark.touch(mode=0o600)
            self._marked.add(mark)
        draft.replace(file)
        sync_folder(self.folder)
        return Head(file, ledger_id, address, note, checkpoint)

    def _file(self, ledger_id: str) -> Path:
        return self.folder / f"{ledger_id}.json"


class HeadPlaces:
    """Every place where the heads of one ledger may lie; whoever writes, writes to each.

    Doors differ in which places they know. The newest head counts, so that a ledger which one door
    has written cannot go backwards for another.

    Args:
        places: The folders; those that belong to somebody else are passed over, unless all do.
        address: Gives where the ledger is, seen from a folder.
    """

    def __init__(self, places: Sequence[Heads], address: Callable[[Path], str]) -> None:
        self._places = [place for place in places if place.is_open_to_us()] or list(places)
        self._address = lru_cache(maxsize=None)(address)
        self._written = self._places

    @property
    def folders(self) -> list[Path]:
        """The folders that are looked into."""
        return [place.folder for place in self._places]

    def all_of(self, ledger_id: str) -> list[Head]:
        """Return the heads of a ledger, the newest first."""
        found = [head for place in self._places if (head := place.of(ledger_id)) is not None]
        return sorted(found, key=lambda head: -head.checkpoint.size)

    def of(self, ledger_id: str) -> Head | None:
        """Return the newest head of a ledger; None when none was ever kept."""
        return next(iter(self.all_of(ledger_id)), None)

    def claiming(self, *, but: str = "") -> list[Head]:
        """Return the heads of ledgers last seen where this one is; see :meth:`Heads.claiming`."""
        found = [place.claiming(self._address(place.folder), but=but) for place in self._places]
        return [head for heads in found for head in heads]

    def require_writable(self) -> None:
        """Make the folders, but for those that cannot be made while another can.

        Raises:
            LedgerError: None can be made, or one of them is not fit to be written.
        """
        written, refused = [], None
        for place in self._places:
            try:
                place.require_writable()
                written.append(place)
            except LedgerError as error:
                if place.folder.is_dir():
                    raise
                refused = refused or error
        if refused is not None and not written:
            raise refused
        self._written = written

    def keep(self, ledger_id: str, note: str, checkpoint: Checkpoint) -> Head:
        """Replace a ledger's head in every place; see :meth:`Heads.keep`."""
        kept = [
            place.keep(ledger_id, self._address(place.folder), note, checkpoint)
            for place in self._written
        ]
        return kept[0]


def _place(address: str) -> str:
    return hashlib.sha256(os.fsencode(address)).hexdigest()[:16]


def _parse(file: Path, ledger_id: str, data: bytes) -> Head:
    try:
        value = json.loads(data)
        address, note = value["ledger"], value["checkpoint"]
        if not isinstance(address, str) or not isinstance(note, str):
            raise TypeError("members are not strings")
        checkpoint, _, _ = parse(note)
    except (ValueError, KeyError, TypeError, RecursionError, VerificationError) as error:
        raise _no_head(file, str(error)) from error
    if checkpoint.origin != origin_of(ledger_id):
        raise VerificationError(
            f"{file}: holds the head of {checkpoint.origin}",
            "restore it from a backup of the key's folder",
        )
    return Head(file, ledger_id, address, note, checkpoint)


def _no_head(file: Path, reason: str) -> VerificationError:
    return VerificationError(
        f"{file}: not the head of a ledger: {reason}",
        "restore it from a backup of the key's folder",
    )

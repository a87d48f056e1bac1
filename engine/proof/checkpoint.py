"""Checkpoints: a signed note that says how large a ledger is and which root and chain it has.

One line each for origin, size and root, and one extension line ``chain <64 hex>``::

    governance-engine/3f1c...
    64
    <root, base64>
    chain <chain hash, hex>

    — governance-engine/3f1c... <key hash and signature, base64>

Source: C2SP signed-note v1 and tlog-checkpoint v1.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Sequence
from typing import NamedTuple

from engine.errors import LedgerError, VerificationError
from engine.formats.signed_json import read_base64, read_hex, refuse, write_base64
from engine.proof.keys import verify_signature

MAX_BYTES = 131_072
MAX_SIGNATURES = 64
MAX_SIZE = 2**53 - 1

_ED25519 = b"\x01"
_SIZE = re.compile(r"0|[1-9][0-9]{0,15}", re.ASCII)
_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f]")
_HINT = "keep the checkpoint as it was printed, line breaks and the long dash included"


class Checkpoint(NamedTuple):
    """The state of one ledger at one size.

    Attributes:
        origin: ``governance-engine/<ledger id>``.
        size: Number of entries.
        root: Root of the RFC 6962 tree over them, 32 bytes.
        chain: Chain hash after the last of them, 32 bytes.
    """

    origin: str
    size: int
    root: bytes
    chain: bytes


class NoteSignature(NamedTuple):
    """One signature line of a note.

    Attributes:
        name: Key name.
        key_hash: First four bytes of the hash that names the key.
        signature: The rest.
    """

    name: str
    key_hash: bytes
    signature: bytes


def origin_of(ledger_id: str) -> str:
    """Return the origin line of the ledger ``ledger_id``."""
    return f"governance-engine/{ledger_id}"


def body(checkpoint: Checkpoint) -> str:
    """Return the note text that is signed, with its last line break.

    Raises:
        LedgerError: The origin cannot be the name of a key.
    """
    if not _is_key_name(checkpoint.origin):
        raise LedgerError(f"{checkpoint.origin!r} cannot be the origin of a checkpoint")
    return (
        f"{checkpoint.origin}\n{checkpoint.size}\n{write_base64(checkpoint.root)}\n"
        f"chain {checkpoint.chain.hex()}\n"
    )


def sign(checkpoint: Checkpoint, signer: Callable[[bytes], bytes], public: bytes) -> str:
    """Return the signed note; the key's name is the origin.

    Args:
        checkpoint: What to sign. Its rows must be durable by now, and no other root may
            ever have been signed for its size: the caller answers for both.
        signer: Gives the raw Ed25519 signature of a message.
        public: The signer's raw public key.

    Raises:
        LedgerError: The origin cannot be the name of a key.
    """
    text = body(checkpoint)
    blob = note_key_hash(checkpoint.origin, public) + signer(text.encode())
    return f"{text}\n— {checkpoint.origin} {write_base64(blob)}\n"


def note_key_hash(name: str, public: bytes) -> bytes:
    """Return the four bytes that tell keys of one name apart.

    Source: C2SP signed-note, "Ed25519 signatures".
    """
    return hashlib.sha256(name.encode() + b"\n" + _ED25519 + public).digest()[:4]


def parse(note: str) -> tuple[Checkpoint, bytes, tuple[NoteSignature, ...]]:
    """Return the checkpoint, the bytes that were signed, and the signatures; verify nothing.

    Raises:
        VerificationError: Not a note, or not a checkpoint with one ``chain`` line.
    """
    text, signatures = split_note(note)
    origin, size, root, extensions = parse_text(text)
    if len(extensions) != 1 or not extensions[0].startswith("chain "):
        refuse("the checkpoint does not have one 'chain' line after its root", _HINT)
    chain = read_hex(extensions[0].removeprefix("chain "), "the checkpoint's chain")
    return Checkpoint(origin, size, root, chain), text.encode(), signatures


def verify(note: str, public_keys: Sequence[bytes]) -> Checkpoint:
    """Return the checkpoint, if one of the keys signed it under the name of its origin.

    Signatures of other names and keys, such as witnesses', are passed over.

    Raises:
        VerificationError: Not a checkpoint, or no key signed it.

    Source: C2SP signed-note, "Signatures"; tlog-checkpoint, "Signatures".
    """
    checkpoint, text, signatures = parse(note)
    verify_note(text, signatures, checkpoint.origin, public_keys)
    return checkpoint


def verify_note(
    text: bytes, signatures: Sequence[NoteSignature], name: str, public_keys: Sequence[bytes]
) -> None:
    """Verify that a key called ``name`` signed ``text``.

    Raises:
        VerificationError: None did, or a line that claims one of the keys is wrong.

    Source: C2SP signed-note, "Signatures".
    """
    genuine = False
    for line in signatures:
        known = [
            key
            for key in public_keys
            if line.name == name and line.key_hash == note_key_hash(name, key)
        ]
        if known and not any(verify_signature(key, line.signature, text) for key in known):
            raise VerificationError("a signature of the checkpoint is wrong", _HINT)
        genuine = genuine or bool(known)
    if not genuine:
        raise VerificationError(
            f"none of the given keys signed the checkpoint of {name}",
            "pass the public key of that ledger; engine keys list shows it",
        )


def signed_by(note: str, public: bytes) -> str | None:
    """Return the note with the signature of one key alone; None when that key did not sign it.

    Raises:
        VerificationError: Not a checkpoint.
    """
    checkpoint, text, signatures = parse(note)
    key_hash = note_key_hash(checkpoint.origin, public)
    for line in signatures:
        is_of_key = line.name == checkpoint.origin and line.key_hash == key_hash
        if is_of_key and verify_signature(public, line.signature, text):
            return f"{text.decode()}\n— {line.name} {write_base64(key_hash + line.signature)}\n"
    return None


def split_note(note: str) -> tuple[str, tuple[NoteSignature, ...]]:
    """Return the text of a signed note, with its last line break, and its signature lines.

    Raises:
        VerificationError: Not a signed note.

    Source: C2SP signed-note, "Format".
    """
    if len(note) > MAX_BYTES:
        refuse(f"the checkpoint has {len(note):,} characters; {MAX_BYTES:,} are read", _HINT)
    if not _is_unicode(note):
        refuse("the checkpoint is not UTF-8 text", _HINT)
    head, blank, tail = note.rpartition("\n\n")
    if not head or not blank or not tail.endswith("\n") or _CONTROL.search(note):
        refuse("the checkpoint is not a signed note", _HINT)
    lines = tail[:-1].split("\n")
    if len(lines) > MAX_SIGNATURES:
        refuse(f"the checkpoint has more than {MAX_SIGNATURES} signatures", _HINT)
    return head + "\n", tuple(_signature_line(line) for line in lines)


def parse_text(text: str) -> tuple[str, int, bytes, list[str]]:
    """Return origin, size, root and extension lines of a checkpoint's note text.

    Raises:
        VerificationError: Not the text of a checkpoint.

    Source: C2SP tlog-checkpoint, "Note text".
    """
    lines = text.removesuffix("\n").split("\n")
    if not text.endswith("\n") or len(lines) < 3 or not all(lines):
        refuse("the checkpoint does not have a line each for origin, size and root", _HINT)
    origin, size, root, *extensions = lines
    if not _SIZE.fullmatch(size) or int(size) > MAX_SIZE:
        refuse("the checkpoint's size is not a plain number", _HINT)
    root_bytes = read_base64(root, "the checkpoint's root")
    if len(root_bytes) != 32:
        refuse("the checkpoint's root is not 32 bytes long", _HINT)
    return origin, int(size), root_bytes, extensions


def _signature_line(line: str) -> NoteSignature:
    mark, _, rest = line.partition(" ")
    name, space, encoded = rest.partition(" ")
    if mark != "—" or not space or not _is_key_name(name):
        refuse("a signature line of the checkpoint is malformed", _HINT)
    blob = read_base64(encoded, "a signature of the checkpoint")
    if len(blob) < 5:
        refuse("a signature line of the checkpoint is malformed", _HINT)
    return NoteSignature(name, blob[:4], blob[4:])


def _is_key_name(name: str) -> bool:
    return bool(name) and "+" not in name and not any(char.isspace() for char in name)


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True

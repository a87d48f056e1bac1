"""Proof bundles: one JSON file that holds everything an offline verifier needs.

Reading one says nothing about whether it is genuine: :mod:`engine.proof.verify` does.
``spec/predicate-v1.md`` section 11 describes the format for other languages.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from engine.formats import canonical
from engine.formats.signed_json import (
    read_base64,
    read_hex,
    read_integer,
    read_json,
    read_list,
    read_object,
    read_text,
    refuse,
    write_base64,
)
from engine.model import Json

MEDIA_TYPE = "application/vnd.governance-engine.proof+json;version=1"
MAX_BYTES = 64 * 1024 * 1024
MAX_PATH = 63
ATTACHMENTS = ("approvals", "attestations", "evidence", "input", "policy", "salt")

_REQUIRED = (
    *("mediaType", "entry", "index", "size", "path", "checkpoint"),
    *("previous_hash", "current_hash", "attachments"),
)
_OPTIONAL = ("following_leaves", "ledger")


@dataclass(frozen=True, slots=True)
class ProofBundle:
    """One ledger entry, the proof of its place, and the documents it speaks of.

    Attributes:
        entry: The stored envelope, byte for byte.
        index: Position in the ledger, counted from 0.
        size: Size of the ledger at the checkpoint.
        path: Inclusion proof, leaf first, 32 bytes each.
        checkpoint: Signed note, verbatim.
        previous_hash: Chain hash before the entry, 32 bytes.
        current_hash: Chain hash after it, 32 bytes.
        attachments: ``input``, ``salt``, ``policy``, ``attestations``, ``approvals`` and
            ``evidence`` by name; some may be left out.
        following_leaves: Leaf hashes of the entries from ``index + 1`` to ``size - 1``. They
            lead from ``current_hash`` to the chain hash that the checkpoint signs: without
            them nobody would answer for the two hashes above. Empty for the last entry,
            and where ``ledger`` is there.
        ledger: Every entry of a ledger that lasts one run, oldest first; None otherwise.
    """

    entry: bytes
    index: int
    size: int
    path: tuple[bytes, ...]
    checkpoint: str
    previous_hash: bytes
    current_hash: bytes
    attachments: Mapping[str, bytes] = field(default_factory=dict)
    following_leaves: tuple[bytes, ...] = ()
    ledger: tuple[bytes, ...] | None = None

    def encode(self) -> bytes:
        """Return the file: canonical JSON and a line break."""
        document: dict[str, Json] = {
            "mediaType": MEDIA_TYPE,
            "entry": write_base64(self.entry),
            "index": self.index,
            "size": self.size,
            "path": [write_base64(part) for part in self.path],
            "checkpoint": self.checkpoint,
            "previous_hash": self.previous_hash.hex(),
            "current_hash": self.current_hash.hex(),
            "attachments": [
                _attachment(name, content) for name, content in sorted(self.attachments.items())
            ],
        }
        if self.following_leaves:
            document["following_leaves"] = [write_base64(part) for part in self.following_leaves]
        if self.ledger is not None:
            document["ledger"] = {"entries": [write_base64(part) for part in self.ledger]}
        return canonical.encode(document) + b"\n"


def _attachment(name: str, content: bytes) -> Json:
    digest = hashlib.sha256(content).hexdigest()
    return {"name": name, "sha256": digest, "base64": write_base64(content)}


def parse(data: bytes) -> ProofBundle:
    """Return the proof bundle in ``data``.

    Raises:
        VerificationError: Over 64 MiB, not strict JSON, an unknown or missing member, base64
            or hex in another than its one form, a hash that is not 32 bytes, an attachment
            of an unknown name, given twice, or other than its SHA-256.
    """
    return read(read_json(data, "the proof bundle", max_bytes=MAX_BYTES))


def read(value: Json) -> ProofBundle:
    """Return the proof bundle that ``value``, which was read strictly, is.

    Raises:
        VerificationError: As :func:`parse`.
    """
    if isinstance(value, dict) and "mediaType" not in value:
        refuse(
            "it is no proof bundle: it has no mediaType",
            "give the file that `engine decide --export FILE` or `engine export` wrote",
        )
    value = read_object(value, "the proof bundle", _REQUIRED, _OPTIONAL)
    if value["mediaType"] != MEDIA_TYPE:
        refuse(f"the proof bundle is not of type {MEDIA_TYPE}")
    return ProofBundle(
        entry=read_base64(value["entry"], "the entry"),
        index=read_integer(value["index"], "the index"),
        size=read_integer(value["size"], "the size", 1),
        path=read_path(value["path"], "the path"),
        checkpoint=read_text(value["checkpoint"], "the checkpoint"),
        previous_hash=read_hex(value["previous_hash"], "previous_hash"),
        current_hash=read_hex(value["current_hash"], "current_hash"),
        attachments=_attachments(value["attachments"]),
        following_leaves=_following(value),
        ledger=_ledger(value),
    )


def read_path(value: Json, what: str) -> tuple[bytes, ...]:
    """Return the hashes of a proof in a tree, 32 bytes each.

    Raises:
        VerificationError: Not such hashes, or more than any tree needs.
    """
    path = read_hashes(value, what)
    if len(path) > MAX_PATH:
        refuse(f"{what} has {len(path)} hashes; at most {MAX_PATH} are read")
    return path


def read_hashes(value: Json, what: str) -> tuple[bytes, ...]:
    """Return the hashes that an array holds, 32 bytes each.

    Raises:
        VerificationError: It holds something else.
    """
    hashes = tuple(read_base64(text, f"a hash of {what}") for text in read_list(value, what))
    if any(len(text) != 32 for text in hashes):
        refuse(f"a hash of {what} is not 32 bytes long")
    return hashes


def _following(value: Mapping[str, Json]) -> tuple[bytes, ...]:
    if "following_leaves" not in value:
        return ()
    leaves = read_hashes(value["following_leaves"], "following_leaves")
    if not leaves:
        refuse("following_leaves is empty", "leave it out where nothing follows")
    return leaves


def _ledger(value: Mapping[str, Json]) -> tuple[bytes, ...] | None:
    if "ledger" not in value:
        return None
    entries: Sequence[Json] = read_list(
        read_object(value["ledger"], "the ledger", ("entries",))["entries"], "the ledger's entries"
    )
    return tuple(read_base64(node, "an entry of the ledger") for node in entries)


def _attachments(value: Json) -> dict[str, bytes]:
    attachments: dict[str, bytes] = {}
    for attachment in read_list(value, "the attachments"):
        members = read_object(attachment, "an attachment", ("name", "sha256", "base64"))
        name = read_text(members["name"], "an attachment's name")
        if name not in ATTACHMENTS or name in attachments:
            refuse(f"attachment {name!r} is not known, or is there twice")
        content = read_base64(members["base64"], f"attachment {name!r}")
        if hashlib.sha256(content).digest() != read_hex(members["sha256"], "an attachment's hash"):
            refuse(f"attachment {name!r} is not what its sha256 says")
        attachments[name] = content
    return attachments

"""The policy that travels inside a proof, read: a manifest, and the files that it names by hash.

Nothing is evaluated here. What the files say about a record is
:mod:`engine.proof.policy_archive`'s business.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field

from engine.formats.signed_json import read_hex, read_json, read_members, refuse
from engine.model import Json
from engine.proof.archive import MAX_BYTES, unpack

SCHEMA = "governance-engine/policy/v1"
MANIFEST = "manifest.json"
DATA_JSON = "data.json"
FILES = (DATA_JSON, "policy.wasm")
SOURCES = "sources/"

_REMEMBERED = 4096


@dataclass(frozen=True, slots=True)
class AttachedPolicy:
    """A policy archive whose files are those of its manifest.

    Attributes:
        digest: SHA-256 of the manifest, lowercase hex.
        manifest: The manifest, parsed.
        data: ``data.json``, parsed: what every rule saw below ``data``.
        files: Contents by path.
    """

    digest: str
    manifest: dict[str, Json]
    data: dict[str, Json]
    files: Mapping[str, bytes]
    _agreed: set[str] = field(default_factory=set, init=False, compare=False, repr=False)
    """What profiles and checks of records said, where it was compared and is the policy's word."""

    def agreed(self, claim: str) -> bool:
        """Whether exactly this was compared before."""
        return claim in self._agreed

    def agree(self, claim: str) -> None:
        """Remember that this is what the policy says."""
        if len(self._agreed) >= _REMEMBERED:
            self._agreed.clear()
        self._agreed.add(claim)


def parse(archive: bytes) -> AttachedPolicy:
    """Return the policy in ``archive``.

    Raises:
        VerificationError: Over 16 MiB, not an archive that the engine wrote, no manifest of
            this version, or files other than the manifest's, by name or by hash.

    Source: spec/predicate-v1.md section 9.
    """
    if len(archive) > MAX_BYTES:
        refuse(f"the policy archive has {len(archive):,} bytes; {MAX_BYTES:,} are read")
    files = unpack(archive)
    manifest = read_members(_json(files, MANIFEST), "the policy manifest")
    if manifest.get("schema") != SCHEMA:
        refuse(f"the policy manifest is not of schema {SCHEMA}")
    digests = {name: member(manifest, "files").get(name) for name in FILES}
    if member(manifest, "files").keys() != digests.keys():
        refuse("the policy manifest names other files than it should")
    for path, digest in member(manifest, "sources").items():
        digests[SOURCES + path] = digest
    if files.keys() != digests.keys() | {MANIFEST}:
        odd = sorted(files.keys() ^ (digests.keys() | {MANIFEST}))
        refuse(f"the policy archive and its manifest differ on {', '.join(odd[:5])}")
    for name, digest in digests.items():
        if hashlib.sha256(files[name]).digest() != read_hex(digest, f"the hash of {name}"):
            refuse(f"{name} of the policy archive is not what the manifest names")
    return AttachedPolicy(
        digest=hashlib.sha256(files[MANIFEST]).hexdigest(),
        manifest=manifest,
        data=read_members(_json(files, DATA_JSON), "the policy's data"),
        files=files,
    )


def member(value: Mapping[str, Json], name: str) -> dict[str, Json]:
    """Return a member of a policy that is an object.

    Raises:
        VerificationError: It is none.
    """
    return read_members(value.get(name), f"{name!r} of the policy")


def _json(files: Mapping[str, bytes], name: str) -> Json:
    if name not in files:
        refuse(f"the policy archive lacks {name}")
    return read_json(files[name], f"{name} of the policy archive", max_bytes=MAX_BYTES)

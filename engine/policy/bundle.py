"""A policy bundle: a manifest and the files it names, wherever they are kept.

The manifest names every file by hash and its own hash is the policy digest, so a bundle is
the same bundle in the wheel, in a clone, in a build folder and in an archive in a ledger.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from functools import cached_property, lru_cache
from pathlib import Path

from engine.errors import ConfigError, PolicyError, UsageError, VerificationError, suggest
from engine.formats import canonical
from engine.model import Json
from engine.policy.manifest import CheckInfo, GateInfo, decode, matches
from engine.policy.sources import revision, sha256
from engine.proof.archive import MAX_BYTES, pack
from engine.system.reading import read_whole

__all__ = [
    "CheckInfo",
    "GateInfo",
    "PolicyBundle",
    "opened",
    "shipped_bundle",
    "shipped_folder",
    "shipped_schema",
]

MANIFEST = "manifest.json"
DATA_JSON = "data.json"
WASM = "policy.wasm"
SERVER_ARCHIVE = "policy-rego.tar.gz"
SOURCES = "sources/"

_PACKAGE = Path(__file__).parents[1]


class PolicyBundle:
    """A compiled policy with its data and its sources, read when they are needed.

    Args:
        manifest: Canonical JSON of the policy manifest.
        read: Returns a file of the bundle by its name in an archive: ``policy.wasm``,
            ``data.json`` or ``sources/<path>``. Whatever it returns is held against the
            manifest.
    """

    def __init__(self, manifest: bytes, read: Callable[[str], bytes]) -> None:
        self._read = read
        self._contents = decode(manifest)
        self.manifest = manifest
        self.digest = sha256(manifest)
        self.revision = self._contents.revision
        self.opa_version = self._contents.opa_version

    @property
    def wasm_digest(self) -> str:
        """SHA-256 of the module; known without reading it."""
        return self._contents.files[WASM]

    @property
    def wasm(self) -> bytes:
        """The compiled module; read anew each time, as it is needed once at most."""
        return self.file(WASM)

    @cached_property
    def data_bytes(self) -> bytes:
        """What every rule sees below ``data``: canonical JSON, profiles resolved."""
        return self.file(DATA_JSON)

    @cached_property
    def data(self) -> dict[str, Json]:
        """The same, parsed."""
        data: dict[str, Json] = json.loads(self.data_bytes)
        return data

    @property
    def source_digests(self) -> Mapping[str, str]:
        """SHA-256 of every source file by its path below the policy folder."""
        return self._contents.sources

    def file(self, name: str) -> bytes:
        """Return ``policy.wasm``, ``data.json`` or ``sources/<path>``.

        Raises:
            PolicyError: Missing, or not what the manifest names.
        """
        if name.startswith(SOURCES):
            expected = self._contents.sources.get(name.removeprefix(SOURCES))
        else:
            expected = self._contents.files.get(name)
        try:
            content = self._read(name)
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            raise PolicyError(f"policy bundle: {name}: {reason}", _REBUILD) from None
        if sha256(content) != expected:
            raise PolicyError(f"policy bundle: {name} is not what the manifest names", _REBUILD)
        return content

    def gates(self) -> list[GateInfo]:
        """Return every gate, sorted by name."""
        return [gate for _name, gate in sorted(self._contents.gates.items())]

    def gate(self, name: str) -> GateInfo:
        """Return the gate ``name``.

        Raises:
            UsageError: No such gate; names the nearest.
        """
        if (gate := self._contents.gates.get(name)) is None:
            known = self._contents.gates
            raise UsageError(f"no gate {name!r}", suggest(name, known) or _LISTED)
        return gate

    def checks(self) -> list[CheckInfo]:
        """Return every check of every gate, sorted by id."""
        return [check for _name, check in sorted(self._contents.checks.items())]

    def check(self, check_id: str) -> CheckInfo:
        """Return the check ``check_id``.

        Raises:
            UsageError: No such check; names the nearest.
        """
        if (check := self._contents.checks.get(check_id)) is None:
            known = self._contents.checks
            raise UsageError(f"no check {check_id!r}", suggest(check_id, known) or _LISTED)
        return check

    def profile(self, name: str) -> dict[str, Json]:
        """Return the whole table of limits of profile ``name``, ``extends`` applied.

        Raises:
            ConfigError: No such profile; names the nearest.
        """
        limits = self.data["limits"]
        if name not in limits:
            raise ConfigError(f"no profile {name!r}", suggest(name, limits) or _LISTED)
        table: dict[str, Json] = limits[name]
        return table

    def profile_digest(self, name: str) -> str:
        """Return the SHA-256 of the profile's canonical JSON, lowercase hex."""
        return sha256(canonical.encode(self.profile(name)))

    def catalogue(self) -> dict[str, Json]:
        """Return the catalogue's rows by metric id."""
        metrics: dict[str, Json] = self.data["catalogue"]["metrics"]
        return metrics

    def waivers(self) -> list[Json]:
        """Return the waivers as the policy source writes them."""
        waivers: list[Json] = self.data["waivers"]["waivers"]
        return waivers

    def archive(self) -> bytes:
        """Return the whole bundle as one ustar archive, the same bytes on every machine.

        Holds ``manifest.json``, ``data.json``, ``policy.wasm`` and ``sources/…``;
        :meth:`from_archive` reads it.

        Raises:
            PolicyError: A file is missing or is not what the manifest names.
        """
        names = (DATA_JSON, WASM, *(f"{SOURCES}{path}" for path in sorted(self.source_digests)))
        return pack({MANIFEST: self.manifest, **{name: self.file(name) for name in names}})

    def server_archive(self) -> bytes:
        """Return what an OPA server loads: the Rego and ``data.json``, as an OPA bundle.

        Its revision is the policy digest, so that the provenance of an answer tells which
        rules *and* which data gave it. Same bytes on every machine.
        """
        from engine.policy.server_archive import server_archive

        rego = (path for path in sorted(self.source_digests) if path.endswith(".rego"))
        contents = {path: self.file(f"{SOURCES}{path}") for path in rego}
        return server_archive(self.digest, self.data_bytes, contents)

    @classmethod
    def from_archive(cls, archive: bytes) -> PolicyBundle:
        """Return the bundle in an archive that :meth:`archive` wrote.

        Raises:
            VerificationError: Not byte for byte what :meth:`archive` writes for some bundle.
        """
        from engine.proof import policy_files

        policy = policy_files.parse(archive)
        _check_manifest(policy.manifest)
        _check_data(policy.data)
        if canonical.encode(policy.manifest) != policy.files[MANIFEST]:
            raise VerificationError("policy archive: the manifest is not canonical JSON")
        bundle = cls(policy.files[MANIFEST], policy.files.__getitem__)
        if bundle.archive() != archive:
            raise VerificationError("policy archive: its files are not in their order")
        return bundle

    @classmethod
    def kept_as(cls, digest: str, archive: bytes) -> PolicyBundle:
        """Return the bundle in the archive that is kept under a signed digest.

        Args:
            digest: The policy digest that a signed statement names.
            archive: What is kept under it.

        Raises:
            VerificationError: It is another one, or none: see :meth:`from_archive`.
        """
        bundle = cls.from_archive(archive)
        if bundle.digest != digest:
            raise VerificationError(f"the policy kept as {digest} is {bundle.digest}")
        return bundle


_LISTED = "`engine policy list` names them"
_REBUILD = "run `engine policy build` where the policies were changed, or install the engine again"


def _check_manifest(manifest: Json) -> None:
    """Refuse what :func:`engine.policy.manifest.decode` could stumble over, or read otherwise."""
    if not matches(manifest):
        from engine.formats.json_schema import first_mismatch

        mismatch = first_mismatch(shipped_schema("policy-manifest.schema.json"), manifest)
        where, why = ("", "is none") if mismatch is None else (mismatch.pointer, mismatch.reason)
        raise VerificationError(f"policy archive: manifest{where}: {why}")
    if manifest["revision"] != revision(manifest["sources"].items()):
        raise VerificationError("policy archive: the revision is not that of the sources")
    listed = {name for gate in manifest["gates"].values() for name in gate["checks"]}
    if listed - manifest["checks"].keys():
        raise VerificationError("policy archive: a gate lists a check that is not described")


def _check_data(data: Json) -> None:
    """Refuse data that the rules could judge, being total, but nobody could explain."""
    try:
        tables = [profile["checks"] for profile in data["limits"].values()]
        rows = [*data["catalogue"]["metrics"].values(), *data["waivers"]["waivers"]]
        rows += [row for table in tables for row in table.values()]
    except (LookupError, TypeError, AttributeError):
        rows = [None]
    if not all(isinstance(row, dict) for row in rows):
        raise VerificationError("policy archive: data.json holds no profiles, metrics and waivers")


def shipped_folder(name: str) -> Path:
    """Return a folder that ships with the engine: ``policies``, ``schemas``, ``starter``…

    In the wheel it lies inside the package, in a clone at the root of the repository.
    """
    inside = _PACKAGE / "_data" / name
    return inside if inside.is_dir() else _PACKAGE.parent / name


def shipped_schema(name: str) -> Json:
    """Return a JSON Schema that ships with the engine, such as ``metrics.schema.json``."""
    return json.loads((shipped_folder("schemas") / name).read_bytes())


def opened(folder: Path, sources: Path) -> PolicyBundle:
    """Return the bundle whose compiled files lie in ``folder`` and whose sources in ``sources``.

    Raises:
        PolicyError: There is no readable manifest.
    """

    def read(name: str) -> bytes:
        if name.startswith(SOURCES):
            return read_whole(sources / name.removeprefix(SOURCES), MAX_BYTES)
        return read_whole(folder / name, MAX_BYTES)

    try:
        return PolicyBundle(read(MANIFEST), read)
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        raise PolicyError(f"{folder / MANIFEST}: no policy manifest: {error}", _REBUILD) from None


def shipped_bundle() -> PolicyBundle:
    """Return the policy that ships with the engine, compiled when the engine was built.

    Raises:
        PolicyError: The installation is broken.
    """
    return opened(_PACKAGE / "_data", shipped_folder("policies"))


@lru_cache(maxsize=1)
def shipped_digest() -> str:
    """Return the digest of :func:`shipped_bundle`, read once in a process."""
    return shipped_bundle().digest

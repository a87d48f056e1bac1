"""The files that make up a policy: which of a folder's files count, and what they hash to.

Rego decides together with the capabilities it was checked against; ``data.yaml`` files say
the numbers, and ``trust/*.pub.pem`` are keys that the trust list names. Tests, mutants and
prose lie beside them and are no part of the policy.
"""

from __future__ import annotations

import codecs
import errno
import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from engine.errors import ConfigError, UsageError
from engine.system.files import real_path
from engine.system.reading import read_whole
from engine.system.walk import files_below, has_suffix

if TYPE_CHECKING:
    from engine.policy.tables.rows import LaidTable

CAPABILITIES = "capabilities.json"
DATA = "data.yaml"
TRUST = "trust"
MAX_FILE_BYTES = 1024 * 1024
MAX_FILES = 1000
MAX_TOTAL_BYTES = 16 * 1024 * 1024
"""Of all files together, which is what an archive of the policy may have."""
MAX_REGO_BYTES = 512 * 1024
"""Of all Rego together that is compiled; OPA takes seconds for it. What ships has a quarter."""
MAX_PATH = 90

_PATH = re.compile(r"(?:[A-Za-z0-9_][A-Za-z0-9_.-]*/)*[A-Za-z0-9_][A-Za-z0-9_.-]*")
_DATA_LIKE = (".json", ".yaml", ".yml")


@dataclass(frozen=True, slots=True)
class Source:
    """One file of a policy.

    Attributes:
        shown: Path as a person would look for it; used in errors only.
        content: The bytes.
        laid: The table, where it was laid over the shipped one: it knows where each row stands.
        is_shipped: Whether it is as it ships, below a folder that does not have it.
    """

    shown: str
    content: bytes = field(repr=False)
    laid: LaidTable | None = field(default=None, repr=False, compare=False)
    is_shipped: bool = False


Sources: TypeAlias = Mapping[str, Source]
"""Files by their path below the policy folder, with ``/``."""


def is_source(path: str) -> bool:
    """Whether the file ``path`` of a policy folder is part of the policy."""
    if path.endswith(".rego"):
        return not path.endswith("_test.rego")
    return path == CAPABILITIES or path.rpartition("/")[2] == DATA or is_key(path)


def is_key(path: str) -> bool:
    """Whether the file ``path`` of a policy folder is a public key that the trust list may name."""
    folder, _, name = path.rpartition("/")
    return folder == TRUST and name.endswith(".pub.pem")


def is_path(path: str) -> bool:
    """Whether ``path`` is relative, plain ASCII, without ``..``, and fits an archive."""
    return len(path) <= MAX_PATH and _PATH.fullmatch(path) is not None


def read_sources(directory: Path) -> dict[str, Source]:
    """Return the policy's files below ``directory``, sorted by path.

    Raises:
        UsageError: No such folder, or nothing of a policy in it.
        ConfigError: A file is unreadable or too large, its path cannot be kept in an
            archive, or it looks like data under a name that no policy reads.
    """
    if not directory.is_dir():
        raise UsageError(f"{directory}: no such folder", "give the folder that holds the policies")
    found: dict[str, Source] = {}
    total = 0
    for path in sorted(_paths(directory)):
        found[path] = read_source(directory / path)
        total += len(found[path].content)
        if total > MAX_TOTAL_BYTES:
            raise ConfigError(
                f"{directory}: more than {MAX_TOTAL_BYTES:,} bytes of policy files",
                "name the folder that holds the policies alone",
            )
    if not found:
        raise UsageError(
            f"{directory}: no policy in this folder",
            f"a policy is made of *.rego and <topic>/{DATA} files, laid out as in policies/",
        )
    if len(found) > MAX_FILES:
        raise ConfigError(
            f"{directory}: {len(found)} policy files", f"at most {MAX_FILES} are read"
        )
    return found


def require_outside(outputs: Iterable[Path], directory: Path | None) -> None:
    """Refuse an output that the next reader of the policies would read, or stop at.

    Args:
        outputs: Files that will be written.
        directory: The folder that the policies are read from; None is none.

    Raises:
        UsageError: One would be a policy's file, or look like one.
    """
    if directory is None:
        return
    folder = real_path(directory)
    for path in outputs:
        real = real_path(path)
        if not real.is_relative_to(folder):
            continue
        name = real.relative_to(folder).as_posix()
        if (is_source(name) or has_suffix(name, _DATA_LIKE)) and "/." not in f"/{name}":
            raise UsageError(
                f"{path}: lies among the policies in use, and is not written there",
                f"name a file outside of {directory}",
            )


def _paths(directory: Path) -> Iterator[str]:
    found = files_below(directory, is_source)
    for path in found.files:
        yield Path(path).relative_to(directory).as_posix()
    for path, same_as in found.left_out:
        name = path.rpartition("/")[2]
        if same_as:
            raise ConfigError(
                f"{path}: is the folder {same_as} once more", "copy it, or name it once"
            )
        if has_suffix(name, _DATA_LIKE) and not name.startswith("."):
            raise ConfigError(
                f"{path}: not a file that a policy reads",
                f"data lies in <topic>/{DATA}, such as limits/default/{DATA}",
            )


def read_source(path: Path) -> Source:
    """Return the file of a policy at ``path``.

    Raises:
        ConfigError: It cannot be read, or has more than :data:`MAX_FILE_BYTES`.
    """
    try:
        content = read_whole(path, MAX_FILE_BYTES)
    except OSError as error:
        hint = "split the file" if error.errno == errno.EFBIG else ""
        raise ConfigError(f"{path}: {(error.strerror or str(error)).lower()}", hint) from None
    return Source(str(path), content)


def check_rego(sources: Sources) -> None:
    """Refuse more Rego than is compiled in seconds, and what OPA would read as something else.

    Raises:
        ConfigError: There is more; names the largest file. Or a file has nothing in it, or begins
            with a byte order mark, behind which OPA sees no METADATA.
    """
    for path, source in sources.items():
        if path.endswith(".rego") and source.content.startswith(codecs.BOM_UTF8):
            raise ConfigError(
                f"{source.shown}:1:1: begins with a byte order mark (BOM)",
                "save it as UTF-8 without one",
            )
        if path.endswith(".rego") and not source.content.strip():
            raise ConfigError(
                f"{source.shown}: is empty", "remove it, or begin it with `package …`"
            )
    rego = {path: len(sources[path].content) for path in sources if path.endswith(".rego")}
    if (total := sum(rego.values())) > MAX_REGO_BYTES:
        largest = max(rego, key=rego.__getitem__)
        raise ConfigError(
            f"{total:,} bytes of Rego, and at most {MAX_REGO_BYTES:,} are compiled",
            f"{sources[largest].shown} has {rego[largest]:,} of them: tables of values are data, "
            f"and lie in <topic>/{DATA}",
        )


def check_paths(sources: Sources) -> None:
    """Refuse paths that cannot be kept in an archive on every system.

    Raises:
        ConfigError: Names the first such file.
    """
    for path, source in sources.items():
        if not is_path(path):
            raise ConfigError(
                f"{source.shown}: this path cannot be kept in a policy archive",
                f"use letters, digits, '_', '-' and '.', at most {MAX_PATH} characters",
            )


def sha256(content: bytes) -> str:
    """Return the SHA-256 of ``content``, 64 lowercase hex digits."""
    return hashlib.sha256(content).hexdigest()


def hashes(sources: Sources) -> dict[str, str]:
    """Return the SHA-256 of every file, by path, sorted."""
    return {path: sha256(sources[path].content) for path in sorted(sources)}


def revision(digests: Iterable[tuple[str, str]]) -> str:
    """Return R: what decides whether a compiled module fits a set of sources.

    Args:
        digests: (path, SHA-256) of the sources. Only Rego and the capabilities count: data
            is loaded beside the module, and keys become data.

    Returns:
        SHA-256 over the sorted lines ``<sha256>  <path>``, as ``sha256sum`` prints them.
    """
    counted = (
        (path, digest) for path, digest in digests if not path.endswith(DATA) and not is_key(path)
    )
    lines = sorted(f"{digest}  {path}\n" for path, digest in counted)
    return sha256("".join(lines).encode())

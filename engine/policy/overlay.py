"""A folder of policy files laid over the shipped policy: data row by row, the rest file by file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from engine.errors import ConfigError, PolicyBuildError, UsageError, VerificationError
from engine.formats import canonical
from engine.policy import manifest, sources
from engine.policy.bundle import (
    DATA_JSON,
    MANIFEST,
    SOURCES,
    WASM,
    PolicyBundle,
    opened,
    shipped_bundle,
    shipped_folder,
)
from engine.policy.includes import with_includes
from engine.policy.sources import DATA, Source, Sources
from engine.policy.tables import data
from engine.policy.tables.nodes import read
from engine.policy.tables.rows import GATES, laid_over
from engine.system.reading import read_whole

BUILT = ".tar"
"""Suffix of a policy that is built into one file."""


def load_policies(directory: Path | None, *, opa: Path | Callable[[], Path] | None) -> PolicyBundle:
    """Return the shipped policy with the files of ``directory`` laid over it.

    Rows of data are laid over the shipped rows, see :mod:`engine.policy.tables.rows`; any other
    file replaces the shipped one of the same path, or is added. Changed data needs no OPA;
    changed Rego is compiled. What ``engine policy build`` wrote, a folder or one file, is taken as
    it is.

    Args:
        directory: Laid out as ``policies/``, or what was built; None gives the shipped policy.
        opa: OPA's binary, or what finds it once changed Rego needs it; None when there is none.

    Raises:
        UsageError: No such folder, or no policy in it.
        ConfigError: Data is wrong; says file, line and key. Or a file that no build wrote.
        PolicyBuildError: Rego does not compile, or would have to be and there is no OPA.
    """
    if directory is None:
        return shipped_bundle()
    if directory.is_file():
        return _built(directory)
    if (directory / MANIFEST).is_file():
        return opened(directory, directory / "policies")
    shipped = shipped_bundle()
    given = sources.read_sources(directory)
    files = merged(shipped, given)
    if sources.revision(sources.hashes(files).items()) == shipped.revision:
        return with_data(shipped, files)
    changed = _changed_rule(shipped, files)
    if opa is None:
        from engine.policy.build import GET_OPA

        raise PolicyBuildError(
            f"{changed} differs from the shipped rules and has to be compiled",
            f"give a folder that `engine policy build` wrote, or OPA: {GET_OPA}",
        )
    from engine.policy.build import compile_policies

    if not isinstance(opa, Path):
        try:
            opa = opa()
        except UsageError as error:
            raise UsageError(
                f"{changed} differs from the shipped rules and has to be compiled: {error.message}",
                error.hint,
            ) from None
    return compile_policies(files, opa)


def _built(file: Path) -> PolicyBundle:
    """The policy in one file: whole and, by its own digests, unchanged."""
    from engine.proof.archive import MAX_BYTES

    try:
        return PolicyBundle.from_archive(read_whole(file, MAX_BYTES))
    except OSError as error:
        raise ConfigError(f"{file}: {(error.strerror or str(error)).lower()}", _BUILT) from None
    except VerificationError as error:
        raise ConfigError(f"{file}: {error.message}", _BUILT) from None


_BUILT = f"give a folder of policies, or what `engine policy build --out NAME{BUILT}` wrote"


def _changed_rule(shipped: PolicyBundle, files: Sources) -> str:
    """Name the first file that is not as it ships, of those that are compiled."""
    digests = sources.hashes(files)
    names = (path for path in digests if digests[path] != shipped.source_digests.get(path))
    return next(files[path].shown for path in names if not path.endswith(DATA))


def merged(shipped: PolicyBundle, given: Sources) -> dict[str, Source]:
    """Return the shipped policy's files with ``given`` laid over them, sorted by path.

    Raises:
        ConfigError: Data of ``given`` is no YAML, or takes away what is not there.
    """
    folder = shipped_folder("policies")
    kept = {
        path: Source(str(folder / path), shipped.file(f"{SOURCES}{path}"), is_shipped=True)
        for path in shipped.source_digests
    }
    return laid_sources(kept, given)


def laid_sources(shipped: Sources, given: Sources) -> dict[str, Source]:
    """Return ``given`` laid over ``shipped``, data row by row, the rest by path; sorted by path.

    What the gates then include is in their modules, see :mod:`engine.policy.includes`.

    Raises:
        ConfigError: As :func:`merged`.
    """
    laid = {
        path: _laid(shipped[path], source, path)
        if path in shipped and path.rpartition("/")[2] == DATA
        else source
        for path, source in given.items()
    }
    files = dict(sorted({**shipped, **laid}.items()))
    if any(path.endswith(".rego") or path.startswith(f"{GATES}/") for path in given):
        return with_includes(files)
    return files


def _laid(shipped: Source, own: Source, path: str) -> Source:
    """The folder's table laid over the shipped one; as it is where that adds nothing to it."""
    table = laid_over(
        path.removesuffix(f"/{DATA}"),
        read(shipped.shown, shipped.content),
        read(own.shown, own.content),
    )
    content = own.content if table.root is table.own else canonical.encode(table.root.value)
    return Source(own.shown, content, table)


def with_data(compiled: PolicyBundle, files: Sources) -> PolicyBundle:
    """Return the bundle of ``files``, whose Rego is that of ``compiled``. Needs no OPA.

    Raises:
        ConfigError: Data is wrong; says file, line and key.
    """
    sources.check_paths(files)
    data_json = data.resolve(files, {check.id: check for check in compiled.checks()})
    changed = manifest.decode(compiled.manifest)._replace(
        sources=sources.hashes(files),
        files={WASM: compiled.wasm_digest, DATA_JSON: sources.sha256(data_json)},
    )

    def read(name: str) -> bytes:
        if name == WASM:
            return compiled.wasm
        return data_json if name == DATA_JSON else files[name.removeprefix(SOURCES)].content

    return PolicyBundle(manifest.encode(changed), read)

"""A folder's files laid over the shipped ones: data row by row, the rest file by file. Pure."""

from __future__ import annotations

from engine.formats import canonical
from engine.policy import manifest, sources
from engine.policy.bundle import DATA_JSON, SOURCES, WASM, PolicyBundle, shipped_folder
from engine.policy.includes import with_includes
from engine.policy.sources import DATA, Source, Sources
from engine.policy.tables import data
from engine.policy.tables.nodes import read
from engine.policy.tables.rows import GATES, laid_over


def changed_rule(shipped: PolicyBundle, files: Sources) -> str:
    """Return the name of the first file that is not as it ships, of those that are compiled."""
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

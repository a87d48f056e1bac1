"""The policies that a folder or a built file makes: laid over the shipped ones, or as built."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from engine.errors import ConfigError, PolicyBuildError, UsageError, VerificationError
from engine.policy import sources
from engine.policy.bundle import MANIFEST, SOURCES, PolicyBundle, opened, shipped_bundle
from engine.policy.evaluators.module_cache import ModuleCache
from engine.policy.sources import Source
from engine.system.reading import read_whole
from engine.system.version import __version__

BUILT = ".tar"
"""Suffix of a policy that is built into one file."""
APPROVALS = ".approvals.json"
"""Behind the name of a built policy: the file of its approvals."""
_HELD = ".held"
"""Suffix, in the cache, of the built policies that were held against their sources."""


def load_policies(
    directory: Path | None,
    *,
    opa: Path | Callable[[], Path] | None,
    cache: Path | None = None,
    is_pinned: Callable[[], bool] = lambda: True,
) -> PolicyBundle:
    """Return the shipped policy with the files of ``directory`` laid over it.

    Rows of data are laid over the shipped rows, see :mod:`engine.policy.tables.rows`; any other
    file replaces the shipped one of the same path, or is added. Changed data needs no OPA;
    changed Rego is compiled. What ``engine policy build`` wrote, a folder or one file, is taken as
    it is.

    Args:
        directory: Laid out as ``policies/``, or what was built; None gives the shipped policy.
        opa: OPA's binary, or what finds it once changed Rego needs it; None when there is none.
        cache: Where compiled Rego is kept, see :mod:`engine.policy.compiled`, and which built
            policies were held against their sources; None keeps nothing.
        is_pinned: Whether ``opa`` is the OPA that compiled what is kept; asked where Rego is
            changed.

    Raises:
        UsageError: No such folder, or no policy in it.
        ConfigError: Data is wrong; says file, line and key. Or a file that no build wrote.
        PolicyBuildError: Rego does not compile, or would have to be and there is no OPA.
    """
    if directory is None:
        return shipped_bundle()
    if directory.is_file() or (directory.suffix == BUILT and not directory.exists()):
        return _built(directory, cache)
    if (directory / MANIFEST).is_file():
        bundle = opened(directory, directory / "policies")
        _require_of_sources(directory, bundle, cache)
        return bundle
    from engine.policy.laying import changed_rule, merged, with_data  # what was built needs none

    shipped = shipped_bundle()
    given = sources.read_sources(directory)
    files = merged(shipped, given)
    if sources.revision(sources.hashes(files).items()) == shipped.revision:
        return with_data(shipped, files)
    changed = changed_rule(shipped, files)
    if opa is None:
        from engine.policy.build import GET_OPA

        raise PolicyBuildError(
            f"{changed} differs from the shipped rules and has to be compiled",
            GET_OPA,
        )
    from engine.policy.build import compile_policies
    from engine.policy.compiled import keep_compiled, load_compiled

    try:
        folder = cache if cache is not None and is_pinned() else None
        if folder is not None and (kept := load_compiled(folder, files)) is not None:
            return kept
        opa = opa if isinstance(opa, Path) else opa()
    except UsageError as error:
        raise UsageError(
            f"{changed} differs from the shipped rules and has to be compiled: {error.message}",
            error.hint,
        ) from None
    bundle = compile_policies(files, opa)
    if folder is not None:
        keep_compiled(folder, files, bundle)
    return bundle


def _built(file: Path, cache: Path | None) -> PolicyBundle:
    """The policy in one file: whole and, by its own digests, unchanged."""
    from engine.proof.archive import MAX_BYTES

    try:
        bundle = PolicyBundle.from_archive(read_whole(file, MAX_BYTES))
    except OSError as error:
        raise ConfigError(f"{file}: {(error.strerror or str(error)).lower()}", _BUILT) from None
    except VerificationError as error:
        raise ConfigError(f"{file}: {error.message}", _BUILT) from None
    _require_of_sources(file, bundle, cache)
    return bundle


def built_sources(file: Path, bundle: PolicyBundle) -> dict[str, Source]:
    """Return the sources that a built policy holds, each by the name that an error says."""
    return {
        path: Source(f"{file}: {path}", bundle.file(f"{SOURCES}{path}"))
        for path in bundle.source_digests
    }


def _require_of_sources(file: Path, bundle: PolicyBundle, cache: Path | None) -> None:
    """Refuse a built policy that is not what its own sources give, as far as that needs no OPA.

    Its data always; with the shipped rules its module, gates and checks as well. Rules of one's own
    are compiled again where somebody approves them: ``engine policy sign``. That a policy is what
    its sources give is remembered by its digest, which covers both.
    """
    held = ModuleCache(cache, _HELD) if cache is not None else None
    name = sources.sha256(f"{__version__}\n{shipped_bundle().digest}\n{bundle.digest}\n".encode())
    if held is not None and held.load(name) is not None:
        return
    _compare_with_sources(file, bundle)
    if held is not None:
        held.keep(name, b"")


def _compare_with_sources(file: Path, bundle: PolicyBundle) -> None:
    from engine.policy.laying import with_data
    from engine.policy.tables import data

    files, shipped = built_sources(file, bundle), shipped_bundle()
    if bundle.revision == shipped.revision:
        is_same = with_data(shipped, files).manifest == bundle.manifest
    else:
        checks = {check.id: check for check in bundle.checks()}
        is_same = data.resolve(files, checks) == bundle.data_bytes
    if not is_same:
        raise ConfigError(f"{file}: is not what the sources in it give", _BUILT_ANEW)


def require_compiled_of_sources(file: Path, bundle: PolicyBundle, opa: Callable[[], Path]) -> None:
    """Refuse a built policy whose module, gates and checks are not what its own sources compile to.

    Whoever approves a policy reads its sources; what decides is the module.

    Args:
        file: It.
        bundle: What is in it, from :func:`load_policies`, which has compared what needs no OPA.
        opa: Finds OPA; called where the rules are not the shipped ones.

    Raises:
        ConfigError: They are another's.
        UsageError: There is no OPA of the version that the engine compiles with.
        PolicyBuildError: The sources do not compile.
    """
    if bundle.revision == shipped_bundle().revision:
        return
    from engine.policy.build import compile_policies

    if compile_policies(built_sources(file, bundle), opa()).manifest != bundle.manifest:
        raise ConfigError(f"{file}: is not what the sources in it compile to", _BUILT_ANEW)


_BUILT = f"give a folder of policies, or what `engine policy build --out NAME{BUILT}` wrote"
_BUILT_ANEW = (
    "have it built anew, by this engine, of sources that you have read: engine policy build"
)

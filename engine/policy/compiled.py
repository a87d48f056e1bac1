"""Compiled Rego, kept between runs, so that OPA compiles the same rules once.

What is kept is found by the digest of all that is compiled, Rego and capabilities, of the engine
and of OPA's version. Data is no part of it: it is read anew each time, from the folder, as are the
sources. So of what is kept only the module counts and what METADATA says, and those as far as
:mod:`engine.policy.evaluators.module_cache` trusts a folder: the user's own, closed to all others.
"""

from __future__ import annotations

from pathlib import Path

from engine.errors import PolicyError, VerificationError
from engine.policy import sources
from engine.policy.build import OPA_VERSION
from engine.policy.bundle import PolicyBundle
from engine.policy.evaluators.module_cache import ModuleCache
from engine.policy.laying import with_data
from engine.policy.sources import Sources
from engine.system.version import __version__

_SUFFIX = ".policy"


def load_compiled(cache: Path, files: Sources) -> PolicyBundle | None:
    """Return the bundle of ``files`` whose Rego was compiled before; None where it was not.

    Raises:
        ConfigError: Data is wrong; says file, line and key.
    """
    archive = ModuleCache(cache, _SUFFIX).load(_name(files))
    if archive is None:
        return None
    try:
        compiled = PolicyBundle.from_archive(archive)
    except (PolicyError, VerificationError):
        return None
    fits = (_revision(files), OPA_VERSION) == (compiled.revision, compiled.opa_version)
    return with_data(compiled, files) if fits else None


def keep_compiled(cache: Path, files: Sources, bundle: PolicyBundle) -> None:
    """Keep the ``bundle`` that was compiled of ``files``, by the OPA that is pinned."""
    if bundle.opa_version == OPA_VERSION:
        ModuleCache(cache, _SUFFIX).keep(_name(files), bundle.archive())


def _name(files: Sources) -> str:
    return sources.sha256(f"{__version__}\n{OPA_VERSION}\n{_revision(files)}\n".encode())


def _revision(files: Sources) -> str:
    return sources.revision(sources.hashes(files).items())

"""Compile ``policies/`` into ``engine/_data``; with ``--check`` only compare with what is there.

What the gates include is data: the modules that the build makes of it lie in ``policies/`` too, so
that OPA alone can check and test that folder.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

from engine.errors import GovernanceError
from engine.policy.build import build, find_opa
from engine.policy.bundle import SOURCES, PolicyBundle
from engine.policy.includes import MODULE

ROOT = Path(__file__).resolve().parents[1]
COMMITTED = ROOT / "engine" / "_data"
FILES = ("manifest.json", "data.json", "policy.wasm", "policy-rego.tar.gz")


def main(arguments: list[str]) -> int:
    if arguments not in ([], ["--check"]):
        print("usage: build_bundle.py [--check]", file=sys.stderr)
        return 2
    try:
        with tempfile.TemporaryDirectory() as folder:
            out = Path(folder) if arguments else COMMITTED
            opa = find_opa(os.environ)
            bundle = build(ROOT / "policies", out, opa, keep_sources=False)
            if not arguments:
                write_modules(bundle)
            changed = [*different(out, COMMITTED), *different_modules(bundle)]
    except GovernanceError as error:
        print(error, file=sys.stderr)
        return 1
    if changed:
        print(f"{', '.join(changed)} differ from policies/", file=sys.stderr)
        print("build and commit them: python tools/build_bundle.py", file=sys.stderr)
        return 1
    print(f"policy {bundle.digest}")
    return 0


def different(new: Path, old: Path) -> list[str]:
    """Return the names of the bundle's files that are not the same in both folders."""
    return [
        f"engine/_data/{name}"
        for name in FILES
        if not (old / name).is_file() or (new / name).read_bytes() != (old / name).read_bytes()
    ]


def write_modules(bundle: PolicyBundle) -> None:
    """Write the modules that say in Rego what each gate includes."""
    for path in different_modules(bundle):
        (ROOT / path).write_bytes(bundle.file(SOURCES + path.removeprefix("policies/")))


def different_modules(bundle: PolicyBundle) -> list[str]:
    """Return the paths of such modules that are not as the build makes them."""
    modules = [path for path in bundle.source_digests if path.endswith(f"/{MODULE}")]
    return [
        f"policies/{path}"
        for path in modules
        if not (file := ROOT / "policies" / path).is_file()
        or file.read_bytes() != bundle.file(SOURCES + path)
    ]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

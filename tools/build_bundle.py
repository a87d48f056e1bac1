"""Compile ``policies/`` into ``engine/_data``; with ``--check`` only compare with what is there."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

from engine.errors import GovernanceError
from engine.policy.build import build, find_opa

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
            changed = different(out, COMMITTED)
    except GovernanceError as error:
        print(error, file=sys.stderr)
        return 1
    if changed:
        print(f"engine/_data: {', '.join(changed)} differ from policies/", file=sys.stderr)
        print("build and commit them: python tools/build_bundle.py", file=sys.stderr)
        return 1
    print(f"policy {bundle.digest}")
    return 0


def different(new: Path, old: Path) -> list[str]:
    """Return the names of the bundle's files that are not the same in both folders."""
    return [
        name
        for name in FILES
        if not (old / name).is_file() or (new / name).read_bytes() != (old / name).read_bytes()
    ]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

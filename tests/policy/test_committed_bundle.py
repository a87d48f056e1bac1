"""The compiled policy that is committed is the one that the sources give."""

from __future__ import annotations

import re
from pathlib import Path

from engine.policy.build import OPA_VERSION, build
from engine.policy.bundle import PolicyBundle, shipped_bundle
from tests.repository import ROOT

COMMITTED = ROOT / "engine" / "_data"


def test_rebuilding_gives_the_committed_bytes(opa: Path, tmp_path: Path) -> None:
    build(ROOT / "policies", tmp_path, opa, keep_sources=False)

    built = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    committed = {path.name: path.read_bytes() for path in COMMITTED.iterdir() if path.is_file()}
    assert built.keys() == committed.keys()
    differing = [name for name in built if built[name] != committed[name]]
    assert differing == [], "build and commit: python tools/build_bundle.py"


def test_the_shipped_bundle_and_its_sources_make_one_archive() -> None:
    bundle = shipped_bundle()

    archive = bundle.archive()

    assert PolicyBundle.from_archive(archive).digest == bundle.digest
    assert bundle.server_archive() == (COMMITTED / "policy-rego.tar.gz").read_bytes()


def test_the_opa_that_compiles_is_the_one_that_is_pinned() -> None:
    pinned = re.search(
        r"^\s*github\.com/open-policy-agent/opa v(\S+)",
        (ROOT / "tools" / "go.mod").read_text(),
        re.MULTILINE,
    )

    assert pinned is not None
    assert pinned[1] == OPA_VERSION == shipped_bundle().opa_version

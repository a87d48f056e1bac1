"""What a release consists of: built twice with equal bytes, its bill of materials, its image."""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
from pathlib import Path

import pytest

from tests.repository import ROOT
from tools import release
from tools.release import ReleaseError


def test_builds_that_differ_are_refused() -> None:
    release.require_equal({"a.whl": b"1"}, {"a.whl": b"1"})
    with pytest.raises(ReleaseError, match=r"two builds of one commit differ in a\.whl$"):
        release.require_equal({"a.whl": b"1", "b": b""}, {"a.whl": b"2", "b": b""})
    with pytest.raises(ReleaseError, match=r"differ in b$"):
        release.require_equal({"a.whl": b"1"}, {"a.whl": b"1", "b": b""})


def test_nothing_is_written_beside_another_build(tmp_path: Path) -> None:
    (tmp_path / "old.whl").touch()
    with pytest.raises(ReleaseError, match="is not empty"):
        release.release("HEAD", tmp_path)


def test_a_commit_without_a_tag_is_not_released(tmp_path: Path) -> None:
    first = release.git(ROOT, "rev-list", "--max-parents=0", "HEAD").split()[-1]
    with pytest.raises(ReleaseError, match="has no tag"):
        release.release(first, tmp_path / "dist", tagged=True)


@pytest.fixture(scope="module")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("release") / "dist"
    release.release("HEAD", out)
    return out


def only(folder: Path, pattern: str) -> Path:
    (found,) = folder.glob(pattern)
    return found


@pytest.mark.system
def test_a_release_names_all_that_is_in_it(dist: Path) -> None:
    lines = (dist / release.SUMS).read_text().splitlines()
    sums = {name: digest for digest, name in (line.split("  ") for line in lines)}
    assert sums == {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in dist.iterdir()
        if path.name != release.SUMS
    }
    wheel = only(dist, "*.whl")
    bill = json.loads(only(dist, "*.cdx.json").read_text())
    about = bill["metadata"]["component"]
    assert about["hashes"] == [{"alg": "SHA-256", "content": sums[wheel.name]}]
    assert about["version"] == wheel.name.split("-")[1]
    named = {component["name"] for component in bill["components"]}
    pinned = re.findall(r"^([a-z0-9-]+)==", only(dist, "*.requirements.txt").read_text(), re.M)
    assert {"cryptography", "wasmtime", "orjson"} <= set(pinned) <= named
    assert "duckdb" in named, "an extra is part of the bill, too"


@pytest.mark.system
def test_the_image_is_built_of_the_release_alone(dist: Path, tmp_path: Path) -> None:
    """Its steps are run here: a container needs a base image from a registry."""
    build, image = (ROOT / "Containerfile").read_text().split("\nFROM ")[1:]
    for step in re.findall(r"^RUN (.+)$", build, re.M):
        here = step.replace("/opt/engine", str(tmp_path / "engine")).replace("/dist", str(dist))
        subprocess.run(["/bin/sh", "-euc", here], check=True, cwd=tmp_path, timeout=300)
    decided = subprocess.run(
        ["/bin/sh", "-c", "engine example promote | engine decide - --dry-run"],
        env={"PATH": f"{tmp_path}/engine/bin:/usr/bin:/bin", "HOME": str(tmp_path)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert decided.returncode == 5, decided.stderr
    assert "PROMOTE" in decided.stdout
    assert re.search(r"^USER 10001:10001$", image, re.M), "never root"
    assert re.search(r'^ENTRYPOINT \["engine"\]$', image, re.M)

from __future__ import annotations

import gzip
import io
import json
import subprocess
import tarfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.policy.build import compile_policies
from engine.policy.server_archive import gzip as stored
from tests.policy.toys import toy


@given(st.binary(max_size=70_000))
def test_gzip_reads_back_what_was_stored(content: bytes) -> None:
    assert gzip.decompress(stored(content)) == content


@pytest.mark.parametrize("size", [0, 1, 65_535, 65_536, 131_070, 200_000])
def test_long_contents_are_split_into_stored_blocks(size: int) -> None:
    content = bytes(range(256)) * (size // 256 + 1)

    assert gzip.decompress(stored(content[:size])) == content[:size]


def test_the_archive_holds_the_rego_the_data_and_the_policy_digest(opa: Path) -> None:
    bundle = compile_policies(toy(), opa)

    with tarfile.open(fileobj=io.BytesIO(bundle.server_archive())) as archive:
        members = archive.getmembers()
        files = {member.name: archive.extractfile(member).read() for member in members}  # type: ignore[union-attr]

    manifest = json.loads(files.pop(".manifest"))
    assert manifest == {"revision": bundle.digest, "roots": [""], "rego_version": 1}
    assert files == {
        "data.json": bundle.data_bytes,
        "promotion/promotion.rego": toy()["promotion/promotion.rego"].content,
    }
    assert {(member.mtime, member.uid, member.mode) for member in members} == {(0, 0, 0o644)}


def test_opa_takes_it_for_a_bundle(opa: Path, tmp_path: Path) -> None:
    bundle = compile_policies(toy(), opa)
    (tmp_path / "policy-rego.tar.gz").write_bytes(bundle.server_archive())

    inspected = subprocess.run(
        [opa, "inspect", "--format", "json", tmp_path / "policy-rego.tar.gz"],
        capture_output=True,
        check=True,
    )

    assert json.loads(inspected.stdout)["manifest"]["revision"] == bundle.digest

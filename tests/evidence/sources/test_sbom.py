"""Bills of materials: what they list, what they leave open, and whether they are about the subject."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from engine.errors import GovernanceError
from engine.evidence.sources import SourceRequest, sbom
from engine.model import Json
from engine.settings.table import Table
from tests.evidence.sources.reports import NOW, REAL, read, read_text, values

DIGEST = "ab" * 32


def cyclonedx(*components: Json, digest: str = DIGEST) -> Json:
    about = {"name": "shop", "hashes": [{"alg": "SHA-256", "content": digest}]}
    metadata = {"timestamp": "2026-12-01T10:00:00Z", "component": about}
    return {"bomFormat": "CycloneDX", "metadata": metadata, "components": list(components)}


def spdx(*packages: Json, digest: str = DIGEST) -> Json:
    """By SPDX 2.3's own schema: no tool that writes it could be had."""
    checksum = {"algorithm": "SHA256", "checksumValue": digest}
    root = {"SPDXID": "SPDXRef-root", "name": "shop", "checksums": [checksum]}
    related = {"relationshipType": "DESCRIBES", "relatedSpdxElement": "SPDXRef-root"}
    head = {"spdxVersion": "SPDX-2.3", "SPDXID": "SPDXRef-DOCUMENT", "relationships": [related]}
    return {
        **head,
        "packages": [root, *packages],
        "creationInfo": {"created": "2026-12-01T10:00:00Z"},
    }


def about(folder: Path, document: Json) -> Json:
    (folder / "report").write_text(json.dumps(document))
    table = Table("gather.toml", "", {"path": "report"})
    subject = {"name": "shop", "digest": {"sha256": DIGEST}}
    found = sbom.read(SourceRequest(table, folder, NOW, {}, subject))
    return found.metrics["security.sbom_about_subject"]["value"]


def test_what_a_real_tool_wrote_is_counted() -> None:
    assert values(read("sbom", REAL, "cyclonedx.json")) == {
        "sbom_components": 2,
        "sbom_without_version": 0,
        "sbom_without_licence": 2,
        "sbom_about_subject": "undefined",
    }


@pytest.mark.parametrize(
    "document",
    [
        cyclonedx(
            {"name": "a", "version": "1", "licenses": [{"license": {"id": "MIT"}}]},
            {"name": "b", "licenses": [{"expression": "NOASSERTION"}], "components": [{"name": "c", "version": "3"}]},
        ),
        spdx(
            {"SPDXID": "a", "name": "a", "versionInfo": "1", "licenseDeclared": "MIT"},
            {"SPDXID": "b", "name": "b", "licenseConcluded": "NOASSERTION"},
            {"SPDXID": "c", "name": "c", "versionInfo": "3", "licenseConcluded": "NONE"},
        ),
    ],
)  # fmt: skip
def test_components_are_counted_with_what_they_lack(tmp_path: Path, document: Json) -> None:
    evidence = read_text("sbom", tmp_path, json.dumps(document))
    counted = values(evidence)
    assert list(counted.values())[:3] == [3, 1, 2]
    assert evidence.metrics["security.sbom_components"]["observed_at"] == "2026-12-01T10:00:00Z"


def test_it_is_about_the_subject_where_it_names_its_digest(tmp_path: Path) -> None:
    row = {"SPDXID": "a", "name": "a"}
    for document in (cyclonedx(row), spdx(row)):
        assert about(tmp_path, document) is True
    for document in (cyclonedx(row, digest="cd" * 32), spdx(row, digest="cd" * 32)):
        assert about(tmp_path, document) is False
    assert about(tmp_path, {"bomFormat": "CycloneDX", "components": [row]}) is False


def test_no_component_is_no_pass(tmp_path: Path) -> None:
    for document in (cyclonedx(), spdx()):
        evidence = read_text("sbom", tmp_path, json.dumps(document))
        assert set(values(evidence).values()) == {"insufficient_data"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (json.dumps(cyclonedx({"version": "1"})), "/components/0: is not as CycloneDX writes it"),
        (json.dumps(cyclonedx(3)), "/components/0: is not as CycloneDX writes it"),
        (json.dumps(spdx({"name": "a"})), "/packages/1: is not as SPDX writes it"),
        (json.dumps(cyclonedx())[:-2], "is no whole JSON"),
        ("<bom/>", "is neither CycloneDX nor SPDX"),
        ("", "is empty"),
    ],
)
def test_a_bill_that_is_not_whole_is_an_error_with_its_place(
    tmp_path: Path, text: str, message: str
) -> None:
    with pytest.raises(GovernanceError) as caught:
        read_text("sbom", tmp_path, text)
    assert message in caught.value.message

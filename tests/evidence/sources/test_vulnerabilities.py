"""Vulnerabilities are counted one by one; a scanner that looked at nothing found nothing out.

pip-audit's report is a real one. Of npm audit, Trivy, Grype, OSV-Scanner and CycloneDX the documented
form is followed: their databases could not be had.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from engine.errors import GovernanceError
from engine.model import Json
from tests.evidence.sources.reports import REAL, read, read_text, values


def pip(*dependencies: Json) -> Json:
    return {"dependencies": list(dependencies), "fixes": []}


def package(*vulns: Json, name: str = "a") -> Json:
    return {"name": name, "version": "1", "vulns": list(vulns)}


def npm(total: int = 1, dependencies: int = 9, **via: Json) -> Json:
    advisory = {"source": 1, "name": "a", "severity": "moderate", "range": "<2", **via}
    rows = {
        "a": {"name": "a", "severity": "low", "via": [advisory], "fixAvailable": True},
        "b": {"name": "b", "severity": "low", "via": ["a"], "fixAvailable": False},
    }
    counted = {"vulnerabilities": {"total": total}, "dependencies": {"total": dependencies}}
    return {"auditReportVersion": 2, "vulnerabilities": rows, "metadata": counted}


def trivy(*found: Json, **more: Json) -> Json:
    result = {"Target": "app", "Type": "pip", "Vulnerabilities": list(found), **more}
    head = {"SchemaVersion": 2, "CreatedAt": "2026-12-01T10:00:00Z", "ArtifactName": "app"}
    return {**head, "Results": [result]}


def hole(severity: str = "HIGH", **more: Json) -> Json:
    names = {"VulnerabilityID": "CVE-1", "PkgName": "a", "InstalledVersion": "1"}
    return {**names, "Severity": severity, "PublishedDate": "2026-11-02T12:00:00Z", **more}


def grype(severity: str, *, ignored: bool = False) -> Json:
    match = {
        "vulnerability": {"id": "CVE-1", "severity": severity, "fix": {"state": "fixed"}},
        "artifact": {"name": "a", "version": "1"},
    }
    rows = {"matches": [] if ignored else [match], "ignoredMatches": [match] if ignored else []}
    return {**rows, "source": {}, "descriptor": {"name": "grype"}}


def osv(**group: Json) -> Json:
    known = [
        {"id": "GHSA-1", "published": "2026-11-22T12:00:00Z", "aliases": ["CVE-1"]},
        {"id": "CVE-1", "affected": [{"ranges": [{"events": [{"fixed": "2"}]}]}]},
    ]
    about = {"package": {"name": "a", "version": "1"}, "vulnerabilities": known}
    about["groups"] = [{"ids": ["GHSA-1", "CVE-1"], **group}]
    return {"results": [{"source": {"path": "lock"}, "packages": [about]}]}


def cyclonedx(*ratings: Json, **more: Json) -> Json:
    row = {"id": "CVE-1", "ratings": list(ratings), "affects": [{"ref": "a"}], **more}
    return {"bomFormat": "CycloneDX", "specVersion": "1.6", "vulnerabilities": [row]}


def found(folder: Path, document: Json) -> dict[str, Json]:
    counted = values(read_text("vulnerabilities", folder, json.dumps(document)))
    return {name.removeprefix("vulnerabilities_"): n for name, n in counted.items() if n != 0}


def test_a_real_audit_that_skipped_everything_is_no_pass() -> None:
    evidence = read("vulnerabilities", REAL, "pip-audit.json")
    counted = values(evidence)
    assert counted["dependencies_skipped"] == 2
    assert counted["dependencies_scanned"] == 0
    assert counted["vulnerabilities_critical"] == "insufficient_data"
    assert "pip-audit.json: no dependency was looked at" in evidence.notes


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        (pip(package()), {"dependencies_scanned": 1}),
        (
            pip(package({"id": "P-1", "fix_versions": ["2"]}, {"id": "P-2", "fix_versions": []})),
            {"unrated": 2, "fixable": 1, "oldest_days": "undefined", "dependencies_scanned": 1},
        ),
        (npm(), {"medium": 1, "fixable": 1, "oldest_days": "undefined", "dependencies_scanned": 9}),
        (npm(severity="none"), {"unrated": 1, "fixable": 1, "oldest_days": "undefined", "dependencies_scanned": 9}),
        (trivy(), {}),
        (trivy(hole(), hole()), {"high": 1, "oldest_days": 30}),
        (trivy(hole("UNKNOWN", FixedVersion="2")), {"unrated": 1, "fixable": 1, "oldest_days": 30}),
        (trivy(hole("CRITICAL", PublishedDate="soon")), {"critical": 1, "oldest_days": "undefined"}),
        (grype("Negligible"), {"low": 1, "fixable": 1, "oldest_days": "undefined"}),
        (grype("Critical", ignored=True), {"critical": 1, "fixable": 1, "oldest_days": "undefined"}),
        (osv(max_severity="9.8"), {"critical": 1, "fixable": 1, "oldest_days": 10}),
        (osv(max_severity=""), {"unrated": 1, "fixable": 1, "oldest_days": 10}),
        (osv(max_severity="NaN"), {"unrated": 1, "fixable": 1, "oldest_days": 10}),
        (cyclonedx({"severity": "low"}, {"score": 7.5}), {"high": 1, "oldest_days": "undefined"}),
        (cyclonedx({"severity": "none"}), {"unrated": 1, "oldest_days": "undefined"}),
        (cyclonedx(), {"unrated": 1, "oldest_days": "undefined"}),
        (
            cyclonedx({"severity": "high"}, analysis={"state": "not_affected"}, published="2026-12-02T11:00:00Z"),
            {"high": 1},
        ),
    ],
)  # fmt: skip
def test_each_is_counted_by_its_severity(
    tmp_path: Path, document: Json, expected: dict[str, Json]
) -> None:
    assert found(tmp_path, document) == expected


@pytest.mark.parametrize(
    "document",
    [
        pip(),
        pip({"name": "a", "skip_reason": "private"}),
        npm(dependencies=0),
        {"SchemaVersion": 2, "ArtifactName": "app"},
    ],
)
def test_where_nothing_was_looked_at_nothing_is_known(tmp_path: Path, document: Json) -> None:
    assert found(tmp_path, document)["critical"] == "insufficient_data"


def test_what_is_not_understood_or_cleared_by_nobody_is_counted(tmp_path: Path) -> None:
    for document, what in (
        (trivy(Secrets=[{}]), "Trivy's Secrets"),
        (grype("low", ignored=True), "matches that Grype was told to ignore: they count"),
        (cyclonedx(analysis={"state": "resolved"}), "analyses that nobody signed: what they clear counts"),
    ):  # fmt: skip
        evidence = read_text("vulnerabilities", tmp_path, json.dumps(document))
        computed = evidence.metrics["security.vulnerabilities_low"]["computed"]
        assert computed["excluded"] == {f"not understood: {what}": 1}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (json.dumps(npm())[:-9], "is no whole JSON"),
        (json.dumps(npm()) + "{}", "is no whole JSON"),
        (json.dumps(npm(total=3)), "counts 3 vulnerable packages, and has 2"),
        (json.dumps(npm(dependencies=-1)), "metadata counts -1 dependencies"),
        (json.dumps(npm()).replace('Version": 2', 'Version": 1'), "version 1 where 2 is read"),
        (json.dumps(pip({"name": "a"})), "/dependencies/0: is not as pip-audit writes it"),
        (json.dumps(pip(package({"fix_versions": []}))), "/dependencies/0: is not as pip-audit"),
        (json.dumps(trivy(hole(PkgName=None))), "/Results/0: is not as Trivy writes it"),
        ('{"error": {"code": "ENOLOCK"}}', "is none of pip-audit"),
        ("<html>502</html>", "is none of pip-audit"),
        ("", "is empty"),
    ],
)
def test_a_report_that_is_not_whole_is_an_error_with_its_place(
    tmp_path: Path, text: str, message: str
) -> None:
    with pytest.raises(GovernanceError) as caught:
        read_text("vulnerabilities", tmp_path, text)
    assert message in caught.value.message
    assert caught.value.exit_code == 2

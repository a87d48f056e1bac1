"""``tools/check_schema.py``: OPA finds a misspelt name of the Input because of what it writes."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.repository import ROOT
from tools import check_schema

POLICIES = ROOT / "policies"
SCHEMA = ROOT / "schemas" / "opa-input.schema.json"


def opa_check(opa: Path, policies: Path) -> subprocess.CompletedProcess[str]:
    capabilities = str(policies / "capabilities.json")
    return subprocess.run(
        [opa, "check", "--strict", "--capabilities", capabilities, "-s", SCHEMA, policies],
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_committed_schema_is_what_the_catalogue_makes() -> None:
    assert check_schema.main(["--check"]) == 0


def test_a_stale_schema_fails_and_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    stale = tmp_path / "opa-input.schema.json"
    stale.write_text("{}")
    monkeypatch.setattr(check_schema, "ROOT", tmp_path)
    monkeypatch.setattr(check_schema, "SCHEMA", stale)

    assert check_schema.main(["--check"]) == 1
    assert "python tools/check_schema.py" in capsys.readouterr().err

    assert check_schema.main([]) == 0
    assert stale.read_bytes() == SCHEMA.read_bytes()
    assert check_schema.main(["--check"]) == 0


def test_an_unknown_argument_is_refused() -> None:
    assert check_schema.main(["--cheque"]) == 2


def test_every_metric_is_a_property_and_no_other_is_allowed() -> None:
    metrics = json.loads(SCHEMA.read_bytes())["properties"]["metrics"]
    made = check_schema.schema({"a.b": {"type": "series"}, "a.a": {"type": "boolean"}})

    assert metrics["additionalProperties"] is False
    assert "ethics.ece" in metrics["properties"]
    rows = made["properties"]["metrics"]["properties"]
    assert rows["a.a"]["properties"]["value"] == {"type": "boolean"}
    assert rows["a.b"]["properties"]["value"] == {"type": "array", "items": {"type": "number"}}


def test_opa_accepts_the_policies_by_it(opa: Path) -> None:
    done = opa_check(opa, POLICIES)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("file", "name", "misspelt"),
    [
        ("lib/gate/release.rego", "input.stage ==", "input.stagee =="),
        ("lib/check/attested.rego", "input.subject.digest", "input.subject.digset"),
        ("lib/check/attested.rego", "in input.attestations", "in input.attestation"),
    ],
)
def test_opa_finds_a_misspelt_name(
    opa: Path, tmp_path: Path, file: str, name: str, misspelt: str
) -> None:
    policies = shutil.copytree(POLICIES, tmp_path / "policies")
    text = (policies / file).read_text()
    assert name in text
    (policies / file).write_text(text.replace(name, misspelt))

    done = opa_check(opa, policies)

    assert done.returncode != 0
    assert "undefined ref: input." in done.stderr

"""The kind of a file is recognised by what stands in it: never by its name, and never wrongly."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from engine.errors import ConfigError, DocumentError, UsageError
from engine.evidence.detect import detect, is_configuration, recognised
from engine.evidence.sources.heads import Head
from tests.evidence.sources.reports import REAL
from tests.repository import ROOT

KINDS = {
    "coverage": ("cobertura.xml", "coverage.json", "jacoco.xml", "lcov.info"),
    "load": ("locust.json", "vegeta.json"),
    "sbom": ("cyclonedx.json",),
    "vulnerabilities": ("pip-audit.json",),
    "sarif": ("bandit.sarif", "semgrep.sarif"),
    "junit": ("pytest.xml", "surefire.xml", "go-junit-report.xml", "node.xml", "jest.xml"),
}
"""Every report that a real tool wrote, by its kind."""
LOOK_ALIKES: dict[str, bytes] = {
    **{
        f"a page {n}": page
        for n, page in enumerate(
            (
                b"<!DOCTYPE html><html><body>502 Bad Gateway</body></html>",
                b"<html><body><testsuites/></body></html>",
                b"<html>",
                b"<!-- testsuites -->",
                b"<svg xmlns='http://www.w3.org/2000/svg'/>",
                b"<?xml version='1.0'?><rss><channel/></rss>",
                b"<?xml version='1.0'?><project><modelVersion>4.0.0</modelVersion></project>",
                b"<?xml version='1.0'?><testsuitesx/>",
                b"<?xml version='1.0'?><testrun><testsuite/></testrun>",
                b"<?xml version='1.0'?><test-run><test-suite/></test-run>",
                b"<assemblies><assembly/></assemblies>",
                b"<coverage/>",
                b"<coverage generated='1' clover='4'><project/></coverage>",
                b"<report><title/></report>",
                b"<report><sheet name='shop'/></report>",
                b"<testsuites><suite/></testsuites>",
                b"<checkstyle version='8'><file/></checkstyle>",
                b"<pmd/>",
                b"<BugCollection/>",
                b"<bom/>",
            )
        )
    },
    **{
        f"json {n}": json.dumps(document).encode()
        for n, document in enumerate(
            (
                {},
                [],
                {"version": "2.1.0"},
                {"runs": 3},
                {"runs": [], "version": "2.0.0"},
                {"runs": [{"results": []}]},
                {"version": "2.1.0", "runs": {"tool": {}}},
                {"results": []},
                {"results": [{"id": 1}]},
                {"results": {}, "stats": {}},
                {"files": {}},
                {"files": {"a.py": {"executed_lines": [1]}}},
                {"meta": {}, "files": {}},
                {"totals": {"percent_covered": 100}},
                {"dependencies": {"a": "1"}},
                {"dependencies": [{"name": "a"}]},
                {"vulnerabilities": []},
                {"vulnerabilities": {"a": 1}},
                {"metrics": {}},
                {"metrics": {"a": 1}, "subject": {"name": "a"}},
                {"latencies": {"p99": 1}},
                {"bomFormat": "Other"},
                {"spdxVersion": 2},
                {"matches": []},
                {"Results": []},
                {"name": "a", "version": "1"},
                {"$schema": "https://json-schema.org/draft/2020-12/schema", "type": "object"},
                {"tests": 1, "failures": 0, "passed": True},
                {"numPassedTests": 3, "success": True},
                [{"endpoint": "/", "num_requests": 3}],
                [1, 2, 3],
                "a text",
            )
        )
    },
    **{
        f"text {n}": text
        for n, text in enumerate(
            (
                b"TN:\n",
                b"SF: is short for San Francisco\n",
                b"a,b\n1,2\n",
                b"passed\n",
                b"all 300 tests passed, coverage 100 %\n",
                b"\x00\x01\x02",
                b"PAR1",
                b"\x89PNG\r\n",
                b"subject = {name = 'a'}\n[[source]]\n",
                b"key: value\n",
            )
        )
    },
}


def kinds_of(data: bytes) -> set[str]:
    return set(recognised(Head(data)))


def test_every_report_of_a_real_tool_is_of_its_kind_and_no_other() -> None:
    expected = {name: {kind} for kind, names in KINDS.items() for name in names}
    found = {name: kinds_of((REAL / name).read_bytes()) for name in expected}
    assert found == expected


@pytest.mark.parametrize("name", LOOK_ALIKES)
def test_what_only_looks_like_a_report_is_of_no_kind(name: str) -> None:
    assert kinds_of(LOOK_ALIKES[name]) == set()


def test_there_are_enough_of_them() -> None:
    assert len(LOOK_ALIKES) >= 50


def test_a_name_says_nothing(tmp_path: Path) -> None:
    shutil.copy(REAL / "pytest.xml", tmp_path / "notes.txt")
    found = detect([str(tmp_path)]).files
    assert [(file.kind, file.why) for file in found] == [
        ("junit", "its first element is <testsuites>")
    ]
    (tmp_path / "junit.xml").write_text("<html/>")
    with pytest.raises(ConfigError, match=r"junit\.xml: no kind of source is recognised") as caught:
        detect([str(tmp_path)])
    assert caught.value.hint.startswith("say what it is")
    assert '[[source]]\nkind = "…"    # consent' in caught.value.hint
    assert f'path = "{tmp_path}/junit.xml"' in caught.value.hint


def test_what_could_be_of_two_kinds_is_asked_about(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from engine.evidence.sources import metrics

    monkeypatch.setattr(metrics, "recognise", lambda _: "it has no number")
    shutil.copy(REAL / "node.xml", tmp_path / "a.xml")
    with pytest.raises(ConfigError, match=r"could be of two kinds: junit .*, metrics ") as caught:
        detect([str(tmp_path / "a.xml")])
    assert 'kind = "junit"' in caught.value.hint


def test_a_folder_is_walked_within_bounds(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="holds no file"):
        detect([str(tmp_path)])
    deep = tmp_path.joinpath(*("d" * 33))
    deep.mkdir(parents=True)
    shutil.copy(REAL / "node.xml", deep / "a.xml")
    with pytest.raises(UsageError, match="more than 32 folders deep"):
        detect([str(tmp_path)])
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "empty.xml").touch()
    with pytest.raises(DocumentError, match="is empty"):
        detect([str(tmp_path / "b")])
    with pytest.raises(DocumentError, match="no such file"):
        detect([str(tmp_path / "nowhere.xml")])
    with pytest.raises(UsageError, match="standard input"):
        detect(["-", str(tmp_path)])


def test_a_hidden_file_that_was_not_looked_at_is_named(tmp_path: Path) -> None:
    shutil.copy(REAL / "node.xml", tmp_path / "a.xml")
    shutil.copy(REAL / "node.xml", tmp_path / ".b.xml")
    assert detect([str(tmp_path)]).lines[-1].startswith(f"{tmp_path}: 1 not looked at: ")


def test_a_configuration_is_one_by_its_sources(tmp_path: Path) -> None:
    example = ROOT / "examples" / "gather" / "gather.toml"
    shutil.copy(example, tmp_path / "plan")
    shutil.copy(REAL / "node.xml", tmp_path / "report")
    found = {name: is_configuration(str(tmp_path / name)) for name in ("plan", "report", "nothing")}
    assert found == {"plan": True, "report": False, "nothing": True}
    assert is_configuration("-")
    assert not is_configuration(str(tmp_path))

"""What only the command line can add to a report: places in files, and the ledger's tree."""

from __future__ import annotations

import base64
import json
from pathlib import Path

from engine.model import Json
from engine.proof import merkle
from engine.proof.envelope import open_envelope
from engine.report import FORMATS
from tests.cli.conftest import Engine


def results(text: str) -> dict[str, Json]:
    (run,) = json.loads(text)["runs"]
    return {
        result["ruleId"]: result["locations"][0]["physicalLocation"] for result in run["results"]
    }


def test_combined_files_are_named_each_for_its_own_metrics(engine: Engine) -> None:
    document = json.loads(engine("example", "block").out)
    ethics = {name: document["metrics"].pop(name) for name in list(document["metrics"])
              if name.startswith("ethics")}  # fmt: skip
    Path("rest.json").write_text(json.dumps(document))
    Path("ethics.json").write_text(json.dumps({**document, "metrics": ethics}))
    answer = engine("decide", "rest.json", "ethics.json", "--combine", "--format", "sarif")
    found = {rule: place["artifactLocation"]["uri"] for rule, place in results(answer.out).items()}
    assert found["ethics.ece"] == "ethics.json"
    assert found["privacy.pii_findings"] == "rest.json"


def test_yaml_and_a_missing_metric_have_a_place(engine: Engine) -> None:
    document = json.loads(engine("example", "promote").out)
    del document["metrics"]["slo.inp_p75_ms"]
    metrics = document.pop("metrics")
    lines = [f"{name}: {json.dumps(value)}" for name, value in document.items()]
    lines += ["metrics:", *(f"  {name}: {json.dumps(value)}" for name, value in metrics.items())]
    Path("m.yaml").write_text("\n".join(lines))
    answer = engine("decide", "m.yaml", "--format", "sarif")
    first = lines.index("metrics:") + 2
    assert results(answer.out)["slo.inp_p75_ms"]["region"] == {"startLine": first, "startColumn": 3}


def test_json_says_where_each_metric_stands_and_jsonl_does_not(engine: Engine) -> None:
    Path("m.json").write_text(engine("example", "block").out)
    decision = engine("decide", "m.json", "--format", "json", "--output", "jsonl=d.jsonl").json
    lines = Path("m.json").read_text().splitlines()
    ece = next(check for check in decision["checks"] if check["id"] == "ethics.ece")
    assert ece["location"]["file"] == decision["file"] == "m.json"
    assert '"ethics.ece"' in lines[ece["location"]["line"] - 1]
    assert "location" not in json.loads(Path("d.jsonl").read_text())["checks"][0]


def test_json_of_several_has_an_element_for_what_could_not_be_decided(engine: Engine) -> None:
    """INV-REPORT-2: a reader of all verdicts meets one that is none."""
    Path("a.json").write_text(engine("example", "promote").out)
    Path("b.json").write_text('{"metrics": {}}')
    answer = engine("decide", "a.json", "b.json", "--format", "json")
    assert answer.code == 2
    assert [(decision["file"], decision["verdict"]) for decision in answer.json] == [
        ("a.json", "PROMOTE"),
        ("b.json", None),
    ]
    assert answer.json[1]["error"]["exit_code"] == 2


def test_html_shows_the_path_that_the_exported_proof_has(engine: Engine) -> None:
    Path("m.json").write_text(engine("example", "block").out)
    for _ in range(4):
        engine("decide", "m.json")
    engine("decide", "m.json", "--format", "html", "--output", "html=d.html", "--export", "p.json")
    proof = json.loads(Path("p.json").read_text())
    page = Path("d.html").read_text()
    entry = base64.b64decode(proof["entry"])
    assert open_envelope(entry).payload
    path = [base64.b64decode(node) for node in proof["path"]]
    root = merkle.root_from_proof(merkle.leaf_hash(entry), proof["index"], proof["size"], path)
    hashes = [merkle.leaf_hash(entry), *path, root]
    assert len(path) > 1
    places = [page.index(node.hex()) for node in hashes]
    assert places == sorted(places)
    assert base64.b64encode(root).decode() in proof["checkpoint"]


def test_a_dry_run_is_no_pass_in_any_format(engine: Engine) -> None:
    """INV-REPORT-2"""
    Path("m.json").write_text(engine("example", "promote").out)

    def output(name: str) -> str:
        return engine("decide", "m.json", "--dry-run", "--format", name).out

    assert "NOT RECORDED" in output("markdown")
    assert "NOT RECORDED" in output("html")
    assert "::error " in output("github")
    assert "<error " in output("junit")
    assert results(output("sarif")).keys() == {"verdict"}


def test_names_that_are_no_utf_8_are_answered_in_every_format(engine: Engine) -> None:
    """What is recorded was lost to its caller: the answer broke off after the commit."""
    good, bad = "good\udcff.json", "bad\udcff.json"
    Path(good).write_text(engine("example", "promote").out)
    Path(bad).write_text("{")
    outputs = [f"--output={name}=out.{name}" for name in FORMATS]
    for name in FORMATS:
        answer = engine("decide", good, bad, "--format", name, GITHUB_STEP_SUMMARY="summary.md")
        assert (answer.code, "defect" in answer.err) == (2, False), (name, answer.err)
    answer = engine("decide", good, bad, *outputs)
    assert (answer.code, "could not decide" in answer.err) == (2, False), answer.err

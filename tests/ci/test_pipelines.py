"""The whole pipelines of ``examples/ci``: their scripts run as each system runs them, and they are
what the system's own schema says, as check-jsonschema ships it (Apache-2.0, each with the vendor's
licence beside it). Jenkins has no schema, Tekton's CRDs leave the spec open: those are run only.
"""

from __future__ import annotations

import json
import re
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from engine.cli.starter_files import Job, ci_files
from engine.formats.json_text import read_yaml
from engine.signers.file import generate
from tests.ci.steps import bash
from tests.repository import ROOT

FOLDER = ROOT / "examples" / "ci"
INSTALLS = "pip install --require-hashes -r vendor/governance-engine-requirements.txt"
VERIFIES = "verify proof.json --expect verify.toml --artifact dist/model.tar.gz"
MEASURE = """\
#!/bin/bash
engine example "$EXAMPLE" | jq 'del(.subject.digest)'
"""


@dataclass(frozen=True)
class Pipeline:
    """What a pipeline runs.

    Attributes:
        gate: Scripts of the gate in order, to the one that verifies; the system stops at the
            first that fails.
        record: The script that takes the proof into the ledger, whatever the gate said.
        kept: What it publishes, whatever the gate said.
    """

    gate: list[str]
    record: str
    kept: str


def azure() -> Pipeline:
    gate, record = load("azure-pipelines.yml")["stages"]
    (job,) = gate["jobs"]
    assert record["condition"] == "always()"
    kept = [step for step in job["steps"] if step.get("condition") == "always()"]
    scripts = [step["bash"] for step in job["steps"] if "bash" in step]
    (importing,) = [step["bash"] for step in record["jobs"][0]["steps"] if "bash" in step]
    return Pipeline(scripts, importing, json.dumps(kept))


def circleci() -> Pipeline:
    jobs = load("circleci-config.yml")["jobs"]
    runs = {
        name: [step["run"]["command"] for step in job["steps"] if "run" in step]
        for name, job in jobs.items()
        if isinstance(job, dict)
    }
    kept = [step for step in jobs["gate"]["steps"] if step != "checkout" and "run" not in step]
    return Pipeline(runs["gate"] + runs["verify"], runs["record"][0], json.dumps(kept))


def jenkins() -> Pipeline:
    text = (FOLDER / "Jenkinsfile").read_text()
    for left, right in ("{}", "()", "[]"):
        assert text.count(left) == text.count(right)
    stages, gate_post, last = text.split("post {")
    shell = re.compile(r"\bsh (?:'''(.*?)'''|'(.*?)')", re.DOTALL)
    scripts = [block or line for block, line in shell.findall(stages)]
    ((_, importing),) = shell.findall(last)
    return Pipeline(scripts, importing, gate_post)


def tekton() -> Pipeline:
    gate, record, pipeline = yaml.safe_load_all((FOLDER / "tekton-pipeline.yml").read_text())
    spec = pipeline["spec"]
    for task, by in ((gate, spec["tasks"][0]), (record, spec["finally"][0])):
        assert by["taskRef"]["name"] == task["metadata"]["name"]
        spaces = [space["name"] for space in task["spec"]["workspaces"]]
        assert spaces == [space["name"] for space in by["workspaces"]]
        assert {space["workspace"] for space in by["workspaces"]} <= {
            space["name"] for space in spec["workspaces"]
        }
    scripts = [step["script"] for step in gate["spec"]["steps"]]
    assert not any("$(" in script for script in scripts), "a parameter would be run as a command"
    (step,) = record["spec"]["steps"]
    return Pipeline(scripts, step["script"], step["script"])


def load(name: str) -> Any:
    return yaml.safe_load((FOLDER / name).read_text())


SYSTEMS: dict[str, Callable[[], Pipeline]] = {
    "azure": azure,
    "circleci": circleci,
    "jenkins": jenkins,
    "tekton": tekton,
}
SCHEMAS = {
    "examples/ci/github-workflow.yml": "github-workflows",
    "examples/ci/gitlab-ci.yml": "gitlab-ci",
    "examples/ci/azure-pipelines.yml": "azure-pipelines",
    "examples/ci/circleci-config.yml": "circle-ci",
    "action.yml": "github-actions",
}


@pytest.fixture
def runner(tmp_path: Path) -> Path:
    """A checkout with what the examples say is in it, and the ledger's machine beside it."""
    folder = tmp_path / "checkout"
    (folder / "dist").mkdir(parents=True)
    (folder / "dist" / "model.tar.gz").write_text("weights")
    (folder / "measure").write_text(MEASURE)
    (folder / "measure").chmod(0o755)
    generate(tmp_path / "run.pem")
    shutil.copy(tmp_path / "run.pub.pem", folder / "engine.pub.pem")
    key = '[[key]]\nfile = "engine.pub.pem"\n'
    (folder / "verify.toml").write_text(f'require = "PROMOTE"\nprofile = "default"\n{key}')
    generate(tmp_path / "ledger.pem")
    return folder


def environment(folder: Path, key: str) -> dict[str, str]:
    return {
        "ENGINE_KEY": (folder.parent / key).read_text(),
        "ENGINE_CI_RUN": "77/1",
        "CIRCLE_WORKFLOW_ID": "77",
        "CIRCLE_BUILD_NUM": "1",
        "PROOFS": str(folder),
        "REPORTS": str(folder.parent / "reports"),
    }


@pytest.mark.parametrize("system", SYSTEMS)
@pytest.mark.parametrize(("example", "code"), [("promote", 0), ("block", 1)])
def test_a_pipeline_decides_verifies_records_and_publishes(
    runner: Path, system: str, example: str, code: int
) -> None:
    """A verdict that stops the pipeline is recorded, and its report published, too."""
    pipeline = SYSTEMS[system]()
    assert VERIFIES in pipeline.gate[-1]
    assert ("reports" if system == "circleci" else "release-gate") in pipeline.kept
    environ = environment(runner, "run.pem") | {"EXAMPLE": example}
    codes = []
    for script in pipeline.gate:
        if INSTALLS in script:
            continue
        done = bash(script, runner, environ)
        codes.append(done.returncode)
        if done.returncode:
            break
    assert codes[-1] == code, done.stderr
    assert len(codes) >= 2

    published = list(runner.rglob("release-gate.*"))
    assert len(published) == 2
    assert all(path.stat().st_size for path in [runner / "proof.json", *published])
    ledger = environment(runner, "ledger.pem") | {"ENGINE_LEDGER": str(runner.parent / "ledger.db")}
    for script in ("engine ledger init", pipeline.record, pipeline.record):
        recorded = bash(script, runner, ledger)
        assert recorded.returncode == 0, recorded.stderr
    assert "was here already" in recorded.stdout
    assert bash("engine ledger tables decisions.sqlite", runner, ledger).returncode == 0
    with closing(sqlite3.connect(runner / "decisions.sqlite")) as tables:
        assert tables.execute("SELECT verdict FROM decision").fetchall() == [
            ("PROMOTE" if code == 0 else "BLOCK",)
        ]


@pytest.mark.parametrize("path", SCHEMAS)
def test_a_pipeline_is_what_its_system_s_schema_says(path: str) -> None:
    text = (ROOT / path).read_bytes()
    assert flaws(text, SCHEMAS[path]) == []
    assert flaws(b"jobs: {gate: 1}\n" if "gitlab" not in path else b"stages: 1\n", SCHEMAS[path])


def flaws(text: bytes, name: str) -> list[str]:
    """What a schema of check-jsonschema does not allow."""
    vendored = resources.files("check_jsonschema").joinpath("builtin_schemas/vendor")
    schema = json.loads(vendored.joinpath(f"{name}.json").read_text("utf-8"))
    validator = jsonschema.validators.validator_for(schema)(schema)
    return [error.message for error in validator.iter_errors(read_yaml(text)[0])]


def test_every_pipeline_is_listed() -> None:
    tested = {"Jenkinsfile", "tekton-pipeline.yml"} | {Path(path).name for path in SCHEMAS}
    assert {file.name for file in FOLDER.iterdir()} <= tested


@pytest.mark.parametrize(
    ("system", "name"), [("github", "github-workflows"), ("gitlab", "gitlab-ci")]
)
def test_the_job_of_init_is_what_its_system_s_schema_says(
    tmp_path: Path, system: str, name: str
) -> None:
    files = ci_files(system, Job("promotion", "metrics.json", "dist/a b.gz", tmp_path))
    jobs = [text for path, text in files.items() if path.suffix == ".yml"]
    assert jobs
    assert [message for text in jobs for message in flaws(text.encode(), name)] == []

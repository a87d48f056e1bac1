"""The recipe for disks that are thrown away: two jobs at once, one central ledger."""

from __future__ import annotations

import json
import shutil
import sqlite3
from base64 import b64encode
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from engine.signers.file import generate
from tests.ci.steps import Done, bash, github_step, gitlab_job, load, load_component
from tests.ci.test_action import DECIDE, VERIFY

WORKFLOW = load("examples/ci/github-workflow.yml")
GITLAB = load("examples/ci/gitlab-ci.yml")
SPEC, JOBS = load_component("templates/release-gate.yml")
(COMPONENT,) = JOBS.values()
PARTS = ("model", "service")
MEASURE = """\
#!/bin/bash
if [ "$1" = model ]; then engine example promote; else engine example block; fi
"""


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    """A folder with the key of the runs and the key of the central ledger."""
    for name in ("run", "central"):
        (tmp_path / name).mkdir()
        generate(tmp_path / name / "key.pem")
    return tmp_path


def public(folder: Path) -> Path:
    (found,) = folder.glob("*.pub.pem")
    return found


@pytest.fixture
def central(keys: Path) -> Callable[[str], Done]:
    """Run a script on the machine with the durable ledger."""
    folder = keys / "machine"
    folder.mkdir()
    shutil.copy(public(keys / "run"), folder / "release.pub.pem")

    def call(script: str) -> Done:
        environ = {
            "ENGINE_LEDGER": str(folder / "ledger.db"),
            "ENGINE_KEY_FILE": str(keys / "central" / "key.pem"),
        }
        done = bash(script, folder, environ)
        return Done(done.returncode, done.stdout, done.stderr, {}, "")

    return call


def gate(part: str, keys: Path) -> int:
    """One job of the workflow's matrix on a disk of its own; its proof goes to the machine."""
    folder = keys / f"runner-{part}"
    folder.mkdir()
    (folder / "measure").write_text(MEASURE)
    (folder / "measure").chmod(0o755)
    steps = {step["name"]: step for step in WORKFLOW["jobs"]["gate"]["steps"] if "name" in step}
    assert github_step(steps["Measure"], folder, {"matrix.part": part}).code == 0
    given = {**steps["Ask the gate"]["with"], "key": (keys / "run" / "key.pem").read_text()}
    names = ("gate", "profile", "stage", "artifact", "policies", "policy-trust")
    values = {f"inputs.{name}": "" for name in names}
    values |= {"inputs.ledger": "run:", "inputs.proof": "proof.json"}
    values["github.workspace"] = str(folder)
    values |= {f"inputs.{name}": value for name, value in given.items()}
    done = github_step(DECIDE, folder, values)
    kept = keys / "machine" / "proofs" / f"proof-{part}"
    kept.mkdir(parents=True)
    shutil.copy(folder / "proof.json", kept)
    if done.code == 0:
        shutil.copy(public(keys / "run"), folder / "release.pub.pem")
        demands = 'require = "PROMOTE"\n[[key]]\nfile = "release.pub.pem"\n'
        (folder / given["expect"]).write_text(demands)
        verified = github_step(VERIFY, folder, values)
        assert "GENUINE RECORD OF PROMOTE; as required" in verified.out
        return verified.code
    return done.code


def test_two_jobs_import_into_one_ledger_at_once(
    keys: Path, central: Callable[[str], Done]
) -> None:
    """INV-IMPORT-1."""
    made = central("engine init")
    assert made.code == 0, made.err
    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(gate, PARTS, [keys, keys])) == [0, 1]
        (recording,) = (
            step["run"] for step in WORKFLOW["jobs"]["record"]["steps"] if "run" in step
        )
        alone = [recording.replace("*/", f"proof-{part}/") for part in PARTS]
        imported = list(pool.map(central, alone))
        assert [done.code for done in imported] == [0, 0], [done.err for done in imported]
        assert all("imported" in done.out for done in imported)
        again = list(pool.map(central, [recording, recording]))

    assert all(done.code == 0 for done in again)
    assert all(done.out.count("was here already") == 2 for done in again)
    assert central("engine ledger verify --signatures").code == 0
    assert central("engine ledger tables decisions.sqlite").code == 0
    with closing(sqlite3.connect(keys / "machine" / "decisions.sqlite")) as tables:
        verdicts = [row[0] for row in tables.execute("SELECT verdict FROM decision")]
    assert sorted(verdicts) == ["BLOCK", "PROMOTE"]


def run_component(folder: Path, key: str, **inputs: str) -> Done:
    given = {name: spec.get("default", "") for name, spec in SPEC.items()}
    return gitlab_job(COMPONENT, folder, {**given, **inputs}, ENGINE_KEY=key)


def test_the_component_leaves_a_proof_a_junit_and_a_code_quality_report(keys: Path) -> None:
    key = (keys / "run" / "key.pem").read_text()
    (keys / "metrics").mkdir()
    assert bash("engine example block > metrics/model.json", keys, {}).returncode == 0
    given = GITLAB["include"][0]["inputs"]
    assert given.keys() <= SPEC.keys()

    done = run_component(keys, key, **given)

    assert done.code == 1, done.err
    assert json.loads((keys / given["proof"]).read_text())["index"] >= 1
    reports = COMPONENT["artifacts"]["reports"]
    assert "<testsuite" in (keys / reports["junit"]).read_text()
    findings = json.loads((keys / reports["codequality"]).read_text())
    assert {finding["location"]["path"] for finding in findings} == {"metrics/model.json"}


def test_the_component_verifies_what_it_let_through(keys: Path) -> None:
    key = (keys / "run" / "key.pem").read_text()
    assert bash("engine example promote > metrics.json", keys, {}).returncode == 0
    demands = '[[key]]\nfile = "run/key.pub.pem"\n'
    (keys / "verify.toml").write_text(f'require = "PROMOTE"\n{demands}')
    (keys / "strict.toml").write_text(f'profile = "strict"\n{demands}')

    met = run_component(keys, key, metrics="metrics.json", expect="verify.toml")
    over = run_component(keys, key, metrics="metrics.json")
    assert (over.code, "proof.json is there already" in over.out) == (2, True), over.err
    for proof in ("proof.json/", "proof.json/x", "-", "/dev/null"):
        refused = run_component(keys, key, metrics="metrics.json", proof=proof)
        assert (refused.code, "proof" in refused.out + refused.err) == (2, True), proof
    given = {"metrics": "metrics.json", "proof": "second.json"}
    unmet = run_component(keys, key, **given, expect="strict.toml")

    assert (met.code, unmet.code) == (0, 1), met.err
    assert "GENUINE RECORD OF PROMOTE; as required" in met.out
    assert "profile strict is required" in unmet.out


def test_the_component_takes_a_folder_of_metrics(keys: Path) -> None:
    key = b64encode((keys / "run" / "key.pem").read_bytes()).decode()
    write = "engine example promote > in/1.json; engine example promote > in/2.json"
    assert bash(f"mkdir in; {write}", keys, {}).returncode == 0

    done = run_component(keys, key, metrics="in", proof="proofs")

    assert done.code == 0, done.err
    assert len(list((keys / "proofs").iterdir())) == 2


@pytest.mark.parametrize("name", sorted({*SPEC} - {"job", "stage", "image", "package"}))
def test_no_input_of_the_component_is_run_as_a_command(keys: Path, name: str) -> None:
    key = (keys / "run" / "key.pem").read_text()
    assert bash("engine example promote > metrics.json", keys, {}).returncode == 0
    evil = "$(touch owned) `touch owned`; touch owned; \"'"

    done = run_component(keys, key, **{"metrics": "metrics.json", name: evil})

    assert not (keys / "owned").exists()
    assert done.code in (0, 2), done.err


def test_the_gitlab_example_records_as_the_workflow_does() -> None:
    (recording,) = GITLAB["record"]["script"]
    (step,) = (step["run"] for step in WORKFLOW["jobs"]["record"]["steps"] if "run" in step)
    assert recording == step.strip()

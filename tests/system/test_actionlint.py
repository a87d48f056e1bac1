"""actionlint finds nothing in the Action, our workflows, the example, or what `init` writes."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
import yaml

from tests.ci.steps import bash, load
from tests.repository import ROOT
from tools.fetch_actionlint import fetch

pytestmark = pytest.mark.system


@pytest.fixture(scope="module")
def actionlint() -> Path:
    return fetch()


def findings(actionlint: Path, workflow: Path) -> str:
    done = subprocess.run(
        [actionlint, "-no-color", "-oneline", workflow], capture_output=True, text=True, check=False
    )
    assert done.returncode in (0, 1), done.stderr
    return done.stdout


def test_the_example_workflow_is_clean(actionlint: Path) -> None:
    assert findings(actionlint, ROOT / "examples" / "ci" / "github-workflow.yml") == ""


@pytest.mark.parametrize(
    "workflow", sorted((ROOT / ".github" / "workflows").glob("*.yml")), ids=lambda path: path.name
)
def test_a_workflow_of_this_repository_is_clean(actionlint: Path, workflow: Path) -> None:
    assert findings(actionlint, workflow) == ""


def test_the_action_is_clean_as_a_workflow(actionlint: Path, tmp_path: Path) -> None:
    action = load("action.yml")
    inputs = {name: {"type": "string", "default": ""} for name in action["inputs"]}
    workflow = {
        "name": "wrapped",
        "on": {"workflow_call": {"inputs": inputs}},
        "jobs": {
            "gate": {
                "runs-on": "ubuntu-latest",
                "outputs": {name: output["value"] for name, output in action["outputs"].items()},
                "steps": action["runs"]["steps"],
            }
        },
    }
    (tmp_path / "wrapped.yml").write_text(yaml.safe_dump(workflow, sort_keys=False))
    assert findings(actionlint, tmp_path / "wrapped.yml") == ""


def test_it_would_find_an_input_that_is_not_there(actionlint: Path, tmp_path: Path) -> None:
    text = (ROOT / "examples" / "ci" / "github-workflow.yml").read_text()
    (tmp_path / "wrong.yml").write_text(text.replace("matrix.part", "matrix.prat"))
    assert 'property "prat" is not defined' in findings(actionlint, tmp_path / "wrong.yml")


def test_the_workflow_that_init_writes_is_clean(actionlint: Path, tmp_path: Path) -> None:
    done = bash("engine example promote > m.json; engine init m.json --ci github", tmp_path, {})
    assert done.returncode == 0, done.stderr
    workflow = tmp_path / ".github" / "workflows" / "release-gate.yml"
    assert findings(actionlint, workflow) == ""

"""Our own workflows: actions by full digest with their version, least permissions, bounded time."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
import yaml

from tests.repository import ROOT

WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
PINNED = re.compile(r"uses: [\w-]+/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$")

SIGNS = {"contents": "read", "id-token": "write"}
MORE = {
    ("release.yml", "build"): {**SIGNS, "attestations": "write"},
    ("release.yml", "publish"): SIGNS,
}
"""Jobs that may do more than read, each for itself: who attests, and whom the index trusts."""

each_workflow = pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.name)


def test_there_are_workflows() -> None:
    assert WORKFLOWS


@each_workflow
def test_every_action_is_pinned_by_digest_and_says_its_version(workflow: Path) -> None:
    used = [line for line in workflow.read_text().splitlines() if "uses:" in line]
    assert [line for line in used if not PINNED.search(line)] == []


@each_workflow
def test_a_workflow_may_do_no_more_than_is_listed_and_keeps_no_credentials(workflow: Path) -> None:
    document = yaml.safe_load(workflow.read_text())
    assert document["permissions"] == {"contents": "read"}
    for name, job in document["jobs"].items():
        assert job.get("permissions") == MORE.get((workflow.name, name))
        assert job["timeout-minutes"]
        for step in job["steps"]:
            if step.get("uses", "").startswith("actions/checkout@"):
                assert step["with"]["persist-credentials"] is False


def test_the_suite_runs_on_every_python_from_the_oldest_that_the_package_takes() -> None:
    document = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text())
    pythons = document["jobs"]["suite"]["strategy"]["matrix"]["python"]
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["requires-python"] == f">={pythons[0]}"
    assert pythons == ["3.11", "3.12", "3.13", "3.14"]

"""The pre-commit hooks, run as pre-commit runs them: the entry's words, then the files."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
from pathlib import Path

import pytest

from tests.ci.steps import bash, load, world

HOOKS = {hook["id"]: hook for hook in load(".pre-commit-hooks.yaml")}


def hook(name: str, cwd: Path, *files: str, **environ: str) -> subprocess.CompletedProcess[str]:
    command = [*shlex.split(HOOKS[name]["entry"]), *HOOKS[name].get("args", []), *files]
    environment = world(cwd, **environ)
    return subprocess.run(
        command, cwd=cwd, env=environment, capture_output=True, text=True, check=False, timeout=60
    )


@pytest.mark.parametrize(("example", "code"), [("promote", 0), ("hold", 0), ("block", 0)])
def test_any_verdict_is_fine_where_the_file_can_be_decided_on(
    tmp_path: Path, example: str, code: int
) -> None:
    bash(f"engine example {example} > metrics.json", tmp_path, {})
    assert hook("engine-metrics", tmp_path, "metrics.json").returncode == code


def test_an_interpreter_that_does_not_start_is_no_verdict(tmp_path: Path) -> None:
    """It ends with 1, as BLOCK does, and says nothing on standard output."""
    bash("engine example promote > metrics.json", tmp_path, {})

    assert hook("engine-metrics", tmp_path, "metrics.json", PYTHONHOME="/none").returncode == 1


def test_a_file_that_cannot_be_decided_on_fails_beside_a_good_one(tmp_path: Path) -> None:
    bash("engine example promote > metrics.json", tmp_path, {})
    (tmp_path / "typo metrics.json").write_text('{"metrics": NaN}')

    done = hook("engine-metrics", tmp_path, "typo metrics.json", "metrics.json")

    assert done.returncode == 1
    assert "typo metrics.json" in done.stderr


def test_policies_are_checked_and_tested_and_tried(tmp_path: Path, opa: Path) -> None:
    found = {"ENGINE_OPA": os.fspath(opa), "ENGINE_POLICIES": "policies", "ENGINE_GATE": "checkout"}
    assert bash("engine policy new checkout", tmp_path, found).returncode == 0
    changed = ("policies/checkout/checkout.rego", "policies/limits/default/data.yaml")
    for name in ("engine-policy-check", "engine-policy-test", "engine-selftest"):
        done = hook(name, tmp_path, *changed, "engine.toml", **found)
        assert done.returncode == 0, done.stdout + done.stderr
        unnamed = {**found, "ENGINE_POLICIES": str(tmp_path / "others")}
        for environ in (unnamed, {key: found[key] for key in ("ENGINE_OPA",)}):
            (tmp_path / "engine.toml").unlink(missing_ok=True)
            done = hook(name, tmp_path, *changed, **environ)
            assert done.returncode == 2, done.stdout + done.stderr
            message = "policies/checkout/checkout.rego: lies in no policies that are looked at"
            assert message in done.stderr

    limits = tmp_path / "policies" / "limits" / "default" / "data.yaml"
    limits.write_text(limits.read_text().replace("{limit: 0, severity", "{limt: 0, severity"))
    assert hook("engine-policy-check", tmp_path, **found).returncode == 2


@pytest.mark.parametrize(
    ("name", "path", "is_asked"),
    [
        ("engine-metrics", "out/metrics.yaml", True),
        ("engine-metrics", "package.json", False),
        ("engine-policy-test", "policies/slo/slo.rego", True),
        ("engine-policy-check", "policies/limits/default/data.yaml", True),
        ("engine-policy-check", "policies/waivers/data.yaml", True),
        ("engine-policy-check", "charts/shop/data.yaml", False),
        ("engine-selftest", "README.md", False),
    ],
)
def test_a_hook_is_asked_about_its_files(name: str, path: str, is_asked: bool) -> None:
    assert bool(re.search(HOOKS[name]["files"], path)) is is_asked

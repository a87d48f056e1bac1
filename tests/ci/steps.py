"""Runs the steps of CI files as CI does: environment resolved, one bash per step, its exit code."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tests.repository import ROOT

BIN = Path(sys.executable).parent
_EXPRESSION = re.compile(r"\$\{\{ *([\w.-]+) *\}\}")
_GITLAB_INPUT = re.compile(r"\$\[\[ *inputs\.([\w-]+) *\]\]")


def load(path: str) -> Any:
    """The one document of a YAML file of the repository."""
    return yaml.safe_load((ROOT / path).read_text())


def load_component(path: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Spec and jobs of a GitLab component."""
    spec, jobs = yaml.safe_load_all((ROOT / path).read_text())
    return spec["spec"]["inputs"], jobs


@dataclass(frozen=True)
class Done:
    """How a step ended, and what it left in ``$GITHUB_OUTPUT`` and the job summary."""

    code: int
    out: str
    err: str
    outputs: Mapping[str, str]
    summary: str


def resolved(text: str, values: Mapping[str, str]) -> str:
    """``text`` with GitHub's expressions replaced; one that is not given is an error."""
    return _EXPRESSION.sub(lambda match: values[match[1]], text)


def github_step(step: Mapping[str, Any], cwd: Path, values: Mapping[str, str], **more: str) -> Done:
    """Run a step with ``run:``; nothing may be interpolated into its text."""
    assert "${{" not in step["run"]
    environ = {name: resolved(str(text), values) for name, text in step.get("env", {}).items()}
    files = {name: cwd / f".{name.lower()}" for name in ("GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY")}
    for file in files.values():
        file.write_text("")
    done = bash(step["run"], cwd, {**{k: str(v) for k, v in files.items()}, **environ, **more})
    summary = files["GITHUB_STEP_SUMMARY"].read_text()
    outputs = _outputs(files["GITHUB_OUTPUT"].read_text())
    return Done(done.returncode, done.stdout, done.stderr, outputs, summary)


def bash(script: str, cwd: Path, environ: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """Run a script with the options that both GitHub and GitLab give their bash."""
    return subprocess.run(
        ["bash", "--noprofile", "--norc", "-e", "-o", "pipefail", "-c", script],
        cwd=cwd,
        env=world(cwd, **environ),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def world(cwd: Path, **more: str) -> dict[str, str]:
    """The environment of a fresh runner with this engine installed."""
    return {"PATH": f"{BIN}:{os.defpath}:/usr/bin:/bin", "HOME": str(cwd), "CI": "true", **more}


def gitlab_job(job: Mapping[str, Any], cwd: Path, inputs: Mapping[str, str], **more: str) -> Done:
    """Run the script of a component's job; inputs may stand in variables only."""
    assert not any("$[[" in line for line in job["script"])
    variables = {}
    for name, variable in job["variables"].items():
        if variable == "$CI_PROJECT_DIR":
            variables[name] = str(cwd)
            continue
        assert variable["expand"] is False, name
        variables[name] = _GITLAB_INPUT.sub(lambda match: inputs[match[1]], variable["value"])
    done = bash("\n".join(job["script"]), cwd, {**variables, **more})
    return Done(done.returncode, done.stdout, done.stderr, {}, "")


def _outputs(text: str) -> dict[str, str]:
    """What a step said to ``$GITHUB_OUTPUT``, in both of its forms."""
    outputs, lines = {}, iter(text.splitlines())
    for line in lines:
        if match := re.fullmatch(r"([\w-]+)<<(\S+)", line):
            kept = []
            while (line := next(lines)) != match[2]:
                kept.append(line)
            outputs[match[1]] = "\n".join(kept)
        else:
            name, sign, value = line.partition("=")
            assert sign, line
            outputs[name] = value
    return outputs

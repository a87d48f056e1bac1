"""The files that a newcomer starts from: a policy of their own, and a CI job."""

from __future__ import annotations

import hashlib
import json
import re
import shlex
from dataclasses import dataclass
from pathlib import Path

from engine import __version__
from engine.errors import UsageError
from engine.policy.bundle import shipped_bundle, shipped_folder
from engine.settings.config import MOST_TOML_BYTES
from engine.system.git import repository
from engine.system.reading import open_to_read, read_whole

TEMPLATES = shipped_folder("starter")
DEFAULT_PROFILE = "default"
PLACEHOLDER = "my_domain"
"""Name of the domain in the templates, so that they are Rego as they stand."""

_DOMAIN = re.compile(r"[a-z][a-z0-9_]{0,31}")
_TAKEN = {
    "as", "contains", "default", "else", "every", "false", "if", "import", "in", "input",
    "not", "null", "package", "some", "true", "with", "x",
}  # fmt: skip
"""Words of Rego, and of metrics that no policy evaluates."""


def starter_policy(
    domain: str, *, gate: str | None = None, profile: str = DEFAULT_PROFILE
) -> dict[str, str]:
    """Return the files of a starter policy by their path below a policy folder.

    Laid over the shipped policies they are whole: a domain with one check and its test, its metric
    as a row of the catalogue, its limit as a row of a profile, and a gate that asks it. The Rego
    needs OPA to be compiled.

    Args:
        domain: Its name.
        gate: The gate that asks it; None or ``domain`` makes it a gate of its own.
        profile: Table of limits that its check blocks in; it is off in the others unless this is
            the one that they extend, ``default``.

    Raises:
        UsageError: ``domain`` cannot be a Rego package of its own.
    """
    _require_domain(domain)

    def filled(name: str) -> str:
        return (TEMPLATES / "policy" / name).read_text("utf-8").replace(PLACEHOLDER, domain)

    files = {
        f"{domain}/{domain}.rego": filled(f"{PLACEHOLDER}.rego"),
        f"{domain}/{domain}_test.rego": filled(f"{PLACEHOLDER}_test.rego"),
        "catalogue/data.yaml": filled("catalogue.yaml"),
    }
    if gate in (None, domain):
        for name in ("decision.rego", "decision_test.rego"):
            files[f"{domain}/{name}"] = filled(name)
    else:
        files[f"gates/{gate}/data.yaml"] = filled("gates.yaml")
    limits = filled("limits.yaml")
    if profile != DEFAULT_PROFILE:
        off = f'{{severity: "off", reason: "Asked by the profile {profile} alone."}}'
        files["limits/default/data.yaml"] = re.sub(r"\{.*\}", off, limits)
    return files | {f"limits/{profile}/data.yaml": limits}


def _require_domain(domain: str) -> None:
    if not _DOMAIN.fullmatch(domain) or domain.endswith("_test"):
        raise UsageError(
            f"policy {domain!r} is not a name for a Rego package",
            "lowercase letters, digits and _, such as checkout",
        )
    shipped = {path.partition("/")[0] for path in shipped_bundle().source_digests}
    if domain in _TAKEN | shipped:
        raise UsageError(f"policy {domain!r}: the name is taken", "choose another, such as own")


CI_SYSTEMS = ("github", "gitlab", "none")
WHEEL = f"vendor/governance_engine-{__version__}-py3-none-any.whl"
"""Where the CI job finds the engine, seen from the repository's root; never a registry's name."""
REQUIREMENTS = "vendor/governance-engine-requirements.txt"
"""What the CI job installs, each by its hash: the wheel, and what it runs on."""
RELEASED_FILE = "$RELEASED_FILE"
"""The file that is released, in a job that does not know it: unset, the engine refuses it."""
GITLAB_INCLUDE = "include: [{local: .gitlab/release-gate.yml}]\n"


@dataclass(frozen=True, slots=True)
class Job:
    """What a CI job decides.

    Attributes:
        gate: Gate, for the comment only: the job takes that of engine.toml.
        metrics: Metrics file, seen from ``here``.
        artifact: File that is released, seen from ``here``, or :data:`RELEASED_FILE` where nobody
            said which; None when the metrics name it.
        here: Folder with engine.toml.
    """

    gate: str
    metrics: str
    artifact: str | None
    here: Path


def ci_files(system: str, job: Job) -> dict[Path, str]:
    """Return the files of a CI job that is a gate, by absolute path.

    They install the engine, decide into a ledger of the run, keep the proof and verify it.
    """
    root = repository(job.here) or job.here
    if system == "none":
        return {}
    files = {root / REQUIREMENTS: _requirements(root / WHEEL)}
    if system == "github":
        files[root / ".github" / "workflows" / "release-gate.yml"] = _job("github.yml", job, root)
    else:
        files[root / ".gitlab" / "release-gate.yml"] = _job("gitlab.yml", job, root)
        files[root / ".gitlab-ci.yml"] = GITLAB_INCLUDE
    return files


def _requirements(wheel: Path) -> str:
    """What pip installs: the wheel by its hash, if it is there, and what this engine is locked to.

    Without a hash behind the wheel's name, pip refuses the whole file.
    """
    digest = ""
    if wheel.is_file():
        with open_to_read(wheel) as opened:
            digest = f" --hash=sha256:{hashlib.file_digest(opened, 'sha256').hexdigest()}"
    return (
        "# What `engine init`'s job installs: the wheel's hash is what `pip hash WHEEL` prints.\n"
        f"./{WHEEL}{digest}\n{(TEMPLATES / 'ci' / 'requirements.txt').read_text('utf-8')}"
    )


def _job(template: str, job: Job, root: Path) -> str:
    form = ["--format", "github"] if template == "github.yml" else []
    about = ["--artifact", _argument(job.artifact)] if job.artifact else []
    command = ["engine", "decide", _argument(job.metrics), *about, *form]
    decide = shlex.join([*command, "--ledger", "run:", "--export", "proof.json"])
    verify = shlex.join(["engine", "verify", "proof.json", "--expect", "verify.toml", *about])
    left = f"{RELEASED_FILE}, the file that you release"
    left = left if job.artifact == RELEASED_FILE else job.artifact or ""
    folder = job.here.relative_to(root).as_posix()
    for name in (job.metrics, job.artifact or "", folder):
        if not name.isprintable() or "${{" in name:
            raise UsageError(
                f"{name!r} has no place in a CI file: it is not printable, or has ${{{{ in it",
                "give it another name, or --ci none",
            )
    proof = "proof.json" if folder == "." else f"{folder}/proof.json"
    text = (TEMPLATES / "ci" / template).read_text("utf-8")
    for name, value in {
        "@COMMAND@": decide.replace(f"'{RELEASED_FILE}'", f'"{RELEASED_FILE}"'),
        "@VERIFY@": verify.replace(f"'{RELEASED_FILE}'", f'"{RELEASED_FILE}"'),
        "@CD_FOLDER@": _yaml_text(f"cd {shlex.quote(folder)}"),
        "@PROOF@": _yaml_text(proof),
        "@FOLDER@": _yaml_text(folder),
        "@REQUIREMENTS@": REQUIREMENTS,
        "@METRICS@": job.metrics,
        "@AND_ARTIFACT@": f" and {left}" if left else "",
        "@GATE@": job.gate,
    }.items():
        text = text.replace(name, value)
    return text


def _argument(name: str) -> str:
    """A file's name that no command takes for a flag."""
    return f"./{name}" if name.startswith("-") else name


def _yaml_text(text: str) -> str:
    """``text`` as a YAML scalar: plain where it can be, else in double quotes."""
    return text if re.fullmatch(r"[A-Za-z.][\w ./-]*", text, re.ASCII) else json.dumps(text)


def detected_ci(here: Path) -> str:
    """Return the CI system that the repository ``here`` shows signs of, or ``none``.

    Below a repository's root it is ``none``: by default nothing is written above ``here``.
    """
    if (here / ".github").is_dir():
        return "github"
    if (here / ".gitlab-ci.yml").exists():
        return "gitlab"
    try:
        remotes = read_whole(here / ".git" / "config", MOST_TOML_BYTES).decode(errors="replace")
    except OSError:
        return "none"
    return next((system for system in CI_SYSTEMS if system in remotes), "none")

"""``engine init``: set up a folder so that the next command decides."""

from __future__ import annotations

import argparse
import json
import re
import shlex
from dataclasses import dataclass, replace
from io import BytesIO
from pathlib import Path

from engine import exit_codes
from engine.cli import workspace
from engine.cli.console.shell import Shell
from engine.cli.init.profile import fitted_profile, read_metrics, require_claims
from engine.cli.new_files import PlacementReport, place, require_placeable
from engine.cli.starter_files import (
    CI_SYSTEMS,
    GITLAB_INCLUDE,
    RELEASED_FILE,
    REQUIREMENTS,
    WHEEL,
    Job,
    ci_files,
    detected_ci,
    starter_policy,
)
from engine.decision.workspace import (
    key_path,
    ledger_url,
    open_signer,
    record_to,
)
from engine.errors import GovernanceError, UsageError, suggest
from engine.evidence.documents import Document
from engine.model import Json, Verdict
from engine.policy.bundle import PolicyBundle, shipped_bundle
from engine.policy.sources import MAX_FILE_BYTES
from engine.proof.keys import public_pem
from engine.proof.verdict_rules import ACCESS_RULE
from engine.settings.config import (
    EXPECTATIONS,
    FILE_NAME,
    MOST_TOML_BYTES,
    PUBLIC_KEY,
    Config,
    load,
)
from engine.system.git import repository
from engine.system.reading import read_whole

DESCRIPTION = (
    "Set up this folder: engine.toml, verify.toml and the public key that it trusts, a signing\n"
    "key, a ledger, .gitignore lines and a CI job. With a metrics file, also a profile that\n"
    "blocks on what is measured in it and turns the rest off. Asks on a terminal; every question\n"
    "is also a flag. Overwrites nothing."
)
EXAMPLE = "  engine init metrics.json --artifact dist/shop.tar.gz --ci github"

OWN_PROFILE = "own"
IGNORED = ("/.engine/", "/proof.json")


@dataclass(frozen=True, slots=True)
class Plan:
    """What will be set up, by flags, answers and defaults.

    Attributes:
        metrics: Metrics file that the profile is fitted to; None when there is none yet.
        artifact: File that is released; None when it is not given.
        gate, profile, stage: Of the decisions to come. A profile is written when there are metrics.
        policies: Folder of own policies, as written into engine.toml.
        ci: ``github``, ``gitlab`` or ``none``.
        policy: Name of the starter policy; None writes none.
    """

    metrics: str | None
    artifact: str | None
    gate: str
    profile: str
    stage: str
    policies: str
    ci: str
    policy: str | None

    @property
    def settings(self) -> dict[str, str]:
        """The settings that engine.toml gets."""
        settings = {"gate": self.gate, "profile": self.profile, "stage": self.stage}
        return settings | ({"policies": self.policies} if self.metrics else {})


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare flags."""
    parser.add_argument("metrics", nargs="?", metavar="METRICS", help="metrics file to fit")
    parser.add_argument("--artifact", metavar="PATH", help="the file that is released")
    parser.add_argument("--gate", metavar="G", default="promotion", help="gate to ask (promotion)")
    parser.add_argument(
        "--profile", metavar="NAME",
        help="profile to write (own); without METRICS, a shipped one to use (default)",
    )  # fmt: skip
    parser.add_argument("--stage", metavar="S", default="candidate", help="(candidate)")
    parser.add_argument(
        "--policies", metavar="DIR", default="policies", help="folder of own policies (policies)"
    )
    parser.add_argument("--ci", choices=CI_SYSTEMS, help="CI job to write (by the repository)")
    parser.add_argument("--policy", metavar="NAME", help="also a starter policy in Rego, as draft")
    parser.add_argument("--yes", action="store_true", help="ask nothing, take the defaults")
    parser.add_argument("--force", action="store_true", help="write over files, never over a key")


def run(args: argparse.Namespace, shell: Shell) -> int:
    """Plan, ask, check, and only then write."""
    from engine.cli.init.questions import ask

    bundle = shipped_bundle()
    plan = _planned(args, shell)
    if not args.yes and shell.may_ask:
        plan = replace(plan, **ask(args, plan.ci, shell, bundle))
    plan = replace(plan, profile=plan.profile or (OWN_PROFILE if plan.metrics else "default"))
    _require_names(plan, bundle)
    document, files = _files(plan, bundle, shell)
    _require_sound(shell)
    ignoring = _ignoring(shell.here)
    require_placeable(
        [*files, *ignoring, shell.here / PUBLIC_KEY],
        repository(shell.here) or shell.here,
        force=args.force,
        extended=ignoring.keys(),
    )
    placed = place(files | ignoring, force=args.force, extended=ignoring.keys())
    try:
        key = _open_workspace(replace(shell, stdin=BytesIO()) if args.yes else shell, placed)
    except GovernanceError:
        placed.undo()
        raise
    published = place({shell.here / PUBLIC_KEY: public_pem(key).decode()}, force=args.force)
    _print(published, shell)
    _advise(plan, placed, published, shell)
    shell.print(f"next: {_next(plan, document, shell)}")
    return exit_codes.PASS


def _settings(shell: Shell) -> Config:
    """The settings of the workspace that begins here, whatever lies above."""
    return load({}, shell.environ, shell.here, begins=True)


def _planned(args: argparse.Namespace, shell: Shell) -> Plan:
    return Plan(
        metrics=args.metrics,
        artifact=args.artifact,
        gate=args.gate,
        profile=args.profile or "",
        stage=args.stage,
        policies=args.policies,
        ci=args.ci or detected_ci(shell.here),
        policy=args.policy,
    )


def _require_names(plan: Plan, bundle: PolicyBundle) -> None:
    from engine.model import Stage

    bundle.gate(plan.gate)
    if plan.stage not in list(Stage):
        raise UsageError(f"stage {plan.stage!r} is not known", suggest(plan.stage, Stage))
    if plan.metrics == "-":
        raise UsageError("init fits a profile to a file", "write the metrics to one first")
    if plan.artifact and not Path(plan.artifact).is_file():
        raise UsageError(f"--artifact {plan.artifact}: no such file", "name the file you release")
    shipped = sorted(bundle.data["limits"])
    if not plan.metrics:
        bundle.profile(plan.profile)
    elif plan.profile in shipped:
        raise UsageError(
            f"profile {plan.profile!r} is shipped, and yours extends it", "choose another name"
        )
    elif not re.fullmatch(r"[a-z][a-z0-9_-]{0,63}", plan.profile):
        raise UsageError(f"profile {plan.profile!r} is not a name", "such as own or my-service")


def _require_sound(shell: Shell) -> None:
    """Find out before anything is written that a key or a ledger that is there cannot be used."""
    config = _settings(shell)
    if config.folder.exists() and not config.folder.is_dir():
        raise UsageError(f"{config.folder}: is no folder", "move it away; nothing was written")
    if key_path(config).exists() or shell.environ.get("ENGINE_KEY"):
        open_signer(config, shell)
    if record_to(config, shell).exists():
        with workspace.open_ledger_to_read(config, shell):
            pass


def _files(
    plan: Plan, bundle: PolicyBundle, shell: Shell
) -> tuple[Document | None, dict[Path, str]]:
    """Every file that is to be there, by its path; nothing is written yet."""
    document, profile = None, None
    own = Path(plan.policies, "limits", plan.profile, "data.yaml")
    config = _settings(shell)
    demands = _verify_toml(plan, bundle)
    files = {Path(FILE_NAME): _toml(plan), Path(EXPECTATIONS): demands}
    if plan.metrics:
        document, metrics = read_metrics(plan.metrics, bundle, shell)
        require_claims(document, plan.settings)
        profile = fitted_profile(bundle, plan.gate, metrics, plan.metrics, shell)
        files[own] = profile
    if plan.policy:
        draft = draft_folder(plan)
        by_data = f"gates/{plan.gate}/data.yaml" in bundle.source_digests
        starter = starter_policy(plan.policy, gate=plan.gate if by_data else None)
        files |= {draft / path: text for path, text in starter.items()}
        if profile:
            files[draft / own.relative_to(plan.policies)] = profile
        else:
            files |= _profile_in_use(config, draft)
    artifact = plan.artifact
    if artifact is None and document is not None and _needs_artifact(plan, document.value):
        artifact = RELEASED_FILE
    job = Job(plan.gate, plan.metrics or "metrics.json", artifact, shell.here)
    here = {shell.here / path: text for path, text in files.items()}
    return document, here | ci_files(plan.ci, job)


def _profile_in_use(config: Config, draft: Path) -> dict[Path, str]:
    """The own profile that ``engine.toml`` names: the draft takes the place of where it lies."""
    policies, profile = config.path("policies"), config.text("profile")
    own = Path("limits", profile, "data.yaml")
    if policies is None or not (policies / own).is_file():
        return {}
    try:
        return {draft / own: read_whole(policies / own, MAX_FILE_BYTES).decode()}
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{policies / own}: {error}", "mend it: the draft needs it") from None


def draft_folder(plan: Plan) -> Path:
    """Return where a policy lies that is not in use yet."""
    return Path(f"{plan.policies}-draft")


def _toml(plan: Plan) -> str:
    lines = [f"{key} = {json.dumps(value)}" for key, value in plan.settings.items()]
    return "\n".join(
        [
            "# For `engine` here and below; flags and variables of the environment win.",
            "# `engine config show` says where each setting comes from.",
            *lines,
            "",
        ]
    )


def _verify_toml(plan: Plan, bundle: PolicyBundle) -> str:
    """What a consumer demands of this folder's proofs before acting on one."""
    lets_through = Verdict.ALLOW if bundle.gate(plan.gate).rule == ACCESS_RULE else Verdict.PROMOTE
    return f"""\
# What a proof must be before it is acted on: engine verify proof.json --expect {EXPECTATIONS}
# Keep it where who makes proofs cannot change it, and the public key beside it: commit both.
require = "{lets_through}"
gate = {json.dumps(plan.gate)}
profile = {json.dumps(plan.profile)}
stage = {json.dumps(plan.stage)}
max_age = "24h"
# waivers = []           # no failure may be waived
# relaxations = []       # not even one that the profile tolerates
# policy_digests = []    # of the policies that you reviewed: engine verify prints it

[[key]]
file = "{PUBLIC_KEY}"
roles = ["decision", "checkpoint"]
"""


def _ignoring(here: Path) -> dict[Path, str]:
    """``.gitignore`` with our lines at its end; the lines it has already stay."""
    path = here / ".gitignore"
    try:
        text = read_whole(path, MOST_TOML_BYTES).decode() if path.exists() else ""
    except (OSError, UnicodeDecodeError):
        return {}
    missing = [line for line in IGNORED if line not in text.splitlines()]
    if not missing:
        return {}
    separator = "" if not text or text.endswith("\n") else "\n"
    return {path: text + separator + "\n".join(missing) + "\n"}


def _print(placed: PlacementReport, shell: Shell) -> None:
    for path in placed.written:
        shell.say(f"engine: wrote {shell.relative(path)}")
    for path in placed.kept:
        shell.say(f"engine: kept {shell.relative(path)} as it is; --force writes over it")


def _open_workspace(shell: Shell, placed: PlacementReport) -> bytes:
    """Begin ledger and key where there are none; return the public key."""
    config = _settings(shell)
    with workspace.open_ledger_to_write(config, shell, may_create=True) as (ledger, signer):
        _print(placed, shell)
        shell.say(f"engine: ledger {ledger.id} at {ledger_url(config)}")
        return signer.public_key


def _advise(plan: Plan, placed: PlacementReport, published: PlacementReport, shell: Shell) -> None:
    """Print what is left to do by hand, each with the command for it."""
    config = _settings(shell)
    if published.kept:
        shell.say(
            f"engine: {EXPECTATIONS} trusts {PUBLIC_KEY}, which is not the key that signs here: "
            "`engine keys list` prints that"
        )
    root = repository(shell.here) or shell.here
    if plan.ci == "none":
        shell.say("engine: wrote no CI job: --ci github or --ci gitlab writes one")
    elif (root / WHEEL).is_file():
        shell.say(f"engine: give the CI job the engine: commit {WHEEL} and {REQUIREMENTS}")
    else:
        shell.say(
            f"engine: give the CI job the engine: commit its wheel as {WHEEL}, with its hash",
            f"  behind its name in {REQUIREMENTS}: pip hash {WHEEL}",
        )
    if plan.ci == "github":
        key = shell.relative(key_path(config))
        shell.say(f"engine: give the CI job the key: gh secret set ENGINE_KEY < {key}")
    if plan.ci == "gitlab":
        shell.say(
            "engine: give the CI job the key: a masked variable ENGINE_KEY, see the job's file"
        )
        if root / ".gitlab-ci.yml" in placed.kept:
            shell.say(f"engine: add to {root / '.gitlab-ci.yml'}: {GITLAB_INCLUDE.strip()}")
    if plan.policy:
        draft = draft_folder(plan)
        shell.say(
            f"engine: {draft} is a draft that nothing uses yet; changed Rego needs OPA",
            f"  its tests: engine policy test --policies {draft}",
            f'  to use it: policies = "{draft}" in {FILE_NAME}',
        )


def _next(plan: Plan, document: Document | None, shell: Shell) -> str:
    """The command that decides now, whatever files were kept and variables are set."""
    config = _settings(shell)
    flags: list[str] = []
    for name in ("gate", "profile", "stage"):
        if config.text(name) != (value := plan.settings[name]):
            flags += [f"--{name}", value]
    if document is None or plan.metrics is None:
        return shlex.join(["engine", "decide", "-", *flags]).replace("engine", EXAMPLE_INTO, 1)
    if config.path("policies") != shell.here / plan.policies:
        flags += ["--policies", plan.policies]
    artifact = plan.artifact
    if artifact is None and _needs_artifact(plan, document.value):
        artifact = plan.metrics
        shell.say(
            *_unknown_release(plan),
            f"engine: {plan.metrics} names no digest; --artifact {artifact} below stands in for "
            "the file",
            "  that you release: name that instead, or give its digest in the file",
        )
    if artifact:
        flags += ["--artifact", artifact]
    return shlex.join(["engine", "decide", plan.metrics, *flags])


def _unknown_release(plan: Plan) -> list[str]:
    """What the CI job lacks where nobody said which file is released."""
    if plan.ci == "none":
        return []
    name = RELEASED_FILE.removeprefix("$")
    return [f"engine: give the CI job the variable {name}: the path of the file that you release"]


EXAMPLE_INTO = "engine example promote | engine"


def _needs_artifact(plan: Plan, document: Json) -> bool:
    return shipped_bundle().gate(plan.gate).requires_digest and "digest" not in document["subject"]

"""``engine policy new``: a domain of one's own, in the gate and the profile that are in use."""

from __future__ import annotations

import argparse
import json
import os
import re
import shlex
from dataclasses import dataclass
from pathlib import Path

from engine import exit_codes
from engine.cli import workspace
from engine.cli.console.shell import STAYS, Shell
from engine.cli.new_files import place, require_placeable
from engine.cli.starter_files import starter_policy
from engine.errors import UsageError, suggest
from engine.policy.bundle import shipped_bundle
from engine.policy.sources import DATA, read_source
from engine.policy.tables.nodes import read
from engine.settings.config import FILE_NAME, MOST_TOML_BYTES, Config, load
from engine.system.reading import read_whole


@dataclass(frozen=True, slots=True)
class _Plan:
    """What is written: which domain, for whom, and where."""

    name: str
    gate: str
    profile: str
    folder: Path


def new(args: argparse.Namespace, shell: Shell) -> int:
    """Write a starter policy into the folder of policies; nothing that is there is replaced."""
    config = workspace.settings(args, shell)
    folder = config.path("policies") or shell.here / "policies"
    plan, answered = _planned(args, config, folder, shell)
    laid = {folder / path: text for path, text in _laid(plan).items()}
    configured = _configuration(config, folder, shell)
    files = laid | configured
    require_placeable(files, shell.here, force=False, extended=files.keys())
    if answered and not _agreed(laid, configured, shell):
        raise UsageError("nothing was written", "engine policy new asks again")
    place(files, force=False, extended=frozenset(files))
    with shell.answering(f"{folder} is written", STAYS):
        for file in files:
            shell.print(file)
    _advise(plan, shell)
    return exit_codes.PASS


def _planned(
    args: argparse.Namespace, config: Config, folder: Path, shell: Shell
) -> tuple[_Plan, bool]:
    """What flags, settings and answers say, and whether somebody was asked."""
    gates = sorted(_named(folder, "gates"))
    profiles = sorted(_named(folder, "limits"))
    asks = shell.may_ask and not (args.name and args.gate and args.profile)
    name, gate, profile = args.name, config.text("gate"), config.text("profile")
    if asks:
        name, gate, profile = _answers(args, config, gates, profiles, shell)
    if not name:
        raise UsageError(
            "a name is missing, and there is no terminal to ask at",
            "engine policy new NAME [--gate G] [--profile P] [--policies DIR]",
        )
    starter_policy(name)
    if gate not in (*gates, name):
        raise UsageError(
            f"no gate {gate!r} to which a row adds a domain",
            f"{suggest(gate, (*gates, name))}; --gate {name} makes it a gate of its own alone",
        )
    if profile not in profiles:
        raise UsageError(f"no profile {profile!r}", suggest(profile, profiles))
    return _Plan(name, gate, profile, folder), asks


def _named(folder: Path, topic: str) -> set[str]:
    """The gates or the profiles that have a table, as shipped or in the folder."""
    place = re.compile(rf"{topic}/([^/]+)/{re.escape(DATA)}")
    own = (path.relative_to(folder).as_posix() for path in folder.glob(f"{topic}/*/{DATA}"))
    paths = (*shipped_bundle().source_digests, *own)
    return {match[1] for path in paths if (match := place.fullmatch(path))}


def _answers(
    args: argparse.Namespace, config: Config, gates: list[str], profiles: list[str], shell: Shell
) -> tuple[str | None, str, str]:
    from engine.cli.console.dialog import dialog_at, flaw_of

    name, gate, profile = args.name, args.gate, args.profile
    with dialog_at(shell) as dialog:
        if not name:
            name = dialog.maybe("What is the domain called?", "own", flaw_of(starter_policy))
        if name and not gate:
            known = [*gates, name]
            default = config.text("gate") if config.text("gate") in known else gates[0]
            dialog.console.print(f"  {name}: a gate of its own, that no other gate asks")
            gate = dialog.one_of("Which gate asks it?", default, known)
        if name and not profile:
            default = config.text("profile") if config.text("profile") in profiles else profiles[0]
            profile = dialog.one_of("Which profile sets its limit?", default, profiles)
    return name, gate or config.text("gate"), profile or config.text("profile")


def _agreed(laid: dict[Path, str], configured: dict[Path, str], shell: Shell) -> bool:
    shell.say("engine: this is written, and nothing that is there is replaced:")
    for path in (*laid, *configured):
        shell.say(f"  {shell.relative(path)}{' (a line is added)' if path.exists() else ''}")
    return shell.agrees("Write it?")


def _laid(plan: _Plan) -> dict[str, str]:
    """The files, where rows are added to the tables that are there."""
    laid = {}
    files = starter_policy(plan.name, gate=plan.gate, profile=plan.profile)
    for path, text in files.items():
        target = plan.folder / path
        if not target.exists():
            laid[path] = text
            continue
        if target.suffix == ".rego":
            raise UsageError(f"{target} is there already", "choose another name, or remove it")
        member, _, rows = text.partition(":\n")
        try:
            added = f"{read_source(target).content.decode().rstrip()}\n{rows}"
        except UnicodeDecodeError:
            raise UsageError(f"{target}: is not UTF-8", "write the file in UTF-8") from None
        table = read(str(target), added.encode()).members().get(member)
        keys = table.members() if table else {}
        if not any(key == plan.name or key.startswith(f"{plan.name}.") for key in keys):
            raise UsageError(f"{target}: no rows can be added at its end", f"add there:\n{rows}")
        laid[path] = added
    return laid


def _configuration(config: Config, folder: Path, shell: Shell) -> dict[Path, str]:
    """``engine.toml`` with the folder in it, where nothing names one yet; its lines stay."""
    if load({}, shell.environ, shell.here).path("policies") is not None:
        return {}
    file = config.file or shell.here / FILE_NAME
    line = f"policies = {json.dumps(Path(os.path.relpath(folder, file.parent)).as_posix())}"
    try:
        text = read_whole(file, MOST_TOML_BYTES).decode() if file.exists() else ""
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{file}: {error}", f"add there: {line}") from None
    separator = "" if not text or text.endswith("\n") else "\n"
    return {file: f"{text}{separator}{line}\n"}


def _advise(plan: _Plan, shell: Shell) -> None:
    in_use = load({}, shell.environ, shell.here)
    folder = shell.relative(plan.folder)
    shell.say(
        f"engine: gate {plan.gate} asks it, by the limit of profile {plan.profile} "
        "(--gate, --profile choose others)"
    )
    flags: list[str] = []
    if in_use.path("policies") == plan.folder:
        draft = shlex.quote(f"{plan.folder.name}-draft")
        shell.say(
            f"engine: {folder} is in use here: from now on every `engine decide` needs OPA, or "
            "what `engine policy build` wrote",
            "  for a draft that nothing uses, remove or restore the files above, and type:",
            f"  engine policy new {plan.name} --policies {draft}",
        )
    else:
        flags += ["--policies", str(folder)]
        shell.say(f"engine: {folder} is a draft: nothing uses it without --policies; it needs OPA")
    for name in ("gate", "profile"):
        if in_use.text(name) != (value := getattr(plan, name)):
            flags += [f"--{name}", value]
    decide = shlex.join(["engine", "decide", "metrics.json", *flags])
    shell.say(
        f"engine: next: engine policy test {folder}",
        f"  then: {decide if flags else 'engine example block | engine decide -'}",
    )

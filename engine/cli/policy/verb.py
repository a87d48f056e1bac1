"""``engine policy``: what its actions are, and those that test, compile and list."""

from __future__ import annotations

import argparse
from pathlib import Path

from engine import exit_codes
from engine.cli import workspace
from engine.cli.arguments import (
    files_argument,
    instant,
    policy_arguments,
    question_arguments,
)
from engine.cli.console.shell import STAYS, Shell
from engine.cli.policy import comparison, starting
from engine.settings.config import help_of

DESCRIPTION = (
    "List gates, checks and limits; show rows of the policies in use, and what they change;\n"
    "start a policy of your own; test policies as the shipped ones are tested; build the policy\n"
    "bundle from Rego; approve a built file with your key. Tests need OPA, and so does Rego that\n"
    "differs from what ships."
)
EXAMPLE = "  engine policy diff --policies policies"


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare flags."""
    parser.add_argument("action", choices=list(_ACTIONS), help="what to do")
    parser.add_argument(
        "name",
        nargs="?",
        metavar="NAME",
        help="new: name of the domain, else asked for; test: the folder; show: a row such as "
        "limits/default, slo.burn_rate, or a built file; diff: shipped, a folder, a built file "
        "or a policy's digest; sign: the built file",
    )
    question_arguments(parser)
    policy_arguments(parser)
    parser.add_argument(
        "--out",
        metavar="DIR|FILE.tar",
        help="build: where the bundle is written, a folder or one file",
    )
    files_argument(parser)
    parser.add_argument("--key-file", metavar="PEM", help=f"sign: {help_of('key_file')}")
    parser.add_argument(
        "--expires", metavar="T", type=instant, help="sign: instant from which on it does not count"
    )
    parser.add_argument("--note", metavar="TEXT", help="sign: what was looked at, and why")
    parser.add_argument(
        "--format", choices=["text", "json"], default="text", help="list, show, diff"
    )


def run(args: argparse.Namespace, shell: Shell) -> int:
    """Build, list, test or start a policy."""
    from engine.errors import UsageError

    if args.name is not None and args.action not in _NAMED:
        raise UsageError(f"{args.name!r} means nothing to {args.action}", "give --policies DIR")
    if args.files:
        workspace.require_in_use(args.files, workspace.settings(args, shell))
    return _ACTIONS[args.action](args, shell)


def _test(args: argparse.Namespace, shell: Shell) -> int:
    """Test the shipped policies with the folder laid over; 1 when something is missing."""
    from engine.policy.build import find_opa
    from engine.policy.testing import examine

    folder = Path(args.name) if args.name else workspace.settings(args, shell).path("policies")
    good = True
    for step in examine(folder, find_opa(shell.environ)):
        good = good and not step.wrong
        word = "WRONG" if step.wrong else "ok"
        shell.print(f"{word:<6} {step.name:<9} {step.passed}".rstrip(), flush=True)
        for line in (*step.wrong, *(f"hint: {hint}" for hint in step.hint.splitlines())):
            shell.print(f"         {line}")
    return exit_codes.PASS if good else exit_codes.FAIL


def _build(args: argparse.Namespace, shell: Shell) -> int:
    """Write what a folder is, laid over the shipped policies: it needs no OPA any more."""
    from engine.decision.workspace import policies_in
    from engine.errors import UsageError
    from engine.policy.build import write
    from engine.policy.overlay import BUILT
    from engine.system.files import output_path, write_whole

    config = workspace.settings(args, shell)
    sources = config.path("policies")
    if sources is None or not args.out:
        raise UsageError(
            "what to build, and where to", f"engine policy build --policies DIR --out NAME{BUILT}"
        )
    out = Path(args.out)
    if out.suffix == BUILT:
        workspace.require_output(output_path(args.out), config, shell)
    bundle = policies_in(sources, shell, anew=True)
    if out.suffix == BUILT:
        write_whole(out, bundle.archive())
    else:
        write(bundle, out, keep_sources=True)
    with shell.answering(f"{args.out} is written", STAYS):
        shell.print(f"policy {bundle.digest}  {args.out}")
    return exit_codes.PASS


def _sign(args: argparse.Namespace, shell: Shell) -> int:
    """Approve a built policy: write the own key's word beside it."""
    from engine.decision.approvals import approvals_file, approved
    from engine.decision.workspace import open_signer
    from engine.errors import UsageError
    from engine.policy.build import find_opa
    from engine.policy.overlay import BUILT, load_policies, require_compiled_of_sources
    from engine.system.files import write_whole
    from engine.system.locking import held

    config = workspace.settings(args, shell)
    name = args.name or config.optional_text("policies")
    if name is None or Path(name).is_dir():
        raise UsageError(
            f"{name}: a folder is approved as one file" if name else "what to approve is missing",
            f"engine policy build --policies DIR --out NAME{BUILT}, and then: "
            f"engine policy sign NAME{BUILT}",
        )
    policies = Path(name)
    bundle = load_policies(policies, opa=None)
    require_compiled_of_sources(policies, bundle, lambda: find_opa(shell.environ))
    target = approvals_file(policies)
    workspace.require_output(target, config, shell)
    signer = open_signer(config, shell)
    with held(policies):  # or of two approvals at once only one would stay
        data = approved(
            policies, bundle.digest, signer, shell.now(), expires_at=args.expires, note=args.note
        )
        write_whole(target, data)
    with shell.answering(f"{target} is written", STAYS):
        shell.print(f"policy {bundle.digest}  approved by key {signer.key_id}  {target}")
    return exit_codes.PASS


def _list(args: argparse.Namespace, shell: Shell) -> int:
    from engine.cli.check_texts import bound, operators_of
    from engine.evidence.input import require_stage

    config = workspace.settings(args, shell)
    bundle = workspace.open_policies(config, shell)
    chosen, profile = bundle.gate(config.text("gate")), config.text("profile")
    rows = bundle.profile(profile)["checks"]
    require_stage(config.text("stage"))
    if args.format == "json":
        document = {
            "digest": bundle.digest,
            "gates": {gate.name: gate.title for gate in bundle.gates()},
            "gate": chosen.name,
            "profile": profile,
            "checks": {name: rows.get(name) for name in chosen.checks},
        }
        shell.print_json(document, indent=2)
        return exit_codes.PASS
    operators = operators_of(bundle, shell)
    shell.print(f"policy {bundle.digest}")
    for gate in bundle.gates():
        word = "check " if len(gate.checks) == 1 else "checks"
        shell.print(f"  gate {gate.name:<12} {len(gate.checks):>3} {word}  {gate.title}")
    shell.print(f"profiles: {', '.join(sorted(bundle.data['limits']))}")
    shell.print_lines(f"\ngate {chosen.name}, profile {profile}")
    for name in chosen.checks:
        row, info = rows.get(name, {}), bundle.check(name)
        limit = (
            "off: " + row.get("reason", "")
            if row.get("severity") == "off"
            else f"{row.get('severity', 'block'):<5}  {operators[name]} {bound(row, info, bundle)}"
        )
        shell.print(f"  {name:<32} {limit:<28} {info.title}")
    return exit_codes.PASS


_ACTIONS = {
    "build": _build,
    "diff": comparison.diff,
    "list": _list,
    "new": starting.new,
    "show": comparison.show,
    "sign": _sign,
    "test": _test,
}
_NAMED = ("diff", "new", "show", "sign", "test")

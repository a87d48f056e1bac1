"""``engine explain``: a recorded decision, or a check, in words; offline."""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

from engine import exit_codes
from engine.cli import workspace
from engine.cli.arguments import detail_arguments, ledger_arguments, policy_arguments
from engine.cli.check_texts import operators_of, report_on
from engine.cli.console.colour import write
from engine.cli.console.report_options import report_options
from engine.cli.console.shell import Shell
from engine.errors import UsageError, suggest
from engine.formats.columns import rows, wrapped
from engine.policy.bundle import PolicyBundle, shipped_bundle
from engine.settings.config import Config

if TYPE_CHECKING:
    from engine.ledger import Ledger

DESCRIPTION = (
    "Say what a check means and what each profile demands of it; what a metric, gate, profile,\n"
    "verdict, relaxation, setting or exit code is; what to do about an error text; or, of a\n"
    "recorded decision, what was observed, what was allowed, by how much, and what would make\n"
    "it pass."
)
EXAMPLE = (
    "  engine explain ethics.ece\n  engine explain --all > policies.md\n  engine explain --controls"
)


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare flags."""
    parser.add_argument(
        "what",
        nargs="?",
        metavar="DECISION|NAME",
        help="id of a decision or attestation; a name; or the text of an error",
    )
    parser.add_argument("--all", action="store_true", help="every gate, check, metric and limit")
    parser.add_argument(
        "--controls", action="store_true",
        help="which checks speak to which control of a law or standard",
    )  # fmt: skip
    parser.add_argument(
        "--format", choices=["json", "markdown", "text"],
        help="of --all (markdown) and --controls (text or json)",
    )  # fmt: skip
    detail_arguments(parser, "--all")
    policy_arguments(parser)
    ledger_arguments(parser)


def run(args: argparse.Namespace, shell: Shell) -> int:
    """Explain; nothing is decided or recorded."""
    lists = args.all or args.controls
    if (args.what is not None) + args.all + args.controls != 1 or (args.format and not lists):
        raise UsageError(
            "explain: name one thing, or give --all or --controls, which alone have a --format",
            "such as: engine explain ethics.ece, engine explain HOLD, engine explain DECISION\n"
            "every check and limit: engine explain --all",
        )
    config = workspace.settings(args, shell)
    bundle = workspace.open_policies(config, shell)
    if args.all:
        _no_detail(args, "--all")
        return _all(args.format or "markdown", bundle, shell)
    if args.controls:
        _no_detail(args, "--controls")
        return _controls(args.format or "text", config, bundle, shell)
    known = [check.id for check in bundle.checks()]
    if args.what in known:
        _no_detail(args, "a check")
        shell.print_lines(_check(args.what, bundle, shell), end="")
        return exit_codes.PASS
    from engine.cli.explain.topics import topics

    others = topics(bundle)
    name = args.what.upper() if args.what.upper() in others else args.what
    if name in others:
        _no_detail(args, "a name")
        for (head, text), *facts in others[name]:
            shell.print_lines(_rows(f"{head}: {text}", facts, shell.width), end="")
        return exit_codes.PASS
    if not re.fullmatch(r"[0-9a-f-]{8,36}", args.what):
        from engine.cli.explain import error_texts

        if error := error_texts.nearest(args.what):
            _no_detail(args, "an error")
            about = (
                ("fix", error_texts.abridged(error.fix)),
                ("kind", f"{error_texts.meaning(error.kind)} ({error.kind})"),
                ("exit code", f"{error.exit_code}: engine explain {error.exit_code}"),
            )
            shell.print_lines(_rows(f"error: {error.text}", about, shell.width), end="")
            return exit_codes.PASS
        raise UsageError(
            f"{args.what!r} is no check, metric, gate, profile, verdict, relaxation, setting, exit "
            "code, error text or decision id",
            suggest(args.what, [*known, *others]) or "`engine explain --all` names every check",
        )
    return _decision(args, config, shell)


def _no_detail(args: argparse.Namespace, what: str) -> None:
    """Refuse flags about a verdict's text where no verdict is shown."""
    flags = ("quiet", "verbose", "failures_only", "checkpoint")
    if given := [f"--{flag.replace('_', '-')}" for flag in flags if getattr(args, flag)]:
        raise UsageError(
            f"explain: {', '.join(given)} is of a recorded decision, and changes nothing of {what}",
            f"leave out {', '.join(given)}",
        )


def _all(form: str, bundle: PolicyBundle, shell: Shell) -> int:
    from engine.cli.explain import reference

    page = reference.reference(bundle, operators_of(bundle, shell))
    if form == "json":
        shell.print_json(page, indent=2)
    else:
        write_page = reference.as_markdown if form == "markdown" else reference.as_text
        shell.print_lines(write_page(page), end="")
    return exit_codes.PASS


def _controls(form: str, config: Config, bundle: PolicyBundle, shell: Shell) -> int:
    from engine.cli.explain import controls

    if form == "markdown":
        raise UsageError("explain: --controls has no markdown", "give --format text or json")
    page = controls.page(bundle, config.text("profile"))
    if form == "json":
        shell.print_json(page, indent=2)
    else:
        shell.print_lines("\n".join(controls.lines(page, shell.width)))
    return exit_codes.PASS


_OF_PROJECT = ", in spec/invariants.md of the project"


def _check(name: str, bundle: PolicyBundle, shell: Shell) -> str:
    from engine.cli.explain.reference import demand

    info = bundle.check(name)
    unit = bundle.catalogue().get(info.metric, {}).get("unit", "")
    unit = "" if unit in ("1", "none") else unit
    gates = [gate.name for gate in bundle.gates() if name in gate.checks]
    ships = any(check.id == name for check in shipped_bundle().checks())
    facts = (
        ("demands", info.description),
        ("why", info.why),
        ("fix", info.fix),
        ("metric", f"{info.metric} ({unit})" if unit else info.metric),
        ("promise", info.invariant + (_OF_PROJECT if ships else "")),
        ("gates", ", ".join(gates) or "none asks it"),
        *([("controls", ", ".join(info.controls))] if info.controls else []),
    )
    if not gates:
        return _rows(f"{name}: {info.title}", facts, shell.width)
    lines = [_rows(f"{name}: {info.title}", facts, shell.width) + "  limits"]
    operator = operators_of(bundle, shell)[name]
    for profile, table in sorted(bundle.data["limits"].items()):
        demanded = demand(table["checks"][name], operator, unit)
        lines += wrapped(demanded, shell.width, f"    {profile:<14} ")
    return "\n".join(lines) + "\n"


def _rows(head: str, facts: Iterable[tuple[str, str]], width: int) -> str:
    """A headline and labelled texts, wrapped."""
    return "\n".join([*wrapped(head, width, "", "  "), *rows(facts, width)]) + "\n"


def _decision(args: argparse.Namespace, config: Config, shell: Shell) -> int:
    from engine.decision.export import decision_at, documents_of, is_decision, require_signed
    from engine.decision.unindexed import find_any
    from engine.proof.attestation import is_attestation
    from engine.report import format_named

    name = args.what
    with workspace.open_ledger_to_read(config, shell) as ledger:
        require_signed(ledger, index := find_any(ledger, name))
        if is_attestation(entry := ledger.entry(index)):
            return _attestation(ledger, index, args, shell)
        if not is_decision(entry):
            _no_detail(args, "what was not decided")
            return _undecided(ledger, index, shell)
        decision = decision_at(ledger, name)
        predicate = json.loads(decision.statement)["predicate"]
        kept = documents_of(ledger, index, predicate["input"]["digest"]["sha256"])
        given = json.loads(kept["input"])["metrics"] if "input" in kept else {}  # else erased
        # Its own policy has the words: another one may mean something else by the same id.
        bundle = _policy(ledger, predicate["policy"]["digest"]["sha256"])
    report = report_on(decision, bundle, metrics=given)
    text = format_named("text")(report_options(args, shell, explain=True)).item(report)
    write(text, shell.stdout)
    return exit_codes.PASS


def _policy(ledger: Ledger, digest: str) -> PolicyBundle:
    return PolicyBundle.kept_as(digest, ledger.blob("policy", digest))


def _attestation(ledger: Ledger, index: int, args: argparse.Namespace, shell: Shell) -> int:
    from engine.cli.attestation_report import as_text, policy_digest

    at = ledger.appended(index)
    bundle = _policy(ledger, policy_digest(at))
    write(as_text(at, bundle, report_options(args, shell, explain=True)), shell.stdout)
    return exit_codes.PASS


def _undecided(ledger: Ledger, index: int, shell: Shell) -> int:
    """Say what was requested, or failed, where no decision came of it."""
    from engine.formats.printable import plain
    from engine.model import DECISION_REQUESTED_TYPE
    from engine.proof.envelope import open_envelope
    from engine.proof.expectations import subject_of
    from engine.proof.statement import parse_statement

    statement = parse_statement(open_envelope(ledger.entry(index)).payload)
    predicate = statement["predicate"]
    is_request = statement["predicateType"] == DECISION_REQUESTED_TYPE
    facts = [(name, plain(str(predicate[name]))) for name in ("gate", "stage")]
    if is_request:
        head = f"{predicate['decision_id']}: requested at {predicate['requested_at']}, not answered"
        subject = subject_of(statement)
        facts += [
            ("profile", plain(predicate["profile"]["name"])),
            ("subject", plain(f"{subject.name} {subject.version or ''}".rstrip())),
            ("sha256", plain(subject.sha256 or "no artifact was named")),
            ("answer", "none: a run was stopped after it asked, or kept back what the gate said"),
        ]
    else:
        head = f"{predicate['attempt_id']}: could not be decided at {predicate['failed_at']}"
        facts += [
            ("profile", plain(predicate["profile"])),
            ("files", plain(statement["subject"][0]["name"])),
            ("why", plain(predicate["error"]["message"])),
        ]
    facts.append(("entry", f"{index}: engine ledger show {index}"))
    shell.print_lines(_rows(plain(head), facts, shell.width), end="")
    return exit_codes.PASS

"""``engine conform``: is what a ledger recorded a behaviour of the specs?"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from engine import exit_codes
from engine.cli import workspace
from engine.cli.arguments import ledger_arguments
from engine.cli.console.shell import Shell
from engine.cli.inputs import specs_folder
from engine.errors import UsageError
from engine.formats.printable import on_one_line

if TYPE_CHECKING:
    from engine.model import Json
    from engine.specs.conform.by_tlc import Distinct, Model, TlcJudgement
    from engine.specs.conform.conformance import Conformance
    from engine.specs.conform.lookup import Contradiction, Rejection, Report, Step

    Judgements = Mapping[str, TlcJudgement]

DESCRIPTION = (
    "Check that a ledger's entries are a behaviour of the TLA+ specs. Each entry is projected to\n"
    "steps, and every step looked up in the state graph that TLC made of the spec: no Java is\n"
    "needed. --tlc lets TLC itself judge every distinct step; --trace lets it judge the whole\n"
    "trace that leads to the first rejected step. Exit 4 names the entry, the action, the state\n"
    "before and what the spec would have allowed; or which entry is not signed by a key of the\n"
    "ledger, or says of itself what does not follow. Exit 1: a spec has no model of the limits\n"
    "that were in force, or an entry is of a type that this engine does not know."
)
EXAMPLE = "  engine conform .engine/ledger.db"


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare flags."""
    parser.add_argument(
        "where", nargs="?", metavar="LEDGER", help="path or URL; the configured one"
    )
    parser.add_argument("--only", action="append", metavar="SPEC", help="one of the specs; repeat")
    parser.add_argument("--tlc", action="store_true", help="TLC judges every distinct step")
    parser.add_argument("--trace", action="store_true", help="TLC judges what led to a rejection")
    parser.add_argument("--tla", metavar="DIR", help="folder of the specs (the shipped ones)")
    parser.add_argument("--format", choices=["text", "json"], default="text", help="(text)")
    parser.add_argument("--key", action="append", metavar="PUB", help="public key (the own one)")
    ledger_arguments(parser)


def run(args: argparse.Namespace, shell: Shell) -> int:
    """Check; exit 4 when a step is rejected."""
    from engine.specs.conform.claims import Claims
    from engine.specs.conform.conformance import Conformance, conform

    if args.where and args.ledger:
        raise UsageError("the ledger is named twice", "leave --ledger out")
    args.ledger = args.where or args.ledger
    folder = specs_folder(args.tla, shell)
    steps = _StepsForTlc(args.tlc, args.trace)
    conformance = Conformance(
        args.only or (), folder / "graph", steps.add if args.tlc or args.trace else None
    )
    config = workspace.settings(args, shell)
    with workspace.open_ledger_to_read(config, shell, args.key) as ledger:
        keys, url, claims = ledger.public_keys, ledger.url, Claims(ledger, ledger.public_keys)
        reports = conform(claims.read(), conformance)
    judgements = steps.judgements(folder, reports, shell)
    document = _document(url, bool(keys), conformance, claims.contradicted, reports, judgements)
    if args.format == "json":
        shell.print_json(document, indent=2)
    else:
        shell.print_lines(_text(document, reports, judgements))
    if claims.contradicted is not None or _refused(reports, judgements):
        return exit_codes.NOT_GENUINE
    return exit_codes.PASS if document["conforms"] else exit_codes.FAIL


class _StepsForTlc:
    """The steps that TLC is to judge, collected while the ledger is read."""

    def __init__(self, tlc: bool, trace: bool) -> None:
        self._tlc, self._trace = tlc, trace
        self._distinct: dict[str, Distinct] = {}
        self._traces: dict[tuple[str, str], list[Step]] = {}

    def add(self, name: str, step: Step) -> None:
        """Keep one step of a projection."""
        from engine.specs.conform.by_tlc import Distinct, straight

        if self._tlc:
            self._distinct.setdefault(name, Distinct()).add(step)
        if self._trace:
            steps = self._traces.setdefault((name, step.trace), [])
            steps.append(step)
            if len(steps) > _LONG:  # a loop that was left again is no part of a diagnosis
                steps[:] = straight(steps)

    def judgements(
        self, folder: Path, reports: Mapping[str, Report], shell: Shell
    ) -> dict[str, TlcJudgement]:
        """Run TLC, once per spec that has steps to judge."""
        from engine.specs.conform import by_tlc, projections, tlc

        found: dict[str, TlcJudgement] = {}
        conforms = all(report.conforms for report in reports.values())
        if not self._tlc and (conforms or not self._trace):
            return found
        tools = tlc.find(shell.environ, shell.here)
        for name, report in reports.items():
            model = _model(folder, report.graph, projections.load(name).sets)
            if self._tlc and name in self._distinct:
                found[name] = by_tlc.judge(model, self._distinct[name], tools)
            elif self._trace and report.rejected is not None:
                steps = self._traces[name, report.rejected.step.trace]
                found[name] = by_tlc.judge_trace(model, steps, tools)
        return found


_LONG = 512


def _model(folder: Path, graph: str, sets: frozenset[str]) -> Model:
    from engine.errors import ConfigError
    from engine.specs import config, manifest
    from engine.specs.conform.by_tlc import Model

    for row in manifest.read(folder):
        if row.graph == graph:
            return Model(folder, row.module, config.derived(folder, row), sets)
    raise ConfigError(f"{folder}: no run of the manifest makes graph {graph!r}", "add the run")


def _document(
    url: str,
    keys_given: bool,
    conformance: Conformance,
    contradicted: Contradiction | None,
    reports: Mapping[str, Report],
    judgements: Judgements,
) -> dict[str, Json]:
    specs: list[dict[str, Json]] = []
    for name, report in reports.items():
        summary: dict[str, Json] = {
            "spec": name,
            "graph": report.graph,
            "conforms": report.conforms and not _refuses(name, judgements),
            "steps": report.steps,
            "edges_taken": len(report.taken),
            "edges": report.edges,
            "rejected": _rejected_json(report.rejected),
            "unmodelled": report.unmodelled._asdict() if report.unmodelled else None,
            "contradicted": report.contradicted._asdict() if report.contradicted else None,
        }
        if name in judgements:
            by = judgements[name]
            summary["tlc"] = {
                "steps": by.steps,
                "rejected_entry": by.rejected.entry if by.rejected else None,
                "told": by.report,
            }
        specs.append(summary)
    is_known = not conformance.unknown and contradicted is None
    return {
        "ledger": url,
        "entries": conformance.entries,
        "conforms": is_known and all(summary["conforms"] for summary in specs),
        "keys_given": keys_given,
        "contradicted": contradicted._asdict() if contradicted else None,
        "without_spec": dict(sorted(conformance.without_spec.items())),
        "unknown": dict(sorted(conformance.unknown.items())),
        "specs": specs,
    }


def _refused(reports: Mapping[str, Report], judgements: Judgements) -> bool:
    return any(report.refused or _refuses(name, judgements) for name, report in reports.items())


def _refuses(name: str, judgements: Judgements) -> bool:
    return name in judgements and judgements[name].rejected is not None


def _rejected_json(rejected: Rejection | None) -> Json:
    if rejected is None:
        return None
    step = rejected.step
    return {
        "entry": step.entry,
        "trace": step.trace,
        "text": step.text,
        "action": step.action,
        "reason": rejected.reason,
        "before": step.before,
        "after": step.after,
        "allowed": [{"action": action, "after": after} for action, after in rejected.allowed],
    }


def _text(
    document: Mapping[str, Json], reports: Mapping[str, Report], judgements: Judgements
) -> str:
    lines = []
    width = max(map(len, reports))
    for summary in document["specs"]:
        name = summary["spec"]
        unmodelled = reports[name].unmodelled
        word = "conforms" if summary["conforms"] else "UNKNOWN " if unmodelled else "REJECTED"
        lines.append(
            f"{name:<{width}}  {word}  {summary['steps']:,} steps, "
            f"{summary['edges_taken']} of {summary['edges']} edges of the spec seen"
        )
        if unmodelled is not None:
            lines.append(f"  entry {unmodelled.entry}: {unmodelled.reason}; nothing is looked up")
            lines.append("  from there on. `engine spec check --policies DIR` finds out")
            lines.append("  whether the spec holds with your limits")
        for refusal in (reports[name].rejected, reports[name].contradicted):
            if refusal is not None:
                lines += [f"  {line}" for line in refusal.lines()]
        if name in judgements:
            lines += [f"  {line}" for line in _by_tlc(judgements[name])]
    lines += _beyond_specs(document)
    refused = document["contradicted"] is not None or _refused(reports, judgements)
    what = "are NOT behaviour of the specs" if refused else "conform to the specs"
    if not refused and not document["conforms"]:
        what += ", as far as they could be looked up"
    lines.append(f"{document['ledger']}: {document['entries']:,} entries {what}")
    return "\n".join(map(on_one_line, lines))


def _beyond_specs(document: Mapping[str, Json]) -> Iterator[str]:
    """What the entries say that no spec is about."""
    if (claim := document["contradicted"]) is not None:
        yield f"entry {claim['entry']} says what does not follow ({claim['promise']}):"
        yield f"  {claim['reason']}"
    for name, word in (("without_spec", "no spec is about"), ("unknown", "UNKNOWN type")):
        for kind, count in document[name].items():
            short = kind.removeprefix("urn:governance-engine:")
            yield f"{word} {short}: {count:,} {'entry' if count == 1 else 'entries'}"
    if not document["keys_given"]:
        yield "signed by the key in entry 0, for want of another: pass --key to say whose it is"


def _by_tlc(judgement: TlcJudgement) -> list[str]:
    if judgement.rejected is None:
        return [f"TLC allows all of {judgement.steps} distinct steps"]
    step = judgement.rejected
    lines = [f"TLC: entry {step.entry}: {step.text}: {step.action}"]
    return lines + [f"  {line}" for line in judgement.report.splitlines()]

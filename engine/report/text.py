"""``--format text``: for people. Plain lines; ``engine.cli`` colours them on a terminal.

What stays on a screen is what was printed last: so passes come first, on one line, what stands
against the release behind them, and the verdict at the end.
"""

from __future__ import annotations

from collections.abc import Iterator

from engine.formats.columns import columns_of, kept_together, rows, spaced, wrapped
from engine.formats.evidence_files import evidence_files_line, signed_evidence_line
from engine.formats.policy_changes import policy_approvals_line, policy_changes_line
from engine.formats.printable import on_one_line, plain
from engine.model import Decision, Json, Status, Verdict
from engine.report import RenderedParts, Report, ReportOptions, Writer
from engine.report.way_out import way_out
from engine.report.wording import (
    artifact_of,
    checkpoint_of,
    is_released,
    short_artifact_of,
    subject_of,
    waiver_line,
)

_MOST_OF_OTHERS = 3
"""Waivers for other subjects that are named; one that was mistyped is rarely among many."""
_ODD_NAMES = "surrogateescape"  # how Python reads file names that are no UTF-8
_ENTRY = 14
"""Columns that a line leaves for the number of an entry."""
_LABEL = 10
_ABOUT = "subject   "
"""Before a name that a stranger gave: a line of theirs does not begin as one of the engine's."""
_MARKS = {Verdict.PROMOTE: "✓", Verdict.ALLOW: "✓", Verdict.HOLD: "…", Verdict.ROLLBACK: "←"}


class TextWriter(Writer):
    """Writes one decision as the options say; of several, a line each unless they explain."""

    def __init__(self, options: ReportOptions) -> None:
        super().__init__(options)
        self.locates = options.verbose
        self._first = True
        self._lines = options.several and not (options.explain or options.passes or options.verbose)

    def item(self, report: Report) -> str:
        """Return one line, or all of it."""
        decision = report.decision
        if self._lines and self._options.failures_only and is_released(decision):
            return ""
        if self._lines:
            line = self.entry(decision.index, decision.checkpoint).join(self._line(report))
            return line.decode(errors=_ODD_NAMES)
        lines = _whole(report, self._options)
        if self._options.several:
            lines = [
                *([] if self._first else [""]),
                f"evidence  {on_one_line(report.file)}",
                *lines,
            ]
            self._first = False
        text = "".join(f"{spaced(on_one_line(line))}\n" for line in lines)
        return text if self._options.signs else text.replace("…", "...")

    def parts(self, report: Report) -> RenderedParts | None:
        """Return the line but for its entry; None where it is more or less than a line."""
        return self._line(report) if self._lines and not self._options.failures_only else None

    def entry(self, index: int | None, checkpoint: str | None) -> bytes:  # noqa: ARG002
        """Return which entry records it."""
        return b"not recorded" if index is None else b"entry %d" % index

    def _line(self, report: Report) -> RenderedParts:
        """A line; at a terminal the reason has lines of its own where it would be cut."""
        decision, options = report.decision, self._options
        before = f"{decision.verdict:<8}  {on_one_line(report.file)}  "
        behind = "" if options.quiet else f"  {on_one_line(decision.reason)}"
        if options.terminal and columns_of(before + behind) + _ENTRY > options.width:
            behind = "".join(f"\n{line}" for line in wrapped(behind, options.width, " " * 10))
        return before.encode(errors=_ODD_NAMES), f"{behind}\n".encode()


def _whole(report: Report, options: ReportOptions) -> list[str]:
    if options.quiet:
        return _verdict_line(report.decision, options)
    from engine.report.text_checks import CheckLines

    checks = CheckLines(report, options)
    return [*_headline(report, options), *checks.lines(), "", *_verdict(report, options)]


def _headline(report: Report, options: ReportOptions) -> list[str]:
    decision = report.decision
    if options.verbose:
        about = [("artifact", artifact_of(decision)), ("decided", decision.decided_at)]
        about += [("evidence", report.file)] if report.file != "-" else []
        about += [("valid", f"until {decision.valid_until}")]
    else:
        about = []
    question = f"asked of gate {decision.gate}, profile {decision.profile}, stage {decision.stage}"
    if options.is_narrow:
        question = f"{decision.gate}, {decision.profile}, {decision.stage}"
    name = plain(subject_of(decision))
    short = "" if options.verbose else f"   {short_artifact_of(decision)}"
    whole = f"{_ABOUT}{name}{short}"
    fits = columns_of(whole) <= options.width
    head = [whole] if fits else [*wrapped(name, options.width, _ABOUT), short.strip()]
    return [
        *head,
        *wrapped(plain(question), options.width, "", "  "),
        *rows([(label, plain(text)) for label, text in about], options.width),
    ]


def _verdict_line(decision: Decision, options: ReportOptions) -> list[str]:
    """The verdict in a line; what nobody may act on does not look like a pass."""
    text = plain(subject_of(decision))
    mark = _MARKS.get(decision.verdict, "✗")
    if not decision.recorded:
        mark = "…" if mark == "✓" else mark
        text += ", NOT RECORDED: a dry run; nobody may act on it"
    elif is_released(decision):
        text += f", in force until {decision.valid_until}"
    return wrapped(text, options.width, f"{options.mark(mark)} {decision.verdict}  ", " " * 4)


def _verdict(report: Report, options: ReportOptions) -> list[str]:
    decision = report.decision
    lines = [
        *_verdict_line(decision, options),
        *wrapped(plain(decision.reason), options.width, "  ", " " * 4),
        *rows(_facts(report, options), options.width, label=_LABEL),
    ]
    if decision.recorded and options.checkpoint:
        lines.append("  checkpoint:")
        lines += [f"    {line}".rstrip() for line in (decision.checkpoint or "").splitlines()]
    elif decision.recorded:
        shown = checkpoint_of(decision.checkpoint or "", short=options.is_narrow)
        lines += rows([("checkpoint", plain(shown))], options.width, label=_LABEL)
    return lines


def _facts(report: Report, options: ReportOptions) -> Iterator[tuple[str, str]]:
    """What else is to be known of the verdict, by label."""
    decision = report.decision
    if way := way_out(decision):
        yield "fix", plain(way)
    if decision.relaxations:
        yield "relaxed by", plain(f"{', '.join(decision.relaxations)} (engine explain NAME)")
    for task in decision.obligations:
        yield "must do", plain(f"{task['id']} ({task['check']})")
    for use in decision.waivers:
        if not _stands_at_its_check(use, decision):
            yield "waiver", plain(waiver_line(use))
    yield from (("waiver", plain(line)) for line in report.waivers_of_others[:_MOST_OF_OTHERS])
    if decision.attestations:
        from engine.report.findings import attestation_lines

        for line in attestation_lines(decision):
            yield "attested", plain(line)
    yield from _sources(decision)
    if decision.recorded:
        place = (plain(decision.decision_id), f"entry {decision.index}")
        yield "recorded", ", ".join(reversed(place) if options.is_narrow else place)
    if (name := _worst(decision)) and not options.verbose:
        yield "next", kept_together(plain(f"engine explain {name}"))


def _sources(decision: Decision) -> Iterator[tuple[str, str]]:
    """Where policies and evidence come from, by label."""
    if decision.policy_changes:
        yield "changed", plain(policy_changes_line(decision.policy_changes))
    if decision.policy_approvals:
        yield "approved", plain(policy_approvals_line(decision.policy_approvals))
    if decision.signed_evidence:
        yield "signed by", plain(signed_evidence_line(decision.signed_evidence))
    if decision.evidence_files:
        yield "looked at", plain(evidence_files_line(decision.evidence_files))


def _worst(decision: Decision) -> str:
    """The check that was printed last; ``""`` where none stands against the release."""
    from engine.report.findings import VerdictEffect, by_effect

    against = by_effect(decision.checks)[VerdictEffect.AGAINST]
    failed = [check for check in against if check["status"] == Status.FAIL]
    return str((failed or against)[-1]["id"]) if against else ""


def _stands_at_its_check(use: Json, decision: Decision) -> bool:
    """Whether the line of the check that it waives says all of a waiver."""
    return use["status"] == "applied" and any(
        check["id"] == use.get("check") and check["waived_by"] == use["id"]
        for check in decision.checks
    )

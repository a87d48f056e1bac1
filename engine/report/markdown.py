"""``--format markdown``: for pull requests and job summaries. GitHub's dialect (GFM).

Whatever comes from evidence or policies is escaped: it is shown, and never formats.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence

from engine.decision.margins import counterfactual, margin
from engine.errors import GovernanceError
from engine.formats.evidence_files import evidence_files_line, signed_evidence_line
from engine.formats.policy_changes import policy_approvals_line, policy_changes_line
from engine.formats.printable import plain
from engine.model import Decision, Json, Verdict
from engine.proof.verdict_rules import is_waived
from engine.report import Report, ReportOptions, Writer
from engine.report.findings import (
    REPORTED,
    VerdictEffect,
    attestation_lines,
    by_effect,
    off_lines,
    remark_on,
    text_of,
    title_of,
    unread_lines,
    word_of,
)
from engine.report.way_out import way_out
from engine.report.wording import (
    artifact_of,
    count_of,
    limit_of,
    observed_of,
    subject_of,
)

SIGNS = {
    Verdict.PROMOTE: "✅",
    Verdict.ALLOW: "✅",
    Verdict.HOLD: "⏸️",
    Verdict.BLOCK: "⛔",
    Verdict.DENY: "⛔",
    Verdict.ROLLBACK: "⏪",
}
_SPECIAL = re.compile(r"[\\`*_\[\]|~#!{}()$]|:(?=//)|(?<=www)\.(?=\S)")
_MENTION = re.compile(r"(?<![A-Za-z0-9_])@(?=[A-Za-z0-9])")
# What starts a list, a line or a heading where it is the first of a block.
_LEADING = re.compile(r"\A(?=[-+=])|\A[0-9]+(?=\.(?:\s|\Z))")
_CODE = re.compile(r"[A-Za-z0-9 .,:;+/=<>_%()-]+")
_AGAINST = ("Check", "Status", "Observed", "Limit", "Margin", "Why", "What to do")


class MarkdownWriter(Writer):
    """Writes one decision with every check; of several, a section each with what matters."""

    def __init__(self, options: ReportOptions) -> None:
        super().__init__(options)
        self._counts: Counter[str] = Counter()
        self._failures = 0
        self._looked_at: dict[str, None] = {}

    def item(self, report: Report) -> str:
        """Return one section."""
        self._counts[report.decision.verdict] += 1
        if not self._options.several:
            return _joined(_whole(report, "##"))
        if found := report.decision.evidence_files:
            line = evidence_files_line({**found, "file": None})
            self._looked_at[f"**Looked at:** {escape(line)}\n"] = None
        title = f"### {_title(report.decision)} ({code(report.file)})"
        if self._options.explain:
            return _joined([title, *_whole(report, "####")[1:]])
        return _joined([title, *_brief(report)])

    def failed(self, file: str, error: GovernanceError) -> str:
        """Return a section that says what is wrong with the input."""
        self._failures += 1
        hint = [escape(error.hint)] if error.hint else []
        level = "###" if self._options.several else "##"
        return _joined(
            [f"{level} ⚠️ NOT DECIDED ({code(file)})", f"**{escape(error.message)}**", *hint]
        )

    def tail(self) -> str:
        """Return the count of verdicts, and what was looked at, if there were several."""
        if not self._options.several:
            return ""
        counts = ", ".join(
            f"{count:,} {verdict}" for verdict, count in sorted(self._counts.items())
        )
        lost = f"; **{self._failures:,} could not be decided**" if self._failures else ""
        total = self._counts.total()
        decided = f"**{total:,} decided**{': ' + counts if counts else ''}{lost}\n"
        return "\n".join([decided, *self._looked_at])


def escape(text: str) -> str:
    """Return ``text`` as Markdown that shows it and does nothing else; one line."""
    shown = plain(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    shown = _MENTION.sub("@\u200b", _SPECIAL.sub(r"\\\g<0>", shown))
    return _LEADING.sub(r"\g<0>\\", shown)


def code(text: str) -> str:
    """Return ``text`` as a code span; as escaped text where a span could not hold it."""
    shown = plain(text)
    return f"`{shown}`" if _CODE.fullmatch(shown) else escape(shown)


def table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table; its cells are Markdown already."""
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _joined(blocks: Iterable[str]) -> str:
    return "".join(f"{block}\n\n" for block in blocks if block)


def _title(decision: Decision) -> str:
    return f"{SIGNS[decision.verdict]} {decision.verdict}: {escape(subject_of(decision))}"


def _whole(report: Report, level: str) -> list[str]:
    decision = report.decision
    groups = by_effect(decision.checks)
    under = f"{level}#"
    blocks = [f"{level} {_title(decision)}", *_reason(decision), _about(decision)]
    titles = ("What stands against it", "Warnings", "Waived")
    for effect, title in zip(REPORTED, titles, strict=True):
        if checks := groups[effect]:
            blocks += [f"{under} {title}", _findings(checks, report)]
    blocks += _passes(groups[VerdictEffect.PASSED], report)
    blocks += _off(groups[VerdictEffect.OFF], report)
    blocks += _unread(report)
    blocks += _further(decision, under)
    return [*blocks, *_record(decision, under)]


def _brief(report: Report) -> list[str]:
    decision = report.decision
    groups = by_effect(decision.checks)
    findings = [check for effect in REPORTED for check in groups[effect]]
    blocks = _reason(decision)
    if findings:
        blocks.append(_findings(findings, report))
    if decision.relaxations:
        blocks.append(_relaxed(decision))
    if unasked := [*off_lines(report), *unread_lines(report)]:
        blocks += ["\n".join(f"- {escape(line)}" for line in unasked)]
    return [*blocks, _recorded(decision)]


def _reason(decision: Decision) -> list[str]:
    fix = way_out(decision)
    return [escape(decision.reason), *([f"**Fix:** {escape(fix)}"] if fix else [])]


def _about(decision: Decision) -> str:
    return (
        f"Asked of gate {code(decision.gate)}, profile {code(decision.profile)}, "
        f"stage {code(decision.stage)}. Artifact: {code(artifact_of(decision))}."
    )


def _findings(checks: Iterable[Json], report: Report) -> str:
    return table(_AGAINST, (_finding(check, report) for check in checks))


def _finding(check: Json, report: Report) -> list[str]:
    status = word_of(check)
    if is_waived(check):
        status += f", waived by {check['waived_by']}"
    elif check["severity"] == "warn":
        status += ", warning only"
    to_do = [escape(counterfactual(check) or ""), escape(text_of(check, report, "fix"))]
    return [
        f"**{escape(title_of(check, report))}**<br>{code(check['id'])}",
        escape(status),
        code(observed_of(check)),
        code(limit_of(check)),
        code(margin(check) or "") or " ",
        escape(text_of(check, report, "why")),
        "<br>".join(filter(None, to_do)),
    ]


def _passes(checks: Sequence[Json], report: Report) -> list[str]:
    if not checks:
        return []
    rows = (
        [
            f"{escape(title_of(check, report))} {code(check['id'])}",
            escape(word_of(check)),
            code(observed_of(check)),
            code(limit_of(check)),
            code(margin(check) or ""),
            count_of(check),
        ]
        for check in checks
    )
    return _folded(
        f"{_checks(len(checks))} passed",
        table(("Check", "Status", "Observed", "Limit", "Margin", "n"), rows),
    )


def _off(checks: Sequence[Json], report: Report) -> list[str]:
    if not checks:
        return []
    rows = (
        [
            f"{escape(title_of(check, report))} {code(check['id'])}",
            escape(report.reasons.get(check["id"], "")),
        ]
        for check in checks
    )
    return _folded(f"{_checks(len(checks))} off", table(("Check", "Why it is off"), rows))


def _unread(report: Report) -> list[str]:
    if not report.decision.unread_metrics:
        return []
    rows = (
        [code(metric.metric), escape("; ".join(filter(None, (metric.readers, remark_on(metric)))))]
        for metric in report.decision.unread_metrics
    )
    count = len(report.decision.unread_metrics)
    counted = "1 metric" if count == 1 else f"{count:,} metrics"
    return _folded(f"{counted} given, not asked", table(("Metric", "What would ask it"), rows))


def _checks(count: int) -> str:
    return "1 check" if count == 1 else f"{count:,} checks"


def _folded(summary: str, body: str) -> list[str]:
    """Content that a reader opens; the empty lines let Markdown work inside."""
    return [f"<details><summary>{summary}</summary>", body, "</details>"]


def _further(decision: Decision, level: str) -> list[str]:
    blocks = []
    if decision.obligations:
        tasks = (f"- {escape(task['id'])} ({code(task['check'])})" for task in decision.obligations)
        blocks += [f"{level} Must be done", "\n".join(tasks)]
    if decision.waivers:
        rows = (
            [
                code(use["id"]),
                escape(use["status"]),
                code(use["check"]) if use.get("check") else "",
                escape(use.get("expires_at") or ""),
                escape(use.get("reason") or ""),
            ]
            for use in decision.waivers
        )
        columns = ("Waiver", "What became of it", "Check", "Until", "Reason")
        blocks += [f"{level} Waivers", table(columns, rows)]
    if decision.attestations:
        attested = (escape(line) for line in attestation_lines(decision))
        blocks += [f"{level} Attestations", "\n".join(f"- {line}" for line in attested)]
    if decision.relaxations:
        blocks.append(_relaxed(decision))
    if decision.policy_changes:
        blocks.append(f"**Changed:** {escape(policy_changes_line(decision.policy_changes))}")
    if decision.policy_approvals:
        by = escape(policy_approvals_line(decision.policy_approvals))
        blocks.append(f"**Policies approved by:** {by}")
    if decision.signed_evidence:
        by = escape(signed_evidence_line(decision.signed_evidence))
        blocks.append(f"**Evidence signed by:** {by}")
    if decision.evidence_files:
        blocks.append(f"**Looked at:** {escape(evidence_files_line(decision.evidence_files))}")
    return blocks


def _relaxed(decision: Decision) -> str:
    return f"**Relaxed by:** {', '.join(map(code, decision.relaxations))}"


def _recorded(decision: Decision) -> str:
    if not decision.recorded:
        return "**NOT RECORDED:** a dry run; nobody may act on it."
    return (
        f"Recorded as {code(decision.decision_id)}, entry {decision.index}; "
        f"decided {code(decision.decided_at)}, valid until {code(decision.valid_until)}."
    )


def _record(decision: Decision, level: str) -> list[str]:
    blocks = [f"{level} Record", _recorded(decision)]
    if decision.checkpoint:
        lines = [plain(line) for line in decision.checkpoint.splitlines()]
        longest = max((len(run) for run in re.findall(r"`+", "\n".join(lines))), default=0)
        fence = "`" * max(3, longest + 1)
        blocks += _folded("Checkpoint", "\n".join([f"{fence}text", *lines, fence]))
    return blocks

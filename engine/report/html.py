"""``--format html``: decisions as one page that needs nothing but itself. No script, no request.

Whatever comes from evidence or policies is escaped, and the page's own policy (CSP) lets
nothing run and nothing load.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from engine.decision.margins import counterfactual
from engine.errors import GovernanceError
from engine.formats.evidence_files import evidence_files_line, signed_evidence_line
from engine.formats.policy_changes import policy_approvals_line, policy_changes_line
from engine.model import Decision, Json, Verdict
from engine.proof.verdict_rules import is_waived
from engine.report import Report, ReportOptions, Writer
from engine.report.findings import (
    REPORTED,
    VerdictEffect,
    attestation_lines,
    by_effect,
    effect_of,
    remark_on,
    text_of,
    title_of,
    waiver_reason,
    word_of,
)
from engine.report.html_parts import (
    cell,
    facts,
    identifier,
    lines,
    mark,
    mark_of,
    measured,
    merkle_path,
    page_top,
    row,
    status,
    table,
    text,
    tone,
)
from engine.report.html_style import STYLE
from engine.report.way_out import way_out
from engine.report.wording import artifact_of, subject_of

MOST_ROWS = 1000
_TONES = {
    Verdict.PROMOTE: "good",
    Verdict.ALLOW: "good",
    Verdict.HOLD: "open",
    Verdict.BLOCK: "bad",
    Verdict.DENY: "bad",
    Verdict.ROLLBACK: "bad",
}
_MARKS = {"good": "✓", "open": "‖"}
_MATRIX = {VerdictEffect.WARNS: "warns", VerdictEffect.WAIVED: "waived"}


class HtmlWriter(Writer):
    """Writes the page as decisions come; of several, a section that opens each, then a table."""

    proves = True

    def __init__(self, options: ReportOptions) -> None:
        super().__init__(options)
        self._open = False
        self._rows: list[str] = []
        self._counts: Counter[str] = Counter()

    def head(self) -> str:
        """Nothing for one decision, whose title is not known yet; the top of the page for many."""
        if not self._options.several:
            return ""
        link = '<p><a href="#summary">Summary of all decisions</a></p>'
        return self._top("Release decisions") + f"<h1>Release decisions</h1>{link}\n"

    def item(self, report: Report) -> str:
        """Return one decision."""
        decision = report.decision
        self._counts[decision.verdict] += 1
        number = self._counts.total()
        if not self._options.several:
            title = f"{decision.verdict}: {subject_of(decision)}"
            return self._top(title) + f"<article>{_decision(report, 'd1', 1)}</article>\n"
        name = f"d{number}"
        subject, verdict = text(subject_of(decision)), _word(decision.verdict)
        link = f'<a href="#{name}">{subject}</a>'
        self._count(link, [verdict, text(report.file), text(decision.reason)])
        summary = f"<summary>{verdict} <strong>{subject}</strong> {text(report.file)}</summary>"
        body = _decision(report, name, 2)
        return (
            f'<details class="decision" id="{name}">{summary}<article>{body}</article></details>\n'
        )

    def failed(self, file: str, error: GovernanceError) -> str:
        """Return a section that says what is wrong with the input."""
        self._counts["NOT DECIDED"] += 1
        name, word = f"d{self._counts.total()}", _word("NOT DECIDED")
        self._count(f'<a href="#{name}">{text(file)}</a>', [word, text(file), text(error.message)])
        top = "" if self._options.several else self._top(f"NOT DECIDED: {file}")
        level = 2 if self._options.several else 1
        hint = f"<p>{text(error.hint)}</p>" if error.hint else ""
        return (
            f'{top}<div class="part" id="{name}"><div class="verdict open">{mark("‖")}<div>'
            f'<h{level}><span class="word">NOT DECIDED</span> {text(file)}</h{level}>'
            f"<p>{text(error.message)}</p>{hint}</div></div></div>\n"
        )

    def tail(self) -> str:
        """Return the summary, and close the page."""
        top = "" if self._open else self._top("No decision")
        return (
            f"{top}{self._summary() if self._options.several else ''}</main>{_FOOT}</body></html>\n"
        )

    def _top(self, title: str) -> str:
        self._open = True
        return page_top(title, STYLE)

    def _count(self, head: str, cells: Sequence[str]) -> None:
        """Keep a row for the summary; a page of more rows than that is read by nobody."""
        if len(self._rows) < MOST_ROWS:
            self._rows.append(row(head, list(map(cell, cells, ("Verdict", "File", "Reason")))))

    def _summary(self) -> str:
        counts = ", ".join(f"{count:,} {word}" for word, count in sorted(self._counts.items()))
        columns = ("Subject", "Verdict", "File", "Reason")
        rows = table("Every decision", columns, self._rows, kind="stacks")
        beyond = self._counts.total() - len(self._rows)
        more = f"<p>and {beyond:,} more, above</p>" if beyond else ""
        return (
            '<section class="part" id="summary" aria-labelledby="summary-title">'
            f'<h2 id="summary-title">Summary</h2><p>{counts or "nothing was decided"}</p>'
            f"{rows if self._rows else ''}{more}</section>\n"
        )


_FOOT = (
    '<footer class="foot">This page shows a record and proves nothing by itself: '
    "<code>engine verify</code> checks the exported proof with a public key.</footer>"
)


def _word(verdict: str) -> str:
    known = _TONES.get(Verdict(verdict), "") if verdict in list(Verdict) else "open"
    return f'<span class="status {known}">{text(verdict)}</span>'


def _decision(report: Report, name: str, level: int) -> str:
    """All of a decision; ``name`` starts its ids, ``level`` is that of its heading."""
    decision = report.decision
    groups = by_effect(decision.checks)
    parts = []
    titles = ("What stands against it", "Warnings", "Waived findings")
    for effect, title in zip(REPORTED, titles, strict=True):
        if checks := groups[effect]:
            cards = "".join(_card(check, report, level + 2) for check in checks)
            parts.append((title, f'<div class="cards">{cards}</div>'))
    parts.insert(int(bool(groups[VerdictEffect.AGAINST])), ("Gate matrix", _matrix(decision, name)))
    parts.append(("Every check", _checks(report, name)))
    parts += _further(report)
    parts.append(("Record", _record(report)))
    return _headline(decision, level) + "".join(
        _part(title, body, f"{name}-p{number}", level + 1)
        for number, (title, body) in enumerate(parts)
    )


def _part(title: str, body: str, name: str, level: int) -> str:
    if level > 2:  # of several: landmarks of one name would tell nobody where they are
        return f'<div class="part"><h{level} id="{name}">{title}</h{level}>{body}</div>\n'
    return (
        f'<section class="part" aria-labelledby="{name}">'
        f'<h{level} id="{name}">{title}</h{level}>{body}</section>\n'
    )


def _headline(decision: Decision, level: int) -> str:
    unrecorded = (
        '<p class="notice"><strong>NOT RECORDED:</strong> a dry run; nobody may act on it.</p>'
    )
    about = (
        ("Artifact", f"<code>{text(artifact_of(decision))}</code>"),
        ("Asked of", f"gate <code>{text(decision.gate)}</code>, profile "
         f"<code>{text(decision.profile)}</code>, stage <code>{text(decision.stage)}</code>"),
        ("Decided", _time(decision.decided_at)),
        ("Valid until", _time(decision.valid_until)),
    )  # fmt: skip
    fix = f"<p>Fix: {text(way)}</p>" if (way := way_out(decision)) else ""
    return (
        f'<header class="verdict {_TONES[decision.verdict]}">'
        f"{mark(_MARKS.get(_TONES[decision.verdict], '✗'))}<div>"
        f'<h{level}><span class="word">{decision.verdict}</span> '
        f"{text(subject_of(decision))}</h{level}><p>{text(decision.reason)}</p>"
        f"{fix}</div></header>"
        f"{'' if decision.recorded else unrecorded}{facts(about)}"
    )


def _time(instant: str) -> str:
    return f'<time datetime="{text(instant)}">{text(instant)}</time>'


def _matrix(decision: Decision, name: str) -> str:
    """A row per domain; what needs somebody stands first in it, and leads to its row below."""
    numbers = {check["id"]: number for number, check in enumerate(decision.checks)}
    domains: dict[str, list[Json]] = {}
    for checks in by_effect(decision.checks).values():
        for check in checks:
            domains.setdefault(check["id"].partition(".")[0], []).append(check)
    rows = [
        row(
            f'{text(domain)} <span class="share num soft small">{_share(checks)}</span>',
            [cell(_chips([_chip(check, f"{name}-c{numbers[check['id']]}") for check in checks]),
                  "Checks")],
        )
        for domain, checks in sorted(domains.items())
    ]  # fmt: skip
    caption = (
        f"All {len(decision.checks)} checks by domain; what needs you stands first in each row."
    )
    return table(caption, ("Domain", "Checks"), rows)


def _share(checks: Sequence[Json]) -> str:
    """How many passed of those that are not off."""
    effects = [effect_of(check) for check in checks]
    compared = len(checks) - effects.count(VerdictEffect.OFF)
    return f"{effects.count(VerdictEffect.PASSED)} of {compared}" if compared else "off"


def _chip(check: Json, identity: str) -> str:
    domain, _, short = check["id"].partition(".")
    effect = effect_of(check)
    words = word_of(check) if effect is VerdictEffect.AGAINST else _MATRIX.get(effect, "")
    word = f' <span class="small">{text(words)}</span>' if words else ""
    return (
        f'<li class="{tone(check)}">{mark_of(check)} '
        f'<a href="#{identity}">{text(short or domain)}</a>{word}</li>'
    )


def _chips(chips: Sequence[str]) -> str:
    return f'<ul class="chips" role="list">{"".join(chips)}</ul>'


def _card(check: Json, report: Report, level: int) -> str:
    waiver = ""
    if is_waived(check):
        reason = waiver_reason(check, report.decision)
        named = f"<code>{text(check['waived_by'])}</code>"
        waiver = f"<p><strong>Waived by</strong> {named}: {text(reason)}</p>"
    texts = (
        ("Why", text_of(check, report, "why")),
        ("Fix", text_of(check, report, "fix")),
        ("Passes when", (counterfactual(check) or "").removeprefix("passes when ")),
    )
    paragraphs = "".join(
        f"<p><strong>{name}:</strong> {text(shown)}</p>" for name, shown in texts if shown
    )
    return (
        f'<article class="card {tone(check)}"><div class="top"><h{level}>'
        f"{text(title_of(check, report))}</h{level}>{status(check)}</div>"
        f"{identifier(check['id'])}{measured(check)}{waiver}{paragraphs}</article>"
    )


def _checks(report: Report, name: str) -> str:
    label = "Observed, limit, margin"
    rows = [
        row(
            f"{mark_of(check)}{text(title_of(check, report))} {identifier(check['id'])}",
            [
                cell(status(check) + _because(check, report), "Status"),
                cell(measured(check), label),
            ],
            f"{name}-c{number}",
            tone(check),
        )
        for number, check in enumerate(report.decision.checks)
    ]
    caption = "Margins are a share of the limit, the mark in the middle of a bar: room to its right"
    return table(caption, ("Check", "Status", label), rows)


def _because(check: Json, report: Report) -> str:
    reason = report.reasons.get(check["id"])
    return f" {text(reason)}" if check["status"] == "off" and reason else ""


def _further(report: Report) -> list[tuple[str, str]]:
    decision, parts = report.decision, []
    if report.decision.unread_metrics:
        asks = "What would ask it"
        rows = [
            row(f"<code>{text(metric.metric)}</code>", [
                cell(text("; ".join(filter(None, (metric.readers, remark_on(metric))))), asks)
            ])
            for metric in report.decision.unread_metrics
        ]  # fmt: skip
        caption = "Metrics that no check of this gate reads"
        shown = table(caption, ("Metric", asks), rows)
        parts.append(("Given, not asked", shown))
    if decision.obligations:
        tasks = "".join(
            f"<li>{text(task['id'])} (<code>{text(task['check'])}</code>)</li>"
            for task in decision.obligations
        )
        parts.append(("Must be done", f"<ul>{tasks}</ul>"))
    if decision.waivers:
        columns = ("Waiver", "What became of it", "Check", "Until", "Reason")
        rows = [
            row(text(use["id"]), [
                cell(text(use["status"]), columns[1]),
                cell(text(use.get("check") or ""), columns[2]),
                cell(text(use.get("expires_at") or ""), columns[3]),
                cell(text(use.get("reason") or ""), columns[4]),
            ])
            for use in decision.waivers
        ]  # fmt: skip
        caption = "Every waiver that names this subject"
        parts.append(("Waivers", table(caption, columns, rows, kind="stacks")))
    if decision.attestations:
        items = "".join(f"<li>{text(line)}</li>" for line in attestation_lines(decision))
        parts.append(("Attestations", f"<ul>{items}</ul>"))
    if decision.relaxations:
        names = "".join(f"<li><code>{text(name)}</code></li>" for name in decision.relaxations)
        parts.append(("Relaxations", f"<p>What weakened this run:</p><ul>{names}</ul>"))
    if decision.policy_changes:
        shown = text(policy_changes_line(decision.policy_changes))
        parts.append(("Policies", f"<p>Changed {shown}</p>"))
    if decision.policy_approvals:
        shown = text(policy_approvals_line(decision.policy_approvals))
        parts.append(("Approval of the policies", f"<p>By {shown}</p>"))
    if decision.signed_evidence:
        shown = text(signed_evidence_line(decision.signed_evidence))
        parts.append(("Signed evidence", f"<p>By {shown}</p>"))
    if decision.evidence_files:
        shown = text(evidence_files_line(decision.evidence_files))
        parts.append(("Evidence files", f"<p>Looked at {shown}</p>"))
    return parts


def _record(report: Report) -> str:
    decision = report.decision
    named = ("Decision", f"<code>{text(decision.decision_id)}</code>")
    if not decision.recorded:
        return facts([named]) + "<p>Not recorded in any ledger.</p>"
    known = facts([named, ("Entry", f"{decision.index}")])
    note = f"<p>Checkpoint, as signed:</p><pre>{lines(decision.checkpoint or '')}</pre>"
    if report.proof is None:
        export = f"<code>engine export {text(decision.decision_id)} -o proof.json</code>"
        way = f"<p>The Merkle path is in the proof: {export}</p>"
    else:
        way = f"<p>Merkle path, from the record to the root:</p>{merkle_path(report.proof)}"
    return known + note + way

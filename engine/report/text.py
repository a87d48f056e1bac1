"""``--format text``: for people. Plain lines; ``engine.cli`` colours them on a terminal."""

from __future__ import annotations

import textwrap

from engine.decision.margins import counterfactual, written
from engine.errors import GovernanceError
from engine.model import Decision, Json, Severity, Status
from engine.report import Draft, Report, ReportOptions, Writer
from engine.report.wording import facts_of, limit_of, plain

_MARKS = {
    Status.PASS: "pass",
    Status.EXEMPT: "exempt",
    Status.FAIL: "FAIL",
    Status.UNKNOWN: "UNKNOWN",
    Status.STALE: "STALE",
    Status.INSUFFICIENT: "TOO FEW",
}
_QUIET = (Status.PASS, Status.EXEMPT, Status.OFF)
_ODD_NAMES = "surrogateescape"  # how Python reads file names that are no UTF-8


LOCATES = False
PROVES = False


def writer(manner: ReportOptions) -> Writer:
    """Return a new writer."""
    return TextWriter(manner)


class TextWriter:
    """Writes one decision with every check; of several, one line each unless asked to explain."""

    def __init__(self, manner: ReportOptions) -> None:
        self._manner = manner
        self._first = True

    def head(self) -> str:
        """Nothing."""
        return ""

    def item(self, report: Report) -> str:
        """Return one line, or all of it."""
        if not self._manner.several:
            return _whole(report, self._manner)
        if self._manner.explain:
            gap, self._first = "" if self._first else "\n", False
            return f"{gap}{report.file}\n{_whole(report, self._manner)}"
        decision = report.decision
        line = self.placed(_line(report), decision.index, decision.checkpoint)
        return line.decode(errors=_ODD_NAMES)

    def draft(self, report: Report) -> Draft | None:
        """Return the line but for its entry; None where it is more than a line."""
        lines = self._manner.several and not self._manner.explain
        return _line(report) if lines else None

    def placed(self, draft: Draft, index: int | None, checkpoint: str | None) -> bytes:  # noqa: ARG002
        """Return the line."""
        return (b"not recorded" if index is None else b"entry %d" % index).join(draft)

    def failed(self, file: str, error: GovernanceError) -> str:  # noqa: ARG002
        """Nothing: standard error says it."""
        return ""

    def tail(self) -> str:
        """Nothing; the summary is narration."""
        return ""


def _line(report: Report) -> Draft:
    decision = report.decision
    before, behind = f"{decision.verdict:<8}  {report.file}  ", f"  {decision.reason}\n"
    return before.encode(errors=_ODD_NAMES), behind.encode()


def _whole(report: Report, manner: ReportOptions) -> str:
    """A decision with every check, passes too."""
    decision = report.decision
    lines = [*_headline(decision), ""]
    asked = [check for check in decision.checks if check["status"] != Status.OFF]
    names = max((len(check["id"]) for check in asked), default=0)
    compared = {check["id"]: _compared(check) for check in asked}
    column = min(max(map(len, compared.values()), default=0), 44)
    for check in asked:
        facts = _facts(check)
        line = f"  {_mark(check):<7} {check['id']:<{names}}  {compared[check['id']]:<{column}}  "
        line += facts
        lines.append(line.rstrip())
        if manner.explain or check["status"] not in _QUIET:
            lines += _explained(check, report, manner.width)
    lines += _besides(report)
    return "\n".join(lines) + "\n"


def _headline(decision: Decision) -> list[str]:
    subject = decision.subject
    name = f"{subject.name} {subject.version}" if subject.version else subject.name
    artifact = f"sha256:{subject.sha256}" if subject.sha256 else "none was named"
    return [
        f"{decision.verdict}  {name}",
        f"  {decision.reason}",
        f"  asked of gate {decision.gate}, profile {decision.profile}, stage {decision.stage}",
        f"  artifact {artifact}",
    ]


def _mark(check: Json) -> str:
    if check["waived_by"] is not None:
        return "waived"
    if check["severity"] == Severity.WARN and check["status"] not in _QUIET:
        return "warn"
    return _MARKS[Status(check["status"])]


def _compared(check: Json) -> str:
    return f"{written(check['observed'])} {limit_of(check)}"


def _facts(check: Json) -> str:
    facts = [facts_of(check)]
    if check["severity"] == Severity.WARN:
        facts.append("warning only")
    if check["waived_by"] is not None:
        facts.append(f"by waiver {check['waived_by']}")
    return ", ".join(filter(None, facts))


def _explained(check: Json, report: Report, width: int) -> list[str]:
    texts = report.texts.get(check["id"], {})
    title = f"{texts['title']}: {texts['why']}" if texts else ""
    said = [title, counterfactual(check) or ""]
    if check["status"] not in _QUIET and texts.get("fix"):
        said.append(f"fix: {texts['fix']}")
    indent = " " * 10
    return [
        line
        for text in said
        if text
        for line in textwrap.wrap(
            text, max(width, 60), initial_indent=indent, subsequent_indent=indent + "  "
        )
    ]


def _besides(report: Report) -> list[str]:
    decision = report.decision
    lines = [""]
    off = [check["id"] for check in decision.checks if check["status"] == Status.OFF]
    because: dict[str, list[str]] = {}
    for name in off:
        because.setdefault(report.reasons.get(name, ""), []).append(name)
    lines += [f"  off ({why}): {', '.join(names)}" for why, names in because.items()]
    lines += [f"  must be done: {task['id']} ({task['check']})" for task in decision.obligations]
    lines += [_waiver_line(use) for use in decision.waivers]
    if decision.attestations:
        from engine.report.findings import attestation_line

        told = (attestation_line(each, decision) for each in decision.attestations)
        lines += [f"  attestation {line}" for line in told]
    if decision.relaxations:
        lines.append(f"  relaxed by: {', '.join(decision.relaxations)}")
    if decision.recorded:
        lines.append(
            f"  recorded as {decision.decision_id}, entry {decision.index}; "
            f"valid until {decision.valid_until}"
        )
        lines.append("  checkpoint:")
        lines += [f"    {line}".rstrip() for line in (decision.checkpoint or "").splitlines()]
    else:
        lines.append("  NOT RECORDED: a dry run; nobody may act on it")
    return lines


def _waiver_line(use: Json) -> str:
    line = (
        f"  waiver {use['id']} {use['status']}"
        + (f" for {use['check']}" if use.get("check") else "")
        + (f", until {use['expires_at']}" if use.get("expires_at") else "")
        + (f": {use['reason']}" if use.get("reason") else "")
    )
    return "  " + plain(line)  # whoever wrote the policies may have pasted anything into it

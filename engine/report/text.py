"""``--format text``: for people. Plain lines; ``engine.cli`` colours them on a terminal."""

from __future__ import annotations

import textwrap

from engine.decision.margins import counterfactual
from engine.formats.printable import on_one_line, plain
from engine.model import Decision, Json, Severity, Status
from engine.report import RenderedParts, Report, ReportOptions, Writer
from engine.report.way_out import way_out
from engine.report.wording import artifact_of, facts_of, fix_of, limit_of, observed_of, subject_of

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


class TextWriter(Writer):
    """Writes one decision with every check; of several, one line each unless ``explain`` is set."""

    def __init__(self, options: ReportOptions) -> None:
        super().__init__(options)
        self._first = True

    def item(self, report: Report) -> str:
        """Return one line, or all of it."""
        if not self._options.several:
            return _whole(report, self._options)
        if self._options.explain:
            gap, self._first = "" if self._first else "\n", False
            return f"{gap}{on_one_line(report.file)}\n{_whole(report, self._options)}"
        decision = report.decision
        line = self.entry(decision.index, decision.checkpoint).join(_line(report))
        return line.decode(errors=_ODD_NAMES)

    def parts(self, report: Report) -> RenderedParts | None:
        """Return the line but for its entry; None where it is more than a line."""
        lines = self._options.several and not self._options.explain
        return _line(report) if lines else None

    def entry(self, index: int | None, checkpoint: str | None) -> bytes:  # noqa: ARG002
        """Return which entry records it."""
        return b"not recorded" if index is None else b"entry %d" % index


def _line(report: Report) -> RenderedParts:
    decision = report.decision
    before, behind = (
        f"{decision.verdict:<8}  {on_one_line(report.file)}  ",
        f"  {decision.reason}\n",
    )
    return before.encode(errors=_ODD_NAMES), behind.encode()


def _whole(report: Report, options: ReportOptions) -> str:
    """A decision with every check, passes too; the verdict once more where the eye is left."""
    decision = report.decision
    lines = [*_headline(decision, options.width), ""]
    checks = [check for check in decision.checks if check["status"] != Status.OFF]
    names = max((len(check["id"]) for check in checks), default=0)
    compared = {check["id"]: _compared(check) for check in checks}
    column = min(max(map(len, compared.values()), default=0), 44)
    for check in checks:
        line = f"  {_mark(check):<7} {check['id']:<{names}}  {compared[check['id']]:<{column}}  "
        lines.append((line + _facts(check)).rstrip())
        if options.explain or check["status"] not in _QUIET:
            lines += _explained(check, report, options.width)
    lines += [
        *_further(report, options.width),
        "",
        f"{report.decision.verdict}  {report.decision.reason}",
    ]
    return "".join(f"{on_one_line(line)}\n" for line in lines)


def _headline(decision: Decision, width: int) -> list[str]:
    way = way_out(decision)
    fix = _wrapped(f"fix: {way}", width, "  ") if way else []
    return [
        f"{decision.verdict}  {subject_of(decision)}",
        f"  {decision.reason}",
        *fix,
        f"  asked of gate {decision.gate}, profile {decision.profile}, stage {decision.stage}",
        f"  artifact {artifact_of(decision)}",
    ]


def _mark(check: Json) -> str:
    if check["waived_by"] is not None:
        return "waived"
    if check["severity"] == Severity.WARN and check["status"] not in _QUIET:
        return "warn"
    return _MARKS[Status(check["status"])]


def _compared(check: Json) -> str:
    return f"{observed_of(check)} {limit_of(check)}"


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
    sentences = [title, counterfactual(check) or ""]
    fix = fix_of(check, texts.get("fix", ""), report.decision.verdict)
    if check["status"] not in _QUIET and fix:
        sentences.append(f"fix: {fix}")
    return [line for text in sentences if text for line in _wrapped(text, width, " " * 10)]


def _wrapped(text: str, width: int, indent: str) -> list[str]:
    return textwrap.wrap(
        text, max(width, 60), initial_indent=indent, subsequent_indent=indent + "  "
    )


def _further(report: Report, width: int) -> list[str]:
    decision = report.decision
    lines = [""]
    off = [check["id"] for check in decision.checks if check["status"] == Status.OFF]
    because: dict[str, list[str]] = {}
    for name in off:
        because.setdefault(report.reasons.get(name, ""), []).append(name)
    for why, names in because.items():
        lines += _wrapped(f"off ({why}): {', '.join(names)}", width, "  ")
    if report.unread:
        from engine.report.findings import unread_lines

        lines += [part for line in unread_lines(report) for part in _wrapped(line, width, "  ")]
    lines += [f"  must be done: {task['id']} ({task['check']})" for task in decision.obligations]
    lines += [_waiver_line(use) for use in decision.waivers]
    if decision.attestations:
        from engine.report.findings import attestation_lines

        lines += [f"  attestation {line}" for line in attestation_lines(decision)]
    if decision.relaxations:
        lines.append(f"  relaxed by: {', '.join(decision.relaxations)} (engine explain NAME)")
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
    return "  " + plain(line)  # the policies' authors may have pasted anything into it

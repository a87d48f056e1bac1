"""``--format junit``: for CI systems that show test results.

What lets a release through is a passed test case and nothing else is: a check that is unknown,
stale or rests on too little evidence is an error, and each decision has a test case ``verdict``,
so that a verdict that no single check explains cannot look green. Where a metric stands is said in
the text of a case, because the XSD of Jenkins has no attribute for it and refuses what it has not.

Sources: https://github.com/testmoapp/junitxml and
https://github.com/jenkinsci/xunit-plugin/blob/master/src/main/resources/org/jenkinsci/plugins/xunit/types/model/xsd/junit-10.xsd
"""

from __future__ import annotations

import re
from xml.sax.saxutils import escape as escape_xml
from xml.sax.saxutils import quoteattr

from engine.errors import GovernanceError
from engine.formats.evidence_files import evidence_files_line, signed_evidence_line
from engine.formats.policy_changes import policy_approvals_line, policy_changes_line
from engine.formats.printable import on_one_line, plain, plain_lines
from engine.model import Decision, Json, Status
from engine.report import Location, Report, ReportOptions, Writer
from engine.report.findings import (
    FAILING,
    RELEASING,
    STANDARD_INPUT,
    UNNAMED,
    VERDICT_RULE,
    VerdictEffect,
    effect_of,
    message_of,
    name_of,
    place_of_error,
    place_or_file,
    shortened,
    unread_lines,
    waiver_reason,
    why_not_released,
    word_of,
)
from engine.report.way_out import way_out
from engine.report.wording import subject_of

# What XML 1.0 cannot hold, escaped or not. Source: XML 1.0 (fifth edition) section 2.2.
_ATTACHMENT = "[[ATTACHMENT|"
"""What begins a link to a file in the output of a case, for GitLab, Jenkins and Azure."""
LONGEST_OUTPUT = 1000
"""Characters that Jenkins keeps of what a passed case put out."""
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


class JunitWriter(Writer):
    """Writes a test suite per decision, and one per input that could not be decided on."""

    locates = True

    def __init__(self, options: ReportOptions) -> None:
        super().__init__(options)
        self._classes: dict[str, int] = {}

    def head(self) -> str:
        """Open the document."""
        return '<?xml version="1.0" encoding="UTF-8"?>\n<testsuites name="engine">\n'

    def item(self, report: Report) -> str:
        """Return one test suite."""
        decision = report.decision
        classname, names = self._class_of(decision.gate, report.file), dict[str, int]()
        bodies = [(name_of(check), self._outcome(check, report)) for check in decision.checks]
        cases = [
            _testcase(body, classname=classname, name=_once(names, _shown(name) or UNNAMED))
            for name, body in [*bodies, (VERDICT_RULE, _verdict_outcome(decision))]
        ]
        counts = {
            f"{kind}s" if kind != "skipped" else kind: sum(f"    <{kind}" in case for case in cases)
            for kind in ("failure", "error", "skipped")
        }
        attributes = _attributes(
            name=subject_of(decision),
            tests=len(cases),
            **counts,
            time=0,
            timestamp=decision.decided_at,
            **_file(report.file, self._options),
        )
        return f"<testsuite {attributes}>\n{_properties(report)}{''.join(cases)}</testsuite>\n"

    def failed(self, file: str, error: GovernanceError) -> str:
        """Return a test suite that is one error."""
        place = self._place(place_of_error(file, error))
        where = _file(file, self._options)
        suite = _attributes(name=file, tests=1, failures=0, errors=1, skipped=0, time=0, **where)
        reason = on_one_line(error.message)
        message = "\n".join(filter(None, [reason, on_one_line(error.hint), place]))
        body = _element("error", message, message=reason, type="not-decided")
        case = _testcase(body, classname=self._class_of("engine", file), name="decided")
        return f"<testsuite {suite}>\n{case}</testsuite>\n"

    def _class_of(self, name: str, file: str) -> str:
        """Return the class of an input's cases. No two inputs share one: GitLab keeps the first
        of all cases that have class and name in common, and a job's report may be many files'."""
        if not self._options.several:
            return _shown(name) or UNNAMED
        return _once(self._classes, _shown(f"{name} {self._options.place_name(file)}"))

    def _outcome(self, check: Json, report: Report) -> str:
        decision, status = report.decision, check["status"]
        word = word_of(check)
        place = self._place(place_or_file(check, report))
        text = " ".join(filter(None, [message_of(check, report), place]))
        match effect_of(check):
            case VerdictEffect.PASSED:
                return ""
            case VerdictEffect.OFF:
                return _element("skipped", message=f"off: {report.reasons.get(check['id'], '')}")
            case VerdictEffect.WAIVED:
                reason = waiver_reason(check, decision)
                message = f"{word}, waived by {check['waived_by']}: {reason}"
                return _element("skipped", text, message=message)
            case VerdictEffect.WARNS:
                return _element(
                    "system-out", shortened(_shown(f"Warning only. {text}"), LONGEST_OUTPUT)
                )
        kind = "failure" if status == Status.FAIL else "error"
        return _element(kind, text, message=f"{name_of(check)} {word}", type=status)

    def _place(self, place: Location | None) -> str:
        """Where something stands, as a sentence; ``""`` for standard input."""
        if place is None:
            return ""
        return f"At {plain(self._options.place_name(place.file))}, line {place.line}."

    def tail(self) -> str:
        """Close the document."""
        return "</testsuites>\n"


def _once(names: dict[str, int], name: str) -> str:
    """Return ``name``, with a number behind it where it is in ``names`` already; it is then."""
    free = name
    while free in names:
        names[name] += 1
        free = f"{name} ({names[name]})"
    names[free] = 1
    return free


def _verdict_outcome(decision: Decision) -> str:
    if decision.verdict in RELEASING and decision.recorded:
        return ""
    kind = "failure" if decision.verdict in FAILING else "error"
    return _element(kind, message=why_not_released(decision), type=decision.verdict)


def _testcase(body: str, **attributes: str | int) -> str:
    opened = f"  <testcase {_attributes(**attributes, time=0)}"
    return f"{opened}>\n{body}  </testcase>\n" if body else f"{opened}/>\n"


def _element(name: str, text: str = "", **attributes: str) -> str:
    tag = f"{name} {_attributes(**attributes)}" if attributes else name
    return f"    <{tag}>{_text(text)}</{name}>\n" if text else f"    <{tag}/>\n"


def _properties(report: Report) -> str:
    decision = report.decision
    entries = {
        "decision_id": decision.decision_id,
        "gate": decision.gate,
        "profile": decision.profile,
        "stage": decision.stage,
        "verdict": decision.verdict,
        "reason": decision.reason,
        "recorded": "true" if decision.recorded else "false",
        "valid_until": decision.valid_until,
        "subject_digest": f"sha256:{decision.subject.sha256}" if decision.subject.sha256 else None,
        "index": None if decision.index is None else str(decision.index),
        "checkpoint": decision.checkpoint,
        "relaxations": ", ".join(decision.relaxations) or None,
        "evidence_files": (
            evidence_files_line(decision.evidence_files) if decision.evidence_files else None
        ),
        "policy_changes": (
            policy_changes_line(decision.policy_changes) if decision.policy_changes else None
        ),
        "policy_approvals": policy_approvals_line(decision.policy_approvals) or None,
        "signed_evidence": signed_evidence_line(decision.signed_evidence) or None,
        "fix": way_out(decision) or None,
        "unread_metrics": "\n".join(unread_lines(report)) or None,
    }
    lines = "".join(
        f"    <property {_attributes(name=name, value=value)}/>\n"
        for name, value in entries.items()
        if value is not None
    )
    return f"  <properties>\n{lines}  </properties>\n"


def _attributes(**values: str | int) -> str:
    return " ".join(f"{name}={quoteattr(_shown(str(value)))}" for name, value in values.items())


def _text(text: str) -> str:
    return escape_xml(_shown(text))


def _shown(text: str) -> str:
    shown = plain_lines(_NOT_XML.sub("", text))
    return shown.replace(_ATTACHMENT, f"{_ATTACHMENT[:-1]} |")


def _file(file: str, options: ReportOptions) -> dict[str, str | int]:
    return {} if file == STANDARD_INPUT else {"file": options.place_name(file)}

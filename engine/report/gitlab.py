"""``--format gitlab``: Code Quality, which GitLab shows in merge requests and pipelines.

A finding per check that a reader should look at, by how far it stands from a release: ``blocker``
where something failed that blocks, ``critical`` where evidence for it is lacking, ``minor`` for a
warning and ``info`` for what a waiver covers and for metrics that no check reads. A check that is
off is no finding. GitLab reads no further than a finding that is not
as it should be, and keeps the first of those with one fingerprint.

Source: https://docs.gitlab.com/ci/testing/code_quality/#code-quality-report-format
"""

from __future__ import annotations

import json
import posixpath
from typing import Literal

from engine.errors import GovernanceError
from engine.formats.printable import plain, plain_json
from engine.model import Json, Status
from engine.report import Location, Report, ReportOptions, Writer
from engine.report.findings import (
    FAILING,
    REPORTED,
    STANDARD_INPUT,
    STANDARD_INPUT_NAME,
    VERDICT_RULE,
    VerdictEffect,
    digest_of_finding,
    effect_of,
    holds_without_finding,
    message_of,
    name_of,
    place_of_error,
    place_or_file,
    unread_lines,
    waiver_reason,
    why_not_released,
)
from engine.report.wording import subject_of

NOT_DECIDED = "not-decided"
NOT_ASKED = "given-not-asked"

_Severity = Literal["info", "minor", "critical", "blocker"]


class GitlabWriter(Writer):
    """Writes findings as they come, each on a line."""

    locates = True

    def __init__(self, options: ReportOptions) -> None:
        super().__init__(options)
        self._counts: dict[str, int] = {}

    def head(self) -> str:
        """Open the array."""
        return "["

    def item(self, report: Report) -> str:
        """Return the findings of one decision."""
        subject = subject_of(report.decision)
        findings = [
            self._finding(
                name_of(check),
                _severity(check),
                f"{subject}: {_description(check, report)}",
                place_or_file(check, report),
                digest_of_finding(check["id"], report, self._options),
            )
            for check in report.decision.checks
            if effect_of(check) in REPORTED
        ]
        if holds_without_finding(report.decision):
            findings.append(
                self._finding(
                    VERDICT_RULE,
                    "blocker" if report.decision.verdict in FAILING else "critical",
                    f"{subject}: {why_not_released(report.decision)}",
                    Location(report.file, 1, 1),
                    digest_of_finding(VERDICT_RULE, report, self._options),
                )
            )
        if report.decision.unread_metrics:
            findings.append(
                self._finding(
                    NOT_ASKED,
                    "info",
                    f"{subject}: {'; '.join(unread_lines(report))}",
                    Location(report.file, 1, 1),
                    digest_of_finding(NOT_ASKED, report, self._options),
                )
            )
        return "".join(findings)

    def failed(self, file: str, error: GovernanceError) -> str:
        """Return a finding where the input was refused."""
        message = f"{error.message}; {error.hint}" if error.hint else error.message
        identity = digest_of_finding(NOT_DECIDED, file, self._options)
        place = place_of_error(file, error)
        return self._finding(NOT_DECIDED, "blocker", message, place, identity)

    def tail(self) -> str:
        """Close the array."""
        return "\n]\n" if self._counts else "]\n"

    def _finding(
        self,
        name: str,
        severity: _Severity,
        description: str,
        place: Location | None,
        identity: str,
    ) -> str:
        comma = "," if self._counts else ""
        count = self._counts[identity] = self._counts.get(identity, 0) + 1
        finding = {
            "description": plain(description),
            "check_name": name,
            "fingerprint": identity if count == 1 else f"{identity}-{count}",
            "severity": severity,
            "location": _location(place, self._options),
        }
        return f"{comma}\n{plain_json(json.dumps(finding, ensure_ascii=False))}"


def _severity(check: Json) -> _Severity:
    match effect_of(check):
        case VerdictEffect.WAIVED:
            return "info"
        case VerdictEffect.WARNS:
            return "minor"
    return "blocker" if check["status"] == Status.FAIL else "critical"


def _description(check: Json, report: Report) -> str:
    message = message_of(check, report)
    if effect_of(check) is not VerdictEffect.WAIVED:
        return message
    reason = waiver_reason(check, report.decision)
    return f"waived by {check['waived_by']}{': ' + reason if reason else ''}. {message}"


def _location(place: Location | None, options: ReportOptions) -> Json:
    if place is None or place.file == STANDARD_INPUT:
        return {"path": STANDARD_INPUT_NAME, "lines": {"begin": 1}}
    path = options.place_name(place.file)
    if path.startswith("/"):
        path = posixpath.relpath(path, options.root or options.folder or "/")
    return {"path": path, "lines": {"begin": place.line}}

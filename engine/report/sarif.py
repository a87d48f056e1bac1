"""``--format sarif``: SARIF 2.1.0, for code scanning. One run; a rule per check.

Results are what stands against a decision, what warns, and what a waiver covers (suppressed).
Results are written as they come, rules behind them, so that a call of any size streams.

Source: https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/
"""

from __future__ import annotations

import json
import re
from urllib.parse import quote

from engine import __version__
from engine.errors import GovernanceError
from engine.formats.printable import plain, plain_json
from engine.model import Decision, Json, Severity
from engine.report import Location, Report, ReportOptions, Writer
from engine.report.findings import (
    REPORTED,
    STANDARD_INPUT_NAME,
    VERDICT_RULE,
    VerdictEffect,
    digest_of_finding,
    effect_of,
    holds_without_finding,
    message_of,
    name_of,
    off_lines,
    place_of_error,
    place_or_file,
    shortened,
    text_of,
    title_of,
    unread_lines,
    waiver_reason,
    why_not_released,
)
from engine.report.markdown import escape
from engine.report.wording import subject_of

SCHEMA = (
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
)
ROOT = "%SRCROOT%"
MOST_NOTIFICATIONS = 1000
LONGEST_NAME = 255
LONGEST_DESCRIPTION = 1024
"""Characters that GitHub takes of a rule's name and of either description.

Source: https://docs.github.com/code-security/code-scanning/integrating-with-code-scanning/sarif-support-for-code-scanning
"""
MOST_RESULTS = 5000
"""What GitHub shows of a run; it refuses a run of more than 25,000.

Source: https://docs.github.com/code-security/code-scanning/troubleshooting-sarif-uploads/results-exceed-limit
"""

_LEVELS = {"block": "error", "warn": "warning", "off": "note"}
_LINK = re.compile(r"\[(?=[^\]]*\]\()")


class SarifWriter(Writer):
    """Writes results, and behind the last one what they refer to."""

    locates = True

    def __init__(self, options: ReportOptions) -> None:
        super().__init__(options)
        self._rules: dict[str, Json] = {}
        self._places: dict[str, int] = {}
        self._results = 0
        self._beyond = 0
        self._failures = 0
        self._notifications: list[Json] = []
        self._notes: dict[str, Json] = {}

    def head(self) -> str:
        """Open the log, the run and its results."""
        return f'{{"$schema": "{SCHEMA}", "version": "2.1.0", "runs": [{{"results": ['

    def item(self, report: Report) -> str:
        """Return the results of one decision, each on a line."""
        for check in report.decision.checks:
            if name_of(check) not in self._rules:
                self._declare(_rule(check, report))
        results = [
            self._result(check, report)
            for check in report.decision.checks
            if effect_of(check) in REPORTED
        ]
        if holds_without_finding(report.decision):
            self._declare(_VERDICT)
            results.append(self._verdict(report))
        for line in (*off_lines(report), *unread_lines(report)):
            if len(self._notes) < MOST_NOTIFICATIONS:
                self._notes.setdefault(plain(line), _note(line, report, self._options))
        return "".join(self._line(result) for result in results)

    def failed(self, file: str, error: GovernanceError) -> str:
        """Keep it for the invocation, which is then marked as no success."""
        self._failures += 1
        if len(self._notifications) < MOST_NOTIFICATIONS:
            self._notifications.append(_notification(file, error, self._options))
        return ""

    def tail(self) -> str:
        """Close the results; return rules and invocation."""
        rest = {
            "tool": {
                "driver": {
                    "name": "governance-engine",
                    "version": __version__,
                    "rules": list(self._rules.values()),
                }
            },
            "invocations": [self._invocation()],
            "originalUriBaseIds": {
                ROOT: {"description": {"text": "The repository, or where the engine was called."}}
            },
            "columnKind": "unicodeCodePoints",
        }
        members = ",\n".join(f"{_encoded(key)}: {_encoded(rest[key])}" for key in rest)
        return f"\n],\n{members}\n}}]}}\n"

    def _declare(self, rule: Json) -> None:
        if rule["id"] not in self._rules:
            self._places[rule["id"]] = len(self._rules)
            self._rules[rule["id"]] = rule

    def _line(self, result: Json) -> str:
        if self._results == MOST_RESULTS:
            self._beyond += 1
            return ""
        self._results += 1
        return f"{'' if self._results == 1 else ','}\n{_encoded(result)}"

    def _result(self, check: Json, report: Report) -> Json:
        decision = report.decision
        waived = effect_of(check) is VerdictEffect.WAIVED
        place = place_or_file(check, report)
        return {
            "ruleId": name_of(check),
            "ruleIndex": self._places[name_of(check)],
            "level": _LEVELS[check["severity"]],
            "message": _message(message_of(check, report)),
            "locations": [_location(check["metric"], place, self._options)],
            "partialFingerprints": _fingerprint(check["id"], report, self._options),
            "suppressions": [_suppression(check, decision)] if waived else [],
            "properties": {"status": check["status"], **_about(decision)},
        }

    def _verdict(self, report: Report) -> Json:
        place = None if report.file == "-" else Location(report.file, 1, 1)
        return {
            "ruleId": VERDICT_RULE,
            "ruleIndex": self._places[VERDICT_RULE],
            "level": "error",
            "message": _message(why_not_released(report.decision)),
            "locations": [_location(VERDICT_RULE, place, self._options)],
            "partialFingerprints": _fingerprint(VERDICT_RULE, report, self._options),
            "suppressions": [],
            "properties": _about(report.decision),
        }

    def _invocation(self) -> Json:
        errors = list(self._notifications)
        if beyond := self._failures - len(errors):
            text = f"{beyond:,} more inputs could not be decided; standard error names them"
            errors.append({"level": "error", "message": {"text": text}})
        text = f"{self._beyond:,} more results: --output json=FILE has them all"
        warnings = [{"level": "warning", "message": {"text": text}}] if self._beyond else []
        return {
            "executionSuccessful": not errors,
            "toolConfigurationNotifications": errors,
            "toolExecutionNotifications": [*warnings, *self._notes.values()],
        }


_VERDICT = {
    "id": VERDICT_RULE,
    "name": "Verdict",
    "shortDescription": {"text": "Verdict"},
    "fullDescription": {"text": "The verdict lets nothing through, and no single check says why."},
    "help": {
        "text": "Read the reason; leave out the option that weakened the run, or --dry-run.",
        "markdown": "Read the reason; leave out the option that weakened the run, or `--dry-run`.",
    },
    "defaultConfiguration": {"level": "error"},
    "properties": {"tags": ["governance"]},
}


def _rule(check: Json, report: Report) -> Json:
    name = name_of(check)
    title = plain(title_of(check, report)) or name
    why = plain(text_of(check, report, "why")) or title
    words = re.split("[^A-Za-z0-9]+", name)
    fix = plain(text_of(check, report, "fix")) or "The policy says nothing about how to fix it."
    return {
        "id": name,
        "name": "".join(word[:1].upper() + word[1:] for word in words)[:LONGEST_NAME],
        "shortDescription": {"text": shortened(title, LONGEST_DESCRIPTION)},
        "fullDescription": {"text": shortened(why, LONGEST_DESCRIPTION)},
        "help": {"text": fix, "markdown": f"**Why:** {escape(why)}\n\n**Fix:** {escape(fix)}"},
        "defaultConfiguration": {
            "level": _LEVELS[check["severity"]],
            "enabled": check["severity"] != Severity.OFF,
        },
        "properties": {"tags": ["governance", name.partition(".")[0]]},
    }


def _message(text: str) -> Json:
    """``[text](target)`` is a link in a message, of which nobody asked for one.

    Source: SARIF 2.1.0 section 3.11.6.
    """
    return {"text": _LINK.sub(r"\\[", plain(text))}


def _location(metric: str, place: Location | None, options: ReportOptions) -> Json:
    # GitHub refuses a result without a file.
    given = place or Location(STANDARD_INPUT_NAME, 1, 1)
    logical = {"logicalLocations": [{"fullyQualifiedName": metric, "kind": "member"}]}
    return {**_physical(given, options), **logical}


def _physical(place: Location, options: ReportOptions) -> Json:
    return {
        "physicalLocation": {
            "artifactLocation": _artifact(options.place_name(place.file)),
            "region": {"startLine": place.line, "startColumn": place.column},
        }
    }


def _artifact(path: str) -> Json:
    """A path as SARIF names it: percent-encoded, below the repository where it is."""
    if path.startswith("/"):
        return {"uri": f"file://{quote(path, errors='replace')}"}
    return {"uri": quote(path, errors="replace"), "uriBaseId": ROOT}


def _fingerprint(rule: str, report: Report, options: ReportOptions) -> Json:
    return {"checkOfSubject/v1": digest_of_finding(rule, report, options)}


def _suppression(check: Json, decision: Decision) -> Json:
    reason = plain(waiver_reason(check, decision))
    justification = (
        f"waiver {check['waived_by']}: {reason}" if reason else f"waiver {check['waived_by']}"
    )
    return {"kind": "external", "status": "accepted", "justification": justification}


def _about(decision: Decision) -> Json:
    return {
        "verdict": decision.verdict,
        "subject": plain(subject_of(decision)),
        "decisionId": decision.decision_id,
        "recorded": decision.recorded,
    }


def _notification(file: str, error: GovernanceError, options: ReportOptions) -> Json:
    place = place_of_error(file, error)
    text = f"{error.message}; {error.hint}" if error.hint else error.message
    return {
        "level": "error",
        "message": _message(text),
        "locations": [] if place is None else [_physical(place, options)],
    }


def _note(line: str, report: Report, options: ReportOptions) -> Json:
    """What of the evidence or of the profile nobody asks; the same line of many inputs is one."""
    place = None if report.file == "-" else Location(report.file, 1, 1)
    return {
        "level": "note",
        "message": _message(line),
        "locations": [] if place is None else [_physical(place, options)],
    }


def _encoded(value: object) -> str:
    return plain_json(json.dumps(value, ensure_ascii=False))

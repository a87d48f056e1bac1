"""``--format github``: workflow commands that GitHub shows as annotations, and the log's lines.

GitHub keeps ten annotations of a kind per step, so that nine are given and the tenth says how
many more there are. Errors come first, over all decisions of a call.

Source: https://docs.github.com/actions/reference/workflows-and-actions/workflow-commands
"""

from __future__ import annotations

from typing import Literal

from engine.errors import GovernanceError
from engine.formats.printable import plain
from engine.model import Decision, Json
from engine.report import Location, Report, ReportOptions, Writer
from engine.report.findings import (
    VerdictEffect,
    by_effect,
    holds_without_finding,
    message_of,
    off_lines,
    place_of_error,
    place_or_file,
    shortened,
    title_of,
    unread_lines,
    why_not_released,
    word_of,
)
from engine.report.wording import subject_of

MOST = 9
LONGEST_MESSAGE = 4096
LONGEST_TITLE = 255
"""Characters that are shown of an annotation.

Sources: ``_maxIssueMessageLength`` in
https://github.com/actions/runner/blob/main/src/Runner.Worker/ExecutionContext.cs, and
https://docs.github.com/rest/checks/runs
"""
_ELSEWHERE = "--output markdown=FILE has them too"

_Level = Literal["error", "warning", "notice"]


class GithubWriter(Writer):
    """Writes annotations as long as there is room; warnings wait until no error can come."""

    locates = True

    def __init__(self, options: ReportOptions) -> None:
        super().__init__(options)
        self._given = 0
        self._beyond = 0
        self._warnings: list[str] = []

    def item(self, report: Report) -> str:
        """Return a line for the log, and the errors."""
        decision = report.decision
        groups = by_effect(decision.checks)
        lines = [_headline(report, several=self._options.several)]
        lines += map(plain, [*off_lines(report), *unread_lines(report)])
        if not self._options.several:
            lines += _record(decision)
        for check in groups[VerdictEffect.AGAINST]:
            lines.append(self._error(_finding("error", check, report, self._options)))
        if holds_without_finding(decision):
            message = why_not_released(decision)
            lines.append(self._error(command("error", message, title=subject_of(decision))))
        for check in groups[VerdictEffect.WARNS]:
            self._warn(_finding("warning", check, report, self._options))
        return "".join(f"{line}\n" for line in lines if line)

    def failed(self, file: str, error: GovernanceError) -> str:
        """Return an error that stands where the input was refused."""
        message = f"{error.message}\n{error.hint}" if error.hint else error.message
        place = _properties(place_of_error(file, error), self._options)
        line = self._error(command("error", message, title="not decided", **place))
        return f"{line}\n" if line else ""

    def tail(self) -> str:
        """Return the warnings that there is room for, and how many findings more there are."""
        room = MOST - self._given
        lines = self._warnings[:room]
        beyond = self._beyond + len(self._warnings) - len(lines)
        if beyond:
            more = f"{beyond:,} more {'finding' if beyond == 1 else 'findings'}"
            lines.append(command("notice", f"{more}: see the job summary; {_ELSEWHERE}"))
        return "".join(f"{line}\n" for line in lines)

    def _error(self, line: str) -> str:
        if self._given == MOST:
            self._beyond += 1
            return ""
        self._given += 1
        return line

    def _warn(self, line: str) -> None:
        if len(self._warnings) < MOST:
            self._warnings.append(line)
        else:
            self._beyond += 1


def command(level: _Level, message: str, **properties: str | int) -> str:
    """Return one workflow command, on one line."""
    joined = ",".join(f"{key}={_property(key, str(value))}" for key, value in properties.items())
    return f"::{level}{' ' + joined if joined else ''}::{_data(message)}"


def _data(text: str, most: int = LONGEST_MESSAGE) -> str:
    shown = shortened("\n".join(map(plain, text.split("\n"))), most)
    return shown.replace("%", "%25").replace("\n", "%0A")


def _property(key: str, text: str) -> str:
    most = LONGEST_TITLE if key == "title" else LONGEST_MESSAGE
    return _data(text, most).replace(":", "%3A").replace(",", "%2C")


def _finding(level: _Level, check: Json, report: Report, options: ReportOptions) -> str:
    place = _properties(place_or_file(check, report), options)
    title = f"{title_of(check, report)} ({check['id']}): {word_of(check)}"
    return command(level, message_of(check, report), title=title, **place)


def _properties(place: Location | None, options: ReportOptions) -> dict[str, str | int]:
    if place is None or not plain(place.file):
        return {}
    return {"file": options.place_name(place.file), "line": place.line, "col": place.column}


def _headline(report: Report, *, several: bool) -> str:
    decision = report.decision
    entry = f"entry {decision.index}" if decision.recorded else "NOT RECORDED"
    file = f" ({report.file})" if several else ""
    return plain(f"{decision.verdict} {subject_of(decision)}{file}, {entry}: {decision.reason}")


def _record(decision: Decision) -> list[str]:
    if not decision.recorded:
        return []
    checkpoint = (decision.checkpoint or "").splitlines()
    return [
        plain(f"recorded as {decision.decision_id}; valid until {decision.valid_until}"),
        "checkpoint:",
        *(f"  {plain(line)}" for line in checkpoint),
    ]

"""``kind = "junit"``: test reports in the XML of JUnit, counted case by case."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from engine.evidence.sources.contract import Evidence, SourceRequest
from engine.evidence.sources.heads import Head
from engine.evidence.sources.reports import Reports, counts, reports_of
from engine.evidence.sources.xml_events import MAX_DEPTH, RefusedXmlError, read_xml
from engine.model import INVALID_INPUT

EXAMPLE = """\
[[source]]
kind = "junit"
path = "build/test-results/"        # files, folders, globs: pytest, Surefire, Go, node, …
"""
METHOD = "junit/1"

_FAILING = frozenset(("failure", "error"))
_RETRIED = frozenset(("rerun", "rerunFailure", "rerunError", "flakyFailure", "flakyError"))
_TEXTS = frozenset(("system-out", "system-err", "properties", "property"))
_BAD = frozenset(("fail", "failed", "failure", "error", "broken", "timedout", "timeout", "crashed"))
_NOT_RUN = frozenset(("skipped", "notrun", "disabled", "ignored", "pending", "suppressed"))
_GROUPED = re.compile(r"\d{1,3}(,\d{3})+(\.\d+)?")
_MAX_FAILED_NAMES = 100_000
_NO_CASE: tuple[str | None, str | None] = (None, None)


def recognise(head: Head) -> str:
    """Return why a file is a test report; empty where it is none."""
    found = head.xml
    if found is None or found.root not in ("testsuites", "testsuite"):
        return ""
    if found.root == "testsuites" and len(found.names) > 1 and "testsuite" not in found.names:
        return ""
    return f"its first element is <{found.root}>"


@dataclass(slots=True)
class _Suite:
    """A suite that is open: what it says of itself, and what was found in it."""

    name: str
    tests: int | None
    failing: int | None
    cases: int = 0
    failed: int = 0
    with_error: int = 0
    retried: int = 0
    again: int = 0
    flaky: int = 0


@dataclass(slots=True)
class Tally:
    """What the cases of all files came to."""

    cases: int = 0
    failed: int = 0
    errors: int = 0
    skipped: int = 0
    flaky: int = 0


class _Reading:
    """Counts the cases of one file."""

    def __init__(self, file: Path, reports: Reports, tally: Tally) -> None:
        self._file = file
        self._reports = reports
        self._tally = tally
        self._suites: list[_Suite] = []
        self._depth = 0
        self._in_case = False
        self._names: set[int] = set()  # of cases that failed: a later try may pass
        self._inside: list[str] = []
        self._word = ""
        self._case = _NO_CASE
        self._last = _NO_CASE
        self._is_first_again = True

    def start(self, name: str, attributes: Mapping[str, str]) -> None:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise RefusedXmlError(f"nested more than {MAX_DEPTH} deep")
        if name == "testcase":
            if self._in_case or not self._suites:
                raise RefusedXmlError("a <testcase> that is in no <testsuite>")
            self._in_case = True
            get = attributes.get
            if seconds := get("time"):
                _require_duration(seconds)
            self._word = get("status") or get("result") or ""
            self._case = (get("classname"), get("name"))
        elif self._in_case:
            self._inside.append(name)
            if name not in _KNOWN_IN_CASE and ":" not in name:
                self._note_unknown(name)
        elif name in ("testsuite", "testsuites"):
            self._open(name, attributes)
        elif not self._suites:
            raise RefusedXmlError(
                f"its first element is <{name}>, and a test report's <testsuites>"
            )
        elif name in _FAILING and self._depth == len(self._suites) + 1:
            # A suite that fails as a whole, such as one that could not be loaded.
            self._tally.errors += 1
            self._suites[-1].failed += 1
            self._suites[-1].with_error += 1
        elif name not in _TEXTS and ":" not in name:
            self._reports.count_unknown(f"<{name[:60]}>")

    def _note_unknown(self, name: str) -> None:
        if len(self._inside) == 1:
            self._reports.count_unknown(f"<{name[:60]}> in a test case")

    def _open(self, name: str, attributes: Mapping[str, str]) -> None:
        if self._depth != len(self._suites) + 1:
            raise RefusedXmlError(f"a <{name}> inside of what is no suite")
        tests = _count(attributes, "tests")
        failures, errors = _count(attributes, "failures"), _count(attributes, "errors")
        failing = None if failures is None and errors is None else (failures or 0) + (errors or 0)
        if seconds := attributes.get("time"):
            _require_duration(seconds)
        self._reports.made(self._file, attributes.get("timestamp"))
        self._suites.append(_Suite(attributes.get("name", name), tests, failing))
        self._last = _NO_CASE

    def end(self, name: str) -> None:
        self._depth -= 1
        if name == "testcase":
            self._in_case = False
            self._count_case()
        elif self._in_case:
            return
        elif name in ("testsuite", "testsuites"):
            self._close()

    def _count_case(self) -> None:
        tally, suite, case = self._tally, self._suites[-1], self._case
        tally.cases += 1
        suite.cases += 1
        is_again = case == self._last and case != _NO_CASE
        if is_again:
            suite.again += 1
            suite.flaky += self._is_first_again
        self._is_first_again = not is_again
        self._last = case
        if self._inside or self._word or self._names:
            self._count_outcome(tally, suite, hash(case), is_again)

    def _count_outcome(self, tally: Tally, suite: _Suite, case: int, is_again: bool) -> None:
        inside, word = frozenset(self._inside), self._word.lower()
        self._inside.clear()
        if inside & _FAILING or word in _BAD:
            suite.failed += 1
            suite.flaky -= is_again
            suite.with_error += "error" in inside
            if "error" in inside and "failure" not in inside:
                tally.errors += 1
            else:
                tally.failed += 1
            if len(self._names) < _MAX_FAILED_NAMES:
                self._names.add(case)
        elif "skipped" in inside or word in _NOT_RUN:
            tally.skipped += 1
        elif inside & _RETRIED:
            tally.flaky += 1
            suite.retried += 1
        elif case in self._names:
            tally.flaky += 1
            self._names.discard(case)

    def _close(self) -> None:
        suite = self._suites.pop()
        where = f"the suite {suite.name[:100]!r}"
        # pytest counts a case that passed and then failed to clean up twice.
        if suite.tests is not None and suite.cases + suite.with_error < suite.tests:
            raise RefusedXmlError(
                f"{where} counts {suite.tests:,} tests, and has {suite.cases:,} cases"
            )
        if suite.failing is not None and suite.failed + suite.retried < suite.failing:
            raise RefusedXmlError(
                f"{where} counts {suite.failing:,} that failed, and has {suite.failed:,} of them"
            )
        more = 0 if suite.tests is None else suite.cases - suite.tests
        if more > 0 and more == suite.again:
            # pytest-rerunfailures writes each try as a case that passed, and counts the last one.
            self._tally.cases -= more
            self._tally.flaky += max(suite.flaky, 0)
            suite.cases -= more
        elif more > 0:
            name = self._reports.names[self._file]
            self._reports.note(
                f"{name}: {where} counts {suite.tests:,} tests, and has {suite.cases:,} cases"
            )
        if self._suites:
            outer = self._suites[-1]
            outer.cases += suite.cases
            outer.failed += suite.failed
            outer.with_error += suite.with_error
            outer.retried += suite.retried


_KNOWN_IN_CASE = _FAILING | _RETRIED | _TEXTS | {"skipped", "stackTrace"}


def _require_duration(text: str) -> None:
    try:
        seconds = float(text)
    except ValueError:
        if not _GROUPED.fullmatch(text):
            raise RefusedXmlError(f"time={text[:40]!r} is no number of seconds") from None
        return
    if not 0 <= seconds < math.inf:
        raise RefusedXmlError(f"time={text[:40]!r} is no length of time")


def _count(attributes: Mapping[str, str], name: str) -> int | None:
    text = attributes.get(name)
    if text is None or not text.strip():
        return None
    if not text.strip().isascii() or not text.strip().isdecimal() or len(text) > 12:
        raise RefusedXmlError(f"{name}={text[:40]!r} is no count")
    return int(text)


def read(request: SourceRequest) -> Evidence:
    """Count the cases of every file; what a suite counts of itself must not be more.

    A case whose report holds an element that is not known makes the counts ``invalid_input``:
    it might say that the case failed. Where no test ran there is nothing to pass on.
    """
    reports = reports_of(request)
    request.table.finish()
    tally = Tally()
    for file in reports.files:
        reading = _Reading(file, reports, tally)
        read_xml(file, reports.names[file], reading.start, reading.end)
    run = tally.cases - tally.skipped
    about = reports.about(METHOD, {"cases": tally.cases})
    values = {
        "quality.tests_failed": tally.failed,
        "quality.tests_errors": tally.errors,
        "quality.tests_skipped": tally.skipped,
        "quality.tests_flaky": tally.flaky,
        "quality.tests_run": run,
    }
    status = ""
    if not run and not tally.errors:
        status = "insufficient_data"
        reports.note(f"{', '.join(reports.names.values())[:200]}: no test ran")
    if any(what.endswith(" in a test case") for what in reports.unknown):
        status = INVALID_INPUT
        reports.note(f"a test case holds what is not known: {', '.join(reports.unknown)[:200]}")
    return Evidence(counts(values, about, run, status=status), tuple(reports.notes))

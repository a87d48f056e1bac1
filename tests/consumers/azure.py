"""Azure Pipelines: ``PublishTestResults@2`` with JUnit.

Sources: https://learn.microsoft.com/azure/devops/pipelines/tasks/reference/publish-test-results-v2
and https://github.com/microsoft/azure-pipelines-agent, ``JUnitResultReader.cs``
"""

from __future__ import annotations

import math
import xml.etree.ElementTree as ET  # our own output
from collections.abc import Iterator
from datetime import datetime


def publishes_every_case(text: str) -> Iterator[str]:
    """A case without a name is left out, and suites deeper than one level lose their times."""
    root = ET.fromstring(text.encode())  # noqa: S314
    suites = root.findall("testsuite") if root.tag == "testsuites" else [root]
    if len(list(root.iter("testcase"))) != sum(len(suite.findall("testcase")) for suite in suites):
        yield "cases in suites of suites"
    for case in root.iter("testcase"):
        if not case.get("name"):
            yield "a case without a name"


def knows_the_times(text: str) -> Iterator[str]:
    """``timestamp`` is a date that is parsed, ``time`` a finite number of seconds from 0."""
    for element in ET.fromstring(text.encode()).iter():  # noqa: S314
        if (stamp := element.get("timestamp")) is not None:
            try:
                datetime.fromisoformat(stamp)
            except ValueError:
                yield f"timestamp is {stamp!r}"
        try:
            seconds = float(element.get("time", "0"))
        except ValueError:
            seconds = math.nan
        if not 0 <= seconds < math.inf:
            yield f"time is {element.get('time')!r}"


def says_why(text: str) -> Iterator[str]:
    """What is no pass has one outcome and a message, which is all of it that a list shows."""
    for case in ET.fromstring(text.encode()).iter("testcase"):  # noqa: S314
        outcomes = [child for child in case if child.tag in ("failure", "error", "skipped")]
        if len(outcomes) > 1:
            yield f"{len(outcomes)} outcomes of one case"
        if any(not outcome.get("message", "").strip() for outcome in outcomes):
            yield f"an outcome without a message: {case.get('name')}"


JUNIT = (publishes_every_case, knows_the_times, says_why)

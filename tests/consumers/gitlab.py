"""GitLab: unit test reports and Code Quality."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ET  # our own output
from collections.abc import Iterator

from engine.model import Json
from tests.consumers.people import counted

LARGEST_JUNIT = 30 * 1000 * 1000
_SEVERITIES = {"info", "minor", "major", "critical", "blocker"}


def _cases(text: str) -> list[ET.Element]:
    return list(ET.fromstring(text.encode()).iter("testcase"))  # noqa: S314


def takes_the_file(text: str) -> Iterator[str]:
    """A file is well-formed XML, smaller than 30 MB, with up to 500,000 cases.

    Source: https://docs.gitlab.com/ci/testing/unit_test_reports/#file-format-and-size-limits;
    https://docs.gitlab.com/administration/instance_limits/#maximum-test-cases-per-unit-test-report
    """
    if (size := len(text.encode())) >= LARGEST_JUNIT:
        yield f"{size:,} bytes"
        return
    try:
        yield from counted(_cases(text), 500_000, "cases")
    except ET.ParseError as error:
        yield f"is no XML: {error}"


def shows_every_case(text: str) -> Iterator[str]:
    """Of cases with class and name in common the first is shown.

    Source: https://docs.gitlab.com/ci/testing/unit_test_reports/ ("only the first test is used")
    """
    seen = set()
    for case in _cases(text):
        key = (case.get("classname"), case.get("name"))
        if not all(key):
            yield f"a case without class or name: {key}"
        if key in seen:
            yield f"a second case {key}"
        seen.add(key)


def attaches_nothing(text: str) -> Iterator[str]:
    """``[[ATTACHMENT|path]]`` in a case's output links a file; Jenkins and Azure know it, too.

    Source: https://docs.gitlab.com/ci/testing/unit_test_reports/#add-screenshots-to-test-reports;
    https://plugins.jenkins.io/junit-attachments/
    """
    if "[[ATTACHMENT|" in text:
        yield "an attachment that nobody made"


JUNIT = (takes_the_file, shows_every_case, attaches_nothing)


def _findings(text: str) -> list[Json]:
    findings: list[Json] = json.loads(text)
    return findings


def reads_every_finding(text: str) -> Iterator[str]:
    """An array of objects; at the first that lacks something, or has another type, GitLab stops.

    Source: https://docs.gitlab.com/ci/testing/code_quality/#code-quality-report-format;
    https://gitlab.com/gitlab-org/gitlab/-/blob/master/app/validators/json_schemas/codeclimate.json
    """
    if text.startswith("\ufeff"):
        yield "a byte order mark"
        return
    for finding in _findings(text):
        for key in ("description", "check_name", "fingerprint"):
            if not isinstance(finding.get(key), str) or not finding[key].strip():
                yield f"{key} is {finding.get(key)!r}"


def ranks_the_finding(text: str) -> Iterator[str]:
    """One of five severities.

    Source: https://docs.gitlab.com/ci/testing/code_quality/#code-quality-report-format
    """
    for finding in _findings(text):
        if finding.get("severity") not in _SEVERITIES:
            yield f"severity is {finding.get('severity')!r}"


def shows_every_finding(text: str) -> Iterator[str]:
    """Of findings with one fingerprint one is shown.

    Source: https://docs.gitlab.com/ci/testing/code_quality/ ("A unique fingerprint")
    """
    seen = set()
    for finding in _findings(text):
        if finding.get("fingerprint") in seen:
            yield f"a second {finding['fingerprint']}"
        seen.add(finding.get("fingerprint"))


def finds_the_file(text: str) -> Iterator[str]:
    """A path from the repository, without ``./``, and a line.

    Source: https://docs.gitlab.com/ci/testing/code_quality/#code-quality-report-format
    ("Do not prefix with ./")
    """
    for finding in _findings(text):
        location = finding.get("location", {})
        path, line = location.get("path"), location.get("lines", {}).get("begin")
        if not isinstance(path, str) or not path or re.match(r"/|\./|[A-Za-z]+:/", path):
            yield f"path is {path!r}"
        if type(line) is not int or line < 1:
            yield f"line is {line!r}"


CODE_QUALITY = (reads_every_finding, ranks_the_finding, shows_every_finding, finds_the_file)

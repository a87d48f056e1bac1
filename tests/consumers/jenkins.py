"""Jenkins: the xUnit plugin's XSD, the JUnit plugin, and warnings-ng with SARIF."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ET  # our own output
from collections.abc import Iterator

LONGEST_OUTPUT = 1000
_TIME = re.compile(r"(([0-9]{0,3},)*[0-9]{3}|[0-9]{0,3})*(\.[0-9]*)?")
_RESULTS = {"skipped", "error", "failure", "system-out", "system-err"}
_ELEMENTS: dict[str, tuple[set[str], set[str], set[str]]] = {
    # Element: children, required attributes, optional ones.
    "testsuites": ({"testsuite"}, set(), {"name", "time", "tests", "failures", "errors"}),
    "testsuite": (
        {"testsuite", "properties", "testcase", "system-out", "system-err"},
        {"name", "tests", "failures", "errors"},
        {
            "group",
            "time",
            "skipped",
            "timestamp",
            "hostname",
            "id",
            "package",
            "file",
            "log",
            "url",
        },
    ),
    "testcase": (_RESULTS, {"name"}, {"time", "classname", "group"}),
    "properties": ({"property"}, set(), set()),
    "property": (set(), {"name", "value"}, set()),
    "skipped": (set(), set(), {"type", "message"}),
    "error": (set(), set(), {"type", "message"}),
    "failure": (set(), set(), {"type", "message"}),
    "system-out": (set(), set(), set()),
    "system-err": (set(), set(), set()),
}


def is_valid_by_the_xsd(text: str) -> Iterator[str]:
    """The xUnit plugin refuses a file with another element or attribute.

    Source: https://github.com/jenkinsci/xunit-plugin/blob/master/src/main/resources/org/jenkinsci/plugins/xunit/types/model/xsd/junit-10.xsd
    """
    root = ET.fromstring(text.encode())  # noqa: S314
    if root.tag not in ("testsuites", "testsuite"):
        yield f"begins with {root.tag}"
    for element in root.iter():
        if element.tag not in _ELEMENTS:
            yield f"an element {element.tag}"
            continue
        children, required, optional = _ELEMENTS[element.tag]
        if odd := {child.tag for child in element} - children:
            yield f"{element.tag} has {sorted(odd)}"
        if odd := required - set(element.keys()):
            yield f"{element.tag} lacks {sorted(odd)}"
        if odd := set(element.keys()) - required - optional:
            yield f"{element.tag} has the attribute {sorted(odd)}"
        if not _TIME.fullmatch(element.get("time", "0")):
            yield f"time is {element.get('time')!r}"


def counts_right(text: str) -> Iterator[str]:
    """What a suite says of itself is what is in it.

    Source: https://github.com/jenkinsci/junit-plugin/blob/master/src/main/java/hudson/tasks/junit/SuiteResult.java
    """
    for suite in ET.fromstring(text.encode()).iter("testsuite"):  # noqa: S314
        kinds = {"tests": "testcase", "failures": "testcase/failure", "errors": "testcase/error",
                 "skipped": "testcase/skipped"}  # fmt: skip
        for name, path in kinds.items():
            count = len(suite.findall(path))
            if suite.get(name, str(count)) != str(count):
                yield f"{name} is {suite.get(name)}, and {count} are there"


def shows_whole_outputs(text: str) -> Iterator[str]:
    """Of a case that passed, output of more than 1,000 characters is cut in its middle.

    Source: https://github.com/jenkinsci/junit-plugin/blob/master/src/main/java/hudson/tasks/junit/CaseResult.java
    (``HALF_MAX_SIZE``)
    """
    for case in ET.fromstring(text.encode()).iter("testcase"):  # noqa: S314
        if case.find("failure") is None and case.find("error") is None:
            for output in case.findall("system-out"):
                if len(output.text or "") > LONGEST_OUTPUT:
                    yield f"an output of {len(output.text or ''):,} characters"


JUNIT = (is_valid_by_the_xsd, counts_right, shows_whole_outputs)


def finds_the_place(text: str) -> Iterator[str]:
    """warnings-ng takes a result's rule, message and first physical location.

    Source: https://github.com/jenkinsci/warnings-ng-plugin/blob/main/SUPPORTED-FORMATS.md (SARIF);
    https://github.com/tomasbjerre/violations-lib (``SarifParser``)
    """
    for run in json.loads(text)["runs"]:
        for result in run["results"]:
            place = (result.get("locations") or [{}])[0].get("physicalLocation", {})
            known = [result.get("ruleId"), result["message"].get("text"),
                     place.get("artifactLocation", {}).get("uri"),
                     place.get("region", {}).get("startLine")]  # fmt: skip
            if not all(known):
                yield f"a result without rule, message, file or line: {known}"


SARIF = (finds_the_place,)

"""GitHub code scanning: what it takes of a SARIF log, and how much.

Sources: https://docs.github.com/code-security/code-scanning/integrating-with-code-scanning/sarif-support-for-code-scanning
and https://docs.github.com/code-security/code-scanning/troubleshooting-sarif-uploads/results-exceed-limit
"""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Iterator

from engine.model import Json
from tests.consumers.people import counted

LARGEST = 10 * 1000 * 1000
_LEVELS = {"note", "warning", "error"}
_URI = re.compile(r"(?:[A-Za-z0-9._~!$&'()*+,;=:@/-]|%[0-9A-Fa-f]{2})+")


def _runs(text: str) -> list[Json]:
    runs: list[Json] = json.loads(text)["runs"]
    return runs


def _rules(text: str) -> list[Json]:
    return [rule for run in _runs(text) for rule in run["tool"]["driver"].get("rules", [])]


def _results(text: str) -> list[Json]:
    return [result for run in _runs(text) for result in run["results"]]


def _physical(text: str) -> list[Json]:
    return [
        location.get("physicalLocation", {})
        for result in _results(text)
        for location in result.get("locations", [])
    ]


def uploads_it(text: str) -> Iterator[str]:
    """10 MB, compressed with gzip. ("SARIF upload supports a maximum size of 10 MB")"""
    encoded = text.encode(errors="replace")
    if len(encoded) > LARGEST and (size := len(gzip.compress(encoded))) > LARGEST:
        yield f"{size:,} bytes after gzip"


def is_within_limits(text: str) -> Iterator[str]:
    """The table of what a file may have, and of what is shown of it."""
    runs = _runs(text)
    yield from counted(runs, 20, "runs")
    for run in runs:
        yield from counted(run["results"], 5000, "results of a run")
        yield from counted(run["tool"]["driver"].get("rules", []), 25000, "rules of a run")
        yield from counted(run["tool"].get("extensions", []), 100, "extensions of a tool")
    for result in _results(text):
        yield from counted(result.get("locations", []), 10, "locations of a result")
    for rule in _rules(text):
        yield from counted(rule.get("properties", {}).get("tags", []), 10, "tags of a rule")


def shows_the_rule(text: str) -> Iterator[str]:
    """``reportingDescriptor``: what is required is not empty, and is cut at its length."""
    for rule in _rules(text):
        required = {
            "id": rule.get("id"),
            **{key: rule.get(key, {}).get("text")
               for key in ("shortDescription", "fullDescription", "help")},
        }  # fmt: skip
        yield from (f"a rule without {key}" for key, value in required.items() if not value)
        for key, most in (("shortDescription", 1024), ("fullDescription", 1024)):
            if len(required[key] or "") > most:
                yield f"{key} of {len(required[key]):,} characters"
        if len(rule.get("name", "")) > 255:
            yield f"a name of {len(rule['name'])} characters"


def knows_the_rule(text: str) -> Iterator[str]:
    """``ruleIndex`` is of the rule with ``ruleId``, and no two rules have one id."""
    for run in _runs(text):
        rules = [rule["id"] for rule in run["tool"]["driver"].get("rules", [])]
        if len(set(rules)) != len(rules):
            yield "two rules have one id"
        for result in run["results"]:
            index = result.get("ruleIndex", -1)
            if not 0 <= index < len(rules) or rules[index] != result["ruleId"]:
                yield f"ruleIndex {index} is not {result['ruleId']!r}"


def ranks_the_finding(text: str) -> Iterator[str]:
    """Levels are note, warning and error; a security severity is over 0.0 up to 10.0."""
    for rule in _rules(text):
        level = rule.get("defaultConfiguration", {}).get("level", "warning")
        if level not in _LEVELS:
            yield f"level {level!r} of a rule"
        severity = rule.get("properties", {}).get("security-severity", "1")
        if not re.fullmatch(r"\d+(\.\d+)?", severity) or not 0 < float(severity) <= 10:
            yield f"security-severity {severity!r}"
    for result in _results(text):
        if result.get("level", "warning") not in _LEVELS:
            yield f"level {result['level']!r} of a result"


def shows_the_finding(text: str) -> Iterator[str]:
    """``result``: a message, fingerprints and a location are required."""
    for result in _results(text):
        if not result["message"].get("text", "").strip():
            yield "a result without a message"
        if not all(result.get("partialFingerprints", {"": ""}).values()):
            yield "a result without a fingerprint"
        if not result.get("locations"):
            yield "a result without a location"


def finds_the_file(text: str) -> Iterator[str]:
    """``physicalLocation``: a URI below the repository, or of scheme file, and a line from 1."""
    for place in _physical(text):
        uri = place.get("artifactLocation", {}).get("uri", "")
        scheme, colon, _ = uri.partition(":")
        if not _URI.fullmatch(uri):
            yield f"no URI: {uri!r}"
        elif uri.startswith(("/", "./")) or (colon and scheme != "file" and "/" not in scheme):
            yield f"neither below the repository nor of scheme file: {uri!r}"
        region = place.get("region", {})
        if any(region.get(key, 1) < 1 for key in ("startLine", "startColumn")) or (
            "startLine" not in region
        ):
            yield f"a region without a line: {region}"


def has_no_link_of_a_stranger(text: str) -> Iterator[str]:
    """A message's ``[text](target)`` is a link. Source: SARIF 2.1.0 section 3.11.6."""
    for result in _results(text):
        if re.search(r"(?<!\\)\[[^\]]*\]\(", result["message"].get("text", "")):
            yield f"a link in {result['message']['text']!r}"


CODE_SCANNING = (
    uploads_it, is_within_limits, shows_the_rule, knows_the_rule, ranks_the_finding,
    shows_the_finding, finds_the_file, has_no_link_of_a_stranger,
)  # fmt: skip

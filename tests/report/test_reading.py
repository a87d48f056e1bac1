from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings

from engine.evidence.metrics_file import RefusalError
from engine.formats.json_text import read_json
from engine.model import Json
from engine.report import FORMATS, Report, ReportOptions
from engine.report.reading import UndecidedInput, read
from tests.examples import examples
from tests.report.cases import CASES, ECE, PROMOTE, Result, any_call, report, written


def read_back(text: str) -> list[Result]:
    value = read_json(text.encode())
    found = [read(result) for result in (value if isinstance(value, list) else [value])]
    return [
        (result.file, result.error) if isinstance(result, UndecidedInput) else result
        for result in found
    ]


def without_proof(results: Sequence[Result]) -> list[Result]:
    """What json knows: all but the way through the ledger's tree."""
    return [
        replace(result, proof=None) if isinstance(result, Report) else result for result in results
    ]


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("case", CASES)
def test_every_format_is_the_same_from_what_json_wrote(name: str, case: str) -> None:
    """INV-REPORT-2: not even an input that could not be decided on is lost."""
    results = without_proof(CASES[case])
    for explain in (False, True):
        options = ReportOptions(several=len(results) > 1, explain=explain)
        assert written(name, read_back(written("json", results)), options) == written(
            name, results, options
        )


@given(any_call)
@settings(max_examples=examples(60))
def test_what_json_wrote_is_read_back_whatever_it_says(results: Sequence[Result]) -> None:
    options = ReportOptions(several=True)
    again = read_back(written("json", results, options))
    for name in FORMATS:
        assert written(name, again, options) == written(name, results, options)


def test_an_interval_across_the_limit_is_a_fact_and_not_read_off_a_sentence() -> None:
    insufficient = {**ECE, "status": "insufficient", "compare": "ci", "min_n": 10}
    straddling = report("HOLD", "x", [{**insufficient, "ci": [0.004, 0.012]}])
    few = report("HOLD", "x", [{**insufficient, "ci": [0.004, 0.012], "n": 3}])
    beside = report("HOLD", "x", [{**insufficient, "ci": [0.002, 0.004]}])
    for result, across in ((straddling, True), (few, False), (beside, False)):
        value = json.loads(written("json", [result]))
        assert value["checks"][0]["interval_straddles_limit"] is across
        value["checks"][0]["passes_when"] = "passes when the whole interval is worded otherwise"
        again = read(value)
        assert isinstance(again, Report)
        assert ("UNSURE" if across else "TOO FEW") in written("text", [again])


def changed(change: Callable[[Json], Any]) -> RefusalError:
    value = json.loads(written("json", [PROMOTE]))
    change(value)
    with pytest.raises(RefusalError) as refused:
        read(value, "/3")
    return refused.value


@pytest.mark.parametrize(
    ("change", "pointer", "reason"),
    [
        (lambda v: v.pop("reason"), "/3", "member 'reason' is missing"),
        (lambda v: v.update(verdct="x"), "/3/verdct", "member 'verdct' is not known"),
        (lambda v: v.update(verdict="MAYBE"), "/3/verdict", "one of PROMOTE, HOLD,"),
        (lambda v: v.update(verdict=["HOLD"]), "/3/verdict", "one of PROMOTE, HOLD,"),
        (lambda v: v.update(recorded=1), "/3/recorded", "true or false is expected"),
        (lambda v: v.update(index=True), "/3/index", "a whole number from 0 or null"),
        (lambda v: v.update(index=-1), "/3/index", "a whole number from 0 or null"),
        (lambda v: v.update(index=None), "/3/index", "the decision is recorded, and this says"),
        (lambda v: v.update(recorded=False), "/3/index", "the decision is not recorded, and"),
        (lambda v: v.update(checks={}), "/3/checks", "a list is expected here"),
        (lambda v: v.update(checks=[1]), "/3/checks/0", "an object is expected here"),
        (lambda v: v["checks"].append(v["checks"][0]), "/3/checks", "a check is there twice"),
        (lambda v: v["checks"][1].update(status="ok"), "/3/checks/1/status", "one of pass, fail,"),
        (lambda v: v["checks"][1].update(observed={}), "/3/checks/1/observed", "a number, text,"),
        (lambda v: v["checks"][1].update(n="9"), "/3/checks/1/n", "a number or null is"),
        (lambda v: v["checks"][1]["location"].update(line="9"), "/3/checks/1/location/line", "a "),
        (lambda v: v["subject"].update(digest={}), "/3/subject/digest", "member 'sha256' is miss"),
        (lambda v: v.update(obligations=[{}]), "/3/obligations/0", "member 'id' is missing"),
        (lambda v: v.update(waivers=["W"]), "/3/waivers/0", "an object is expected here"),
        (lambda v: v.update(relaxations=[1]), "/3/relaxations", "a list, each text"),
        (lambda v: v.update(attestations=[{}]), "/3/attestations/0", "member 'id' is missing"),
        (lambda v: v.update(attestations=1), "/3/attestations", "a list is expected here"),
        (lambda v: v.update(error={}), "/3/decision_id", "member 'decision_id' is not known"),
    ],
)  # fmt: skip
def test_what_json_did_not_write_is_refused_with_its_place(
    change: Callable[[Json], Any], pointer: str, reason: str
) -> None:
    refused = changed(change)
    assert refused.pointer == pointer
    assert refused.reason.startswith(reason)


def test_a_wrong_name_is_told_the_right_one() -> None:
    assert changed(lambda value: value.update(verdct="x")).hint == "did you mean 'verdict'?"


def test_lines_that_say_no_place_are_read_too() -> None:
    line = json.loads(written("jsonl", [PROMOTE]))
    report = read(line)
    assert isinstance(report, Report)
    assert report.file == PROMOTE.file
    assert not report.locations

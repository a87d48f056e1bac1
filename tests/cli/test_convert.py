from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from engine.report import FORMATS
from tests.cli.conftest import Answer, Engine

PATH = re.compile(r"<p>(?:Merkle path, .*?</ol>|The Merkle path .*?</p>)", re.DOTALL)


def decided(engine: Engine, *paths: str, explain: bool = False) -> Answer:
    """Decide, and write every format to ``out.F``."""
    outputs = [word for name in FORMATS for word in ("--output", f"{name}=out.{name}")]
    return engine("decide", *paths, *outputs, *(["--explain"] if explain else []))


def some_files(engine: Engine) -> None:
    folder = Path("evidence")
    folder.mkdir()
    for name in ("promote", "hold", "block"):
        (folder / f"{name}.json").write_text(engine("example", name).out)
    (folder / "bad.json").write_text('{"metrics": {"ethics.ece": NaN}}')
    (folder / "yaml.yaml").write_text("metrics: {x: 1}\n")


@pytest.mark.parametrize("paths", ["evidence/block.json", "evidence"])
@pytest.mark.parametrize("explain", [False, True])
def test_every_format_is_what_decide_would_have_written(
    engine: Engine, paths: str, explain: bool
) -> None:
    """All but the Merkle path, which only the ledger knows. INV-REPORT-2."""
    some_files(engine)
    decided(engine, paths, explain=explain)
    for name in FORMATS:
        words = ["--format", name, *(["--explain"] if explain else [])]
        answer = engine("convert", "out.json", *words)
        expected = Path(f"out.{name}").read_text()
        if name == "html":
            assert "engine export" in answer.out
            assert "engine export" not in expected
            answer = Answer(answer.code, PATH.sub("", answer.out), answer.err)
            expected = PATH.sub("", expected)
        assert (answer.code, answer.err) == (0, "")
        assert answer.out == expected, name


def test_several_formats_are_written_at_once_and_standard_input_is_read(engine: Engine) -> None:
    some_files(engine)
    decided(engine, "evidence/block.json")
    data = Path("out.json").read_bytes()
    answer = engine("convert", "-", "--format", "json", "--output", "junit=j.xml", stdin=data)
    assert answer.out.encode() == data
    assert Path("j.xml").read_text() == Path("out.junit").read_text()


def test_lines_are_read_and_point_at_the_first_line_of_their_file(engine: Engine) -> None:
    some_files(engine)
    decided(engine, "evidence")
    assert engine("convert", "out.jsonl", "--format", "jsonl").out == Path("out.jsonl").read_text()
    log = json.loads(engine("convert", "out.jsonl", "--format", "sarif").out)
    places = {
        (place["artifactLocation"]["uri"], place["region"]["startLine"])
        for result in log["runs"][0]["results"]
        for place in [result["locations"][0]["physicalLocation"]]
    }
    assert places == {("evidence/block.json", 1), ("evidence/hold.json", 1)}


def test_a_single_line_is_one_decision(engine: Engine) -> None:
    some_files(engine)
    decided(engine, "evidence/block.json")
    answer = engine("convert", "out.jsonl", "--format", "text")
    assert answer.out == Path("out.text").read_text()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "x.json: the document is empty"),
        ("[1]", "x.json:1:2: /0: an object is expected here"),
        ("[\n {}\n]", "x.json:2:2: /0: this is no decision: member 'decision_id'"),
        ('{"a": 1, "a": 2}', "x.json:1:10: /a: key 'a' is given twice"),
        ('{"verdict": NaN}', "x.json:1:13: /verdict: NaN is not a number"),
        ('{"verdict":\n "MAYBE"}', "x.json:2:2: /verdict: one of PROMOTE, HOLD,"),
        ('"text"', "x.json:1:1: an object is expected here"),
        ("verdict: HOLD", "x.json:1:1: no JSON value can start with 'v'"),
    ],
)
def test_what_decide_did_not_write_is_refused_with_its_place(
    engine: Engine, content: str, message: str
) -> None:
    Path("x.json").write_text(content)
    answer = engine("convert", "x.json", "--format", "markdown")
    assert (answer.code, answer.out) == (2, "")
    assert answer.err.startswith(f"engine: {message}")


def test_a_bad_line_is_named_and_nothing_is_written(engine: Engine) -> None:
    some_files(engine)
    decided(engine, "evidence")
    good = Path("out.jsonl").read_text().splitlines()
    Path("x.jsonl").write_text("\n".join([good[0], "", '{"verdict": 1}', good[1]]))
    answer = engine("convert", "x.jsonl", "--format", "jsonl", "--output", "junit=j.xml")
    assert (answer.code, answer.out) == (2, "")
    assert answer.err.startswith("engine: x.jsonl:3:13: /verdict: one of PROMOTE,")
    assert not Path("j.xml").exists()


@pytest.mark.parametrize("name", ["nosuch.json", "."])
def test_a_file_that_cannot_be_read_is_named(engine: Engine, name: str) -> None:
    answer = engine("convert", name)
    assert answer.code == 2
    assert answer.err.startswith(f"engine: {name}: ")
    assert "engine decide --format json" in answer.err


def test_an_unknown_format_names_the_nearest(engine: Engine) -> None:
    Path("x.json").write_text("[]")
    answer = engine("convert", "x.json", "--format", "markdwon")
    assert (answer.code, "did you mean 'markdown'?" in answer.err) == (2, True)


def test_no_decision_at_all_is_a_whole_document_of_each_format(engine: Engine) -> None:
    Path("x.json").write_text("[]")
    assert engine("convert", "x.json", "--format", "json").out == "[]\n"
    assert "</html>" in engine("convert", "x.json", "--format", "html").out
    assert "</testsuites>" in engine("convert", "x.json", "--format", "junit").out
    assert json.loads(engine("convert", "x.json", "--format", "sarif").out)["runs"]

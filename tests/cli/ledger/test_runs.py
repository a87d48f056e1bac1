"""Runs of the CI: named in a run's ledger, carried over by its import, missed where none is."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import jsonschema
import pytest

from engine.decision.ci_run import ci_run
from engine.errors import UsageError
from engine.model import CREATION_TYPES, CiRun, Json
from engine.proof.envelope import open_envelope
from tests.cli.conftest import Engine
from tests.repository import ROOT

GITHUB = {"GITHUB_RUN_ID": "77", "GITHUB_RUN_ATTEMPT": "1"}


def decided(engine: Engine, name: str, **environ: str) -> str:
    """The id of a decision of one run, whose proof is left in a file of that name."""
    flags = ("--ledger", "run:", "--export", name, "--format", "json")
    answer = engine("decide", "m.json", *flags, **environ)
    assert answer.code == 0
    decision_id: str = answer.json["decision_id"]
    return decision_id


def first_of(name: str) -> Json:
    entries = json.loads(Path(name).read_text())["ledger"]["entries"]
    return json.loads(open_envelope(base64.b64decode(entries[0])).payload)


@pytest.fixture
def made(engine: Engine) -> Engine:
    Path("m.json").write_text(engine("example", "promote").out)
    assert engine("keys", "init").code == 0
    return engine


@pytest.mark.parametrize(
    ("environ", "named", "run"),
    [
        ({}, None, None),
        ({"CI": "true", "GITHUB_RUN_ID": ""}, None, None),
        (GITHUB, None, CiRun("github", "77", "1")),
        ({"GITHUB_RUN_ID": "77"}, None, CiRun("github", "77", "1")),
        ({"CI_PIPELINE_ID": "5", "CI_JOB_ID": "91"}, None, CiRun("gitlab", "5", "91")),
        ({**GITHUB, "ENGINE_CI_RUN": "b-1/2"}, None, CiRun("named", "b-1", "2")),
        ({**GITHUB, "ENGINE_CI_RUN": "b-1/2"}, "c/3", CiRun("named", "c", "3")),
    ],
)
def test_the_run_is_the_callers_word_or_the_cis(
    environ: dict[str, str], named: str | None, run: CiRun | None
) -> None:
    assert ci_run(environ, named) == run


@pytest.mark.parametrize(
    "text", ["77", "77/", "/1", "77/1/2", "7 7/1", "77/\u0661", "-7/1", "7/\n"]
)
def test_what_is_no_run_is_refused(made: Engine, text: str) -> None:
    with pytest.raises(UsageError, match="is no run"):
        ci_run({}, text)
    answer = made("decide", "m.json", "--ledger", "run:", "--export", "p", "--ci-run", text)
    assert (answer.code, Path("p").exists()) == (2, False)


@pytest.mark.parametrize(
    "environ",
    [
        {**GITHUB, "GITHUB_RUN_ID": "abc"},
        {**GITHUB, "GITHUB_RUN_ATTEMPT": "x"},
        {**GITHUB, "GITHUB_RUN_ATTEMPT": "0"},
        {"CI_PIPELINE_ID": "5", "CI_JOB_ID": "job"},
    ],
)
def test_a_ci_that_numbers_its_runs_has_numbers(made: Engine, environ: dict[str, str]) -> None:
    answer = made("decide", "m.json", "--ledger", "run:", "--export", "p", **environ)
    assert (answer.code, Path("p").exists()) == (2, False)
    assert "both are numbers" in answer.err


def test_a_ledger_of_a_run_says_which_and_its_import_says_so_too(made: Engine) -> None:
    schema = json.loads((ROOT / "schemas/ledger-created-v2.schema.json").read_text())
    of_import = json.loads((ROOT / "schemas/run-imported.schema.json").read_text())
    ids = [
        decided(made, "1.json", **GITHUB),
        decided(made, "2.json", **{**GITHUB, "GITHUB_RUN_ATTEMPT": "2"}),
        decided(made, "3.json"),
    ]
    assert [first_of(f"{n}.json")["predicateType"] for n in (1, 3)] == list(
        reversed(CREATION_TYPES)
    )
    assert not list(jsonschema.Draft202012Validator(schema).iter_errors(first_of("1.json")))
    assert made("init", "--yes").code == 0
    told = made("ledger", "import", "1.json", "2.json", "3.json").out
    assert [line.split(" by ")[0] for line in told.splitlines()[1::2]] == [
        "  attempt 1", "  attempt 2", "  attempt 3",
    ]  # fmt: skip
    assert "was here already" in made("ledger", "import", "1.json").out
    assert made("ledger", "verify").code == 0
    conforming = made("conform")
    assert (conforming.code, "no spec is about" in conforming.out) == (0, False)

    answer = made("ledger", "runs", "--format", "json")
    assert answer.code == 0
    assert [(run["ci"], run["id"], run["attempt"]) for run in answer.json["runs"]] == [
        ("github", "77", "1"), ("github", "77", "2"),
    ]  # fmt: skip
    found = [each for run in answer.json["runs"] for each in run["decisions"]]
    assert [(each["decision_id"], each["attempt"]) for each in found] == [(ids[0], 1), (ids[1], 2)]
    log = [json.loads(line) for line in made("ledger", "log", "--format", "jsonl").out.splitlines()]
    (entry, _) = [row["index"] for row in log if row["kind"] == "run-imported"]
    shown = made("ledger", "show", str(entry)).json
    assert not list(jsonschema.Draft202012Validator(of_import).iter_errors(shown))


def test_a_run_of_the_cis_list_that_left_no_decision_is_named(made: Engine) -> None:
    decided(made, "1.json", **GITHUB)
    decided(made, "2.json", ENGINE_CI_RUN="else/1")
    assert made("init", "--yes").code == 0
    made("ledger", "import", "1.json", "2.json")
    Path("gh.json").write_text('[{"databaseId": 77, "attempt": 2, "name": "x"}]')
    Path("lines").write_text("# of CI\n77 1\n\n78 1\n")

    answer = made("ledger", "runs", "--expected", "gh.json")
    assert answer.code == 1
    assert "run 77/2: NO DECISION" in answer.out  # the list has the last attempt alone
    assert "run else/1: is not in the CI's list" in answer.out
    assert "of 2 that the CI lists, 1 left none" in answer.out
    assert max(map(len, answer.out.splitlines())) <= 80
    answer = made("ledger", "runs", "--expected", "lines", "--format", "json")
    assert (answer.code, answer.json["without_decision"]) == (1, [{"id": "78", "attempt": "1"}])
    Path("lines").write_text("77/1\n")
    assert made("ledger", "runs", "--expected", "lines").code == 0

    for text, where in {
        "": "it names no run",
        "# none\n": "it names no run",
        "[]": "it names no run",
        "77 1\n78\n": ":2: '78' is no run",
        "77 1 2\n": ":1: '77/1/2' is no run",
        "{}": "it is no list",
        "[7]": "entry 0 of the list is no object",
        '[{"databaseId": 77}]': "entry 0 of the list has no databaseId and attempt",
        '[{"databaseId": 77, "attempt": 0}]': "entry 0 of the list has no databaseId",
        '[{"databaseId": 77, "attempt": true}]': "entry 0 of the list has no databaseId",
        "[": "1:2",
    }.items():
        Path("bad").write_text(text)
        answer = made("ledger", "runs", "--expected", "bad")
        assert (answer.code, where in answer.err) == (2, True), (text, answer.err)

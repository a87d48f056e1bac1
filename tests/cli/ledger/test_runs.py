"""Runs of the CI: named in a run's ledger, carried over by its import, missed where none is."""

from __future__ import annotations

import base64
import json
import shutil
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import jsonschema
import pytest

from engine.decision.ci_run import ci_run
from engine.errors import UsageError
from engine.ledger import EntryDraft, LedgerPosition, read_created
from engine.ledger.commit.created import created_entry
from engine.model import (
    CREATION_TYPES,
    DECISION_V2_TYPE,
    RUN_IMPORTED_TYPE,
    CiRun,
    Json,
    Signer,
)
from engine.proof.envelope import open_envelope, seal
from engine.proof.statement import statement
from engine.signers.file import open_file
from tests.cli.conftest import Engine
from tests.ledger.audit.test_audit import behind_its_back
from tests.ledger.scribe import key, open_at
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
    "text", ["77", "77/", "/1", "77/1/2", "7 7/1", "77/\u0661", "-7/1", "7/\n", "77/one"]
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
    answer = made("verify", "2.json", "--key", ".engine/keys/engine.pub.pem", "--format", "json")
    assert answer.json["run"] == {"ci": "github", "id": "77", "attempt": "2"}
    answer = made("verify", "2.json", "--key", ".engine/keys/engine.pub.pem")
    assert "  CI run    77/2 (github), by the signer's word\n" in answer.out
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
    assert [found["decision_id"] for found in answer.json["without_run"]] == [ids[2]]
    assert "1 imported decision names no run, the first at entry 5:" in made("ledger", "runs").out
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
        "77/1\n77/one\n": ":2: '77/one' is no run: the attempt of a numbered run is a number",
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


def imported(engine: Engine) -> Engine:
    """A ledger with the decisions of runs 77 and 78 at entries 1 and 3, each before its run."""
    decided(engine, "1.json", **GITHUB)
    decided(engine, "2.json", GITHUB_RUN_ID="78")
    assert engine("init", "--yes").code == 0
    assert engine("ledger", "import", "1.json", "2.json").code == 0
    return engine


def copied(source: int, target: int) -> None:
    """Put the body of one entry over another's, as who writes to the file can without a key."""
    with behind_its_back(Path(".engine")) as connection:
        connection.execute(
            "UPDATE entry SET body = (SELECT body FROM entry WHERE leaf_index = ?) "
            "WHERE leaf_index = ?",
            (source, target),
        )


READERS = ("ledger runs", "ledger tables t.db", "ledger verify", "conform", "replay")


def test_a_decision_that_others_were_copied_over_is_missed_by_every_reader(made: Engine) -> None:
    imported(made)
    for source, target in ((4, 2), (3, 1)):
        copied(source, target)
        for reader in READERS:
            assert made(*reader.split()).code == 4, reader
        assert not Path("t.db").exists()
        assert made("ledger", "import", "1.json").code == 4


def test_a_strangers_ledger_in_place_of_ones_own_is_4(made: Engine) -> None:
    """One rule says which key is trusted: a key given, else the own one, else entry 0's."""
    imported(made)
    made("decide", "m.json")
    shutil.copytree(".engine/keys", "theirs")
    Path("other").mkdir()
    assert made("keys", "init", "--key-file", "other/engine.pem").code == 0
    for file in Path("other").glob("*.pem"):
        shutil.copy(file, ".engine/keys")
    decision = json.loads(made("ledger", "log", "--format", "jsonl").out.splitlines()[-2])["id"]
    for reader in (*READERS, f"explain {decision}", f"export {decision} -o p.json"):
        assert made(*reader.split()).code == 4, reader
    assert '"signed":false' in made("ledger", "log", "--format", "jsonl").out.replace(" ", "")
    for reader in READERS:
        assert made(*reader.split(), "--key", "theirs/engine.pub.pem").code == 0, reader
    shutil.rmtree(".engine/keys")
    Path("t.db").unlink()
    for reader in ("ledger runs", "ledger tables t.db", "ledger verify"):
        answer = made(*reader.split())
        assert (answer.code, "key in entry 0" in answer.out) == (0, True), reader
    assert made("ledger", "runs", "--format", "json").json["keys_given"] is False


def appended(kind: str, predicate: dict[str, Json], decision_id: str | None = None) -> None:
    """Record what only the key's holder can."""
    signer = open_file(Path(".engine/keys/engine.pem"))
    subject = {"name": "m", "digest": {"sha256": "00" * 32}}

    def build(place: LedgerPosition) -> bytes:
        whole = {**predicate, "ledger": {"id": place.ledger_id}}
        return seal(statement([subject], kind, whole), signer.sign, signer.key_id)

    with closing(open_at(Path(".engine"), signer=signer)) as ledger:
        ledger.append([EntryDraft(decision_id, None, None, build)])


RUN = {"ci": "github", "id": "77", "attempt": "1"}
Predicate = dict[str, Json]
LIES: dict[str, tuple[str, Callable[[Predicate], Predicate]]] = {
    "another run than entry 0's": (
        "another run", lambda p: {**p, "run": {**RUN, "id": "78"}}),
    "no entry 0": ("is not a string", lambda p: {**p, "envelope": None}),
    "of another ledger": (
        "another ledger than the decision's", lambda p: {**p, "envelope": began("ab" * 16)}),
    "begun with another key": (
        "none of the given keys",
        lambda p: {**p, "envelope": began(of=key("somebody else"))}),
    "a line of its own": (
        "64 letters", lambda p: {**p, "run": {**RUN, "id": "7\nrun 8/1"}}),
    "too long": ("64 letters", lambda p: {**p, "run": {**RUN, "attempt": "1" * 65}}),
    "of no CI": ("is not known", lambda p: {**p, "run": {**RUN, "ci": "jenkins"}}),
    "of what is not here": (
        "decision", lambda p: {**p, "decision_id": p["decision_id"][:-1] + "z"}),
    "of what was not imported": (
        "imported", lambda p: {**p, "decision_id": p["own"]}),
    "of a list": ("is not a text", lambda p: {**p, "decision_id": []}),
}  # fmt: skip


def began(ledger_id: str | None = None, of: Signer | None = None, run: CiRun | None = None) -> str:
    """Base64 of an entry 0 that names run 77."""
    signer = of or open_file(Path(".engine/keys/engine.pem"))
    ledger_id = ledger_id or first_of("3.json")["predicate"]["ledger_id"]
    made = created_entry(ledger_id, "2026-06-01T12:00:00Z", signer, run or CiRun(**RUN))
    return base64.b64encode(made).decode()


@pytest.mark.parametrize("lie", LIES)
def test_a_run_that_an_import_is_not_of_is_4(made: Engine, lie: str) -> None:
    """Also where this ledger's own key says so."""
    decision_id = decided(made, "3.json")
    assert made("init", "--yes").code == 0
    assert made("ledger", "import", "3.json").code == 0
    own = made("decide", "m.json", "--format", "json").json["decision_id"]
    reason, changed = LIES[lie]
    honest = {"decision_id": decision_id, "run": RUN, "envelope": began()}
    predicate = changed({**honest, "own": own})
    predicate.pop("own", None)
    appended(RUN_IMPORTED_TYPE, {**predicate, "imported_at": "2026-06-01T12:00:00Z"})

    for reader in ("ledger runs", "ledger verify"):
        answer = made(*reader.split())
        assert (answer.code, answer.out) == (4, ""), reader
        assert "entry 3: " in answer.err
        assert reason in answer.err


def test_a_decision_without_members_is_4(made: Engine) -> None:
    assert made("init", "--yes").code == 0
    assert made("decide", "m.json").code == 0
    appended(DECISION_V2_TYPE, {"decision_id": []}, "x" * 36)
    for reader in ("ledger runs", "ledger tables t.db", "ledger import 1.json", "ledger verify"):
        if "import" in reader:
            decided(made, "1.json")
        assert made(*reader.split()).code == 4, reader


def test_an_import_without_its_run_gets_it_from_a_later_proof(made: Engine) -> None:
    decided(made, "1.json", **GITHUB)
    whole = json.loads(Path("1.json").read_text())
    first = base64.b64decode(whole["ledger"]["entries"][0])
    assert read_created(first).run == CiRun(**RUN)
    del whole["ledger"]  # the decision is its last entry: nothing follows
    Path("bare.json").write_text(json.dumps(whole))
    assert made("init", "--yes").code == 0
    assert "imported" in made("ledger", "import", "bare.json").out
    assert made("ledger", "runs", "--format", "json").json["runs"] == []

    told = made("ledger", "import", "1.json").out

    assert "was here already; of run 77/1, which was not known" in told
    assert [run["id"] for run in made("ledger", "runs", "--format", "json").json["runs"]] == ["77"]
    assert made("ledger", "import", "1.json", "bare.json").out.count("was here already  ") == 2
    assert made("ledger", "verify").code == 0


def test_only_a_decision_about_what_is_asked_for_counts(made: Engine) -> None:
    decided(made, "1.json", **GITHUB)
    assert made("init", "--yes").code == 0
    made("ledger", "import", "1.json")
    Path("lines").write_text("77 1\n")
    runs = ("ledger", "runs", "--expected", "lines")

    answer = made(*runs)
    assert answer.code == 0
    assert "a decision about any subject counts: --subject NAME says about which" in answer.out
    assert "a decision by any gate counts: --gate G says by which" in answer.out
    assert made(*runs, "--format", "json").json["owed"] == {"subject": None, "gate": None}

    own = ("--subject", "scoring-model", "--gate", "promotion")
    answer = made(*runs, *own)
    assert (answer.code, "any" in answer.out) == (0, False)
    document = made(*runs, *own, "--format", "json").json
    assert document["owed"] == {"subject": "scoring-model", "gate": "promotion"}

    for flag, name, words in (
        ("--subject", "scoring-modle", " about scoring-modle"),
        ("--subject", "scoring", " about scoring"),
        ("--gate", "promotoin", " by promotoin"),
        ("--gate", "ethics", " by ethics"),
    ):
        answer = made(*runs, flag, name)
        assert answer.code == 1
        assert f"run 77/1: NO DECISION{words}\n" in answer.out
        assert "of 1 that the CI lists, 1 left none" in answer.out
        assert f"no decision of a run has the {flag[2:]} '{name}'; " in answer.out
        assert ("'scoring-model'?" if "scoring" in name else "promotion") in answer.out
        document = made(*runs, flag, name, "--format", "json").json
        assert document["without_decision"] == [{"id": "77", "attempt": "1"}]
        assert made("ledger", "runs", flag, name).code == 2


def test_a_long_list_of_the_ci_is_refused_or_counted(made: Engine) -> None:
    imported(made)
    Path("long").write_text(json.dumps([{"databaseId": n, "attempt": 1000} for n in range(1, 200)]))
    answer = made("ledger", "runs", "--expected", "long")
    assert (answer.code, "names more than 100,000 runs" in answer.err) == (2, True)
    Path("lines").write_text("".join(f"{n} 2\n" for n in range(1, 301)))
    answer = made("ledger", "runs", "--expected", "lines")
    assert (answer.code, answer.out.count("NO DECISION")) == (1, 101)
    assert "and 200 more: NO DECISION" in answer.out
    document = made("ledger", "runs", "--expected", "lines", "--format", "json").json
    assert len(document["without_decision"]) == 300

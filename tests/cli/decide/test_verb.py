from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from engine.model import Json
from engine.system import files
from tests.cli.conftest import Engine

Example = Callable[[str], Json]


@pytest.mark.parametrize(
    ("name", "arguments", "code", "verdict"),
    [
        ("promote", (), 0, "PROMOTE"),
        ("hold", (), 5, "HOLD"),
        ("block", (), 1, "BLOCK"),
        ("rollback", ("--stage", "production"), 6, "ROLLBACK"),
        ("rollback", (), 1, "BLOCK"),
    ],
)
def test_each_outcome_has_its_verdict_and_exit_code(
    engine: Engine, name: str, arguments: tuple[str, ...], code: int, verdict: str
) -> None:
    """INV-GATE-6: four outcomes, never folded together."""
    document = engine("example", name).out.encode()

    answer = engine("decide", "-", "--format", "json", *arguments, stdin=document)

    assert (answer.code, answer.json["verdict"]) == (code, verdict)
    assert answer.json["recorded"] is True
    assert answer.json["checkpoint"].startswith("governance-engine/")


def test_every_metric_of_the_promote_example_feeds_a_blocking_check(
    engine: Engine, example: Example
) -> None:
    document = example("promote")
    answer = engine("decide", "-", "--format", "json", stdin=json.dumps(document).encode()).json
    for metric in document["metrics"]:
        without = json.loads(json.dumps(document))
        del without["metrics"][metric]
        held = engine(
            "decide", "-", "--format", "json", "--dry-run", stdin=json.dumps(without).encode()
        )
        assert held.json["verdict"] == "HOLD", metric
    assert answer["verdict"] == "PROMOTE"


def test_the_json_of_a_decision_has_the_members_that_others_rely_on(engine: Engine) -> None:
    answer = engine(
        "decide", "-", "--format", "json", stdin=engine("example", "block").out.encode()
    )
    assert answer.json.keys() >= {
        *("decision_id", "gate", "profile", "stage", "verdict", "recorded", "index"),
        *("checkpoint", "subject", "checks", "obligations", "waivers", "relaxations"),
    }
    ece = next(check for check in answer.json["checks"] if check["id"] == "ethics.ece")
    assert ece["margin"] == -0.021
    assert ece["passes_when"] == "passes when ethics.ece <= 0.01; now 0.031"
    assert ece.keys() >= {
        *("id", "status", "severity", "operator", "observed", "limit", "unit", "margin", "n"),
        *("title", "why", "fix", "waived_by"),
    }


def test_text_shows_every_check_and_says_why_and_what_to_do(engine: Engine) -> None:
    document = engine("example", "block").out.encode()
    answer = engine("decide", "-", "--all", stdin=document)
    assert "\n✗ BLOCK  scoring-model 2.5.0\n  3 of " in answer.out
    assert "FAIL    ethics.ece" in answer.out
    assert "210 % past, n 24,000" in answer.out
    assert "210 % past, n 24,000, margin -0.021" in engine("decide", "-", "-v", stdin=document).out
    assert "passes when ethics.ece <= 0.01; now 0.031" in answer.out
    assert "fix: " in answer.out
    assert "pass    slo.dec_p95_ms" in answer.out
    assert " 4 off               ethics.attestation (no attestor configured)" in answer.out


def test_a_dry_run_records_nothing_says_so_and_never_exits_0(engine: Engine) -> None:
    """INV-RECORD-2: what is not recorded is not an answer to act on."""
    document = engine("example", "promote").out.encode()

    answer = engine("decide", "-", "--dry-run", stdin=document)

    assert answer.code == 5
    assert "\n… PROMOTE  scoring-model 2.4.1, NOT RECORDED: a dry run" in answer.out
    assert not Path(".engine").exists()


def test_a_verdict_is_in_the_ledger_before_it_is_printed(engine: Engine) -> None:
    answer = engine(
        "decide", "-", "--format", "json", stdin=engine("example", "promote").out.encode()
    ).json
    (body,) = (
        sqlite3.connect(".engine/ledger.db")
        .execute("SELECT body FROM entry WHERE leaf_index = ?", (answer["index"],))
        .fetchone()
    )
    assert json.loads(body)["payloadType"] == "application/vnd.in-toto+json"


@pytest.mark.parametrize("claim", ["gate", "profile", "stage"])
def test_evidence_does_not_choose_its_own_gate(
    engine: Engine, example: Example, claim: str
) -> None:
    """INV-ASK-1: the caller names gate, profile and stage."""
    document = {**example("promote"), claim: "strict"}
    answer = engine("decide", "-", stdin=json.dumps(document).encode())
    assert answer.code == 2
    assert f"the evidence says {claim} 'strict', the caller asks" in answer.err


def test_an_unknown_gate_profile_or_stage_names_the_nearest(engine: Engine) -> None:
    document = engine("example", "promote").out.encode()
    for flag, word, near in (
        ("--gate", "promotoin", "promotion"),
        ("--profile", "strct", "strict"),
        ("--stage", "prod", "production"),
    ):
        answer = engine("decide", "-", flag, word, stdin=document)
        assert answer.code == 2
        assert near in answer.err


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "the document is empty"),
        (b'{"subject": {"name": "m"}, "metrics": {"ethics.ece": NaN}}', "-:1:54: /metrics/ethics"),
        (b'{"a": 1, "a": 2}', "key 'a' is given twice"),
        (b"\x1f\x8b\x08", "looks binary"),
        (b"[]", "array where object is expected"),
    ],
)
def test_a_bad_document_is_refused_with_its_place_and_leaves_a_record(
    engine: Engine, content: bytes, words: str
) -> None:
    """INV-INPUT-5: a failed attempt is recorded where the ledger works."""
    engine("init")
    answer = engine("decide", "-", stdin=content)
    assert (answer.code, answer.out) == (2, "")
    assert words in answer.err
    assert "decision-failed" in engine("ledger", "log").out
    assert engine("ledger", "verify", "--signatures").code == 0


def test_one_bad_file_does_not_lose_the_others(engine: Engine) -> None:
    Path("in").mkdir()
    for name in ("promote", "hold", "block"):
        Path(f"in/{name}.json").write_text(engine("example", name).out)
    Path("in/broken.json").write_text("{")

    answer = engine("decide", "in", "--format", "jsonl")

    lines = [json.loads(line) for line in answer.out.splitlines()]
    assert {Path(line["file"]).stem: line["verdict"] for line in lines} == {
        "block": "BLOCK",
        "broken": None,
        "hold": "HOLD",
        "promote": "PROMOTE",
    }
    assert answer.code == 2
    assert "in/broken.json:1:2" in answer.err
    assert "3 decided: 1 BLOCK, 1 HOLD, 1 PROMOTE" in answer.err


def test_the_worst_of_several_wins(engine: Engine) -> None:
    Path("in").mkdir()
    for name, worst in (("promote", 0), ("hold", 5), ("block", 1)):
        Path(f"in/{name}.json").write_text(engine("example", name).out)
        assert engine("decide", "in", "--format", "json").code == worst


def test_several_formats_at_once(engine: Engine) -> None:
    document = engine("example", "promote").out.encode()
    answer = engine(
        "decide", "-", "--output", "json=d.json", "--output", "jsonl=d.jsonl", stdin=document
    )
    assert "\n✓ PROMOTE  scoring-model" in answer.out
    assert json.loads(Path("d.json").read_text())["verdict"] == "PROMOTE"
    assert json.loads(Path("d.jsonl").read_text())["file"] == "-"


@pytest.mark.parametrize("flags", [("--output", "json=absent/d.json"), ("--export", "absent/p")])
def test_what_cannot_be_written_is_found_before_anything_is_decided(
    engine: Engine, flags: tuple[str, str]
) -> None:
    engine("init")
    answer = engine("decide", "-", *flags, stdin=engine("example", "promote").out.encode())
    assert (answer.code, answer.out) == (2, "")
    assert "its folder does not exist" in answer.err
    assert engine("ledger", "log").out.count("decision") == 0


def test_several_proofs_go_into_a_folder(engine: Engine) -> None:
    for folder in ("in", "out"):
        Path(folder).mkdir()
    for name in ("promote", "hold"):
        Path(f"in/{name}.json").write_text(engine("example", name).out)
    assert engine("decide", "in", "--export", "p.json").code == 2
    assert engine("decide", "in", "--export", "out").code == 5
    proofs = sorted(str(path) for path in Path("out").iterdir())
    assert len(proofs) == 2
    assert engine("verify", *proofs, "--key", ".engine/keys/engine.pub.pem").code == 0


def test_combined_files_are_one_decision(engine: Engine, example: Example) -> None:
    document = example("promote")
    names = list(document["metrics"])
    for number, part in enumerate((names[:10], names[10:])):
        metrics = {name: document["metrics"][name] for name in part}
        Path(f"{number}.json").write_text(json.dumps({**document, "metrics": metrics}))

    whole = engine("decide", "0.json", "1.json", "--combine", "--format", "json")
    assert (whole.code, whole.json["verdict"]) == (0, "PROMOTE")

    Path("2.json").write_text(Path("1.json").read_text())
    twice = engine("decide", "0.json", "1.json", "2.json", "--combine")
    assert twice.code == 2
    assert "is in another file too" in twice.err


def test_the_artifact_decides_the_digest(engine: Engine, example: Example) -> None:
    document = example("promote")
    del document["subject"]["digest"]
    Path("m.json").write_text(json.dumps(document))
    Path("model.bin").write_bytes(b"weights")

    without = engine("decide", "m.json")
    assert without.code == 2
    assert "--artifact PATH" in without.err

    given = engine("decide", "m.json", "--artifact", "model.bin", "--format", "json")
    assert given.code == 0
    assert given.json["subject"]["digest"]["sha256"].startswith("9a129038d9a00aed")

    Path("other.bin").write_bytes(b"other")
    Path("m.json").write_text(json.dumps({**document, "subject": given.json["subject"]}))
    other = engine("decide", "m.json", "--artifact", "other.bin")
    assert other.code == 2
    assert "gather the evidence again" in other.err


def test_a_domain_alone_is_a_gate_that_needs_no_artifact(engine: Engine, example: Example) -> None:
    document = example("promote")
    del document["subject"]["digest"]
    answer = engine(
        "decide", "-", "--gate", "ethics", "--format", "json", stdin=json.dumps(document).encode()
    )
    assert (answer.code, answer.json["verdict"]) == (0, "PROMOTE")
    assert {check["id"].split(".")[0] for check in answer.json["checks"]} == {"ethics"}


@pytest.mark.parametrize(
    "ci", [{"CI": "true"}, {"TF_BUILD": "True"}, {"JENKINS_URL": "https://ci.example"}]
)
def test_in_ci_no_key_is_made_up(engine: Engine, ci: dict[str, str]) -> None:
    """Azure Pipelines and Jenkins do not set CI."""
    document = engine("example", "promote").out.encode()
    answer = engine("decide", "-", stdin=document, **ci)
    assert answer.code == 2
    for words in ("engine keys init", "ENGINE_KEY", "ENGINE_KEY_FILE"):
        assert words in answer.err
    assert not Path(".engine").exists()
    assert "is empty" not in answer.err
    answer = engine("decide", "-", stdin=document, ENGINE_KEY="", **ci)
    assert answer.code == 2
    assert "ENGINE_KEY is empty: is the secret there for this job?" in answer.err


def test_in_ci_no_ledger_is_made_up_either(engine: Engine) -> None:
    """A ledger that is not there is more likely a volume that was not mounted."""
    engine("keys", "init", "--key-file", "key.pem")
    pem = Path("key.pem").read_text()
    document = engine("example", "promote").out.encode()

    in_ci = engine("decide", "-", stdin=document, ENGINE_KEY=pem, CI="true")
    assert in_ci.code == 2
    assert "run:" in in_ci.err
    assert not Path(".engine").exists()

    at_a_desk = engine("decide", "-", stdin=document, ENGINE_KEY=pem)
    assert at_a_desk.code == 0
    again = engine("decide", "-", stdin=document, ENGINE_KEY=pem, CI="true")
    assert again.code == 0


def test_a_run_ledger_lives_in_its_proof_and_is_imported_once(engine: Engine) -> None:
    document = engine("example", "promote").out.encode()
    engine("init")
    pem = Path(".engine/keys/engine.pem").read_text()

    without = engine("decide", "-", "--ledger", "run:", stdin=document, ENGINE_KEY=pem)
    assert without.code == 2
    assert "--export" in without.err

    run = engine(
        "decide", "-", "--ledger", "run:", "--export", "run.json", "--format", "json",
        stdin=document, ENGINE_KEY=pem, CI="true",
    )  # fmt: skip
    assert (run.code, run.json["relaxations"]) == (0, ["ephemeral_ledger"])

    key = ".engine/keys/engine.pub.pem"
    assert engine("verify", "run.json", "--key", key, "--require", "PROMOTE").code == 0
    strict = engine("verify", "run.json", "--key", key, "--no-relaxations")
    assert strict.code == 1

    first, second = (engine("ledger", "import", "run.json") for _ in range(2))
    assert (first.code, second.code) == (0, 0)
    assert "imported" in first.out
    assert "was here already" in second.out
    assert engine("ledger", "verify", "--signatures").code == 0
    engine("export", run.json["decision_id"], "-o", "central.json")
    assert engine("verify", "central.json", "--key", key, "--require", "PROMOTE").code == 0


def test_what_the_profile_does_not_tolerate_holds(engine: Engine) -> None:
    """INV-RELAX-1: an option that weakens a run is named, and the profile decides."""
    engine("init")
    document = engine("example", "promote").out.encode()
    answer = engine("decide", "-", "--max-bytes", "2000000", "--format", "json", stdin=document)
    assert (answer.code, answer.json["verdict"]) == (5, "HOLD")
    assert answer.json["relaxations"] == ["input_limit_raised"]
    assert answer.json["reason"] == "the profile does not tolerate: input_limit_raised"


def test_attempts_are_counted_and_chained(engine: Engine) -> None:
    document = engine("example", "hold").out.encode()
    ids = [
        engine("decide", "-", "--format", "json", stdin=document).json["decision_id"]
        for _ in range(3)
    ]
    predicates = [engine("ledger", "show", name).json["predicate"] for name in ids]
    assert [predicate["attempt"] for predicate in predicates] == [1, 2, 3]
    assert [predicate["previous"] for predicate in predicates] == [None, ids[0], ids[1]]


def test_an_emitted_input_is_what_opa_saw(engine: Engine) -> None:
    document = engine("example", "promote").out.encode()
    engine("decide", "-", "--dry-run", "--emit-input", "inputs", stdin=document)
    emitted = json.loads(Path("inputs/stdin.json").read_text())
    assert emitted["metrics"]["ethics.ece"]["value"] == 0.006
    assert emitted["metrics"]["ethics.ece"]["age_s"] >= 0
    assert (emitted["gate"], emitted["stage"]) == ("promotion", "candidate")


def test_an_emitted_input_goes_through_the_layer_of_every_output(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """INV-INPUT-8: no database is written over, and no pipe is waited for without end."""
    monkeypatch.setattr(files, "_READER_S", 0.0)
    Path("m.json").write_text(engine("example", "promote").out)
    Path("out").mkdir()
    Path("file").touch()
    os.mkfifo("pipe")
    call = ("decide", "m.json", "--dry-run", "--emit-input")
    for folder, reason in (
        ("file", "file exists"),
        ("pipe", "file exists"),
        ("n" * 300, "too long"),
    ):
        answer = engine(*call, folder)
        assert (answer.code, reason in answer.err) == (2, True), answer.err

    target = Path("out/m.json")
    target.write_bytes(b"SQLite format 3\0")
    answer = engine(*call, "out")
    assert (answer.code, "out/m.json: is a ledger or another database" in answer.err) == (2, True)
    target.unlink()
    os.mkfifo(target)
    answer = engine(*call, "out")
    assert (answer.code, "out/m.json: nobody reads this pipe" in answer.err) == (2, True)

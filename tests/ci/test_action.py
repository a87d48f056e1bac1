"""The GitHub Action: its run-steps, really run."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_private_key,
)

from engine.signers.file import generate
from tests.ci.steps import Done, bash, github_step, load

ACTION = load("action.yml")
INSTALL, DECIDE, VERIFY = ACTION["runs"]["steps"]


@pytest.fixture
def key(tmp_path: Path) -> str:
    generate(tmp_path / "key.pem")
    return (tmp_path / "key.pem").read_text()


@pytest.fixture
def job(tmp_path: Path) -> Path:
    """A job's folder with a good metrics file."""
    folder = tmp_path / "job"
    folder.mkdir()
    write(folder, "promote", "metrics.json")
    return folder


def write(folder: Path, example: str, name: str) -> None:
    assert bash(f"engine example {example} > '{name}'", folder, {}).returncode == 0


def act(folder: Path, **inputs: str) -> tuple[Done, dict[str, str]]:
    """Run the action with ``inputs``; return the deciding step and the action's outputs."""
    unknown = inputs.keys() - ACTION["inputs"].keys()
    assert not unknown
    given = {name: spec.get("default", "") for name, spec in ACTION["inputs"].items()} | inputs
    values = {f"inputs.{name}": value for name, value in given.items()}
    values["github.workspace"] = str(folder)
    assert github_step(INSTALL, folder, values).code == 0
    done = github_step(DECIDE, folder, values)
    return done, {name: result(output["value"], done) for name, output in ACTION["outputs"].items()}


def result(expression: str, done: Done) -> str:
    """What an output of the action comes to: an output of the step, or the word for none."""
    source, _, otherwise = expression[4:-3].partition(" || ")
    values = {f"steps.decide.outputs.{name}": value for name, value in done.outputs.items()}
    return values.get(source, "") or otherwise.strip("'")


def test_promotes_and_gives_verdict_id_and_proof(job: Path, key: str) -> None:
    done, told = act(job, metrics="metrics.json", key=key, proof="out/proof.json")

    assert done.code == 0, done.err
    assert (told["verdict"], told["exit-code"], told["proof"]) == ("PROMOTE", "0", "out/proof.json")
    assert len(told["decision-id"]) == 36
    assert "PROMOTE" in done.summary
    proof = json.loads((job / "out" / "proof.json").read_text())
    assert proof["mediaType"].startswith("application/vnd.governance-engine.proof")


@pytest.mark.parametrize(
    ("demand", "code"), [('profile = "default"', 0), ('profile = "strict"', 1)]
)
@pytest.mark.parametrize("proof", ["proof.json", "proofs"])
def test_the_proof_is_verified_as_the_consumer_demands(
    job: Path, key: str, demand: str, code: int, proof: str
) -> None:
    public = load_pem_private_key(key.encode(), None).public_key()
    pem = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    (job / "release.pub.pem").write_bytes(pem)
    expect = f'require = "PROMOTE"\n{demand}\n[[key]]\nfile = "release.pub.pem"\n'
    (job / "verify.toml").write_text(expect)
    write(job, "promote", "second one.json")
    metrics = "metrics.json\nsecond one.json" if proof == "proofs" else "metrics.json"
    assert act(job, metrics=metrics, key=key, proof=proof)[0].code == 0

    given = {"inputs.proof": proof, "inputs.expect": "verify.toml", "inputs.artifact": ""}
    done = github_step(VERIFY, job, given)

    assert done.code == code, done.err
    assert done.out.count("GENUINE RECORD OF PROMOTE") == (2 if proof == "proofs" else 1)
    assert VERIFY["if"] == "inputs.expect != ''"


def test_a_block_fails_the_step_and_keeps_the_proof(job: Path, key: str) -> None:
    write(job, "block", "metrics.json")

    done, told = act(job, metrics="metrics.json", key=key)

    assert done.code == 1
    assert (told["verdict"], told["exit-code"], told["proof"]) == ("BLOCK", "1", "proof.json")
    assert done.out.count("::error") >= 1


def test_every_input_reaches_the_engine(job: Path, key: str) -> None:
    (job / "model.bin").write_bytes(b"weights")
    document = json.loads((job / "metrics.json").read_text())
    del document["subject"]["digest"]
    (job / "metrics.json").write_text(json.dumps(document))
    (job / "own" / "waivers").mkdir(parents=True)
    (job / "own" / "waivers" / "data.yaml").write_text("waivers: []\n")

    done, told = act(
        job,
        metrics="metrics.json",
        gate="privacy",
        profile="model",
        stage="production",
        artifact="model.bin",
        policies="own",
        ledger="run:",
        key=key,
    )

    assert (done.code, told["verdict"]) == (0, "PROMOTE"), done.err
    assert "gate `privacy`, profile `model`, stage `production`" in done.summary


def test_policies_that_were_approved_pass_as_the_shipped_ones(job: Path, key: str) -> None:
    """INV-RELAX-2: the input names the file, and another whose approval counts."""
    write(job, "promote", "metrics.json")
    (job / "own/limits/default").mkdir(parents=True)
    (job / "own/limits/default/data.yaml").write_text("checks:\n  slo.dec_p95_ms: {limit: 900}\n")
    script = (
        "engine policy build --policies own --out own.tar && engine keys init --key-file board.pem"
        " && engine policy sign own.tar --key-file board.pem"
    )
    assert bash(script, job, {"CI": "false"}).returncode == 0
    trust = "keys:\n  - {public_key_file: board.pub.pem, roles: [policy]}\n"
    (job / "approvers.yaml").write_text(trust)

    named = {"metrics": "metrics.json", "key": key, "policies": "own.tar"}
    done, told = act(job, **named, **{"policy-trust": "approvers.yaml"})

    assert (done.code, told["verdict"]) == (0, "PROMOTE"), done.err
    assert "**Policies approved by:**" in done.summary
    assert "policies_overridden" not in done.summary


def test_policies_that_are_there_and_that_nothing_names_are_refused(job: Path, key: str) -> None:
    """The shipped ones would decide, and nobody would notice."""
    (job / "policies/limits/default").mkdir(parents=True)
    limits = job / "policies/limits/default/data.yaml"
    limits.write_text("checks:\n  slo.dec_p95_ms: {limit: 1}\n")

    done, told = act(job, metrics="metrics.json", key=key)
    assert (done.code, told["verdict"], told["exit-code"]) == (2, "ERROR", "2")
    assert "policies: has policies that nothing names" in done.err + done.out

    (job / "engine.toml").write_text('policies = "policies"\n')
    done, told = act(job, metrics="metrics.json", key=key)
    assert (done.code, told["verdict"]) == (1, "BLOCK"), done.err


def test_several_files_are_several_lines(job: Path, key: str) -> None:
    write(job, "hold", "second one.json")

    done, told = act(job, metrics="metrics.json\nsecond one.json\n", key=key, proof="proofs")

    assert (done.code, told["verdict"], told["decision-id"]) == (5, "HOLD", "")
    assert len(list((job / "proofs").iterdir())) == 2


@pytest.mark.parametrize(
    "name",
    [
        *("metrics", "gate", "profile", "stage", "artifact", "policies", "policy-trust", "ledger"),
        "proof",
    ],
)
def test_no_input_is_run_as_a_command(job: Path, key: str, name: str) -> None:
    inputs = {"metrics": "metrics.json", "key": key}
    evil = "$(touch owned) `touch owned`; touch owned; \"'"

    done, _ = act(job, **{**inputs, name: evil})

    assert not (job / "owned").exists()
    assert done.code in (0, 2), done.err


def test_a_proof_cannot_name_outputs_of_its_own(job: Path, key: str) -> None:
    done, told = act(job, metrics="metrics.json", key=key, proof="a\nverdict=PROMOTE")

    assert (done.code, told["verdict"], told["exit-code"]) == (2, "ERROR", "2")


def test_what_is_no_new_file_is_no_proof(job: Path, key: str) -> None:
    """A name that ends in a slash is a folder's; standard output and a device keep nothing."""
    (job / "notes.md").write_text("notes")
    (job / "empty").mkdir()
    for proof in ("notes.md/", "notes.md/.", "notes.md/x", "new/", "empty", "-", "/dev/null"):
        for metrics in ("metrics.json", "metrics.json\nmetrics.json"):
            if metrics != "metrics.json" and proof in ("new/", "empty"):
                continue  # a folder is what several proofs need
            done, told = act(job, metrics=metrics, key=key, proof=proof)
            assert (done.code, told["proof"]) == (2, ""), (proof, done.out, done.err)
            assert (told["verdict"], told["exit-code"]) == ("ERROR", "2"), proof
    assert (job / "notes.md").read_text() == "notes"


def test_no_step_writes_over_the_proof_of_another(job: Path, key: str) -> None:
    """Nor is a proof that was there before an output of a step that decided nothing."""
    assert act(job, metrics="metrics.json", key=key)[1]["proof"] == "proof.json"
    kept = (job / "proof.json").read_bytes()

    done, told = act(job, metrics="metrics.json", key=key)

    assert (done.code, told["proof"], told["verdict"]) == (2, "", "ERROR")
    assert told["exit-code"] == "2"
    assert "proof.json is there already" in done.out
    assert (job / "proof.json").read_bytes() == kept
    done, told = act(job, metrics="missing.json\nnone.json", key=key, proof="proofs")
    assert (done.code, told["proof"]) == (2, "")


def test_an_empty_line_of_metrics_is_refused(job: Path, key: str) -> None:
    for metrics in ("metrics.json\n\nmetrics.json\n", "\nmetrics.json", "", "\n"):
        done, told = act(job, metrics=metrics, key=key)
        assert (done.code, told["verdict"], told["exit-code"]) == (2, "ERROR", "2"), metrics
        assert "metrics has an empty line" in done.out


def test_without_a_key_nothing_is_decided(job: Path) -> None:
    done, told = act(job, metrics="metrics.json")

    assert (done.code, told["proof"], told["verdict"]) == (2, "", "ERROR")
    assert "ENGINE_KEY" in done.out + done.err


def test_the_key_is_no_part_of_any_command(key: str) -> None:
    assert "inputs.key" not in DECIDE["run"]
    assert "GATE_KEY" in DECIDE["env"]
    assert key

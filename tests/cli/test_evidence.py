"""``engine evidence``, ``gather --sign``, and decisions on what was signed, as a person types.

INV-SIGNED-1 to 3.
"""

from __future__ import annotations

import hashlib
import json
import stat
from pathlib import Path

import pytest

import engine as library
from engine.model import Json
from tests.cli.conftest import Answer, Engine

RELEASED = b"what is released"
LIMITS = """relaxations_allowed: [policies_configured]
checks:
  slo.dec_rps: {signed_by: lab%s}
"""
TRUST = "keys:\n%s"
ROW = "  - {name: %s, public_key_file: %s.pub.pem, roles: [%s]%s}\n"


class Pipeline:
    """A folder with a key for each producer, and policies that ask for the lab's."""

    def __init__(self, engine: Engine, folder: Path) -> None:
        self.engine, self.folder = engine, folder
        for name in ("lab", "scanner", "stranger"):
            assert engine("keys", "init", "--key-file", f"{name}.pem").code == 0
        (folder / "model.bin").write_bytes(RELEASED)
        self.metrics: Json = json.loads(engine("example", "promote").out)
        self.metrics["subject"]["digest"] = {"sha256": hashlib.sha256(RELEASED).hexdigest()}
        self.write("metrics.json", self.metrics)
        (folder / "engine.toml").write_text('policies = "policies"\n')
        self.policies()

    def write(self, name: str, document: Json) -> None:
        (self.folder / name).write_text(json.dumps(document))

    def policies(self, row: str = "", lab: str = "", more: str = "") -> None:
        root = self.folder / "policies"
        for folder in ("limits/default", "trust"):
            (root / folder).mkdir(parents=True, exist_ok=True)
        for name in ("lab", "scanner"):
            key = (self.folder / f"{name}.pub.pem").read_bytes()
            (root / "trust" / f"{name}.pub.pem").write_bytes(key)
        (root / "limits/default/data.yaml").write_text(LIMITS % row)
        rows = ROW % ("lab", "lab", "lab", lab) + more
        (root / "trust/data.yaml").write_text(TRUST % rows)

    def sign(self, key: str = "lab", source: str = "metrics.json", out: str = "signed.json") -> str:
        done = self.engine("evidence", "sign", source, "--key-file", f"{key}.pem", "-o", out)
        assert done.code == 0, done
        return out

    def decide(self, *argv: str) -> Answer:
        return self.engine("decide", *argv, "--format", "json")

    def checked(self, *argv: str) -> tuple[int, str, Json]:
        """Exit code, verdict, and what is recorded of the check that asks."""
        done = self.decide(*argv)
        document = json.loads(done.out)
        (check,) = [row for row in document["checks"] if row["id"] == "slo.dec_rps"]
        return done.code, document["verdict"], check


@pytest.fixture
def pipeline(engine: Engine) -> Pipeline:
    return Pipeline(engine, Path.cwd())


def test_what_the_lab_signed_is_promoted_and_shown_by_the_proof(pipeline: Pipeline) -> None:
    code, verdict, check = pipeline.checked(pipeline.sign(), "--export", "proof.json")
    assert (code, verdict, check["status"], check["unsigned"]) == (0, "PROMOTE", "pass", False)
    assert [signer["roles"] for signer in check["signers"]] == [["lab"]]
    key = next((pipeline.folder / ".engine/keys").glob("*.pub.pem"))
    verified = pipeline.engine("verify", "proof.json", "--key", str(key), "--require", "PROMOTE")
    assert verified.code == 0, verified
    assert "signed by key" in " ".join(verified.out.split())
    assert pipeline.engine("ledger", "verify").code == 0
    assert pipeline.engine("replay").code == 0


def test_what_nobody_signed_is_held_with_the_reason(pipeline: Pipeline) -> None:
    code, verdict, check = pipeline.checked("metrics.json")
    assert (code, verdict, check["status"], check["unsigned"]) == (5, "HOLD", "unknown", True)
    assert check["passes_when"] == (
        "passes when a key of role 'lab' signed slo.dec_rps; now nobody signed it"
    )
    text = pipeline.engine("decide", "metrics.json").out
    assert "UNSIGNED slo.dec_rps" in text
    assert "engine evidence sign" in text.replace("\n", " ")


def test_what_a_stranger_signed_is_held(pipeline: Pipeline) -> None:
    code, verdict, check = pipeline.checked(pipeline.sign("stranger"))
    assert (code, verdict, check["unsigned"]) == (5, "HOLD", True)
    assert "may not by trust/data.yaml" in check["passes_when"]


def test_a_failure_that_nobody_signed_is_no_failure_and_no_pass(pipeline: Pipeline) -> None:
    pipeline.metrics["metrics"]["slo.dec_rps"] = 1
    pipeline.write("metrics.json", pipeline.metrics)
    assert pipeline.checked("metrics.json")[1] == "HOLD"
    assert pipeline.checked(pipeline.sign())[1] == "BLOCK"


def test_a_key_speaks_only_for_what_it_may(pipeline: Pipeline) -> None:
    pipeline.policies(lab=", metrics: [slo.dec_rps]")
    assert pipeline.checked(pipeline.sign())[1] == "PROMOTE"
    pipeline.policies(lab=", metrics: [slo.*]")
    assert pipeline.checked("signed.json")[1] == "PROMOTE"
    pipeline.policies(lab=", metrics: [ethics.*]", more=ROW % ("other", "scanner", "lab", ""))
    assert pipeline.checked("signed.json")[1] == "HOLD"


def test_two_producers_are_two_keys(pipeline: Pipeline) -> None:
    second = ROW % ("scanner", "scanner", "lab", "")
    pipeline.policies(row=", producers: 2", more=second)
    one, copy = pipeline.sign(), pipeline.sign(out="copy.json")
    assert pipeline.checked(one)[1] == "HOLD"
    assert pipeline.checked("--combine", one, copy)[1] == "HOLD"
    other = pipeline.sign("scanner", out="other.json")
    code, verdict, check = pipeline.checked("--combine", one, copy, other)
    assert (code, verdict, len(check["signers"])) == (0, "PROMOTE", 2)


def test_two_who_contradict_each_other_are_both_named(pipeline: Pipeline) -> None:
    one = pipeline.sign()
    pipeline.metrics["metrics"]["slo.dec_rps"] = 153
    pipeline.write("metrics.json", pipeline.metrics)
    done = pipeline.engine("decide", "--combine", one, pipeline.sign("scanner", out="other.json"))
    assert done.code == 2
    for name in ("signed.json", "other.json", "slo.dec_rps", "153", "154"):
        assert name in done.err


def test_a_changed_file_is_no_evidence(pipeline: Pipeline) -> None:
    file = pipeline.folder / pipeline.sign()
    file.write_text(file.read_text().replace('"sig":"', '"sig":"AAAA', 1))
    done = pipeline.engine("decide", "signed.json")
    assert (done.code, "Traceback" in done.err) == (2, False)


def test_evidence_about_another_artifact_is_refused(pipeline: Pipeline) -> None:
    (pipeline.folder / "other.bin").write_bytes(b"another")
    done = pipeline.engine("decide", pipeline.sign(), "--artifact", "other.bin")
    assert done.code == 2
    del pipeline.metrics["subject"]["digest"]
    pipeline.write("metrics.json", pipeline.metrics)
    done = pipeline.engine("decide", pipeline.sign(), "--artifact", "model.bin")
    assert done.code == 2
    assert "names no artifact" in done.err


def test_show_says_who_signed_and_for_what(pipeline: Pipeline) -> None:
    pipeline.policies(lab=", metrics: [slo.*]")
    done = pipeline.engine("evidence", "show", pipeline.sign())
    assert done.code == 0
    words = dict(line.split(maxsplit=1) for line in done.out.splitlines() if line.startswith("  "))
    assert (words["slo.dec_rps"], words["ethics.ece"]) == ("lab", "none")
    shown = json.loads(pipeline.engine("evidence", "show", "signed.json", "--format", "json").out)
    assert shown["metrics"]["slo.dec_rps"] == {"roles": ["lab"]}
    assert shown["tool"] == "governance-engine"
    assert all(len(line) <= 80 for line in done.out.splitlines())


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (("show", "metrics.json"), "is not signed"),
        (("sign", "signed.json", "--key-file", "lab.pem"), "is signed already"),
        (("sign", "missing.json", "--key-file", "lab.pem"), "no such file"),
        (("sign", "metrics.json", "--key-file", "none.pem"), "none.pem"),
        (("sign", "metrics.json", "--key-file", "lab.pem", "-o", "metrics.json"), "metrics.json"),
        (("sign", "metrics.json", "--key-file", "lab.pem", "--tool", ""), "--tool"),
        (("sign", "metrics.json", "--key-file", "lab.pem", "--tool", "a\x1b[2J"), "--tool"),
        (("sign", "nothing.json", "--key-file", "lab.pem"), "cannot be signed"),
        (("show", "signed.json", "-o", "x.json"), "for sign"),
    ],
)
def test_a_mistake_is_named_and_nothing_is_written(
    pipeline: Pipeline, argv: tuple[str, ...], words: str
) -> None:
    pipeline.sign()
    pipeline.write("nothing.json", {"metrics": 1})
    before = {file: file.read_bytes() for file in pipeline.folder.glob("*.json")}
    done = pipeline.engine("evidence", *argv)
    assert (done.code, words in done.err) == (2, True), done
    assert {file: file.read_bytes() for file in pipeline.folder.glob("*.json")} == before


def test_what_a_check_asks_for_is_explained(pipeline: Pipeline) -> None:
    pipeline.policies(row=", producers: 2", more=ROW % ("scanner", "scanner", "lab", ""))
    out = pipeline.engine("explain", "slo.dec_rps").out
    assert "signed by 2 keys of role lab" in " ".join(out.split())


def test_no_private_key_is_printed(pipeline: Pipeline) -> None:
    done = pipeline.engine("evidence", "sign", "metrics.json", "--key-file", "lab.pem")
    assert (done.code, "PRIVATE" in done.out + done.err) == (0, False)
    assert json.loads(done.out)["payloadType"] == "application/vnd.in-toto+json"
    assert stat.S_IMODE((pipeline.folder / "lab.pem").stat().st_mode) == 0o600


def test_gather_signs_what_it_measures(pipeline: Pipeline) -> None:
    (pipeline.folder / "gather.toml").write_text(
        '[subject]\nname = "m"\nartifact = "model.bin"\n[[source]]\nkind = "metrics"\n'
        'path = "plain.json"\n'
    )
    pipeline.write(
        "plain.json",
        {**pipeline.metrics, "subject": {"name": "m"}, "metrics": {"slo.dec_rps": 154}},
    )
    done = pipeline.engine(
        "gather", "gather.toml", "--sign", "--key-file", "lab.pem", "-o", "gathered.json"
    )
    assert done.code == 0, done
    shown = json.loads(pipeline.engine("evidence", "show", "gathered.json", "--format", "json").out)
    assert shown["metrics"] == {"slo.dec_rps": {"roles": ["lab"]}}
    assert shown["subject"]["digest"] == {"sha256": hashlib.sha256(RELEASED).hexdigest()}
    for argv in (("--key-file", "lab.pem"), ("--sign", "--now", "2026-01-01T00:00:00Z")):
        assert pipeline.engine("gather", "gather.toml", *argv).code == 2
    pipeline.sign(source="plain.json", out="plain.signed.json")
    (pipeline.folder / "plain.json").write_bytes(
        (pipeline.folder / "plain.signed.json").read_bytes()
    )
    merged = pipeline.engine("gather", "gather.toml")
    assert (merged.code, "--combine" in merged.err) == (2, True)


def test_the_library_takes_an_envelope(pipeline: Pipeline) -> None:
    envelope = json.loads((pipeline.folder / pipeline.sign()).read_text())
    decision = library.decide(envelope, policies="policies")
    (check,) = [row for row in decision.checks if row["id"] == "slo.dec_rps"]
    assert (check["status"], len(decision.signed_evidence)) == ("pass", 1)
    envelope["signatures"] = []
    with pytest.raises(library.GovernanceError):
        library.decide(envelope, policies="policies")


def test_a_batch_of_signed_files_is_judged_one_by_one(pipeline: Pipeline) -> None:
    (pipeline.folder / "all").mkdir()
    pipeline.sign(out="all/a.json")
    pipeline.sign("stranger", out="all/b.json")
    done = pipeline.engine("decide", "all", "--jobs", "2", "--format", "jsonl")
    verdicts = [json.loads(line).get("verdict") for line in done.out.splitlines()]
    assert verdicts[:2] == ["PROMOTE", "HOLD"]


def test_another_trust_list_flips_what_was_promoted(pipeline: Pipeline) -> None:
    assert pipeline.checked(pipeline.sign())[1] == "PROMOTE"
    pipeline.policies(lab=", metrics: [ethics.*]", more=ROW % ("other", "scanner", "lab", ""))
    done = pipeline.engine("replay", "--policies", "policies", "--fail-on-flip")
    assert (done.code, "slo.dec_rps" in done.out) == (1, True)


@pytest.mark.parametrize(
    ("row", "lab", "words"),
    [
        ("", ", metrics: [slo.dec_rsp]", "did you mean 'slo.dec_rps'"),
        ("", ", metrics: []", "at least one metric"),
        ("", ", metrics: [slo.*, slo.*]", "each named once"),
        (", producers: 2", "", "asks for 2 of role 'lab', and 1"),
        (", producers: 0", "", "producers"),
        (", producers: 17", "", "16 signed files"),
        ("", ", metrics: [ethics.*]", "and 0 of trust/data.yaml may speak"),
    ],
)
def test_a_mistake_of_the_author_is_named_at_its_line(
    pipeline: Pipeline, row: str, lab: str, words: str
) -> None:
    pipeline.policies(row=row, lab=lab)
    done = pipeline.engine("policy", "list")
    assert (done.code, words in done.err.replace("\n  ", " ")) == (2, True), done
    assert "data.yaml:" in done.err


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("roles: [lab]", "roles: [lap]", "lap"),
        ("roles: [lab]", "roles: [attestor], metrics: [slo.*]", "nobody speaks for metrics"),
        ("signed_by: lab", "signed_by: attestor", "nobody speaks for a metric as"),
        ("signed_by: lab", "signed_by: Lab", "signed_by"),
        ("slo.dec_rps: {signed_by: lab}",
         "ethics.attestation: {signed_by: lab, severity: block}", "rests on attestations"),
    ],
)  # fmt: skip
def test_a_word_that_means_nothing_there_is_refused(
    pipeline: Pipeline, old: str, new: str, words: str
) -> None:
    for file in ("limits/default/data.yaml", "trust/data.yaml"):
        path = pipeline.folder / "policies" / file
        path.write_text(path.read_text().replace(old, new))
    done = pipeline.engine("policy", "list")
    assert (done.code, words in done.err.replace("\n  ", " ")) == (2, True), done

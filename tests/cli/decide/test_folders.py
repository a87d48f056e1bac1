"""INV-INPUT-10: a record says what was looked at and left out in the folder of its evidence."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from engine.model import Json
from tests.cli.conftest import Engine

NAMES = ("hold.json", "promote.yaml", "service/block.json")
LEFT_OUT = [
    {"name": ".hidden.json", "reason": "hidden"},
    {"name": "again", "reason": "entered"},
    {"name": "notes.txt", "reason": "suffix"},
]
SHOWN = (
    "3 left out: .hidden.json (hidden), again (the same folder once more), "
    "notes.txt (another suffix)"
)


@pytest.fixture
def evidence(engine: Engine, tmp_path: Path) -> Path:
    """A folder with a BLOCK behind a link, and three entries that are not evidence."""
    for place in ("in", "elsewhere"):
        Path(place).mkdir()
    for name in NAMES:
        document = engine("example", Path(name).stem).out
        Path("in" if "/" not in name else "elsewhere", Path(name).name).write_text(document)
    Path("in/service").symlink_to("../elsewhere")
    Path("in/again").symlink_to("../in")
    Path("in/.hidden.json").write_text("{}")
    Path("in/notes.txt").write_text("")
    return tmp_path / "work"


def decided(answer: str) -> list[Json]:
    return [json.loads(line) for line in answer.splitlines()]


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_each_record_says_which_file_of_how_many_it_is_and_what_was_left_out(
    engine: Engine, evidence: Path, jobs: str
) -> None:
    answer = engine("decide", "in", "--format", "jsonl", "--jobs", jobs)
    digest = hashlib.sha256(b"".join(f"{name}\0".encode() for name in NAMES)).hexdigest()
    found = {
        "folders": 1,
        "files": 3,
        "names": {"sha256": digest},
        "left_out": {"count": 3, "first": LEFT_OUT},
    }
    documents = decided(answer.out)
    assert [document["file"] for document in documents] == [f"in/{name}" for name in NAMES]
    assert [document["evidence_files"] for document in documents] == [
        {**found, "file": number} for number in (1, 2, 3)
    ]
    assert "in: 3 not looked at: in/.hidden.json, in/again" in answer.err

    block = documents[2]["decision_id"]
    assert engine("export", block, "-o", "proof.json").code == 0
    (key,) = (evidence / ".engine/keys").glob("*.pub.pem")
    verified = engine("verify", "proof.json", "--key", str(key), "--format", "json").json
    assert verified["evidence_files"] == {**found, "file": 3}
    shown = f"3 files, of which this is number 3; {SHOWN}"
    assert shown in " ".join(engine("verify", "proof.json", "--key", str(key)).out.split())
    assert shown in " ".join(engine("explain", block, COLUMNS="500").out.split())
    assert engine("replay").code == engine("conform", ".engine/ledger.db").code == 0
    assert engine("ledger", "verify").code == 0


def test_a_decision_on_all_files_of_a_folder_names_none(engine: Engine, evidence: Path) -> None:
    whole = json.loads(Path("in/hold.json").read_text())
    part = {**whole, "metrics": {"x.more": 1}}
    Path("all").mkdir()
    Path("all/a.json").write_text(json.dumps(whole))
    Path("all/b.json").write_text(json.dumps(part))
    found = engine("decide", "--combine", "all", "--format", "json").json["evidence_files"]
    assert (found["files"], found["left_out"]) == (2, {"count": 0, "first": []})
    assert "file" not in found


def test_a_record_of_a_file_that_was_named_is_as_it_was(engine: Engine, evidence: Path) -> None:
    """spec/predicate-v2.md section 1: of version 1, whatever else is in the folder."""
    answer = engine("decide", "in/hold.json", "in/promote.yaml", "--format", "jsonl")
    assert all("evidence_files" not in document for document in decided(answer.out))
    listed = engine("ledger", "log", "--format", "json")
    assert "decision:v2" not in listed.out


def test_an_attestation_says_so_too(engine: Engine, evidence: Path) -> None:
    Path("one").mkdir()
    Path("one/a.json").write_text(Path("in/promote.yaml").read_text())
    Path("one/notes.txt").write_text("")
    attested = engine("attest", "ethics", "one", "--export", "proof.json", "--format", "json").json
    left_out = {"count": 1, "first": [{"name": "notes.txt", "reason": "suffix"}]}
    assert attested["type"].endswith(":v2")
    assert attested["evidence_files"]["left_out"] == left_out
    (key,) = (evidence / ".engine/keys").glob("*.pub.pem")
    verified = engine("verify", "proof.json", "--key", str(key), "--format", "json").json
    assert verified["evidence_files"] == attested["evidence_files"]

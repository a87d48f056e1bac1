"""INV-DOOR-5: no verb writes over what it reads, by whatever name; nothing is written at all."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from engine.errors import OutputError
from engine.model import Json
from engine.system.files import WholeFile
from tests.cli.conftest import Engine

GATHER = """\
[subject]
name = "shop"
artifact = "model.bin"
[[source]]
kind = "predictions"
path = "rows-*.csv"
label = "y"
score = "p"
"""


@pytest.mark.parametrize(
    "argv",
    [
        "gather gather.toml -o gather.toml",
        "gather gather.toml -o link.csv",
        "gather gather.toml -o model.bin",
        "gather gather.toml --report rows-1.csv",
        "gather gather.toml -o engine.toml",
        "gather gather.toml -o same --report own/../same",
        "gather gather.toml --policies own --report own/limits/own/data.yaml",
        "compat old.json new.json --metrics old.json --subject shop",
        "compat schemas new.json --metrics schemas/one.json --subject shop",
        "convert decision.json --output html=decision.json",
        "convert decision.json --output html=rows-1.csv --output markdown=./decision.json",
        "redact model.bin -o model.bin",
        "scan . --metrics model.bin --subject shop",
        "export {id} -o engine.toml",
        "decide good.json --export engine.toml",
        "decide good.json --output json=engine.toml",
        "decide good.json --export same.json --output json=./same.json",
        "decide good.json --export .engine/keys/engine.pub.pem",
        "decide good.json --policies own --export own/limits/own/data.yaml",
        "attest ethics good.json --export engine.toml",
        "attest ethics evidence --export evidence/good.json",
        "attest ethics good.json --artifact model.bin --export model.bin",
        "decide good.json --artifact absent.bin --export engine.toml",
        "convert decision.json --output html=same --output markdown=own/../same",
        "convert decision.json --output html=engine.toml",
        "convert decision.json --output html=.engine/heads/{ledger}.json",
        "export {id} -o .engine/heads/{ledger}.json",
        "export {id} -o .engine/ledger.db-wal",
        "ledger tables .engine/heads/new.db",
    ],
)
def test_an_output_in_the_place_of_an_input_is_refused(
    engine: Engine, example: Callable[[str], Json], argv: str
) -> None:
    Path("good.json").write_text(json.dumps(example("promote")))
    Path("engine.toml").write_text('profile = "default"\n')
    decided = engine("decide", "good.json", "--format", "json")
    Path("decision.json").write_text(decided.out)
    Path("schemas").mkdir()
    for name in ("old.json", "new.json", "schemas/one.json"):
        Path(name).write_text('{"type": "object"}')
    Path("gather.toml").write_text(GATHER)
    Path("model.bin").write_text("weights\n")
    Path("evidence").mkdir()
    Path("evidence/good.json").write_text(json.dumps(example("promote")))
    Path("own/limits/own").mkdir(parents=True)
    Path("own/limits/own/data.yaml").write_text("extends: default\nchecks: {}\n")
    Path("rows-1.csv").write_text("y,p\n1,0.5\n")
    Path("link.csv").symlink_to("rows-1.csv")
    (head,) = Path(".engine/heads").glob("*.json")
    before = contents()

    answer = engine(*argv.format(id=decided.json["decision_id"], ledger=head.stem).split())

    assert answer.code == 2
    assert "written" in answer.err
    assert contents() == before


@pytest.mark.parametrize(
    "argv",
    [
        "decide m.json --export {}",
        "decide m.json --output json={}",
        "decide m.json --format github",
        "attest ethics m.json --export {}",
        "convert decision.json --output html={}",
        "export 0193f2a0 -o {}",
        "gather gather.toml -o {}",
        "gather gather.toml --report {}",
        "scan . --metrics {} --subject shop",
        "compat old.json new.json --metrics {} --subject shop",
        "redact m.json -o {}",
        "verify proof.json --state {}",
        "ledger verify --state {}",
        "ledger compare a b -o {}",
        "ledger tables {}",
    ],
)
@pytest.mark.parametrize("target", ["notes.md/", "notes.md/.", "new/"])
def test_a_name_that_ends_in_a_slash_is_a_folders(engine: Engine, argv: str, target: str) -> None:
    """``Path`` drops the slash, and the file of that name would be written over."""
    Path("m.json").write_text(engine("example", "promote").out)
    Path("decision.json").write_text(engine("decide", "m.json", "--format", "json").out)
    Path("notes.md").write_text("notes")
    before = contents()

    answer = engine(*argv.format(target).split(), GITHUB_OUTPUT=target)

    assert answer.code == 2
    assert f"{target}: names a folder, and there is none" in answer.err
    assert "make the folder, or drop the slash" in answer.err
    assert contents() == before


def test_what_init_wrote_and_the_policies_are_not_written_over(
    engine: Engine, example: Callable[[str], Json]
) -> None:
    """Nor is a file put among the policies at which every later decision would stop."""
    Path("m.json").write_text(json.dumps(example("promote")))
    assert engine("init", "m.json", "--yes").code == 0
    Path("policies/notes").mkdir()
    decided = engine("decide", "m.json", "--format", "json")
    Path("decision.json").write_text(decided.out)
    before = contents()
    calls = (
        "decide m.json --export {}", "decide m.json --output json={}",
        "attest ethics m.json --export {}", f"export {decided.json['decision_id']} -o {{}}",
        "convert decision.json --output html={}", "redact m.json -o {}",
        "scan m.json --metrics {} --subject shop",
    )  # fmt: skip
    for target in (
        "verify.toml", "engine.pub.pem", "policies/new.yaml", "policies/notes/data.yaml",
        "policies/own.rego", "policies/notes/../new.JSON",
    ):  # fmt: skip
        for call in calls:
            answer = engine(*call.format(target).split())
            assert (answer.code, target in answer.err) == (2, True), (call, target, answer.err)
            assert "written" in answer.err
            assert contents() == before
    assert engine("decide", "m.json", "--output", "html=policies/notes/page.html").code == 0


@pytest.mark.parametrize("name", ["GITHUB_STEP_SUMMARY", "GITHUB_OUTPUT"])
def test_a_file_of_github_in_the_place_of_another_is_not_appended_to(
    engine: Engine, example: Callable[[str], Json], name: str
) -> None:
    Path("good.json").write_text(json.dumps(example("promote")))
    Path("engine.toml").write_text('profile = "default"\n')
    engine("decide", "good.json", "--output", "json=d.json")
    (head,) = Path(".engine/heads").glob("*.json")
    before = contents()

    for place in (
        ".engine/keys/engine.pem", ".engine/keys/engine.pub.pem", ".engine/ledger.db", str(head),
        ".engine/ledger.db.lock", "engine.toml", "good.json", "other.json", "proof.json",
    ):  # fmt: skip
        given = {name: place}
        answer = engine(
            "decide", "good.json", "--format", "github", "--output", "json=other.json",
            "--export", "proof.json", **given,
        )  # fmt: skip
        assert (answer.code, "written" in answer.err) == (2, True), (place, answer.err)
        assert place in answer.err
        assert contents() == before
    for place in (".engine/keys/engine.pem", "engine.toml", "d.json"):
        answer = engine("convert", "d.json", "--format", "github", GITHUB_STEP_SUMMARY=place)
        assert answer.code == 2
        assert contents() == before


def contents() -> dict[str, bytes]:
    """Every file below the working folder."""
    return {str(file): file.read_bytes() for file in Path().rglob("*") if file.is_file()}


class FullDisk:
    """A disk on which the files of some names get no room, at the end or at once."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, names: set[str], at: str) -> None:
        real = getattr(WholeFile, at)

        def method(file: WholeFile, *content: bytes) -> None:
            if file._path.name in names:
                file.drop()
                raise OutputError(f"{file._path}: no space left on device")
            real(file, *content)

        monkeypatch.setattr(WholeFile, at, method)


@pytest.mark.parametrize("at", ["write", "keep"])
@pytest.mark.parametrize(
    ("full", "written"),
    [
        ({"a.json"}, {"b.xml", "p.json"}),
        ({"b.xml"}, {"a.json", "p.json"}),
        ({"p.json"}, {"a.json", "b.xml"}),
        ({"a.json", "b.xml", "p.json"}, set()),
    ],
)
def test_what_is_recorded_is_written_wherever_it_can_be(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, at: str, full: set[str], written: set[str]
) -> None:
    """INV-LEDGER-1: an output that fails after the commit is no failure to decide."""
    Path("m.json").write_text(engine("example", "promote").out)
    FullDisk(monkeypatch, full, at)

    outputs = ("--output=json=a.json", "--output=junit=b.xml", "--export=p.json")
    answer = engine("decide", "m.json", *outputs)

    assert answer.code == 3
    assert "✓ PROMOTE  scoring-model 2.4.1, in force" in answer.out
    assert "  29 blocking checks passed\n" in answer.out
    (entry,) = [line for line in engine("ledger", "log").out.splitlines() if "PROMOTE" in line]
    first, _hint = answer.err.splitlines()[-2:]
    failed = "; ".join(f"{name}: no space left on device" for name in sorted(full))
    recorded, _, reasons = first.partition("; ")
    assert recorded.removeprefix("engine: recorded as ") in entry
    assert sorted(reasons.split("; ")) == sorted(failed.split("; "))
    assert {path.name for path in Path().iterdir()} & {"a.json", "b.xml", "p.json"} == written


def test_of_several_decisions_the_count_and_the_last_are_said(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("in").mkdir()
    for name in ("a", "b", "c"):
        Path(f"in/{name}.json").write_text(engine("example", "promote").out)
    FullDisk(monkeypatch, {"all.json"}, "keep")

    answer = engine("decide", "in", "--output=json=all.json")

    assert answer.code == 3
    assert "engine: 3 decisions are recorded, the last as 0" in answer.err
    assert "; all.json: no space left on device\n" in answer.err

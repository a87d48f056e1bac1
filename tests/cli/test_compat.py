from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from engine.model import Json
from tests.cli.conftest import Engine

OLD: Json = {
    "type": "object",
    "required": ["id", "name"],
    "properties": {"id": {"type": "integer"}, "name": {"type": "string"}},
}
NEW: Json = {
    "type": "object",
    "required": ["id"],
    "properties": {"id": {"type": "number"}, "name": {"type": "string"}},
}
ODD: Json = {**OLD, "nullable": True}


def write(name: str, schema: Json) -> None:
    Path(name).parent.mkdir(parents=True, exist_ok=True)
    Path(name).write_text(json.dumps(schema))


@pytest.fixture
def files(engine: Engine) -> Engine:
    write("old.json", OLD)
    write("new.json", NEW)
    write("odd.json", ODD)
    write("v1/a/user.json", OLD)
    write("v1/shop.json", {"$ref": "a/user.json"})
    write("v2/a/user.json", NEW)
    write("v2/shop.json", {"$ref": "a/user.json"})
    write("v2/added.json", {})
    return engine


def test_a_break_says_rule_place_and_an_instance(files: Engine) -> None:
    answer = files("compat", "old.json", "new.json")
    assert (answer.code, answer.err) == (1, "")
    assert sorted(answer.out.splitlines()) == sorted(
        [
            "output: old.json: /required: required: 'name' may be missing",
            '  such as {"id": 0}',
            "output: old.json: /properties/id/type: type: number is not allowed",
            '  such as {"id": 0.5}',
            "incompatible (output): 1 schema, 2 columns differ",
        ]
    )


def test_the_other_direction_is_compatible(files: Engine) -> None:
    """INV-DATA-3."""
    answer = files("compat", "old.json", "new.json", "--direction", "input")
    assert (answer.code, answer.out.splitlines()[0].split(":")[0]) == (0, "compatible (input)")
    assert files("compat", "old.json", "new.json", "--direction", "both").code == 1


def test_an_unknown_keyword_is_undecided(files: Engine) -> None:
    """INV-DATA-3."""
    answer = files("compat", "odd.json", "odd.json", "--metrics", "m.json", "--subject", "x")
    assert answer.code == 5
    assert "odd.json: /nullable: undecided: unknown keyword 'nullable'" in answer.out
    metrics = json.loads(Path("m.json").read_text())["metrics"]
    assert metrics["data.schema_compatible"]["value"] is None
    assert metrics["data.schema_compatible"]["status"] == "undefined"
    assert files("compat", "odd.json", "odd.json", "--annotation", "nullable").code == 0


def test_folders_are_compared_file_by_file(files: Engine) -> None:
    answer = files("compat", "v1", "v2", "--format", "json")
    document = answer.json
    assert answer.code == 1
    assert (document["verdict"], document["documents"]) == ("incompatible", 2)
    assert {(finding["document"], finding["rule"]) for finding in document["findings"]} == {
        ("a/user.json", "required"),
        ("a/user.json", "type"),
    }
    assert all(finding["has_witness"] for finding in document["findings"])
    Path("v2/shop.json").unlink()
    assert "document: the schema is gone" in files("compat", "v1", "v2").out


def git(*arguments: str) -> None:
    settings = ("-c", "user.name=t", "-c", "user.email=t@t.test", "-c", "commit.gpgsign=false")
    subprocess.run(["git", *settings, *arguments], check=True, capture_output=True)


def test_revisions_of_a_repository_are_compared(files: Engine) -> None:
    git("init", "-q")
    git("add", "v1")
    git("commit", "-qm", "one")
    git("tag", "-a", "v1.0", "-m", "one")
    write("v1/a/user.json", NEW)
    git("commit", "-qam", "two")
    git("mv", "v1/a/user.json", "v1/a/with space.json")
    assert files("compat", "v1.0:v1", "HEAD:v1").code == 1
    assert files("compat", "HEAD~1:v1", "HEAD:v1", "--direction", "input").code == 0
    assert files("compat", "HEAD~1:v1/a/user.json", "new.json").code == 1
    assert files("compat", "HEAD:v1/a/user.json", "new.json").code == 0
    assert files("compat", "HEAD:", "HEAD:.").code == 0


@pytest.mark.parametrize(
    "name",
    [
        "--output=x:v1",
        "-h:v1",
        "HEAD;touch x:v1",
        "$(touch x):v1",
        "HEAD..v1.0:v1",
        "HEAD:../v1",
        "HEAD:/etc",
        "HEAD:--all",
        "nowhere:v1",
        "HEAD:nothing",
        ":v1",
        "HEAD --all:v1",
    ],
)
def test_no_revision_is_taken_for_an_option_or_a_command(files: Engine, name: str) -> None:
    git("init", "-q")
    git("add", "v1")
    git("commit", "-qm", "one")
    before = sorted(Path().iterdir())
    answer = files("compat", "--", name, "v1")
    assert answer.code == 2
    assert answer.out == ""
    assert sorted(Path().iterdir()) == before


@pytest.mark.parametrize(
    ("argv", "says"),
    [
        (["compat", "old.json"], "arguments are required: NEW"),
        (["compat", "old.json", "nope.json"], "nope.json: no such file or folder"),
        (["compat", "old.json", "v1"], "one is a file, the other a folder"),
        (["compat", "bad.json", "old.json"], "bad.json:1:9"),
        (["compat", "twice.json", "old.json"], "given twice"),
        (["compat", "type.json", "old.json"], "type.json: /type"),
        (["compat", "list.json", "old.json"], "list.json: no JSON Schema"),
        (["compat", "empty", "v1"], "no *.json in this folder"),
        (["compat", "HEAD:v1", "v1"], "HEAD:v1: "),
        (["compat", "old.json", "new.json", "--direction", "outputs"], "outputs"),
        (["compat", "old.json", "new.json", "--metrics", "m"], "--metrics without --subject"),
    ],
)
def test_mistakes_are_named(files: Engine, argv: list[str], says: str) -> None:
    Path("empty").mkdir()
    Path("bad.json").write_text('{"a": 1,}')
    Path("twice.json").write_text('{"type": "string", "type": "null"}')
    Path("type.json").write_text('{"type": "strin"}')
    Path("list.json").write_text("[1]")
    answer = files(*argv)
    assert answer.code == 2
    assert says in answer.err
    assert len(answer.err.splitlines()) > 1


def test_gather_measures_the_same(files: Engine) -> None:
    config = 'subject = {{name = "shop"}}\n[[source]]\nkind = "schemas"\nold = "v1"\nnew = "v2"\n{}'
    Path("g.toml").write_text(config.format('direction = "output"\n'))
    answer = files("gather", "g.toml", "-o", "m.json")
    assert answer.code == 0
    assert "output: a/user.json/required: 'name' may be missing" in answer.err
    metrics = json.loads(Path("m.json").read_text())["metrics"]
    assert metrics["data.schema_compatible"]["value"] is False
    assert metrics["data.schema_changes"]["value"] == 4
    assert "data.schema_drift" not in metrics  # of data, which was not looked at
    Path("g.toml").write_text(config.format('direction = "outputs"\n'))
    answer = files("gather", "g.toml")
    assert (answer.code, "did you mean 'output'?" in answer.err) == (2, True)
    Path("g.toml").write_text(config.format('direction = "input"\n').replace("v2", "v3"))
    assert "v3: no such file or folder" in files("gather", "g.toml").err


@pytest.mark.parametrize("folder", ["schemas", ".schemas", "v1.2"])
@pytest.mark.parametrize("target", ["b.json", "real"])
def test_a_link_in_a_revision_is_refused(engine: Engine, folder: str, target: str) -> None:
    """On disk it would be followed: left out in silence, the two sides would not be the same."""
    top = Path(folder)
    (top / "real").mkdir(parents=True)
    for name in ("b.json", "real/c.json"):
        (top / name).write_text("{}")
    (top / ("a.json" if target == "b.json" else "linked")).symlink_to(target)
    git("init", "-q")
    git("add", folder)
    git("commit", "-qm", "one")

    answer = engine("compat", f"HEAD:{folder}", folder)

    assert (answer.code, f"HEAD:{folder}: {folder}/" in answer.err) == (2, True)
    assert " is a link\n" in answer.err


def both(engine: Engine, one: str, other: str, *arguments: str) -> list[int]:
    """Exit codes with the one as old, and with the other."""
    return [
        engine("compat", old, new, *arguments).code for old, new in ((one, other), (other, one))
    ]


def test_a_number_of_64_bits_is_read_exactly(engine: Engine) -> None:
    """A double holds neither bound."""
    for name, most in (("whole", 2**63 - 1), ("less", 2**63 - 2), ("other", 2**64 - 1)):
        write(f"{name}.json", {"type": "integer", "minimum": -(2**63), "maximum": most})
    assert engine("compat", "whole.json", "whole.json").code == 0
    assert both(engine, "whole.json", "less.json") == [0, 1]
    assert "such as 9223372036854775807\n" in engine("compat", "less.json", "whole.json").out
    assert both(engine, "other.json", "whole.json") == [0, 1]


def test_a_fraction_that_no_double_holds_is_read_and_shown_exactly(engine: Engine) -> None:
    digits = "0.12345678901234567890123"
    Path("a.json").write_text(f'{{"enum": [{digits}]}}')
    Path("b.json").write_text(f'{{"enum": [{digits}4]}}')
    assert engine("compat", "a.json", "a.json").code == 0
    answer = engine("compat", "a.json", "b.json", "--format", "json")
    assert (answer.code, f'"witness": {digits}4\n' in answer.out) == (1, True)
    Path("c.json").write_text('{"maximum": 1e-401}')
    assert "/maximum" in (refused := engine("compat", "c.json", "c.json")).err
    assert (refused.code, "more than 400 digits" in refused.err) == (2, True)


@pytest.mark.parametrize(
    "pattern", ["^\\p{L}+$", "\\p{Script=Greek}", "(?<!a)b", "(a)\\1", "\\Z", "("]
)
def test_a_pattern_of_another_language_is_never_a_mistake_of_usage(
    engine: Engine, pattern: str
) -> None:
    write("p.json", {"type": "string", "pattern": pattern})
    write("q.json", {"type": "string", "pattern": "^[a-z]$"})
    assert engine("compat", "p.json", "p.json").code == 0
    answer = engine("compat", "q.json", "p.json")
    assert answer.code in (1, 5)
    assert "/pattern" in answer.out


TUPLE: Json = {"type": "array", "items": [{"type": "string"}]}


def test_a_schema_without_a_draft_is_of_the_newest_that_has_its_keywords(engine: Engine) -> None:
    write("tuple.json", TUPLE)
    write("closed.json", {**TUPLE, "additionalItems": False})
    answer = engine("compat", "tuple.json", "closed.json")
    assert answer.code == 0
    assert "tuple.json: no $schema; read as draft 2019-09" in answer.err
    assert both(engine, "tuple.json", "closed.json", "--draft", "7") == [0, 1]
    answer = engine("compat", "tuple.json", "tuple.json", "--draft", "2020-12")
    assert (answer.code, "--draft 7" in answer.err) == (2, True)
    assert engine("compat", "tuple.json", "tuple.json", "--draft", "5").code == 2


def test_a_draft_decides_what_stands_beside_a_reference(engine: Engine) -> None:
    wide: Json = {"definitions": {"t": {"type": "string"}}, "$ref": "#/definitions/t"}
    write("wide.json", wide)
    write("narrow.json", {**wide, "minLength": 2})
    assert both(engine, "wide.json", "narrow.json") == [0, 1]
    assert both(engine, "wide.json", "narrow.json", "--draft", "7") == [0, 0]
    write(
        "says.json", {**wide, "minLength": 2, "$schema": "http://json-schema.org/draft-07/schema#"}
    )
    assert both(engine, "wide.json", "says.json") == [0, 0]


METRICS = ("--metrics", "m.json", "--subject", "s")


def test_a_change_of_schema_is_no_drift_of_data(engine: Engine) -> None:
    """INV-DATA-5. A compatible change is promoted: how data differs is another's to say."""
    properties: Json = {"a": {"type": "string"}, "b": {"type": "integer"}}
    write("old.json", {"type": "object", "properties": properties, "required": ["a"]})
    wider = {**properties, "c": {"type": "number"}}
    write("new.json", {"type": "object", "properties": wider, "required": ["a", "c"]})
    assert engine("compat", "old.json", "new.json", *METRICS).code == 0
    metrics = json.loads(Path("m.json").read_text())["metrics"]
    assert {name: metric["value"] for name, metric in metrics.items()} == {
        "data.schema_compatible": True, "data.schema_changes": 1,
    }  # fmt: skip
    explained = engine("explain", "data.schema_drift").out
    assert "engine gather and a source of kind drift" in " ".join(explained.split())

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
    assert metrics["data.schema_drift"]["value"] == 4
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

"""A TOML table read strictly: by name and type, with the line of what is wrong."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import pytest

from engine.errors import ConfigError
from engine.evidence.gather import subject_of
from engine.settings.table import Table

TEXT = """\
name = "x"
[[source]]
kind = "a"
# kind = "comment"
inner = {kind = 1, deep = {flag = true}}

[[source]]
size = 3
[source.sub]
share = 0.5
"""


def top() -> Table:
    return Table("g.toml", TEXT, tomllib.loads(TEXT))


def sources() -> list[Table]:
    return top().tables("source")


def test_every_table_knows_its_line() -> None:
    first, second = sources()
    assert (first.line, second.line) == (2, 7)
    assert str(first.refused("kind", "no")).startswith("g.toml:3: key 'kind': no")
    inner = first.table("inner")
    assert str(inner.refused("kind", "no")).startswith("g.toml:5: key 'inner.kind': no")
    assert str(second.refused("kind", "no")).startswith("g.toml:7: ")
    assert str(second.table("sub").refused("share", "no")).startswith("g.toml:10: key 'sub.share'")


def test_values_are_read_by_type() -> None:
    first, second = sources()
    assert second.whole("size") == 3
    assert second.table("sub").number("share", least=0, most=1) == 0.5
    assert first.table("inner").table("deep").flag("flag") is True
    assert first.texts("kind") == ("a",)
    assert first.text("absent", "default") == "default"
    for refuse in (
        lambda: first.whole("kind"),
        lambda: second.text("size"),
        lambda: second.flag("size"),
        lambda: second.table("size"),
        lambda: second.whole("size", most=2),
        lambda: second.number("size", least=4, most=5),
        lambda: second.time("size"),
        lambda: first.choice("kind", ("b", "c")),
        lambda: top().tables("name"),
    ):
        with pytest.raises(ConfigError, match=r"g\.toml:\d+: key "):
            refuse()


def test_a_subject_has_a_name_that_is_seen_whole() -> None:
    """As in evidence: a name of another door would print as that of another subject."""
    assert subject_of(top(), Path()) == {"name": "x"}
    for key in ("name", "version"):
        members = {"name": "x", key: "a\u200bb"}
        text = "".join(f"{name} = {json.dumps(value)}\n" for name, value in members.items())
        with pytest.raises(ConfigError, match=rf"key '{key}': 'a\\u200bb' has a character that is"):
            subject_of(Table("g.toml", text, members), Path())


def test_what_nobody_asked_for_is_refused_inside_too() -> None:
    first, _ = sources()
    first.text("kind")
    inner = first.table("inner")
    inner.whole("kind")
    with pytest.raises(ConfigError, match=r"g\.toml:5: key 'inner\.deep'"):
        first.finish()
    inner.table("deep").flag("flag")
    first.finish()


def test_a_file_a_folder_and_a_glob(tmp_path: Path) -> None:
    for name in ("b.csv", "a.csv", "c.txt", ".hidden.csv", "_SUCCESS", "d/e.csv"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()

    def found(*names: str) -> list[str]:
        paths = Table("g", "", {"path": list(names)}).paths(tmp_path, "path", (".csv",))
        return [path.relative_to(tmp_path).as_posix() for path in paths]

    assert found("a.csv") == ["a.csv"]
    assert found(".") == ["a.csv", "b.csv", "d/e.csv"]
    assert found("*.csv") == ["a.csv", "b.csv"]
    assert found("**/e.csv", "c.txt") == ["c.txt", "d/e.csv"]
    assert found(str(tmp_path / "a.csv")) == ["a.csv"]
    for nothing in ("x.csv", "*.parquet", "x/y.csv"):
        with pytest.raises(ConfigError, match="no file"):
            found(nothing)

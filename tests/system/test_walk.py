from __future__ import annotations

import os
from functools import partial
from pathlib import Path

import pytest

from engine.errors import UsageError
from engine.system import walk
from engine.system.walk import FilesBelow, LeftOut, files_below, has_suffix, remarks

is_json = partial(has_suffix, suffixes=(".json",))


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def made(*names: str) -> None:
    for name in names:
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_text("")


@pytest.mark.parametrize(
    ("folder", "prefix"),
    [("in", "in/"), ("in/", "in/"), ("./in", "in/"), ("in/../in", "in/../in/"), (".", "in/")],
)
def test_files_are_named_as_the_folder_was(folder: str, prefix: str) -> None:
    made("in/b.json", "in/a.JSON", "in/sub/c.json", "in/notes.txt", "in/.hidden", "in/.git/d.json")

    found = files_below(folder, is_json)

    assert found.files == tuple(prefix + name for name in ("a.JSON", "b.json", "sub/c.json"))
    assert [path for path, _ in found.left_out] == [
        prefix + name for name in (".git", ".hidden", "notes.txt")
    ]


def test_what_is_wanted_is_chosen_by_the_path_below_the_folder() -> None:
    made("deep/in/a", "deep/in/sub/b")
    seen: list[str] = []

    def wanted(path: str) -> bool:
        seen.append(path)
        return True

    files_below("deep/in", wanted)
    files_below(Path("deep/in").resolve(), wanted)

    assert sorted(seen) == ["a", "a", "sub/b", "sub/b"]


def test_hidden_files_count_where_they_are_asked_for() -> None:
    made("in/.hidden/.x.json")

    assert files_below("in", hidden=True).files == ("in/.hidden/.x.json",)
    assert files_below("in") == FilesBelow((), (LeftOut("in/.hidden"),), folders=("in",))


def test_links_to_files_and_to_folders_are_followed() -> None:
    """As a Kubernetes ConfigMap mounts its keys: through a hidden folder that is replaced whole."""
    made("in/..2026_11_30/a.json", "real/b.json")
    Path("in/..data").symlink_to("..2026_11_30")
    Path("in/a.json").symlink_to("..data/a.json")
    Path("in/linked").symlink_to("../real")
    Path("in/gone.json").symlink_to("nowhere.json")

    found = files_below("in", is_json)

    assert found.files == ("in/a.json", "in/gone.json", "in/linked/b.json")
    assert files_below("in/linked", is_json).files == ("in/linked/b.json",)


def test_a_folder_is_entered_once_under_its_own_name() -> None:
    made("in/zoo/a.json", "in/zoo/sub/b.json")
    Path("in/again").symlink_to("zoo")
    Path("in/zoo/sub/up").symlink_to("../..")

    found = files_below("in", is_json)

    assert found.files == ("in/zoo/a.json", "in/zoo/sub/b.json")
    assert found.left_out == (LeftOut("in/again", "in/zoo"), LeftOut("in/zoo/sub/up", "in"))


def test_links_that_multiply_end() -> None:
    """Two links to the next of 40 folders are 2**40 paths."""
    for number in range(40):
        made(f"in/{number}/x.json")
        for name in "ab" if number else "":
            Path(f"in/{number - 1}/{name}").symlink_to(f"../{number}")

    assert len(files_below("in", is_json).files) == 40
    assert len(files_below("in/0", is_json).files) == 40


def test_a_link_to_what_another_user_owns_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    made("in/a.json", "other/b.json")
    Path("in/linked").symlink_to("../other")
    os.chown("other", 4711, 4711)
    with pytest.raises(UsageError, match="in/linked: leads to what another user owns"):
        files_below("in")

    os.chown("in", 4711, 4711)
    assert files_below("in").files == ("in/a.json", "in/linked/b.json"), "of who owns the folder"


def test_a_folder_that_cannot_be_read_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    made("in/sub/a.json")
    real = os.scandir

    def refusing(path: str) -> object:
        if path.endswith("sub"):
            raise PermissionError(13, "Permission denied", path)
        return real(path)

    monkeypatch.setattr(os, "scandir", refusing)
    with pytest.raises(UsageError, match="in/sub: permission denied"):
        files_below("in")
    with pytest.raises(UsageError, match="absent: no such file"):
        files_below("absent")


def test_a_link_that_leads_nowhere_readable_is_named() -> None:
    made("in/a.json")
    Path("in/loop").symlink_to("loop")

    with pytest.raises(UsageError, match="in/loop: too many levels of symbolic links"):
        files_below("in", is_json)


def test_too_many_entries_are_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    made(*(f"in/{number}" for number in range(4)))
    monkeypatch.setattr(walk, "MOST_ENTRIES", 3)

    with pytest.raises(UsageError, match="more than 3 entries"):
        files_below("in")


def test_what_was_left_out_is_counted_and_its_first_are_named() -> None:
    assert remarks("in", (LeftOut("a"), LeftOut("b", "c"))) == [
        "in: 2 not looked at: a, b (the folder c once more)"
    ]
    assert remarks("in", tuple(map(LeftOut, "abcde"))) == ["in: 5 not looked at: a, b, c, …"]
    assert remarks("in", ()) == []

from __future__ import annotations

import hashlib
import io
import os
from pathlib import Path

import pytest

from engine.evidence.documents import expand
from engine.evidence.folders import FolderFile, ReadFolder, evidence_files
from engine.model import Json
from engine.system.walk import FilesBelow, LeftOut


def folder(*files: str, left_out: tuple[LeftOut, ...] = (), top: str = "in") -> ReadFolder:
    return ReadFolder.of(FilesBelow(files, left_out, folders=(top,)))


def digest(*names: bytes) -> str:
    return hashlib.sha256(b"".join(name + b"\0" for name in names)).hexdigest()


def test_a_file_says_which_of_how_many_it_is_and_what_was_left_out() -> None:
    """INV-INPUT-10."""
    left_out = (LeftOut("in/.env"), LeftOut("in/again", "in"), LeftOut("in/sub/notes.txt"))
    read = folder("in/a.json", "in/sub/b.json", left_out=left_out)

    assert evidence_files([FolderFile(read, 2)]) == {
        "folders": 1,
        "files": 2,
        "file": 2,
        "names": {"sha256": digest(b"a.json", b"sub/b.json")},
        "left_out": {
            "count": 3,
            "first": [
                {"name": ".env", "reason": "hidden"},
                {"name": "again", "reason": "entered"},
                {"name": "sub/notes.txt", "reason": "suffix"},
            ],
        },
    }


def test_files_that_are_decided_on_together_are_those_of_all_their_folders() -> None:
    one = folder("in/a.json", "in/b.json", left_out=(LeftOut("in/x"),))
    other = folder("c.json", left_out=tuple(LeftOut(f"{n}.txt") for n in range(9)), top=".")
    found = evidence_files([FolderFile(one, 1), FolderFile(one, 2), None, FolderFile(other, 1)])
    assert (found["folders"], found["files"]) == (2, 3)
    assert "file" not in found
    assert found["names"] == {"sha256": digest(b"a.json", b"b.json", b"c.json")}
    assert found["left_out"]["count"] == 10
    assert [row["name"] for row in found["left_out"]["first"]] == [
        "x",
        *(f"{n}.txt" for n in range(7)),
    ]


@pytest.mark.parametrize(
    ("name", "recorded"),
    [
        ("a" * 128, "a" * 128),
        ("a" * 129, "a" * 127 + "…"),
        (os.fsdecode(b"\xff.txt"), "\\udcff.txt"),
        ("caf\u00e9.txt", "caf\u00e9.txt"),
    ],
)
def test_a_name_is_recorded_as_a_statement_can_hold_it(name: str, recorded: str) -> None:
    found = evidence_files([FolderFile(folder("in/a.json", left_out=(LeftOut(f"in/{name}"),)), 1)])
    assert found["left_out"]["first"][0]["name"] == recorded


def test_names_that_are_no_utf_8_are_digested_as_they_are() -> None:
    read = folder(f"in/{os.fsdecode(bytes([0xFF]))}.json")
    assert evidence_files([FolderFile(read, 1)])["names"] == {"sha256": digest(b"\xff.json")}


def test_evidence_of_no_folder_says_nothing() -> None:
    nothing: Json = None
    assert evidence_files([None, None]) is nothing


def test_a_file_is_of_the_first_folder_in_which_it_was_found(tmp_path: Path) -> None:
    """What the caller named alone and a folder holds, too, was found in it."""
    for name in ("sub/a.json", "b.json", "alone.json"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("{}")
    (tmp_path / "sub" / "again").symlink_to("..")
    files = expand([f"{tmp_path}/sub", f"{tmp_path}/sub/a.json"], print)
    assert files.names[0] == f"{tmp_path}/sub/a.json"
    found = files.read(f"{tmp_path}/sub/a.json", stdin=io.BytesIO()).found
    assert found is not None
    assert (found.place, found.folder.files) == (1, 3)

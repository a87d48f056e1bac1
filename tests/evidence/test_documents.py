from __future__ import annotations

import io
import os
from pathlib import Path

import pytest

from engine.errors import DocumentError, UsageError
from engine.evidence import documents
from engine.evidence.documents import expand, parse, read
from engine.system import reading

NOTHING = io.BytesIO()


def test_a_value_knows_its_place_in_json_and_yaml() -> None:
    json = parse("m.json", b'{\n  "metrics": {"a.b": 1,\n   "c.d": 2}\n}')
    yaml = parse("m.yaml", b"metrics:\n  a.b: 1\n  c.d: 2\n")
    assert str(json.position("/metrics/c.d")) == "m.json:3:11: /metrics/c.d"
    assert str(yaml.position("/metrics/c.d")) == "m.yaml:3:8: /metrics/c.d"


def test_a_text_is_decoded_once_however_many_places_are_asked_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    metrics = ",\n".join(f'"x.m{number}": {number}' for number in range(50))
    document = parse("m.json", f'{{"metrics": {{\n{metrics}}}}}'.encode())
    decoded: list[bytes] = []

    def decode(data: bytes) -> str:
        decoded.append(data)
        return data.decode()

    monkeypatch.setattr(documents, "decode", decode)

    places = [document.position(f"/metrics/x.m{number}") for number in range(50)]

    assert [place.line for place in places] == list(range(2, 52))
    assert {place.column for place in places} == {9, 10}
    assert decoded == [document.data]


def test_a_missing_value_is_placed_at_its_parent() -> None:
    document = parse("m.json", b'{"metrics": {}}')
    assert str(document.position("/metrics/a.b/value")) == "m.json:1:13: /metrics/a.b/value"


def test_standard_input_may_be_either() -> None:
    assert parse("-", b' {"a": 1}').value == {"a": 1}
    assert parse("-", b"a: 1\n").value == {"a": 1}


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("empty.json", b"", "the document is empty"),
        ("blank.yaml", b"\n \n", "the document is empty"),
        ("gzip.json", b"\x1f\x8b\x08\x00\x00", "is not UTF-8"),
        ("cut.json", b'{"a": ', "ends here, before it is complete"),
        ("bom.json", b"\xef\xbb\xbf{}", "byte order mark"),
    ],
)
def test_a_file_that_is_no_document_is_refused(
    tmp_path: Path, name: str, content: bytes, reason: str
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DocumentError, match=reason) as refused:
        read(str(tmp_path / name), stdin=NOTHING)
    assert name in str(refused.value)
    assert refused.value.exit_code == 2


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DocumentError, match="no such file"):
        read(str(tmp_path / "absent.json"), stdin=NOTHING)
    with pytest.raises(DocumentError, match="folder"):
        read(str(tmp_path), stdin=NOTHING)
    with pytest.raises(DocumentError, match="neither a file nor a pipe"):
        read("/dev/zero", stdin=NOTHING)


def test_a_pipe_that_nobody_writes_to_does_not_hang(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "WRITER_S", 0.01)
    os.mkfifo(tmp_path / "pipe.json")
    with pytest.raises(DocumentError, match=r"nobody wrote to this pipe in 0\.01 seconds"):
        read(str(tmp_path / "pipe.json"), stdin=NOTHING)


def test_a_larger_document_than_allowed_is_refused_unread(tmp_path: Path) -> None:
    (tmp_path / "large.json").write_bytes(b" " * 101)
    with pytest.raises(DocumentError, match="larger than 100 bytes"):
        read(str(tmp_path / "large.json"), stdin=NOTHING, max_bytes=100)
    with pytest.raises(DocumentError, match="larger than 100 bytes"):
        read("-", stdin=io.BytesIO(b" " * 101), max_bytes=100)


def test_a_folder_is_its_metrics_files_recursive_and_sorted(tmp_path: Path) -> None:
    said: list[str] = []
    for name in ("b.JSON", "a.yaml", "sub/c.yml", "notes.txt", ".hidden.json", ".git/x.json"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("{}")
    found = [os.path.relpath(name, tmp_path) for name in expand([str(tmp_path)], said.append).names]
    assert found == ["a.yaml", "b.JSON", "sub/c.yml"]
    (line,) = said
    left_out = (".git", ".hidden.json", "notes.txt")
    assert line == f"{tmp_path}: 3 not looked at: {', '.join(f'{tmp_path}/{n}' for n in left_out)}"


def test_evidence_in_a_linked_folder_is_evidence(tmp_path: Path) -> None:
    """INV-GATE-3: a BLOCK behind a link decides, too."""
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "block.json").write_text("{}")
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "service").symlink_to("../real")

    assert expand([str(tmp_path / "in")], print).names == (f"{tmp_path}/in/service/block.json",)


def test_a_folder_without_metrics_files_is_an_error(tmp_path: Path) -> None:
    """INV-GATE-3: nothing evaluated is an error, not a pass."""
    with pytest.raises(UsageError, match=r"no \*\.json"):
        expand([str(tmp_path)], print)

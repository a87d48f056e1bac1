"""Results reach standard output in order, as text or as the bytes that a worker made."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from engine.cli.console.screen import Screen
from engine.cli.console.shell import Shell


def _written(path: Path, encoding: str, *, buffered: bool = True) -> bytes:
    below = path.open("wb") if buffered else path.open("wb", buffering=0)
    with io.TextIOWrapper(below, encoding=encoding) as stream:
        shell = Shell({}, path.parent, io.BytesIO(), stream, io.StringIO())
        screen = Screen(shell, 3, several=True)
        screen.write_as_is("one é\n")
        screen.write_encoded("two é\n".encode())
        screen.write_as_is("three é\n")
        stream.flush()
    return path.read_bytes()


@pytest.mark.parametrize("encoding", ["utf-8", "UTF8", "latin-1"])
@pytest.mark.parametrize("buffered", [True, False])
def test_lines_keep_their_order_and_the_stream_its_encoding(
    tmp_path: Path, encoding: str, *, buffered: bool
) -> None:
    written = _written(tmp_path / "out", encoding, buffered=buffered)
    assert written == "one é\ntwo é\nthree é\n".encode(encoding)

"""What is read of a log, and what a file that cannot be read to its end says."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import threading
import tracemalloc
import zlib
from pathlib import Path

import pytest

from engine.errors import DocumentError, UsageError
from engine.evidence.sources.streams import ReadLimits, Stream, expand, open_stream

TEXT = b"one line\n" * 20_000


def opened(name: Path | str, limits: ReadLimits | None = None, stdin: bytes = b"") -> Stream:
    return open_stream(str(name), stdin=io.BytesIO(stdin), limits=limits or ReadLimits())


def read(path: Path, data: bytes, limits: ReadLimits | None = None) -> tuple[bytes, Stream]:
    path.write_bytes(data)
    stream = opened(path, limits)
    return b"".join(stream.pieces()), stream


@pytest.mark.parametrize(
    ("packing", "data"),
    [
        ("", TEXT),
        ("gzip", gzip.compress(TEXT)),
        ("gzip", gzip.compress(TEXT[:90_000]) + gzip.compress(TEXT[90_000:]) + b"\0" * 700),
        ("bzip2", bz2.compress(TEXT)),
        ("bzip2", bz2.compress(TEXT[:9]) + bz2.compress(TEXT[9:])),
        ("xz", lzma.compress(TEXT)),
    ],
    ids=["plain", "gzip", "two gzips", "bzip2", "two bzip2s", "xz"],
)
def test_packed_logs_are_known_by_their_bytes(tmp_path: Path, packing: str, data: bytes) -> None:
    text, stream = read(tmp_path / "some.name", data)
    assert (text, stream.packing, stream.truncated) == (TEXT, packing, "")
    assert stream.size == len(TEXT)


@pytest.mark.parametrize("size", [256 * 1024, 256 * 1024 - 1, 512 * 1024, 3 * 256 * 1024 + 1])
def test_gzip_at_the_edge_of_a_piece_is_read_to_its_end(tmp_path: Path, size: int) -> None:
    text, stream = read(tmp_path / "a", gzip.compress(b"xa" * (size // 2) + b"b" * (size % 2)))
    assert (len(text), stream.truncated) == (size, "")


def test_an_empty_file_is_empty(tmp_path: Path) -> None:
    text, stream = read(tmp_path / "a", b"")
    assert (text, stream.size, stream.truncated) == (b"", 0, "")


@pytest.mark.parametrize("kept", [3, 20, 100])
def test_gzip_that_ends_too_early_is_truncated(tmp_path: Path, kept: int) -> None:
    """INV-PRIVACY-7."""
    text, stream = read(tmp_path / "a", gzip.compress(os.urandom(4000))[:kept])
    assert "ends too early" in stream.truncated
    assert len(text) < 4000


@pytest.mark.parametrize(
    "packed",
    [gzip.compress(TEXT), bz2.compress(TEXT), lzma.compress(TEXT)],
    ids=["gzip", "bzip2", "xz"],
)
def test_damaged_data_is_truncated(tmp_path: Path, packed: bytes) -> None:
    """INV-PRIVACY-7."""
    middle = len(packed) // 2
    broken = packed[:middle] + bytes([packed[middle] ^ 0xFF]) + packed[middle + 1 :]
    assert "damaged" in read(tmp_path / "a", broken)[1].truncated
    assert "damaged" in read(tmp_path / "a", packed + b"rubbish")[1].truncated


def bomb(size: int) -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    piece = b"0" * (1024 * 1024)
    return b"".join([*(packer.compress(piece) for _ in range(size)), packer.flush()])


def test_a_bomb_is_cut_short_in_bounded_memory(tmp_path: Path) -> None:
    """INV-PRIVACY-7."""
    (tmp_path / "a").write_bytes(bomb(200))
    stream = opened(tmp_path / "a")
    tracemalloc.start()
    size = sum(len(piece) for piece in stream.pieces())
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert "over 400 times as long" in stream.truncated
    assert size == stream.size < 100 * 1024 * 1024
    assert peak < 4 * 1024 * 1024


def test_a_file_over_the_limit_is_truncated_at_it(tmp_path: Path) -> None:
    """INV-PRIVACY-7."""
    text, stream = read(tmp_path / "a", TEXT, ReadLimits(max_bytes=1000))
    assert (text, stream.size, stream.truncated) == (TEXT[:1000], 1000, "longer than 1,000 bytes")
    assert read(tmp_path / "a", TEXT[:1000], ReadLimits(max_bytes=1000))[1].truncated == ""


@pytest.mark.parametrize("start", [b"PK\x03\x04", b"\x28\xb5\x2f\xfd", b"PAR1"])
def test_what_is_not_looked_into_is_truncated(tmp_path: Path, start: bytes) -> None:
    """INV-PRIVACY-7."""
    for data in (start + TEXT, gzip.compress(start + TEXT)):
        text, stream = read(tmp_path / "a", data)
        assert (text, bool(stream.truncated)) == (b"", True)


def test_gzip_inside_gzip_is_truncated(tmp_path: Path) -> None:
    """INV-PRIVACY-7."""
    assert "inside" in read(tmp_path / "a", gzip.compress(gzip.compress(TEXT)))[1].truncated


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_wide_text_is_read_as_utf_8(tmp_path: Path, encoding: str) -> None:
    text, stream = read(tmp_path / "a", ("mail é " * 3000).encode(encoding))
    assert text.decode().lstrip("\ufeff") == "mail é " * 3000
    assert stream.encoding


@pytest.mark.parametrize(
    ("data", "is_wide"),
    [(b"\xff\xfe\x00", True), (bytes(range(256)) * 9, False), ("é".encode("latin-1"), False)],
)
def test_any_bytes_are_read(tmp_path: Path, data: bytes, is_wide: bool) -> None:
    text, stream = read(tmp_path / "a", data)
    assert stream.truncated == ""
    assert (stream.encoding != "", text != data) == (is_wide, is_wide)


def test_a_pipe_is_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    descriptor = os.open(tmp_path / "pipe", os.O_RDWR)  # a writer is there before the reader is

    def write() -> None:
        with os.fdopen(descriptor, "wb") as pipe:
            pipe.write(TEXT)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        assert b"".join(opened(tmp_path / "pipe").pieces()) == TEXT
    finally:
        writer.join()


def test_standard_input_is_read() -> None:
    assert b"".join(opened("-", stdin=TEXT).pieces()) == TEXT


@pytest.mark.parametrize("name", ["missing", "folder", "/dev/null"])
def test_what_is_no_log_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(DocumentError):
        opened(tmp_path / name)


def test_folders_and_globs_are_their_files_hidden_ones_too(tmp_path: Path) -> None:
    for name in ("b.log", "a/.hidden", "a/c.gz"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("x")
    found = [str(tmp_path / name) for name in ("a/.hidden", "a/c.gz", "b.log")]
    said: list[str] = []
    assert list(expand([str(tmp_path)], Path(), said.append)) == found
    assert list(expand(["."], tmp_path, said.append)) == found
    assert list(expand(["**/*.gz", "*.log", "-"], tmp_path, said.append)) == [
        found[1],
        found[2],
        "-",
    ]
    assert not said
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "gone").symlink_to("nowhere")
    (gone,) = set(expand(["."], tmp_path, said.append)) - set(found)
    assert said == [f"{tmp_path}: 1 not looked at: {tmp_path}/pipe"]
    with pytest.raises(DocumentError, match="no such file"):
        opened(gone)


@pytest.mark.parametrize("name", ["empty", "*.txt"])
def test_a_place_without_files_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError, match="no file is there"):
        list(expand([name], tmp_path, print))

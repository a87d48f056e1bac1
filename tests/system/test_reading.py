from __future__ import annotations

import errno
import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from engine.system import reading
from engine.system.reading import (
    ExposedFileError,
    open_to_read,
    read_again,
    read_private,
    read_whole,
    require_regular,
)


@pytest.fixture
def pipe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(reading, "WRITER_S", 0.2)
    os.mkfifo(tmp_path / "pipe")
    return tmp_path / "pipe"


def test_a_file_is_read_up_to_its_limit(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"x" * 10)
    assert read_whole(tmp_path / "file", 10) == b"x" * 10
    with pytest.raises(OSError, match="larger than 9 bytes") as refused:
        read_whole(tmp_path / "file", 9)
    assert refused.value.errno == errno.EFBIG


def test_a_file_that_says_it_is_empty_is_read_all_the_same() -> None:
    assert b"Name:" in read_whole("/proc/self/status", 100_000)
    with pytest.raises(OSError, match="larger than 5 bytes"):
        read_whole("/proc/self/status", 5)


def test_a_sparse_file_of_200_gigabytes_is_refused_unread(tmp_path: Path) -> None:
    (tmp_path / "large").touch()
    os.truncate(tmp_path / "large", 200 * 10**9)
    with pytest.raises(OSError, match="larger than 1,048,576 bytes"):
        read_whole(tmp_path / "large", 2**20)


@pytest.mark.parametrize("read", [lambda path: read_whole(path, 10), open_to_read, require_regular])
def test_what_is_no_file_is_refused(tmp_path: Path, read: Callable[[Path], object]) -> None:
    (tmp_path / "loop").symlink_to("loop")
    for path, reason in (
        (tmp_path, "is a folder|not a regular file"),
        (Path("/dev/zero"), "neither a file nor a pipe|not a regular file"),
        (tmp_path / "loop", "[Tt]oo many levels"),
        (tmp_path / "absent", "No such file"),
    ):
        with pytest.raises(OSError, match=reason):
            read(path)


def test_a_pipe_that_nobody_writes_to_is_waited_for_and_then_refused(pipe: Path) -> None:
    with pytest.raises(OSError, match=r"nobody wrote to this pipe in 0\.2 seconds"):
        read_whole(pipe, 10)
    with pytest.raises(OSError, match="nobody wrote to this pipe"):
        open_to_read(pipe)
    with pytest.raises(OSError, match="not a regular file"):
        require_regular(pipe)


def test_a_writer_that_comes_late_is_read_to_its_end(
    pipe: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "WRITER_S", 60.0)
    writer = threading.Thread(target=pipe.write_bytes, args=(b"x" * 200_000,))
    writer.start()
    assert read_whole(pipe, 10**6) == b"x" * 200_000
    writer.join()


def test_a_writer_that_is_silent_is_waited_for(pipe: Path) -> None:
    """As standard input is: `engine decide <(make evidence)`."""
    writer = os.open(pipe, os.O_RDWR)
    with open_to_read(pipe) as opened:  # which waits its 0.2 seconds and finds somebody there
        os.write(writer, b"late")
        os.close(writer)
        assert opened.read() == b"late"


def test_a_pipe_whose_writer_has_gone_holds_what_it_wrote() -> None:
    """As the shell's `<(…)` may be by the time that it is opened."""
    reader, writer = os.pipe()
    try:
        os.write(writer, b"evidence")
        os.close(writer)
        assert read_whole(f"/dev/fd/{reader}", 100) == b"evidence"
        assert read_whole(f"/dev/fd/{reader}", 100) == b""
    finally:
        os.close(reader)


def failing(times: int, number: int, real: Callable[..., object]) -> Callable[..., object]:
    left = [times]

    def call(*args: object, **named: object) -> object:
        if left[0]:
            left[0] -= 1
            raise OSError(number, os.strerror(number))
        return real(*args, **named)

    return call


@pytest.mark.parametrize("number", sorted(reading.TRANSIENT))
@pytest.mark.parametrize("name", ["open", "read"])
def test_a_transient_error_is_read_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, number: int
) -> None:
    (tmp_path / "file").write_bytes(b"here")
    real = getattr(os, name)
    monkeypatch.setattr(os, name, failing(1, number, real))
    assert read_whole(tmp_path / "file", 10) == b"here"
    monkeypatch.setattr(os, name, failing(2, number, real))
    with pytest.raises(OSError, match=os.strerror(number)):
        read_whole(tmp_path / "file", 10)


def test_any_other_error_is_not_tried_again() -> None:
    calls: list[int] = []

    def read() -> None:
        calls.append(1)
        raise PermissionError(errno.EACCES, "Permission denied")

    with pytest.raises(PermissionError):
        read_again(read)
    assert len(calls) == 1


def test_a_secret_is_whole_and_its_owners_alone(tmp_path: Path) -> None:
    """Neither cut at a limit nor read when others can read it; through a link, the file counts."""
    secret, link = tmp_path / "secret", tmp_path / "link"
    secret.write_bytes(b"x" * 10)
    secret.chmod(0o600)
    link.symlink_to(secret)
    assert read_private(link, 10) == b"x" * 10
    with pytest.raises(OSError, match="larger than 9 bytes") as refused:
        read_private(secret, 9)
    assert refused.value.errno == errno.EFBIG
    for mode in (0o640, 0o604, 0o610, 0o602, 0o644):
        secret.chmod(mode)
        with pytest.raises(ExposedFileError, match=f"others can read it .mode {mode:04o}"):
            read_private(link, 10)


def test_a_secret_in_a_pipe_is_read_only_where_that_is_meant(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe", 0o600)
    for path in (tmp_path / "pipe", tmp_path):
        with pytest.raises(OSError, match="not a plain file"):
            read_private(path, 10)
    writer = threading.Thread(target=(tmp_path / "pipe").write_bytes, args=(b"secret",))
    writer.start()
    assert read_private(tmp_path / "pipe", 10, pipes=True) == b"secret"
    writer.join()

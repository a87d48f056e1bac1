from __future__ import annotations

import os
import socket
import stat
import subprocess
import sys
import threading
from contextlib import closing
from pathlib import Path

import pytest

from engine.errors import OutputError, UsageError
from engine.system import files
from engine.system.files import (
    LONGEST_NAME,
    WholeFile,
    append,
    require_apart,
    require_replaceable,
    require_writable,
    write_whole,
)


def test_a_file_appears_only_when_it_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    file = WholeFile(path)
    file.write(b"[")
    file.write(b"]")
    assert not path.exists()
    file.keep()
    assert path.read_bytes() == b"[]"
    assert list(tmp_path.iterdir()) == [path]


def test_a_dropped_file_leaves_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    write_whole(path, b"old")
    file = WholeFile(path)
    file.write(b"new")
    file.drop()
    file.write(b"more")
    file.keep()
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_disk_without_room_leaves_what_was_there(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="/dev/full/x"):
        write_whole(Path("/dev/full/x"), b"new")
    path = tmp_path / "report.json"
    write_whole(path, b"old")
    file = WholeFile(path)
    tmp_path.rename(moved := tmp_path.with_name("moved"))
    file.write(b"new")
    with pytest.raises(OutputError, match="no such file"):
        file.keep()
    assert (moved / "report.json").read_bytes() == b"old"


def test_what_cannot_be_written_is_known_beforehand(tmp_path: Path) -> None:
    require_writable(tmp_path / "new")
    with pytest.raises(UsageError, match="does not exist"):
        require_writable(tmp_path / "absent" / "new")
    with pytest.raises(UsageError, match="is a folder"):
        require_writable(tmp_path)


def node(path: Path) -> Path:
    """A device like /dev/null: never an output of a test is one of the system's own."""
    try:
        os.mknod(path, 0o666 | stat.S_IFCHR, os.makedev(1, 3))
        os.close(os.open(path, os.O_WRONLY))
    except PermissionError:  # not root, or no devices on this file system
        path.unlink(missing_ok=True)
        path.symlink_to("/dev/null")
    return path


def test_a_device_is_written_into(tmp_path: Path) -> None:
    """As root, a file that appears whole would take the place of /dev/null itself."""
    device = node(tmp_path / "null")
    (link := tmp_path / "link").symlink_to(device)

    for path in (device, link):
        require_writable(path)
        write_whole(path, b"new")

    assert device.is_char_device()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["link", "null"]


def test_a_pipe_is_written_into(tmp_path: Path) -> None:
    os.mkfifo(pipe := tmp_path / "pipe")
    got: list[bytes] = []
    reader = threading.Thread(target=lambda: got.append(pipe.read_bytes()))
    reader.start()

    require_writable(pipe)
    write_whole(pipe, content := b"new" * 100_000)

    reader.join()
    assert got == [content]
    assert pipe.is_fifo()


def test_a_pipe_that_nobody_reads_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    os.mkfifo(pipe := tmp_path / "pipe")
    monkeypatch.setattr(files, "_READER_S", 0.0)

    with pytest.raises(OutputError, match="pipe: nobody reads this pipe"):
        write_whole(pipe, b"new")


def test_what_is_appended_stands_behind_what_was_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "_READER_S", 0.0)
    append(path := tmp_path / "summary.md", b"one\n")
    append(path, b"two\n")
    assert path.read_bytes() == b"one\ntwo\n"

    os.mkfifo(pipe := tmp_path / "pipe")
    with pytest.raises(OutputError, match="pipe: nobody reads this pipe"):
        append(pipe, b"new")
    with pytest.raises(OutputError, match="is a directory"):
        append(tmp_path, b"new")
    path.write_bytes(b"SQLite format 3\0")
    with pytest.raises(UsageError, match="is a ledger"):
        append(path, b"new")


@pytest.mark.parametrize("name", ["-", "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1", "/dev/fd/9"])
def test_a_descriptor_is_written_into_behind_what_is_there(tmp_path: Path, name: str) -> None:
    """`engine … > out` has written to the file before; to replace it would lose all of that."""
    script = f"""
import sys
from pathlib import Path
from engine.system.files import require_writable, write_whole
print("before", flush=True)
require_writable(Path({name!r}))
write_whole(Path({name!r}), b"middle\\n")
print("after")
"""
    with (tmp_path / "out").open("wb") as out:
        command = ["bash", "-c", 'exec 9>&1; exec "$@"', "-", sys.executable, "-c", script]
        subprocess.run(command, stdout=out, check=True, timeout=60)

    assert (tmp_path / "out").read_text().split() == ["before", "middle", "after"]
    assert list(tmp_path.iterdir()) == [tmp_path / "out"]


def test_a_descriptor_that_is_not_open_a_socket_and_a_disk_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="/dev/fd/999: is not open"):
        require_writable(Path("/dev/fd/999"))
    with closing(socket.socket(socket.AF_UNIX)) as server:
        server.bind(str(tmp_path / "s"))
        with pytest.raises(UsageError, match="is a socket, and is not written into"):
            write_whole(tmp_path / "s", b"new")


def test_a_link_stays_and_what_it_leads_to_keeps_its_mode(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (real := tmp_path / "real" / "report.json").write_text("old")
    real.chmod(0o640)
    (link := tmp_path / "report.json").symlink_to("real/report.json")
    (fresh := tmp_path / "fresh").symlink_to("real/fresh")

    write_whole(link, b"new")
    write_whole(fresh, b"new", mode=0o600)

    assert link.is_symlink()
    assert (real.read_bytes(), stat.S_IMODE(real.stat().st_mode)) == (b"new", 0o640)
    assert stat.S_IMODE((tmp_path / "real" / "fresh").stat().st_mode) == 0o600
    assert sorted(path.name for path in real.parent.iterdir()) == ["fresh", "report.json"]


def test_a_pipe_beside_an_output_is_left_alone(tmp_path: Path) -> None:
    """Only a file can be the database that a lock belongs to; a pipe may never answer."""
    pipe, beside = tmp_path / "fx", tmp_path / "fx.lock"
    os.mkfifo(pipe)
    held = os.open(pipe, os.O_RDWR | os.O_NONBLOCK)
    os.write(held, content := b"SQLite format 3\0".ljust(64))

    require_writable(beside)
    write_whole(beside, b"new")

    assert os.read(held, 100) == content
    os.close(held)


@pytest.mark.parametrize("suffix", ["", "-wal", "-shm", "-journal", ".lock"])
def test_a_database_and_what_belongs_to_it_is_not_replaced(tmp_path: Path, suffix: str) -> None:
    (tmp_path / "x.db").write_bytes(b"SQLite format 3\0")

    with pytest.raises(UsageError, match="is a ledger or another database, and is not written"):
        require_replaceable(tmp_path / f"x.db{suffix}")
    require_replaceable(tmp_path / f"y.db{suffix}")
    require_replaceable(tmp_path / (suffix or "z"))


def test_a_private_key_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "x.pem").write_bytes(b"-----BEGIN PRIVATE KEY-----\n")

    with pytest.raises(UsageError, match="is a private key, and is not written over"):
        require_replaceable(tmp_path / "x.pem")


def test_the_longest_name_leaves_room_for_a_temporary_one(tmp_path: Path) -> None:
    write_whole(longest := tmp_path / ("x" * LONGEST_NAME), b"new")
    require_writable(longest)

    with pytest.raises(UsageError, match="file name too long"):
        require_writable(tmp_path / ("x" * (LONGEST_NAME + 1)))


def test_an_output_is_apart_from_inputs_and_other_outputs(tmp_path: Path) -> None:
    read, new = tmp_path / "read", tmp_path / "new"
    read.write_text("")
    (tmp_path / "hard").hardlink_to(read)
    (tmp_path / "soft").symlink_to(read)
    (tmp_path / "to-new").symlink_to(new)
    require_apart([new, tmp_path / "other"], [read, tmp_path / "absent"])

    for name in ("read", "hard", "soft"):
        with pytest.raises(UsageError, match="is read, and cannot be written, too"):
            require_apart([new, tmp_path / name], [str(read)])
        with pytest.raises(UsageError, match="is another output, too, and cannot be written twice"):
            require_apart([read, new, tmp_path / name], [])
    with pytest.raises(UsageError, match="is another output, too"):
        require_apart([new, tmp_path / "to-new"], [read])


def test_each_output_is_looked_up_once_however_many_there_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    resolve, resolved = Path.resolve, list[Path]()

    def counted(path: Path, strict: bool = False) -> Path:
        resolved.append(path)
        return resolve(path, strict=strict)

    monkeypatch.setattr(Path, "resolve", counted)
    inputs, outputs = (
        [tmp_path / f"{kind}{number}" for number in range(50)] for kind in ("in", "out")
    )
    require_apart(outputs, inputs)

    assert resolved == [*inputs, *outputs]

from __future__ import annotations

import os
from pathlib import Path

import pytest

from engine.errors import OutputError, UsageError
from engine.system.files import WholeFile, require_writable, write_whole


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


def test_a_device_or_a_pipe_is_not_replaced(tmp_path: Path) -> None:
    """As root, a file that appears whole would take the place of /dev/null itself."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)

    with pytest.raises(UsageError, match="is a device or a pipe"):
        write_whole(pipe, b"new")
    with pytest.raises(UsageError, match="is a device or a pipe"):
        require_writable(pipe)

    assert pipe.is_fifo()

from __future__ import annotations

import io
import tarfile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.errors import VerificationError
from engine.proof.archive import BLOCK, pack, unpack
from tests.examples import examples

FILES = {"manifest.json": b"{}", "sources/a/b.rego": b"package a\n" * 100, "empty": b""}
PACKED = pack(FILES)
PATHS = st.from_regex(r"[a-zA-Z0-9_]{1,8}(/[a-z0-9_.-]{0,4}[a-z0-9]){0,2}", fullmatch=True).filter(
    lambda path: "/." not in path and "/-" not in path
)


@given(st.dictionaries(PATHS, st.binary(max_size=1200), max_size=5))
def test_files_come_back_in_their_order(files: dict[str, bytes]) -> None:
    unpacked = unpack(pack(files))
    assert list(unpacked.items()) == list(files.items())


def test_any_tar_reads_it() -> None:
    with tarfile.open(fileobj=io.BytesIO(PACKED), mode="r:") as tar:
        members = tar.getmembers()
        assert [(member.name, member.size) for member in members] == [
            (name, len(content)) for name, content in FILES.items()
        ]
        assert all(
            member.isreg() and member.mode == 0o644 and member.mtime == 0 for member in members
        )
        extracted = [tar.extractfile(member) for member in members]
        assert [member.read() for member in extracted if member] == list(FILES.values())


@given(st.integers(0, len(PACKED) - 1), st.integers(0, 255))
@settings(max_examples=examples(300))
def test_a_changed_byte_is_refused_or_another_file(at: int, byte: int) -> None:
    changed = PACKED[:at] + bytes([byte]) + PACKED[at + 1 :]
    try:
        files = unpack(changed)
    except VerificationError:
        return
    assert pack(files) == changed


def _tar(kind: bytes, name: str = "a", link: str = "", **more: int) -> bytes:
    with io.BytesIO() as buffer:
        with tarfile.open(fileobj=buffer, mode="w:", format=tarfile.USTAR_FORMAT) as tar:
            member = tarfile.TarInfo(name)
            member.type, member.linkname = kind, link
            for key, value in more.items():
                setattr(member, key, value)
            tar.addfile(member)
        return buffer.getvalue()


@pytest.mark.parametrize(
    "archive",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"x" * 2000, id="no archive"),
        pytest.param(PACKED[:-1], id="cut by a byte"),
        pytest.param(PACKED[:-BLOCK], id="one end block"),
        pytest.param(PACKED + bytes(BLOCK), id="three end blocks"),
        pytest.param(PACKED + b"x", id="trailing data"),
        pytest.param(PACKED[: 2 * BLOCK] + PACKED, id="a file twice"),
        pytest.param(PACKED[:BLOCK], id="ends within a file"),
        pytest.param(_tar(tarfile.SYMTYPE, link="/etc/passwd"), id="symbolic link"),
        pytest.param(_tar(tarfile.LNKTYPE, link="b"), id="hard link"),
        pytest.param(_tar(tarfile.DIRTYPE), id="folder"),
        pytest.param(_tar(tarfile.FIFOTYPE), id="pipe"),
        pytest.param(_tar(tarfile.CHRTYPE), id="device"),
        pytest.param(_tar(tarfile.REGTYPE, mode=0o4755), id="another mode"),
        pytest.param(_tar(tarfile.REGTYPE, mtime=1), id="another time"),
        pytest.param(_tar(tarfile.REGTYPE, name="../a"), id="path that leads out"),
        pytest.param(_tar(tarfile.REGTYPE, name="/a"), id="absolute path"),
        pytest.param(_tar(tarfile.REGTYPE, name="a b"), id="path with a space"),
    ],
)
def test_everything_else_is_refused(archive: bytes) -> None:
    with pytest.raises(VerificationError, match="policy archive"):
        unpack(archive)


@pytest.mark.parametrize("path", ["", "/a", "a/", "a//b", "../a", "a/../b", ".a", "é", "a" * 101])
def test_a_path_that_others_might_read_otherwise_is_never_written(path: str) -> None:
    with pytest.raises(ValueError, match="does not fit"):
        pack({path: b""})


@given(st.binary(max_size=1600))
def test_arbitrary_bytes_are_refused_and_raise_nothing_else(data: bytes) -> None:
    with pytest.raises(VerificationError):
        unpack(data)

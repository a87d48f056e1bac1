"""A private key in a file: made once, and refused when others can reach it."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from engine.errors import KeyFileError
from engine.proof.keys import load_public_pem, verify_signature
from engine.signers.file import generate, open_file, public_path
from tests.ledger.scribe import as_nobody
from tests.signers.pem import pem, write


def test_a_made_key_opens_and_signs(tmp_path: Path) -> None:
    made = generate(tmp_path / "key.pem")
    opened = open_file(tmp_path / "key.pem")

    assert opened.key_id == made.key_id
    assert verify_signature(made.public_key, opened.sign(b"message"), b"message")
    assert stat.S_IMODE((tmp_path / "key.pem").stat().st_mode) == 0o600
    public = (tmp_path / "key.pub.pem").read_bytes()
    assert load_public_pem(public) == made.public_key
    assert sorted(file.name for file in tmp_path.iterdir()) == ["key.pem", "key.pub.pem"]


def test_no_two_made_keys_are_the_same(tmp_path: Path) -> None:
    made = {generate(tmp_path / f"{number}.pem").key_id for number in range(3)}

    assert len(made) == 3


def test_the_public_key_lies_beside_the_private_one() -> None:
    assert public_path(Path("a/key.pem")) == Path("a/key.pub.pem")
    assert public_path(Path("a/release")) == Path("a/release.pub.pem")


@pytest.mark.parametrize("taken", ["key.pem", "key.pub.pem"])
@pytest.mark.parametrize("kind", ["file", "link"])
def test_no_key_is_ever_replaced(tmp_path: Path, taken: str, kind: str) -> None:
    if kind == "file":
        (tmp_path / taken).write_text("something")
    else:
        (tmp_path / taken).symlink_to("nowhere")

    with pytest.raises(KeyFileError, match="exists, and a key is never replaced"):
        generate(tmp_path / "key.pem")
    assert [file.name for file in tmp_path.iterdir()] == [taken]


def test_makers_at_the_same_time_make_one_key(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from engine.signers.file import generate\n"
        "from engine.errors import KeyFileError\n"
        "try: print(generate(Path(sys.argv[1])).key_id)\n"
        "except KeyFileError: pass"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "key.pem")]
    makers = [subprocess.Popen(command, text=True, stdout=subprocess.PIPE) for _ in range(4)]
    outputs = [maker.communicate()[0].strip() for maker in makers]

    (made,) = filter(None, outputs)
    assert open_file(tmp_path / "key.pem").key_id == made


def test_a_key_is_not_made_where_nothing_can_be_written(tmp_path: Path) -> None:
    with pytest.raises(KeyFileError, match="cannot be written: No such file or directory"):
        generate(tmp_path / "missing" / "key.pem")
    with as_nobody() as folder:
        folder.chmod(0o500)
        with pytest.raises(KeyFileError, match="cannot be written: Permission denied"):
            generate(folder / "key.pem")


@pytest.mark.parametrize("mode", [0o600, 0o400, 0o700])
def test_a_key_of_its_owner_alone_is_opened(tmp_path: Path, mode: int) -> None:
    assert open_file(write(tmp_path / "key.pem", pem(), mode)).sign(b"")


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o602, 0o610, 0o644, 0o777])
def test_a_key_that_others_can_reach_is_refused(tmp_path: Path, mode: int) -> None:
    path = write(tmp_path / "key.pem", pem(), mode)

    with pytest.raises(KeyFileError, match=f"others can read .* {mode:04o}") as caught:
        open_file(path)
    assert f"chmod 600 {path}" in caught.value.hint


def test_a_link_is_judged_by_what_it_leads_to(tmp_path: Path) -> None:
    """Secrets are mounted as links into another folder."""
    target = write(tmp_path / "target", pem())
    link = tmp_path / "key.pem"
    link.symlink_to(target)
    assert open_file(link).sign(b"")

    target.chmod(0o644)
    with pytest.raises(KeyFileError, match="others can read"):
        open_file(link)
    target.unlink()
    with pytest.raises(KeyFileError, match="cannot be read: No such file"):
        open_file(link)


def test_what_is_no_plain_file_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo", 0o600)
    (tmp_path / "folder").mkdir(mode=0o700)

    for name in ("fifo", "folder"):
        with pytest.raises(KeyFileError, match="not a plain file"):
            open_file(tmp_path / name)


def test_a_key_that_may_not_be_read_is_an_error_in_words() -> None:
    with as_nobody() as folder:
        path = write(folder / "key.pem", pem(), 0)
        with pytest.raises(KeyFileError, match="cannot be read: Permission denied"):
            open_file(path)


def test_what_holds_no_key_is_named(tmp_path: Path) -> None:
    for data, reason in (
        (b"", "does not hold"),
        (b"x" * 17_000, "too long"),
        (pem()[9:], "does not"),
    ):
        path = write(tmp_path / "key.pem", data)
        with pytest.raises(KeyFileError, match=f"^{path}: {reason}"):
            open_file(path)


@pytest.mark.parametrize("failing", range(1, 5))
def test_half_a_pair_is_not_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failing: int
) -> None:
    """Else the next attempt would find a key that nobody has the public half of."""
    synced: list[int] = []
    real = os.fsync

    def fsync(descriptor: int) -> None:
        synced.append(descriptor)
        if len(synced) == failing:
            raise OSError(28, "No space left on device")
        real(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    with pytest.raises(KeyFileError, match="No space left"):
        generate(tmp_path / "key.pem")
    assert list(tmp_path.iterdir()) == []

    monkeypatch.undo()
    generate(tmp_path / "key.pem")

"""Which places a private key can be in, and what is refused there."""

from __future__ import annotations

import copy
import logging
import os
import pickle
import stat
import subprocess
import sys
import traceback
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
)

from engine.errors import KeyFileError, UsageError
from engine.keys import key_id, load_public_pem, public_pem, verify_signature
from engine.signers import SIGNERS, open_signer
from engine.signers.ed25519 import Ed25519Signer, from_pem
from engine.signers.env import open_environment
from engine.signers.file import generate, open_file, public_path
from tests.ledger.scribe import as_nobody

PLAIN = NoEncryption()
PRIVATE = Ed25519PrivateKey.from_private_bytes(b"\x07" * 32)


def pem(
    private: Ed25519PrivateKey | ec.EllipticCurvePrivateKey = PRIVATE,
    how: KeySerializationEncryption = PLAIN,
    form: PrivateFormat = PrivateFormat.PKCS8,
) -> bytes:
    return private.private_bytes(Encoding.PEM, form, how)


def write(path: Path, data: bytes, mode: int = 0o600) -> Path:
    path.write_bytes(data)
    path.chmod(mode)
    return path


def test_a_known_answer() -> None:
    """RFC 8032 section 7.1, test 2."""
    seed = "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb"
    public = "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c"
    signature = (
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
        "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
    )
    signer = Ed25519Signer(Ed25519PrivateKey.from_private_bytes(bytes.fromhex(seed)))

    assert signer.public_key.hex() == public
    assert signer.key_id == key_id(bytes.fromhex(public))
    assert signer.sign(b"\x72").hex() == signature


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
    said = [maker.communicate()[0].strip() for maker in makers]

    (made,) = filter(None, said)
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


ENCRYPTED = pem(how=BestAvailableEncryption(b"password"))


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "does not hold a private key in PEM form"),
        (b"garbage", "does not hold a private key in PEM form"),
        (b"\x00" * 17_000, "too long for a private key"),
        (pem()[:-40], "does not hold a private key in PEM form"),
        (pem().replace(b"MC4CAQ", b"MC4CAg"), "the private key cannot be read"),
        (pem() + pem(), "holds more than one key"),
        (pem() + b"trailing", "does not hold a private key in PEM form"),
        (ENCRYPTED, "the private key is encrypted"),
        (pem(form=PrivateFormat.OpenSSH), "is an OpenSSH key"),
        (pem(ec.generate_private_key(ec.SECP256R1())), "is not an Ed25519 key"),
        (public_pem(PRIVATE.public_key().public_bytes_raw()), "holds a public key"),
    ],
)
def test_what_is_no_plain_ed25519_key_is_refused_in_words(
    tmp_path: Path, data: bytes, said: str
) -> None:
    with pytest.raises(KeyFileError, match=said) as caught:
        open_file(write(tmp_path / "key.pem", data))

    assert caught.value.message.startswith(f"{tmp_path / 'key.pem'}: ")
    assert caught.value.hint


@pytest.mark.parametrize(
    "spell",
    [
        lambda text: text,
        lambda text: text.strip(),
        lambda text: text.replace("\n", "\\n"),
        lambda text: text.replace("\n", "\r\n"),
        lambda text: text.replace("\n", "\\r\\n"),
        lambda text: f"\n  {text}\n\n",
    ],
)
def test_a_key_in_the_environment_may_be_on_one_line(spell: object) -> None:
    assert callable(spell)
    signer = open_environment({"ENGINE_KEY": spell(pem().decode())})

    assert signer.public_key == PRIVATE.public_key().public_bytes_raw()


@pytest.mark.parametrize("environment", [{}, {"ENGINE_KEY": ""}, {"ENGINE_KEY": " \n"}])
def test_a_variable_that_is_not_set_is_named(environment: dict[str, str]) -> None:
    with pytest.raises(KeyFileError, match=r"\$ENGINE_KEY is not set"):
        open_environment(environment)


def test_a_variable_that_holds_no_key_is_named() -> None:
    for value in ("garbage", "\udcff", ENCRYPTED.decode()):
        with pytest.raises(KeyFileError, match=r"^\$CI_KEY: "):
            open_environment({"CI_KEY": value}, "CI_KEY")


def test_a_reference_names_the_place(tmp_path: Path) -> None:
    write(tmp_path / "key.pem", pem())
    expected = PRIVATE.public_key().public_bytes_raw()

    assert open_signer(f"file:{tmp_path / 'key.pem'}", {}).public_key == expected
    assert open_signer("env:", {"ENGINE_KEY": pem().decode()}).public_key == expected
    assert open_signer("env:CI_KEY", {"CI_KEY": pem().decode()}).public_key == expected
    for unknown in ("key.pem", "hsm:slot", "", ":"):
        with pytest.raises(UsageError, match="names no place for a private key"):
            open_signer(unknown, {})
    assert sorted(SIGNERS) == ["env", "file"]


def test_no_byte_of_a_key_is_shown_or_copied(caplog: pytest.LogCaptureFixture) -> None:
    secret = PRIVATE.private_bytes_raw()
    signer = from_pem(pem(), "test")
    logging.getLogger("test").warning("%s %r", signer, signer)
    shown = f"{signer} {signer!r} {caplog.text}"

    assert shown.count(signer.key_id) == 4
    for form in (secret.hex(), repr(secret), pem().decode().split("\n")[1]):
        assert form not in shown
    for take in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError, match="is not copied or written anywhere"):
            take(signer)
    assert not hasattr(signer, "__dict__")


def test_no_byte_of_a_broken_key_is_in_the_error() -> None:
    broken = pem().replace(b"MC4CAQ", b"MC4CAg")
    with pytest.raises(KeyFileError) as caught:
        from_pem(broken, "$ENGINE_KEY")

    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None
    told = "".join(traceback.format_exception(caught.value))
    assert broken.decode().split("\n")[1] not in told

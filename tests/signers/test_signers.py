"""Which places a private key can be in."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.errors import UsageError
from engine.signers import SIGNERS, open_signer
from tests.signers.pem import PRIVATE, pem, write


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

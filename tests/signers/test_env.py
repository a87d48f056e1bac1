"""A private key in an environment variable."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable

import pytest
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
)

from engine.errors import KeyFileError
from engine.signers.env import open_environment
from tests.signers.pem import PRIVATE, pem, told


@pytest.mark.parametrize(
    "spell",
    [
        lambda text: text,
        lambda text: text.strip(),
        lambda text: text.replace("\n", "\\n"),
        lambda text: text.replace("\n", "\r\n"),
        lambda text: text.replace("\n", "\\r\\n"),
        lambda text: f"\n  {text}\n\n",
        lambda text: b64encode(text.encode()).decode(),
        lambda text: b64encode(text.strip().encode()).decode() + "\n",
    ],
)
def test_a_key_in_the_environment_may_be_on_one_line(spell: Callable[[str], str]) -> None:
    signer = open_environment({"ENGINE_KEY": spell(pem().decode())})

    assert signer.public_key == PRIVATE.public_key().public_bytes_raw()


@pytest.mark.parametrize("environment", [{}, {"ENGINE_KEY": ""}, {"ENGINE_KEY": " \n"}])
def test_a_variable_that_is_not_set_is_named(environment: dict[str, str]) -> None:
    with pytest.raises(KeyFileError, match=r"\$ENGINE_KEY is not set"):
        open_environment(environment)


def test_a_variable_that_holds_no_key_is_named() -> None:
    base64 = b64encode(pem(how=BestAvailableEncryption(b"password"))).decode()
    for value in (
        "garbage",
        "Z2FyYmFnZQ==",
        base64,
        "\udcff",
        pem(how=BestAvailableEncryption(b"password")).decode(),
    ):
        with pytest.raises(KeyFileError, match=r"^\$CI_KEY: "):
            open_environment({"CI_KEY": value}, "CI_KEY")


@pytest.mark.parametrize(
    "value",
    [
        "a" * 300,
        b64encode(pem()).decode()[:-9],
        b64encode(pem()[:-30]).decode(),
        "a" * 300 + ".pem",
        "/".join(["b" * 64] * 100),
        "ab\0" * 40,
        "ab/\udcff" * 99,
    ],
)
def test_a_value_that_no_path_can_be_is_never_shown(value: str) -> None:
    with pytest.raises(KeyFileError, match=r"^\$ENGINE_KEY: ") as refused:
        open_environment({"ENGINE_KEY": value})
    assert value[:8] not in told(refused.value)

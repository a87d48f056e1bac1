"""Our check digits against python-stdnum's, on valid numbers, near misses and random ones."""

from __future__ import annotations

import random
import re
from importlib import resources

import pytest
from stdnum import iban, luhn
from stdnum.br import cnpj, cpf
from stdnum.gb import nhs
from stdnum.us import ssn

from engine.privacy import checksums
from engine.privacy.banking import IBAN_LENGTHS
from engine.privacy.identity import _is_ssn
from engine.privacy.scanner import scan

KEY = b"a key of a test, not a secret"
ALNUM = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"


def numbers(size: int, count: int = 2_000, letters: str = "0123456789") -> list[str]:
    chance = random.Random(size)  # noqa: S311
    return ["".join(chance.choices(letters, k=size)) for _ in range(count)]


def closed(stem: str, digits: int, is_valid: object) -> str:
    """The stem with the check digits that python-stdnum takes."""
    ends = (f"{end:0{digits}}" for end in range(10**digits))
    return next((stem + end for end in ends if is_valid(stem + end)), stem + "0" * digits)  # type: ignore[operator]


@pytest.mark.parametrize(
    ("ours", "theirs", "size", "digits", "letters"),
    [
        (checksums.cpf, cpf.is_valid, 11, 2, "0123456789"),
        (checksums.cnpj, cnpj.is_valid, 14, 2, "0123456789"),
        (checksums.cnpj, cnpj.is_valid, 14, 2, ALNUM),
        (checksums.nhs, nhs.is_valid, 10, 1, "0123456789"),
        (checksums.luhn, luhn.is_valid, 16, 1, "0123456789"),
        (_is_ssn, ssn.is_valid, 9, 0, "0123456789"),
    ],
    ids=["cpf", "cnpj", "cnpj with letters", "nhs", "luhn", "ssn"],
)
def test_our_check_digits_are_theirs(
    ours: object, theirs: object, size: int, digits: int, letters: str
) -> None:
    valid = 0
    for at, stem in enumerate(numbers(size - digits, letters=letters)):
        number = closed(stem, digits, theirs) if at % 2 and digits else stem + "0" * digits
        said = bool(theirs(number))  # type: ignore[operator]
        valid += said
        # The blacklist of numbers that were printed in advertisements is theirs alone.
        if bool(ours(number.encode())) != said and not (theirs is ssn.is_valid and not said):  # type: ignore[operator]
            pytest.fail(number)
    assert valid > 400


def test_the_countries_of_ibans_and_their_lengths_are_theirs() -> None:
    rows = resources.files("stdnum").joinpath("iban.dat").read_text().splitlines()
    theirs = {}
    for row in rows:
        if found := re.match(r'([A-Z]{2}) .*bban="([^"]*)"', row):
            sizes = re.findall(r"([0-9]+)!?[nac]", found[2])
            theirs[found[1].encode()] = 4 + sum(map(int, sizes))
    ours = {country: IBAN_LENGTHS.get(country) for country in theirs}
    assert len(theirs) > 80
    assert ours == theirs


@pytest.mark.parametrize("country", sorted(IBAN_LENGTHS), ids=bytes.decode)
def test_an_account_of_each_country_is_found_in_capitals_and_small_letters(country: bytes) -> None:
    """INV-PRIVACY-4."""
    size = IBAN_LENGTHS[country] - 4
    account = numbers(size, 1)[0]
    number = country.decode() + iban.calc_check_digits(country.decode() + "00" + account) + account
    assert checksums.mod_97(number.encode())
    for text in (number, number.lower()):
        kinds = [(f.type, f.length) for f in scan(f"to {text} now".encode(), KEY)]
        assert kinds == [("iban", len(number))], text

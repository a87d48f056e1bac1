"""Check digits. Each function takes what it checks without separators."""

from __future__ import annotations

from collections.abc import Sequence


def luhn(number: bytes) -> bool:
    """Whether the last digit is right: ISO/IEC 7812-1 annex B."""
    total = 0
    for place, code in enumerate(reversed(number)):
        digit = code - 48
        if place % 2:
            digit = digit * 2 - 9 * (digit > 4)
        total += digit
    return total % 10 == 0


def cpf(number: bytes) -> bool:
    """Whether 11 digits are a CPF: both check digits by modulus 11; not one digit repeated."""
    return len(set(number)) > 1 and all(
        _modulus_11(number[:size], range(size + 1, 1, -1)) == number[size] - 48 for size in (9, 10)
    )


_CNPJ = (6, 5, 4, 3, 2, 9, 8, 7, 6, 5, 4, 3, 2)


def cnpj(number: bytes) -> bool:
    """Whether 14 characters are a CNPJ, numeric or alphanumeric.

    Source: Receita Federal, Instrução Normativa RFB 2.229/2024: a character counts as its ASCII
    code less 48, the two check digits stay decimal.
    """
    return (
        len(number) == 14
        and number[12:].isdigit()
        and len(set(number)) > 1
        and all(
            _modulus_11(number[:size], _CNPJ[13 - size :]) == number[size] - 48 for size in (12, 13)
        )
    )


def _modulus_11(number: bytes, weights: Sequence[int]) -> int:
    total = sum((code - 48) * weight for code, weight in zip(number, weights, strict=True))
    return 0 if total % 11 < 2 else 11 - total % 11


def nhs(number: bytes) -> bool:
    """Whether 10 digits are an NHS number: NHS Data Dictionary, modulus 11; 10 is no digit."""
    total = sum(
        (code - 48) * weight for code, weight in zip(number, range(10, 1, -1), strict=False)
    )
    return len(set(number)) > 1 and (11 - total % 11) % 11 == number[9] - 48


def mod_97(iban: bytes) -> bool:
    """Whether the check digits of an IBAN are right: ISO 13616, ISO/IEC 7064 MOD 97-10."""
    turned = (iban[4:] + iban[:4]).decode("ascii")
    return int("".join(str(int(character, 36)) for character in turned)) % 97 == 1

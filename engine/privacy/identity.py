"""Numbers that a state gives to a person or a company: CPF, CNPJ, SSN, NHS number."""

from __future__ import annotations

import re

from engine.privacy import checksums
from engine.privacy.labels import GLUE, follows_label, is_other, stands_alone
from engine.privacy.rule import START, Match, Rule, alphanumerics, digits, value_of


def _cpf(match: Match) -> bool:
    return stands_alone(match) and checksums.cpf(digits(match[0]))


def _labelled_cpf(match: Match) -> bool:
    return follows_label(match) and checksums.cpf(digits(value_of(match)))


def _cnpj(match: Match) -> bool:
    return checksums.cnpj(_compact(match[0]))


def _labelled_cnpj(match: Match) -> bool:
    return follows_label(match) and checksums.cnpj(_compact(value_of(match)))


def _compact(value: bytes) -> bytes:
    return alphanumerics(value.replace(b"%2F", b"").replace(b"%2f", b""))


def _is_ssn(number: bytes) -> bool:
    """Whether nine digits could have been given out: 20 CFR 422.103, SSA's randomization FAQ."""
    area, group, serial = number[:3], number[3:5], number[5:]
    return area not in (b"000", b"666") and area < b"900" and group != b"00" and serial != b"0000"


def _ssn(match: Match) -> bool:
    return stands_alone(match) and not is_other(match) and _is_ssn(digits(match[0]))


def _labelled_ssn(match: Match) -> bool:
    return follows_label(match) and _is_ssn(digits(value_of(match)))


def _nhs(match: Match) -> bool:
    return follows_label(match) and checksums.nhs(digits(value_of(match)))


def _before_slash(text: bytes, slash: int) -> int:
    """Where a CNPJ begins; JSON may write its slash with a backslash."""
    return slash - 10 - (text[slash - 1 : slash] == b"\\")


_CPF = "Receita Federal: IN RFB 2.172/2024"
_CNPJ = "Receita Federal: IN RFB 2.229/2024"
_SSN = "20 CFR 422.103; SSA: randomization"

RULES = (
    Rule(
        "cpf",
        "personal",
        re.compile(START + rb"[0-9]{3}\.[0-9]{3}\.[0-9]{3}-[0-9]{2}(?![0-9A-Za-z])"),
        _cpf,
        digits,
        literals=(b"000.000.000-00",),
        source=_CPF,
        checksum="modulus 11, twice",
    ),
    Rule(
        "cpf",
        "personal",
        re.compile(
            rb"(?i:cpf|contribuinte)" + GLUE + rb"(?<![0-9])(?P<value>[0-9]{11}|[0-9]{9}-[0-9]{2})"
            rb"(?![0-9A-Za-z])"
        ),
        _labelled_cpf,
        digits,
        words=(b"cpf", b"contribuinte"),
        source=_CPF,
        checksum="modulus 11, twice",
        context="label",
    ),
    Rule(
        "cnpj",
        "personal",
        re.compile(
            START + rb"[0-9A-Za-z]{2}\.[0-9A-Za-z]{3}\.[0-9A-Za-z]{3}(?:\\?/|%2[fF])"
            rb"[0-9A-Za-z]{4}-[0-9]{2}"
            rb"(?![0-9A-Za-z])"
        ),
        _cnpj,
        _compact,
        regex=re.compile(rb"(?:/|%2[fF])(?=[0-9A-Za-z]{4}-[0-9]{2})"),
        back=_before_slash,
        source=_CNPJ,
        checksum="modulus 11, twice",
    ),
    Rule(
        "cnpj",
        "personal",
        re.compile(
            rb"(?i:cnpj)" + GLUE + rb"(?<![0-9A-Za-z])(?P<value>[0-9A-Za-z]{12}-?[0-9]{2})"
            rb"(?![0-9A-Za-z])"
        ),
        _labelled_cnpj,
        _compact,
        words=(b"cnpj",),
        source=_CNPJ,
        checksum="modulus 11, twice",
        context="label",
    ),
    Rule(
        "ssn",
        "personal",
        re.compile(START + rb"[0-9]{3}-[0-9]{2}-[0-9]{4}(?![0-9A-Za-z])"),
        _ssn,
        digits,
        literals=(b"000-00-0000",),
        source=_SSN,
    ),
    Rule(
        "ssn",
        "personal",
        re.compile(
            rb"(?i:ssn|social[ _-]?security)" + GLUE + rb"(?<![0-9])"
            rb"(?P<value>[0-9]{3}[ .-]?[0-9]{2}[ .-]?[0-9]{4})(?![0-9A-Za-z])"
        ),
        _labelled_ssn,
        digits,
        words=(b"ssn", b"social"),
        source=_SSN,
        context="label",
    ),
    Rule(
        "nhs",
        "personal",
        re.compile(
            rb"(?i:nhs)" + GLUE + rb"(?<![0-9])"
            rb"(?P<value>[0-9]{3}[ -]?[0-9]{3}[ -]?[0-9]{4})(?![0-9A-Za-z])"
        ),
        _nhs,
        digits,
        words=(b"nhs",),
        source="NHS Data Dictionary: NHS number",
        checksum="modulus 11",
        context="label",
    ),
)

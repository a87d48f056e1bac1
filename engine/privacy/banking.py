"""Payment cards and bank accounts."""

from __future__ import annotations

import re

from engine.privacy import checksums
from engine.privacy.labels import GLUE, follows_label, is_other, stands_alone
from engine.privacy.rule import START, Match, Rule, alphanumerics, digits, value_of

# Registry of ISO 13616 (SWIFT, release 99): total length by country.
_LENGTHS = (
    "AD24 AE23 AL28 AT20 AZ28 BA20 BE16 BG22 BH22 BI27 BR29 BY28 CH21 CR22 CY28 CZ24 DE22 DJ27 "
    "DK18 DO28 EE20 EG29 ES24 FI18 FK18 FO18 FR27 GB22 GE22 GI23 GL18 GR27 GT28 HN28 HR21 HU28 "
    "IE22 IL23 IQ23 IS26 IT27 JO30 KW30 KZ20 LB28 LC32 LI21 LT20 LU20 LV21 LY25 MC27 MD24 ME22 "
    "MK19 MN20 MR27 MT31 MU30 NI28 NL18 NO15 OM23 PK24 PL28 PS29 PT25 QA29 RO24 RS22 RU33 SA24 "
    "SC31 SD18 SE24 SI19 SK24 SM27 SO23 ST25 SV28 TL23 TN24 TR26 UA29 VA22 VG24 XK20 YE30"
)
IBAN_LENGTHS = {row[:2].encode(): int(row[2:]) for row in _LENGTHS.split()}


def _iban(match: Match) -> bool:
    """Length by country, checksum, and nothing that goes on behind."""
    compact = alphanumerics(match[0])
    size = IBAN_LENGTHS.get(compact[:2])
    if size is None or len(compact) != size or not checksums.mod_97(compact):
        return False
    if match[0][:2].isupper():
        return True
    # Small letters are in hashes and ids, too: there most of it must be digits, as in accounts.
    return 3 * len(digits(compact)) >= 2 * size and stands_alone(match) and not is_other(match)


def _iban_patterns() -> bytes:
    """One alternative per country, so that a match ends where the account ends."""
    by_length: dict[int, list[bytes]] = {}
    for country, size in IBAN_LENGTHS.items():
        by_length.setdefault(size, []).append(country)
    return b"|".join(
        b"(?i:%s)[0-9]{2}(?:[A-Z0-9]{%d}|[a-z0-9]{%d}|%s)"
        % (b"|".join(countries), size - 4, size - 4, _grouped(size - 4))
        for size, countries in sorted(by_length.items())
    )


def _grouped(size: int) -> bytes:
    whole, rest = divmod(size, 4)
    return b"(?:[ -][A-Za-z0-9]{4}){%d}" % whole + (b"[ -][A-Za-z0-9]{%d}" % rest if rest else b"")


def is_card(number: bytes) -> bool:
    """Whether the number has an issuer's range, that issuer's length, and the check digit.

    Source: ISO/IEC 7812; the ranges that the networks publish.
    """
    if len(set(number)) < 2 or not checksums.luhn(number):
        return False
    size, six = len(number), int(number[:6].ljust(6, b"0"))
    return any(low <= six <= high and size in sizes for low, high, sizes in _ISSUERS)


_ISSUERS = (
    (400000, 499999, (13, 16, 19)),  # Visa
    (222100, 272099, (16,)),  # Mastercard
    (510000, 559999, (16,)),  # Mastercard
    (340000, 349999, (15,)),  # American Express
    (370000, 379999, (15,)),  # American Express
    (300000, 305999, (14,)),  # Diners Club
    (360000, 369999, (14, 16)),  # Diners Club
    (380000, 399999, (14, 16)),  # Diners Club
    (352800, 358999, (16,)),  # JCB
    (601100, 601199, (16, 19)),  # Discover
    (644000, 659999, (16, 19)),  # Discover, and Elo within it
    (620000, 629999, (16, 17, 18, 19)),  # UnionPay
    (500000, 509999, (16, 19)),  # Maestro, Elo
    (560000, 589999, (16, 19)),  # Maestro
    (600000, 606999, (16,)),  # Hipercard, RuPay
    (639000, 639099, (16, 19)),  # Maestro
    (676000, 676999, (16, 18, 19)),  # Maestro
    (220000, 220499, (16, 19)),  # Mir
)


def _card(match: Match) -> bool:
    return stands_alone(match) and not is_other(match) and is_card(digits(match[0]))


def _labelled_card(match: Match) -> bool:
    return follows_label(match) and is_card(digits(value_of(match)))


_CARDS = "ISO/IEC 7812; the ranges that the networks publish"
_GROUPED = (
    rb"[0-9]{4}(?: [0-9]{4}){3}(?: [0-9]{3})?|[0-9]{4}(?:-[0-9]{4}){3}(?:-[0-9]{3})?"
    rb"|3[0-9]{3} [0-9]{6} [0-9]{4,5}|3[0-9]{3}-[0-9]{6}-[0-9]{4,5}"
)

RULES = (
    Rule(
        "iban",
        "personal",
        re.compile(START + rb"(?:" + _iban_patterns() + rb")(?![0-9A-Za-z])"),
        _iban,
        alphanumerics,
        regex=re.compile(
            rb"(?<![0-9])[A-Za-z](?=[A-Za-z][0-9]{2}(?:[0-9A-Za-z]{11}|[ -][0-9A-Za-z]{4}[ -]))"
        ),
        source="ISO 13616; the registry of SWIFT, release 99",
        checksum="ISO/IEC 7064 MOD 97-10",
    ),
    Rule(
        "card",
        "personal",
        re.compile(START + rb"(?:" + _GROUPED + rb")(?![0-9A-Za-z])"),
        _card,
        digits,
        literals=(
            b"0000 0000 0000 0000",
            b"0000-0000-0000-0000",
            b"0000 000000 0000",
            b"0000-000000-0000",
        ),
        source=_CARDS,
        checksum="Luhn",
    ),
    Rule(
        "card",
        "personal",
        re.compile(rb"(?:(?<=%B)|" + START + rb")[2-6][0-9]{13,15}(?![0-9A-Za-z])"),
        _card,
        digits,
        literals=(b"00000000000000",),
        source=_CARDS,
        checksum="Luhn",
    ),
    Rule(
        "card",
        "personal",
        re.compile(
            rb"(?i:card|cart[a\xc3]\xa3?o|credit|debit|visa|mastercard|amex|pan|cc)"
            + GLUE
            + rb"(?<![0-9])(?P<value>[2-6][0-9]{12,18}|"
            + _GROUPED
            + rb")(?![0-9A-Za-z])"
        ),
        _labelled_card,
        digits,
        words=(b"card", b"cart", b"credit", b"debit", b"visa", b"amex", b"pan", b"cc"),
        source=_CARDS,
        checksum="Luhn",
        context="label",
    ),
)

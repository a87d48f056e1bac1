"""What is looked for only where somebody asks: dates of birth and addresses on the network.

Logs are full of both where they are wanted; where they must not be, `--also` says so.
"""

from __future__ import annotations

import re
from ipaddress import AddressValueError, IPv4Address, IPv6Address

from engine.privacy.labels import GLUE, follows_label, stands_alone
from engine.privacy.rule import SECOND, START, Match, Rule, digits, value_of

_MONTHS = (
    b"jan feb mar apr may jun jul aug sep oct nov dec fev abr mai ago set out dez ene dic".split()
)


def _is_birth(match: Match) -> bool:
    """Whether the label names a birth, and the date is one of the last 125 years."""
    value = value_of(match)
    year = re.search(rb"(?:19|20)[0-9]{2}", value)
    parts = [int(part) for part in re.findall(rb"[0-9]+", value)]
    small = [part for part in parts if part < 1000]
    if len(digits(value)) == 8 and len(parts) == 1:
        small = [int(value[4:6]), int(value[6:])] if value[:2] in (b"19", b"20") else []
        year = re.match(rb"(?:19|20)[0-9]{2}", value)
    named = any(month in value.lower() for month in _MONTHS)
    return (
        year is not None
        and follows_label(match)
        and all(1 <= part <= 31 for part in small)
        and (named or (len(small) == 2 and min(small) <= 12))
    )


def _is_ipv4(match: Match) -> bool:
    """Whether it is an address of somebody: no version, not loopback, not unspecified."""
    try:
        address = IPv4Address(match[0].decode())
    except AddressValueError:
        return False
    return stands_alone(match) and not (
        address.is_loopback or address.is_unspecified or address.is_multicast
        or address.packed[0] == 0 or address.packed[0] == 255
    )  # fmt: skip


def _is_ipv6(match: Match) -> bool:
    try:
        address = IPv6Address(match[0].decode())
    except (AddressValueError, UnicodeDecodeError):
        return False
    return not (address.is_loopback or address.is_unspecified or address.is_multicast)


RULES = (
    Rule(
        "birth_date",
        "personal",
        re.compile(
            rb"(?i:date[ _-]?of[ _-]?birth|birth[ _-]?da(?:te|y)|dob|born(?:[ _-]?on)?|"
            rb"data[ _-]?de[ _-]?nascimento|nascimento|nascido|geburtsdatum|geboren|"
            rb"fecha[ _-]?de[ _-]?nacimiento|date[ _-]?de[ _-]?naissance)"
            + GLUE
            + rb"(?<![0-9])(?P<value>[0-9]{4}[-/.][0-9]{1,2}[-/.][0-9]{1,2}|"
            rb"[0-9]{1,2}(?:[-/.]|%2[fF]|\\/)[0-9]{1,2}(?:[-/.]|%2[fF]|\\/)[0-9]{4}|[0-9]{8}|"
            rb"[0-9]{1,2}\.? [A-Za-z]{3,9}\.?,? [0-9]{4}|[A-Za-z]{3,9}\.? [0-9]{1,2},? [0-9]{4})"
            rb"(?![0-9A-Za-z])"
        ),
        _is_birth,
        words=(b"birth", b"dob", b"born", b"nasc", b"geb", b"date", b"data", b"fecha"),
        source="what its label says",
        since=SECOND,
        context="label",
        on_request=True,
    ),
    Rule(
        "ip_address",
        "personal",
        re.compile(START + rb"[0-9]{1,3}(?:\.[0-9]{1,3}){3}(?![0-9A-Za-z])(?!\.[0-9])"),
        _is_ipv4,
        regex=re.compile(rb"(?<![0-9.])[0-9]{1,3}(?=(?:\.[0-9]{1,3}){3}(?![0-9]))"),
        source="RFC 791",
        since=SECOND,
        on_request=True,
    ),
    Rule(
        "ip_address",
        "personal",
        re.compile(
            rb"(?<![0-9A-Za-z:.])[0-9A-Fa-f]{0,4}(?::[0-9A-Fa-f]{0,4}){2,7}(?![0-9A-Za-z:])"
        ),
        _is_ipv6,
        bytes.lower,
        regex=re.compile(
            rb"(?<![0-9A-Za-z:.])(?:[0-9A-Fa-f]{1,4}(?=(?::[0-9A-Fa-f]{0,4}){3})|(?=::[0-9A-Fa-f]))"
        ),
        source="RFC 4291",
        since=SECOND,
        on_request=True,
    ),
)

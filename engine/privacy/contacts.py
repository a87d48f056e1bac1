"""E-mail addresses and telephone numbers."""

from __future__ import annotations

import re

from engine.privacy.labels import GLUE, follows_label, is_other, stands_alone
from engine.privacy.rule import START, Match, Rule, digits, value_of

_LOCAL = re.compile(rb"[\w\x80-\xff][\w\x80-\xff.!#$&'*+/=?^`{|}~%-]{0,63}\Z")
_EMAIL = re.compile(
    rb"[\w\x80-\xff][\w\x80-\xff.!#$&'*+/=?^`{|}~%-]{0,63}?(?:@|%40|\\u0040)"
    rb"(?:[A-Za-z0-9\x80-\xff](?:[A-Za-z0-9\x80-\xff-]{0,61}[A-Za-z0-9\x80-\xff])?\.){1,8}"
    rb"[A-Za-z\x80-\xff]{2,24}(?![A-Za-z0-9_@])"
)
_NO_DOMAINS = frozenset(
    b"service socket timer target mount slice scope device path png jpg jpeg gif svg webp ico css "
    b"js mjs ts tsx jsx json html xml yaml yml log txt csv class jar war dll exe so git".split()
)
"""Last labels that make it a file or a systemd unit; none is a top-level domain."""


_SEPARATOR = re.compile(rb".*(?:[=&?'/|`{}]|%3[dDaAfF]|%2[2267Cc])", re.DOTALL)
_ESCAPED = re.compile(rb"(?<=\\)(?:[nrt]|u00[2-7][0-9a-fA-F])")
_LETTER = re.compile(rb"[\w\x80-\xff]")


def _local_part(text: bytes, at: int) -> int:
    """Where the local part before an ``@`` begins; key and separator before it do not belong."""
    found = _LOCAL.search(text, max(0, at - 64), at)
    if found is None:
        return -1
    cut = _SEPARATOR.match(text, found.start(), at)
    start = cut.end() if cut else found.start()
    if escape := _ESCAPED.match(text, start, at):
        start = escape.end()
    letter = _LETTER.search(text, start, at)
    return letter.start() if letter else -1


def _is_text(local: bytes, domain: bytes) -> bool:
    """Whether what is not ASCII can be: UTF-8, or a letter here and there of an older encoding."""
    if not domain.isascii() and not _is_utf_8(domain):
        return False
    plain = sum(code < 128 for code in local)
    return plain == len(local) or _is_utf_8(local) or 3 * plain >= 2 * len(local)


def _is_utf_8(text: bytes) -> bool:
    try:
        text.decode()
    except UnicodeDecodeError:
        return False
    return True


def _email(match: Match) -> bool:
    local, _, domain = re.sub(rb"%40|\\u0040", b"@", match[0], count=1).partition(b"@")
    if not _is_text(local, domain):
        return False
    labels = domain.lower().split(b".")
    if labels[-1] in _NO_DOMAINS or all(label.isdigit() for label in labels[:-1]):
        return False
    if _is_login(match, local):
        return False
    return b".." not in local and not local.endswith(b".")


_REMOTE = re.compile(rb":(?:[/~]|[\w.-]{1,64}/)|\]?:~?[$#]")
_LOGIN = re.compile(
    rb"(?:\A|[\s;&|(\"'`$])(?:ssh|sftp|scp|rsync|mosh|autossh|ssh-copy-id|sshfs)"
    rb"(?:[ \t]+-{1,2}[\w=./:,@-]+(?:[ \t]+[\w./:=~,-]+)?){0,8}[ \t]+[\"']?\Z"
)
_SCHEME = re.compile(rb"(?:ssh|sftp|ftp|ftps|rsync|git|https?|svn|imaps?|smtps?)://\Z")


def _is_login(match: Match, local: bytes) -> bool:
    """Whether it is where somebody logs in: ``ssh user@host``, ``user@host:path``, ``ssh://``."""
    text, (start, end) = match.string, match.span()
    if local == b"git" and text[end : end + 1] in (b":", b"/"):
        return True
    if _REMOTE.match(text, end, end + 80):
        return True
    line = max(text.rfind(b"\n", max(0, start - 200), start) + 1, start - 200, 0)
    before = text[line:start]
    return _LOGIN.search(before) is not None or _SCHEME.search(before) is not None


def _canonical_email(value: bytes) -> bytes:
    return re.sub(rb"%40|\\u0040", b"@", value).lower()


# ITU-T E.164, list of assigned country codes (Operational Bulletin 1114 and its amendments),
# with the fewest and the most digits of a national number where a plan is closed enough to say.
_CODES = (
    "20 27 30 31 32 33 34 36 39 40 41 43 44 45 46 47 48 49 51 52 53 54 55 56 57 58 60 61 62 63 64 "
    "65 66 81 82 84 86 90 91 92 93 94 95 98 211 212 213 216 218 220 221 222 223 224 225 226 227 "
    "228 229 230 231 232 233 234 235 236 237 238 239 240 241 242 243 244 245 246 247 248 249 250 "
    "251 252 253 254 255 256 257 258 260 261 262 263 264 265 266 267 268 269 290 291 297 298 299 "
    "350 351 352 353 354 355 356 357 358 359 370 371 372 373 374 375 376 377 378 380 381 382 383 "
    "385 386 387 389 420 421 423 500 501 502 503 504 505 506 507 508 509 590 591 592 593 594 595 "
    "596 597 598 599 670 672 673 674 675 676 677 678 679 680 681 682 683 685 686 687 688 689 690 "
    "691 692 800 808 850 852 853 855 856 870 878 880 881 882 883 886 888 960 961 962 963 964 965 "
    "966 967 968 970 971 972 973 974 975 976 977 979 992 993 994 995 996 998"
)
_ANY = (6, 12)
_ISLANDS = "247 290 500 676 677 678 682 683 685 686 688 690"
_SIZES: dict[bytes, tuple[int, int]] = {
    **{code.encode(): _ANY for code in _CODES.split()},
    **{code.encode(): (4, 12) for code in _ISLANDS.split()},
    **{b"33": (9, 9), b"34": (9, 9), b"44": (9, 10), b"31": (9, 9), b"32": (8, 9), b"45": (8, 8)},
    **{b"46": (7, 10), b"47": (8, 8), b"48": (9, 9), b"351": (9, 9), b"353": (7, 10)},
    **{b"41": (9, 9), b"30": (10, 10), b"36": (8, 9), b"420": (9, 9), b"421": (9, 9)},
    **{b"27": (9, 9), b"61": (9, 9), b"81": (9, 10), b"86": (10, 11), b"91": (10, 10)},
    **{b"7": (10, 10), b"1": (10, 10), b"55": (10, 11)},
}
_AREAS_BR = frozenset(
    b"11 12 13 14 15 16 17 18 19 21 22 24 27 28 31 32 33 34 35 37 38 41 42 43 44 45 46 47 48 49 51 "
    b"53 54 55 61 62 63 64 65 66 67 68 69 71 73 74 75 77 79 81 82 83 84 85 86 87 88 89 91 92 93 94 "
    b"95 96 97 98 99".split()
)


def is_international(number: bytes) -> bool:
    """Whether the digits behind a plus are a telephone number by ITU-T E.164."""
    for size in (1, 2, 3):
        code, national = number[:size], number[size:]
        if code in _SIZES:
            least, most = _SIZES[code]
            return least <= len(national) <= most and len(number) <= 15 and _plan(code, national)
    return False


def _plan(code: bytes, national: bytes) -> bool:
    if code == b"1":
        return _is_american(national)
    return _is_brazilian(national) if code == b"55" else len(set(national)) > 1


def _is_american(number: bytes) -> bool:
    """NANP: area and exchange begin with 2 to 9 and are no service code such as 911."""
    area, exchange = number[:3], number[3:6]
    return (
        len(number) == 10
        and min(area[:1], exchange[:1]) >= b"2"
        and b"11" not in (area[1:], exchange[1:])
    )


def _is_brazilian(number: bytes) -> bool:
    """Anatel: a known area, then nine digits from 9 for a mobile, eight from 2 to 5 else."""
    area, rest = number[:2], number[2:]
    mobile = len(rest) == 9 and rest[:1] == b"9"
    return area in _AREAS_BR and (mobile or (len(rest) == 8 and b"2" <= rest[:1] <= b"5"))


def _international(match: Match) -> bool:
    return is_international(digits(re.sub(rb"\\u002[bB]|%2[bB]|\(0\)", b"", match[0])))


def _american(match: Match) -> bool:
    return stands_alone(match) and not is_other(match) and _is_american(digits(match[0])[-10:])


def _brazilian(match: Match) -> bool:
    return stands_alone(match) and not is_other(match) and _is_brazilian(digits(match[0]))


def _in_parentheses(match: Match) -> bool:
    """``(11) 98765-4321``, ``(415) 555-2671``, ``(020) 7946 0958``."""
    number = digits(match[0])
    area = match[0][1 : match[0].index(b")")]
    british = area[:1] == b"0" and len(area) > 2 and len(number) in (10, 11)
    return british or _is_american(number) or (len(area) == 2 and _is_brazilian(number))


def _labelled(match: Match) -> bool:
    value = value_of(match)
    number = digits(value)
    return (
        follows_label(match)
        and 7 <= len(number) <= 15
        and len(set(number)) > 2
        and b"--" not in value
        and not re.match(rb"(?:19|20)[0-9]{2}-[01][0-9]-[0-3][0-9]", value)
    )


def _canonical_phone(value: bytes) -> bytes:
    return digits(re.sub(rb"\\u002[bB]|%2[bB]|\(0\)", b"", value))


_LABELS = (
    rb"(?i:phones?|tel\xc3\xa9fono|tele(?:phone|fone|fono|foon|fon|fax)|t\xc3\xa9l(?:\xc3\xa9phone|\xc3\xa9fono)?"
    rb"|tel|mobile|mobil|m\xc3\xb3vil|movil|msisdn|fax|whatsapp|celular|fone|handy|sms)"
)

RULES = (
    Rule(
        "email",
        "personal",
        _EMAIL,
        _email,
        _canonical_email,
        regex=re.compile(
            rb"(?:@|%40|\\u0040)(?=[A-Za-z0-9\x80-\xff][A-Za-z0-9\x80-\xff-]{0,62}\."
            rb"[A-Za-z0-9\x80-\xff])"
        ),
        back=_local_part,
        source="RFC 5321 section 4.1.2, RFC 6531",
    ),
    Rule(
        "phone",
        "personal",
        re.compile(
            START + rb"(?<!\+)(?:\+|\\u002[bB]|%2[bB])[1-9](?:[ .()/-]{0,2}[0-9]){6,14}"
            rb"(?![0-9A-Za-z])(?!\.[0-9])"
        ),
        _international,
        _canonical_phone,
        literals=(b"+0", b"\\u000b", b"%0b"),
        source="ITU-T E.164; list of assigned country codes",
    ),
    Rule(
        "phone",
        "personal",
        re.compile(
            START + rb"(?:1[-. ])?[2-9][0-9]{2}-[2-9][0-9]{2}-[0-9]{4}(?![0-9A-Za-z])"
        ),
        _american,
        _canonical_phone,
        literals=(b"000-000-0000",),
        back=lambda text, at: at - 2 if text[at - 2 : at] in (b"1-", b"1 ", b"1.") else at,
        source="NANP: ATIS-0300051",
    ),
    Rule(
        "phone",
        "personal",
        re.compile(START + rb"[1-9][0-9][ .-]9[0-9]{4}-[0-9]{4}(?![0-9A-Za-z])"),
        _brazilian,
        _canonical_phone,
        literals=(b"00 00000-0000", b"00-00000-0000", b"00.00000-0000"),
        source="Anatel: plano de numeração",
    ),
    Rule(
        "phone",
        "personal",
        re.compile(
            rb"\((?:[1-9][0-9]|[2-9][0-9]{2}|0[1-9][0-9]{1,3})\) ?[0-9](?:[ -]?[0-9]){5,9}"
            rb"(?![0-9A-Za-z])"
        ),
        _in_parentheses,
        _canonical_phone,
        regex=re.compile(rb"\((?=[0-9]{2,5}\) ?[0-9])"),
        source="NANP, Anatel, Ofcom",
    ),
    Rule(
        "phone",
        "personal",
        re.compile(
            _LABELS + GLUE + rb"(?<![0-9A-Za-z.+])(?P<value>\(?[0-9](?:[ .()/-]{0,2}[0-9]){6,14})"
            rb"(?![0-9A-Za-z])(?!\.[0-9])"
        ),
        _labelled,
        _canonical_phone,
        words=(b"phone", b"tele", b"t\xc3\xa9l", b"tel", b"mobil", b"m\xc3\xb3vil", b"movil",
               b"msisdn", b"fax", b"whatsapp", b"celular", b"fone", b"handy", b"sms"),
        source="what its label says",
        context="label",
    ),
)  # fmt: skip

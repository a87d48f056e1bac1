"""Secrets by what stands around them: private keys, passwords in URLs and behind their key."""

from __future__ import annotations

import re

from engine.privacy.labels import is_inside_word
from engine.privacy.rule import SECOND, Match, Rule, value_of

_HEADER = rb"-----BEGIN (?:[A-Z0-9]{1,12} ){0,3}PRIVATE KEY(?: BLOCK)?-----"
_FOOTER = rb"-----END (?:[A-Z0-9]{1,12} ){0,3}PRIVATE KEY(?: BLOCK)?-----"
_BODY = rb"(?:(?!-----)[\x00-\xff]){0,20000}?"
_LINES = rb"(?:(?:\s|\\[nr]){1,4}[A-Za-z0-9+/=]{16,128}(?![A-Za-z0-9+/=])){0,300}"

_CROSSED_OUT = re.compile(rb"KEY(?: BLOCK)?-----(?:\s|\\+[nr])*(?:X{4}|x{4}|\.{3}|\*{3}|<)")

_MASKED = re.compile(
    rb"(?i)[*x.#_<>\[\](){}\\\"'-]+\Z|\[?<?\[?redacted|<[^>]*>?\Z|\$[({]|\$\w+\Z|\{|%[({]|%[A-Za-z_]\w*%|\*{3}|"
    rb"(?:null|none|nil|true|false|undefined|changeme|change[_-]me|placeholder|example|required|"
    rb"missing|invalid|expired|removed|filtered|hidden|masked|secret|password|arn:|vault:|ssm:|"
    rb"file:|env:|https?:|your[_ -]|my[_-](?:pass|secret|api|key|token)|x{4}|dummy|insert[_ -]|"
    rb"replace[_ -]|enter[_ -]|op://|base64:)"
)
_WORDS = frozenset(
    b"pass passwd pwd pw pass1 foo bar foobar xxx user username hostname host value string token "
    b"apikey api_key key test123 pass123 123456 12345678 123 abc xyz key_1234 anoncvs".split()
)
"""What stands for a password where one is explained."""


def _is_value(match: Match) -> bool:
    """Whether it is a secret, not a mask, a placeholder, or where the secret is kept."""
    value = value_of(match)
    return (
        _MASKED.match(value) is None
        and len(set(value)) >= 5
        and value.lower() not in _WORDS
        and b"EXAMPLE" not in value
    )


_PATH = re.compile(
    rb"(?:~|\.{1,2}|[A-Za-z]:|\$\w+)?[\\/](?:[\w.@+%~ -]{0,64}[\\/]){0,16}[\w.@+%~ *-]{0,64}\Z"
)
_LONG_RANDOM = re.compile(rb"[A-Za-z0-9+]{24,}")
_WORKING_FOLDER = re.compile(rb"(?i)(?:old)?pwd\Z")
_NAME = re.compile(
    rb"(?:[a-z]{2,}[0-9]{0,2}|v?[0-9]{1,4})(?:[.-](?:[a-z]+[0-9]{0,2}|v?[0-9]{1,4}))+\Z"
)
"""Of an object of Kubernetes: words and small numbers between hyphens."""
_CODE = re.compile(
    rb"[A-Za-z_$][\w$]*(?:(?:\.|->|::|\?\.)[A-Za-z_$][\w$]*)+(?:[(\[.;:=]|\Z)|"  # attributes
    rb"_*[A-Za-z]+[0-9]{0,2}(?:_+[A-Za-z]+[0-9]{0,2})+_*[(\[.;:]*\Z|"  # names with underscores
    rb"[A-Za-z_$][\w$]*\.[\w$.]*[(\[{]|[A-Z]?[a-z_$][A-Za-z_$]{2,}[0-9]?[(\[{]|"  # calls, indices
    rb"={1,2}[^=]|[),;\]}]|"  # what follows a text that ends there
    rb"_*[A-Za-z]+[0-9]?[.:;=(\[{*_]*\Z|"  # one word
    rb"[A-Za-z_$][\w$]*=[\w$.]+[(.]|[A-Za-z_$]{1,2}\([a-z]\.|\[[a-z]+=|"  # small code
    rb"[a-z][a-z0-9-]*\{|"  # selectors
    rb"[@%&!=<>:|.\-+*/\\^~?#]{1,3}(?:[A-Za-z_][\w.-]*)?\Z|"
    rb"[bBrRuUfF]{1,2}[\"']"
)
_ADDRESS = re.compile(rb"[\w.+-]+@[\w-]+\.[\w.-]+\Z")


_EDGE = re.compile(rb"(?<=[a-z])[A-Z]|(?<=[A-Z][A-Z])[a-z]|(?<=[0-9])[A-Za-z]|(?<=[A-Za-z])[0-9]")


def _is_code(value: bytes) -> bool:
    """Whether it is a name or an expression, and none that changes its kind of letter as often as
    random text does.
    """
    return _CODE.match(value) is not None and 3 * len(_EDGE.findall(value)) < len(value)


def is_path(value: bytes) -> bool:
    """Whether it is where something is, not what it is: a path of words."""
    return _PATH.match(value) is not None and _LONG_RANDOM.search(value) is None


def _is_assigned(match: Match) -> bool:
    """Whether the key itself ends with the word, and the value has letters and something else."""
    value = value_of(match)
    text, (start, end) = match.string, match.span("value")
    if (
        not _is_value(match)
        or is_inside_word(text, match.start())
        or re.search(rb"[A-Za-z]", value) is None
        or re.search(rb"[^A-Za-z]", value) is None
        or is_path(value)
    ):
        return False
    key = match["key"].lower()
    if key.endswith(b"pwd") and value.startswith((b"/", b"~/", b"\\")):
        return False
    if key.startswith(b"secret") and _NAME.match(value):
        return False
    quoted = text[start - 1 : start] in (b'"', b"'", b"`")
    if quoted:
        return _is_no_sentence(value)
    if b"\n" in text[match.start() : start] and not _is_line_of_its_own(text, end, value):
        return False
    return not _is_code(value) and _ADDRESS.match(value) is None


def _is_no_sentence(value: bytes) -> bool:
    """Whether a quoted value is no text for people, no name, no pattern."""
    words = value.split()
    if len(words) > 1:
        return (
            re.search(rb"[0-9]", value) is not None and len(words) <= 6 and value[-1:] not in b".:?"
        )
    return not _is_code(value) and _NAME.match(value) is None


_CLASSES = (rb"[a-z]", rb"[A-Z]", rb"[0-9]", rb"[^A-Za-z0-9]")


def _is_line_of_its_own(text: bytes, end: int, value: bytes) -> bool:
    """Whether nothing follows on the next line, and the value mixes kinds of characters."""
    after = text[end : end + 4].lstrip(b"\"'` \t")[:1]
    return after in (b"", b"\n", b"\r", b"\\", b"<") and (
        sum(re.search(kind, value) is not None for kind in _CLASSES) >= 3
        or len(re.findall(rb"[0-9]", value)) >= 2
    )


_WORD = (
    rb"passwords?|passwd|passphrase|passcode|passwort|kennwort|contrase\xc3\xb1a|pwd|senha|"
    rb"client[_-]?secret|api[_-]?key|apikey|secret[_-]?key|access[_-]?token|refresh[_-]?token|"
    rb"auth[_-]?token|private[_-]?token|secret|(?<=[_-])pass(?![A-Za-z])"
)
_QUOTE = rb"(?:\\u0022|%2[27]|&quot;|&#3[49];|[\\\"'`]){0,4}"
_SEPARATOR = rb"(?:=>|:=|[:=]|%3[aAdD]|\\u003[aAdD])"
_VALUE = (
    rb"(?P<value>(?<=[\"'])[^\"'\\\r\n]{8,256}(?=\\?[\"'])|(?<=`)[^`\\\r\n]{8,256}(?=`)|"
    rb"(?:(?!%2[267cC]|%0[aAdD]|&quot;|&#|\\u00)[^\s\"'`\\,;&<>|)\]}]){8,256})"
)
_OPEN = rb"(?:\\u0022|%2[27]|&quot;|&#3[49];|\\{0,3}[\"'`])?"
_ASSIGNED = (
    rb"(?i:(?P<key>" + _WORD + rb"))" + _QUOTE + rb"[ \t]?" + _SEPARATOR + rb"[ \t]{0,8}"
    rb"(?:(?:\r?\n|\\r\\n|\\n)[ \t]{0,24})?" + _OPEN + _VALUE
)
_IN_XML = (
    rb"(?i:(?P<key>"
    + _WORD
    + rb"))[\w.-]{0,16}[\"']?(?:\s[^<>\r\n]{0,160})?>[ \t]{0,4}(?:\r?\n[ \t]{0,24})?"
    rb"(?P<value>[^<>\s]{6,256})\s{0,4}(?:</|\]\])"
)
_IN_ATTRIBUTE = (
    rb"(?i:(?P<key>" + _WORD + rb"))[\"'](?:\s[\w:.-]{1,24}=[\"'][^\"'<>\r\n]{0,64}[\"']){0,2}"
    rb"(?:\s(?:value|content)\s?=\s?[\"'](?P<value>[^\"'<>\r\n]{6,256})(?=[\"']))"
)
_OPTION = (
    rb"--?(?:[a-z]{1,16}-)?(?i:(?P<key>password|passwd|passphrase|pass|pwd|secret|token|api-?key|"
    rb"secret-key|access-key|client-secret|auth-token))(?:[ \t]{1,4}|=)[\"']?"
    rb"(?P<value>(?<=[\"'])[^\"'\r\n]{6,256}(?=[\"'])|[^\s\"'\\,;&<>|)\]}(]{6,256})"
)
_USER = (
    rb"(?:curl|http|https|wget|xh|ab|wrk)\b[^\r\n|;&]{0,400}?[ \t]"
    rb"(?:-u|-U|-a|--user|--proxy-user|--auth)"
    rb"[ \t=]?[\"']?[^\s:\"'/]{1,128}:(?P<value>(?:(?<!//)[^\s\"'\\]){4,256})"
)
_CALLERS = (b"curl", b"http", b"wget", b"xh ", b"ab ", b"wrk ")


def _caller_before(text: bytes, option: int) -> int:
    """Where the command begins that the option is one of."""
    start = max(0, option - 400, text.rfind(b"\n", max(0, option - 400), option) + 1)
    return max(text.rfind(name, start, option) for name in _CALLERS)


def _is_option(match: Match) -> bool:
    value = value_of(match)
    return (
        _is_value(match)
        and re.search(rb"[0-9]|[^\w.-]", value) is not None
        and not value.startswith((b"-", b"@", b"/dev/", b"$", b"%"))
        and not is_path(value)
        and not _is_code(value)
        and (match["key"].lower() not in (b"secret", b"token") or _NAME.match(value) is None)
    )


def _is_user(match: Match) -> bool:
    value = value_of(match)
    return _MASKED.match(value) is None and value.lower() not in _WORDS and value[:1] != b"$"


def _is_in_xml(match: Match) -> bool:
    value = value_of(match)
    return (
        _is_value(match)
        and not is_inside_word(match.string, match.start())
        and re.search(rb"[A-Za-z]", value) is not None
        and re.search(rb"[^A-Za-z]", value) is not None
        and not is_path(value)
        and not _is_code(value)
        and (not match["key"].lower().startswith(b"secret") or _NAME.match(value) is None)
    )


def _is_url_password(match: Match) -> bool:
    value = value_of(match)
    return _MASKED.match(value) is None and value.lower() not in _WORDS


_TRIGGERS = (
    *(b"passw", b"passphrase", b"passcode", b"pwd", b"senha", b"kennwort", b"contrase\xc3\xb1a"),
    *(b"client_secret", b"client-secret", b"clientsecret", b"api_key", b"api-key", b"apikey"),
    *(b"secret", b"access_token", b"access-token", b"accesstoken", b"refresh_token"),
    *(b"refresh-token", b"refreshtoken", b"auth_token", b"auth-token", b"authtoken"),
    *(b"private_token", b"private-token", b"pass=", b"pass:", b'pass"', b"pass'", b"pass "),
)
_PASSWORD = "what its key says; gitleaks 8"

RULES = (
    Rule(
        "private_key",
        "secret",
        re.compile(_HEADER + rb"(?![\"'])(?:" + _BODY + _FOOTER + rb"|" + _LINES + rb")"),
        lambda match: _CROSSED_OUT.search(match[0]) is None,
        literals=(b"-----begin ",),
        source="RFC 7468; OpenSSH PROTOCOL.key; RFC 9580",
    ),
    Rule(
        "private_key",
        "secret",
        re.compile(
            rb"PuTTY-User-Key-File-[0-9](?:(?!PuTTY)[\x00-\xff]){0,20000}?"
            rb"Private-MAC: [0-9a-f]{40,64}"
        ),
        literals=(b"putty-user-key-file-",),
        source="PuTTY manual, appendix C",
    ),
    Rule(
        "url_password",
        "secret",
        re.compile(rb"://[^\s/:@\"'<>?#]{0,128}:(?P<value>[^\s/@\"'<>]{3,256})@(?=[A-Za-z0-9\[])"),
        _is_url_password,
        literals=(b"://",),
        source="RFC 3986 section 3.2.1",
        context="URL",
    ),
    Rule(
        "bearer_token",
        "secret",
        re.compile(
            rb"(?i:bearer|authorization[\\\"']{0,4}: ?[\\\"']{0,4}(?:basic|token|apikey))(?: |%20)"
            rb"(?P<value>[A-Za-z0-9._~+/-]{16,4096}={0,2})"
        ),
        lambda match: _is_value(match) and re.search(rb"[0-9]", value_of(match)) is not None,
        words=(b"bearer ", b"bearer%00", b"authorization"),
        source="RFC 6750, RFC 7617",
        context="label",
    ),
    Rule("password", "secret", re.compile(_ASSIGNED), _is_assigned, words=_TRIGGERS,
         source=_PASSWORD, context="label"),
    Rule("password", "secret", re.compile(_IN_XML), _is_in_xml, words=_TRIGGERS,
         source=_PASSWORD, since=SECOND, context="label"),
    Rule("password", "secret", re.compile(_IN_ATTRIBUTE), _is_in_xml, words=_TRIGGERS,
         source=_PASSWORD, since=SECOND, context="label"),
    Rule("password", "secret", re.compile(_OPTION), _is_option,
         regex=re.compile(rb"--(?=[A-Za-z-]{0,17}(?i:pass|pwd|secret|token|api-?key|access-key))"),
         source=_PASSWORD, since=SECOND, context="command line"),
    Rule("password", "secret", re.compile(_USER), _is_user,
         regex=re.compile(rb"(?<=[ \t])-(?:u|U|a|-user|-proxy-user|-auth)(?=[ \t=\"'])"),
         back=_caller_before, source=_PASSWORD, since=SECOND, context="command line"),
)  # fmt: skip

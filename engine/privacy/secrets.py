"""Secrets by what stands around them: private keys, passwords in URLs and behind their key."""

from __future__ import annotations

import re

from engine.privacy.labels import is_inside_word
from engine.privacy.rule import Match, Rule, value_of

_HEADER = rb"-----BEGIN (?:[A-Z0-9]{1,12} ){0,3}PRIVATE KEY(?: BLOCK)?-----"
_FOOTER = rb"-----END (?:[A-Z0-9]{1,12} ){0,3}PRIVATE KEY(?: BLOCK)?-----"
_BODY = rb"(?:(?!-----)[\x00-\xff]){0,20000}?"
_LINES = rb"(?:(?:\s|\\[nr]){1,4}[A-Za-z0-9+/=]{16,128}(?![A-Za-z0-9+/=])){0,300}"

_MASKED = re.compile(
    rb"(?i)[*x.#_<>\[\](){}\\\"'-]+\Z|\[?<?\[?redacted|<[^>]*>?\Z|\$[({]|\{\{|%\(|\*{3}|"
    rb"(?:null|none|nil|true|false|undefined|changeme|placeholder|example|required|missing|invalid|"
    rb"expired|removed|filtered|hidden|masked|secret|password|arn:|vault:|ssm:|file:|env:|https?:)"
)


def _is_value(match: Match) -> bool:
    """Whether it is a secret, not a mask, a placeholder, or where the secret is kept."""
    value = value_of(match)
    return _MASKED.match(value) is None and len(set(value)) >= 5


def _is_assigned(match: Match) -> bool:
    """Whether the key itself ends with the word, and the value has letters and something else."""
    value = value_of(match)
    return (
        _is_value(match)
        and not is_inside_word(match.string, match.start())
        and re.search(rb"[A-Za-z]", value) is not None
        and re.search(rb"[^A-Za-z]", value) is not None
    )


def _is_aws_secret(match: Match) -> bool:
    value = value_of(match)
    return len(set(value)) >= 16 and re.fullmatch(rb"[0-9a-f]+", value) is None


_ASSIGNED = (
    rb"(?i:passwords?|passwd|passphrase|pwd|senha|client[_-]?secret|api[_-]?key|apikey|"
    rb"secret[_-]?key|access[_-]?token|refresh[_-]?token|auth[_-]?token|private[_-]?token|secret)"
    rb"[\\\"']{0,4}[ \t]?(?:=>|[:=])[ \t]?[\\\"']{0,4}"
    rb"(?P<value>(?<=[\"'])[^\"'\\\r\n]{8,256}(?=\\?[\"'])|[^\s\"'\\,;&<>|)\]}]{8,256})"
)

RULES = (
    Rule(
        "private_key",
        "secret",
        re.compile(_HEADER + rb"(?:" + _BODY + _FOOTER + rb"|" + _LINES + rb")"),
        literals=(b"-----begin ",),
    ),
    Rule(
        "private_key",
        "secret",
        re.compile(
            rb"PuTTY-User-Key-File-[0-9](?:(?!PuTTY)[\x00-\xff]){0,20000}?"
            rb"Private-MAC: [0-9a-f]{40,64}"
        ),
        literals=(b"putty-user-key-file-",),
    ),
    Rule(
        "url_password",
        "secret",
        re.compile(rb"://[^\s/:@\"'<>?#]{0,128}:(?P<value>[^\s/@\"'<>]{3,256})@(?=[A-Za-z0-9\[])"),
        lambda match: _MASKED.match(value_of(match)) is None,
        literals=(b"://",),
    ),
    Rule(
        "aws_secret_key",
        "secret",
        re.compile(
            rb"(?i:secret_?access_?key|aws_?secret(?:_?key)?)[\\\"']{0,4}[ \t]?(?:=>|[:=])[ \t]?"
            rb"[\\\"']{0,4}(?P<value>[A-Za-z0-9+/]{40})(?![A-Za-z0-9+/=])"
        ),
        _is_aws_secret,
        words=(b"secretaccesskey", b"secret_access_key", b"aws_secret", b"awssecret"),
    ),
    Rule(
        "bearer_token",
        "secret",
        re.compile(
            rb"(?i:bearer|authorization[\\\"']{0,4}: ?[\\\"']{0,4}basic) "
            rb"(?P<value>[A-Za-z0-9._~+/-]{16,4096}={0,2})"
        ),
        lambda match: _is_value(match) and re.search(rb"[0-9]", value_of(match)) is not None,
        words=(b"bearer ", b"authorization"),
    ),
    Rule(
        "password",
        "secret",
        re.compile(_ASSIGNED),
        _is_assigned,
        words=(b"passw", b"passphrase", b"pwd", b"senha", b"client_secret", b"client-secret",
               b"clientsecret", b"api_key", b"api-key", b"apikey", b"secret", b"access_token",
               b"access-token", b"accesstoken", b"refresh_token", b"auth_token", b"private_token",
               b"private-token"),
    ),
)  # fmt: skip

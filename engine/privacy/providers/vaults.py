"""Keys of what keeps keys, and signed tokens."""

from __future__ import annotations

from base64 import urlsafe_b64decode

from engine.privacy.providers.row import END, HEX, URL, UUID, is_varied, token
from engine.privacy.rule import FIRST, Match

_GITLEAKS = "gitleaks 8"


def _is_jwt(match: Match) -> bool:
    """Whether the header is a JSON object that names an algorithm: RFC 7515 section 4.1.1."""
    import json

    if not is_varied(match):
        return False
    header = match[0].partition(b".")[0]
    try:
        value = json.loads(urlsafe_b64decode(header + b"=" * (-len(header) % 4)))
    except ValueError:
        return False
    return isinstance(value, dict) and "alg" in value


RULES = (
    token("vault_token", rb"hv[sbr]\." + URL + rb"{24,300}", b"hvs.", b"hvb.", b"hvr.",
          source="developer.hashicorp.com: Vault tokens", since=FIRST),
    token("age_key", rb"AGE-SECRET-KEY-1[0-9A-Z]{58}" + END, b"age-secret-key-1",
          source="age-encryption.org: key format", since=FIRST),
    token("onepassword_token",
          rb"ops_eyJ[A-Za-z0-9+/_-]{200,2000}={0,3}|A3-[A-Z0-9]{6}-(?:[A-Z0-9]{11}|[A-Z0-9]{6}-"
          rb"[A-Z0-9]{5})(?:-[A-Z0-9]{5}){3}" + END, b"ops_ey", b"a3-", source=_GITLEAKS),
    token("doppler_token",
          rb"dp\.(?:pt|st|ct|sa|scim|audit)\.(?:[a-z0-9_-]{2,35}\.)?[A-Za-z0-9]{40,44}" + END,
          b"dp.pt.", b"dp.st.", b"dp.ct.", b"dp.sa.", b"dp.scim.", b"dp.audit.",
          source="docs.doppler.com: token formats"),
    token("infisical_token",
          rb"st\.(?:" + HEX + rb"{24}|" + UUID + rb")\." + HEX + rb"{32,64}\." + HEX + rb"{32,64}"
          + END, b"st.", source="infisical.com/docs: service tokens"),
    token("bitwarden_token", rb"0\." + UUID + rb"\.[A-Za-z0-9]{30}:[A-Za-z0-9+/]{22}==",
          regex=rb"0\.(?=[0-9a-f]{8}-)", source="bitwarden.com/help: access tokens"),
    token("jwt",
          rb"eyJ[A-Za-z0-9_-]{8,4096}+\.[A-Za-z0-9_-]{2,14336}+\.[A-Za-z0-9_-]{0,2048}+"
          rb"(?![A-Za-z0-9_])",
          b"eyj", holds=_is_jwt, source="RFC 7519", since=FIRST),
)  # fmt: skip

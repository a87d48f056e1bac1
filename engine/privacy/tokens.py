"""Keys and tokens of providers: what begins as only they begin."""

from __future__ import annotations

import re
from base64 import urlsafe_b64decode
from collections.abc import Callable

from engine.privacy.rule import START, Match, Rule


def _token(name: str, pattern: bytes, *literals: bytes, holds: Callable[[Match], bool] | None = None
           ) -> Rule:  # fmt: skip
    """A rule for a token whose pattern begins with one of ``literals``, in any case."""
    whole = re.compile(START + rb"(?:" + pattern + rb")")
    return Rule(name, "secret", whole, holds or _is_varied, literals=literals)


def _is_varied(match: Match) -> bool:
    """Whether it is no placeholder, such as one letter repeated."""
    return len(set(match[0][-16:])) >= 6


def _is_jwt(match: Match) -> bool:
    """Whether the header is a JSON object that names an algorithm: RFC 7515 section 4.1.1."""
    import json

    header = match[0].partition(b".")[0]
    try:
        value = json.loads(urlsafe_b64decode(header + b"=" * (-len(header) % 4)))
    except ValueError:
        return False
    return isinstance(value, dict) and "alg" in value


def _is_mixed(match: Match) -> bool:
    """Whether capitals, small letters and digits are in it, as random text of that length has."""
    value = match[0]
    return _is_varied(match) and all(
        re.search(kind, value) for kind in (rb"[A-Z]", rb"[a-z]", rb"[0-9]")
    )


_END = rb"(?![A-Za-z0-9])"
_URL = rb"[A-Za-z0-9_-]"

RULES = (
    _token("aws_access_key", rb"(?:AKIA|ASIA|ABIA|ACCA)[A-Z2-7]{16}" + _END,
           b"akia", b"asia", b"abia", b"acca"),
    _token("github_token", rb"gh[pousr]_[A-Za-z0-9]{36,255}",
           b"ghp_", b"gho_", b"ghu_", b"ghs_", b"ghr_"),
    _token("github_token", rb"github_pat_[A-Za-z0-9_]{22,255}", b"github_pat_"),
    _token("gitlab_token",
           rb"gl(?:pat|dt|rt|ptt|cbt|soat|imt|agent|ft|ffct|oas)-" + _URL + rb"{20,300}",
           b"glpat-", b"gldt-", b"glrt-", b"glptt-", b"glcbt-", b"glsoat-", b"glimt-", b"glagent-",
           b"glft-", b"glffct-", b"gloas-"),
    _token("slack_token", rb"xox[abeoprs]-[A-Za-z0-9.-]{10,300}|xapp-[0-9]-[A-Za-z0-9-]{10,300}",
           b"xox", b"xapp-"),
    _token("slack_webhook",
           rb"hooks\.slack\.com/(?:services|workflows|triggers)/[A-Za-z0-9+/_-]{20,120}",
           b"hooks.slack.com/"),
    _token("stripe_key", rb"[sr]k_(?:live|test)_[A-Za-z0-9]{16,255}|whsec_[A-Za-z0-9+/=]{24,100}",
           b"sk_live_", b"sk_test_", b"rk_live_", b"rk_test_", b"sk_00", b"whsec_"),
    _token("google_key", rb"AIza" + _URL + rb"{35}" + _END, b"aiza"),
    _token("google_oauth", rb"ya29\." + _URL + rb"{20,2048}|GOCSPX-" + _URL + rb"{20,64}",
           b"ya00.", b"gocspx-"),
    _token("anthropic_key", rb"sk-ant-[A-Za-z0-9]{2,12}-" + _URL + rb"{20,255}", b"sk-ant-"),
    _token("openai_key",
           rb"sk-(?!ant-)(?:proj-|svcacct-|admin-|None-)?[A-Za-z0-9]" + _URL + rb"{31,255}",
           b"sk-", holds=_is_mixed),
    _token("npm_token", rb"npm_[A-Za-z0-9]{36,255}", b"npm_"),
    _token("pypi_token", rb"pypi-" + _URL + rb"{50,1000}", b"pypi-"),
    _token("rubygems_key", rb"rubygems_[a-f0-9]{48}" + _END, b"rubygems_"),
    _token("huggingface_token", rb"hf_[A-Za-z]{30,64}|api_org_[A-Za-z]{30,64}",
           b"hf_", b"api_org_"),
    _token("sendgrid_key", rb"SG\." + _URL + rb"{16,32}\." + _URL + rb"{16,64}", b"sg."),
    _token("digitalocean_token", rb"do[opr]_v1_[a-f0-9]{64}" + _END,
           b"dop_v0_", b"doo_v0_", b"dor_v0_"),
    _token("shopify_token", rb"shp(?:at|ca|pa|ss)_[a-fA-F0-9]{32}" + _END,
           b"shpat_", b"shpca_", b"shppa_", b"shpss_"),
    _token("docker_token", rb"dckr_(?:pat|oat)_" + _URL + rb"{20,64}",
           b"dckr_pat_", b"dckr_oat_"),
    _token("vault_token", rb"hv[sbr]\." + _URL + rb"{24,300}", b"hvs.", b"hvb.", b"hvr."),
    _token("databricks_token", rb"dapi[a-f0-9]{32}(?:-[0-9])?" + _END, b"dapi"),
    _token("grafana_token", rb"gl(?:sa|c)_[A-Za-z0-9_+/=]{32,400}", b"glsa_", b"glc_"),
    _token("newrelic_key", rb"NR(?:AK|JS|II)-[A-Za-z0-9_-]{19,64}", b"nrak-", b"nrjs-", b"nrii-"),
    _token("linear_key", rb"lin_(?:api|oauth)_[A-Za-z0-9]{32,64}", b"lin_api_", b"lin_oauth_"),
    _token("age_key", rb"AGE-SECRET-KEY-1[0-9A-Z]{58}" + _END, b"age-secret-key-0"),
    _token("telegram_token", rb"[0-9]{8,10}:AA[A-Za-z0-9_-]{33}" + _END, b"00000000:aa",
           b"000000000:aa", b"0000000000:aa"),
    _token("azure_key", rb"AccountKey=[A-Za-z0-9+/]{86}==", b"accountkey="),
    _token("jwt",
           rb"eyJ[A-Za-z0-9_-]{8,4096}\.[A-Za-z0-9_-]{2,14336}\.[A-Za-z0-9_-]{0,2048}(?![A-Za-z0-9_])",
           b"eyj", holds=_is_jwt),
)  # fmt: skip

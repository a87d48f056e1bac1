"""Keys of clouds and of what runs on them."""

from __future__ import annotations

import re

from engine.privacy.providers.row import END, HEX, URL, is_random, is_varied, token
from engine.privacy.rule import FIRST, SECOND, Match, Rule, value_of

_GITLEAKS = "gitleaks 8"


def _is_aws_secret(match: Match) -> bool:
    value = value_of(match)
    return is_varied(match) and len(set(value)) >= 16 and re.fullmatch(HEX + rb"+", value) is None


_ASSIGN = (
    rb"(?:[\\\"'`]|%2[27]){0,4}[ \t]{0,4}(?:=>|[:=]|%3[aAdD])[ \t]{0,4}(?:[\\\"'`]|%2[27]){0,4}"
)

RULES = (
    token("aws_access_key", rb"(?:AKIA|ASIA|ABIA|ACCA)[A-Z2-7]{16}" + END,
          b"akia", b"asia", b"abia", b"acca",
          source="docs.aws.amazon.com: IAM identifiers", since=FIRST),
    Rule(
        "aws_secret_key",
        "secret",
        re.compile(
            rb"(?i:secret_?access_?key|aws_?secret(?:_?key)?)" + _ASSIGN
            + rb"(?P<value>(?:[A-Za-z0-9+/]|%2[bBfF]){40})(?![A-Za-z0-9+/=])"
        ),
        _is_aws_secret,
        words=(b"secretaccesskey", b"secret_access_key", b"aws_secret", b"awssecret"),
        source="docs.aws.amazon.com: IAM access keys",
        context="label",
    ),
    Rule(
        "aws_session_token",
        "secret",
        re.compile(
            rb"(?i:(?:aws_?)?session_?token|x-amz-security-token)" + _ASSIGN
            + rb"(?P<value>(?:[A-Za-z0-9+/]|%2[bBfF]){100,4096}(?:=|%3[dD]){0,2})"
        ),
        _is_aws_secret,
        words=(b"session_token", b"sessiontoken", b"x-amz-security-token"),
        source="docs.aws.amazon.com: temporary credentials",
        since=SECOND,
        context="label",
    ),
    token("google_key", rb"AIza" + URL + rb"{35}" + END, b"aiza",
          source="cloud.google.com/docs: API keys", since=FIRST),
    token("google_key", rb"AQ\.Ab[A-Za-z0-9_-]{40,80}", b"aq.ab",
          source="ai.google.dev: Gemini API keys"),
    token("google_oauth",
          rb"ya29\." + URL + rb"{20,2048}|GOCSPX-" + URL + rb"{20,64}|1//0" + URL + rb"{40,128}",
          b"ya29.", b"gocspx-", b"1//0", source="developers.google.com: OAuth 2.0", since=FIRST),
    token("azure_key", rb"AccountKey(?:=|%3[dD])(?:[A-Za-z0-9+/]|%2[bBfF]){86}(?:==|%3[dD]%3[dD])",
          b"accountkey", source="learn.microsoft.com: storage account keys", since=FIRST),
    token("azure_sas", rb"sig=(?P<value>(?:[A-Za-z0-9]|[+/]|%2[bBfF]){43}(?:=|%3[dD]))", b"sig=",
          source="learn.microsoft.com: shared access signatures"),
    token("azure_ad_secret", rb"[A-Za-z0-9_~.]{3}[0-9]Q~[A-Za-z0-9_~.-]{31,34}(?![A-Za-z0-9_~-])",
          b"0q~", back=3, source=_GITLEAKS),
    token("azure_service_key", rb"[A-Za-z0-9]{52}JQQJ99[A-Za-z0-9]{26}" + END, b"jqqj99", back=52,
          source="learn.microsoft.com: identifiable keys"),
    token("azure_devops_token", rb"[A-Za-z0-9]{76}AZDO[A-Za-z0-9]{4}" + END, b"azdo", back=76,
          source="learn.microsoft.com: personal access tokens of Azure DevOps"),
    token("digitalocean_token", rb"do[opr]_v1_" + HEX + rb"{64}" + END,
          b"dop_v1_", b"doo_v1_", b"dor_v1_", source="docs.digitalocean.com: API", since=FIRST),
    token("alibaba_key", rb"LTAI[A-Za-z0-9]{12,24}" + END, b"ltai", holds=is_random,
          source=_GITLEAKS),
    token("tencent_key", rb"AKID[A-Za-z0-9]{32}" + END, b"akid", holds=is_random,
          source="cloud.tencent.com: API keys"),
    token("yandex_key", rb"AQVN" + URL + rb"{35,38}|y[0-6]_" + URL + rb"{50,64}",
          b"aqvn", b"y0_", holds=is_random, source=_GITLEAKS),
    token("fly_token", rb"fo1_" + URL + rb"{43}|fm[12][ar]?_[A-Za-z0-9+/]{100,2048}={0,3}",
          b"fo1_", b"fm1a_", b"fm1r_", b"fm2_", source=_GITLEAKS),
    token("heroku_key", rb"HRKU-" + URL + rb"{36,64}", b"hrku-",
          source="devcenter.heroku.com: API keys"),
    token("netlify_token", rb"nf[pcob]_[A-Za-z0-9]{36,64}" + END,
          b"nfp_", b"nfc_", b"nfo_", b"nfb_", source="docs.netlify.com: access tokens"),
    token("vercel_token", rb"vc[pikar]_[A-Za-z0-9]{40,64}" + END,
          b"vcp_", b"vci_", b"vca_", b"vcr_", source="vercel.com/docs: access tokens"),
    token("render_key", rb"rnd_[A-Za-z0-9]{28,40}" + END, b"rnd_", holds=is_random,
          source="render.com/docs: API"),
    token("supabase_key", rb"sbp_" + HEX + rb"{40}" + END + rb"|sb_secret_" + URL + rb"{30,64}",
          b"sbp_", b"sb_secret_", source="supabase.com/docs: API keys"),
    token("cloudflare_token",
          rb"v1\.0-" + HEX + rb"{24}-" + HEX + rb"{146}" + END
          + rb"|cf(?:ut|at|k)_[A-Za-z0-9]{40,64}" + END,
          b"v1.0-", b"cfut_", b"cfat_", b"cfk_", source="developers.cloudflare.com: token formats"),
    token("pulumi_token", rb"pul-" + HEX + rb"{40}" + END, b"pul-", source=_GITLEAKS),
    token("terraform_token", rb"[A-Za-z0-9]{14}\.atlasv1\." + URL + rb"{60,70}=?", b".atlasv1.",
          back=14, source=_GITLEAKS),
    token("openshift_token", rb"sha256~" + URL + rb"{43}(?![A-Za-z0-9_-])", b"sha256~",
          source=_GITLEAKS),
    token("tailscale_key",
          rb"tskey-(?:auth|api|client|scim|webhook)-[A-Za-z0-9]{6,32}(?:-[A-Za-z0-9]{16,64})?",
          b"tskey-", source="tailscale.com/kb: key prefixes"),
    token("contentful_token", rb"CFPAT-" + URL + rb"{43}", b"cfpat-",
          source="contentful.com/developers: tokens"),
)  # fmt: skip

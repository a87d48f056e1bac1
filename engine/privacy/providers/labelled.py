"""Keys that do not say whose they are: counted behind the name of their provider.

Random letters and digits of the provider's length count behind its name alone; what a hash, a
commit or an id looks like, too (hex, UUID), only where a word such as key or token is between.
"""

from __future__ import annotations

import re

from engine.privacy.labels import ASSIGN
from engine.privacy.providers.row import HEX, URL, UUID, is_random, is_varied
from engine.privacy.rule import FOLD, SECOND, START, Match, Rule

_KEY_WORD = re.compile(
    rb"(?i)key|token|secret|auth|credential|passw|bearer|(?<![a-z])(?:pat|pass|pwd)(?![a-z])"
)
_ALNUM = rb"[A-Za-z0-9]"
_TAIL = rb"(?P<tail>[\w .()/\-]{0,48}?)"
_LAST = rb"(?![A-Za-z0-9_-])"
_PUBLIC = frozenset(b"commit sha sha1 sha256 hash digest rev revision etag id".split())
_WORD = re.compile(rb"[a-z0-9]+")


def _names_no_hash(match: Match) -> bool:
    return not _PUBLIC.intersection(_WORD.findall(match["tail"].lower()))


def _random(match: Match) -> bool:
    return is_random(match) and len(set(match["value"])) >= 12 and _names_no_hash(match)


def _named(match: Match) -> bool:
    """Whether a word between says that it is a key; hex and UUIDs are most often none."""
    before = match.string[match.start() : match.start("value")]
    return (
        is_varied(match)
        and _KEY_WORD.search(before) is not None
        and _names_no_hash(match)
        and re.search(rb"[0-9+]", match["value"]) is not None
    )


def _row(name: str, words: str, value: bytes, *, source: str, mixed: bool = False) -> Rule:
    labels = [word.encode() for word in words.split()]
    label = b"|".join(map(re.escape, labels))
    return Rule(
        name,
        "secret",
        re.compile(
            rb"(?i:"
            + label
            + rb")"
            + _TAIL
            + ASSIGN
            + START
            + rb"(?P<value>"
            + value
            + rb")"
            + _LAST
        ),
        _random if mixed else _named,
        words=tuple(word.translate(FOLD) for word in labels),
        source=source,
        since=SECOND,
        context="label",
    )


RULES = (
    _row("mistral_key", "mistral", _ALNUM + rb"{32}", mixed=True, source="docs.mistral.ai"),
    _row("cohere_key", "cohere co_api_key", _ALNUM + rb"{40}", mixed=True,
         source="docs.cohere.com"),
    _row("ai21_key", "ai21", _ALNUM + rb"{32}", mixed=True, source="docs.ai21.com"),
    _row("deepinfra_key", "deepinfra", _ALNUM + rb"{32}", mixed=True, source="deepinfra.com/docs"),
    _row("zhipu_key", "zhipu bigmodel glm zai_", HEX + rb"{32}\." + _ALNUM + rb"{16}", mixed=True,
         source="docs.bigmodel.cn"),
    _row("baseten_key", "baseten", _ALNUM + rb"{8}\." + _ALNUM + rb"{32}", mixed=True,
         source="docs.baseten.co"),
    _row("together_key", "together", HEX + rb"{64}", source="docs.together.ai"),
    _row("deepgram_key", "deepgram", HEX + rb"{40}", source="developers.deepgram.com"),
    _row("assemblyai_key", "assemblyai assembly_ai", HEX + rb"{32}",
         source="assemblyai.com/docs"),
    _row("azure_openai_key", "azure openai_api apim-subscription",
         HEX + rb"{32}|" + _ALNUM + rb"{84}",
         source="learn.microsoft.com: Azure OpenAI"),
    _row("wandb_key", "wandb", HEX + rb"{40}", source="docs.wandb.ai"),
    _row("exa_key", "exa_api exa-api", UUID, source="docs.exa.ai"),
    _row("sambanova_key", "sambanova", UUID, source="docs.sambanova.ai"),
    _row("datadog_key", "datadog dd_api dd_app dd-api dd-app", HEX + rb"{40}|" + HEX + rb"{32}",
         source="docs.datadoghq.com: API and application keys"),
    _row("cloudflare_token", "cloudflare cf_api cf_token x-auth-key",
         rb"(?=[0-9A-Za-z_-]*[0-9])" + URL + rb"{40}|" + HEX + rb"{37}",
         source="developers.cloudflare.com: API tokens"),
    _row("heroku_key", "heroku", UUID, source="devcenter.heroku.com"),
    _row("hetzner_token", "hcloud hetzner", _ALNUM + rb"{64}", mixed=True,
         source="docs.hetzner.cloud"),
    _row("linode_token", "linode", HEX + rb"{64}", source="techdocs.akamai.com"),
    _row("ibm_cloud_key", "ibmcloud ibm_cloud ibm-cloud", URL + rb"{44}", mixed=True,
         source="cloud.ibm.com/docs"),
    _row("scaleway_key", "scaleway scw_secret", UUID, source="scaleway.com/docs"),
    _row("pagerduty_key", "pagerduty", rb"[A-Za-z0-9+_-]{20}|" + HEX + rb"{32}",
         source="support.pagerduty.com: API access keys"),
    _row("opsgenie_key", "opsgenie", UUID, source="docs.opsgenie.com"),
    _row("rollbar_token", "rollbar", HEX + rb"{32}", source="docs.rollbar.com"),
    _row("splunk_token", "splunk", UUID, source="help.splunk.com: HTTP event collector"),
    _row("snyk_token", "snyk", UUID, source="docs.snyk.io"),
    _row("codecov_token", "codecov", UUID, source="docs.codecov.com"),
    _row("postmark_token", "postmark", UUID, source="postmarkapp.com/developer"),
    _row("mattermost_token", "mattermost", rb"[a-z0-9]{26}", source="developers.mattermost.com"),
    _row("okta_token", "okta", rb"00" + URL + rb"{40}", source="developer.okta.com"),
    _row("twilio_token", "twilio", HEX + rb"{32}", source="twilio.com/docs"),
    _row("influxdb_token", "influx", URL + rb"{86}==", source="docs.influxdata.com"),
    _row("upstash_token", "upstash", rb"[A-Za-z0-9+/_-]{40,120}={0,2}", source="upstash.com/docs"),
    _row("plaid_secret", "plaid", HEX + rb"{30}", source="plaid.com/docs"),
    _row("algolia_key", "algolia", HEX + rb"{32}", source="algolia.com/doc"),
    _row("gitea_token", "gitea forgejo", HEX + rb"{40}", source="docs.gitea.com"),
    _row("fastly_token", "fastly", URL + rb"{32}", source="fastly.com/documentation"),
    _row("vault_token", "vault", rb"s\." + _ALNUM + rb"{24}",
         source="developer.hashicorp.com: Vault tokens before 1.10"),
)  # fmt: skip

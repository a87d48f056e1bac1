"""Keys of those who watch what runs."""

from __future__ import annotations

from engine.privacy.providers.row import END, HEX, UUID, token
from engine.privacy.rule import FIRST

_GITLEAKS = "gitleaks 8"

RULES = (
    token("grafana_token", rb"gl(?:sa|c)_[A-Za-z0-9_+/=]{32,400}|eyJrIjoi[A-Za-z0-9]{60,400}={0,3}",
          b"glsa_", b"glc_", b"eyjrijoi", source="grafana.com/docs: service accounts", since=FIRST),
    token("newrelic_key", rb"NR(?:AK|JS|II|AA)-[A-Za-z0-9_-]{19,64}",
          b"nrak-", b"nrjs-", b"nrii-", b"nraa-", source="docs.newrelic.com: API keys",
          since=FIRST),
    token("sentry_token",
          rb"sntrys_eyJ[A-Za-z0-9+/=_-]{60,600}|sntry[ua]_" + HEX + rb"{64}" + END,
          b"sntrys_", b"sntryu_", b"sntrya_", source="docs.sentry.io: auth tokens; gitleaks 8"),
    token("honeycomb_key", rb"hc[abx][a-z]{2}_[A-Za-z0-9]{26,64}" + END,
          b"hcaik_", b"hcbik_", b"hcxik_", b"hcalk_", b"hcxlk_", b"hcamk_", b"hcxmk_",
          source="docs.honeycomb.io: API keys"),
    token("dynatrace_token", rb"dt0[a-z][0-9]{2}\.[A-Z0-9]{24}\.[A-Z0-9]{64}" + END,
          b"dt0c01.", b"dt0s01.", source="docs.dynatrace.com: token format"),
    token("axiom_token", rb"xa(?:at|pt)-" + UUID + END, b"xaat-", b"xapt-",
          source="axiom.co/docs: tokens"),
    token("logfire_token", rb"pylf_v[0-9]_(?:[a-z]{2,8}_)?[A-Za-z0-9]{36,64}" + END, b"pylf_v1_",
          source="logfire.pydantic.dev: write tokens"),
    token("posthog_key", rb"ph[xs]_[A-Za-z0-9]{40,56}" + END, b"phx_", b"phs_",
          source="posthog.com/docs: API"),
    token("launchdarkly_key", rb"(?:api|sdk)-" + UUID + END, b"sdk-",
          source="launchdarkly.com/docs: keys"),
)  # fmt: skip

"""Keys of databases that are a service."""

from __future__ import annotations

from engine.privacy.providers.row import END, HEX, URL, is_random, token
from engine.privacy.rule import FIRST

_GITLEAKS = "gitleaks 8"

RULES = (
    token("databricks_token", rb"dapi" + HEX + rb"{32}(?:-[0-9])?" + END, b"dapi",
          source="docs.databricks.com: access tokens", since=FIRST),
    token("planetscale_token", rb"pscale_(?:tkn|pw|oauth)_[A-Za-z0-9_=.-]{32,64}",
          b"pscale_tkn_", b"pscale_pw_", b"pscale_oauth_", source=_GITLEAKS),
    token("neon_key", rb"napi_[a-z0-9]{60,72}" + END, b"napi_", source="neon.com/docs: API keys"),
    token("mongodb_atlas_secret", rb"mdb_sa_sk_" + URL + rb"{36,48}", b"mdb_sa_sk_",
          source="mongodb.com/docs: Atlas service accounts"),
    token("elastic_key", rb"essu_[A-Za-z0-9_+/=-]{40,200}", b"essu_",
          source="elastic.co/docs: Elastic Cloud API keys"),
    token("cockroach_key", rb"CCDB1_[A-Za-z0-9]{22}_[A-Za-z0-9]{40}" + END, b"ccdb1_",
          source="cockroachlabs.com/docs: Cloud API"),
    token("xata_key", rb"xau_[A-Za-z0-9]{32,64}" + END, b"xau_", source="xata.io/docs: API keys"),
    token("clickhouse_key", rb"4b1d[A-Za-z0-9]{38}" + END, b"4b1d", holds=is_random,
          source=_GITLEAKS),
    token("aiven_password", rb"AVNS_" + URL + rb"{16,24}(?![A-Za-z0-9_-])", b"avns_",
          source="aiven.io/docs: service users"),
)  # fmt: skip

"""What each family of secrets looks like, as those who give them out describe it; and values of
each, made from a seed. No secret stands here: a form is a prefix and kinds of characters.

It is written apart from the scanner's patterns, so that a mistake in one shows in the other.
"""

# ruff: noqa: E501  (a family per line)

from __future__ import annotations

import random
import re
import string
import uuid
from collections.abc import Iterator
from urllib.parse import quote

_KINDS = {
    "a": string.ascii_letters + string.digits,
    "h": "0123456789abcdef",
    "H": "0123456789ABCDEF",
    "u": string.ascii_letters + string.digits + "-_",
    "A": string.ascii_uppercase + string.digits,
    "B": string.ascii_uppercase + "234567",
    "w": string.ascii_lowercase + string.digits,
    "l": string.ascii_letters,
    "d": string.digits,
    "b": string.ascii_letters + string.digits + "+/",
}
_FIELD = re.compile(r"\{(?:(?P<kind>[ahuHABwldb])(?P<size>[0-9]+)|(?P<uuid>id))\}")

FORMS: dict[str, tuple[str, ...]] = {
    "anthropic_key": ("sk-ant-api03-{u93}AA", "sk-ant-admin01-{u93}AA", "sk-ant-oat01-{u93}AA"),
    "openrouter_key": ("sk-or-v1-{h64}",),
    "langfuse_key": ("sk-lf-{id}",),
    "helicone_key": ("sk-helicone-{w7}-{w7}-{w7}-{w7}",),
    "letta_key": ("sk-let-{b80}==",),
    "deepseek_key": ("sk-{h32}",),
    "openai_key": (
        "sk-proj-{a74}T3BlbkFJ{u74}",
        "sk-svcacct-{a58}T3BlbkFJ{u58}",
        "sk-{a20}T3BlbkFJ{a20}",
        "sk-{a48}",
    ),
    "groq_key": ("gsk_{a52}",),
    "xai_key": ("xai-{a80}",),
    "perplexity_key": ("pplx-{a48}", "pplx-{h48}"),
    "replicate_token": ("r8_{a37}",),
    "huggingface_token": ("hf_{l34}", "api_org_{l34}"),
    "nvidia_key": ("nvapi-{u64}",),
    "fireworks_key": ("fw_{a22}", "fw_{a40}"),
    "cerebras_key": ("csk-{w48}",),
    "together_key": ("tgp_v1_{u43}", "TOGETHER_API_KEY={h64}", "together.ai api key: {h64}"),
    "voyage_key": ("pa-{u43}",),
    "jina_key": ("jina_{h32}{u28}",),
    "nomic_key": ("nk-{u43}",),
    "tavily_key": ("tvly-{a32}", "tvly-dev-{a32}"),
    "firecrawl_key": ("fc-{h32}",),
    "elevenlabs_key": ("sk_{h48}",),
    "cartesia_key": ("sk_car_{u22}",),
    "anyscale_key": ("esecret_{w32}", "aph0_{u60}"),
    "runpod_key": ("rpa_{A40}{w6}",),
    "e2b_key": ("e2b_{h40}",),
    "mem0_key": ("m0-{a40}",),
    "llamacloud_key": ("llx-{a48}",),
    "langsmith_key": ("lsv2_pt_{h32}_{h10}", "lsv2_sk_{h32}_{h10}"),
    "pinecone_key": ("pcsk_{a6}_{a63}",),
    "wandb_key": ("wandb_v1_{a27}_{a50}", "WANDB_API_KEY={h40}"),
    "vercel_ai_key": ("vck_{a56}",),
    "bedrock_key": ("ABSK{b128}", "bedrock-api-key-YmVkcm9jay5hbWF6b25hd3MuY29t{b200}"),
    "mistral_key": (
        "MISTRAL_API_KEY={a32}",
        '"mistral_api_key": "{a32}"',
        "Mistral: {a32}",
        "export MISTRAL_KEY='{a32}'",
        "mistral key is {a32}",
    ),
    "cohere_key": (
        "COHERE_API_KEY={a40}",
        "CO_API_KEY: {a40}",
        "Cohere - {a40}",
        "cohere key `{a40}`",
    ),
    "ai21_key": ("AI21_API_KEY={a32}", "ai21: {a32}"),
    "deepinfra_key": ("DEEPINFRA_API_KEY={a32}", "DeepInfra token: {a32}"),
    "zhipu_key": ("ZHIPUAI_API_KEY={h32}.{a16}", "bigmodel key {h32}.{a16}"),
    "baseten_key": ("BASETEN_API_KEY={a8}.{a32}",),
    "deepgram_key": ("DEEPGRAM_API_KEY={h40}", "deepgram secret: {h40}"),
    "assemblyai_key": ("ASSEMBLYAI_API_KEY={h32}", '"assemblyai_key":"{h32}"'),
    "azure_openai_key": (
        "AZURE_OPENAI_API_KEY={h32}",
        "Ocp-Apim-Subscription-Key: {h32}",
        "azure_openai_key={a84}",
    ),
    "exa_key": ("EXA_API_KEY={id}",),
    "sambanova_key": ("SAMBANOVA_API_KEY={id}",),
    "aws_access_key": ("AKIA{B16}", "ASIA{B16}"),
    "aws_secret_key": (
        "aws_secret_access_key = {b40}",
        "AWS_SECRET_ACCESS_KEY={b40}",
        '"SecretAccessKey": "{b40}"',
    ),
    "aws_session_token": ("AWS_SESSION_TOKEN={b400}==", "aws_session_token = {b300}"),
    "google_key": ("AIza{u35}", "AQ.Ab8{u50}"),
    "google_oauth": ("ya29.{u180}", "GOCSPX-{u28}", "1//0{u60}"),
    "azure_key": ("AccountKey={b86}==",),
    "azure_sas": ("?sv=2024-11-04&sp=r&sig={a43}%3D", "&sig={a20}%2B{a22}%3D"),
    "azure_ad_secret": ("{a3}8Q~{u34}",),
    "azure_service_key": ("{a52}JQQJ99{a26}",),
    "azure_devops_token": ("{a76}AZDO{a4}",),
    "digitalocean_token": ("dop_v1_{h64}", "doo_v1_{h64}", "dor_v1_{h64}"),
    "alibaba_key": ("LTAI{a20}", "LTAI5t{a18}"),
    "tencent_key": ("AKID{a32}",),
    "yandex_key": ("AQVN{u36}", "y0_{u55}"),
    "fly_token": ("fo1_{u43}", "fm2_{b400}=="),
    "heroku_key": ("HRKU-AA{u58}", "HEROKU_API_KEY={id}"),
    "netlify_token": ("nfp_{a36}",),
    "vercel_token": ("vcp_{a56}", "vca_{a56}"),
    "render_key": ("rnd_{a32}",),
    "supabase_key": ("sbp_{h40}", "sb_secret_{u31}"),
    "cloudflare_token": (
        "v1.0-{h24}-{h146}",
        "cfut_{a40}{h8}",
        "CLOUDFLARE_API_TOKEN={u39}7",
        "CF_API_KEY={h37}",
    ),
    "pulumi_token": ("pul-{h40}",),
    "terraform_token": ("{a14}.atlasv1.{u67}",),
    "openshift_token": ("sha256~{u43}",),
    "tailscale_key": ("tskey-auth-k{a9}CNTRL-{a32}", "tskey-api-k{a9}CNTRL-{a32}"),
    "contentful_token": ("CFPAT-{u43}",),
    "hetzner_token": ("HCLOUD_TOKEN={a64}", "hetzner api token: {a64}"),
    "linode_token": ("LINODE_TOKEN={h64}",),
    "ibm_cloud_key": ("IBMCLOUD_API_KEY={u44}", "ibm_cloud_api_key: {u44}"),
    "scaleway_key": ("SCW_SECRET_KEY={id}", "scaleway secret: {id}"),
    "github_token": (
        "ghp_{a36}",
        "gho_{a36}",
        "ghu_{a36}",
        "ghs_{a36}",
        "ghr_{a76}",
        "github_pat_{a22}_{a59}",
    ),
    "gitlab_token": (
        "glpat-{u20}",
        "glpat-{u36}.01.{w9}",
        "glrt-t1_{u27}.01.{w9}",
        "gldt-{u20}",
        "glcbt-64_{u20}",
        "glptt-{h40}",
        "GR1348941{u20}",
    ),
    "atlassian_token": ("ATATT3xFfGF0{u172}={H8}", "ATBB{a32}", "ATCTT3xFfGN0{u172}={H8}"),
    "npm_token": ("npm_{a36}",),
    "pypi_token": ("pypi-AgEIcHlwaS5vcmc{u130}",),
    "rubygems_key": ("rubygems_{h48}",),
    "cargo_token": ("cio{a32}",),
    "nuget_key": ("oy2{w43}",),
    "docker_token": ("dckr_pat_{u27}", "dckr_oat_{u32}"),
    "jfrog_token": ("AKCp{a69}", "cmVmd{a59}"),
    "sourcegraph_token": ("sgp_{h16}_{h40}", "sgp_local_{h40}", "sgp_{h40}"),
    "circleci_token": ("CCIPAT_{a22}_{h40}",),
    "buildkite_token": ("bkua_{h40}", "bkat_{a64}"),
    "sonar_token": ("squ_{h40}", "sqp_{h40}", "sqa_{h40}"),
    "postman_key": ("PMAK-{h24}-{h34}",),
    "clojars_token": ("CLOJARS_{h60}",),
    "packagist_token": ("packagist_ack_{h68}",),
    "prefect_key": ("pnu_{a36}",),
    "octopus_key": ("API-{A26}",),
    "harness_key": ("pat.{u22}.{a24}.{a20}", "sat.{u22}.{a24}.{a20}"),
    "infracost_key": ("ico-{a32}",),
    "readme_key": ("rdme_{w70}",),
    "figma_token": ("figd_{u40}",),
    "linear_key": ("lin_api_{a40}",),
    "gitea_token": ("GITEA_TOKEN={h40}", "forgejo token {h40}"),
    "snyk_token": ("SNYK_TOKEN={id}", "snyk api token: {id}"),
    "codecov_token": ("CODECOV_TOKEN={id}",),
    "slack_token": (
        "xoxb-{d12}-{d12}-{a24}",
        "xoxp-{d12}-{d12}-{d12}-{h32}",
        "xapp-1-A{A10}-{d13}-{h64}",
        "xoxe.xoxp-1-{a160}",
    ),
    "slack_webhook": ("https://hooks.slack.com/services/T{A8}/B{A10}/{a24}",),
    "discord_token": ("M{u23}.{u6}.{u27}", "MT{u24}.{u6}.{u38}"),
    "discord_webhook": ("https://discord.com/api/webhooks/{d19}/{u68}",),
    "teams_webhook": (
        "https://acme.webhook.office.com/webhookb2/{id}@{id}/IncomingWebhook/{h32}/{id}",
    ),
    "telegram_token": ("{d10}:AA{u33}",),
    "twilio_key": ("SK{h32}",),
    "twilio_token": ("TWILIO_AUTH_TOKEN={h32}",),
    "sendgrid_key": ("SG.{u22}.{u43}",),
    "mailgun_key": ("key-{h32}",),
    "mailchimp_key": ("{h32}-us21",),
    "brevo_key": ("xkeysib-{h64}-{a16}", "xsmtpsib-{h64}-{a16}"),
    "resend_key": ("re_{a8}_{a24}",),
    "notion_token": ("ntn_{d11}{a35}", "secret_{a43}"),
    "airtable_token": ("pat{a14}.{h64}",),
    "typeform_token": ("tfp_{u43}",),
    "hubspot_token": ("pat-na1-{id}", "pat-eu1-{id}"),
    "dropbox_token": ("sl.{u135}", "sl.u.{u400}"),
    "facebook_token": ("EAA{a180}",),
    "postmark_token": ("POSTMARK_SERVER_TOKEN={id}",),
    "mattermost_token": ("MATTERMOST_TOKEN={w26}", "mattermost token: {w26}"),
    "okta_token": ("OKTA_API_TOKEN=00{u40}",),
    "stripe_key": ("sk_live_{a99}", "rk_live_{a24}", "sk_test_{a24}", "whsec_{a32}"),
    "square_token": ("EAAA{u60}", "sq0atp-{u22}", "sq0csp-{u43}"),
    "shopify_token": ("shpat_{h32}", "shpss_{h32}", "shpca_{h32}"),
    "braintree_token": ("access_token$production${w16}${h32}",),
    "razorpay_key": ("rzp_live_{a14}", "rzp_test_{a14}"),
    "flutterwave_key": ("FLWSECK-{h32}-X", "FLWSECK_TEST-{h32}-X"),
    "mercadopago_token": ("APP_USR-{d16}-{d6}-{h32}-{d9}",),
    "plaid_token": ("access-production-{id}", "access-sandbox-{id}"),
    "plaid_secret": ("PLAID_SECRET={h30}",),
    "easypost_key": ("EZAK{a54}", "EZTK{a54}"),
    "shippo_token": ("shippo_live_{h40}",),
    "duffel_token": ("duffel_live_{u43}",),
    "gocardless_token": ("live_{u40}",),
    "grafana_token": ("glsa_{a32}_{h8}", "glc_{b120}=", "eyJrIjoi{a90}"),
    "newrelic_key": ("NRAK-{A27}", "NRII-{u32}", "NRJS-{h19}"),
    "sentry_token": ("sntrys_eyJpYXQiO{b120}_{b43}", "sntryu_{h64}"),
    "honeycomb_key": ("hcaik_{w58}", "hcbik_{w58}"),
    "dynatrace_token": ("dt0c01.{A24}.{A64}",),
    "axiom_token": ("xaat-{id}", "xapt-{id}"),
    "logfire_token": ("pylf_v1_us_{a43}", "pylf_v1_eu_{a43}"),
    "posthog_key": ("phx_{a43}", "phs_{a43}"),
    "launchdarkly_key": ("sdk-{id}",),
    "datadog_key": (
        "DD_API_KEY={h32}",
        "DATADOG_APP_KEY={h40}",
        "dd-api-key: {h32}",
        '"datadog_api_key":"{h32}"',
    ),
    "pagerduty_key": ("PAGERDUTY_API_KEY=u+{a18}", "pagerduty routing key: {h32}"),
    "opsgenie_key": ("OPSGENIE_API_KEY={id}",),
    "rollbar_token": ("ROLLBAR_ACCESS_TOKEN={h32}",),
    "splunk_token": ("SPLUNK_HEC_TOKEN={id}", "splunk token {id}"),
    "databricks_token": ("dapi{h32}", "dapi{h32}-2"),
    "planetscale_token": ("pscale_tkn_{u43}", "pscale_pw_{u43}", "pscale_oauth_{u43}"),
    "neon_key": ("napi_{w64}",),
    "mongodb_atlas_secret": ("mdb_sa_sk_{u40}",),
    "elastic_key": ("essu_{b60}==",),
    "cockroach_key": ("CCDB1_{a22}_{a40}",),
    "xata_key": ("xau_{a42}",),
    "clickhouse_key": ("4b1d{a38}",),
    "aiven_password": ("AVNS_{u19}",),
    "influxdb_token": ("INFLUX_TOKEN={u86}==", "influxdb token: {u86}=="),
    "upstash_token": ("UPSTASH_REDIS_REST_TOKEN={a60}==",),
    "algolia_key": ("ALGOLIA_API_KEY={h32}",),
    "fastly_token": ("FASTLY_API_TOKEN={u32}",),
    "vault_token": ("hvs.{u95}", "hvb.{u160}", "VAULT_TOKEN=s.{a24}"),
    "age_key": ("AGE-SECRET-KEY-1{A58}",),
    "onepassword_token": ("ops_eyJ{b300}", "A3-{A6}-{A11}-{A5}-{A5}-{A5}"),
    "doppler_token": ("dp.pt.{a43}", "dp.st.prd.{a43}", "dp.ct.{a43}"),
    "infisical_token": ("st.{h24}.{h32}.{h32}",),
    "bitwarden_token": ("0.{id}.{a30}:{b22}==",),
    "jwt": ("eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.{u120}.{u43}",),
    "url_password": (
        "postgres://app:{a14}@db.acme.test:5432/shop",
        "amqp://u1:{u12}@mq/vhost",
        "https://ci:{a20}@git.acme.test/a.git",
    ),
    "bearer_token": ("Authorization: Bearer {a40}", "authorization: Basic {b40}==", "bearer {u64}"),
}
"""By family, the forms that its values have; a form with a label has its value in the last field."""


AROUND = (
    "{}",
    "token used {} for push",
    "X_KEY={}",
    'X_KEY="{}"',
    '{{"k": "{}"}}',
    '{{"msg":"got\\n{}\\nend"}}',
    "see `{}`.",
    "<k>{}</k>",
    "k:\n    {}\n",
    "GET /x?k%3D{}&y=1",
    "2026-12-01T10:00:00Z ERROR 401 for {}, retried",
    "key={};",
)
"""What stands around a value in logs and files."""


def fill(form: str, chance: random.Random) -> tuple[str, list[str]]:
    """Return a text of the form, and its random parts."""
    parts: list[str] = []

    def made(field: re.Match[str]) -> str:
        parts.append(_characters(field, chance))
        return parts[-1]

    return _FIELD.sub(made, form), parts


def values(family: str, count: int, seed: int = 1) -> Iterator[tuple[str, list[str]]]:
    """Yield ``count`` texts with one value of the family each, and the random parts of each."""
    chance = random.Random(f"{family} {seed}")  # noqa: S311  (planted values)
    for number in range(count):
        form = FORMS[family][number % len(FORMS[family])]
        text, parts = fill(form, chance)
        yield chance.choice(AROUND).format(text), parts


def _characters(field: re.Match[str], chance: random.Random) -> str:
    if field["uuid"]:
        return str(uuid.UUID(int=chance.getrandbits(128), version=4))
    return "".join(chance.choices(_KINDS[field["kind"]], k=int(field["size"])))


PASSWORD_PLACES = (
    "password={}",
    "login ok, password: {} end",
    '{{"password": "{}"}}',
    '{{"a":"{{\\"password\\":\\"{}\\"}}"}}',
    "run --password {} now",
    "run --password={} now",
    "run --api-key '{}'",
    "curl -u admin:{} https://h.acme.test/x",
    "curl -sS --user 'admin:{}' https://h.acme.test/x",
    'curl -X POST https://h.acme.test/x -u "bob:{}"',
    "<password>{}</password>",
    '<db:Password type="text">{}</db:Password>',
    '<add key="Password" value="{}"/>',
    '<property name="password">{}</property>',
    "password:\n  {}\nnext: 1",
    "password:\\n  {}\\n",
    "Passwort: {}",
    "senha={}",
    "DB_PASSWORD={}",
    "export MYSQL_PWD={}",
    "pwd={}",
    "db_pass={}",
    "api_key => {}",
    "api-key: `{}`",
    'secret = "{}"',
    "spring.datasource.password={}",
    "password='{}'",
    "password&#34;: &#34;{}&#34;",
)
"""Where a password stands as it is."""
QUOTED_PLACES = (
    "GET /x?password%3D{}&a=1",
    "q=%22client_secret%22%3A%22{}%22",
    "postgres://app:{}@db.acme.test/x",
)
"""Where it stands as URLs write it."""


def password(chance: random.Random) -> str:
    """Return a password as people and programs make them, with a letter and a digit."""
    while True:
        kind = chance.random()
        if kind < 0.5:
            made = "".join(chance.choices(_KINDS["a"], k=chance.randint(9, 24)))
        elif kind < 0.8:
            made = "".join(chance.choices(_KINDS["a"] + "!#%+-_.~?@^*", k=chance.randint(9, 20)))
        else:
            word = chance.choice(("correct", "Summer", "winter", "Dragon", "hunter"))
            made = f"{word}{chance.randint(10, 9999)}{chance.choice('!#?%x')}"
        if re.search("[0-9]", made) and re.search("[A-Za-z]", made):
            return made


def passwords(place: str, count: int, seed: int = 1) -> Iterator[tuple[str, str]]:
    """Yield ``count`` texts with a password at the place, and how each is written there."""
    chance = random.Random(f"{place} {seed}")  # noqa: S311  (planted values)
    for _ in range(count):
        made = password(chance)
        written = quote(made, safe="") if place in QUOTED_PLACES else made
        yield place.format(written), written

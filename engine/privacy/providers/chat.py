"""Tokens of those who carry messages: chat, mail, text messages, and what is written together."""

from __future__ import annotations

import re

from engine.privacy.providers.row import END, HEX, URL, UUID, token
from engine.privacy.rule import FIRST

_GITLEAKS = "gitleaks 8"
_ID_BEFORE = re.compile(rb"[MNO]" + URL + rb"{23,27}\Z")


def _discord_start(text: bytes, dot: int) -> int:
    """Where the id of a bot begins, which ends before the dot."""
    found = _ID_BEFORE.search(text, max(0, dot - 28), dot)
    return found.start() if found else -1


RULES = (
    token("slack_token",
          rb"xoxe(?:\.xox[bp])?-[A-Za-z0-9.-]{10,300}|xox[abeoprs]-[A-Za-z0-9.-]{10,300}"
          rb"|xapp-[0-9]-[A-Za-z0-9-]{10,300}",
          b"xox", b"xapp-", source="docs.slack.dev: tokens", since=FIRST),
    token("slack_webhook",
          rb"hooks\.slack\.com/(?:services|workflows|triggers)/[A-Za-z0-9+/_-]{20,120}",
          b"hooks.slack.com/", source="docs.slack.dev: incoming webhooks", since=FIRST),
    token("discord_token",
          rb"[MNO]" + URL + rb"{23,27}\." + URL + rb"{6}\." + URL + rb"{27,40}(?![A-Za-z0-9_-])",
          regex=rb"\.(?=" + URL + rb"{6}\." + URL + rb"{27})", back=_discord_start,
          source="discord.com/developers: bot tokens"),
    token("discord_webhook",
          rb"discord(?:app)?\.com/api/(?:v[0-9]{1,2}/)?webhooks/[0-9]{17,20}/" + URL + rb"{60,80}",
          b"discord.com/api/", b"discordapp.com/api/", source="discord.com/developers: webhooks"),
    token("teams_webhook",
          rb"webhook\.office\.com/webhookb2/" + UUID + rb"@" + UUID
          + rb"/IncomingWebhook/[0-9a-zA-Z]{32}/" + UUID + rb"(?:/[A-Za-z0-9_-]{1,64})?",
          b"webhook.office.com/", source=_GITLEAKS),
    token("telegram_token", rb"[0-9]{8,10}:AA[A-Za-z0-9_-]{33}" + END, b"00000000:aa",
          b"000000000:aa", b"0000000000:aa", source="core.telegram.org: bots", since=FIRST),
    token("twilio_key", rb"SK" + HEX + rb"{32}" + END, regex=rb"SK(?=" + HEX + rb"{32})",
          source="twilio.com/docs: API keys"),
    token("sendgrid_key", rb"SG\." + URL + rb"{16,32}\." + URL + rb"{16,64}", b"sg.",
          source="docs.sendgrid.com: API keys", since=FIRST),
    token("mailgun_key", rb"key-" + HEX + rb"{32}" + END, b"key-", source=_GITLEAKS),
    token("mailchimp_key", HEX + rb"{32}-us[0-9]{1,2}" + END, b"-us0", back=32, source=_GITLEAKS),
    token("brevo_key", rb"x(?:key|smtp)sib-" + HEX + rb"{64}-[A-Za-z0-9]{16}" + END,
          b"xkeysib-", b"xsmtpsib-", source=_GITLEAKS),
    token("resend_key", rb"re_[A-Za-z0-9]{6,10}_[A-Za-z0-9]{20,28}" + END, b"re_",
          source="resend.com/docs: API keys"),
    token("notion_token", rb"ntn_[0-9]{10,12}[A-Za-z0-9]{32,40}" + END + rb"|secret_[A-Za-z0-9]{43}"
          + END, b"ntn_", b"secret_", source=_GITLEAKS),
    token("airtable_token", rb"pat[A-Za-z0-9]{14}\." + HEX + rb"{64}" + END,
          regex=rb"pat(?=[A-Za-z0-9]{14}\.)", source=_GITLEAKS),
    token("typeform_token", rb"tfp_[A-Za-z0-9_.=-]{40,64}", b"tfp_", source=_GITLEAKS),
    token("hubspot_token", rb"pat-(?:na|eu|ap)[0-9]-" + UUID + END, b"pat-na1-", b"pat-eu1-",
          b"pat-ap1-", source="developers.hubspot.com: private apps"),
    token("dropbox_token", rb"sl\.(?:u\.)?" + URL + rb"{120,1400}", b"sl.", source=_GITLEAKS),
    token("facebook_token", rb"EAA[A-Za-z0-9]{80,400}" + END, b"eaa",
          source="developers.facebook.com: access tokens"),
)  # fmt: skip

"""``kind = "http"``: a POST with a JSON body, such as to a webhook or to Alertmanager."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

from engine.effects import AttemptOutcome, AttemptStatus, HookContext, Order, one_line
from engine.formats import canonical
from engine.formats.times import parse_time, write_time
from engine.model import Json
from engine.net.endpoint import Endpoint, UnfitFileError, endpoint_of
from engine.net.exchange import Answer, Request, UnansweredError, exchange

if TYPE_CHECKING:
    from engine.settings.table import Table

EXAMPLE = """\
[[hook]]
on = ["page", "escalate"]
kind = "http"
url = "https://alertmanager.example.org:9093/api/v2/alerts"
body = "alertmanager"               # or "json", for any webhook
labels = {team = "scoring"}
timeout_s = 10                      # also ca_file, client_cert, client_key, token_file
retry = {first_s = 5, most_s = 60, attempts = 20}
"""

MAX_ANSWER_BYTES = 65_536
_BODIES = ("json", "alertmanager")
_LABEL = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
_TOO_MANY = 429
_MOST_SECONDS = 10**6


@dataclass(frozen=True, slots=True)
class Post:
    """An address that takes orders.

    Attributes:
        endpoint: Where to, and as whom.
        body: ``json`` or ``alertmanager``.
        labels: Further labels of alerts.
        lasts_s: How long an alert holds that nobody resolves, seconds.
        timeout_s: Longest that one attempt may take.
    """

    endpoint: Endpoint
    body: str
    labels: Mapping[str, str]
    lasts_s: int
    timeout_s: float

    def perform(self, order: Order) -> AttemptOutcome:
        """Send it once. A 2xx is done; no answer, 429 and 5xx may be tried again, no other."""
        headers = {"Content-Type": "application/json", "Idempotency-Key": order.idempotency_key}
        body = self._alerts(order) if self.body == "alertmanager" else order.document()
        request = Request("POST", body=canonical.encode(body), headers=headers)
        try:
            answer = exchange(
                self.endpoint, request, deadline_s=self.timeout_s, max_bytes=MAX_ANSWER_BYTES
            )
        except UnansweredError as unanswered:
            return AttemptOutcome(AttemptStatus.FAILED, one_line(unanswered.reason))
        except UnfitFileError as unfit:  # a token that is being replaced is there again soon
            return AttemptOutcome(AttemptStatus.FAILED, one_line(unfit.reason))
        return _outcome(answer, order.now)

    def _alerts(self, order: Order) -> list[Json]:
        """Return one alert per subject, identified by its labels; recovery ends it.

        Source: Alertmanager's API v2, ``postAlerts``; it knows an alert again by its labels, so
        that a repeat is the same alert, and an ``endsAt`` in the past resolves it.
        """
        ends_at = order.now if order.action == "recover" else self._ends_at(order)
        named = {"subject": order.subject["name"], "version": order.subject.get("version", "")}
        labels = {
            "alertname": "ReleaseEscalation" if order.action == "escalate" else "ReleaseBreach",
            "severity": "critical",
            **{name: value for name, value in named.items() if value},
            **self.labels,
        }
        shown = " ".join(value for value in named.values() if value)
        annotations = {
            "summary": f"{order.action}: {shown} ({order.cause})",
            "decision": order.decision,
            "idempotency_key": order.idempotency_key,
            "sha256": order.subject.get("sha256", ""),
        }
        times: dict[str, Json] = {"startsAt": order.requested_at, "endsAt": write_time(ends_at)}
        kept = {name: value for name, value in annotations.items() if value}
        return [{"labels": labels, "annotations": kept, **times}]

    def _ends_at(self, order: Order) -> datetime:
        return parse_time(order.requested_at) + timedelta(seconds=self.lasts_s)


def _outcome(answer: Answer, now: datetime) -> AttemptOutcome:
    words = answer.body.decode("utf-8", "replace")
    detail = one_line(f"HTTP {answer.status} {words}")
    if 200 <= answer.status < 300:
        return AttemptOutcome(AttemptStatus.DONE, f"HTTP {answer.status}")
    if answer.status == _TOO_MANY or answer.status >= 500:
        return AttemptOutcome(AttemptStatus.FAILED, detail, _retry_after_s(answer.headers, now))
    if 300 <= answer.status < 400:
        detail = f"HTTP {answer.status}: a redirect, and that is not followed"
    return AttemptOutcome(AttemptStatus.REFUSED, detail)


def _retry_after_s(headers: Mapping[str, str], now: datetime) -> int | None:
    """Seconds that ``Retry-After`` names, as a number or a date; RFC 9110 section 10.2.3."""
    text = headers.get("retry-after", "").strip()
    if text.isascii() and text.isdigit():
        return min(int(text[:9]), _MOST_SECONDS)
    try:
        seconds = (parsedate_to_datetime(text) - now).total_seconds()
    except (TypeError, ValueError):
        return None
    return int(min(max(seconds, 0), _MOST_SECONDS))


def hook_of(table: Table, around: HookContext) -> Post:
    """Return the address that ``table`` describes."""
    endpoint = endpoint_of(table, around.folder)
    body = table.choice("body", _BODIES, "json")
    given = table.table("labels")
    if body != "alertmanager" and (given.keys() or table.has("lasts")):
        raise table.refused("labels", "labels and lasts are of alerts", 'body = "alertmanager"')
    for name in given.keys():  # noqa: SIM118  (a table is no mapping)
        if not _LABEL.fullmatch(name):
            raise given.refused(name, "is no name of a label", "letters, digits and _")
    labels = {name: given.text(name) for name in given.keys()}  # noqa: SIM118
    lasts_s = table.seconds("lasts", "7d", least=60)
    timeout_s = table.number("timeout_s", 10.0, least=0.1, most=300)
    return Post(endpoint, body, labels, lasts_s, timeout_s)

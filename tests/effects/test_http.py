"""A POST: what is sent, what its answer means, and that a repeat is known as one."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest

from engine.effects import AttemptOutcome, AttemptStatus
from engine.errors import ConfigError
from engine.model import Json
from tests.effects.orders import NOW, hook, order
from tests.loopback import Authority, Reply, Server, serving
from tests.policy.servers import fake_opa, hanging, hanging_up


def table(url: str, more: str = "") -> str:
    return f'[[hook]]\nkind = "http"\nurl = "{url}"\n{more}\n'


def sent(server: Server) -> Json:
    return json.loads(server.requests[-1].body)


def test_a_webhook_is_told_what_to_do_with_its_idempotency_key(tmp_path: Path) -> None:
    with serving(lambda _request: Reply(202, b"thanks")) as server:
        outcome = hook(table(server.url + "/hook?to=us"), tmp_path).perform(order())
    assert outcome == AttemptOutcome(AttemptStatus.DONE, "HTTP 202")
    (request,) = server.requests
    assert (request.method, request.path) == ("POST", "/hook?to=us")
    assert request.headers["idempotency-key"] == "0197-page-1"
    assert request.headers["content-type"] == "application/json"
    assert sent(server) == order().document()


@pytest.mark.parametrize(
    ("reply", "ended", "retry_after_s"),
    [
        (Reply(200), AttemptStatus.DONE, None),
        (Reply(204, b""), AttemptStatus.DONE, None),
        (Reply(302, b"", {"Location": "/there"}), AttemptStatus.REFUSED, None),
        (Reply(400, b"what?"), AttemptStatus.REFUSED, None),
        (Reply(401), AttemptStatus.REFUSED, None),
        (Reply(404), AttemptStatus.REFUSED, None),
        (Reply(429, b"", {"Retry-After": "17"}), AttemptStatus.FAILED, 17),
        (Reply(429), AttemptStatus.FAILED, None),
        (Reply(500), AttemptStatus.FAILED, None),
        (
            Reply(503, b"", {"Retry-After": "Fri, 20 Nov 2026 12:01:05 GMT"}),
            AttemptStatus.FAILED,
            60,
        ),
        (
            Reply(503, b"", {"Retry-After": "Fri, 20 Nov 2026 11:00:00 GMT"}),
            AttemptStatus.FAILED,
            0,
        ),
        (Reply(503, b"", {"Retry-After": "soon"}), AttemptStatus.FAILED, None),
        (Reply(503, b"", {"Retry-After": "9" * 400}), AttemptStatus.FAILED, 10**6),
    ],
)
def test_only_what_may_succeed_later_is_tried_again(
    tmp_path: Path, reply: Reply, ended: AttemptStatus, retry_after_s: int | None
) -> None:
    """INV-WATCH-3"""
    with serving(lambda _request: reply) as server:
        outcome = hook(table(server.url), tmp_path).perform(order())
    assert (outcome.ended, outcome.retry_after_s) == (ended, retry_after_s)
    assert str(reply.status) in outcome.detail
    assert len(server.requests) == 1


@pytest.mark.parametrize("respond", [hanging, hanging_up])
def test_no_answer_may_be_tried_again(tmp_path: Path, respond: object) -> None:
    with fake_opa(respond) as url:  # type: ignore[arg-type]
        outcome = hook(table(url, "timeout_s = 0.3"), tmp_path).perform(order())
    assert outcome.ended is AttemptStatus.FAILED


def test_what_a_receiver_says_is_one_short_line(tmp_path: Path) -> None:
    body = b"no\r\nsuch\x1b[2J\tsubject " + b"z" * 5000
    with serving(lambda _request: Reply(422, body)) as server:
        detail = hook(table(server.url), tmp_path).perform(order()).detail
    assert detail.startswith("HTTP 422 no such[2J subject zzz")
    assert len(detail) == 300


def test_tls_and_token_are_the_endpoints(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    token = tmp_path / "token"
    token.touch(0o600)
    token.write_text("abc")
    with serving(lambda _request: Reply(), authority.server()) as server:
        more = f'ca_file = "{authority.file.name}"\ntoken_file = "token"'
        made = hook(table(server.url, more), tmp_path)
        assert made.perform(order()).ended is AttemptStatus.DONE
        token.chmod(0o644)
        assert made.perform(order()).ended is AttemptStatus.FAILED
        untrusted = hook(table(server.url), tmp_path)
        assert untrusted.perform(order()).ended is AttemptStatus.FAILED
    assert [request.headers.get("authorization") for request in server.requests] == ["Bearer abc"]


ALERTS = 'body = "alertmanager"\nlabels = {team = "ml", severity = "page"}\nlasts = "2d"'


def test_an_alert_is_one_by_its_labels_and_recovery_ends_it(tmp_path: Path) -> None:
    later = NOW + timedelta(hours=3)
    with serving(lambda _request: Reply()) as server:
        made = hook(table(server.url, ALERTS), tmp_path)
        made.perform(order())
        (first,) = sent(server)
        made.perform(order(attempt=2, now=later))
        (repeated,) = sent(server)
        made.perform(order(action="recover", requested_at="2026-11-20T15:00:00Z", now=later))
        (ended,) = sent(server)
        made.perform(order(action="escalate", cause="cdc_lag"))
        (escalated,) = sent(server)
    assert first == repeated
    assert first["labels"] == {
        "alertname": "ReleaseBreach", "severity": "page", "team": "ml",
        "subject": "scoring-model", "version": "2.4.1",
    }  # fmt: skip
    assert first["startsAt"] == "2026-11-20T12:00:00Z"
    assert first["endsAt"] == "2026-11-22T12:00:00Z"
    assert first["annotations"]["summary"] == "page: scoring-model 2.4.1 (over)"
    assert ended["labels"] == first["labels"]
    assert ended["endsAt"] == "2026-11-20T15:00:05Z"
    assert escalated["labels"]["alertname"] == "ReleaseEscalation"


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ('body = "alertmanger"', "did you mean 'alertmanager'?"),
        ('labels = {a = "b"}', "are of alerts"),
        ('lasts = "1d"', "are of alerts"),
        ('body = "alertmanager"\nlabels = {"a-b" = "c"}', "is no name of a label"),
        ('body = "alertmanager"\nlasts = "1 day"', "a length of time"),
        ("timeout_s = 0", "a number from 0.1 to 300"),
        ('urll = "x"', "did you mean 'url'?"),
    ],
)
def test_a_table_that_cannot_work_is_refused_with_its_line(
    tmp_path: Path, more: str, reason: str
) -> None:
    with pytest.raises(ConfigError, match=r"w\.toml:\d: key ") as caught:
        hook(table("http://127.0.0.1:9", more), tmp_path)
    assert reason in str(caught.value)

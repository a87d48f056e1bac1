"""One HTTP exchange: bounded, trusting only what it was told to, and taking nothing from around."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from engine.errors import ConfigError
from engine.net.endpoint import Endpoint, UnfitFileError, endpoint_of
from engine.net.exchange import Answer, Request, UnansweredError, exchange
from engine.settings.table import Table
from tests.loopback import Authority, Reply, ServedRequest, serving
from tests.policy.servers import dripping, fake_opa, hanging, hanging_up, http

GET = Request("GET", "/x")


def ask(
    endpoint: Endpoint | str, request: Request = GET, *, deadline_s: float = 10, most: int = 1000
) -> Answer:
    if isinstance(endpoint, str):
        endpoint = Endpoint(endpoint)
    return exchange(endpoint, request, deadline_s=deadline_s, max_bytes=most)


def plain(_request: ServedRequest) -> Reply:
    return Reply(200, b"hello", {"X-Said": "yes"})


def private(path: Path, content: str, mode: int = 0o600) -> Path:
    path.touch()
    path.chmod(mode)
    path.write_text(content)
    return path


def test_an_answer_comes_back_whole() -> None:
    with serving(plain) as server:
        answer = ask(server.url + "/base/", Request("POST", "/x?y=1", b"body", {"A": "b"}))
    assert (answer.status, answer.body, answer.headers["x-said"]) == (200, b"hello", "yes")
    (request,) = server.requests
    assert (request.method, request.path, request.body) == ("POST", "/base/x?y=1", b"body")
    assert request.headers["a"] == "b"
    assert "authorization" not in request.headers


@pytest.mark.parametrize("status", [204, 301, 404, 429, 503])
def test_any_status_is_an_answer(status: int) -> None:
    reply = Reply(status, b"", {"Location": "http://127.0.0.1:9/elsewhere"})
    with serving(lambda _request: reply) as server:
        assert ask(server.url).status == status
    assert len(server.requests) == 1  # neither followed nor repeated


@pytest.mark.parametrize(
    ("respond", "reason"),
    [
        (hanging, "no whole answer within 0.3 s"),
        (dripping(http("200 OK", b"x" * 900), 3), "no whole answer within 0.3 s"),  # its headers
        (dripping(http("200 OK", b"x" * 900), 60), "no whole answer within 0.3 s"),  # its body
        (hanging_up, "Connection"),
        (lambda c, _o: c.sendall(http("200 OK", b"x" * 5000)), "larger than 1,000 bytes"),
        (lambda c, _o: c.sendall(http("200 OK", b"x" * 50)[:-9]), "IncompleteRead"),
        (lambda c, _o: c.sendall(b"SSH-2.0-x\r\n\r\n"), "BadStatusLine"),
    ],
    ids=["silent", "slow headers", "slow body", "hangs up", "too large", "cut short", "no http"],
)
def test_what_is_no_whole_answer_in_time_is_none(
    respond: Callable[[socket.socket, threading.Event], None], reason: str
) -> None:
    deadline_s = 0.3 if "0.3" in reason else 10
    with fake_opa(respond) as url, pytest.raises(UnansweredError, match=reason):
        ask(url, Request("POST", "/x", b"{}"), deadline_s=deadline_s)


def test_nobody_there_and_no_time_left_are_told() -> None:
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    with pytest.raises(UnansweredError, match="connection refused"):
        ask(f"http://127.0.0.1:{port}")
    with pytest.raises(UnansweredError, match="no time was left"):
        ask("http://127.0.0.1:1", deadline_s=0)


def test_the_environment_has_no_say(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """INV-WATCH-2: neither proxy nor netrc nor certificates nor a key log."""
    private(tmp_path / ".netrc", "machine 127.0.0.1 login a password secret-of-netrc\n")
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "HTTPS_PROXY", "https_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    for name, value in {
        "HOME": str(tmp_path),
        "NETRC": str(tmp_path / ".netrc"),
        "SSLKEYLOGFILE": str(tmp_path / "keys.log"),
        "REQUESTS_CA_BUNDLE": str(tmp_path / "none.pem"),
    }.items():
        monkeypatch.setenv(name, value)
    authority = Authority(tmp_path)
    with serving(plain) as server:
        assert ask(server.url).body == b"hello"
    with serving(plain, authority.server()) as secure:
        assert ask(Endpoint(secure.url, ca_file=authority.file)).body == b"hello"
    assert not any(
        "authorization" in request.headers for request in server.requests + secure.requests
    )
    assert not (tmp_path / "keys.log").exists()


def test_no_authority_is_taken_from_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """INV-WATCH-2: whoever sets a variable would answer in the server's place."""
    authority = Authority(tmp_path)
    for name in ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.setenv(name, str(authority.file))
    monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path))
    with (
        serving(plain, authority.server()) as server,
        pytest.raises(UnansweredError, match="its certificate does not hold"),
    ):
        ask(Endpoint(server.url))


def test_a_proxy_that_was_asked_for_is_used() -> None:
    with serving(plain) as proxy:
        answer = ask(Endpoint("http://metrics.example.org:9090", proxy=proxy.url))
    assert answer.body == b"hello"
    assert proxy.requests[0].path == "http://metrics.example.org:9090/x"


def test_a_server_is_trusted_by_the_authority_that_was_named_alone(tmp_path: Path) -> None:
    """INV-WATCH-2"""
    ours, other = Authority(tmp_path), Authority(tmp_path, "another one")
    with serving(plain, ours.server()) as server:
        assert ask(Endpoint(server.url, ca_file=ours.file)).body == b"hello"
        for wrong in (Endpoint(server.url), Endpoint(server.url, ca_file=other.file)):
            with pytest.raises(UnansweredError, match="its certificate does not hold"):
                ask(wrong)
        named = Endpoint(server.url.replace("127.0.0.1", "localhost"), ca_file=ours.file)
        with pytest.raises(UnansweredError, match="its certificate does not hold"):
            ask(named)
    assert len(server.requests) == 1


def test_a_client_certificate_is_shown(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    certificate, key = authority.issue("client")
    with serving(plain, authority.server(asks_clients=True)) as server:
        endpoint = Endpoint(server.url, authority.file, certificate, key)
        assert ask(endpoint).body == b"hello"
        with pytest.raises(UnansweredError):
            ask(Endpoint(server.url, authority.file))
        key.chmod(0o644)
        with pytest.raises(UnfitFileError, match="others can read it"):
            ask(endpoint)


def test_a_token_is_read_anew_each_time_and_never_shown(tmp_path: Path) -> None:
    token = private(tmp_path / "token", "first-secret\n")
    with serving(plain) as server:
        endpoint = Endpoint(server.url, token_file=token)
        ask(endpoint)
        token.write_text("second-secret")
        ask(endpoint)
        ask(Endpoint(server.url, token_file=token, user="me"))
    authorizations = [request.headers["authorization"] for request in server.requests]
    assert authorizations == [
        "Bearer first-secret", "Bearer second-secret", "Basic bWU6c2Vjb25kLXNlY3JldA==",
    ]  # fmt: skip
    assert "secret" not in repr(endpoint)


@pytest.mark.parametrize(
    ("content", "mode", "reason"),
    [
        ("secret", 0o644, "others can read it"),
        ("secret", 0o640, "others can read it"),
        ("", 0o600, "no token in it"),
        ("two lines\nsecret", 0o600, "no token in it"),
        ("secret\r\nX-Evil: 1", 0o600, "no token in it"),
        (None, 0o600, "no such file"),
        ("secret" * 12_000, 0o600, "larger than 65,536 bytes"),
    ],
)
def test_a_token_that_is_none_or_readable_by_others_is_refused(
    tmp_path: Path, content: str | None, mode: int, reason: str
) -> None:
    """INV-WATCH-2"""
    token = tmp_path / "token"
    if content is not None:
        private(token, content, mode)
    with serving(plain) as server, pytest.raises(UnfitFileError, match=reason) as caught:
        ask(Endpoint(server.url, token_file=token))
    assert "secret" not in str(caught.value)
    assert server.requests == []


def table(tmp_path: Path, **members: object) -> Table:
    text = "[[source]]\n" + "\n".join(f"{k} = {json.dumps(v)}" for k, v in members.items())
    return Table("w.toml", text, members, header="source")


@pytest.mark.parametrize(
    ("members", "reason"),
    [
        ({"url": "prometheus:9090"}, "is no address"),
        ({"url": "ftp://x"}, "is no address"),
        ({"url": "https://"}, "is no address"),
        ({"url": "https://x:0"}, "is no address"),
        ({"url": "https://x:99999"}, "out of range"),
        ({"url": "https://x/\n"}, "is no address"),
        ({"url": "https://me:secret@x"}, "holds a user or a password"),
        ({"url": "http://x.example.org"}, "anybody on the way"),
        ({"url": "http://x.example.org", "plain_http": True, "token_file": "t"}, "over https only"),
        ({"url": "https://x", "client_cert": "c"}, "go together"),
        ({"url": "https://x", "user": "me"}, "without a password"),
        ({"url": "https://x", "token_file": "absent"}, "no such file"),
        ({"url": "https://x", "ca_file": "absent"}, "no such file"),
        ({"url": "https://x", "ca_file": "t"}, "t: "),
        ({"url": "https://x", "proxy": "proxy:3128"}, "is no address"),
    ],
)
def test_an_endpoint_that_cannot_work_is_refused_with_its_line(
    tmp_path: Path, members: dict[str, object], reason: str
) -> None:
    private(tmp_path / "t", "no certificate")
    with pytest.raises(ConfigError, match=r"w\.toml:\d+: key ") as caught:
        endpoint_of(table(tmp_path, **members), tmp_path)
    assert reason in str(caught.value)
    assert "secret" not in str(caught.value)


def test_plain_http_is_for_this_machine_or_for_who_asks_for_it(tmp_path: Path) -> None:
    for url in ("http://127.0.0.1:9090", "http://localhost", "http://[::1]:1"):
        assert endpoint_of(table(tmp_path, url=url), tmp_path).url == url
    there = endpoint_of(table(tmp_path, url="http://x.org/p", plain_http=True), tmp_path)
    assert there.shown == "http://x.org"

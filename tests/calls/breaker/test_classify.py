from __future__ import annotations

import asyncio
import errno
import http.client
import socket
import ssl
import urllib.error
import urllib.request
from collections.abc import Callable
from email.message import Message

import httpx
import pytest
import requests

from engine.calls.breaker.classify import classify
from engine.calls.breaker.machine import CallOutcome


class _Answer:
    def __init__(self, status_code: object) -> None:
        self.status_code = status_code


class _ResponseError(Exception):
    def __init__(self, status_code: object) -> None:
        super().__init__("an answer that is an error")
        self.response = _Answer(status_code)


class _StatusError(Exception):
    def __init__(self, status: int) -> None:
        super().__init__("an answer that is an error")
        self.status = status


def _http(code: int) -> urllib.error.HTTPError:
    return urllib.error.HTTPError("https://example.org", code, "said so", Message(), None)


def _wrapped(inside: BaseException) -> Exception:
    try:
        try:
            raise inside
        except BaseException as error:
            raise RuntimeError("request failed") from error
    except RuntimeError as outer:
        return outer


@pytest.mark.parametrize(
    "error",
    [
        *(_StatusError(status) for status in (408, 429, 500, 502, 503, 504, 529)),
        _ResponseError(500),
        _http(503),
        TimeoutError(),
        ConnectionRefusedError(),
        socket.gaierror(-2, "Name or service not known"),
        _wrapped(TimeoutError("read")),
        _wrapped(ConnectionResetError()),
    ],
    ids=repr,
)
def test_a_provider_that_is_overloaded_down_or_silent_fails(error: BaseException) -> None:
    assert classify(error) is CallOutcome.FAILURE


@pytest.mark.parametrize(
    "error",
    [
        *(_StatusError(status) for status in (400, 401, 403, 404, 409, 422)),
        _ResponseError(404),
        _ResponseError("503"),
        _ResponseError(None),
        _http(418),
        ValueError("a bug of the caller"),
        _wrapped(ValueError()),
        OSError(28, "no space left on device"),
        asyncio.CancelledError(),
        KeyboardInterrupt(),
        GeneratorExit(),
        SystemExit(503),
    ],
    ids=repr,
)
def test_what_says_nothing_of_the_provider_does_not_count(error: BaseException) -> None:
    assert classify(error) is CallOutcome.NEUTRAL


def test_the_status_is_believed_before_the_cause() -> None:
    error = _StatusError(404)
    error.__cause__ = TimeoutError()

    assert classify(error) is CallOutcome.NEUTRAL


def test_a_cause_that_was_put_aside_is_not_looked_at() -> None:
    error = _wrapped(TimeoutError())
    error.__cause__, error.__suppress_context__ = None, True

    assert classify(error) is CallOutcome.NEUTRAL


def test_errors_that_cause_each_other_end() -> None:
    one, other = ValueError(), KeyError()
    one.__cause__, other.__cause__ = other, one

    assert classify(one) is CallOutcome.NEUTRAL


def test_what_client_libraries_make_of_a_refused_connection_counts() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{closed.getsockname()[1]}/"

        with pytest.raises(requests.ConnectionError) as by_requests:
            requests.get(address, timeout=5, proxies={"http": ""})
        with pytest.raises(urllib.error.URLError) as by_urllib:
            urllib.request.build_opener(urllib.request.ProxyHandler({})).open(address, timeout=5)
    assert classify(by_requests.value) is CallOutcome.FAILURE
    assert classify(by_urllib.value) is CallOutcome.FAILURE


def test_what_they_make_of_a_silent_server_counts() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"http://127.0.0.1:{silent.getsockname()[1]}/"
        with pytest.raises(requests.ReadTimeout) as caught:
            requests.get(address, timeout=(5, 0.01), proxies={"http": ""})
    assert classify(caught.value) is CallOutcome.FAILURE


def _raised(work: Callable[[], object]) -> Exception:
    try:
        work()
    except Exception as error:  # noqa: BLE001
        return error
    raise AssertionError("nothing was raised")


def test_the_callers_own_error_never_counts_though_a_failure_was_handled() -> None:
    """INV-BREAKER-7: neither with the failure in its context, nor with ``from None``."""

    def own(hide: bool) -> None:
        try:
            raise TimeoutError
        except TimeoutError:
            if hide:
                raise LookupError("a bug in the except block") from None
            raise LookupError("a bug in the except block")  # noqa: B904

    assert classify(_raised(lambda: own(hide=False))) is CallOutcome.NEUTRAL
    assert classify(_raised(lambda: own(hide=True))) is CallOutcome.NEUTRAL


def test_a_clients_error_about_the_next_call_does_not_count_for_the_one_before() -> None:
    """INV-BREAKER-7: the caller handled the failure, not the client."""

    def ask_again() -> None:
        try:
            raise TimeoutError
        except TimeoutError:
            httpx.get("ftp://example.org")

    error = _raised(ask_again)
    assert isinstance(error, httpx.UnsupportedProtocol)
    assert classify(error) is CallOutcome.NEUTRAL


def test_a_bug_in_a_clients_hook_is_the_callers() -> None:
    """INV-BREAKER-7"""

    def hook(_: object) -> None:
        raise LookupError("the caller's")

    with httpx.Client(event_hooks={"request": [hook]}) as client:
        assert classify(_raised(lambda: client.get("http://127.0.0.1:1"))) is CallOutcome.NEUTRAL


def _no_file() -> OSError:
    return OSError(errno.EMFILE, "Too many open files")


@pytest.mark.parametrize(
    "make",
    [
        lambda: _caused(httpx.ConnectError("no file"), _no_file()),
        lambda: _caused(requests.ConnectionError("no file"), _no_file()),
        lambda: httpx.PoolTimeout("all connections are in use"),
        lambda: httpx.InvalidURL("no URL"),
        lambda: httpx.LocalProtocolError("an illegal header"),
        lambda: requests.exceptions.InvalidURL("no URL"),
        lambda: requests.exceptions.JSONDecodeError("no JSON", "{", 1),
        lambda: ExceptionGroup("several", [ValueError(), LookupError()]),
        lambda: _raised(lambda: ssl.create_default_context().load_verify_locations(cadata="x")),
        lambda: _raised(lambda: ssl.create_default_context().load_cert_chain(__file__)),
    ],
)
def test_what_is_wrong_on_this_side_does_not_count(make: Callable[[], Exception]) -> None:
    """INV-BREAKER-7"""
    assert classify(make()) is CallOutcome.NEUTRAL


@pytest.mark.parametrize(
    "make",
    [
        lambda: OSError(errno.EHOSTUNREACH, "No route to host"),
        lambda: OSError(errno.ENETUNREACH, "Network is unreachable"),
        lambda: ssl.SSLError(1, "[SSL] handshake failure"),
        lambda: ssl.SSLCertVerificationError("expired"),
        lambda: http.client.IncompleteRead(b"so far", 10),
        lambda: asyncio.IncompleteReadError(b"so far", 10),
        lambda: http.client.RemoteDisconnected("closed"),
        lambda: ExceptionGroup("several", [ValueError(), ConnectionResetError()]),
        lambda: _caused(LookupError("wrapped on purpose"), TimeoutError()),
        lambda: httpx.ReadTimeout("slow"),
        lambda: httpx.RemoteProtocolError("broke off"),
        lambda: requests.exceptions.ChunkedEncodingError("broke off"),
    ],
)
def test_what_is_wrong_on_the_way_or_there_counts(make: Callable[[], Exception]) -> None:
    """INV-BREAKER-7"""
    assert classify(make()) is CallOutcome.FAILURE


def _caused(error: Exception, cause: Exception) -> Exception:
    error.__cause__ = cause
    return error


class _AwsError(Exception):
    def __init__(self, code: str, status: int | None) -> None:
        super().__init__(code)
        about = {} if status is None else {"ResponseMetadata": {"HTTPStatusCode": status}}
        self.response = {"Error": {"Code": code}, **about}


@pytest.mark.parametrize(
    ("code", "status", "outcome"),
    [
        ("ThrottlingException", 400, CallOutcome.FAILURE),
        ("ProvisionedThroughputExceededException", 400, CallOutcome.FAILURE),
        ("SlowDown", 503, CallOutcome.FAILURE),
        ("ServiceUnavailableException", 503, CallOutcome.FAILURE),
        ("429", 429, CallOutcome.FAILURE),
        ("modelStreamErrorException", None, CallOutcome.FAILURE),
        ("ValidationException", 400, CallOutcome.NEUTRAL),
        ("AccessDeniedException", 403, CallOutcome.NEUTRAL),
        ("validationException", None, CallOutcome.NEUTRAL),
    ],
)
def test_aws_says_it_by_code_and_status(
    code: str, status: int | None, outcome: CallOutcome
) -> None:
    assert classify(_AwsError(code, status)) is outcome


class APIError(Exception):
    """As openai and anthropic call theirs."""

    def __init__(self, body: object, status_code: int | None = None) -> None:
        super().__init__("an error event")
        self.body = body
        if status_code is not None:
            self.status_code = status_code


@pytest.mark.parametrize(
    ("body", "outcome"),
    [
        ({"type": "server_error", "code": None}, CallOutcome.FAILURE),
        ({"error": {"type": "overloaded_error"}}, CallOutcome.FAILURE),
        ({"code": 502, "message": "upstream"}, CallOutcome.FAILURE),
        ({"message": "no kind at all"}, CallOutcome.FAILURE),
        ({"code": "rate_limit_exceeded"}, CallOutcome.FAILURE),
        ({"code": 400, "message": "bad"}, CallOutcome.NEUTRAL),
        ({"type": "invalid_request_error"}, CallOutcome.NEUTRAL),
        ({"error": {"type": "permission_error"}}, CallOutcome.NEUTRAL),
        ({"type": "invalid_request_error", "code": "context_length_exceeded"}, CallOutcome.NEUTRAL),
    ],
    ids=str,
)
def test_an_error_event_in_a_stream_is_the_providers_or_the_callers(
    body: object, outcome: CallOutcome
) -> None:
    assert classify(APIError(body)) is outcome
    assert classify(APIError(body, status_code=200)) is outcome


@pytest.mark.parametrize(
    ("number", "outcome"),
    [(errno.EMFILE, CallOutcome.NEUTRAL), (errno.EHOSTUNREACH, CallOutcome.FAILURE)],
)
@pytest.mark.parametrize("get", [httpx.get, requests.get], ids=["httpx", "requests"])
def test_what_a_client_hides_of_its_own_tells_this_side_from_the_other(
    get: Callable[[str], object],
    number: int,
    outcome: CallOutcome,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """INV-BREAKER-7: httpx's transport raises ``from None``, with the socket's error behind it."""

    def connect(*_: object, **__: object) -> socket.socket:
        raise OSError(number, "as the system says it")

    monkeypatch.setattr(socket, "create_connection", connect)
    monkeypatch.setattr(socket.socket, "connect", connect)

    error = _raised(lambda: get("http://127.0.0.1:1/"))

    assert type(error).__name__ in ("ConnectError", "ConnectionError")
    assert classify(error) is outcome


@pytest.mark.parametrize(
    "module", ["fastapi.exceptions", "werkzeug.exceptions", "aiohttp.web_exceptions"]
)
def test_a_status_that_the_callers_own_service_will_answer_is_not_the_providers(
    module: str,
) -> None:
    """INV-BREAKER-7"""
    kind = type("HTTPException", (Exception,), {"__module__": module, "status_code": 502})
    assert classify(kind()) is CallOutcome.NEUTRAL
    assert classify(_caused(kind(), httpx.ReadTimeout("slow"))) is CallOutcome.FAILURE
    assert classify(_caused(kind(), LookupError())) is CallOutcome.NEUTRAL

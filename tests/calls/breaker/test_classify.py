from __future__ import annotations

import asyncio
import socket
import urllib.error
import urllib.request
from email.message import Message

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

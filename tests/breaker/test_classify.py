from __future__ import annotations

import asyncio
import urllib.error
from email.message import Message

import pytest

from engine.breaker.classify import classify
from engine.breaker.machine import Outcome


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
        *(_StatusError(status) for status in (429, 500, 502, 503, 504, 529)),
        _ResponseError(500),
        _http(503),
        TimeoutError(),
        ConnectionRefusedError(),
        _wrapped(TimeoutError("read")),
        _wrapped(ConnectionResetError()),
    ],
    ids=repr,
)
def test_a_provider_that_is_overloaded_down_or_silent_fails(error: BaseException) -> None:
    assert classify(error) is Outcome.FAILURE


@pytest.mark.parametrize(
    "error",
    [
        *(_StatusError(status) for status in (400, 401, 403, 404, 408, 409, 422)),
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
    assert classify(error) is Outcome.NEUTRAL


def test_the_status_is_believed_before_the_cause() -> None:
    error = _StatusError(404)
    error.__cause__ = TimeoutError()

    assert classify(error) is Outcome.NEUTRAL


def test_a_cause_that_was_put_aside_is_not_looked_at() -> None:
    error = _wrapped(TimeoutError())
    error.__cause__, error.__suppress_context__ = None, True

    assert classify(error) is Outcome.NEUTRAL


def test_errors_that_cause_each_other_end() -> None:
    one, other = ValueError(), KeyError()
    one.__cause__, other.__cause__ = other, one

    assert classify(one) is Outcome.NEUTRAL

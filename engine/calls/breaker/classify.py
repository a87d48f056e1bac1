"""What an error says about the provider that the call was for."""

from __future__ import annotations

import socket
from collections.abc import Iterator

from engine.calls.breaker.machine import CallOutcome

_DEEPEST = 8
_UNREACHABLE = (TimeoutError, ConnectionError, socket.gaierror)


def classify(error: BaseException) -> CallOutcome:
    """Return what ``error`` says: a failure of the provider, or nothing.

    HTTP status 429 and 5xx count, another status does not: the provider answered. Without a
    status, timeouts, connections that could not be made or broke, and names that could not be
    found count, also as the cause of an error. What is no ``Exception`` (cancellation, Ctrl-C)
    never counts. A status is what ``status_code``, ``response.status_code``, ``code`` or
    ``status`` say; no client library is imported for this.
    """
    if not isinstance(error, Exception):
        return CallOutcome.NEUTRAL
    status = status_of(error)
    if status is not None:
        failed = status == 429 or status >= 500
    else:
        failed = any(isinstance(cause, _UNREACHABLE) for cause in _chain(error))
    return CallOutcome.FAILURE if failed else CallOutcome.NEUTRAL


def status_of(error: object) -> int | None:
    """Return the HTTP status that an error (or an answer) carries; None when it has none."""
    response = getattr(error, "response", None)
    for holder, name in (
        (error, "status_code"),
        (response, "status_code"),
        (error, "code"),
        (error, "status"),
        (response, "status"),
    ):
        value = getattr(holder, name, None)
        if isinstance(value, int) and not isinstance(value, bool) and 100 <= value <= 599:
            return int(value)
    return None


def _chain(error: BaseException) -> Iterator[BaseException]:
    """The error and what it came of; client libraries wrap the socket's own."""
    cause: BaseException | None = error
    for _ in range(_DEEPEST):
        if cause is None:
            return
        yield cause
        cause = cause.__cause__ or (None if cause.__suppress_context__ else cause.__context__)

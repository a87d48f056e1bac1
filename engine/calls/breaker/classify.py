"""What an error says about the provider that the call was for.

Client libraries are known by the names of their errors, :data:`CLIENTS`; none is imported.
"""

from __future__ import annotations

import asyncio
import errno
import http.client
import socket
import ssl
from collections.abc import Mapping

from engine.calls.breaker.machine import CallOutcome

_DEEPEST = 24
FAILURE, NEUTRAL = CallOutcome.FAILURE, CallOutcome.NEUTRAL

_HTTPX = {
    **dict.fromkeys(
        ("TimeoutException", "NetworkError", "RemoteProtocolError", "ProxyError", "DecodingError"),
        FAILURE,
    ),
    # Its own connections were all in use: nothing was asked of the provider.
    "PoolTimeout": NEUTRAL,
}
# What does not fit the client's own idea of an answer is one all the same.
_AI = {"APIConnectionError": None, "APIResponseValidationError": NEUTRAL}

CLIENTS: Mapping[str, Mapping[str, CallOutcome | None]] = {
    "httpx": _HTTPX,
    "httpx2": _HTTPX,
    "httpcore": _HTTPX,
    "httpcore2": _HTTPX,
    "h11": {"RemoteProtocolError": FAILURE},
    "requests": dict.fromkeys(
        (
            "ConnectionError",
            "Timeout",
            "ChunkedEncodingError",
            "ContentDecodingError",
            "RetryError",
        ),
        FAILURE,
    ),
    "urllib3": {
        **dict.fromkeys(
            ("TimeoutError", "ProtocolError", "SSLError", "ProxyError", "DecodeError"), FAILURE
        ),
        **dict.fromkeys(("IncompleteRead", "InvalidChunkLength", "ResponseError"), FAILURE),
        "MaxRetryError": None,
    },
    "urllib": {},
    "aiohttp": {
        **dict.fromkeys(
            ("ClientOSError", "ServerConnectionError", "ClientPayloadError", "HttpProcessingError"),
            FAILURE,
        ),
        # What its own code raised while a request's body was written comes in one, too.
        "ClientConnectionError": None,
    },
    "botocore": {
        **dict.fromkeys(("ConnectionError", "ConnectionClosedError", "ReadTimeoutError"), FAILURE),
        **dict.fromkeys(
            ("ResponseStreamingError", "IncompleteReadError", "ResponseParserError"), FAILURE
        ),
        "HTTPClientError": None,
    },
    "openai": _AI,
    "anthropic": _AI,
    "grpc": {"FutureTimeoutError": FAILURE},
    "websockets": {"InvalidMessage": FAILURE, "ConnectionClosedError": FAILURE},
}
"""What an error says by its name, or that of the nearest class above it. None: what it came of
decides, and where it came of nothing it is a failure. Names that are not here say nothing.
An error of these packages also came of what they handled themselves when they raised it
(``__context__``), even where ``from None`` hides it. Any error came of what it names (``from``)."""

_SERVERS = (
    *("starlette.", "fastapi.", "werkzeug.", "django.", "litestar.", "sanic.", "falcon."),
    *("aiohttp.web", "tornado.web", "bottle", "flask"),
)
"""Where the errors live whose status is what the caller's own service will answer, and nothing
that a provider said."""

_GRPC_FAILED = frozenset(
    ("UNAVAILABLE", "DEADLINE_EXCEEDED", "RESOURCE_EXHAUSTED", "INTERNAL", "UNKNOWN", "DATA_LOSS")
)
_GRPC_OWN = (
    "Exception serializing request!",
    "Exception deserializing response!",
    "Exception iterating requests!",
    "Invalid metadata",
    "CLIENT: Sent message larger than max",
    "CLIENT: Received message larger than max",
)
"""What its own process says with such a code, when the caller's code raised or its settings
refuse."""

_AWS_FAILED = frozenset(
    [
        "throttl",
        "toomanyrequests",
        "throughputexceeded",
        "requestlimitexceeded",
        "slowdown",
        "bandwidthlimitexceeded",
        "priorrequestnotcomplete",
        "requesttimeout",
        "modeltimeout",
        "internalserver",
        "internalfailure",
        "internalerror",
        "serviceunavailable",
        "modelstreamerror",
        "modelnotready",
        "modelerror",
    ]
)
"""What a code of AWS has in it when the service failed, whatever its status."""
_CALLERS_EVENTS = frozenset(
    [
        "invalid",
        "authentication",
        "permission",
        "not_found",
        "request_too_large",
        "billing",
        "content_filter",
        "content_policy",
        "context_length",
        "unsupported",
        "validation",
        "accessdenied",
        "resourcenotfound",
    ]
)
"""What the kind of an error event has in it when the request was wrong, not the provider."""

_NETWORK = frozenset(
    getattr(errno, name)
    for name in ["EHOSTUNREACH", "ENETUNREACH", "EHOSTDOWN", "ENETDOWN", "ENETRESET", "ETIMEDOUT"]
)
_TLS_SETTINGS = frozenset(("X509", "PEM", "ASN1", "BIO"))
_UNREACHABLE = (
    TimeoutError,
    ConnectionError,
    socket.gaierror,
    socket.herror,
    http.client.IncompleteRead,
    http.client.BadStatusLine,
    http.client.LineTooLong,
    asyncio.IncompleteReadError,
)


def classify(error: BaseException) -> CallOutcome:
    """Return what ``error`` says: a failure of the provider, or nothing.

    HTTP status 408, 429 and 5xx count, another status does not: the provider answered. Without a
    status, timeouts, connections that could not be made or broke, TLS that failed, answers that
    broke off, names that could not be found and error events inside an answer count, also as what
    an error came of. What is no ``Exception`` (cancellation, Ctrl-C) never counts, nor do errors
    of the caller's own, also those that were raised while one of the provider's was handled.
    """
    return _outcome_of(error, _DEEPEST) or NEUTRAL


def status_of(error: object) -> int | None:
    """Return the HTTP status that an error (or an answer) carries; None when it has none."""
    response = _member(error, "response")
    for holder, name in (
        (error, "status_code"),
        (response, "status_code"),
        (error, "status"),
        (response, "status"),
        # aiohttp warns of its own ``code``, which is its ``status``.
        (error if _root(type(error)) != "aiohttp" else None, "code"),
        (_within(response, "ResponseMetadata"), "HTTPStatusCode"),
    ):
        value = _within(holder, name) if isinstance(holder, Mapping) else _member(holder, name)
        if isinstance(value, int) and not isinstance(value, bool) and 100 <= value <= 599:
            return int(value)
    return None


def of_status(status: int) -> CallOutcome:
    """Return what the status of an answer says: a success below 300, a failure, or nothing."""
    if status in (408, 429) or status >= 500:
        return FAILURE
    return CallOutcome.SUCCESS if status < 300 else NEUTRAL


def of_event(item: object) -> CallOutcome | None:
    """Return what a part of a stream says: None when it is no event that ends it by an error.

    A client of openai raises for some of them and gives back others.
    """
    kind = _member(item, "type") if _root(type(item)) == "openai" else None
    if kind not in ("error", "response.failed"):
        return None
    error = item if kind == "error" else _member(_member(item, "response"), "error")
    return _by_event(str(_member(error, "code") or kind))


def _outcome_of(error: BaseException | None, left: int) -> CallOutcome | None:
    """What an error says, by itself or by what it came of; None when neither says anything."""
    if isinstance(error, BaseExceptionGroup):
        members = {_outcome_of(member, left - 1) for member in error.exceptions} if left else set()
        return next((outcome for outcome in (FAILURE, NEUTRAL) if outcome in members), None)
    if not isinstance(error, Exception) or not left:
        return None
    named, verdict = _by_name(error)
    if verdict is FAILURE and _is_local(_came_of(error), left - 1):
        return NEUTRAL
    answers_itself = type(error).__module__.startswith(_SERVERS)
    outcome = verdict or (None if answers_itself else _by_answer(error)) or _by_kind(error)
    if outcome is not None:
        return outcome
    cause = _came_of(error)
    if named and cause is None:
        return NEUTRAL if str(error).startswith("Connector is closed") else FAILURE
    return _outcome_of(cause, left - 1)


def _came_of(error: BaseException) -> BaseException | None:
    if error.__cause__ is not None:
        return error.__cause__
    handled = error.__context__
    if handled is None or handled.__traceback__ is None or _root(type(error)) not in CLIENTS:
        return None
    # A traceback begins in the frame that handled the error: a client's, or its caller's own.
    where = handled.__traceback__.tb_frame.f_globals.get("__name__", "")
    return handled if str(where).partition(".")[0] in CLIENTS else None


def _by_name(error: BaseException) -> tuple[bool, CallOutcome | None]:
    """Whether a client's table has its name, and what it says there."""
    for kind in type(error).__mro__:
        names = CLIENTS.get(_root(kind))
        if names is not None and kind.__name__ in names:
            return True, names[kind.__name__]
    return False, None


def _by_answer(error: Exception) -> CallOutcome | None:
    """What the provider's answer says that the error carries; None when it carries none."""
    if any(kind.__name__ == "RpcError" and _root(kind) == "grpc" for kind in type(error).__mro__):
        return _by_grpc(error)
    response = _member(error, "response")
    code = _within(_within(response, "Error"), "Code")
    if isinstance(code, str) and _has(code, _AWS_FAILED):
        return FAILURE
    status = status_of(error)
    if status is not None and status >= 300:
        # aiohttp says 400 itself where it could not read what came.
        cause = error.__cause__ if _root(type(error)) == "aiohttp" else None
        if cause is not None and _by_name(cause)[1] is FAILURE:
            return FAILURE
        return FAILURE if of_status(status) is FAILURE else NEUTRAL
    kind = code if isinstance(code, str) and status is None else _event(error)
    if kind is not None:
        return _by_event(kind)
    return None if status is None else NEUTRAL


def _event(error: Exception) -> str | None:
    """The kind of an error event that a stream of an AI provider held; None when it is none."""
    if not any(kind.__name__ == "APIError" for kind in type(error).__mro__):
        return None
    body = _member(error, "body")
    inner = _within(body, "error") or body
    kinds = (_within(inner, "code"), _within(inner, "type"), _member(error, "type"))
    return " ".join(str(kind) for kind in kinds if kind) if inner is not None else None


def _by_event(kind: str) -> CallOutcome:
    code = kind.split(" ", 1)[0]
    if code.isdecimal() and 400 <= int(code) <= 599:
        return of_status(int(code))
    return NEUTRAL if _has(kind, _CALLERS_EVENTS) else FAILURE


def _by_grpc(error: Exception) -> CallOutcome | None:
    ask_code, ask_details = _member(error, "code"), _member(error, "details")
    if not callable(ask_code):
        return None
    details = str(ask_details()) if callable(ask_details) else ""
    if getattr(ask_code(), "name", None) not in _GRPC_FAILED:
        return NEUTRAL
    return NEUTRAL if any(own in details for own in _GRPC_OWN) else FAILURE


def _by_kind(error: Exception) -> CallOutcome | None:
    """What an error of Python itself says."""
    if isinstance(error, ssl.SSLError):
        return NEUTRAL if _is_of_settings(error) else FAILURE
    if isinstance(error, _UNREACHABLE):
        return None if isinstance(error, BrokenPipeError) and _is_of_own_pipe(error) else FAILURE
    if isinstance(error, OSError) and error.errno is not None:
        return FAILURE if error.errno in _NETWORK else NEUTRAL
    return None


def _is_of_settings(error: ssl.SSLError) -> bool:
    """Whether a certificate or a cipher of the caller's could not be loaded or set."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return False
    library = _member(error, "library")
    return not error.errno or library in _TLS_SETTINGS or "PEM lib" in str(error)


def _is_of_own_pipe(error: BrokenPipeError) -> bool:
    """Whether nobody reads what the caller itself writes, such as with ``print``."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    name = "socket" if trace is None else str(trace.tb_frame.f_globals.get("__name__", ""))
    return name.partition(".")[0] not in {"socket", "ssl", "asyncio", "http", "anyio", *CLIENTS}


def _is_local(error: BaseException | None, left: int) -> bool:
    """Whether an error came of this machine: no file, no port, no memory left for a socket."""
    if error is None or not left:
        return False
    if isinstance(error, BaseExceptionGroup):
        return all(_is_local(member, left - 1) for member in error.exceptions)
    if isinstance(error, OSError) and error.errno is not None:
        return _by_kind(error) is NEUTRAL
    return _is_local(_came_of(error), left - 1)


def _has(text: str, parts: frozenset[str]) -> bool:
    return any(part in text.lower() for part in parts)


def _root(kind: type) -> str:
    return kind.__module__.partition(".")[0]


def _within(holder: object, name: str) -> object:
    return holder.get(name) if isinstance(holder, Mapping) else None


def _member(holder: object, name: str) -> object:
    try:
        return getattr(holder, name, None)
    except Exception:  # noqa: BLE001  (a property of somebody else's, which may raise anything)
        return None

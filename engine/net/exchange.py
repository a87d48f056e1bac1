"""One HTTP exchange: bounded in time and in size, following nothing.

Done with urllib3, which ``requests`` (a dependency of the OPA client) stands on: it takes neither
proxies nor credentials from the environment and follows no redirect unless told to, all of which
``requests`` does and would have to be kept from. What it lacks is a limit for the whole exchange;
its own starts anew with every byte.
"""

from __future__ import annotations

import queue
import re
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from engine.net.endpoint import Endpoint, UnfitFileError

if TYPE_CHECKING:
    import urllib3

_CHUNK_BYTES = 65_536
_LATER_S = 1.0


class UnansweredError(Exception):
    """No whole answer came. What was asked for may have been done, or not.

    Args:
        reason: One clause; holds no secret.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked.

    Attributes:
        method: ``GET`` or ``POST``.
        target: Path and query below the endpoint's ``url``; empty is the ``url`` itself.
        body: None sends none.
        headers: Besides those that say who asks.
    """

    method: str
    target: str = ""
    body: bytes | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back, whole.

    Attributes:
        status: Of HTTP; a redirect is an answer like any other.
        headers: By lowercase name.
        body: As sent; no encoding was asked for.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes


def exchange(endpoint: Endpoint, request: Request, *, deadline_s: float, max_bytes: int) -> Answer:
    """Ask ``request`` of ``endpoint`` and return the whole answer.

    Args:
        endpoint: Where to, and as whom.
        request: What.
        deadline_s: Longest that it may take, from looking the host up to the last byte.
        max_bytes: Largest body.

    Raises:
        UnansweredError: Not reached, not trusted, too slow, too large, or cut short.
        engine.net.endpoint.UnfitFileError: A file of the endpoint cannot be used; nothing was sent.
    """
    if deadline_s <= 0:
        raise UnansweredError("no time was left to ask")
    outcome: queue.SimpleQueue[Answer | Exception] = queue.SimpleQueue()

    def run() -> None:
        try:
            outcome.put(_exchange(endpoint, request, deadline_s, max_bytes))
        except Exception as error:  # noqa: BLE001  (urllib3, ssl and socket errors)
            outcome.put(error)

    # A thread, because nothing else bounds a name server or headers that drip in.
    threading.Thread(target=run, name="exchange", daemon=True).start()
    try:
        answer = outcome.get(timeout=deadline_s)
    except queue.Empty:
        raise UnansweredError(f"no whole answer within {deadline_s:g} s") from None
    if isinstance(answer, UnansweredError | UnfitFileError):
        raise answer
    if isinstance(answer, Exception):
        raise UnansweredError(_worded(answer)) from None
    return answer


def _exchange(endpoint: Endpoint, request: Request, deadline_s: float, max_bytes: int) -> Answer:
    until = time.monotonic() + deadline_s + _LATER_S
    headers = {
        "User-Agent": "governance-engine",
        "Accept-Encoding": "identity",
        **request.headers,
        **endpoint.headers(),
    }
    with _pool(endpoint, deadline_s) as pool:
        url = endpoint.url.rstrip("/") + request.target if request.target else endpoint.url
        response = pool.request(
            request.method, url, body=request.body, headers=headers,
            redirect=False, retries=False, preload_content=False, decode_content=False,
        )  # fmt: skip
        try:
            body = _body(response, until, max_bytes)
        finally:
            response.close()
    found = {name.lower(): value for name, value in response.headers.items()}
    return Answer(response.status, found, body)


def _pool(endpoint: Endpoint, deadline_s: float) -> urllib3.PoolManager:
    import urllib3

    options: dict[str, Any] = {
        "num_pools": 1,
        # only ends a thread that nobody waits for any more
        "timeout": urllib3.Timeout(connect=deadline_s + _LATER_S, read=deadline_s + _LATER_S),
    }
    if (context := endpoint.tls()) is not None:
        options["ssl_context"] = context
    if endpoint.proxy is not None:
        return urllib3.ProxyManager(endpoint.proxy, **options)
    return urllib3.PoolManager(**options)


def _body(response: urllib3.BaseHTTPResponse, until: float, max_bytes: int) -> bytes:
    body = bytearray()
    while chunk := response.read1(_CHUNK_BYTES):
        body += chunk
        if len(body) > max_bytes:
            raise UnansweredError(f"the answer is larger than {max_bytes:,} bytes")
        if time.monotonic() > until:
            raise UnansweredError("the answer comes too slowly")
    return bytes(body)


def _worded(error: Exception) -> str:
    """The innermost cause in one line; urllib3 wraps what the system said."""
    text = str(error)
    if found := re.search(r"\[Errno -?[0-9]+\] ([^'\")]+)", text):
        return found[1].lower()
    if found := re.search(r"certificate verify failed: ([^(]+)", text):
        return f"its certificate does not hold: {found[1].strip()}"
    kind = type(error).__name__
    return " ".join(f"{kind}: {text}".split())[:300]

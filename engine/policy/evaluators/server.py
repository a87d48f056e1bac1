"""The server evaluator: a running OPA asked through ``opa-python-client``, and its guard.

What the client does on its own account is turned off: retries, redirects to another host's
verdict, proxies, ``.netrc`` and certificates from the environment. What it lacks is added: a
deadline for the whole answer and a limit on its size.
"""

from __future__ import annotations

import json
import queue
import re
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import SplitResult, urlsplit

from engine.errors import PolicyError, UsageError
from engine.model import Json
from engine.policy.evaluator import DEADLINE_S
from engine.policy.evaluators.answer import canonical_answer

if TYPE_CHECKING:
    from engine.policy.bundle import PolicyBundle
    from engine.policy.evaluator import Evaluator
    from engine.policy.manifest import GateInfo

MAX_ANSWER_BYTES = 4 * 1024 * 1024

_CHUNK_BYTES = 65_536
_LOOPBACK = ("localhost", "127.0.0.1", "::1")
_QUERY = {"provenance": "true", "strict-builtin-errors": "true"}


class ServerEvaluator:
    """Asks an OPA server that has loaded this bundle's server archive.

    Its answers are OPA's, but nobody has compared them yet: see :class:`CheckedEvaluator`.
    Not thread-safe.

    Args:
        url: ``https://host[:port]``, or ``http`` on this machine.
        bundle: The policy that the server must have loaded; the revision that it reports
            with each answer must be this bundle's digest.
        deadline_s: Longest that one answer may take, from connecting to its last byte.
        token: Bearer token; None sends none.
        ca_file: PEM certificates that the server's is checked against; None: the public ones.

    Raises:
        UsageError: ``url`` is something else, or ``token`` cannot be sent.
    """

    kind = "server"

    def __init__(
        self,
        url: str,
        bundle: PolicyBundle,
        *,
        deadline_s: float = DEADLINE_S,
        token: str | None = None,
        ca_file: Path | None = None,
    ) -> None:
        self.opa_version = ""
        self._url = url
        self._address = _address(url)
        if token and not all(33 <= ord(sign) <= 126 for sign in token):
            raise UsageError("the token of the OPA server is not one word of ASCII", _TOKEN)
        self._bundle = bundle
        self._deadline_s = deadline_s
        self._token = token
        self._ca_file = ca_file
        self._client: Any = None
        self._overdue: threading.Thread | None = None

    def evaluate(self, gate: str, document: bytes) -> bytes:
        """Return the gate's decision on ``document``: see :mod:`engine.policy.evaluator`.

        Raises:
            UsageError: No such gate.
            PolicyError: Unreachable, too slow, too large, redirected, an HTTP error, a
                built-in error, another bundle, undefined, or not whole.
        """
        info = self._bundle.gate(gate)
        answer = self._within_deadline(lambda: self._ask(info, document))
        if not isinstance(answer, dict):
            raise self._failed("the answer is no JSON object")
        self._check_provenance(answer.get("provenance"))
        if "result" not in answer:
            raise self._failed(f"gate {gate!r} is undefined there")
        return canonical_answer(answer["result"], info)

    def answer(self, gate: str, document: bytes) -> dict[str, Json]:
        """Return :meth:`evaluate`, parsed."""
        answer: dict[str, Json] = json.loads(self.evaluate(gate, document))
        return answer

    def close(self) -> None:
        """Close the connection. The evaluator may be used again."""
        if self._client is not None:
            self._client.close_connection()
            self._client = None

    def _ask(self, gate: GateInfo, document: bytes) -> Json:
        if self._client is None:
            self._client = self._connected()
        package, rule = gate.entrypoint.rsplit("/", 1)
        return self._client.query_rule(json.loads(document), package, rule, _QUERY)

    def _connected(self) -> Any:
        from opa_client import OpaClient

        address = self._address
        host = f"[{address.hostname}]" if ":" in (address.hostname or "") else address.hostname
        secure = address.scheme == "https"
        client = OpaClient(
            host=host,
            port=address.port or (443 if secure else 8181),
            ssl=secure,
            headers={"Accept-Encoding": "identity"},
            token=self._token,
            retries=0,
            timeout=2 * self._deadline_s,  # ends a request that nobody waits for any more
        )
        session = client._session  # the client has no options for what follows
        session.trust_env = False
        session.max_redirects = 0
        session.stream = True
        session.hooks["response"].append(self._limit)
        if self._ca_file is not None:
            session.verify = str(self._ca_file)
        if secure:  # urllib3's own context has the environment ask for the session's keys
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.minimum_version = ssl.TLSVersion.TLSv1_2
            session.get_adapter("https://").init_poolmanager(1, 1, ssl_context=context)
        return client

    def _limit(self, response: Any, **_options: Any) -> None:
        response.raw = _LimitedBody(response.raw, time.monotonic() + 2 * self._deadline_s)

    def _within_deadline(self, ask: Callable[[], Json]) -> Json:
        """What ``ask`` returns, in time. The client's own timeout starts anew with every byte."""
        if self._overdue is not None and self._overdue.is_alive():
            raise self._failed("still busy with the answer that came too late")
        outcome: queue.SimpleQueue[Json | Exception] = queue.SimpleQueue()

        def run() -> None:
            try:
                outcome.put(ask())
            except Exception as error:  # noqa: BLE001  (requests, urllib3, ssl and json errors)
                outcome.put(error)

        thread = threading.Thread(target=run, name="opa-request", daemon=True)
        thread.start()
        try:
            answer = outcome.get(timeout=self._deadline_s)
        except queue.Empty:
            self._overdue, self._client = thread, None
            raise self._failed(f"no whole answer within {self._deadline_s:g} s") from None
        if isinstance(answer, Exception):
            self.close()
            raise self._failed(_worded(answer)) from None
        return answer

    def _check_provenance(self, provenance: Json) -> None:
        bundles = provenance.get("bundles") if isinstance(provenance, dict) else None
        served = bundles.values() if isinstance(bundles, dict) else ()
        revisions = [entry.get("revision") for entry in served if isinstance(entry, dict)]
        if self._bundle.digest not in revisions:
            shown = ", ".join(str(revision)[:80] for revision in revisions) or "no bundle"
            raise self._failed(
                f"it serves {shown}, not policy {self._bundle.digest}",
                "load the policy-rego.tar.gz of this policy there (`engine policy build`)",
            )
        self.opa_version = str(provenance.get("version", ""))

    def _failed(self, reason: str, hint: str = "") -> PolicyError:
        return PolicyError(
            f"OPA at {self._url}: {reason}", hint or "nothing is decided without its answer"
        )


class _LimitedBody:
    """A response body that ends in an error past a size or an instant."""

    def __init__(self, raw: Any, deadline: float) -> None:
        self._raw = raw
        self._deadline = deadline

    def stream(self, _amount: int, decode_content: bool = False) -> Iterator[bytes]:
        size = 0
        while chunk := self._raw.read1(_CHUNK_BYTES, decode_content=decode_content):
            size += len(chunk)
            if size > MAX_ANSWER_BYTES:
                self._raw.close()
                raise OSError(f"the answer is larger than {MAX_ANSWER_BYTES:,} bytes")
            if time.monotonic() > self._deadline:
                self._raw.close()
                raise OSError("the answer comes too slowly")
            yield chunk

    def __getattr__(self, name: str) -> Any:
        return getattr(self._raw, name)


_TOKEN = "give its bearer token in ENGINE_OPA_TOKEN, without spaces and line breaks"


def _address(url: str) -> SplitResult:
    example = "such as https://opa.example.org:8443 or http://127.0.0.1:8181"
    if "@" in url:  # no message shows what stands before it
        raise UsageError("the address of the OPA server holds a user or a password", _TOKEN)
    try:
        address = urlsplit(url)
        has_port = address.port is None or address.port > 0
    except ValueError as error:
        raise UsageError(f"{url}: {error}", example) from None
    extra = address.path.strip("/") or address.query or address.fragment
    if address.scheme not in ("http", "https") or not address.hostname or extra or not has_port:
        raise UsageError(f"{url!r} is no address of an OPA server", example)
    if address.scheme == "http" and address.hostname not in _LOOPBACK:
        raise UsageError(f"{url}: OPA on another machine is asked over https only", example)
    return address


def _worded(error: Exception) -> str:
    """The error in one line, with OPA's own words where the server sent some."""
    response = getattr(error, "response", None)
    cause = re.search(r"\[Errno -?[0-9]+\] ([^'\")]+)", str(error))
    reason = f"{type(error).__name__}: {cause[1] if cause else error}"
    try:
        body = response.text if response is not None else ""
    except Exception:  # noqa: BLE001  (a body that cannot be read adds no words)
        body = ""
    return " ".join(f"{reason} {body[:500]}".split())


class CheckedEvaluator:
    """An OPA server whose every answer is held against the embedded policy's.

    Args:
        server: Asked for the verdict of record.
        embedded: Asked the same.
    """

    kind = "server"

    def __init__(self, server: Evaluator, embedded: Evaluator) -> None:
        self._server = server
        self._embedded = embedded

    @property
    def opa_version(self) -> str:
        """Version that the server named in its last answer; ``""`` before it gave one."""
        return self._server.opa_version

    def evaluate(self, gate: str, document: bytes) -> bytes:
        """Return the server's answer if it is the embedded one, byte for byte.

        Raises:
            UsageError: No such gate.
            PolicyError: Either gave none, or they differ.
        """
        expected = self._embedded.evaluate(gate, document)
        answer = self._server.evaluate(gate, document)
        if answer != expected:
            raise PolicyError(
                f"the OPA server and the embedded policy disagree: {_difference(answer, expected)}",
                "one of the two is not the policy that it says it is; nothing is decided",
            )
        return answer

    def answer(self, gate: str, document: bytes) -> dict[str, Json]:
        """Return :meth:`evaluate`, parsed."""
        answer: dict[str, Json] = json.loads(self.evaluate(gate, document))
        return answer

    def close(self) -> None:
        """Close both."""
        self._server.close()
        self._embedded.close()


def _difference(answer: bytes, expected: bytes) -> str:
    theirs, ours = json.loads(answer), json.loads(expected)
    pairs = zip(theirs["checks"], ours["checks"], strict=True)  # both are complete and sorted
    found = [check["id"] for check, other in pairs if check != other]
    found += [key for key in ("verdict", "obligations", "waivers") if theirs[key] != ours[key]]
    return ", ".join(found)

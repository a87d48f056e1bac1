"""What is said to Prometheus's HTTP API, and what its answers mean.

Source: Prometheus documentation, "HTTP API" (``/api/v1/query``, ``/api/v1/query_range``), and
what 2.42 answers: samples are ``[unix time, text]``, errors have ``errorType`` and ``error``,
and whatever was only partly looked at is said in ``warnings``, by others in ``infos``
(Prometheus 3) or ``isPartial`` (VictoriaMetrics).
"""

from __future__ import annotations

import hashlib
import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from engine.errors import SourceError
from engine.formats.json_text import UnreadableTextError, read_json
from engine.model import Json
from engine.net.endpoint import Endpoint
from engine.net.exchange import Answer, Request, UnansweredError, exchange

MAX_ANSWER_BYTES = 8 * 1024 * 1024
_FORM = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}


class BadQuery(Exception):  # noqa: N818  (turned into a ConfigError by whoever knows the line)
    """Prometheus does not understand the query.

    Args:
        reason: Its own words.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Series:
    """One series of an answer.

    Attributes:
        labels: By name.
        points: ``(unix seconds, value)``, oldest first; the value may be NaN or infinite, and
            is None where it is no number, as a native histogram is.
    """

    labels: dict[str, str]
    points: tuple[tuple[float, float | None], ...]


@dataclass(frozen=True, slots=True)
class QueryResult:
    """What one query found.

    Attributes:
        series: Empty where nothing matched.
        warnings: What in the answer says that it may not be the whole one.
        sha256: Digest of the answer's body.
    """

    series: tuple[Series, ...]
    warnings: tuple[str, ...]
    sha256: str


class Prometheus:
    """Asks one server; every query counts against one deadline.

    Args:
        endpoint: Where, and as whom.
        deadline_s: Longest that all queries together may take, from now.
    """

    def __init__(self, endpoint: Endpoint, deadline_s: float) -> None:
        self._endpoint = endpoint
        self._deadline_s = deadline_s
        self._until = time.monotonic() + deadline_s

    def query(self, promql: str, at: int) -> QueryResult:
        """Return what ``promql`` is at the instant ``at``, Unix seconds.

        Raises:
            BadQuery: It is no PromQL.
            SourceError: No whole answer came.
        """
        return self._ask("query", {"query": promql, "time": str(at)})

    def query_range(self, promql: str, start: int, end: int, step_s: int) -> QueryResult:
        """Return what ``promql`` is from ``start`` to ``end`` every ``step_s`` seconds.

        Raises:
            BadQuery: It is no PromQL.
            SourceError: No whole answer came.
        """
        form = {"query": promql, "start": str(start), "end": str(end), "step": str(step_s)}
        return self._ask("query_range", form)

    def _ask(self, what: str, form: dict[str, str]) -> QueryResult:
        left_s = self._until - time.monotonic()
        form["timeout"] = f"{max(1, math.ceil(left_s))}s"  # so that it stops when we do
        request = Request("POST", f"/api/v1/{what}", urlencode(form).encode(), _FORM)
        try:
            answer = exchange(
                self._endpoint, request, deadline_s=left_s, max_bytes=MAX_ANSWER_BYTES
            )
        except UnansweredError as unanswered:
            hint = f"timeout_s is {self._deadline_s:g} for all of its queries together"
            raise self._failed(unanswered.reason, hint) from None
        return self._read(answer)

    def _read(self, answer: Answer) -> QueryResult:
        if 300 <= answer.status < 400:
            raise self._failed("it redirects, and that is not followed", "name the last address")
        if answer.status in (401, 403):
            raise self._failed(f"it refuses us with {answer.status}", "look at token_file")
        try:
            document = read_json(answer.body)
        except UnreadableTextError as refused:
            reason = f"HTTP {answer.status}, and no JSON: {refused.flaw.reason}"
            raise self._failed(reason, "is it the address of a Prometheus?") from None
        if not isinstance(document, dict):
            raise self._failed(f"HTTP {answer.status}, and no object")
        if document.get("errorType") == "bad_data":
            raise BadQuery(_line(document.get("error")))
        if answer.status != 200 or document.get("status") != "success":
            kind, words = _line(document.get("errorType")), _line(document.get("error"))
            raise self._failed(f"HTTP {answer.status}: {kind}: {words}")
        try:
            series = _series(document["data"])
        except (KeyError, TypeError, ValueError, AttributeError):
            raise self._failed("an answer in no form that Prometheus has") from None
        warnings = tuple(map(_line, _weaknesses(document)))
        return QueryResult(series, warnings, hashlib.sha256(answer.body).hexdigest())

    def _failed(self, reason: str, hint: str = "") -> SourceError:
        return SourceError(f"Prometheus at {self._endpoint.shown}: {reason}", hint)


class SampleQuery:
    """The queries of one metric at one instant: keeps the warnings and digests of the answers.

    Args:
        prometheus: Asked.
        at: The instant, Unix seconds.

    Attributes:
        answered: Oldest instant that an answer is of: ``at``, but where a cache or a server that
            looks back answered for an earlier one.
    """

    def __init__(self, prometheus: Prometheus, at: int) -> None:
        self._prometheus = prometheus
        self.at = at
        self.answered: float = at
        self.warnings: list[str] = []
        self._digests: list[str] = []

    def query(self, promql: str) -> QueryResult:
        """Return what ``promql`` is at the instant."""
        found = self._kept(self._prometheus.query(promql, self.at))
        times = (at for series in found.series for at, value in series.points if value is not None)
        self.answered = min((self.answered, *times))
        return found

    def samples(self, selector: str, length: int) -> QueryResult:
        """Return the samples themselves of the last ``length`` seconds up to the instant."""
        return self._kept(self._prometheus.query(f"{selector}[{length}s]", self.at))

    def range(self, promql: str, window_s: int, step_s: int) -> QueryResult:
        """Return what ``promql`` was, every ``step_s`` seconds of the window up to the instant."""
        start = self.at - window_s + step_s
        return self._kept(self._prometheus.query_range(promql, start, self.at, step_s))

    @property
    def sha256(self) -> str:
        """Digest of the answers: of the one body, or of the list of their digests."""
        if len(self._digests) == 1:
            return self._digests[0]
        return hashlib.sha256(
            "".join(f"{digest}\n" for digest in self._digests).encode()
        ).hexdigest()

    def _kept(self, found: QueryResult) -> QueryResult:
        self.warnings += [warning for warning in found.warnings if warning not in self.warnings]
        self._digests.append(found.sha256)
        return found


_MEMBERS = {"status", "data", "warnings", "infos", "isPartial", "stats", "trace"}
_MEMBERS_OF_DATA = {"resultType", "result", "stats", "analysis"}


def _weaknesses(document: Json) -> Iterator[Json]:
    """Yield all in an answer that says less than: this is the whole of it."""
    for key in ("warnings", "infos"):
        remarks = document.get(key)
        yield from remarks if isinstance(remarks, list) else [remarks] if remarks else ()
    if (is_partial := document.get("isPartial")) not in (None, False):
        yield f"isPartial is {is_partial}"
    others = sorted({*document} - _MEMBERS) + sorted({*document["data"]} - _MEMBERS_OF_DATA)
    for name in others:
        yield f"the answer has {name!r}, which is not known here"


def _series(data: Json) -> tuple[Series, ...]:
    kind, result = data["resultType"], data["result"]
    if kind == "scalar":
        return (Series({}, (_point(result),)),)
    if kind == "vector":
        return tuple(
            _labelled(element, [element["value"]] if "value" in element else None)
            for element in result
        )
    if kind == "matrix":
        return tuple(_labelled(element, element.get("values")) for element in result)
    if kind == "string":
        return (Series({}, ((float(result[0]), None),)),)
    raise ValueError(kind)


def _labelled(element: Json, points: Sequence[Any] | None) -> Series:
    labels = {str(name): str(value) for name, value in element["metric"].items()}
    if points is None or element.get("histograms"):
        return Series(labels, ((0.0, None),))
    return Series(labels, tuple(_point(point) for point in points))


def _point(pair: Sequence[Any]) -> tuple[float, float]:
    at, text = pair
    if not isinstance(text, str):
        raise TypeError(text)
    return float(at), float(text)


def _line(message: Json) -> str:
    """Foreign words in one line that shows all that is in it."""
    text = " ".join(str(message).split())
    return "".join(sign for sign in text if sign.isprintable())[:200]

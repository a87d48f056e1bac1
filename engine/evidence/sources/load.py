"""``kind = "load"``: load tests of k6, Locust and vegeta; percentiles are never averaged."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from engine.evidence.sources.contract import Evidence, SourceRequest
from engine.evidence.sources.heads import Head, read_head
from engine.evidence.sources.json_events import ANY, OPENED, number, read_values
from engine.evidence.sources.reports import Reports, counts, reports_of, unfit
from engine.model import Json

EXAMPLE = """\
[[source]]
kind = "load"
path = "vegeta.json"                # a summary of k6, Locust --json, vegeta's JSON
"""
METHOD = "load/1"
MAX_BINS = 1_000_000


def recognise(head: Head) -> str:
    """Return why a file is of a load test; empty where it is none."""
    form = _form_of(head)
    return form and f"the form of {form}"


def _form_of(head: Head) -> str:
    found = head.json
    if found is None:
        return ""
    if found.is_list:
        needed = {"num_requests", "num_failures", "response_times", "start_time"}
        return "Locust" if needed <= found.inner.get("", {}).keys() else ""
    members, inner = found.members, found.inner
    if {"latencies", "requests", "status_codes", "duration"} <= members.keys():
        return "vegeta" if "99th" in inner.get("latencies", {}) else ""
    if "root_group" in members and "http_reqs" in inner.get("metrics", {}):
        return "k6"
    return ""


@dataclass
class _Load:
    """What a load test came to.

    Attributes:
        percentiles: In milliseconds, by percent; those that are known.
        requests: That were sent.
        failed: Of them.
        server_errors: With a status of 500 and more, where that is known, else all that failed.
        seconds: From the first request to the last answer.
    """

    percentiles: Mapping[int, float]
    requests: int
    failed: int
    server_errors: int
    seconds: float


def _amount(value: Json, what: str) -> float:
    found = number(value)
    if found is None or not 0 <= found < math.inf:
        raise ValueError(f"{what} is {str(value)[:40]!r}, and no amount")
    return found


def _count(value: Json, what: str) -> int:
    found = _amount(value, what)
    if found != int(found):
        raise ValueError(f"{what} is {value}, and no count")
    return int(found)


def _vegeta(files: list[Path], reports: Reports) -> _Load:
    (file,) = files
    places = [
        (key,) for key in ("latencies", "requests", "status_codes", "duration", "wait", "end")
    ]
    found = {str(place[0]): v for _, place, v in read_values(file, reports.names[file], places)}
    requests = _count(found["requests"], "requests")
    codes = {int(code): _count(n, f"status {code}") for code, n in found["status_codes"].items()}
    if sum(codes.values()) != requests:
        raise ValueError(f"counts {requests:,} requests, and {sum(codes.values()):,} answers")
    reports.made(file, found.get("end"))
    latencies = found["latencies"]
    known = {50: "50th", 95: "95th", 99: "99th"}
    return _Load(
        {at: _amount(latencies[key], key) / 1e6 for at, key in known.items()},
        requests,
        failed=sum(n for code, n in codes.items() if not 200 <= code < 400),
        server_errors=sum(n for code, n in codes.items() if code >= 500),
        seconds=(_amount(found["duration"], "duration") + _amount(found["wait"], "wait")) / 1e9,
    )


def _k6(files: list[Path], reports: Reports) -> _Load:
    (file,) = files
    places = [("metrics", ANY), ("state",)]
    metrics: dict[str, Json] = {}
    state: Json = {}
    for which, place, value in read_values(file, reports.names[file], places):
        if value is not OPENED and which == 0:
            metrics[str(place[1])] = value.get("values", value)
        elif which == 1:
            state = value
    requests = _count(metrics["http_reqs"]["count"], "http_reqs")
    times, failures = metrics["http_req_duration"], metrics["http_req_failed"]
    known = {50: "med", 95: "p(95)", 99: "p(99)"}
    # A rate counts its trues as passes: of http_req_failed those are the failures.
    failed = _count(failures["passes"], "http_req_failed")
    if failed + _count(failures["fails"], "http_req_failed") != requests:
        raise ValueError(f"counts {requests:,} requests, and other outcomes")
    duration = state.get("testRunDurationMs")
    rate = _amount(metrics["http_reqs"]["rate"], "http_reqs")
    seconds = requests / rate if rate else 0.0
    if duration is not None:
        seconds = _amount(duration, "testRunDurationMs") / 1000
    percentiles = {at: _amount(times[key], key) for at, key in known.items() if key in times}
    return _Load(percentiles, requests, failed, failed, seconds)


def _locust(files: list[Path], reports: Reports) -> _Load:
    bins: Counter[float] = Counter()
    requests = failed = 0
    starts, ends = [], []
    for file in files:
        name = reports.names[file]
        for _, place, value in read_values(file, name, [(ANY,)]):
            if value is OPENED:
                continue
            where = f"entry {place[0]}: "
            count = _count(value["num_requests"], f"{where}num_requests")
            times = {
                _amount(float(ms), f"{where}a time"): _count(n, f"{where}a time's count")
                for ms, n in value["response_times"].items()
            }
            counted = sum(times.values()) + _count(value["num_none_requests"], "num_none_requests")
            if counted != count:
                raise ValueError(f"{where}counts {count:,} requests, and {counted:,} times")
            bins.update(times)
            if len(bins) > MAX_BINS:
                raise ValueError(f"more than {MAX_BINS:,} times")
            requests += count
            failed += _count(value["num_failures"], f"{where}num_failures")
            if count:
                starts.append(_amount(value["start_time"], "start_time"))
                ends.append(_amount(value["last_request_timestamp"], "last_request_timestamp"))
        if ends:
            reports.made_at(file, max(ends))
    seconds = max(ends) - min(starts) if ends else 0.0
    if failed > requests or seconds < 0:
        raise ValueError("more requests failed than were sent, or it ended before it began")
    percentiles = {at: _nearest_rank(bins, at) for at in (50, 95, 99)} if bins else {}
    return _Load(percentiles, requests, failed, failed, seconds)


def _nearest_rank(bins: Counter[float], percent: int) -> float:
    """The smallest value that ``percent`` per cent of the requests do not exceed."""
    rank = -(-sum(bins.values()) * percent // 100)
    seen = 0
    for value in sorted(bins):
        seen += bins[value]
        if seen >= rank:
            return value
    return max(bins)


_READERS: Mapping[str, Callable[[list[Path], Reports], _Load]] = {
    "vegeta": _vegeta,
    "k6": _k6,
    "Locust": _locust,
}


def read(request: SourceRequest) -> Evidence:
    """Return latency, throughput and errors of a load test.

    Locust's files hold every time, so that several are put together; of others one alone is read:
    nobody can tell a percentile of two from the percentiles of each.
    """
    reports = reports_of(request)
    table = request.table
    table.finish()
    forms = {_form_of(read_head(file, reports.names[file])) for file in reports.files}
    names = ", ".join(reports.names.values())[:200]
    if "" in forms:
        raise unfit(names, "is none of k6, Locust, vegeta; an error page, or cut off?")
    if len(forms) > 1 or (len(reports.files) > 1 and forms != {"Locust"}):
        raise table.refused(
            "path", "names several load tests, whose percentiles cannot be put together", "name one"
        )
    (form,) = forms
    try:
        load = _READERS[form](list(reports.files), reports)
    except (ValueError, TypeError, KeyError, AttributeError, IndexError) as error:
        reason = f"is not as {form} writes it: {type(error).__name__}: {error}"
        raise unfit(names, reason[:200]) from None
    about = reports.about(METHOD, {"form": form, "seconds": round(load.seconds, 3)})
    answered = load.requests - load.failed
    values: dict[str, Json] = {
        f"slo.dec_p{at}_ms": load.percentiles.get(at) for at in (50, 95, 99)
    } | {
        "slo.dec_rps": answered / load.seconds if load.seconds else None,
        "slo.dec_5xx": load.server_errors,
        "slo.dec_error_ratio": load.failed / load.requests if load.requests else None,
        "slo.dec_window_min": load.seconds / 60,
    }
    status = "" if load.requests else "insufficient_data"
    if status:
        reports.note(f"{names}: no request was sent")
    return Evidence(counts(values, about, load.requests, status=status), tuple(reports.notes))

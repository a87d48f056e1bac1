"""Who reads the environment and the clock: the doors, and what is listed here with a reason."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from tests.repository import ROOT

DOORS = ("engine/cli/", "engine/api.py", "engine/decision/runtime.py", "engine/decision/program.py")
"""Everybody else is handed the instant and the variables."""

STOPWATCHES = {
    "engine/evidence/sources/prometheus_api.py": "one deadline over all queries of a source",
    "engine/net/exchange.py": "the deadline of an exchange",
    "engine/policy/evaluators/server.py": "the deadline of an answer by an OPA server",
    "engine/system/files.py": "how long the reader of a pipe is waited for",
}
"""Modules that read the clock that only measures; it does not say what time it is."""

TESTS_BY_THE_WALL = {
    "tests/cli/decide/test_requests.py": "what is decided must be fresh",
    "tests/cli/decide/test_many_inputs.py": "what processes of their own decide must be fresh",
    "tests/cli/written/folders.py": "what the pages decide must be fresh",
    "tests/cli/watch/test_verb.py": "what a process of its own watches must be fresh",
    "tests/loopback.py": "TLS holds certificates against the system's clock",
    "tests/system/test_alertmanager.py": "a real Alertmanager drops alerts that have ended",
}

ENVIRONMENT = {"os": {"environ", "environb", "getenv", "getenvb"}}
TIME_OF_DAY = {
    "datetime": {"now", "utcnow", "today"},
    "date": {"today"},
    "time": {"time", "time_ns", "localtime", "gmtime", "ctime", "asctime"},
}
ELAPSED = {
    "time": {
        f"{clock}{unit}"
        for clock in ("monotonic", "perf_counter", "process_time", "thread_time")
        for unit in ("", "_ns")
    }
}


def _reads(source: str, names: dict[str, set[str]]) -> Iterator[int]:
    """Yield the lines where ``source`` takes one of ``names``, as a member or by import."""
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Attribute(value=ast.Name(id=owner) | ast.Attribute(attr=owner), attr=name):
                if name in names.get(owner, ()):
                    yield node.lineno
            case ast.ImportFrom(module=str(owner), names=imported):
                if any(alias.name in names.get(owner, ()) for alias in imported):
                    yield node.lineno


def _readers(names: dict[str, set[str]], folder: str = "engine") -> set[str]:
    modules = {str(path.relative_to(ROOT)): path for path in (ROOT / folder).rglob("*.py")}
    return {
        name
        for name, path in modules.items()
        if not name.startswith((*DOORS, "engine/_data/")) and any(_reads(path.read_text(), names))
    }


def test_only_doors_read_the_environment() -> None:
    assert _readers(ENVIRONMENT) == set()


def test_only_doors_read_the_time_of_day() -> None:
    assert _readers(TIME_OF_DAY) == set()


def test_who_measures_how_long_something_takes_is_listed() -> None:
    assert _readers(ELAPSED) == set(STOPWATCHES)


def test_no_test_reads_the_time_of_day_but_those_that_must() -> None:
    assert _readers(TIME_OF_DAY, "tests") == set(TESTS_BY_THE_WALL)


def test_every_way_to_read_them_is_found() -> None:
    source = """\
import datetime as dt
import os
import time
from os import environ
from time import monotonic as clock
os.environ["HOME"]
os.getenv("HOME")
dt.datetime.now()
date.today()
time.time()
time.perf_counter_ns
request.now.time()
question.now
"""
    assert sorted(_reads(source, ENVIRONMENT)) == [4, 6, 7]
    assert sorted(_reads(source, TIME_OF_DAY)) == [8, 9, 10]
    assert sorted(_reads(source, ELAPSED)) == [5, 11]

"""A ledger that another process keeps busy is waited for once, whatever the verb does after it."""

from __future__ import annotations

import fcntl
import json
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from engine import Budget, Gate, decide
from engine.errors import DocumentError, LedgerBusyError
from engine.ledger.sqlite.store import SqliteStore
from engine.system.locking import FileLock
from tests.cli.budget.test_verb import ASK, write_budget
from tests.cli.conftest import Engine

LEDGER = Path(".engine/ledger.db")


@contextmanager
def held() -> Iterator[None]:
    """Another process holds the ledger's lock."""
    with LEDGER.with_name("ledger.db.lock").open("r+") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@pytest.fixture
def naps(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """What was waited for a lock, in seconds; nobody really waits."""
    slept: list[float] = []
    monkeypatch.setattr(FileLock.__init__, "__defaults__", (slept.append,))
    return slept


@pytest.fixture
def shop(engine: Engine) -> Engine:
    """A folder in which something of everything is recorded."""
    write_budget()
    Path("good.json").write_text(engine("example", "promote").out)
    for name in ("bad.json", "worse.json"):
        Path(name).write_text('{"metrics": {}}')
    assert engine("decide", "good.json", "--ledger", "run:", "--export", "run.json").code in (0, 5)
    assert engine("decide", "good.json").code in (0, 5)
    lease = engine(*ASK, "--usd", "0.01", "--format", "json").json["lease"]
    Path("lease").write_text(lease)
    return engine


VERBS = {
    "decide": "decide good.json",
    "decide, after a failure that is not recorded": "decide bad.json worse.json good.json",
    "decide, with a request": "decide good.json --profile strict",
    "attest": "attest ethics good.json",
    "reserve": " ".join((*ASK, "--usd", "0.01")),
    "settle": "budget settle LEASE --usd 0.01",
    "release": "budget release LEASE",
    "import": "ledger import run.json --key .engine/keys/engine.pub.pem",
}


@pytest.mark.parametrize("name", VERBS)
def test_a_verb_waits_for_a_lock_once(shop: Engine, naps: list[float], name: str) -> None:
    lease = Path("lease").read_text()
    argv = VERBS[name].replace("LEASE", lease).split()
    with held():
        answer = shop(*argv, "--lock-timeout", "7")
    assert answer.code == 3, answer.err
    assert "has held the ledger's lock for 7 s" in answer.err
    assert 7 <= sum(naps) < 7.1


def test_a_program_waits_for_a_lock_once(
    shop: Engine, naps: list[float], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    key = Path(".engine/keys/engine.pem").read_bytes()
    good = json.loads(Path("good.json").read_text())

    def deciding() -> None:
        decide(good, ledger=LEDGER, key=key)

    def failing() -> None:
        with (
            pytest.raises(DocumentError, match="not recorded"),
            Gate(ledger=LEDGER, key=key) as gate,
        ):
            gate.decide({"metrics": 1})
        raise LedgerBusyError("the failure is not recorded")

    def reserving() -> None:
        with Budget(LEDGER, key=key, daily_usd="1") as budget:
            budget.reserve("acme", "large", usd="0.01").__enter__()

    calls: list[Callable[[], None]] = [deciding, failing, reserving]
    for call in calls:
        naps.clear()
        with held(), pytest.raises(LedgerBusyError):
            call()
        assert 30 <= sum(naps) < 30.1, call.__name__


def test_who_waits_behind_a_wait_does_not_wait_anew(
    shop: Engine, naps: list[float], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Threads of one process wait for the lock together."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    key = Path(".engine/keys/engine.pem").read_bytes()
    good = json.loads(Path("good.json").read_text())
    refused: list[BaseException] = []
    with Gate(ledger=LEDGER, key=key) as gate:

        def deciding() -> None:
            try:
                gate.decide(good)
            except LedgerBusyError as error:
                refused.append(error)

        ledger, threads = gate._session.ledger, [threading.Thread(target=deciding) for _ in "ab"]

        def napping(seconds: float) -> None:
            naps.append(seconds)
            if len(naps) == 1:
                threads[1].start()
                while not ledger._group._waiting:
                    threads[1].join(0.001)

        monkeypatch.setattr(ledger._store._lock, "_sleep", napping)  # type: ignore[attr-defined]
        with held():
            threads[0].start()
            threads[0].join()
            threads[1].join()
    assert len(refused) == 2
    assert 30 <= sum(naps) < 30.1


def test_a_strangers_transaction_is_waited_for_within_the_same_time(
    shop: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A timeout of 0 s does not become the three of SQLite's own."""
    waits: list[int] = []
    run = SqliteStore._run

    def noted(store: SqliteStore, statement: str, doing: str, *values: int | str) -> None:
        (wait,) = store._writer().execute("PRAGMA busy_timeout").fetchone()
        waits.append(wait)
        run(store, statement, doing, *values)

    monkeypatch.setattr(SqliteStore, "_run", noted)
    with closing(sqlite3.connect(LEDGER, isolation_level=None)) as stranger:
        stranger.execute("BEGIN IMMEDIATE")
        answer = shop("decide", "good.json", "--lock-timeout", "0")
        stranger.execute("ROLLBACK")
    assert (answer.code, waits) == (3, [0])
    assert "waiting to write" in answer.err
    assert shop("decide", "good.json", "--lock-timeout", "0").code == 0
    assert waits == [0, 0, 3000, 3000]

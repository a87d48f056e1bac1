"""A fork while another thread is at work: the child goes on, or says what to do; it never hangs."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.repository import ROOT
from tests.test_api import PRIVATE, document

BUSY = """\
import json, os, signal, threading, warnings
from pathlib import Path
from engine import Budget, CircuitBreaker, Gate
from engine.calls.budget.request import Request
from engine.errors import GovernanceError

document = json.loads(Path("document.json").read_text())
recorded = {{"ledger": "ledger.db", "key": Path("key.pem").read_bytes()}}
door = {door}
ask = {ask}
ask(door)
locks = {locks}
held, done = threading.Event(), threading.Event()

def hold():
    for lock in locks:
        lock.acquire()
    held.set()
    done.wait()

threading.Thread(target=hold, daemon=True).start()
held.wait()
warnings.simplefilter("ignore")
child = os.fork()
if child == 0:
    signal.alarm(60)
    try:
        ask(door)
        os._exit(10)
    except GovernanceError as error:
        os._exit(11 if "open it here" in str(error) else 12)
    finally:
        os._exit(13)
done.set()
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""
SESSION = "[{0}._opening, {0}._asking]"
LEDGER = "[{0}._group._changed, {0}._reader._using]"
WORKS, REFUSED = "10", "11"
DECIDE = "lambda gate: gate.decide(document)"
RESERVE = "lambda budget: budget.ask(Request('acme', 'large', 1, tokens=1))"
CALL = "lambda breaker: (breaker._keep(breaker.state(), 0), breaker.call(lambda: 1))"
CASES = [
    ("Gate()", DECIDE, SESSION.format("door._session"), WORKS),
    ("Gate(**recorded)", DECIDE, SESSION.format("door._session"), REFUSED),
    ("Gate(**recorded)", DECIDE, LEDGER.format("door._session.ledger"), REFUSED),
    ("Budget(**recorded)", RESERVE, LEDGER.format("door._session.ledger"), REFUSED),
    (
        "CircuitBreaker('acme', 'large', **recorded)",
        "lambda breaker: breaker.state()",
        LEDGER.format("door._ledger"),
        REFUSED,
    ),
    ("CircuitBreaker('acme', 'large')", CALL, "[door._lock, door._circuits._lock]", WORKS),
]


@pytest.mark.parametrize(("door", "ask", "locks", "becomes"), CASES)
def test_a_fork_while_another_thread_decides(
    door: str, ask: str, locks: str, becomes: str, tmp_path: Path
) -> None:
    (tmp_path / "document.json").write_text(json.dumps(document()))
    (tmp_path / "key.pem").write_bytes(PRIVATE)
    script = BUSY.format(door=door, ask=ask, locks=locks)
    ended = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert (ended.stdout.strip(), ended.stderr) == (becomes, "")


def test_no_lock_of_the_engine_is_carried_into_a_child() -> None:
    """A lock that is not freed in a child is one that the child waits for, for ever."""
    kept = []
    for module in sorted((ROOT / "engine").rglob("*.py")):
        tree = ast.parse(module.read_text())
        freed = {
            id(argument)
            for node in ast.walk(tree)
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "free_in_child"
            for argument in ast.walk(node)
        }
        kept += [
            f"{module.relative_to(ROOT)}:{node.lineno}"
            for node in ast.walk(tree)
            if isinstance(node, ast.Call)
            and getattr(node.func, "attr", "") in ("Lock", "RLock", "Condition", "Semaphore")
            and id(node) not in freed
        ]
    assert kept == []

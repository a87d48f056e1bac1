"""A program that uses the engine, as a type checker sees it; it is checked, never run."""

from datetime import datetime
from pathlib import Path
from typing import assert_type

import engine
from engine import (
    Budget,
    CircuitBreaker,
    Expectations,
    Gate,
    Verified,
    decide,
    gather,
    verify,
)
from engine.errors import GovernanceError
from engine.model import Decision, Json, Verdict

assert_type(engine.__version__, str)


def release(document: Json, private_pem: bytes) -> bool:
    """Ask a gate many times, and one for a single call."""
    with Gate("promotion", "default", ledger="ledger.db", key=private_pem) as gate:
        assert_type(gate, Gate)
        recorded = gate.decide(document, export=Path("proof.json"))
    assert_type(recorded, Decision)
    tried = decide(document, profile="strict", ledger=None)
    assert_type(tried.verdict, Verdict)
    return recorded.recorded and recorded.verdict is Verdict.PROMOTE


def measure(config: Path) -> Json:
    return gather(config, environ={})


def check(proof: bytes, public_pem: bytes, now: datetime) -> str:
    wanted = Expectations(require=Verdict.PROMOTE, gate="promotion", max_age_s=3_600, now=now)
    try:
        verified = verify(proof, [public_pem], wanted)
    except GovernanceError as error:
        return str(error)
    assert_type(verified, Verified)
    return verified.decision_id


def call(budget: Budget, breaker: CircuitBreaker) -> str:
    with budget.reserve("openai", "gpt-4o", tokens=1_000, requests=1) as lease:
        return lease.id


async def call_later(budget: Budget) -> str:
    async with budget.reserve("openai", "gpt-4o", usd="0.10") as lease:
        return lease.id


verify("no bytes", [])  # type: ignore[arg-type]  # where types are lost, nothing is ignored here

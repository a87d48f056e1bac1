"""The variables of ``tla/Ethics.tla``, read off a real ledger, and what can happen next.

Real attestations, decisions by the real promotion gate, the real controller; one tick is a
minute. The profile is the shipped one with everything off but calibration and its attestation,
and with deadlines of a few minutes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta
from functools import lru_cache
from itertools import count
from pathlib import Path
from typing import Any

import orjson
import yaml

from engine.decision import attest as attesting
from engine.decision.attest import attest, last_words, newest
from engine.decision.judge import Judgement, judge, uuid7
from engine.errors import CommitError
from engine.evidence.input import AttestationFacts, Question, assemble
from engine.formats.times import parse_time
from engine.ledger.entries import subject_key
from engine.ledger.ledger import Ledger
from engine.ledger.store import Rows
from engine.lifecycle.contract import Phase, WatchedSubject
from engine.lifecycle.controller import Controller
from engine.model import HOLD_EXPIRED_TYPE, Json, Subject
from engine.policy.bundle import PolicyBundle, shipped_bundle
from engine.policy.evaluators.wasm import WasmEvaluator
from engine.policy.overlay import load_policies
from engine.proof.envelope import open_envelope
from engine.proof.input_document import subject_document
from tests.ledger.memory_store import MemoryReader, MemoryStore, begun
from tests.ledger.scribe import KEY
from tests.lifecycle.driver import DIGEST, READINGS, START, metrics
from tests.sessions import session_over

ATTEST_TTL, DECISION_TTL, GRACE, HOLD_TTL = 3, 2, 2, 1
"""In ticks, as tla/Ethics.cfg has them."""

TICK = timedelta(minutes=1)
SUBJECT = Subject("scoring-model", "2.4.1", DIGEST)
WATCHED = WatchedSubject("scoring-model", "2.4.1", DIGEST, "promotion", "spec")
EVIDENCE: dict[str, dict[str, Json]] = {
    "good": {"value": 0.006, "n": 24000, "ci": [0.004, 0.008]},
    "bad": {"value": 0.5, "n": 24000, "ci": [0.4, 0.6]},
    "few": {"value": 0.006, "n": 10, "ci": [0.004, 0.008]},
}
_ASKED = ("ethics.ece", "ethics.attestation")


def policies(folder: Path) -> PolicyBundle:
    """The shipped policies with profile ``spec``."""
    rows: dict[str, Json] = {
        name: {"severity": "off", "reason": "not measured here"}
        for name in shipped_bundle().profile("default")["checks"]
        if not name.startswith("lifecycle.")
    }
    rows |= {name: {"severity": "block"} for name in _ASKED}
    rows["lifecycle.unattested_s"] = {"limit": GRACE * 60}
    rows["lifecycle.calm_s"] = {"limit": 86_400}  # recovery is tla/Promotion.tla's business
    profile = {
        "extends": "default",
        "description": "Calibration, attested; deadlines of minutes.",
        "relaxations_allowed": ["self_attested"],
        "decision_ttl_s": DECISION_TTL * 60,
        "hold_ttl_s": HOLD_TTL * 60,
        "checks": rows,
    }
    (folder / "limits" / "spec").mkdir(parents=True)
    (folder / "limits" / "spec" / "data.yaml").write_text(yaml.safe_dump(profile))
    return load_policies(folder, opa=None)


@lru_cache(maxsize=1)
def _evaluator(bundle: PolicyBundle) -> WasmEvaluator:
    return WasmEvaluator(bundle, cache=None)


class _Store(MemoryStore):
    """Nothing here fails in the middle of a transaction, so what is committed needs no copy."""

    def begin(self) -> MemoryReader:
        self._pending = Rows()
        return self._committed


class EthicsWorld:
    """One artifact and its ledger; see the module."""

    def __init__(self, bundle: PolicyBundle) -> None:
        self.bundle = bundle
        self._store = _Store()
        self.ledger: Ledger = begun(self._store)
        self.now = START
        self._numbers = count(1)
        self._has_looked = False
        self._evidence = "none"
        self._read: list[dict[str, Any]] = []
        self.restart()

    def restart(self) -> None:
        """Forget everything but the ledger, as a new process would."""
        self.ledger = Ledger(self._store, self.ledger.id, KEY, None)
        self.ledger.catch_up()
        evaluator = _evaluator(self.bundle)
        self._session = session_over(self.ledger, self.bundle, evaluator, self._random)
        self.controller = Controller(self._session)

    def crash(self, what: str, how: str, when: str) -> None:
        """Let it happen, but for a commit that fails ``before`` or ``after`` it took effect."""
        self._store.fail_commit = when
        with suppress(CommitError):
            self.do(what, how)
        self._store.fail_commit = ""
        self.restart()

    def choices(self) -> list[tuple[str, str]]:
        """Everything that may be tried next: what, and on which evidence or to which end."""
        found = [("Attest", "pass"), ("Attest", "fail"), ("Promote", "")]
        found.append(("Tick", "") if self._has_looked else ("Look", ""))
        if self.controller.phase(WATCHED) is Phase.CANDIDATE:
            found += [("Decide", kind) for kind in EVIDENCE]
        return found

    def do(self, what: str, how: str) -> str:
        """Let it happen; returns the action, or nothing where it was refused."""
        if what == "Tick":
            self.now += TICK
            self._has_looked = False
        elif what == "Attest":
            self._attest("good" if how == "pass" else "bad")
        elif what == "Decide":
            self._decide(how)
        elif what == "Promote":
            return what if self.controller.promote(WATCHED, self.now).promoted else ""
        else:
            self._look()
        return what

    def state(self) -> dict[str, Json]:
        """The state as the spec has it."""
        life = self.controller.life(WATCHED)
        serving = life.phase is Phase.SERVING
        at, attested = self._newest("ethics", {"digest": {"sha256": DIGEST}})
        _, decided = self._newest("promotion", subject_document(SUBJECT))
        covers = self._left(life.attested_until) if serving else 0
        over = self.now - parse_time(life.attested_until) if life.attested_until else TICK * 0
        promote = decided.get("verdict") == "PROMOTE" and life.phase is Phase.CANDIDATE
        rested = [attestation["expires_at"] for attestation in decided.get("attestations", ())]
        hold = self._hold(decided)
        return {
            "stage": str(life.phase),
            "said": _WORDS[attested.get("verdict")],
            "left": self._left(attested.get("expires_at")),
            "news": serving and at is not None and at > (life.attestation or 0),
            "word": decided.get("verdict", "none"),
            "evidence": self._evidence,
            "force": self._left(decided["valid_until"]) if promote else 0,
            "rests": max(map(self._left, rested), default=0) if promote else 0,
            "covers": covers,
            "lapse": over // TICK if serving and not covers else 0,
            "hold": hold,
            "held": self._since(decided["decided_at"]) if hold == "open" else 0,
            "looked": self._has_looked,
        }

    def statements(self) -> Iterator[tuple[int, dict[str, Any]]]:
        """Every entry of the ledger."""
        for index in range(self.ledger.size()):
            yield index, self._statement(index)

    # -- what happens ---------------------------------------------------------------------

    def _attest(self, kind: str) -> None:
        judgement = self._judgement("ethics", kind, ())
        ttl_s = attesting.ttl_of(ATTEST_TTL * 60, "ethics", "spec", self.bundle)
        attest(judgement, ttl_s, self.ledger, KEY, self.bundle)

    def _decide(self, kind: str) -> None:
        found = newest(self.ledger, "ethics", DIGEST)
        given = last_words([found] if found else [], KEY.public_key)
        judgement = self._judgement("promotion", kind, given)
        self._session.append([judgement.record], judgement.question, export_to=None)
        self._evidence = kind

    def _judgement(self, gate: str, kind: str, attested: Any) -> Judgement:
        question = Question(gate, "spec", "candidate", self.now)
        given = metrics({"ethics.ece": 0}, self.now)
        given["ethics.ece"] |= EVIDENCE[kind]
        words: list[AttestationFacts] = list(attested)
        evidence = assemble("evidence", SUBJECT, given, question, self.bundle, words)
        return judge(
            evidence,
            question,
            self.bundle,
            _evaluator(self.bundle),
            decision_id=uuid7(self._ms, self._random),
            salt=self._random(32),
        )

    def _look(self) -> None:
        """One cycle of engine watch."""
        self.controller.sweep(self.now)
        given = metrics(READINGS["under"], self.now)
        self.controller.step(WATCHED, given, self.now, self._ms)
        self._has_looked = True

    # -- what is there --------------------------------------------------------------------

    def _newest(self, gate: str, subject: Json) -> tuple[int | None, dict[str, Any]]:
        index = self.ledger.newest(subject_key(subject), gate)
        return index, self._statement(index)["predicate"] if index is not None else {}

    def _statement(self, index: int) -> dict[str, Any]:
        for at in range(len(self._read), index + 1):
            statement = orjson.loads(open_envelope(self.ledger.entry(at)).payload)
            self._read.append(statement)
        return self._read[index]

    def _hold(self, decided: dict[str, Any]) -> str:
        if decided.get("verdict") != "HOLD":
            return "none"
        expired = [
            statement["predicate"]["decision"]
            for _, statement in self.statements()
            if statement["predicateType"] == HOLD_EXPIRED_TYPE
        ]
        return "expired" if decided["decision_id"] in expired else "open"

    def _left(self, until: str | None) -> int:
        return max(0, (parse_time(until) - self.now) // TICK) if until else 0

    def _since(self, text: str) -> int:
        return (self.now - parse_time(text)) // TICK

    @property
    def _ms(self) -> int:
        return int(self.now.timestamp() * 1000)

    def _random(self, size: int) -> bytes:
        return hashlib.shake_256(b"%d" % next(self._numbers)).digest(size)


_WORDS = {None: "none", "PROMOTE": "pass", "BLOCK": "fail"}

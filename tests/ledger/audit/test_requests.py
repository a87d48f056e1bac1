"""INV-LEDGER-7: a request is answered by what was asked for, or named."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, nullcontext
from pathlib import Path
from typing import Any

import pytest

from engine.errors import VerificationError
from engine.ledger import EntryDraft, LedgerPosition, subject_key
from engine.ledger.audit import across_parts, audit
from engine.ledger.audit.report import LedgerReport
from engine.ledger.audit.requests import ANSWERS, DueRequests
from engine.ledger.audit.workers import AuditWorkers
from engine.ledger.commit import batch
from engine.ledger.sqlite.reader import SqliteReader
from engine.model import (
    DECISION_FAILED_TYPE,
    DECISION_IMPORTED_TYPE,
    DECISION_REQUESTED_TYPE,
    DECISION_TYPE,
    ETHICS_ATTESTATION_TYPE,
)
from engine.proof.envelope import seal
from engine.proof.statement import statement
from tests.ledger.audit.test_audit import behind_its_back
from tests.ledger.scribe import KEY, decision, decision_id, open_at, subject_named

INPUT = {"digest": {"sha256": "11" * 32}}
PROFILE = {"name": "strict", "digest": {"sha256": "22" * 32}}
QUESTION = {"gate": "promotion", "profile": PROFILE, "stage": "candidate"}
SUBJECT = {"name": "scoring-model", "digest": {"sha256": "00" * 32}}
OF_PREDICATE = {
    "name": "scoring-model",
    "digest": {"sha256": "33" * 32},
    "annotations": {"digest_of": "predicate"},
}
ARTIFACT = subject_key({"digest": SUBJECT["digest"]})


def entry(
    kind: str, predicate: dict[str, Any], subject: dict[str, Any], *, placed: bool = False
) -> EntryDraft:
    """A draft; of a decision, which is in the index, with its attempt."""

    def build(place: LedgerPosition) -> bytes:
        more: dict[str, Any] = {"ledger": {"id": place.ledger_id}}
        if placed:
            more |= {"attempt": place.attempt, "previous": place.previous}
        return seal(statement([subject], kind, {**predicate, **more}), KEY.sign, KEY.key_id)

    if not placed:
        return EntryDraft(None, None, None, build)
    name = predicate.get("decision_id") or predicate["attestation_id"]
    of_artifact = kind == ETHICS_ATTESTATION_TYPE
    about = subject_named(subject["name"]) if not of_artifact else ARTIFACT
    return EntryDraft(name, about, predicate["gate"], build)


def request(number: int, *, known: bool = True, **other: Any) -> EntryDraft:
    predicate = {"decision_id": decision_id(number), **QUESTION}
    if known:
        predicate["input"] = INPUT
    return entry(DECISION_REQUESTED_TYPE, predicate | other, SUBJECT if known else OF_PREDICATE)


def answer(number: int, subject: dict[str, Any] = SUBJECT, **other: Any) -> EntryDraft:
    predicate = {"decision_id": decision_id(number), **QUESTION, "input": INPUT}
    return entry(DECISION_TYPE, predicate | other, subject, placed=True)


def failure(number: int, **other: Any) -> EntryDraft:
    named = {"attempt_id": decision_id(number), **QUESTION, "profile": "strict"}
    return entry(DECISION_FAILED_TYPE, named | other, OF_PREDICATE)


def attestation(number: int, **other: Any) -> EntryDraft:
    predicate = {"attestation_id": decision_id(number), **QUESTION, "evidence": INPUT}
    return entry(ETHICS_ATTESTATION_TYPE, predicate | other, SUBJECT, placed=True)


@contextmanager
def without_the_rule(folder: Path) -> Iterator[None]:
    """As when an engine writes that does not know the rule which the index of events keeps."""
    open_at(folder).close()
    with pytest.MonkeyPatch.context() as older, behind_its_back(folder):
        older.setattr(batch, "ATTEMPT", "")
        older.setattr(SqliteReader, "require_layout", lambda _self: None)
        yield


def verified(folder: Path, *drafts: EntryDraft, others: int = 0, **options: Any) -> LedgerReport:
    with without_the_rule(folder), closing(open_at(folder)) as ledger:
        for draft in drafts:
            ledger.append([draft])
    if not others:
        with closing(open_at(folder, signer=None)) as ledger:
            return ledger.verify(**options)
    with AuditWorkers(others) as companions, closing(open_at(folder, signer=None)) as ledger:
        return ledger.verify(companions=companions, **options)


@pytest.mark.parametrize("part", [1, 3, 1024])
def test_what_no_later_entry_answers_is_counted_and_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, part: int
) -> None:
    """Also where request and answer are verified by different processes."""
    monkeypatch.setattr(audit, "PART", part)
    drafts = [
        answer(9),  # before it was asked for: no answer
        request(1), request(2), request(3), request(4), request(9),
        answer(3), decision(20), failure(1), attestation(4),
        request(5), request(6, known=False, gate="spend"), answer(6, gate="spend"),
    ]  # fmt: skip
    report = verified(tmp_path, *drafts, others=1 if part < 100 else 0)
    assert report.requests == 7
    assert report.unanswered == ((3, decision_id(2)), (6, decision_id(9)), (11, decision_id(5)))
    with closing(open_at(tmp_path, signer=None)) as ledger:
        since = ledger.checkpoint_covering(4)
        assert ledger.verify(since=since).requests == 4
        assert ledger.verify(signatures=False).requests == 0


OTHER = {"digest": {"sha256": "99" * 32}}
LIES = {
    "another gate": (request(1), answer(1, gate="ethics")),
    "another profile": (request(1), answer(1, profile={**PROFILE, **OTHER})),
    "another stage": (request(1), answer(1, stage="production")),
    "another Input": (request(1), answer(1, input=OTHER)),
    "another subject": (request(1), answer(1, {**SUBJECT, "name": "other-model"})),
    "another subject, whose Input was not known": (
        request(1, known=False), answer(1, {**SUBJECT, "name": "other-model"})),
    "attested on other evidence": (request(1), attestation(1, evidence=OTHER)),
    "failed by another profile": (request(1), failure(1, profile="default")),
    "failed at another gate": (request(1), failure(1, gate="ethics")),
    "decided after it failed": (request(1), failure(1), answer(1)),
    "decided after it failed, on other evidence": (request(1), failure(1), answer(1, input=OTHER)),
    "attested after it failed": (request(1), failure(1), attestation(1)),
    "failed after it was decided": (request(1), answer(1), failure(1)),
    "failed after it was attested": (request(1), attestation(1), failure(1)),
    "decided after it failed, unrequested": (decision(7), failure(1), answer(1)),
    "failed after it was decided, unrequested": (answer(1), request(7), failure(1)),
    "a request without an id": (request(1, decision_id=7), answer(2)),
}  # fmt: skip


@pytest.mark.parametrize("lie", LIES)
@pytest.mark.parametrize("part", [1, 1024])
def test_an_answer_to_something_else_is_not_genuine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lie: str, part: int
) -> None:
    monkeypatch.setattr(audit, "PART", part)
    with pytest.raises(
        VerificationError, match=r"entry [123]: (its .* asked for|a request|a failure)"
    ):
        verified(tmp_path, *LIES[lie], others=1 if part < 100 else 0)


def test_an_import_answers_nothing_and_a_request_is_not_made_twice(tmp_path: Path) -> None:
    with pytest.raises(VerificationError, match="to be entry 2 is entry 1 once more"):
        verified(tmp_path, request(1), request(1, stage="production"))
    assert DECISION_IMPORTED_TYPE not in ANSWERS


def test_a_failure_behind_a_checkpoint_is_of_nothing_that_was_decided_before_it(
    tmp_path: Path,
) -> None:
    with pytest.raises(VerificationError, match="entry 2: a failure and an answer have one id"):
        verified(tmp_path, answer(1), failure(1))
    with closing(open_at(tmp_path, signer=None)) as ledger:
        since = ledger.checkpoint_covering(1)
        with pytest.raises(VerificationError, match="entry 2: a failure and an answer"):
            ledger.verify(since=since)


RECORDED = {"decided": answer, "attested": attestation}


@pytest.mark.parametrize("what", RECORDED)
@pytest.mark.parametrize("is_failure_first", [True, False])
@pytest.mark.parametrize("how", ["one append", "two commits", "an older ledger"])
def test_a_failure_and_an_answer_never_get_one_id(
    tmp_path: Path, what: str, is_failure_first: bool, how: str
) -> None:
    """INV-LEDGER-6: refused before anything is committed; the ledger takes the next one."""
    first, second = failure(1), RECORDED[what](1)
    if not is_failure_first:
        first, second = second, first
    before = [] if how == "one append" else [first]
    with closing(open_at(tmp_path)) as ledger:
        ledger.append([decision(7), request(1), *before])
    if how == "an older ledger":
        forget_events(tmp_path)
    with closing(open_at(tmp_path)) as ledger:
        with pytest.raises(VerificationError, match=r"to be entry \d and entry \d have one id"):
            ledger.append([second] if before else [decision(8), first, second])
        assert ledger.size() == 3 + len(before)
        ledger.append([decision(9)])
        with pytest.raises(VerificationError, match="to be entry 5 is entry 2 once more"):
            ledger.append([*([] if before else [decision(8)]), request(1, stage="production")])
        assert ledger.verify(public_keys=[KEY.public_key]).size == 4 + len(before)


def forget_events(folder: Path) -> None:
    """Make the ledger one of an engine that had no index of events."""
    with closing(sqlite3.connect(folder / "ledger.db")) as connection:
        connection.executescript("DROP TRIGGER decision_failed; DROP TABLE event")


def recording(reader: object, digest: str) -> frozenset[str]:
    """A policy whose profile ``strict`` records requests."""
    return frozenset({"strict"})


POLICY: dict[str, Any] = {"policy": {"digest": {"sha256": "44" * 32}}, "relaxations": []}
EPHEMERAL: dict[str, Any] = {"relaxations": [{"name": "ephemeral_ledger", "tolerated": True}]}


@pytest.mark.parametrize(
    ("drafts", "entry_at"),
    [
        ((request(1), answer(1, **POLICY)), None),
        ((request(1), decision(7), answer(1, **POLICY)), None),
        ((decision(7), answer(1, **POLICY)), 2),
        ((answer(1, **POLICY), request(1)), 1),
        ((request(2), attestation(1, **POLICY), answer(2, **POLICY)), 2),
        ((answer(1, **POLICY | EPHEMERAL),), None),
        ((answer(1, **POLICY, profile={**PROFILE, "name": "default"}),), None),
        ((failure(1),), None),
    ],
)
@pytest.mark.parametrize("part", [1, 1024])
def test_what_is_not_requested_where_the_profile_asks_for_it_is_named(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    drafts: tuple[EntryDraft, ...],
    entry_at: int | None,
    part: int,
) -> None:
    """INV-LEDGER-7: by the key holder too, and also where only the newest entries are verified."""
    monkeypatch.setattr(audit, "PART", part)
    monkeypatch.setattr(DueRequests, "_recording", recording)
    monkeypatch.setattr(across_parts, "require_policies", lambda *_, **__: 0)
    words = f"entry {entry_at}: .* was not requested"
    with nullcontext() if entry_at is None else pytest.raises(VerificationError, match=words):
        verified(tmp_path, *drafts)
    with closing(open_at(tmp_path, signer=None)) as ledger:
        since = ledger.checkpoint_covering(len(drafts) - 1)
        last = entry_at == len(drafts)
        with pytest.raises(VerificationError, match=words) if last else nullcontext():
            ledger.verify(since=since)

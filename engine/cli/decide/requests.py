"""Requests for many decisions: those of a block are durable, in one commit, before it is judged."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from engine.cli.decide.judge import Judge, ReadEvidence
    from engine.decision.request import DecisionRequest, Requested
    from engine.decision.session import Session
    from engine.errors import GovernanceError
    from engine.evidence.input import Question

BLOCK = 96
"""Decisions of a process whose requests share one commit; it keeps the Inputs until then."""

Requests: TypeAlias = "Sequence[DecisionRequest | None]"
"""What is to be requested, in the order of the files; None where one could not be read."""
RecordRequests: TypeAlias = "Callable[[Requests], list[Requested | None]]"
"""Makes requests durable, and answers in their order."""
ReadGroup: TypeAlias = "tuple[list[str], ReadEvidence | GovernanceError]"
"""The files of one decision, and what they say."""


def record_with(session: Session, question: Question) -> RecordRequests | None:
    """Return what records requests for ``question``; None where none are recorded."""
    if not session.records_requests(question):
        return None

    def record(requests: Requests) -> list[Requested | None]:
        answers = iter(session.request([request for request in requests if request], question))
        return [next(answers) if request else None for request in requests]

    return record


def read_all(judge: Judge, groups: Sequence[list[str]]) -> tuple[list[ReadGroup], Requests]:
    """Return what the files of each decision say, and the requests for those that can be read."""
    from engine.cli.decide.judge import ReadEvidence

    found = [(names, judge.read(names)) for names in groups]
    requests = [
        judge.to_request(what) if isinstance(what, ReadEvidence) else None for _, what in found
    ]
    return found, requests


def judge_all(
    judge: Judge, found: Sequence[ReadGroup], requested: Sequence[Requested | None]
) -> Iterator[tuple[list[str], object]]:
    """Yield the files of each decision with what became of them."""
    from engine.cli.decide.judge import ReadEvidence

    for (names, what), given in zip(found, requested, strict=True):
        yield names, judge.judge(what, given) if isinstance(what, ReadEvidence) else what


def outcomes(
    judge: Judge, groups: Sequence[list[str]], record: RecordRequests | None
) -> Iterator[tuple[list[str], object]]:
    """Judge in this process; block after block, where requests are recorded."""
    if record is None:
        yield from ((names, judge(names)) for names in groups)
        return
    for at in range(0, len(groups), BLOCK):
        found, requests = read_all(judge, groups[at : at + BLOCK])
        yield from judge_all(judge, found, record(requests))

"""Both verifiers say the same of what convicts a signer, and of a thousand changes of it."""

from __future__ import annotations

import json
import random

from engine.errors import VerificationError
from engine.proof.equivocation import Equivocation
from engine.proof.equivocation import encode as encode_records
from engine.proof.history import CheckpointPair, pair_of
from engine.proof.verify import verify_any
from tests.independent import convicting
from tests.independent.test_agreement import changed
from tests.proof.test_equivocation import OTHER, PAIR, RELEASE
from tests.proof.test_history import CASES

KEYS = [RELEASE.public, OTHER.public]


def answer_of_ours(data: bytes) -> str:
    try:
        found = verify_any(data, KEYS)
    except VerificationError:
        return ""
    assert isinstance(found, Equivocation | CheckpointPair)
    return "two decisions" if isinstance(found, Equivocation) else str(found.outcome)


def test_both_say_the_same_of_every_file_and_of_what_is_changed_in_it() -> None:
    """INV-HISTORY-1, INV-IMPORT-2."""
    files = [encode_records(PAIR), *(pair_of(*states).encode() for *states, _ in CASES.values())]
    chance, answers = random.Random(14), set[str]()  # noqa: S311
    for number, file in enumerate(files):
        whole = json.loads(file)
        changes = [json.dumps(changed(whole, chance)).encode() for _ in range(50)]
        swapped = dict(whole, checkpoints=json.loads(files[number - 1]).get("checkpoints", []))
        for data in (file, json.dumps(swapped).encode(), *changes):
            ours, second = answer_of_ours(data), convicting.answer(data, KEYS)
            assert ours == second, data
            answers.add(ours)
    assert answers == {"", "two decisions", "same", "continues", "fork"}

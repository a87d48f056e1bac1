"""One byte of a bundle is changed, put in or left out: no other document is accepted."""

from __future__ import annotations

import json
import random

import pytest

from engine.errors import VerificationError
from engine.proof.verify import verify_any
from tests.independent.test_agreement import BUNDLES, KEYS

FILES = {
    name: bundle.encode() for name, bundle in BUNDLES.items() if name != "attestation of another"
}
SEED = 13


def mutated(data: bytes, chance: random.Random) -> bytes:
    """``data`` with one byte replaced by another, put in or left out, anywhere."""
    at, what = chance.randrange(len(data)), chance.randrange(4)
    if what == 0:
        return data[:at] + data[at + 1 :]
    if what == 1:
        return data[:at] + bytes([chance.randrange(256)]) + data[at:]
    other = data[at] ^ (1 << chance.randrange(8) if what == 2 else chance.randrange(1, 256))
    return data[:at] + bytes([other]) + data[at + 1 :]


def is_accepted(data: bytes) -> bool:
    """Whether the verifier takes it for genuine; it raises nothing but its own error."""
    try:
        verify_any(data, KEYS)
    except VerificationError:
        return False
    return True


def says_something_else(original: bytes, data: bytes) -> bool:
    """Whether ``data`` is another document than ``original``, and not only written otherwise."""
    try:
        return bool(json.loads(data) != json.loads(original))
    except ValueError:
        return True


def accepted(count: int) -> list[str]:
    """Mutations that are taken for genuine and say something else, of ``count`` in all."""
    chance, names, wrong = random.Random(SEED), sorted(FILES), []  # noqa: S311
    for number in range(count):
        name = names[number % len(names)]
        data = mutated(FILES[name], chance)
        if is_accepted(data) and says_something_else(FILES[name], data):
            wrong.append(f"mutation {number}, of {name}")
    return wrong


def test_what_is_mutated_is_genuine() -> None:
    """Else nothing of it would be accepted anyway."""
    assert len(FILES) >= 20
    assert all(map(is_accepted, FILES.values()))


def test_no_mutation_of_a_sample_is_accepted() -> None:
    """INV-PROOF-1."""
    assert accepted(400) == []


@pytest.mark.soak
@pytest.mark.timeout(3600)
def test_no_mutation_at_all_is_accepted() -> None:
    """INV-PROOF-1, twenty thousand times."""
    assert accepted(20_000) == []

"""Two checkpoints of one ledger: what they are to each other, and what shows it to a stranger."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from itertools import product
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from engine.errors import VerificationError
from engine.proof.history import (
    CheckpointPair,
    History,
    Outcome,
    history_in,
    pair_of,
    parted_before,
    shared_size,
    verify_pair,
)
from engine.proof.inclusion import placed
from tests.repository import ROOT
from tests.simulator import Key, Ledger

RELEASE, OTHER = Key("release"), Key("other")
SCHEMA = json.loads((ROOT / "schemas/checkpoints.schema.json").read_text())


def ledger(entries: int, *, common: int = 4, branch: str = "", key: Key = RELEASE) -> Ledger:
    """A ledger of so many entries, of which those from ``common`` on are of a branch."""
    made = Ledger(key)
    for number in range(1, entries):
        made.append(f"entry {number} {branch if number >= common else ''}".encode())
    return made


def whole(made: Ledger, size: int | None = None) -> History:
    parts = made.prove(1, size, whole=True)
    return history_in(parts, placed(parts, [made.key.public]))


def proof(made: Ledger, index: int, size: int | None = None) -> History:
    parts = made.prove(index, size)
    return history_in(parts, placed(parts, [made.key.public]))


def leaves_behind(made: Ledger, index: int) -> History:
    """What a proof shows by its chain alone."""
    return replace(proof(made, index), tree_at=lambda _: None)


def note(made: Ledger, size: int | None = None) -> History:
    parts = made.prove(0, size)
    return History(parts.checkpoint, placed(parts, [made.key.public]))


MAIN, BRANCH = ledger(9), ledger(9, branch="b")
EARLY = ledger(9, common=2, branch="c")
CASES: dict[str, tuple[History, History, Outcome]] = {
    "the same note": (note(MAIN), whole(MAIN), Outcome.SAME),
    "one size, two roots": (note(MAIN), note(BRANCH), Outcome.FORK),
    **{
        f"{size} of the same": (note(MAIN, size), whole(MAIN), Outcome.CONTINUES)
        for size in range(1, 9)
    },
    **{
        f"{size} of another": (note(BRANCH, size), whole(MAIN), Outcome.FORK)
        for size in range(5, 9)
    },
    "before they part": (note(BRANCH, 4), whole(MAIN), Outcome.CONTINUES),
    "by the leaves behind a proof": (note(MAIN, 6), leaves_behind(MAIN, 5), Outcome.CONTINUES),
    "another, by the leaves": (note(BRANCH, 6), leaves_behind(MAIN, 5), Outcome.FORK),
    "by the tree behind a proof": (note(MAIN, 7), proof(MAIN, 5), Outcome.CONTINUES),
    "another, by the tree behind": (note(BRANCH, 7), proof(MAIN, 5), Outcome.FORK),
    "by the tree before a proof": (note(MAIN, 4), proof(MAIN, 5), Outcome.CONTINUES),
    "another, by the tree before": (note(EARLY, 4), proof(MAIN, 5), Outcome.FORK),
    "what the proof does not reach": (note(EARLY, 3), proof(MAIN, 5), Outcome.UNKNOWN),
    "two bare notes": (note(MAIN, 4), note(MAIN), Outcome.UNKNOWN),
}


@pytest.mark.parametrize("name", CASES)
def test_two_states_are_compared_and_the_answer_is_shown_to_a_stranger(name: str) -> None:
    """INV-HISTORY-1."""
    one, other, outcome = CASES[name]
    pair = pair_of(one, other)
    assert pair == pair_of(other, one) or outcome in (Outcome.SAME, Outcome.FORK)
    assert pair.outcome is outcome
    data = pair.encode()
    Draft202012Validator(SCHEMA).validate(json.loads(data))
    if outcome is Outcome.UNKNOWN:
        with pytest.raises(VerificationError, match="nothing in the file shows"):
            verify_pair(data, [RELEASE.public])
    else:
        assert verify_pair(data, [OTHER.public, RELEASE.public]) == pair


def test_a_tree_that_fits_under_a_chain_that_does_not_is_a_fork() -> None:
    from engine.proof.checkpoint import sign, verify

    honest = verify(MAIN.checkpoint(6), [RELEASE.public])
    lie = sign(honest._replace(chain=bytes(32)), RELEASE.sign, RELEASE.public)
    pair = pair_of(History(lie, honest._replace(chain=bytes(32))), whole(MAIN))
    assert pair.outcome is Outcome.FORK
    assert verify_pair(pair.encode(), [RELEASE.public]).outcome is Outcome.FORK


def test_where_two_histories_part_is_found() -> None:
    assert shared_size(whole(MAIN), whole(BRANCH)) == 4
    assert shared_size(whole(ledger(3)), whole(MAIN)) == 3
    assert shared_size(whole(MAIN), proof(BRANCH, 5)) is None


def sizes_shown(index: int, size: int) -> set[int]:
    """By the definition: each complete subtree to the left of an entry is a number's binary one."""
    before = {index >> bits << bits for bits in range(index.bit_length())}
    return before | set(range(index, size + 1))


def test_two_proofs_show_every_fork_that_lies_before_a_size_they_both_show() -> None:
    """INV-HISTORY-1: by a file for a stranger, where one of the two signed sizes is shown."""
    places = [(index, size) for size in range(1, 10) for index in range(size)]
    one, other = ({at: proof(made, *at) for at in places} for made in (MAIN, EARLY))
    for first, second in product(places, places):
        small, large = sorted((first, second), key=lambda place: place[1])
        both = sizes_shown(*small) & sizes_shown(*large)
        pair, parted = pair_of(one[first], other[second]), parted_before(one[first], other[second])
        if max(both, default=0) <= 2:
            assert pair.outcome is not Outcome.FORK, (first, second)
            assert parted is None, (first, second)
        elif small[1] in sizes_shown(*large):
            assert pair.outcome is Outcome.FORK, (first, second)
            assert verify_pair(pair.encode(), [RELEASE.public]) == pair
        else:
            assert (pair.outcome, parted) == (Outcome.UNKNOWN, max(both)), (first, second)
        assert pair_of(one[first], one[second]).outcome is not Outcome.FORK
        assert parted_before(one[first], one[second]) is None


def edited(pair: CheckpointPair, edit: Callable[[Any], None]) -> bytes:
    document = json.loads(pair.encode())
    edit(document)
    return json.dumps(document).encode()


BY_TREE = pair_of(note(MAIN, 4), whole(MAIN))
BY_LEAVES = pair_of(note(MAIN, 6), leaves_behind(MAIN, 5))


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (edited(BY_TREE, lambda file: file["checkpoints"].reverse()), "not in order"),
        (edited(BY_TREE, lambda file: file["checkpoints"].pop()), "holds 1 checkpoints"),
        (
            # a root of one's own choosing would make a fork of an honest history
            edited(BY_TREE, lambda file: file["tree"].update(root="A" * 43 + "=")),
            "does not begin with",
        ),
        (edited(BY_TREE, lambda file: file["tree"]["path"].pop()), "proof is too short"),
        (edited(BY_TREE, lambda file: file.pop("tree")), "nothing in the file shows"),
        (edited(BY_LEAVES, lambda file: file["chain"].update(chain="00" * 32)), "do not lead"),
        (edited(BY_LEAVES, lambda file: file["chain"]["leaves"].pop()), "do not lead"),
        (edited(BY_LEAVES, lambda file: file.update(mediaType="x")), "not of type"),
        (edited(BY_LEAVES, lambda file: file.update(more=1)), "unknown member"),
        (
            pair_of(note(MAIN, 4), whole(ledger(9, key=OTHER))).encode(),
            "two keys signed",
        ),
        (
            edited(BY_TREE, lambda file: file["checkpoints"].__setitem__(0, MAIN.checkpoint())),
            "of one size|have one size",
        ),
        (
            CheckpointPair(MAIN.checkpoint(4), Ledger(RELEASE, "b").checkpoint(), Outcome.SAME)
            .encode(),
            "two ledgers",
        ),
    ],
)  # fmt: skip
def test_what_does_not_show_it_is_not_genuine(data: bytes, reason: str) -> None:
    with pytest.raises(VerificationError, match=reason):
        verify_pair(data, [RELEASE.public, OTHER.public])


def test_a_pair_that_a_stranger_signed_is_not_genuine() -> None:
    with pytest.raises(VerificationError, match="none of the given keys"):
        verify_pair(BY_TREE.encode(), [OTHER.public])

"""``engine verify --state FILE``: how far a ledger came is remembered, and held against proofs."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from engine.cli.checkpoint_state import CheckpointState, parse_state
from engine.decision.runtime import SystemRuntime
from engine.proof.bundle import parse
from engine.proof.history import History, pair_of
from engine.proof.inclusion import placed
from engine.proof.keys import public_pem
from tests.cli.conftest import Engine
from tests.repository import ROOT
from tests.simulator import NOW, Case, Key, Ledger, Policy

RELEASE = Key("release")
SCHEMA = json.loads((ROOT / "schemas/checkpoint-state.schema.json").read_text())


def decided(count: int, *, common: int = 99) -> Ledger:
    """A ledger of so many decisions; from one on they are of another subject."""
    ledger = Ledger(RELEASE)
    for number in range(1, count + 1):
        case = Case()
        case.subject |= {"version": "9.9.9"} if number > common else {}
        ledger.decide(case, Policy())
    return ledger


MAIN, FORK = decided(6), decided(6, common=2)


def write(name: str, ledger: Ledger, index: int, size: int) -> str:
    Path(name).write_bytes(ledger.prove(index, size).encode())
    return name


@pytest.fixture
def consumer(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> Engine:
    """The command line at the instant of the proofs, with their key; 4 entries are remembered."""
    monkeypatch.setattr(SystemRuntime, "now", lambda _: NOW)
    Path("key.pem").write_bytes(public_pem(RELEASE.public))
    Path("verify.toml").write_text('state = "kept.json"\n[[key]]\nfile = "key.pem"\n')
    assert engine("verify", write("first.json", MAIN, 3, 4), "--expect", "verify.toml").code == 0
    return engine


def kept_size() -> int:
    document = json.loads(Path("kept.json").read_text())
    Draft202012Validator(SCHEMA).validate(document)
    (note,) = parse_state(Path("kept.json").read_bytes(), "kept.json").values()
    return int(note.split("\n")[1])


def pair_file(older: Ledger, size: int, newer: Ledger, until: int) -> str:
    def history(ledger: Ledger, at: int) -> History:
        from engine.proof.history import history_in

        parts = parse(ledger.prove(1, at, whole=True).encode())
        return history_in(parts, placed(parts, [RELEASE.public]))

    Path("pair.json").write_bytes(pair_of(history(older, size), history(newer, until)).encode())
    return "pair.json"


def test_what_continues_is_taken_and_what_cannot_be_compared_is_not(consumer: Engine) -> None:
    """INV-HISTORY-2."""
    assert kept_size() == 4
    assert Path("kept.json").stat().st_mode & 0o777 == 0o600
    table = [
        # proof of, at a size, exit code, what is said, remembered afterwards
        ((MAIN, 3, 4), 0, "  state     the 4 entries that kept.json remembers\n", 4),
        # its chain reaches back to 4
        ((MAIN, 4, 5), 0, "continues the 4 entries that kept.json remembered; it now", 5),
        ((MAIN, 6, 7), 1, "nothing shows that the ledger of 7 entries continues the 5", 5),
        ((FORK, 4, 7), 4, "the ledger forked: it is not the one of 5 entries", 5),
        ((FORK, 4, 5), 4, "the ledger forked", 5),
        ((MAIN, 1, 3), 4, "went backwards: 3 entries, and 5 are remembered", 5),
        ((FORK, 3, 4), 4, "went backwards", 5),
    ]
    for (ledger, index, size), code, reason, remembered in table:
        answer = consumer("verify", write("p.json", ledger, index, size), "--expect", "verify.toml")
        assert answer.code == code, (reason, answer)
        assert reason in answer.out + answer.err
        assert kept_size() == remembered
        if code == 4:
            notes = [ledger.checkpoint(size), MAIN.checkpoint(remembered)]
            assert all(note in answer.err for note in notes)
            assert f"\nremembered in kept.json:\n{notes[1]}shown:\n{notes[0]}" in answer.err


def test_what_a_proof_that_is_not_taken_asks_for_makes_it_taken(consumer: Engine) -> None:
    """The ledger went on beyond the proof meanwhile."""
    flags = ("--key", "key.pem", "--state", "kept.json")
    for index, size, code in ((5, 6, 1), (1, 3, 4)):
        proof = write("p.json", MAIN, index, size)
        answer = consumer("verify", proof, *flags)
        printed = answer.out + answer.err
        assert answer.code == code
        for command in (
            "engine ledger compare kept.json LEDGER -o went-on.json\n",
            "engine ledger compare p.json LEDGER -o placed.json\n",
            "then: engine verify went-on.json placed.json p.json …\n",
        ):
            assert command in printed
        Path(pair_file(MAIN, kept_size(), MAIN, 7)).rename("went-on.json")
        Path(pair_file(MAIN, size, MAIN, 7)).rename("placed.json")
        taken = consumer("verify", "went-on.json", "placed.json", proof, *flags)
        assert (taken.code, kept_size()) == (0, 7)
        assert "  state     part of the 7 entries that kept.json remembers\n" in taken.out


def test_a_pair_shows_what_a_proof_alone_cannot(consumer: Engine) -> None:
    newest, oldest = write("new.json", MAIN, 6, 7), write("old.json", MAIN, 1, 2)
    flags = ("--key", "key.pem", "--state", "kept.json")
    pair = pair_file(MAIN, 4, MAIN, 7)
    answer = consumer("verify", pair, newest, *flags)
    assert (answer.code, kept_size()) == (0, 7)
    assert answer.out.startswith("GENUINE HISTORY: 7 entries continue 4\n")

    assert consumer("verify", oldest, *flags).code == 4
    assert consumer("verify", pair_file(MAIN, 2, MAIN, 7), oldest, *flags).code == 0
    # a pair of another size, or of another history, shows nothing of this one
    assert consumer("verify", pair_file(MAIN, 3, MAIN, 7), oldest, *flags).code == 4
    forked = consumer("verify", pair_file(FORK, 5, FORK, 7), *flags)
    assert (forked.code, forked.out) == (4, "")
    shown = consumer("verify", pair_file(FORK, 5, MAIN, 7), *flags, "--format", "json")
    assert (shown.code, shown.json["equivocation"]) == (
        *(4, "this signer signed two histories of one ledger"),
    )
    assert kept_size() == 7


@pytest.mark.parametrize(
    ("content", "mode", "reason"),
    [
        (b"{}", 0o600, "lacks 'mediaType'"),
        (b"precious", 0o600, "not strict JSON"),
        (None, 0o666, "others can write to it"),
    ],
)
def test_a_file_that_is_no_state_is_refused_and_left(
    consumer: Engine, content: bytes | None, mode: int, reason: str
) -> None:
    file = Path("kept.json")
    if content is not None:
        file.write_bytes(content)
    file.chmod(mode)
    before = file.read_bytes()
    answer = consumer("verify", "first.json", "--key", "key.pem", "--state", "kept.json")
    assert (answer.code, answer.out) == (2, "")
    assert reason in answer.err
    assert file.read_bytes() == before


def test_what_is_remembered_must_be_signed_by_a_key_that_is_trusted(consumer: Engine) -> None:
    state = Path("kept.json").read_text().replace("\\n4\\n", "\\n3\\n")
    Path("kept.json").write_text(state)
    answer = consumer("verify", "first.json", "--key", "key.pem", "--state", "kept.json")
    assert (answer.code, "what it remembers" in answer.err) == (4, True)


def test_two_at_once_lose_nothing(tmp_path: Path) -> None:
    ledgers = [Ledger(RELEASE, f"ledger {number}") for number in range(8)]
    parts = [ledger.prove(0) for ledger in ledgers]
    histories = [History(p.checkpoint, placed(p, [RELEASE.public])) for p in parts]
    state = CheckpointState(tmp_path / "kept.json")
    threads = [
        threading.Thread(target=state.take, args=(history, [RELEASE.public]))
        for history in histories
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(parse_state((tmp_path / "kept.json").read_bytes(), "it")) == len(ledgers)

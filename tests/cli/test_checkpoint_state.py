"""``engine verify --state FILE``: how far a ledger came is remembered, and held against proofs."""

from __future__ import annotations

import base64
import json
import os
import threading
from dataclasses import replace
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from engine.cli.checkpoint_state import CheckpointState, parse_state
from engine.decision.runtime import SystemRuntime
from engine.proof.bundle import ProofBundle, parse
from engine.proof.history import History, pair_of
from engine.proof.inclusion import placed
from engine.proof.keys import public_pem
from tests.cli.conftest import Engine
from tests.proof.test_attestation import ETHICS, PROMOTION, evidence, resting
from tests.repository import ROOT
from tests.simulator import NOW, Case, Key, Ledger, Policy

RELEASE, BOARD = Key("release"), Key("board")
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


def kept() -> list[tuple[str, str]]:
    """Origin and size of all that is remembered."""
    notes = parse_state(Path("kept.json").read_bytes(), "kept.json").values()
    return sorted((note.split("\n")[0][-32:], note.split("\n")[1]) for note in notes)


def attested(count: int, *, common: int = 99, name: str = "board") -> Ledger:
    """An attestor's ledger; from one on its attestations are of other evidence."""
    ledger = Ledger(BOARD, name)
    for number in range(1, count + 1):
        case = evidence(salt=b"x" * 32) if number > common else evidence()
        ledger.attest(case, ETHICS)
    return ledger


def write_bundle(name: str, bundle: ProofBundle) -> str:
    Path(name).write_bytes(bundle.encode())
    return name


def pair_file(older: Ledger, size: int, newer: Ledger, until: int) -> str:
    def history(ledger: Ledger, at: int) -> History:
        from engine.proof.history import history_in

        parts = parse(ledger.prove(1, at, whole=True).encode())
        return history_in(parts, placed(parts, [RELEASE.public]))

    Path("pair.json").write_bytes(pair_of(history(older, size), history(newer, until)).encode())
    return "pair.json"


def test_what_continues_is_taken_and_what_cannot_be_compared_is_not(consumer: Engine) -> None:
    """INV-HISTORY-2 and INV-HISTORY-3: a ledger that is remembered is one that was demanded."""
    assert kept_size() == 4
    flags = ("--key", "key.pem", "--state", "new.json")
    first, again = (consumer("verify", "first.json", *flags).out for _ in range(2))
    assert "ledger: nobody required one\n            its ledger has 4 entries; another" in first
    assert "ledger" not in again.partition("\n  open ")[2]
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
        assert ("ledger: nobody required one" in answer.out) == (code == 1)
        assert kept_size() == remembered
        if code == 4:
            notes = [ledger.checkpoint(size), MAIN.checkpoint(remembered)]
            assert all(note in answer.err for note in notes)
            assert f"\nremembered in kept.json:\n{notes[1]}shown:\n{notes[0]}" in answer.err


def test_what_a_proof_that_is_not_taken_asks_for_makes_it_taken(consumer: Engine) -> None:
    """The ledger went on beyond the proof meanwhile."""
    flags = ("--key", "key.pem", "--state", "kept.json")
    Path("kept.json").unlink()  # a proof of entry 5 shows what the first 4 are, and not the first 3
    assert consumer("verify", write("third.json", MAIN, 2, 3), *flags).code == 0
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
    assert "\nGENUINE HISTORY: 7 entries continue 4\n" in answer.out  # records come first

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


def imported(source: Ledger, name: str) -> str:
    into = Ledger(RELEASE, name)
    return write_bundle(f"{name}.json", into.prove(into.adopt(source, 2)))


def test_the_ledger_that_an_import_came_from_is_compared_and_remembered_too(
    consumer: Engine,
) -> None:
    """INV-HISTORY-2."""
    flags = ("--key", "key.pem", "--state", "kept.json")
    for ledger, code, reason in [
        (decided(3, common=1), 4, "the ledger forked: it is not the one of 4 entries"),
        (decided(6), 1, "nothing shows that the ledger of 7 entries continues the 4"),
        (decided(2), 1, "nothing shows that the ledger of 3 entries is the beginning of the 4"),
    ]:
        answer = consumer("verify", imported(ledger, "into"), *flags)
        assert (answer.code, reason in answer.out + answer.err) == (code, True), answer
        assert kept() == [(MAIN.id, "4")]  # of what is not accepted nothing is remembered
    assert consumer("verify", imported(decided(3), "into"), *flags).code == 0
    assert kept() == sorted([(MAIN.id, "4"), (Ledger(RELEASE, "into").id, "2")])

    assert (
        consumer("verify", imported(decided(3), "new"), "--key", "key.pem", "--state", "k").code
        == 0
    )
    Path("k").replace("kept.json")
    assert (MAIN.id, "4") in kept()
    assert consumer("verify", write("fork.json", decided(3, common=1), 3, 4), *flags).code == 4


def test_the_ledgers_of_attestations_inside_are_compared_and_remembered_too(
    consumer: Engine,
) -> None:
    """INV-HISTORY-2."""

    def release(*attestations: ProofBundle, name: str) -> str:
        ledger = Ledger(RELEASE, name)
        return write_bundle(
            "p.json", ledger.prove(ledger.decide(resting(*attestations), PROMOTION))
        )

    flags = ("--key", "key.pem", "--state", "kept.json")
    honest, other = attested(5), attested(5, common=1)
    both = [honest.prove(2, 3), honest.prove(1, 2)]
    proof = release(*both, name="r1")
    for _ in range(2):  # twice the same: the newer of the two shows what the older was
        assert consumer("verify", proof, *flags).code == 0
        assert (honest.id, "3") in kept()
    for bundle in (other.prove(1, 3), other.prove(2, 4)):
        before = Path("kept.json").read_bytes()
        answer = consumer("verify", release(bundle, name="r2"), *flags)
        assert (answer.code, "the ledger forked" in answer.err) == (4, True), answer
        assert Path("kept.json").read_bytes() == before
    Path("kept.note").write_text(honest.checkpoint(3))
    Path("kept.toml").write_text('checkpoints = ["kept.note"]\n[[key]]\nfile = "key.pem"\n')
    assert (
        consumer("verify", release(other.prove(2, 4), name="r2"), "--expect", "kept.toml").code == 4
    )
    # an attestation need not be the newest, nor reach back to the one before
    assert consumer("verify", release(honest.prove(1, 2), name="r3"), *flags).code == 0
    assert consumer("verify", release(honest.prove(5, 6), name="r4"), *flags).code == 0
    assert (honest.id, "3") in kept()


def test_two_keys_may_begin_ledgers_of_one_id_and_neither_is_convicted(consumer: Engine) -> None:
    Path("board.pem").write_bytes(public_pem(BOARD.public))
    Path("verify.toml").write_text(
        'state = "kept.json"\n'
        '[[key]]\nfile = "key.pem"\nroles = ["decision", "checkpoint"]\n'
        '[[key]]\nfile = "board.pem"\nroles = ["attestation"]\n'
    )
    board = attested(3, name="one")
    assert board.id == MAIN.id
    Path("kept.json").unlink()
    steps = [
        (write("att.json", board, 1, 3), 0, ["3"]),
        (write("4.json", MAIN, 3, 4), 0, ["3", "4"]),
        (write("5.json", MAIN, 4, 5), 0, ["3", "5"]),
        (write("forked.json", attested(3, common=1, name="one"), 2, 3), 4, ["3", "5"]),
        (write("fork.json", FORK, 4, 5), 4, ["3", "5"]),
    ]
    for name, code, sizes in steps:
        assert consumer("verify", name, "--expect", "verify.toml").code == code, (name, sizes)
        assert kept() == [(MAIN.id, size) for size in sizes]
    Path("kept.note").write_text(MAIN.checkpoint(3))
    Path("board.note").write_text(board.checkpoint(3))
    text = Path("verify.toml").read_text().replace('state = "kept.json"', "checkpoints = [{}]")
    for note, name, code in [
        ("kept.note", "att.json", 0), ("kept.note", "forked.json", 0),
        ("board.note", "forked.json", 4),
    ]:  # fmt: skip
        Path("noted.toml").write_text(text.replace("{}", f'"{note}"'))
        assert consumer("verify", name, "--expect", "noted.toml").code == code, (note, name)
    answer = consumer("ledger", "compare", "kept.json", "5.json", "--key", "key.pem")
    assert (answer.code, "SAME: both are the ledger at 5" in answer.out) == (0, True)


def test_what_it_writes_it_can_read(consumer: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """A note is kept with the one signature that counts; the file never outgrows its limit."""
    flags = ("--key", "key.pem", "--state", "kept.json")
    bundle, before = MAIN.prove(4, 5), Path("kept.json").stat().st_size
    line = base64.b64encode(bytes(4) + b"z" * 1300).decode()
    padded = bundle.checkpoint + "".join(f"— other{each} {line}\n" for each in range(63))
    assert (
        consumer(
            "verify", write_bundle("fat.json", replace(bundle, checkpoint=padded)), *flags
        ).code
        == 0
    )
    assert Path("kept.json").stat().st_size == before
    assert kept_size() == 5

    monkeypatch.setattr("engine.cli.checkpoint_state.MAX_BYTES", before + 100)
    other, content = Ledger(RELEASE, "other"), Path("kept.json").read_bytes()
    other.decide(Case(), Policy())
    answer = consumer("verify", write("other.json", other, 1, 2), *flags)
    assert (answer.code, "it is full" in answer.err, "another file" in answer.err) == (
        2,
        True,
        True,
    )
    assert Path("kept.json").read_bytes() == content
    assert consumer("verify", "fat.json", *flags).code == 0


def test_a_file_that_others_can_replace_is_refused(
    consumer: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    os.mkfifo("pipe")
    Path("open").mkdir()
    Path("open").chmod(0o777)
    Path("open/there.json").write_bytes(Path("kept.json").read_bytes())
    Path("open/there.json").chmod(0o600)
    theirs = Path("theirs.json")
    theirs.write_bytes(Path("kept.json").read_bytes())
    if os.geteuid() == 0:
        os.chown(theirs, 12_345, -1)
    table = [
        ("pipe", "no regular file"),
        (".", "no regular file"),
        ("open/there.json", "the folder it lies in"),
        ("open/new.json", "the folder it lies in"),
        ("theirs.json", "another user"),
    ]
    for name, reason in table:
        with monkeypatch.context() as patch:
            if name == "theirs.json" and os.geteuid() != 0:
                patch.setattr(os, "geteuid", lambda: theirs.stat().st_uid + 1)
            answer = consumer("verify", "first.json", "--key", "key.pem", "--state", name)
        assert (answer.code, answer.out, reason in answer.err) == (2, "", True), answer
    assert [path.name for path in Path("open").iterdir()] == ["there.json"]


def test_two_proofs_that_convict_a_key_together_are_4_in_one_call(consumer: Engine) -> None:
    """Each by itself is genuine; state is kept of neither. INV-IMPORT-2."""
    files = {
        "main": write("main.json", MAIN, 3, 4),
        "on": write("on.json", MAIN, 2, 6),
        "fork": write("fork.json", FORK, 3, 4),
        "later fork": write("later.json", FORK, 3, 6),
        "pair": pair_file(MAIN, 4, MAIN, 6),
        "near": write("near.json", FORK, 4, 5),
        "far": write("far.json", FORK, 5, 6),
        "farthest": write("farthest.json", FORK, 6, 7),
        "five": write("five.json", MAIN, 4, 5),
    }
    table = [
        (("main", "on"), 0, ""),
        (("main", "main"), 0, ""),
        (("main", "pair"), 0, ""),
        (("main", "fork"), 4, "two histories of one ledger"),
        (("fork", "main"), 4, "two histories of one ledger"),
        (("on", "later fork"), 4, "two histories of one ledger"),
        (("main", "later fork"), 4, "two histories of one ledger"),
        (("pair", "fork"), 4, "two histories of one ledger"),
        (("pair", "near"), 4, "two histories of one ledger"),
        # by the tree of 4 entries, of which a proof of entry 5 is made
        (("main", "far"), 4, "two histories of one ledger"),
        (("far", "main"), 4, "two histories of one ledger"),
        (("pair", "far"), 4, "two histories of one ledger"),
    ]
    for names, code, reason in table:
        shown = [files[name] for name in names]
        for path in shown:
            assert consumer("verify", path, "--key", "key.pem").code == 0, names
        answer = consumer("verify", *shown, "--key", "key.pem")
        assert (answer.code, reason in answer.out) == (code, True), (names, answer)
        if code:
            assert f"  files     {shown[0]} and {shown[1]}\n" in answer.out
    # nobody signed the size at which both show another tree, so that no file holds both
    shown = [files["five"], files["farthest"]]
    answer = consumer("verify", *shown, "--key", "key.pem")
    assert (answer.code, f"{shown[0]} and {shown[1]}: two histories" in answer.err) == (4, True)
    assert "of 5 and of 7 entries do not begin with the same 4" in answer.err
    compared = consumer("ledger", "compare", *shown, "--key", "key.pem", "-o", "no.json")
    assert (compared.code, compared.out, Path("no.json").exists()) == (4, "", False)
    assert "do not begin with the same 4" in compared.err

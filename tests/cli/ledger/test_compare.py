"""``engine ledger compare``: two states of one ledger, in every form they come in."""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path

import pytest

from engine.proof.keys import public_pem
from tests.cli.conftest import Engine
from tests.ledger.copies import copied
from tests.ledger.scribe import KEY, event, key, open_at

COUNT = 5


@pytest.fixture
def states(engine: Engine) -> Engine:
    """A ledger, an older copy of it, one that went on from the copy otherwise, and notes."""
    main, fork = Path("main"), Path("fork")
    main.mkdir()
    fork.mkdir()
    with closing(open_at(main)) as ledger:
        ledger.append([event(f"event {number}") for number in range(1, COUNT)])
        Path("older.txt").write_text(ledger.last_checkpoint())
    copied(main).rename("older")
    for file in Path("older").iterdir():
        (fork / file.name).write_bytes(file.read_bytes())
    with closing(open_at(main)) as ledger:
        ledger.append([event("one"), event("two")])
        Path("newer.txt").write_text(ledger.last_checkpoint())
    with closing(open_at(fork)) as ledger:
        ledger.append([event("another")])
        Path("fork.txt").write_text(ledger.last_checkpoint())
    (head,) = (main / "heads").glob("*.json")
    Path("head.json").write_bytes(head.read_bytes())
    Path("key.pem").write_bytes(public_pem(KEY.public_key))
    Path("other.pem").write_bytes(public_pem(key("somebody else").public_key))
    return engine


def test_states_of_one_ledger_in_every_form(states: Engine) -> None:
    """INV-HISTORY-1."""
    main, older, fork = (f"{name}/ledger.db" for name in ("main", "older", "fork"))
    table = [
        (main, "head.json", 0, "SAME: both are the ledger at 7 entries\n"),
        (main, older, 0, f"CONTINUES: 2 entries more in\n  {main}\n"),
        ("older.txt", main, 0, f"CONTINUES: 2 entries more in\n  {main}\n"),
        (main, fork, 4, "FORK: this signer signed two histories of one ledger\n"),
        ("fork.txt", main, 4, "FORK: this signer signed two histories of one ledger\n"),
    ]
    for one, other, code, start in table:
        answer = states("ledger", "compare", one, other, "-o", "pair.json")
        assert (answer.code, answer.err) == (code, ""), (one, other)
        assert answer.out.startswith(start)
        assert "key in entry 0: pass --key" in answer.out
        assert max(map(len, answer.out.split("governance-engine/")[0].splitlines())) <= 80
        shown = states("verify", "pair.json", "--key", "key.pem")
        assert (shown.code, shown.err) == (code, "")
        assert states("verify", "pair.json", "--key", "other.pem").code == 4

    given = states("ledger", "compare", main, fork, "--key", "key.pem", "--format", "json")
    assert (given.json["outcome"], given.json["shared"], given.json["keys_given"]) == (
        *("fork", COUNT, True),
    )
    assert [source["size"] for source in given.json["sources"]] == [7, 6]


@pytest.mark.parametrize(
    ("arguments", "code", "reason"),
    [
        (("older.txt", "newer.txt"), 2, "neither of the two holds entry 0"),
        (("older.txt", "newer.txt", "--key", "key.pem"), 2, "does not show what the first 5"),
        (("older.txt", "main/ledger.db", "--key", "other.pem"), 4, "none of the given keys signed"),
        (("older.txt", "key.pem"), 4, "not a signed note"),
        (("older.txt", "no.txt"), 2, "no.txt"),
        (("older.txt", "main/ledger.db", "-o", "older.txt"), 2, "cannot be written"),
    ],
)
def test_what_cannot_be_compared_is_no_answer(
    states: Engine, arguments: tuple[str, ...], code: int, reason: str
) -> None:
    answer = states("ledger", "compare", *arguments)

    assert (answer.code, answer.out) == (code, "")
    assert reason in answer.err


def test_a_ledger_is_verified_before_it_is_believed(states: Engine) -> None:
    from tests.ledger.audit.test_audit import behind_its_back

    with behind_its_back(Path("main")) as connection:
        connection.execute("UPDATE entry SET body = x'00' WHERE leaf_index = 2")

    assert states("ledger", "compare", "older.txt", "main/ledger.db").code == 4


def test_a_state_file_holds_a_ledger_to_how_far_it_came(states: Engine) -> None:
    """INV-HISTORY-2: an older copy that was put back, and a fork, are 4 with both notes."""
    state, key_flag = ("--state", "state.json"), ("--key", "key.pem")
    for name in ("older", "main", "main"):
        assert (
            states("ledger", "verify", "--ledger", f"{name}/ledger.db", *state, *key_flag).code == 0
        )
    assert Path("state.json").stat().st_mode & 0o777 == 0o600
    assert json.loads(Path("state.json").read_text())["checkpoints"] == [
        Path("newer.txt").read_text()
    ]
    kept = Path("state.json").read_bytes()
    for name, reason in (("older", "went backwards: 5 entries, and 7 are"), ("fork", "backwards")):
        answer = states("ledger", "verify", "--ledger", f"{name}/ledger.db", *state, *key_flag)
        assert answer.code == 4
        assert reason in answer.err
        assert "restore the newest copy of the ledger" in answer.err
        assert Path("newer.txt").read_text() in answer.err
        assert Path("state.json").read_bytes() == kept
    assert states("ledger", "compare", "state.json", "fork/ledger.db").code == 2
    assert states("ledger", "compare", "state.json", "older/ledger.db").code == 2

"""What somebody can do who writes to the ledger's file and has no key: it is noticed, never signed.

Each edit is made to a ledger that the engine itself wrote. Then ``engine ledger verify`` as it is
by default answers 4, and a decision is either refused with 4, or adds to what was signed and to
nothing else. What passes is in a test of its own, with the answer that it gets.
"""

# ruff: noqa: S608  the tables and rows are those named below
from __future__ import annotations

import base64
import hashlib
import json
import os
import re
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from engine.errors import VerificationError
from engine.formats import canonical
from engine.ledger import EntryDraft
from engine.ledger.commit import batch
from engine.ledger.natural_keys import event_name
from engine.model import BUDGET_RELEASED_TYPE, DECISION_FAILED_TYPE
from engine.proof.envelope import open_envelope, seal
from engine.proof.merkle import Frontier, chain_hash, leaf_hash
from engine.proof.statement import parse_statement, statement
from engine.signers.file import open_file
from tests.cli.budget.test_verb import ASK, PRICES
from tests.cli.conftest import Answer, Engine
from tests.ledger.audit.test_audit import behind_its_back, rewrite
from tests.ledger.audit.test_requests import forget_events
from tests.ledger.scribe import event, key, open_at

Edit = Callable[[sqlite3.Connection], Any]

OTHER = key("somebody else")
LEDGER = Path(".engine")


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the ledger of :func:`host` is kept, once it is made."""
    return tmp_path_factory.mktemp("template")


@pytest.fixture
def host(engine: Engine, example: Callable[[str], Any], template: Path) -> Engine:
    """The command line in a folder with five decisions of the engine, and an event."""
    if not (template / "engine").exists():
        for name in ("promote", "block", "hold"):
            (template / f"{name}.json").write_text(json.dumps(example(name)))
        for name in ("promote", "block", "hold", "block", "promote"):
            engine("decide", str(template / f"{name}.json"))
        with closing(open_at(LEDGER, signer=own_key())) as ledger:
            ledger.append([failure("before", ledger.id)])
        shutil.copytree(LEDGER, template / "engine")
    else:
        shutil.copytree(template / "engine", LEDGER)
    for file in template.glob("*.json"):
        shutil.copy(file, file.name)
    return engine


def own_key() -> Any:
    return open_file(LEDGER / "keys" / "engine.pem")


def failure(attempt: str, ledger_id: str, signer: Any = None) -> EntryDraft:
    """A genuine entry that the index does not name."""
    signer = signer or own_key()
    predicate = {"attempt_id": attempt, "ledger": {"id": ledger_id}}
    subject = {"name": "m.json", "digest": {"sha256": "00" * 32}}
    payload = statement([subject], DECISION_FAILED_TYPE, predicate)
    return EntryDraft(None, None, None, lambda _place: seal(payload, signer.sign, signer.key_id))


def own_entry(index: int) -> bytes:
    with closing(sqlite3.connect(LEDGER / "ledger.db")) as connection:
        return entry(connection, index)


def logged(host: Engine) -> list[Any]:
    log = host("ledger", "log", "--format", "jsonl", "--limit", "0")
    return [json.loads(line) for line in log.out.splitlines()]


def edited(edit: Edit) -> None:
    with behind_its_back(LEDGER) as connection:
        edit(connection)


def entry(connection: sqlite3.Connection, index: int) -> bytes:
    body: bytes
    (body,) = connection.execute("SELECT body FROM entry WHERE leaf_index = ?", (index,)).fetchone()
    return body


def insert(connection: sqlite3.Connection, body: bytes, *, index_as: str | None = None) -> None:
    """Add an entry with every hash that needs no key, and a row of the index."""
    rows = connection.execute("SELECT leaf, chain FROM entry ORDER BY leaf_index").fetchall()
    leaf, frontier = leaf_hash(body), Frontier()
    row = (len(rows), leaf, chain_hash(rows[-1][1], leaf), body)
    connection.execute("INSERT INTO entry VALUES (?, ?, ?, ?)", row)
    nodes = [digest for known, _ in rows for _, _, digest in frontier.append(known)]
    more = [digest for _, _, digest in frontier.append(leaf)]
    connection.executemany("INSERT INTO node VALUES (?, ?)", enumerate(more, len(nodes)))
    if index_as is not None:
        connection.execute(
            "INSERT INTO decision SELECT ?, ?, subject_key, gate, 3 FROM decision "
            "WHERE leaf_index = 2",
            (len(rows), index_as),
        )
    else:
        name = known_by(body, leaf)
        connection.execute("INSERT OR IGNORE INTO event VALUES (?, ?, ?)", (*name, len(rows)))


def known_by(body: bytes, leaf: bytes) -> tuple[str, str]:
    """What the index of events knows an entry by, as far as there is something to read."""
    try:
        return event_name(parse_statement(open_envelope(body).payload), leaf)
    except VerificationError:
        return "leaf", leaf.hex()


def forged(body: bytes, kind: str | None = None, **members: Any) -> bytes:
    """An entry with other members, under the signature that it had."""
    envelope = json.loads(body)
    stated = json.loads(base64.b64decode(envelope["payload"]))
    stated["predicate"].update(members)
    stated["predicateType"] = kind or stated["predicateType"]
    envelope["payload"] = base64.b64encode(canonical.encode(stated)).decode()
    return json.dumps(envelope, separators=(",", ":")).encode()


FORGED_ID = "01a22a3b-0000-7000-8000-000000000000"
TAILS: dict[str, Edit] = {
    "a PROMOTE under the signature of a BLOCK": lambda c: insert(
        c,
        forged(entry(c, 2), verdict="PROMOTE", decision_id=FORGED_ID, attempt=3),
        index_as=FORGED_ID,
    ),
    "a PROMOTE that another key signed": lambda c: insert(
        c, resealed(entry(c, 1), decision_id=FORGED_ID), index_as=FORGED_ID
    ),
    "a lease that is given back by nobody": lambda c: insert(
        c, forged(entry(c, 6), BUDGET_RELEASED_TYPE, lease="a")
    ),
    "bytes that are nothing": lambda c: insert(c, b"not json at all"),
    "an envelope around nothing": lambda c: insert(c, b'{"payload":"AA=="}'),
    "an entry of the ledger once more": lambda c: insert(c, entry(c, 2)),
    "an entry once more, under another id": lambda c: insert(
        c, entry(c, 2), index_as=FORGED_ID
    ),
    "an event of the ledger once more": lambda c: insert(c, entry(c, 6)),
    "the ledger's creation once more": lambda c: insert(c, entry(c, 0)),
}  # fmt: skip
REASONS = {
    "a PROMOTE under the signature of a BLOCK": "none of the given keys signed the record",
    "a PROMOTE that another key signed": "none of the given keys signed the record",
    "a lease that is given back by nobody": "none of the given keys signed the record",
    "bytes that are nothing": "the envelope is not strict JSON",
    "an envelope around nothing": "the envelope lacks 'payloadType'",
    "an entry of the ledger once more": "a decision that is not in the index",
    "an entry once more, under another id": "the index does not count it as attempt 3",
    "an event of the ledger once more": "is entry 6 once more",
    "the ledger's creation once more": "the creation of another ledger",
}
"""What each of them is refused for: its own fault, and no other that came before it."""


def resealed(body: bytes, **members: Any) -> bytes:
    stated = parse_statement(open_envelope(forged(body, **members)).payload)
    return seal(canonical.encode(stated), OTHER.sign, OTHER.key_id)


def decided(host: Engine) -> Answer:
    return host("decide", "promote.json", "--format", "json")


def stored() -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(LEDGER / "ledger.db")) as connection:
        entries = connection.execute("SELECT leaf_index, leaf FROM entry ORDER BY 1").fetchall()
        return entries + connection.execute("SELECT size, note FROM checkpoint").fetchall()


@pytest.mark.parametrize("name", TAILS)
def test_what_is_added_behind_the_last_checkpoint_is_never_signed_over(
    host: Engine, name: str
) -> None:
    edited(TAILS[name])
    before = stored()

    answers = [decided(host), decided(host), host("ledger", "verify")]

    assert [answer.code for answer in answers] == [4, 4, 4]
    for answer in answers:
        assert f"entry 7: {REASONS[name]}" in answer.err
    assert "nothing was signed over it, and nothing was recorded" in answers[0].err
    assert stored() == before


@pytest.mark.parametrize("tail", TAILS.values(), ids=TAILS)
def test_one_added_row_keeps_nobody_from_reading(host: Engine, tail: Edit) -> None:
    edited(tail)

    log = host("ledger", "log")
    assert log.code == 0
    assert len(log.out.splitlines()) == 8
    assert host("ledger", "show", "6").code == 0
    assert host("ledger", "checkpoint").code == 0
    assert "not signed" in log.out.splitlines()[0]
    assert not any("not signed" in line for line in log.out.splitlines()[1:])


@pytest.mark.parametrize("tail", TAILS.values(), ids=TAILS)
def test_no_verb_takes_an_added_row_for_evidence(host: Engine, tail: Edit) -> None:
    """INV-CONFORM-1: not even one that says what the specs allow."""
    edited(tail)

    for argv in (("conform",), ("budget", "verify"), ("budget", "history")):
        answer = host(*argv)
        assert (answer.code, answer.out) == (4, ""), argv
        assert "entry 7: " in answer.err


@pytest.mark.parametrize("index", [1, 7], ids=("a changed row", "an added row"))
def test_a_decision_that_nobody_signed_is_said_and_not_acted_on(host: Engine, index: int) -> None:
    body = forged(own_entry(2), verdict="PROMOTE", decision_id=FORGED_ID, attempt=3)
    if index == 7:
        edited(lambda c: insert(c, body, index_as=FORGED_ID))
        named = FORGED_ID
    else:
        named = logged(host)[-2]["id"]
        body = resealed(own_entry(index), reason="all is well")
        edited(lambda c: c.execute("UPDATE entry SET body = ? WHERE leaf_index = 1", (body,)))

    assert [row["index"] for row in logged(host) if row.get("signed") is False] == [index]
    shown = host("ledger", "show", str(index))
    assert f"entry {index} is not signed" in shown.err
    for argv in (("explain", named), ("export", named, "-o", "p.json"), ("replay", named)):
        answer = host(*argv)
        assert (answer.code, answer.out) == (4, ""), argv
        assert f"entry {index} is not signed" in answer.err
    assert not Path("p.json").exists()
    replayed = host("replay")
    assert replayed.code == 4
    assert f"entry {index}: is not signed" in replayed.out
    assert f"{5 if index == 7 else 4} decisions replayed" in replayed.out
    assert host("conform").code == 4


@pytest.mark.parametrize("whole", [True, False], ids=("with its index row", "without"))
def test_an_entry_of_another_ledger_of_the_same_key_is_refused(
    host: Engine, tmp_path: Path, whole: bool
) -> None:
    signer = own_key()
    with closing(open_at(tmp_path / "home", signer=signer)) as other:
        other.append([failure("elsewhere", other.id)])
        body = other.entry(1)
    edited(lambda c: insert(c, body, index_as="elsewhere" if whole else None))

    assert "entry 7: " in decided(host).err
    assert host("ledger", "verify").code == 4


def test_what_a_stopped_writer_left_is_signed_over(host: Engine) -> None:
    """The one way in which genuine rows come to stand there."""
    decided(host)
    edited(lambda c: c.execute("DELETE FROM checkpoint WHERE size = 8"))
    state = Path(os.environ["XDG_STATE_HOME"])
    heads = [*(LEDGER / "heads").glob("*.json"), *state.rglob("heads/*.json")]
    note = sqlite3.connect(LEDGER / "ledger.db").execute(
        "SELECT note FROM checkpoint ORDER BY size DESC LIMIT 1"
    )
    kept = note.fetchone()[0]
    for head in heads:
        head.write_text(json.dumps({**json.loads(head.read_text()), "checkpoint": kept}))
    note.connection.close()

    replayed = host("replay")
    assert replayed.code == 4
    assert "entry 7: is not signed" in replayed.out
    assert "5 decisions replayed, byte for byte the same; 1 not replayable" in replayed.out
    assert host("ledger", "verify").code == 0
    assert decided(host).json["index"] == 8
    assert host("ledger", "verify").code == 0


@pytest.mark.parametrize(
    "note",
    [
        "not a note",
        "governance-engine/{id}\n99\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n",
    ],
)
def test_a_checkpoint_that_nobody_signed_is_no_reason_to_sign(host: Engine, note: str) -> None:
    edited(lambda c: c.execute("INSERT INTO checkpoint VALUES (99, ?)", (note,)))

    assert decided(host).code == 4
    assert host("ledger", "verify").code == 4
    assert host("ledger", "log").code == 0


# -- every table and column ------------------------------------------------------------------

COLUMNS = {
    "ledger": ("id",),
    "entry": ("leaf", "chain", "body"),
    "node": ("hash",),
    "checkpoint": ("note",),
    "decision": ("decision_id", "subject_key", "gate", "attempt"),
    "subject_new": ("key",),
    "attachment": ("kind", "digest", "body"),
    "shared_blob": ("kind", "digest", "body"),
}
OTHER_VALUE = {"attempt": "7", "key": "key + 1", "hash": "randomblob(32)"}
OTHER_VALUE |= dict.fromkeys(("leaf", "chain"), "randomblob(32)")
KEY_OF = {
    "entry": "leaf_index",
    "node": "position",
    "checkpoint": "size",
    "decision": "leaf_index",
    "subject_new": "leaf_index",
    "attachment": "place",
}


def changes() -> Iterator[tuple[str, str]]:
    for table, columns in COLUMNS.items():
        column = KEY_OF.get(table, "rowid")
        last = f"SELECT {column} FROM {table} ORDER BY {column} DESC"
        rows = [
            f"({last} LIMIT 1 OFFSET {at})" for at in ((0, 1, 2, 3) if "_" not in table else (0,))
        ]
        if table in ("ledger", "shared_blob"):
            rows = [f"(SELECT min({column}) FROM {table})"]
        for name in columns:
            for at, row in enumerate(rows):
                value = OTHER_VALUE.get(name, f"{name} || 'x'")
                if name in ("body",):
                    value = f"CAST({name} || x'00' AS BLOB)"
                yield (
                    f"{table}.{name} of row {at}",
                    f"UPDATE {table} SET {value and name} = {value} WHERE {column} = {row}",
                )
        if table in KEY_OF:
            for at, row in enumerate(rows):
                if table not in ("attachment", "checkpoint"):  # see the end of this file
                    yield f"no row {at} of {table}", f"DELETE FROM {table} WHERE {column} = {row}"
    yield "no policy", "DELETE FROM shared_blob"
    for change in ("kind = 'x'", "key = 'x'", "leaf_index = 3", "leaf_index = 7"):
        yield f"an event's {change}", f"UPDATE event SET {change} WHERE leaf_index = 6"
    yield "no event", "DELETE FROM event WHERE leaf_index = 6"
    for table, values in {
        "node": "99, zeroblob(32)",
        "decision": "99, 'x', NULL, NULL, 1",
        "subject": "1, 2",
        "subject_recent": "1, 2",
        "subject_new": "1, 2",
        "attachment": "99, 'input', 'x', x'00'",
        "shared_blob": "'policy', 'x', x'00'",
        "ledger": "2, 'x'",
        "checkpoint": "99, 'x'",
        "entry": "99, zeroblob(32), zeroblob(32), x'00'",
        "event": "'leaf', 'x', 99",
    }.items():
        yield f"a row more in {table}", f"INSERT INTO {table} VALUES ({values})"
    for kind in ("input", "salt"):
        yield (
            f"{kind}s of two decisions, each with its digest, swapped",
            "UPDATE attachment SET (body, digest) = (SELECT body, digest FROM attachment a "
            "WHERE a.kind = attachment.kind AND a.place / 16 = 3 - attachment.place / 16) "
            f"WHERE kind = '{kind}' AND place / 16 IN (1, 2)",
        )
    for table in ("entry", "decision"):
        yield (
            f"two rows of {table} swapped",
            f"UPDATE {table} SET leaf_index = -1 - leaf_index WHERE leaf_index IN (2, 3);"
            f"UPDATE {table} SET leaf_index = 6 + leaf_index WHERE leaf_index < 0",
        )


CHANGES = dict(changes())
UNCOUNTED = r"entry {entry}: the index does not count it as attempt \d on its subject"
FAULTS = {
    r"entry\.body of row .": "entry {entry}: its bytes do not give its leaf",
    r"entry\.(leaf|chain) of row 0": "its first 7 entries are not those that were signed",
    r"entry\.leaf of row .": "entry {entry}: its bytes do not give its leaf",
    r"entry\.chain of row .": "entry {entry}: the hash chain breaks here",
    "an event's leaf_index = 3": "entry 6: is entry 3 once more",
    "(an|no) event.*": "entry 6: the index of events does not lead to it",
    "a row more in event": "3 rows find 2 events",
    "no row 0 of entry": "says 7: it went backwards",
    "no row . of entry": "entry {entry} is missing",
    "two rows of entry swapped": "entry 2: the hash chain breaks here",
    "a row more in entry": "entry 7 is missing",
    r"decision\.decision_id of row .": r"entry {entry}: its decision_id is '.*', and by the index",
    r"decision\..* of row .|(subject_new\.key of|no) row 0( of subject_new)?": UNCOUNTED,
    "no row . of decision": "entry {entry}: a decision that is not in the index",
    "two rows of decision swapped": UNCOUNTED.format(entry=2),
    "a row more in decision": "the index names entry 99, and the ledger holds 7 entries",
    "a row more in subject.*": "6 rows find 5 decisions by their subject",
    r"node\.hash of row [01]": "its first 7 entries are not those that were signed",
    "no row [01] of node": r"tree node \d/\d is missing",
    ".* row . of node|node.hash of row .": r"entry \d: a tree node above it is wrong",
    "a row more in node": "the tree has more nodes, and the ledger holds 7 entries",
    r"checkpoint\.note of row .": r"checkpoint \d: the checkpoint is not a signed note",
    "a row more in checkpoint": "a checkpoint says 99, and the ledger holds 7 entries",
    r"attachment\.kind of row .": r"entry \d: documents are kept beside it that it does not sign",
    r"attachment\..* of row .": r"the (salt|input) kept for entry \d is not what its digest says",
    "a row more in attachment": "entry 6: documents are kept beside it that it does not sign",
    ".* of two decisions.*": "entry 1: the input kept beside it is not what it signs",
    r"shared_blob\.body of row 0": "the policy kept as .* is none",
    r"shared_blob\..* of row 0|no policy": "the policy .* is missing, and entries name it",
    "a row more in shared_blob": "a policy x is kept that no entry names",
    r"ledger\.id of row 0": "is ledger .*x, but .* was signed for there",
    "a row more in ledger": "has not one id",
}
"""What each change is refused for, by a pattern of its name; the first that fits counts."""


def fault_of(change: str) -> str:
    words = next(words for name, words in FAULTS.items() if re.fullmatch(name, change))
    row = re.search(r"row (\d)", change)
    newest = 6 if "entry" in change else 5  # the last entry is an event, which no index names
    return words.replace("{entry}", str(newest - int(row[1]))) if row else words


@pytest.mark.parametrize("name", CHANGES)
def test_a_changed_row_is_never_passed_over(host: Engine, name: str) -> None:
    def edit(connection: sqlite3.Connection) -> None:
        connection.execute("PRAGMA ignore_check_constraints = ON")
        connection.executescript(CHANGES[name])

    edited(edit)
    answer = host("ledger", "verify")

    assert answer.code == 4
    assert re.search(fault_of(name), answer.err.splitlines()[0])


@pytest.mark.parametrize("place", range(16, 28))
def test_a_document_changed_together_with_its_digest_is_noticed(host: Engine, place: int) -> None:
    body = b"{}"
    with behind_its_back(LEDGER) as connection:
        places = [row[0] for row in connection.execute("SELECT place FROM attachment ORDER BY 1")]
        connection.execute(
            "UPDATE attachment SET body = ?, digest = ? WHERE place = ?",
            (body, hashlib.sha256(body).hexdigest(), places[(place - 16) % len(places)]),
        )

    answer = host("ledger", "verify")

    assert answer.code == 4
    assert "beside it is not what it signs" in answer.err


@pytest.mark.parametrize("index", range(1, 6))
def test_a_history_rewritten_with_all_its_hashes_is_noticed(host: Engine, index: int) -> None:
    with closing(sqlite3.connect(LEDGER / "ledger.db")) as connection:
        body = entry(connection, index % 5 + 1)
    rewrite(LEDGER, index, body)

    assert host("ledger", "verify").code == 4
    assert decided(host).code == 4


# -- how the file works ----------------------------------------------------------------------

TABLES = (*COLUMNS, "subject", "subject_recent", "event")
LAYOUTS = {
    **{
        f"{table} is a view": f"ALTER TABLE {table} RENAME TO z; "
        f"CREATE VIEW {table} AS SELECT * FROM z"
        for table in TABLES
    },
    **{
        f"{table} has one more trigger": f"CREATE TRIGGER z AFTER INSERT ON {table} "
        "BEGIN DELETE FROM attachment; END"
        for table in TABLES
    },
    **{
        f"{table} has one more column": f"ALTER TABLE {table} ADD COLUMN z TEXT"
        for table in TABLES
    },
    "one table more": "CREATE TABLE z (a)",
    "one index more": "CREATE INDEX z ON entry (leaf)",
    "an index over an expression": "CREATE INDEX z ON entry (abs(leaf_index))",
    "a trigger less": "DROP TRIGGER entry_order",
    "no index of events": "DROP TABLE event",
    "another trigger": "DROP TRIGGER entry_order; "
    "CREATE TRIGGER entry_order BEFORE INSERT ON entry WHEN 0 BEGIN SELECT 1; END",
}  # fmt: skip


ODDITIES = {
    r"(\w+) is a view": r"\1 is no table of the engine's",
    r"\w+ has one more trigger": "trigger z is not the engine's",
    r"(\w+) has one more column": r"table \1 was changed",
    "one (table|index) more": r"\1 z is not the engine's",
    "an index over an expression": "index z is not the engine's",
    "a trigger less": "trigger entry_order is missing",
    "no index of events": "trigger decision_failed is not the engine's",
    "another trigger": "trigger entry_order was changed",
}
"""What each layout is refused for, by a pattern of its name."""


@pytest.mark.parametrize("name", LAYOUTS)
def test_another_layout_is_neither_passed_nor_written_to(host: Engine, name: str) -> None:
    with closing(sqlite3.connect(LEDGER / "ledger.db", isolation_level=None)) as connection:
        connection.execute("PRAGMA legacy_alter_table = ON")
        connection.executescript(LAYOUTS[name])
    before = (LEDGER / "ledger.db").read_bytes()
    (oddity,) = (
        re.sub(pattern, words, name)
        for pattern, words in ODDITIES.items()
        if re.fullmatch(pattern, name)
    )

    for answer in (host("ledger", "verify"), decided(host)):
        assert answer.code == 4
        assert answer.err.splitlines()[0].endswith(f"ledger.db: {oddity}")
    assert (LEDGER / "ledger.db").read_bytes() == before


@pytest.mark.parametrize("table", ["entry", "ledger", "checkpoint", "attachment"])
def test_a_view_without_end_hangs_nobody(host: Engine, table: str) -> None:
    columns = {
        "entry": "x, zeroblob(32), zeroblob(32), zeroblob(9)",
        "ledger": "1, x",
        "checkpoint": "x, x",
        "attachment": "x, x, x, x",
    }[table]
    names = {
        "entry": "leaf_index, leaf, chain, body",
        "ledger": "one, id",
        "checkpoint": "size, note",
        "attachment": "place, kind, digest, body",
    }[table]
    with closing(sqlite3.connect(LEDGER / "ledger.db", isolation_level=None)) as connection:
        connection.execute("PRAGMA legacy_alter_table = ON")
        connection.executescript(
            f"ALTER TABLE {table} RENAME TO z; CREATE VIEW {table} ({names}) AS "
            "WITH RECURSIVE n (x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) "
            f"SELECT {columns} FROM n"
        )

    for verb in (("ledger", "verify"), ("ledger", "log"), ("decide", "promote.json")):
        assert host(*verb).code == 4


@pytest.mark.parametrize(("pragma", "code"), [("application_id = 0", 4), ("user_version = 99", 3)])
def test_another_kind_of_file_is_refused(host: Engine, pragma: str, code: int) -> None:
    with closing(sqlite3.connect(LEDGER / "ledger.db")) as connection:
        connection.execute(f"PRAGMA {pragma}")

    assert host("ledger", "verify").code == code
    assert decided(host).code == code


# -- what the entries add up to --------------------------------------------------------------

STATES = {
    "a day's sums lower": "UPDATE state SET body = "
    "CAST(replace(CAST(body AS TEXT), '50000', '10000') AS BLOB)",
    "a lease gone": "DELETE FROM state WHERE kind = 'lease'",
    "no state at all": "DELETE FROM state",
    "a lease more": "INSERT INTO state SELECT kind, key || 'x', body FROM state LIMIT 1",
}

SUMS = {
    "a day's sums lower": r'"reserved":\[1,0,50000\].*, the state says .*"reserved":\[1,0,10000\]',
    "a lease gone": "lease .*: the entries say .*, the state says nothing$",
    "no state at all": "budget daily on .*: the entries say .*, the state says nothing$",
    "a lease more": "budget dailyx on .*: the entries say nothing, the state says",
}
"""What each is refused for: a line of the answer."""


@pytest.mark.parametrize("name", STATES)
def test_a_budget_that_is_not_what_was_spent_is_noticed(engine: Engine, name: str) -> None:
    Path("policies/prices").mkdir(parents=True)
    Path("policies/prices/data.yaml").write_text(PRICES)
    Path("engine.toml").write_text('policies = "policies"\nbudget_daily_usd = 1.00\n')
    assert engine(*ASK, "--usd", "0.05", "--ttl", "60").code == 0
    assert "documents of budgets are what the entries add up to" in engine("ledger", "verify").out
    with behind_its_back(LEDGER) as connection:
        assert connection.execute(STATES[name]).rowcount
    answer = engine("ledger", "verify")

    assert answer.code == 4
    assert "the entries do not add up to the state" in answer.err
    assert re.search(SUMS[name], answer.err, re.M)


# -- what is no lie, and gets an answer of its own -------------------------------------------


def test_erased_documents_are_counted(host: Engine) -> None:
    whole = host("ledger", "verify")
    edited(lambda c: c.execute("DELETE FROM attachment WHERE place / 16 IN (2, 4)"))
    answer = host("ledger", "verify")

    assert "documents beside them are what was signed\n" in whole.out
    assert answer.code == 0
    assert "what was signed; those of 2 entries are erased" in answer.out


def test_an_input_without_its_salt_is_no_erasure(host: Engine) -> None:
    edited(lambda c: c.execute("DELETE FROM attachment WHERE kind = 'salt' AND place / 16 = 2"))

    assert "entry 2: its input is kept without the salt" in host("ledger", "verify").err


def test_fewer_checkpoints_are_counted_and_verified_by_signature_instead(host: Engine) -> None:
    edited(lambda c: c.execute("DELETE FROM checkpoint WHERE size < 7"))

    answer = host("ledger", "verify")

    assert answer.code == 0
    assert "5 decisions, 1 checkpoint\n" in answer.out


def test_a_cut_tail_with_the_heads_removed_is_shown_by_a_checkpoint_that_was_kept(
    host: Engine,
) -> None:
    Path("kept.txt").write_text(host("ledger", "checkpoint").out)
    with behind_its_back(LEDGER) as connection:
        for table in ("entry", "decision", "event", "subject_new"):
            connection.execute(f"DELETE FROM {table} WHERE leaf_index >= 4")
        connection.execute("DELETE FROM checkpoint WHERE size > 4")
        connection.execute("DELETE FROM node WHERE position >= 3")
        connection.execute("DELETE FROM attachment WHERE place >= 4 * 16")
    assert host("ledger", "verify").code == 4
    shutil.rmtree(LEDGER / "heads")

    assert host("ledger", "verify").code == 0
    assert "no signed head is kept here" in host("ledger", "verify").out
    assert host("ledger", "verify", "--since", "kept.txt").code == 4


def test_the_answer_says_whose_key_it_was(host: Engine, tmp_path: Path) -> None:
    assert f"verified with {Path('.engine/keys/engine.pub.pem').resolve()}\n" in (
        host("ledger", "verify").out
    )
    ledger = tmp_path / "copy.db"
    with closing(sqlite3.connect(LEDGER / "ledger.db")) as connection:
        connection.execute("VACUUM INTO ?", (str(ledger),))
    (LEDGER / "keys").rename(tmp_path / "keys")

    answer = host("ledger", "verify", "--ledger", str(ledger))

    assert answer.code == 0
    assert "verified with the key in entry 0, for want of another" in answer.out


def test_without_signatures_the_answer_says_so(host: Engine) -> None:
    edited(lambda c: c.execute("UPDATE decision SET attempt = 1 WHERE leaf_index = 4"))

    answer = host("ledger", "verify", "--no-signatures")

    assert answer.code == 0
    assert (
        "--no-signatures: signatures, index columns and documents were not compared" in answer.out
    )
    document = host("ledger", "verify", "--no-signatures", "--format", "json").json
    assert document["not_compared"] == ["signatures", "index columns", "documents"]
    assert host("ledger", "verify", "--signatures").code == 4


def test_an_event_that_is_recorded_twice_is_refused_by_verify(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever has the key can do that, by a defect or on purpose; our own engine refuses it."""
    with closing(open_at(tmp_path)) as ledger:
        ledger.append([event("same")])
        with pytest.raises(VerificationError, match="to be entry 2 is entry 1 once more"):
            ledger.append([event("same")])
        monkeypatch.setattr(batch, "event_name", lambda *_: ("leaf", "another"))
        ledger.append([event("same")])
        with pytest.raises(VerificationError, match="entry 2: is entry 1 once more"):
            ledger.verify()
    forget_events(tmp_path)
    with (
        closing(open_at(tmp_path, signer=None)) as ledger,
        pytest.raises(VerificationError, match="entry 2: is entry 1 once more"),
    ):
        ledger.verify()

"""A ledger that an older engine made (format 2, before the rooms): read, and continued as it is.

``tests/data/ledger-format-2.tar.xz`` is the workspace folder that ``engine decide`` of 2026-11-21
left: a key that is used for nothing else, the signed head beside it, and three decisions.
"""

from __future__ import annotations

import json
import sqlite3
import tarfile
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Engine
from tests.repository import DATA

LEDGER_ID = "3e45928f02e8bb63c8a65535cdb53142"
ROOT = "5c8ca4628a73fe743321d20f73270d97699e9587cd795cc78c481705f1c157f8"


@pytest.fixture
def older(engine: Engine) -> Engine:
    """The command line in a folder with the older ledger."""
    with tarfile.open(DATA / "ledger-format-2.tar.xz") as archive:
        archive.extractall(filter="data")
    return engine


def stored() -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(".engine/ledger.db")) as connection:
        entries = connection.execute("SELECT * FROM entry ORDER BY leaf_index").fetchall()
        ids = connection.execute("SELECT * FROM decision ORDER BY leaf_index").fetchall()
        notes = connection.execute("SELECT * FROM checkpoint ORDER BY size").fetchall()
        (version,) = connection.execute("PRAGMA user_version").fetchall()
    return [*entries[:4], *ids[:3], *notes[:4], version]


def test_it_is_verified_with_all_that_is_verified_today(older: Engine) -> None:
    answer = older("ledger", "verify")

    assert answer.code == 0
    assert f"ledger {LEDGER_ID}: 4 entries hold, 4 signatures" in answer.out
    assert f"root {ROOT}" in answer.out
    assert "7 documents beside them are what was signed\n" in answer.out
    assert "no signed head" not in answer.out
    assert "no index of events: an older engine made this ledger, or somebody removed it;" in (
        answer.out
    )
    document = older("ledger", "verify", "--format", "json").json
    assert (document["events"], document["not_compared"]) == (None, ["index of events"])


def test_it_is_continued_in_place(
    older: Engine, example: Callable[[str], Any], tmp_path: Path
) -> None:
    """Same ids, entries, checkpoints and format; the next decision counts on."""
    before, kept = stored(), tmp_path / "kept.checkpoint"
    kept.write_text(older("ledger", "checkpoint").out)
    Path("m.json").write_text(json.dumps(example("promote")))

    answer = older("decide", "m.json", "--format", "json")

    assert answer.code == 0
    assert json.loads(answer.out)["index"] == 4
    predicate = json.loads(older("ledger", "show", "4").out)["predicate"]
    assert (predicate["attempt"], predicate["ledger"]["id"]) == (2, LEDGER_ID)
    assert stored() == before
    assert older("ledger", "verify").code == 0
    whole = older("ledger", "verify", "--format", "json").json
    assert (whole["events"], whole["not_compared"]) == (1, [])
    assert "no index of events" not in older("ledger", "verify").out
    since = older("ledger", "verify", "--since", str(kept))
    assert since.code == 0
    assert "--since: requests, failures and documents before entry 4 were not" in since.out
    since = older("ledger", "verify", "--since", str(kept), "--format", "json")
    assert since.json["not_compared"] == ["requests", "failures", "documents", "budgets"]
    assert "4 decisions replayed, byte for byte the same" in older("replay").out


def test_its_head_is_what_it_was_held_against(older: Engine) -> None:
    with closing(sqlite3.connect(".engine/ledger.db")) as connection:
        for (name,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'trigger'"):
            connection.execute(f"DROP TRIGGER {name}")
        connection.execute("DELETE FROM checkpoint WHERE size = 4")
        connection.execute("DELETE FROM entry WHERE leaf_index = 3")
        connection.commit()

    answer = older("ledger", "verify")
    assert answer.code == 4
    assert "holds 3 entries, but its signed head" in answer.err

"""Hashes that are read at once are those that are read one by one."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest

from engine.errors import LedgerError
from engine.ledger.audit.nodes import with_nodes
from engine.ledger.sqlite.reader import SqliteReader
from engine.proof.merkle import Frontier, consistency_proof, inclusion_proof, root
from tests.ledger.scribe import decision, open_at

SIZE = 23


@pytest.fixture
def file(tmp_path: Path) -> Path:
    with closing(open_at(tmp_path)) as ledger:
        ledger.append([decision(number) for number in range(1, SIZE)])
    return tmp_path / "ledger.db"


def test_every_root_and_proof_is_the_same(
    file: Path, reader_of: Callable[[Path], SqliteReader]
) -> None:
    reader = reader_of(file)
    for size in range(SIZE + 1):
        assert with_nodes(reader, partial(root, size)) == root(size, reader.node)
        edge = with_nodes(reader, partial(Frontier.load, size))
        assert (edge.size, edge.root()) == (size, root(size, reader.node))
        for index in range(size):
            proof = inclusion_proof(index, size, reader.node)
            assert with_nodes(reader, partial(inclusion_proof, index, size)) == proof
            old = consistency_proof(index, size, reader.node)
            assert with_nodes(reader, partial(consistency_proof, index, size)) == old


def test_one_that_is_missing_is_named(
    file: Path, reader_of: Callable[[Path], SqliteReader]
) -> None:
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("DROP TRIGGER node_kept")
        connection.execute("DELETE FROM node WHERE position = 0")
        connection.commit()
    reader = reader_of(file)

    with pytest.raises(LedgerError, match="tree node 1/0 is missing"):
        with_nodes(reader, partial(inclusion_proof, 2, SIZE))

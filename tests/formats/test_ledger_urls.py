from __future__ import annotations

import pytest

from engine.formats.ledger_urls import sqlite_path


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("l.db", "l.db"),
        ("/abs/l.db", "/abs/l.db"),
        ("sqlite:l.db", "l.db"),
        ("sqlite:/abs/l.db", "/abs/l.db"),
        ("sqlite:///l.db", "l.db"),
        ("sqlite:////abs/l.db", "/abs/l.db"),
        ("a:b", "a:b"),
        ("sqlite:sqlite:l.db", "sqlite:l.db"),
        ("run:", ""),
        ("postgresql://host/db", ""),
        ("SQLITE:l.db", ""),
        ("sqlite://", ""),
        ("sqlite:", ""),
        ("//l.db", ""),
        ("", ""),
    ],
)
def test_the_path_that_an_address_names(url: str, path: str) -> None:
    assert sqlite_path(url) == path

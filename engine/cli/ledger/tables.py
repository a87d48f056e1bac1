"""Decisions as two flat tables, for people who ask questions in SQL."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from engine.decision.export import decision_in
from engine.errors import OutputError
from engine.ledger import Ledger
from engine.model import Json
from engine.system.files import sync_folder


def write_tables(ledger: Ledger, target: Path) -> int:
    """Write tables ``decision`` and ``check`` to a new SQLite file; return the decisions.

    The file appears whole or not at all.

    Raises:
        OutputError: The file cannot be written.
        VerificationError: What the ledger's checkpoint covers is not genuine; no file is left.
    """
    import sqlite3
    import tempfile

    advice = "name a new file where there is room"
    try:
        with tempfile.TemporaryDirectory(prefix=".tables-", dir=target.parent) as folder:
            draft = Path(folder, target.name)
            count = _written(ledger, draft)
            draft.replace(target)
        _keep_name(target)
    except sqlite3.Error as error:
        raise OutputError(f"{target}: {error}", advice) from None
    except OSError as error:
        raise OutputError(f"{target}: {(error.strerror or str(error)).lower()}", advice) from None
    return count


def _keep_name(target: Path) -> None:
    try:
        sync_folder(target.parent)
    except OSError:
        target.unlink()  # what may be gone after a crash is not there
        raise


def _written(ledger: Ledger, draft: Path) -> int:
    import sqlite_utils

    database = sqlite_utils.Database(draft)
    try:
        database.table("decision").insert_all(_decisions(ledger), pk="entry")
        database.table("check").insert_all(
            _checks(ledger), pk=("entry", "id"), foreign_keys=[("entry", "decision", "entry")]
        )
        return int(database.table("decision").count)
    finally:
        database.close()


def _statements(ledger: Ledger) -> Iterator[tuple[int, Json]]:
    """The decisions that are signed, and those that were imported."""
    for index, statement in ledger.signed_entries().read(covered=True):
        if (decision := decision_in(index, statement)) is not None:
            yield index, decision


def _decisions(ledger: Ledger) -> Iterator[dict[str, Json]]:
    for index, statement in _statements(ledger):
        predicate, subject = statement["predicate"], statement["subject"][0]
        plain = ("decision_id", "decided_at", "valid_until", "gate", "stage", "verdict", "reason")
        yield {
            "entry": index,
            **{key: predicate[key] for key in plain},
            "profile": predicate["profile"]["name"],
            "subject": subject["name"],
            "version": subject.get("annotations", {}).get("version"),
            "sha256": subject["digest"]["sha256"],
            "attempt": predicate["attempt"],
            "policy": predicate["policy"]["digest"]["sha256"],
        }


def _checks(ledger: Ledger) -> Iterator[dict[str, Json]]:
    for index, statement in _statements(ledger):
        for check in statement["predicate"]["checks"]:
            yield {
                "entry": index,
                "id": check["id"],
                "status": check["status"],
                "severity": check["severity"],
                "operator": check["operator"],
                "observed": _cell(check["observed"]),
                "limit": _cell(check["limit"]),
                "n": check.get("n"),
                "age_s": check.get("age_s"),
                "waived_by": check["waived_by"],
            }


def _cell(value: Json) -> Json:
    """Numbers stay numbers; what SQLite has no type for is JSON text."""
    return json.dumps(value) if isinstance(value, list | bool) else value

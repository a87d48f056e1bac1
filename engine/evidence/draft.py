"""A gather configuration for a file of predictions, by the names and values of its columns."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from engine.errors import ConfigError
from engine.evidence.sources.counting import ROLES
from engine.evidence.sources.ethics import MOST_GROUPS
from engine.evidence.sources.rows import Rows, connected, rows_of
from engine.settings.table import Table

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

NAMES = {
    "label": (
        *("y", "label", "target", "y_true", "actual", "outcome", "truth", "ground_truth", "class"),
    ),
    "score": (
        *("p", "score", "prob", "proba", "probability", "y_prob", "y_score", "y_proba"),
        *("confidence", "pred_proba", "predict_proba", "prediction_score", "predicted_probability"),
    ),
    "prediction": ("yhat", "y_hat", "y_pred", "pred", "prediction", "predicted", "decision"),
    "group": ("g", "group", "sex", "gender", "race", "ethnicity", "age_group", "protected_group"),
}
"""How people call a column, in lower case and with ``_`` for what is no letter or digit."""
SUBJECTS = ("id", "subject", "subject_id", "customer_id", "user_id", "person_id", "patient_id")
_CLASSES = {"0", "1", "0.0", "1.0", "true", "false"}
_MEASURES = (("label", "score"), ("prediction", "group"))


@dataclass(frozen=True, slots=True)
class Draft:
    """A configuration that was written for somebody.

    Attributes:
        text: TOML.
        guesses: What was taken from what, one line each.
    """

    text: str
    guesses: tuple[str, ...]


def draft(file: Path, config: Path) -> Draft:
    """Return what ``engine gather`` could be told about ``file``.

    Nothing is chosen between two columns, or two classes, that could be meant.

    Args:
        file: Predictions: CSV, Parquet, JSON lines or Arrow.
        config: Where the configuration will be.

    Raises:
        ConfigError: A guess would be one of several; the hint has the table to write.
        DocumentError: The file cannot be read.
    """
    path = os.path.relpath(file, config.parent)
    rows = rows_of(Table(str(file), "", {"path": str(file)}), Path())
    with connected(rows) as connection:
        found = rows.names(connection)
        columns = _columns(file, path, found)
        rows.require(connection, columns)
        with rows.worded():
            seen = _seen(connection, rows, file, path, columns)
    subject = re.sub(r"\W+", "-", file.stem) or "model"
    guesses = [f"{role}: column {column!r}, {seen[role]}" for role, column in columns.items()]
    guesses.append(f"subject.name: {subject!r} is the file's name; write what is released")
    guesses += [
        f'column {column!r} may say who it is about: kind = "consent" takes it as subjects'
        for column in found
        if _plain(column) in SUBJECTS
    ]
    text = (
        f"# Written by `engine gather --write-config` from the columns of {file.name!a}: "
        "look at each line.\n"
        f"subject = {{name = {_quoted(subject)}}}  # and artifact = what is released\n\n"
        f"{_source(path, columns)}"
    )
    if "prediction" not in columns and {"score", "group"} <= columns.keys():
        text += "# threshold = 0.5       # would make predictions of scores, to compare groups by\n"
        guesses.append("prediction: none; with a threshold, scores would make predictions")
    return Draft(text, tuple(guesses))


def _plain(column: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", column.casefold()).strip("_")


def _quoted(text: str) -> str:
    """A text as TOML writes it."""
    return json.dumps(text, ensure_ascii=not text.isprintable())


def _source(path: str, columns: Mapping[str, str], *more: str) -> str:
    """The table to write."""
    named = ", ".join(f"{role} = {_quoted(column)}" for role, column in columns.items())
    lines = ["[[source]]", 'kind = "predictions"', f"path = {_quoted(path)}"]
    return "\n".join([*lines, f"columns = {{{named}}}", *more]) + "\n"


def _columns(file: Path, path: str, found: Sequence[str]) -> dict[str, str]:
    """The column of each role that one has."""
    candidates = {role: [c for c in found if _plain(c) in NAMES[role]] for role in ROLES}
    columns = {role: some[0] for role, some in candidates.items() if some}
    for role, some in candidates.items():
        if len(some) > 1:
            raise ConfigError(
                f"{file}: which column is the {role}: {' or '.join(map(repr, some))}?",
                f"write the one that is meant:\n{_source(path, columns)}",
            )
    if not any(set(pair) <= columns.keys() for pair in _MEASURES):
        lacking = {role: columns.get(role, "…") for role in ROLES}
        raise ConfigError(
            f"{file}: its columns do not say what can be measured: {', '.join(found[:12])}",
            "name label and score, or prediction and group, and leave out what is not there:\n"
            f"{_source(path, lacking)}",
        )
    return columns


def _seen(
    connection: DuckDBPyConnection, rows: Rows, file: Path, path: str, columns: Mapping[str, str]
) -> dict[str, str]:
    """What the values of each column are, in words."""
    seen = {}
    for role, column in columns.items():
        if role == "score":
            seen[role] = _range(connection, rows, file, column)
            continue
        text = f"CAST({rows.column(column)} AS VARCHAR)"
        values = connection.execute(
            f"SELECT DISTINCT {text} AS value FROM {rows.scan()} WHERE value IS NOT NULL "  # noqa: S608
            f"ORDER BY value LIMIT {MOST_GROUPS + 1}"
        ).fetchall()
        texts = [value for (value,) in values]
        if not texts:
            raise ConfigError(f"{file}: the column {column!r} has no values", "is it whole?")
        if role != "group" and not {text.lower() for text in texts} <= _CLASSES:
            raise _classes(file, path, role, columns, texts)
        count = f"more than {MOST_GROUPS}" if len(texts) > MOST_GROUPS else str(len(texts))
        seen[role] = f"by its name, and its values: {count}, {', '.join(texts[:4])}"
    return seen


def _classes(
    file: Path, path: str, role: str, columns: Mapping[str, str], texts: Sequence[str]
) -> ConfigError:
    known = ", ".join(repr(text[:40]) for text in texts[:4])
    more = [f"positive = {_quoted(texts[0][:40])}"]
    if len(texts) > 2:
        more.append('task = "multiclass"')
    else:
        more += [f"negative = {_quoted(text[:40])}" for text in texts[1:]]
    return ConfigError(
        f"{file}: which value of the {role} {columns[role]!r} counts as 1: {known}"
        f"{' …' if len(texts) > 4 else ''}?",
        f"write it, the other way round if that is meant:\n{_source(path, columns, *more)}",
    )


def _range(connection: DuckDBPyConnection, rows: Rows, file: Path, column: str) -> str:
    """From where to where the scores go; refused where they are no probabilities."""
    ((least, most, other),) = connection.execute(
        f"SELECT min(score), max(score), count(*) - count(score) FROM "  # noqa: S608
        f"(SELECT {rows.number(column)} AS score FROM {rows.scan()})"
    ).fetchall()
    if least is None or other or not 0 <= least <= most <= 1:
        found = "has no numbers" if least is None else f"goes from {least:g} to {most:g}"
        found += f", and {other:,} are no numbers" if other and least is not None else ""
        raise ConfigError(
            f"{file}: the column {column!r} {found}: a score is a probability, from 0 to 1",
            "write a column of probabilities, and name it in columns = {score = …}",
        )
    return f"by its name, and its values: from {least:g} to {most:g}"

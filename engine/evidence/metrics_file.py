"""A metrics file as the policies see it: long form, typed by the catalogue, with ages. Pure.

``schemas/metrics.schema.json`` is the contract. This module accepts nothing
that the schema refuses, in one pass and quickly; what it refuses, the schema then words. It is
stricter in two ways: an integer is written without a fraction (``1``, not ``1.0``), and no
pattern lets a line feed follow, where jsonschema's ``$`` does.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import lru_cache

from engine.errors import suggest
from engine.evidence.intervals import reconcile
from engine.formats.json_positions import escape
from engine.formats.printable import is_seen
from engine.formats.times import advice_on, age_s, is_time
from engine.model import INVALID_INPUT, Json, MetricStatus, Subject, is_interval, is_number
from engine.proof.possible import impossible

_ID = re.compile(r"[a-z][a-z0-9_]*(?:\.[a-z0-9_]+)+")
_DIGEST = re.compile(r"[0-9a-f]{64}")
_METHOD = re.compile(r"[a-z][a-z0-9_.-]{0,63}/[0-9]{1,4}")
_STATUSES = frozenset(status.value for status in MetricStatus)
_TOP = frozenset(("$schema", "subject", "observed_at", "gate", "profile", "stage", "metrics"))
_NUMBERS = frozenset((int, float))
_MEASURED = frozenset(("number", "integer"))
_CARRIED = "x."
_UNTYPED: Json = {"type": "any"}


class RefusalError(Exception):
    """The document is refused at ``pointer``.

    Args:
        pointer: RFC 6901 JSON pointer.
        reason: One clause.
        hint: What to do.
    """

    def __init__(self, pointer: str, reason: str, hint: str = "") -> None:
        super().__init__(reason)
        self.pointer = pointer
        self.reason = reason
        self.hint = hint


def read_subject(document: Json) -> Subject:
    """Return the subject of a document that :func:`expand` accepts, or of an Input."""
    subject = document["subject"]
    return Subject(subject["name"], subject.get("version"), subject.get("digest", {}).get("sha256"))


def expand(
    document: Json,
    catalogue: Mapping[str, Json],
    now: datetime,
    schema: Json,
    notes: list[str] | None = None,
) -> dict[str, Json]:
    """Return the metrics in long form, by id, each with ``status`` and ``age_s``.

    A metric whose value is out of its range is ``invalid_input``; the others count.

    Args:
        document: What a metrics file says.
        catalogue: Row by metric id: type, unit, range, values.
        now: The decision's instant.
        schema: ``metrics.schema.json``, to word a refusal.
        notes: Is given a line for each metric that cannot be so, or whose value its own interval
            does not hold, see :mod:`engine.evidence.metric_values` and
            :func:`engine.evidence.intervals.reconcile`.

    Raises:
        RefusalError: Does not match the schema, or an id, a type or a unit does not match the
            catalogue.
    """
    if not is_regular(document):
        from engine.formats.json_schema import first_mismatch

        _require_ids(document, catalogue)
        mismatch = first_mismatch(schema, document)
        if mismatch is None:
            raise RefusalError("", "does not match metrics.schema.json")
        raise RefusalError(*mismatch)
    default = document["observed_at"]
    default_age = _age(now, default, "/observed_at")
    metrics: dict[str, Json] = {}
    for name, given in document["metrics"].items():
        metric = long_form(given)
        row = catalogue.get(name)
        if row is None:
            row = _unknown(name, catalogue)
        if "observed_at" in metric:
            pointer = f"/metrics/{escape(name)}/observed_at"
            metric["age_s"] = _age(now, metric["observed_at"], pointer)
        else:
            metric["observed_at"] = default
            metric["age_s"] = default_age
        if "status" not in metric:
            metric["status"] = "ok" if metric["value"] is not None else "undefined"
        if reason := _misfit(metric, row):
            place = f"/metrics/{escape(name)}"
            raise RefusalError(place + ("/value" if isinstance(given, dict) else ""), *reason)
        changes, note = _reconciled(metric, row)
        if changes:
            metric |= changes
        if note and notes is not None:
            notes.append(f"{name}: {note}")
        if "computed" in metric and notes is not None and (small := _too_small(metric)):
            notes.append(f"{name}: {small:,} rows of groups that are too small are left out")
        metrics[name] = metric
    return metrics


def long_form(given: Json) -> dict[str, Json]:
    """Return a metric of a metrics file as an object of its own."""
    return dict(given) if isinstance(given, dict) else {"value": given}


def _reconciled(metric: Json, row: Json) -> tuple[dict[str, Json], str]:
    """What to change in a metric that cannot be so, and one clause that says it."""
    if flaw := impossible(metric["value"], metric, row):
        from engine.evidence.metric_values import note_on

        return {"status": INVALID_INPUT}, note_on(flaw)
    if "ci" in metric and row["type"] in _MEASURED:
        return reconcile(metric, row.get("direction", "none"))
    return {}, ""


def _too_small(metric: Json) -> int:
    """How many rows a computation left out because their group is too small."""
    excluded = metric["computed"].get("excluded")
    rows = excluded.get("group_too_small", 0) if isinstance(excluded, dict) else 0
    return rows if type(rows) is int else 0


def _unknown(name: str, catalogue: Mapping[str, Json]) -> Json:
    if name.startswith(_CARRIED):
        return _UNTYPED
    hint = _nearest(name, catalogue)
    raise RefusalError(
        f"/metrics/{escape(name)}",
        f"metric {name!r} is not in the catalogue",
        f"{hint}\nids that start with {_CARRIED!r} are carried and not evaluated",
    )


def _require_ids(document: Json, catalogue: Mapping[str, Json]) -> None:
    """Refuse the first key of ``metrics`` that cannot be an id, at its own line."""
    metrics = document.get("metrics") if isinstance(document, dict) else None
    for name in metrics if isinstance(metrics, dict) else ():
        if not _is_id(name):
            own = re.sub("[^a-z0-9_]+", "_", name.lower()).strip("_")[:60] or "name"
            hint = f"of your own, carried and not evaluated: {_CARRIED}{own}"
            raise RefusalError(
                f"/metrics/{escape(name)}",
                f"{name[:80]!r} is not a metric id; ids are such as slo.dec_p95_ms",
                f"{_nearest(name, catalogue)}\n{hint}",
            )


def _nearest(name: str, catalogue: Mapping[str, Json]) -> str:
    """Which id was meant: the nearest, else those with the word in them, else where all are."""
    lower = name.lower()
    if lower in catalogue:
        return f"did you mean {lower!r}?"
    if hint := suggest(lower, catalogue):
        return hint
    holding = sorted(id_ for id_ in catalogue if len(lower) > 2 and lower in id_)[:3]
    if holding:
        return f"did you mean {' or '.join(map(repr, holding))}?"
    return "`engine explain --all` names them all"


def _age(now: datetime, text: str, pointer: str) -> int:
    try:
        return age_s(now, datetime.fromisoformat(text))  # its form was checked with the schema
    except ValueError as error:
        raise RefusalError(pointer, str(error), advice_on(text)) from None


def is_regular(document: Json) -> bool:
    """Whether ``document`` matches ``metrics.schema.json``."""
    if not isinstance(document, dict) or not document.keys() <= _TOP:
        return False
    metrics = document.get("metrics")
    claims = (document.get(key, "") for key in ("$schema", "gate", "profile", "stage"))
    return (
        is_subject(document.get("subject"))
        and _is_time(document.get("observed_at"))
        and all(isinstance(claim, str) for claim in claims)
        and isinstance(metrics, dict)
        and 1 <= len(metrics) <= 2000
        and all(map(_is_id, metrics))
        and all(_is_metric(given) for given in metrics.values())
    )


@lru_cache(maxsize=4096)
def _is_id(name: str) -> bool:
    return len(name) <= 128 and _ID.fullmatch(name) is not None


def is_subject(subject: Json) -> bool:
    """Whether a metrics file may be about ``subject``."""
    if not isinstance(subject, dict) or not subject.keys() <= {"name", "version", "digest"}:
        return False
    digest = subject.get("digest", {"sha256": "0" * 64})
    return (
        _is_name(subject.get("name"))
        and _is_name(subject.get("version", "-"))
        and isinstance(digest, dict)
        and digest.keys() == {"sha256"}
        and isinstance(digest["sha256"], str)
        and _DIGEST.fullmatch(digest["sha256"]) is not None
    )


def _is_name(value: Json, longest: int = 256) -> bool:
    return isinstance(value, str) and 1 <= len(value) <= longest and is_seen(value)


def _is_time(value: Json) -> bool:
    return isinstance(value, str) and is_time(value)


def _is_value(value: Json) -> bool:
    if type(value) in _NUMBERS:
        return True
    if isinstance(value, str):
        return len(value) <= 256 and is_seen(value)
    if isinstance(value, list):
        return len(value) <= 1000 and all(map(is_number, value))
    return value is None or isinstance(value, (int, float))


def _is_whole(value: Json) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_count(value: Json) -> bool:
    return _is_whole(value) and bool(value >= 0)


def _is_scalar(value: Json) -> bool:
    return _is_value(value) and not isinstance(value, list)


def _named(fits: Callable[[Json], bool], most: int) -> Callable[[Json], bool]:
    """What tells an object of at most ``most`` members, each of which fits."""

    def is_named(value: Json) -> bool:
        return (
            isinstance(value, dict)
            and len(value) <= most
            and all(len(name) <= 128 and is_seen(name) for name in value)
            and all(map(fits, value.values()))
        )

    return is_named


_OF_COMPUTED: dict[str, Callable[[Json], bool]] = {
    "method": lambda value: isinstance(value, str) and _METHOD.fullmatch(value) is not None,
    "parameters": _named(_is_scalar, 64),
    "groups": _named(_is_count, 200),
    "excluded": _named(_is_count, 64),
    "source_sha256": lambda value: isinstance(value, str) and _DIGEST.fullmatch(value) is not None,
    "reference": _named(is_number, 512),
}


def _is_computed(value: Json) -> bool:
    if not isinstance(value, dict) or "method" not in value:
        return False
    return value.keys() <= _OF_COMPUTED.keys() and all(
        _OF_COMPUTED[key](member) for key, member in value.items()
    )


_MEMBERS: dict[str, Callable[[Json], bool]] = {
    "value": _is_value,
    "status": lambda value: isinstance(value, str) and value in _STATUSES,
    "n": _is_whole,
    "ci": is_interval,
    "baseline": is_number,
    "unit": lambda value: isinstance(value, str) and len(value) <= 64 and is_seen(value),
    "observed_at": _is_time,
    "source": lambda value: _is_name(value, 1024),
    "computed": _is_computed,
}


def _is_metric(given: Json) -> bool:
    if not isinstance(given, dict):
        return _is_value(given)
    if "value" not in given:
        return False
    for key, value in given.items():
        fits = _MEMBERS.get(key)
        if fits is None or not fits(value):
            return False
    return True


def not_of_type(metric: Json, row: Json) -> tuple[str, str] | None:
    """Return why a metric in long form has a value of another type than its row, and what to write.

    None where it is, or where there is no value and no ``ok``.
    """
    value, kind = metric["value"], row["type"]
    if (metric["status"] == "ok" or value is not None) and not _TYPES[kind](value):
        return f"{_written(value)} where the catalogue says {kind}", _to_write(value, row)
    return None


def _misfit(metric: Json, row: Json) -> tuple[str, str] | None:
    """Why ``metric`` does not fit its catalogue row, and what to do; None when it fits."""
    if flaw := not_of_type(metric, row):
        return flaw
    unit = metric.get("unit")
    if unit is not None and "unit" in row and unit != row["unit"]:
        return f"unit {unit!r} where the catalogue says {row['unit']!r}", "convert the value"
    return None


_TYPES: dict[str, Callable[[Json], bool]] = {
    "number": is_number,
    "integer": _is_whole,
    "boolean": lambda value: isinstance(value, bool),
    "string": lambda value: isinstance(value, str),
    "series": lambda value: isinstance(value, list),
    "any": lambda _value: True,
}


def _written(value: Json) -> str:
    kind = {bool: "boolean", int: "number", float: "number", str: "string", list: "series"}
    return "null" if value is None else f"{kind[type(value)]} {str(value)[:40]!r}"


def _to_write(value: Json, row: Json) -> str:
    """What to write instead, and what the metric is."""
    from decimal import Decimal

    kind, unit = row["type"], row.get("unit", "none")
    article = "an" if kind == "integer" else "a"
    advice = f"write {article} {kind}" + (f" in {unit}" if unit != "none" else "")
    if isinstance(value, str) and kind in ("number", "integer", "boolean"):
        is_padded = re.fullmatch(r"[+-]?0\d+(\.\d+)?", value)
        advice += f": {Decimal(value)}, without zeros before it" if is_padded else _UNQUOTED
    about = row.get("description", "")
    return f"{about}\n{advice}" if about else advice


_UNQUOTED = ", without quotes"

"""What one policy changes against another, row by row. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from operator import attrgetter
from typing import NamedTuple

from engine.formats.json_values import same
from engine.model import Json
from engine.policy.bundle import PolicyBundle
from engine.policy.tables.profiles import SIGNED
from engine.proof.decision_version import MOST_ROWS, recordable

_DEFAULT = "limits/default"
_Rows = Mapping[str, Json]


class RowChange(NamedTuple):
    """A row that two policies do not have alike.

    Attributes:
        row: Topic and name, such as ``limits/default/slo.dec_p95_ms``, ``waivers/W-2026-001``,
            ``gates/promotion/checkout`` or ``rules/checkout/checkout.rego``.
        before: What it was; None where it was not there.
        after: What it is; None where it is not there any more.
    """

    row: str
    before: Json
    after: Json


def changes(
    before: PolicyBundle, after: PolicyBundle, *, profile: str | None = None
) -> list[RowChange]:
    """Return what ``after`` changes against ``before``, sorted by row.

    Of a profile that ``before`` does not have, the rows are those that differ from its
    ``default``: whoever calls a profile by a new name changes limits all the same.

    Args:
        before: A policy.
        after: Another.
        profile: Of the tables of limits, the only one that is looked at; None is all.
    """
    old, new = tables(before), tables(after)
    found: list[RowChange] = []
    for topic in old.keys() | new.keys():
        kind, _, name = topic.partition("/")
        if kind != "limits":
            found += _changed(topic, old.get(topic, {}), new.get(topic, {}))
        elif profile in (None, name):
            base = old.get(topic, old[_DEFAULT])
            found += _changed(topic, base, new.get(topic, {}))
    return sorted(found, key=attrgetter("row"))


def record_of(shipped: PolicyBundle, used: PolicyBundle, profile: str) -> Json:
    """Return the member ``policy_changes`` of a decision's record; None where nothing is changed.

    Args:
        shipped: The policy that ships with the engine.
        used: The one that answers.
        profile: The table of limits that was asked.

    Source: spec/predicate-v2.md section 6.
    """
    found = changes(shipped, used, profile=profile)
    if not found:
        return None
    rows = sorted(recordable(change.row) for change in found[:MOST_ROWS])
    return {"against": {"sha256": shipped.digest}, "count": len(found), "rows": rows}


def _changed(topic: str, before: _Rows, after: _Rows) -> Iterator[RowChange]:
    for name in sorted(before.keys() | after.keys()):
        old, new = before.get(name), after.get(name)
        if not same(old, new):
            yield RowChange(f"{topic}/{name}", old, new)


def tables(bundle: PolicyBundle) -> dict[str, _Rows]:
    """Return every table of a policy by its topic, such as ``limits/default``: rows by name."""
    data = bundle.data
    return {
        "budgets": {row["id"]: row for row in data.get("budgets", ())},
        "catalogue": data["catalogue"]["metrics"],
        **{
            f"gates/{gate.name}": {domain: {} for domain in gate.includes}
            for gate in bundle.gates()
        },
        **{f"limits/{name}": _limits(table) for name, table in data["limits"].items()},
        "prices": {
            "{provider}/{model}/{from}".format_map(row): row
            for row in data.get("prices", {}).get("prices", ())
        },
        "rules": {
            path: digest
            for path, digest in bundle.source_digests.items()
            if path.endswith((".rego", ".json")) or path == "controls/data.yaml"
        },
        "trust": {row["key_id"]: row for row in data["trust"]["keys"]},
        "waivers": {row["id"]: row for row in data["waivers"]["waivers"]},
    }


def _limits(table: Json) -> dict[str, Json]:
    """A profile's rows, and what it says besides, by name."""
    members = {name: value for name, value in table.items() if name not in ("checks", SIGNED)}
    return {**members, **table["checks"]}

"""Generated inputs: any JSON at all, and inputs that are nearly what a gate expects."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import strategies as st

from engine.model import ATTESTATION_TYPES, Json
from engine.policy.bundle import PolicyBundle
from tests.repository import ROOT

_FLOATS = st.floats(allow_nan=False, allow_infinity=False).filter(
    lambda number: not 2**53 <= abs(number) < 1e21  # written as integers that JCS cannot hold
)
_NUMBERS = st.one_of(
    st.integers(-(2**53) + 1, 2**53 - 1),
    _FLOATS,
    st.sampled_from([0, -0.0, 1, -1, 0.1, 1e-7, 1e21, 1e300, 5e-324, 2**53 - 1]),
)
_TEXTS = st.one_of(
    st.text(max_size=8),
    st.sampled_from(
        ["", "ok", "block", "off", "true", "\x00", "\x7f", "\u2028", "é", "😀", '"\\/']
    ),
)
_SCALARS = st.one_of(st.none(), st.booleans(), _NUMBERS, _TEXTS)
ANY_JSON: st.SearchStrategy[Json] = st.recursive(
    _SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_TEXTS, inner, max_size=4),
    max_leaves=12,
)
"""Any JSON value that has a canonical form."""

_AGES = st.sampled_from([-301, -300, 0, 1, 3599, 3600, 3601, 86_399, 86_400, 86_401, 10**9])
_STATUSES = st.sampled_from(["ok", "ok", "ok", "undefined", "insufficient_data", "invalid_input"])


def sometimes_not(regular: st.SearchStrategy[Json]) -> st.SearchStrategy[Json]:
    """``regular`` mostly, and any JSON now and then."""
    return st.integers(0, 19).flatmap(lambda roll: ANY_JSON if roll == 0 else regular)


def near(limit: Json) -> st.SearchStrategy[Json]:
    """Values at a limit, just past it, and of other types."""
    if isinstance(limit, bool | str):
        return st.sampled_from([limit, not limit, "pass", "fail", 0, 1, None])
    number = limit if isinstance(limit, int | float) else 1
    exact = [number, number + 1, number - 1, number * 1.000001, number * 0.999999, -number, 0]
    return st.one_of(st.sampled_from(exact), _NUMBERS)


def near_valid(bundle: PolicyBundle) -> st.SearchStrategy[Json]:
    """Inputs in the shape that :mod:`engine.evidence.input` gives them, and slightly out of it."""
    limits = _limits(bundle)
    series = st.lists(st.sampled_from([0, 0.5, 0.999999, 1, 1.000001, 2, "1", None]), max_size=7)
    metrics = {
        name: sometimes_not(_metric(series if row["type"] == "series" else near(limits.get(name))))
        for name, row in bundle.catalogue().items()
    }
    checks = [check.id for check in bundle.checks()]
    return st.fixed_dictionaries(
        {
            "profile": sometimes_not(st.sampled_from(sorted(bundle.data["limits"]))),
            "stage": sometimes_not(st.sampled_from(["candidate", "production"])),
            "subject": sometimes_not(_SUBJECTS),
            "metrics": sometimes_not(st.fixed_dictionaries({}, optional=metrics)),
            "waivers": sometimes_not(st.lists(sometimes_not(_waiver(checks)), max_size=4)),
            "relaxations": sometimes_not(st.lists(_RELAXATIONS, max_size=2)),
        },
        optional={
            "gate": ANY_JSON,
            "attestations": sometimes_not(st.lists(attestations(), max_size=2)),
            "decided_at": _TEXTS,
        },
    )


def attestations() -> st.SearchStrategy[Json]:
    """Attestations of the Input that count, or nearly do."""
    return st.fixed_dictionaries(
        {
            "type": sometimes_not(st.sampled_from(ATTESTATION_TYPES["ethics"])),
            "verdict": sometimes_not(st.sampled_from(["PROMOTE", "PROMOTE", "PROMOTE", "BLOCK"])),
            "subject_sha256": sometimes_not(st.just("0" * 64)),
            "age_s": sometimes_not(st.sampled_from([0, 50, 99, 100, 100, 101, -1])),
            "remaining_s": sometimes_not(st.sampled_from([1, 1, 60, 0, -1])),
            "role": sometimes_not(st.sampled_from(["attestor", "attestor", "none"])),
            "self": sometimes_not(st.sampled_from([False, False, True])),
            "relaxations": sometimes_not(
                st.lists(st.sampled_from(["policies_overridden", "other"]), max_size=1)
            ),
        }
    )


def passing() -> st.SearchStrategy[Json]:
    """Inputs on which all checks pass but for a metric or two, which then decide."""
    example = json.loads((ROOT / "examples" / "promote.json").read_text())
    given = {
        name: metric if isinstance(metric, dict) else {"value": metric}
        for name, metric in example["metrics"].items()
    }
    good = {name: {"status": "ok", "age_s": 1, **metric} for name, metric in given.items()}
    names = st.sampled_from(sorted(good))
    changes = st.dictionaries(names, ANY_JSON | _metric(_NUMBERS), max_size=2)
    return st.builds(
        lambda changed, stage, profile: {
            "profile": profile,
            "stage": stage,
            "subject": example["subject"],
            "metrics": good | changed,
            "waivers": [],
            "relaxations": [],
        },
        changes,
        st.sampled_from(["candidate", "production"]),
        st.sampled_from(["default", "strict", "pre-ga"]),
    )


def _limits(bundle: PolicyBundle) -> dict[str, Json]:
    rows = bundle.profile("default")["checks"]
    return {
        check.metric: rows[check.id]["limit"]
        for check in bundle.checks()
        if "limit" in rows[check.id]
    }


def _metric(values: st.SearchStrategy[Json]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries(
        {"value": values, "status": sometimes_not(_STATUSES), "age_s": sometimes_not(_AGES)},
        optional={
            "n": sometimes_not(st.sampled_from([0, 1, 99, 100, 999, 1000, 10**6])),
            "ci": sometimes_not(st.lists(values, min_size=2, max_size=2)),
            "baseline": sometimes_not(values),
            "unit": _TEXTS,
        },
    )


_NAMES = st.sampled_from(["scoring-model", "other", ""])
_SUBJECTS = st.fixed_dictionaries(
    {"name": sometimes_not(_NAMES)},
    optional={
        "version": sometimes_not(st.sampled_from(["1", "2"])),
        "digest": sometimes_not(st.just({"sha256": "0" * 64})),
    },
)
_RELAXATIONS = sometimes_not(st.sampled_from(["ephemeral_ledger", "dry_run"]))


def _waiver(checks: list[str]) -> st.SearchStrategy[Json]:
    return st.fixed_dictionaries(
        {},
        optional={
            "id": sometimes_not(st.sampled_from(["W-1", "W-10", "W-2"])),
            "check": sometimes_not(st.sampled_from(checks)),
            "subject": sometimes_not(_SUBJECTS),
            "remaining_s": sometimes_not(st.sampled_from([-1, 0, 1, 10**6])),
            "reason": _TEXTS,
            "expires_at": _TEXTS,
        },
    )

"""A folder's rows laid over the shipped ones: what differs is enough, errors name its own file."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from engine.errors import ConfigError
from engine.policy.bundle import PolicyBundle, shipped_bundle
from engine.policy.overlay import load_policies
from tests.repository import ROOT


def laid(tmp_path: Path, **files: str) -> PolicyBundle:
    """The shipped policies with files laid over them; ``limits__default`` is a folder's name."""
    for name, text in files.items():
        path = tmp_path / "own" / name.replace("__", "/") / "data.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return load_policies(tmp_path / "own", opa=None)


def refused(tmp_path: Path, **files: str) -> str:
    with pytest.raises(ConfigError) as caught:
        laid(tmp_path, **files)
    said = str(caught.value).replace(f"{tmp_path}/own/", "")
    return re.sub(r"(:\d+:\d+): /\S*:", r"\1:", said, count=1)


def limits(bundle: PolicyBundle, profile: str = "default") -> dict[str, Any]:
    checks: dict[str, Any] = bundle.profile(profile)["checks"]
    return checks


SHIPPED = limits(shipped_bundle())


def test_a_row_changes_what_it_names_and_nothing_else(tmp_path: Path) -> None:
    """INV-POLICY-3"""
    bundle = laid(tmp_path, limits__default="checks:\n  slo.dec_p95_ms: {limit: 900}\n")

    row = {**SHIPPED["slo.dec_p95_ms"], "limit": 900}
    assert limits(bundle) == {**SHIPPED, "slo.dec_p95_ms": row}
    assert limits(bundle, "strict")["slo.dec_p95_ms"]["limit"] == 900
    assert (
        bundle.profile("default")["relaxations_allowed"]
        == (shipped_bundle().profile("default")["relaxations_allowed"])
    )


@pytest.mark.parametrize("path", ["limits/default", "limits/strict", "catalogue", "budgets"])
def test_a_whole_copy_is_the_shipped_policy_to_the_digest(tmp_path: Path, path: str) -> None:
    shutil.copytree(ROOT / "policies" / path, tmp_path / path)

    assert load_policies(tmp_path, opa=None).digest == shipped_bundle().digest


def test_a_whole_copy_with_one_changed_number_keeps_its_own_bytes(tmp_path: Path) -> None:
    text = (ROOT / "policies" / "limits" / "default" / "data.yaml").read_text()
    whole = text.replace("limit: 800", "limit: 900", 1)

    bundle = laid(tmp_path, limits__default=whole)

    assert whole != text
    assert bundle.file("sources/limits/default/data.yaml") == whole.encode()


def test_what_was_laid_over_is_kept_whole_in_the_archive(tmp_path: Path) -> None:
    bundle = laid(tmp_path, limits__default="checks:\n  slo.dec_p95_ms: {limit: 900}\n")

    again = PolicyBundle.from_archive(bundle.archive())
    kept = tmp_path / "kept" / "limits" / "default" / "data.yaml"
    kept.parent.mkdir(parents=True)
    kept.write_bytes(again.file("sources/limits/default/data.yaml"))
    assert load_policies(tmp_path / "kept", opa=None).digest == bundle.digest


def test_a_metric_is_added_and_a_member_of_one_changed(tmp_path: Path) -> None:
    bundle = laid(
        tmp_path,
        catalogue=(
            "metrics:\n"
            "  own.open: {type: integer, unit: count, direction: lower, description: Open.}\n"
            "  slo.dec_rps: {description: Requests a second.}\n"
        ),
    )

    catalogue, shipped = bundle.catalogue(), shipped_bundle().catalogue()
    changed = {**shipped["slo.dec_rps"], "description": "Requests a second."}
    assert catalogue.pop("own.open")["type"] == "integer"
    assert catalogue == {**shipped, "slo.dec_rps": changed}


def test_null_takes_a_row_or_a_member_away(tmp_path: Path) -> None:
    off = limits(shipped_bundle(), "strict")["budget.usd_soft"]
    bundle = laid(
        tmp_path,
        limits__strict="record_requests: null\nchecks:\n  budget.usd_soft: null\n",
        limits__default="checks:\n  ethics.ece: {min_n: null}\n",
    )

    assert limits(bundle, "strict")["budget.usd_soft"] == SHIPPED["budget.usd_soft"] != off
    assert bundle.profile("strict")["record_requests"] is False
    assert "min_n" in SHIPPED["ethics.ece"]
    assert "min_n" not in limits(bundle)["ethics.ece"]


def test_replace_leaves_nothing_of_what_ships(tmp_path: Path) -> None:
    bundle = laid(
        tmp_path,
        limits__strict="replace: true\nextends: default\n",
        limits__default=(
            "checks:\n  ethics.ece: {replace: true, limit: 0.5, severity: warn, max_age_s: 60}\n"
        ),
    )

    assert limits(bundle)["ethics.ece"] == {"limit": 0.5, "severity": "warn", "max_age_s": 60}
    assert limits(bundle, "strict") == limits(bundle)
    assert bundle.profile("strict")["record_requests"] is False


def test_a_check_that_is_turned_on_forgets_why_it_was_off(tmp_path: Path) -> None:
    assert SHIPPED["market.trades_after_resolve"]["severity"] == "off"

    bundle = laid(
        tmp_path, limits__default="checks:\n  market.trades_after_resolve: {severity: warn}\n"
    )

    assert limits(bundle)["market.trades_after_resolve"]["severity"] == "warn"
    assert "reason" not in limits(bundle)["market.trades_after_resolve"]


@pytest.mark.parametrize(
    ("files", "message"),
    [
        (
            {"limits__default": "checks:\n  slo.dec_p95: {limit: 900}\n"},
            "limits/default/data.yaml:2:3: no gate has a check 'slo.dec_p95'",
        ),
        (
            {"limits__default": "checks:\n  slo.dec_p95: null\n"},
            "limits/default/data.yaml:2:3: there is no row 'slo.dec_p95' to take away",
        ),
        (
            {"limits__default": "checks:\n  slo.dec_p95_ms: {limit: fast}\n"},
            "limits/default/data.yaml:2:27: ",
        ),
        (
            {"limits__default": "checks:\n  slo.dec_p95_ms: {limt: 900}\n"},
            "limits/default/data.yaml:2:20: key 'limt' is not known here\ndid you mean 'limit'?",
        ),
        (
            {"limits__default": "replace: often\n"},
            "limits/default/data.yaml:1:10: 'often' where true or false is expected",
        ),
        (
            {"waivers": "waivers:\n  - {id: W-1, check: slo.dec_rps}\n"},
            "waivers/data.yaml:2:5: key 'reason' is missing",
        ),
        (
            {"catalogue": "metrics:\n  slo.dec_rps: {type: text}\n"},
            "catalogue/data.yaml:2:23: 'text' is none of",
        ),
    ],
)
def test_an_error_names_the_line_that_the_user_wrote(
    tmp_path: Path, files: dict[str, str], message: str
) -> None:
    assert refused(tmp_path, **files).startswith(message)


@pytest.mark.parametrize(
    ("files", "message"),
    [
        (
            {"catalogue": "metrics:\n  slo.inp_p75_ms: null\n  slo.dec_rps: null\n"},
            "catalogue/data.yaml:3:3: ",
        ),
        (
            {"catalogue": "metrics:\n  slo.dec_rps: {type: boolean}\n"},
            "catalogue/data.yaml:2:3: ",
        ),
        (
            {"limits__default": "description: null\n"},
            "limits/default/data.yaml:1:1: ",
        ),
        (
            {
                "limits__default": (
                    "decision_ttl_s: 60\n"
                    "checks:\n"
                    "  ethics.ece: {limit: 0.5}\n"
                    "  market.trades_after_resolve: {replace: true, severity: off, reason: No.}\n"
                )
            },
            "limits/default/data.yaml:4:3: ",
        ),
    ],
)
def test_a_row_that_what_ships_does_not_fit_is_the_one_that_is_named(
    tmp_path: Path, files: dict[str, str], message: str
) -> None:
    """INV-POLICY-3"""
    said = refused(tmp_path, **files)

    assert said.startswith(message), said
    assert "policies/" not in said

"""What the shipped policies promise of each domain, asked of the promotion gate as it is shipped.

Every check is on (profile ``pre-ga``) and all evidence is good, but for what a test changes.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from engine.model import ETHICS_ATTESTATION_TYPE, Json
from engine.policy.bundle import shipped_bundle
from engine.policy.evaluators.wasm import WasmEvaluator
from tests.repository import ROOT

PROFILE = "pre-ga"
MARKET = {
    "market.twap_divergence_percent": 1.0,
    "market.trades_after_resolve": 0,
    "market.burn_rate_4h": [0.5, 0.9],
    "market.frozen": False,
}
DIVERGENCE_TASKS = {"freeze_matching", "oracle_review", "attach_evidence"}
BURN_TASKS = {"suspend_rebates", "slow_mode"}
STALE_S = 30 * 86_400
UNUSABLE: tuple[dict[str, Json] | None, ...] = (
    None,
    {"value": None},
    {"value": {}},
    {"status": "undefined"},
    {"age_s": STALE_S},
    {"age_s": -301},
)
"""What makes a metric missing, unknown, stale or of the future."""


class Release:
    """A release whose evidence is good, and what the gate answers once some of it is not."""

    def __init__(self) -> None:
        example = json.loads((ROOT / "examples" / "promote.json").read_text())
        self.subject = example["subject"]
        self.metrics: dict[str, dict[str, Json]] = {
            name: {"status": "ok", "age_s": 1}
            | (metric if isinstance(metric, dict) else {"value": metric})
            for name, metric in (example["metrics"] | MARKET).items()
        }
        self.attestation: dict[str, Json] = {
            "type": ETHICS_ATTESTATION_TYPE,
            "verdict": "PROMOTE",
            "subject_sha256": self.subject["digest"]["sha256"],
            "age_s": 1,
            "remaining_s": 60,
            "role": "attestor",
            "self": False,
            "relaxations": [],
        }
        self.evaluator = WasmEvaluator(shipped_bundle(), cache=None)

    def answer(
        self,
        changes: Mapping[str, Mapping[str, Json] | None] | None = None,
        *,
        stage: str = "candidate",
        attestations: list[Json] | None = None,
    ) -> dict[str, Any]:
        """Return the gate's whole answer.

        Args:
            changes: Members of a metric that are not as they were; None where it is missing.
            stage: Where the subject is.
            attestations: Instead of the good one.
        """
        metrics = self.metrics | {
            name: self.metrics[name] | dict(change)
            for name, change in (changes or {}).items()
            if change is not None
        }
        for name in [name for name, change in (changes or {}).items() if change is None]:
            del metrics[name]
        document = {
            "profile": PROFILE,
            "stage": stage,
            "subject": self.subject,
            "metrics": metrics,
            "waivers": [],
            "relaxations": [],
            "attestations": [self.attestation] if attestations is None else attestations,
        }
        return dict(self.evaluator.answer("promotion", json.dumps(document).encode()))

    def verdict(self, metric: str, stage: str = "candidate", **change: Json) -> str:
        """Return the verdict where members of one metric are changed."""
        return str(self.answer({metric: change}, stage=stage)["verdict"])

    def tasks(self, metric: str, **change: Json) -> set[str]:
        """Return what the gate obliges to where members of one metric are changed."""
        return {task["id"] for task in self.answer({metric: change})["obligations"]}

    def require_known(self, *metrics: str) -> None:
        """Require that nothing is promoted without usable evidence of each of ``metrics``."""
        for metric in metrics:
            for change in UNUSABLE:
                verdict = self.answer({metric: change})["verdict"]
                assert verdict == "HOLD", (metric, change, verdict)


@pytest.fixture(scope="module")
def release() -> Iterator[Release]:
    release = Release()
    yield release
    release.evaluator.close()


def test_a_release_on_which_all_is_good_is_promoted(release: Release) -> None:
    """Without it the tests below would show nothing."""
    answer = release.answer()

    assert answer["verdict"] == "PROMOTE"
    assert answer["obligations"] == []
    assert {check["status"] for check in answer["checks"]} == {"pass"}


BUDGETS = ("budget.requests_ratio", "budget.tokens_ratio", "budget.usd_ratio")


@pytest.mark.parametrize("share", BUDGETS)
def test_a_budget_at_its_hard_limit_or_unknown_stops_a_release(
    release: Release, share: str
) -> None:
    """INV-BUDGET-1"""
    assert [release.verdict(share, value=value) for value in (0.999, 1, 1.2)] == [
        "PROMOTE", "BLOCK", "BLOCK",
    ]  # fmt: skip
    release.require_known(share)


@pytest.mark.parametrize("share", BUDGETS)
def test_a_budget_at_its_soft_limit_is_shown_as_a_warning_and_promoted(
    release: Release, share: str
) -> None:
    """INV-BUDGET-2"""
    soft = share.replace("_ratio", "_soft")

    for value, status in ((0.949, "pass"), (0.95, "fail")):
        answer = release.answer({share: {"value": value}})
        (check,) = [check for check in answer["checks"] if check["id"] == soft]
        assert (check["status"], check["severity"]) == (status, "warn")
        assert answer["verdict"] == "PROMOTE"


@pytest.mark.parametrize(
    ("metric", "broken"),
    [
        ("data.schema_drift", 1),
        ("data.contract_break", True),
        ("data.schema_compatible", False),
    ],
)
def test_a_broken_or_unknown_data_contract_stops_a_release(
    release: Release, metric: str, broken: Json
) -> None:
    """INV-DATA-1"""
    assert release.verdict(metric, value=broken) == "BLOCK"
    release.require_known(metric)


@pytest.mark.parametrize("outcome", ["warn", "fail", "error", "skipped"])
def test_data_tests_that_did_not_pass_as_a_whole_stop_a_release(
    release: Release, outcome: str
) -> None:
    """INV-DATA-2"""
    assert release.verdict("data.dbt_tests", value=outcome) == "BLOCK"
    release.require_known("data.dbt_tests")


def test_groups_that_are_treated_too_differently_stop_a_release(release: Release) -> None:
    """INV-ETHICS-2: of both figures the far end of the interval counts."""
    assert release.verdict("ethics.rho_bias", ci=[1.0, 1.05]) == "PROMOTE"
    assert release.verdict("ethics.rho_bias", ci=[1.0, 1.0501]) != "PROMOTE"
    assert release.verdict("ethics.rho_bias", value=1.3, ci=[1.2, 1.4]) == "BLOCK"
    assert release.verdict("ethics.fairness", ci=[0.95, 1]) == "PROMOTE"
    assert release.verdict("ethics.fairness", ci=[0.9499, 1]) != "PROMOTE"
    assert release.verdict("ethics.fairness", value=0.8, ci=[0.75, 0.85]) == "BLOCK"
    release.require_known("ethics.rho_bias", "ethics.fairness")
    for metric in ("ethics.rho_bias", "ethics.fairness"):
        assert release.verdict(metric, n=999) == "HOLD"


def test_a_record_without_consent_stops_a_release(release: Release) -> None:
    """INV-ETHICS-3"""
    assert release.verdict("ethics.consent", value=False) == "BLOCK"
    assert release.verdict("ethics.consent", "production", value=False) == "ROLLBACK"
    release.require_known("ethics.consent")


@pytest.mark.parametrize(
    "change",
    [
        {"role": "none"},
        {"self": True},
        {"subject_sha256": "0" * 64},
        {"verdict": "BLOCK"},
        {"remaining_s": 0},
        {"age_s": 90 * 86_400 + 1},
        {"type": "urn:governance-engine:privacy-attestation:v1"},
    ],
)
def test_only_a_trusted_attestation_of_this_artifact_in_force_lets_it_through(
    release: Release, change: dict[str, Json]
) -> None:
    """INV-ETHICS-4"""
    assert release.answer(attestations=[])["verdict"] == "HOLD"
    assert release.answer(attestations=[release.attestation | change])["verdict"] == "HOLD"


def test_a_divergence_stops_a_release_unless_the_market_is_surely_frozen(release: Release) -> None:
    """INV-MARKET-1: and what must be done lasts as long as the divergence."""
    far: dict[str, Json] = {"value": 1.001}
    divergence, frozen = "market.twap_divergence_percent", "market.frozen"
    surely = release.answer({divergence: far, frozen: {"value": True}})

    assert release.verdict(divergence, **far) == "BLOCK"
    assert release.tasks(divergence, **far) == DIVERGENCE_TASKS
    assert surely["verdict"] == "PROMOTE"
    assert {task["id"] for task in surely["obligations"]} == DIVERGENCE_TASKS
    for change in (None, {"value": "true"}, {"value": True, "age_s": STALE_S}):
        assert release.answer({divergence: far, frozen: change})["verdict"] == "BLOCK"
    assert release.tasks(divergence, value=1) == set()


def test_a_trade_after_the_outcome_is_known_stops_a_release_or_rolls_it_back(
    release: Release,
) -> None:
    """INV-MARKET-2"""
    assert release.verdict("market.trades_after_resolve", value=1) == "BLOCK"
    assert release.verdict("market.trades_after_resolve", "production", value=1) == "ROLLBACK"


@pytest.mark.parametrize(
    ("windows", "tasks"),
    [
        ([0, 1], set()),
        ([1, 0, 1], set()),
        ([1, 1], BURN_TASKS),
        ([1, 1, 0], BURN_TASKS),
        ([1, 1, 0, 1, 0], BURN_TASKS),
        ([1, 1, 0, 0], set()),
        ([1, 1, 0, 0, 1], set()),
    ],
)
def test_two_windows_in_a_row_oblige_until_two_are_below(
    release: Release, windows: list[float], tasks: set[str]
) -> None:
    """INV-MARKET-3"""
    assert release.tasks("market.burn_rate_4h", value=list(windows)) == tasks


@pytest.mark.parametrize(
    ("metric", "enough", "low"),
    [
        ("model.delta_linf", 0.01, 0.0099),
        ("model.sr_score", 0.8, 0.7999),
        ("model.ethical_score", 0.8, 0.7999),
        ("model.caos_plus", 1.06, 1),
    ],
)
def test_a_score_below_its_limit_or_unknown_stops_a_release(
    release: Release, metric: str, enough: float, low: float
) -> None:
    """INV-MODEL-1"""
    assert release.verdict(metric, value=enough) == "PROMOTE"
    assert release.verdict(metric, value=low) == "BLOCK"
    release.require_known(metric)


def test_a_model_worse_than_the_one_in_production_or_not_comparable_is_not_promoted(
    release: Release,
) -> None:
    """INV-MODEL-2"""
    assert release.verdict("model.caos_plus", value=1.2, baseline=1.2) == "PROMOTE"
    assert release.verdict("model.caos_plus", value=1.2, baseline=1.2001) == "BLOCK"
    for baseline in (None, "1", True):
        assert release.verdict("model.caos_plus", baseline=baseline) == "HOLD"


def test_personal_data_in_the_logs_stops_a_release(release: Release) -> None:
    """INV-PRIVACY-1"""
    assert release.verdict("privacy.pii_findings", value=1) == "BLOCK"
    release.require_known("privacy.pii_findings")


def test_a_scan_of_nothing_or_of_a_part_is_no_evidence(release: Release) -> None:
    """INV-PRIVACY-2: it holds a release, and blames it for nothing."""
    assert release.verdict("privacy.scanned_bytes", value=1) == "PROMOTE"
    assert release.verdict("privacy.scanned_bytes", value=0) == "HOLD"
    assert release.verdict("privacy.truncated", value=True) == "HOLD"
    release.require_known("privacy.scanned_bytes", "privacy.truncated")


def test_a_critical_security_finding_stops_a_release(release: Release) -> None:
    """INV-SECURITY-1"""
    assert release.verdict("security.critical_findings", value=1) == "BLOCK"
    release.require_known("security.critical_findings")


def test_decision_latency_past_its_limit_stops_a_release_or_rolls_it_back(
    release: Release,
) -> None:
    """INV-SLO-1"""
    assert release.verdict("slo.dec_p95_ms", value=800) == "PROMOTE"
    assert release.verdict("slo.dec_p95_ms", value=800.1) == "BLOCK"
    assert release.verdict("slo.dec_p95_ms", "production", value=800.1) == "ROLLBACK"
    assert release.verdict("slo.dec_window_min", value=59) == "HOLD"
    release.require_known("slo.dec_p95_ms", "slo.dec_window_min")


@pytest.mark.parametrize(
    ("metric", "enough", "past"),
    [
        pytest.param("slo.dec_5xx", 0, 1, id="INV-SLO-2 server errors"),
        pytest.param("slo.dec_rps", 120, 119.9, id="INV-SLO-2 too little load"),
        pytest.param("slo.cdc_lag_p95_s", 120, 120.1, id="INV-SLO-3 changes arrive too late"),
        pytest.param("slo.inp_p75_ms", 200, 200.1, id="INV-SLO-4 users wait too long"),
        pytest.param("slo.hook_coverage_ratio", 0.98, 0.9799, id="INV-SLO-5 hooks"),
        pytest.param("slo.audit_coverage_ratio", 0.99, 0.9899, id="INV-SLO-5 audit events"),
        pytest.param("slo.burn_rate", 1, 1.001, id="INV-SLO-6 error budget"),
    ],
)
def test_a_service_past_one_of_its_limits_or_of_which_it_is_unknown_is_not_promoted(
    release: Release, metric: str, enough: float, past: float
) -> None:
    """Each id of a promise is in the name of its case."""
    assert release.verdict(metric, value=enough) == "PROMOTE"
    assert release.verdict(metric, value=past) == "BLOCK"
    release.require_known(metric)

"""Rules about the policies themselves, so that review never has to repeat them."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from engine.model import ATTESTATION_TYPES, Json
from engine.policy.build import compile_policies
from engine.policy.bundle import PolicyBundle
from engine.policy.sources import CAPABILITIES, read_sources
from engine.proof.verdict_rules import OLDEST_FUTURE_S
from tests.policies.opa_eval import evaluate
from tests.repository import ROOT

POLICIES = ROOT / "policies"
PROFILES = {"default", "model", "service", "data-product", "strict", "pre-ga"}
DOMAINS = {"budget", "data", "ethics", "market", "model", "privacy", "security", "slo"}
ACCESS = {"spend"}
"""Gates that answer whether something may be used; no release gate asks them."""
COMPARISONS = (
    *("at_most", "metric_at_most", "at_least", "above", "below", "equals", "at_least_baseline"),
)
IDENTICAL = re.findall(
    r"\S+",
    """
    and array.concat array.flatten array.reverse array.slice assign concat contains count endswith
    eq equal glob.match gt gte indexof internal.member_2 internal.member_3 intersection is_array
    is_boolean is_null is_number is_object is_set is_string lower lt lte max min minus neq
    numbers.range object.filter object.get object.remove object.union or plus regex.match rem
    replace sort split startswith substring trim trim_left trim_prefix trim_right trim_space
    trim_suffix type_name union upper walk
    """,
)
"""What OPA and its Wasm answer identically, measured."""


@pytest.fixture(scope="module")
def bundle(opa: Path) -> PolicyBundle:
    """The policies as they stand, compiled now."""
    return compile_policies(read_sources(POLICIES), opa)


def answer(opa: Path, gate: str, document: Json, limits: Json) -> Json:
    """What ``opa eval`` says ``<gate>/decision`` is, by these limits."""
    query = f"data.{gate}.decision with input as input.document with data.limits as input.limits"
    return evaluate(opa, query, {"document": document, "limits": limits})


def everywhere(opa: Path, document: Json, limits: Json) -> list[Json]:
    """The checks of the promotion gate and of every gate that it does not ask."""
    return [
        check
        for gate in ("promotion", "lifecycle", *sorted(ACCESS))
        for check in answer(opa, gate, document, limits)["checks"]
    ]


def test_ships_these_gates_and_profiles(bundle: PolicyBundle) -> None:
    gates = {gate.name: gate for gate in bundle.gates()}

    assert gates.keys() == {"promotion", "lifecycle"} | DOMAINS | ACCESS
    assert set(gates["promotion"].includes) == DOMAINS | {"ethics.attestation"}
    assert [gate.name for gate in gates.values() if gate.requires_digest] == ["promotion"]
    assert bundle.data["limits"].keys() == PROFILES


def test_every_profile_has_a_row_for_every_check(bundle: PolicyBundle) -> None:
    checks = {check.id for check in bundle.checks()}

    for name in PROFILES:
        assert bundle.profile(name)["checks"].keys() == checks


def test_what_is_attested_does_not_ask_for_its_own_attestation(bundle: PolicyBundle) -> None:
    asking = {info.id for info in bundle.checks() if info.kind == "attestation"}

    assert asking == {f"{gate}.attestation" for gate in ATTESTATION_TYPES}
    for gate in ATTESTATION_TYPES:
        assert not asking & set(bundle.gate(gate).checks)


TOLD = {"data.schema_changes", "slo.dec_error_ratio", "slo.dec_p50_ms", "slo.dec_p99_ms"}
"""Metrics that a verb writes beside another, for whoever reads them; no check asks for them."""
OF_REPORTS = {
    "quality": {
        *("coverage_branches", "coverage_changed_lines", "coverage_lines", "tests_errors"),
        *("tests_failed", "tests_flaky", "tests_run", "tests_skipped"),
    },
    "security": {
        *("dependencies_scanned", "dependencies_skipped", "high_findings", "low_findings"),
        *("medium_findings", "sbom_about_subject", "sbom_components", "sbom_without_licence"),
        *("sbom_without_version", "suppressed_findings", "unrated_findings"),
        *("vulnerabilities_critical", "vulnerabilities_fixable", "vulnerabilities_high"),
        *("vulnerabilities_low", "vulnerabilities_medium", "vulnerabilities_oldest_days"),
        "vulnerabilities_unrated",
    },
}
"""Metrics of other tools' reports, by domain: what they must be, each policy says for itself."""


def test_every_metric_of_the_catalogue_is_asked_for_or_told(bundle: PolicyBundle) -> None:
    asked = {check.metric for check in bundle.checks()} | {
        check.unless for check in bundle.checks() if check.unless
    }

    of_reports = {f"{domain}.{name}" for domain, names in OF_REPORTS.items() for name in names}
    assert bundle.catalogue().keys() - asked == TOLD | of_reports


def test_a_check_is_named_after_its_domain(bundle: PolicyBundle) -> None:
    for gate in bundle.gates():
        if gate.name in DOMAINS | ACCESS:
            assert {check.partition(".")[0] for check in gate.checks} == {gate.name}


def test_a_rule_compares_the_metric_that_its_metadata_names(
    bundle: PolicyBundle, opa: Path
) -> None:
    marks = {name: f"value of {name}" for name in bundle.catalogue()}
    document = {
        "profile": "default",
        "metrics": {
            name: {"value": mark, "baseline": f"baseline of {name}"} for name, mark in marks.items()
        },
    }
    rows = {check.id: {"limit": f"limit of {check.id}"} for check in bundle.checks()}

    limits = {"default": {"checks": rows}}
    for check in everywhere(opa, document, limits):
        info = bundle.check(check["id"])
        if info.kind == "attestation":
            assert check["observed"] is None
        else:
            assert check["observed"] == marks[info.metric]
        if info.kind == "baseline":
            assert check["limit"] == f"baseline of {info.metric}"
        else:
            assert check["limit"] == f"limit of {info.id}"


def test_a_check_is_exempt_by_the_metric_that_its_metadata_names(
    bundle: PolicyBundle, opa: Path
) -> None:
    switches = {info.unless for info in bundle.checks() if info.unless}
    assert switches
    rows = {info.id: {"severity": "block", "max_age_s": 1} for info in bundle.checks()}
    on = {"value": True, "status": "ok", "age_s": 0}
    for name, row in bundle.catalogue().items():
        if row["type"] == "boolean":
            document = {"profile": "p", "metrics": {name: on}}
            checks = everywhere(opa, document, {"p": {"checks": rows}})
            exempt = {check["id"] for check in checks if check["status"] == "exempt"}
            assert exempt == {info.id for info in bundle.checks() if info.unless == name}


def test_falling_short_is_too_little_evidence_exactly_where_metadata_says_so(
    bundle: PolicyBundle, opa: Path
) -> None:
    rows = bundle.profile("default")["checks"]
    limits = {"p": {"checks": {name: {**row, "severity": "block"} for name, row in rows.items()}}}
    said = {"evidence": "insufficient", "attestation": "unknown"}
    for info in bundle.checks():
        value = far_past(rows[info.id].get("limit"), bundle.catalogue()[info.metric])
        metric = {"value": value, "status": "ok", "age_s": 0, "n": 10**6, "baseline": 0}
        metric["ci"] = [value, value]
        document = {"profile": "p", "metrics": {info.metric: metric}}
        gates = [gate.name for gate in bundle.gates() if info.id in gate.checks]
        answered = answer(opa, gates[0], document, limits)["checks"]
        statuses = {check["id"]: check["status"] for check in answered}
        assert statuses[info.id] == said.get(info.kind, "fail"), info.id


def far_past(limit: Json, metric: Json) -> Json:
    """A value of the metric's type that no such limit lets pass."""
    match metric["type"]:
        case "boolean":
            return not limit
        case "string":
            return f"not {limit}"
        case "series":
            return [10**9, 10**9]
        case _:
            return 10**9 if metric["direction"] == "lower" else -(10**9)


def test_every_comparison_demands_the_same_of_its_evidence() -> None:
    """Each has it written out, for speed; none may demand less than another."""
    demands = set()
    for name in COMPARISONS:
        text = (POLICIES / "lib" / "check" / f"{name}.rego").read_text()
        body = re.search(r"\tmetric\.status == .*?\tseverity := [^\n]*\n", text, re.DOTALL)
        assert body, name
        demands.add(body.group())
        orders = name != "equals"
        assert (text.count('object.get(row, "compare", "value") == "value"') == 1) == orders
        assert (text.count("\tis_number(limit)\n\tis_number(value)\n") == 1) == orders
    assert len(demands) == 1


def test_the_capabilities_are_what_wasm_answers_identically() -> None:
    """INV-EVAL-2: no policy needs a built-in of its host."""
    capabilities = json.loads((POLICIES / CAPABILITIES).read_bytes())

    assert sorted(built_in["name"] for built_in in capabilities["builtins"]) == sorted(IDENTICAL)


def test_strict_forgives_nothing(bundle: PolicyBundle) -> None:
    for name in ("strict", "pre-ga"):
        assert bundle.profile(name)["relaxations_allowed"] == []
    assert "warn" not in {row["severity"] for row in bundle.profile("strict")["checks"].values()}


def test_before_general_availability_nothing_is_off(bundle: PolicyBundle) -> None:
    assert "off" not in {row["severity"] for row in bundle.profile("pre-ga")["checks"].values()}


def test_no_number_lives_in_a_rule() -> None:
    """Limits are data. The clocks' -300 s, and what counts list positions, are not limits."""
    counted = re.compile(r"(?<![\w.\"-])-?\d+(?:\.\d+)?(?![\w.\"])")
    for path in POLICIES.rglob("*.rego"):
        if not path.name.endswith("_test.rego"):
            code = re.sub(r"^\s*#.*$", "", path.read_text(), flags=re.MULTILINE)
            assert set(counted.findall(code)) <= {str(OLDEST_FUTURE_S), "-1", "0", "1", "2"}, path


@pytest.mark.parametrize("folder", [POLICIES, ROOT / "bench" / "handwritten"])
def test_two_clocks_may_differ_by_the_same_everywhere(folder: Path) -> None:
    """Rego names no constants that a package shares; Python's name is held against each copy."""
    guards = [
        limit
        for path in folder.rglob("*.rego")
        for limit in re.findall(r"\bage_s (?:>=|<|>|<=) (-\d+)", path.read_text())
    ]
    assert len(guards) > 1
    assert set(guards) == {str(OLDEST_FUTURE_S)}

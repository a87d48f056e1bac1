"""A domain joins a gate by a row of data, and leaves it by one."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from engine.errors import GovernanceError, PolicyBuildError
from engine.policy.bundle import SOURCES, shipped_bundle, shipped_folder
from engine.policy.changes import record_of
from engine.policy.evaluators.wasm import WasmEvaluator
from engine.policy.includes import with_includes
from engine.policy.overlay import load_policies
from engine.policy.sources import read_sources

ROW = "{type: integer, unit: incidents, direction: lower, description: Open incidents.}"
LIMIT = "{limit: 0, severity: block, max_age_s: 60}"
ACME = """\
# METADATA
# title: Acme
# description: Whether Acme's own rule holds.
package acme

import data.lib.check

# METADATA
# title: Open incidents
# description: No more incidents are open than the profile allows.
# custom:
#   check: acme.open
#   invariant: own rule
#   why: A release during an incident hides its cause.
#   fix: Close the incidents first.
checks contains check.at_most("acme.open")
"""
OWN = {
    "acme/acme.rego": ACME,
    "catalogue/data.yaml": f"metrics:\n  acme.open: {ROW}\n",
    "limits/default/data.yaml": f"checks:\n  acme.open: {LIMIT}\n",
    "gates/promotion/data.yaml": "includes:\n  acme: {}\n",
}
BY_HAND = """\
# METADATA
# title: Promotion gate
# description: Decides.
# custom:
#   includes: [acme, slo]
package promotion

import data.acme
import data.lib.gate
import data.slo

_domains := [acme.checks, slo.checks]

# METADATA
# title: Decision
# description: The verdict.
# entrypoint: true
# custom: {gate: {rule: release/v1, requires_digest: true}}
decision := gate.release(_domains, set())
"""


def put(folder: Path, files: dict[str, str]) -> Path:
    for path, text in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
    return folder


def test_an_own_domain_is_asked_by_the_default_gate_and_another_is_not(
    opa: Path, tmp_path: Path
) -> None:
    """INV-GATE-1: a row of data is enough, and the record names it; its obligations go too."""
    own = put(
        tmp_path, {**OWN, "gates/promotion/data.yaml": "includes: {acme: {}, market: null}\n"}
    )
    bundle = load_policies(own, opa=opa)
    shipped = shipped_bundle()
    gate = bundle.gate("promotion")
    assert set(gate.checks) ^ set(shipped.gate("promotion").checks) == {
        "acme.open",
        *shipped.gate("market").checks,
    }
    evaluator = WasmEvaluator(bundle, cache=None)
    hot = {"market.burn_rate_4h": {"value": [20, 20], "status": "ok", "age_s": 0}}
    metrics = {"acme.open": {"value": 1, "status": "ok", "age_s": 0}, **hot}
    asked = {"profile": "default", "stage": "candidate", "relaxations": [], "metrics": metrics}
    answer = json.loads(evaluator.evaluate("promotion", json.dumps(asked).encode()))
    evaluator.close()
    assert (answer["verdict"], answer["obligations"]) == ("BLOCK", [])
    assert record_of(shipped, bundle, "default")["rows"] == [
        "catalogue/acme.open",
        "gates/promotion/acme",
        "gates/promotion/market",
        "limits/default/acme.open",
        "rules/acme/acme.rego",
        "rules/promotion/includes.rego",
    ]
    assert not (own / "promotion").exists()


def test_a_copy_from_before_goes_on_importing_its_domains_itself(opa: Path, tmp_path: Path) -> None:
    own = {path: text for path, text in OWN.items() if not path.startswith("gates/")}
    bundle = load_policies(put(tmp_path, {**own, "promotion/promotion.rego": BY_HAND}), opa=opa)

    assert bundle.gate("promotion").includes == ("acme", "slo")


def test_what_ships_is_what_its_data_makes_of_it() -> None:
    files = read_sources(shipped_folder("policies"))
    module = "promotion/includes.rego"

    made = with_includes({path: files[path] for path in files if path != module})

    assert made[module].content == shipped_bundle().file(f"{SOURCES}{module}")
    assert with_includes(made) == made


def test_a_shipped_domain_that_no_other_gate_asks_may_be_taken_away(
    opa: Path, tmp_path: Path
) -> None:
    own = put(tmp_path, {GATE: "includes: {ethics.attestation: null}\n"})

    bundle = load_policies(own, opa=opa)

    assert bundle.check("ethics.attestation").operator is None
    assert "ethics.attestation" not in bundle.gate("promotion").checks


GATE = "gates/promotion/data.yaml"
REFUSED: dict[str, tuple[dict[str, str | None], str, str]] = {
    "unknown domain": ({GATE: "includes:\n  acm: {}\n"}, f"{GATE}:2:3: ", "did you mean 'acme'?"),
    "removed, not there": ({GATE: "includes:\n  acme:\n"}, f"{GATE}:2:3: ", "`acme: {…}` adds it"),
    "a list": ({GATE: "includes: [acme]\n"}, f"{GATE}:1:11: ", "a row by its name"),
    "a member": ({GATE: "includes:\n  acme: {on: true}\n"}, f"{GATE}:2:3: ", "write `acme: {}`"),
    "another key": ({GATE: "include: {acme: {}}\n"}, f"{GATE}:1:1: ", "did you mean 'includes'?"),
    "nothing left": ({GATE: "includes: {}\nreplace: true\n"}, f"{GATE}:1:11: ", "one or more"),
    "unknown gate": (
        {"gates/promotoin/data.yaml": "includes:\n  acme: {}\n"},
        "gates/promotoin/data.yaml:2:3: ",
        "did you mean 'promotion'?",
    ),
    "another folder": (
        {"gate/promotion/data.yaml": "includes:\n  acme: {}\n"},
        "gate/promotion/data.yaml: ",
        "did you mean gates/promotion/data.yaml?",
    ),
    "no checks": (
        {"acme/acme.rego": "package acme\n\nx := 1\n"},
        f"{GATE}:2:3: ",
        "acme/acme.rego, with its METADATA: checks contains",
    ),
    "another package": (
        {"acme/acme.rego": ACME.replace("package acme", "package acem")},
        f"{GATE}:2:3: ",
        "acme/acme.rego:4 says `package acem`: write `package acme`",
    ),
    "a gate that asks itself alone": (
        {"gates/slo/data.yaml": "includes:\n  acme: {}\n"},
        "gates/slo/data.yaml:2:3: ",
        "decision := gate.release(_included, _obligations)",
    ),
    "in METADATA too": (
        {
            "promotion/promotion.rego": BY_HAND.replace("_domains, set()", "_included, set()"),
        },
        "promotion/promotion.rego:5: METADATA: ",
        "take it out here",
    ),
    "by hand too": (
        {"promotion/promotion.rego": BY_HAND},
        f"{GATE}:2:3: ",
        "decision := gate.release(_included, _obligations)",
    ),
    "the module's name": (
        {"promotion/includes.rego": "package promotion\n"},
        "promotion/includes.rego: ",
        "another name",
    ),
    "no gate": (
        {"gates/promotion/data.yaml": None},
        "acme/acme.rego:12: METADATA: ",
        "gates/promotion/data.yaml",
    ),
}


@pytest.mark.parametrize("mistake", REFUSED)
def test_a_mistake_names_the_file_the_line_and_what_to_write(
    mistake: str, opa: Path, tmp_path: Path
) -> None:
    changed, place, words = REFUSED[mistake]
    files = {path: text for path, text in {**OWN, **changed}.items() if text is not None}

    with pytest.raises(GovernanceError) as caught:
        load_policies(put(tmp_path, files), opa=opa)

    assert caught.value.message.startswith(f"{tmp_path}/{place}"), caught.value
    assert words in f"{caught.value.message} {caught.value.hint}"


def test_a_row_of_a_gate_needs_opa_and_says_so(tmp_path: Path) -> None:
    own = put(tmp_path, {GATE: "includes: {market: null}\n"})

    with pytest.raises(PolicyBuildError) as caught:
        load_policies(own, opa=None)

    assert caught.value.message.startswith(f"{own}/{GATE} differs from the shipped rules")

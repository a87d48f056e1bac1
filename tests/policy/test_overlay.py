from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from engine.errors import ConfigError, PolicyBuildError, PolicyError, UsageError
from engine.policy.build import build
from engine.policy.bundle import PolicyBundle, shipped_bundle
from engine.policy.evaluators.wasm import WasmEvaluator
from engine.policy.overlay import load_policies
from tests.repository import ROOT

INCLUDES = (ROOT / "policies/gates/promotion/data.yaml").read_text()
HEIR = "extends: default\nchecks:\n  ethics.ece: {limit: 0.5}\n"


def never() -> Path:
    """What finds OPA where it must not be looked for."""
    raise AssertionError("OPA is not needed")


def put(folder: Path, path: str, text: str) -> Path:
    (folder / path).parent.mkdir(parents=True, exist_ok=True)
    (folder / path).write_text(text)
    return folder


def status(bundle: PolicyBundle, profile: str, ece: float) -> Any:
    """Status of ``ethics.ece`` in the promotion gate."""
    metric = {"value": ece, "status": "ok", "age_s": 1, "n": 10**6, "ci": [ece, ece]}
    document = {"profile": profile, "stage": "candidate", "metrics": {"ethics.ece": metric}}
    evaluator = WasmEvaluator(bundle, cache=None)
    answer = json.loads(evaluator.evaluate("promotion", json.dumps(document).encode()))
    evaluator.close()
    return next(check["status"] for check in answer["checks"] if check["id"] == "ethics.ece")


def test_without_a_folder_it_is_the_shipped_policy() -> None:
    assert load_policies(None, opa=None).digest == shipped_bundle().digest


def test_an_added_profile_needs_no_opa(tmp_path: Path) -> None:
    bundle = load_policies(put(tmp_path, "limits/mine/data.yaml", HEIR), opa=never)

    assert bundle.revision == shipped_bundle().revision
    assert bundle.digest != shipped_bundle().digest
    assert bundle.wasm_digest == shipped_bundle().wasm_digest
    assert status(bundle, "mine", 0.4) == "pass"
    assert status(bundle, "default", 0.4) == "fail"
    assert bundle.profile("default") == shipped_bundle().profile("default")


def test_a_replaced_file_replaces_the_shipped_one_and_its_heirs_follow(tmp_path: Path) -> None:
    text = (ROOT / "policies" / "limits" / "default" / "data.yaml").read_text()
    folder = put(tmp_path, "limits/default/data.yaml", text.replace("limit: 0.01", "limit: 0.4", 1))
    shipped = shipped_bundle()

    bundle = load_policies(folder, opa=None)

    limits = {
        name: table["checks"]["ethics.ece"]["limit"]
        for name, table in bundle.data["limits"].items()
    }
    assert limits["default"] == 0.4
    assert limits.keys() == shipped.data["limits"].keys()
    assert status(bundle, "default", 0.3) == "pass"


def test_the_bundle_of_an_overlay_is_whole(tmp_path: Path) -> None:
    bundle = load_policies(put(tmp_path, "limits/mine/data.yaml", HEIR), opa=None)

    again = PolicyBundle.from_archive(bundle.archive())

    assert again.digest == bundle.digest
    assert again.file("sources/limits/mine/data.yaml") == HEIR.encode()


def test_the_shipped_policy_laid_over_itself_is_the_shipped_policy(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "policies", tmp_path / "policies")

    assert load_policies(tmp_path / "policies", opa=never).digest == shipped_bundle().digest


def test_changed_data_gives_the_digest_that_a_build_would(opa: Path, tmp_path: Path) -> None:
    shutil.copytree(ROOT / "policies", tmp_path / "policies")
    put(tmp_path / "policies", "limits/mine/data.yaml", HEIR)

    built = build(tmp_path / "policies", tmp_path / "out", opa)

    assert load_policies(tmp_path / "policies", opa=None).digest == built.digest


def test_changed_rego_is_compiled(opa: Path, tmp_path: Path) -> None:
    gate = (ROOT / "policies" / "promotion" / "promotion.rego").read_text()
    folder = put(tmp_path, "mine/mine.rego", gate.replace("package promotion", "package mine", 1))
    put(tmp_path, "gates/mine/data.yaml", INCLUDES)

    for given in (opa, lambda: opa):
        bundle = load_policies(folder, opa=given)
        assert bundle.gate("mine").checks == bundle.gate("promotion").checks
    assert bundle.revision != shipped_bundle().revision
    assert status(bundle, "default", 0.4) == "fail"


def test_changed_rego_without_opa_is_an_error_that_says_what_to_do(tmp_path: Path) -> None:
    folder = put(tmp_path, "mine/mine.rego", "package mine\n")

    with pytest.raises(PolicyBuildError, match="has to be compiled") as caught:
        load_policies(folder, opa=None)
    assert "engine policy build" in caught.value.hint
    assert "ENGINE_OPA" in caught.value.hint


def test_what_engine_policy_build_wrote_needs_no_opa(opa: Path, tmp_path: Path) -> None:
    shutil.copytree(ROOT / "policies", tmp_path / "policies")
    gate = (ROOT / "policies" / "promotion" / "promotion.rego").read_text()
    put(
        tmp_path / "policies",
        "mine/mine.rego",
        gate.replace("package promotion", "package mine", 1),
    )
    put(tmp_path / "policies", "gates/mine/data.yaml", INCLUDES)
    built = build(tmp_path / "policies", tmp_path / "out", opa)

    bundle = load_policies(tmp_path / "out", opa=never)

    assert bundle.digest == built.digest
    assert bundle.archive() == built.archive()


def test_errors_name_the_file_where_it_lies(tmp_path: Path) -> None:
    folder = put(tmp_path, "limits/mine/data.yaml", HEIR.replace("0.5", "0.5, limit: 0.6"))

    with pytest.raises(ConfigError) as caught:
        load_policies(folder, opa=None)
    assert caught.value.message.startswith(f"{folder}/limits/mine/data.yaml:3:")


@pytest.mark.parametrize("text", ["a: 1\na: 2\n", "a: &x 1\n", "a: !!str 1\n", "{", ""])
def test_yaml_that_two_readers_might_read_differently_is_an_error(
    tmp_path: Path, text: str
) -> None:
    with pytest.raises(ConfigError, match=r"prices/data\.yaml"):
        load_policies(put(tmp_path, "prices/data.yaml", text), opa=None)


def test_an_empty_folder_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no policy in this folder"):
        load_policies(tmp_path, opa=None)


def test_a_build_folder_that_was_changed_is_an_error(opa: Path, tmp_path: Path) -> None:
    build(ROOT / "policies", tmp_path, opa)
    data = tmp_path / "data.json"
    data.write_bytes(data.read_bytes().replace(b'"limit":0.01', b'"limit":0.99'))

    with pytest.raises(PolicyError, match=r"data\.json is not what the manifest names"):
        load_policies(tmp_path, opa=None).profile("default")

"""The JSON Schemas of the files that people write say what the readers of these files say."""

from __future__ import annotations

import ast
import json
import re
import tomllib
from pathlib import Path

import pytest
import yaml
from jsonschema import Draft202012Validator

from engine.cli.verify.expectations import KEY_KEYS, KEYS
from engine.errors import ConfigError
from engine.evidence.sources import consent, counting
from engine.model import Json
from engine.net import endpoint
from engine.policy.tables import data, profiles, trust_list
from engine.settings.config import SETTINGS, load
from tests.cli.conftest import Engine
from tests.policy.tables.test_data import CHECKS
from tests.policy.toys import toy
from tests.repository import ROOT

NAMES = ("engine-toml", "gather-toml", "limits", "trust", "verify-toml", "waivers", "watch-toml")


def schema(name: str) -> Json:
    return json.loads((ROOT / "schemas" / f"{name}.schema.json").read_text())


def fits(name: str, document: Json) -> bool:
    return Draft202012Validator(schema(name)).is_valid(document)


@pytest.mark.parametrize("name", NAMES)
def test_a_schema_is_one(name: str) -> None:
    Draft202012Validator.check_schema(schema(name))


def test_each_key_of_a_reader_is_a_property_and_no_other_is() -> None:
    row = schema("limits")["properties"]["checks"]["additionalProperties"]
    found = {
        "limits": set(schema("limits")["properties"]) - {"replace"},
        "a row of limits": set(row["properties"]) - {"replace"},
        "trust": set(schema("trust")["properties"]["keys"]["items"]["properties"]),
        "waivers": set(schema("waivers")["properties"]["waivers"]["items"]["properties"]),
        "verify.toml": set(schema("verify-toml")["properties"]),
        "its keys": set(schema("verify-toml")["properties"]["key"]["items"]["properties"]),
    }
    assert found == {
        "limits": set(profiles._TOP),
        "a row of limits": set(profiles.ROW_KEYS),
        "trust": set(trust_list._ROW),
        "waivers": set(data._WAIVER),
        "verify.toml": set(KEYS),
        "its keys": set(KEY_KEYS),
    }


READERS = (
    *("evidence/sources/*.py", "evidence/gather.py", "net/endpoint.py", "effects/*.py"),
    "cli/watch/plan.py",
)
"""Who reads gather.toml and watch.toml, key by key."""
ASKING = {
    *("text", "name", "choice", "texts", "whole", "number", "seconds", "flag", "time", "table"),
    *("tables", "has", "paths"),
}
NAMED = {
    *(*consent.ROLES, *counting.ROLES, *endpoint._KEYS),
    *("query", "range", "errors", "total", "fresh", "n", "url"),
}
"""Keys that their readers have in tables of their own."""


def test_each_key_that_a_source_or_a_hook_reads_is_a_property_and_no_other_is() -> None:
    asked: set[str] = set()
    for pattern in READERS:
        for file in (ROOT / "engine").glob(pattern):
            for node in ast.walk(ast.parse(file.read_text())):
                match node:
                    case ast.Call(func=ast.Attribute(value=ast.Name(id="node" | "n"))):
                        continue  # of a JSON Schema
                    case ast.Call(func=ast.Attribute(attr=name), args=[*keys]) if name in ASKING:
                        asked |= {
                            str(key.value)
                            for key in keys[: 2 if name == "paths" else 1]
                            if isinstance(key, ast.Constant)
                        }
    found: set[str] = set()
    for name in ("gather-toml", "watch-toml"):
        found |= properties_in(schema(name))
    assert found == asked | NAMED


def properties_in(document: Json) -> set[str]:
    """Every property that a schema names, however deep."""
    if isinstance(document, list):
        return set().union(*map(properties_in, document))
    if not isinstance(document, dict):
        return set()
    own = document.get("properties", {})
    inner = [*own.values(), *(value for key, value in document.items() if key != "properties")]
    return set(own) | set().union(*map(properties_in, inner))


def test_the_examples_and_the_pages_fit() -> None:
    for name in ("gather", "watch"):
        example = (ROOT / "examples" / name / f"{name}.toml").read_text()
        assert fits(f"{name}-toml", tomllib.loads(example))
        assert not fits(f"{name}-toml", tomllib.loads(example.replace("kind = ", "kinds = ")))
        for block in re.findall(
            r"```toml\n(.*?)```", (ROOT / "docs" / f"{name}.md").read_text(), re.S
        ):
            document = {"subject": {"name": "m"}, **tomllib.loads(block)}
            assert fits(f"{name}-toml", document), block


def test_a_setting_has_one_type_default_range_and_meaning() -> None:
    properties = schema("engine-toml")["properties"]
    assert list(properties) == [setting.name for setting in SETTINGS if not setting.is_callers]
    for setting in SETTINGS:
        if setting.is_callers:
            continue
        found = properties[setting.name]
        assert found["description"] == setting.meaning
        assert found.get("default") == setting.default
        if found["type"] == "integer":
            assert (found["minimum"], found["maximum"]) == (setting.least, setting.most)


@pytest.mark.parametrize(
    ("text", "is_valid"),
    [
        ('gate = "slo"\nprofile = "strict"\nstage = "production"', True),
        ('ledger = "l.db"\nkey_file = "k.pem"\nlock_timeout_s = 5', True),
        ('budget_daily_usd = 1.5\nbudget_daily_tokens = "none"\nbudget_daily_requests = 0', True),
        ("max_bytes = 1", True),
        ('gates = "slo"', False),
        ('gate = ""', False),
        ('gate = "  "', False),
        ("gate = 1", False),
        ("gate = true", False),
        ('ledger = "run"', False),
        ('lock_timeout_s = "5"', False),
        ("lock_timeout_s = -1", False),
        ("max_bytes = 0", False),
        ("max_bytes = true", False),
        ('policy_trust = "trust.yaml"', False),
    ],
)
def test_engine_toml_is_read_as_its_schema_says(tmp_path: Path, text: str, is_valid: bool) -> None:
    (tmp_path / "engine.toml").write_text(text)
    try:
        load({}, {}, tmp_path)
        is_read = True
    except ConfigError:
        is_read = False
    assert (is_read, fits("engine-toml", tomllib.loads(text))) == (is_valid, is_valid)


LIMITS = "limits/loose/data.yaml"
WAIVER = "waivers: [{id: W1, reason: soon, approvers: [ann], expires_at: '2026-12-31T00:00:00Z'%s}]"
TRUST = "keys: [{key_id: %s, roles: [attestor]%%s}]" % ("ab" * 32)


@pytest.mark.parametrize(
    ("path", "text", "is_valid"),
    [
        (LIMITS, "extends: default", True),
        (LIMITS, "extends: default\nchecks: {toy.ece: {severity: warn, min_n: 5}}", True),
        (LIMITS, "extends: default\ndescription: ''", False),
        (LIMITS, "extends: Default", False),
        (LIMITS, "extends: default\nrelaxations_allowed: [none_such]", False),
        (LIMITS, "extends: default\ndecision_ttl_s: 0", False),
        (LIMITS, "extends: default\nrecord_requests: 1", False),
        (LIMITS, "extends: default\ndeclared_cost: maybe", False),
        (LIMITS, "extends: default\nmost: 1", False),
        (LIMITS, "extends: default\nchecks: {toy.ece: {severity: blocks}}", False),
        (LIMITS, "extends: default\nchecks: {toy.ece: {max_age_s: 0}}", False),
        (LIMITS, "extends: default\nchecks: {toy.ece: {compare: both}}", False),
        (LIMITS, "extends: default\nchecks: {toy.ece: {in_production: hold}}", False),
        (LIMITS, "extends: default\nchecks: {toy.ece: {unwaivable: 'yes'}}", False),
        (LIMITS, "extends: default\nchecks: {toy.ece: {limits: 1}}", False),
        ("waivers/data.yaml", "waivers: []", True),
        ("waivers/data.yaml", WAIVER % ", check: toy.ece, subject: {name: m}", True),
        ("waivers/data.yaml", WAIVER % ", subject: {name: m, digest: {sha256: ab}}", True),
        ("waivers/data.yaml", WAIVER % ", subject: {name: m, version: 2.10}", False),
        ("waivers/data.yaml", WAIVER % ", subject: {name: m, digest: {sha256: 12}}", False),
        ("waivers/data.yaml", WAIVER % ", until: now", False),
        ("waivers/data.yaml", WAIVER.replace("[ann]", "[]") % "", False),
        ("waivers/data.yaml", WAIVER.replace("[ann]", "[ann, ann]") % "", False),
        ("waivers/data.yaml", WAIVER.replace("00Z", "00+00:00") % "", False),
        ("waivers/data.yaml", WAIVER.replace("soon", "''") % "", False),
        ("trust/data.yaml", "keys: []", True),
        ("trust/data.yaml", TRUST % ", not_after: '2027-01-01T00:00:00Z'", True),
        ("trust/data.yaml", TRUST % ", public_key: x", False),
        ("trust/data.yaml", TRUST.replace("[attestor]", "[]") % "", False),
        ("trust/data.yaml", TRUST.replace("[attestor]", "[CEO]") % "", False),
        ("trust/data.yaml", TRUST.replace("ab" * 32, "'12'") % "", False),
        ("trust/data.yaml", TRUST.replace(f"key_id: {'ab' * 32}, ", "") % "", False),
        ("trust/data.yaml", TRUST % ", until: never", False),
        ("trust/data.yaml", TRUST.replace("attestor", "producer") % ", metrics: [toy.ece]", True),
        ("trust/data.yaml", TRUST.replace("attestor", "producer") % ", metrics: []", False),
        ("trust/data.yaml", TRUST.replace("attestor", "producer") % ", metrics: a.b", False),
    ],
)
def test_policy_data_is_read_as_its_schema_says(path: str, text: str, is_valid: bool) -> None:
    try:
        data.resolve(toy({path: text}), CHECKS)
        is_read = True
    except ConfigError:
        is_read = False
    name = path.partition("/")[0]
    assert (is_read, fits(name, yaml.safe_load(text))) == (is_valid, is_valid)


def test_what_ships_fits() -> None:
    for file in sorted((ROOT / "policies").glob("limits/*/data.yaml")):
        assert fits("limits", yaml.safe_load(file.read_text())), file
    for name in ("waivers", "trust"):
        assert fits(name, yaml.safe_load((ROOT / "policies" / name / "data.yaml").read_text()))


def test_what_init_writes_fits(engine: Engine) -> None:
    assert engine("init", "--yes").code == 0
    for name in ("engine", "verify"):
        assert fits(f"{name}-toml", tomllib.loads(Path(f"{name}.toml").read_text()))


def test_an_editor_gets_a_schema_from_the_engine(engine: Engine) -> None:
    for name in (
        *("engine.toml", "gather.toml", "limits", "metrics"),
        *("trust", "verify.toml", "waivers", "watch.toml"),
    ):
        printed = engine("config", "schema", name)
        assert printed.code == 0
        assert printed.json == schema(name.replace(".", "-"))
    assert engine("config", "schema").code == 2
    assert engine("config", "show", "limits").code == 2
    shown = engine("config", "show", "--format", "json").json
    assert shown["gate"]["type"] == "string"
    assert shown["max_bytes"]["type"] == "integer"
    assert shown["policy_trust"]["type"] is None

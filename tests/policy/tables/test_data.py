from __future__ import annotations

import json
from typing import Any

import pytest

from engine.errors import ConfigError
from engine.formats import canonical
from engine.policy.manifest import CheckInfo
from engine.policy.tables import data
from tests.policy.toys import toy


def _check(check_id: str, metric: str, **given: Any) -> CheckInfo:
    texts = dict.fromkeys(("title", "description", "invariant", "why", "fix"), "text")
    given = {"kind": "limit", "unless": None, "code": None, **texts, **given}
    return CheckInfo(id=check_id, metric=metric, **given)


CHECKS = {
    "toy.ece": _check("toy.ece", "toy.ece"),
    "toy.owner": _check("toy.owner", "toy.owner_name", unless="toy.frozen"),
}
DEFAULT = "limits/default/data.yaml"
LOOSE = "limits/loose/data.yaml"
WAIVERS = "waivers/data.yaml"


def resolved(changes: dict[str, str | None] | None = None) -> Any:
    return json.loads(data.resolve(toy(changes), CHECKS))


def refused(path: str, old: str, new: str) -> ConfigError:
    """What is said when ``old`` in the toy's file ``path`` reads ``new``."""
    text = toy()[path].content.decode()
    assert old in text
    with pytest.raises(ConfigError) as caught:
        resolved({path: text.replace(old, new, 1)})
    return caught.value


def test_the_data_is_canonical_and_has_its_six_topics() -> None:
    written = data.resolve(toy(), CHECKS)

    assert canonical.encode(json.loads(written)) == written
    assert list(json.loads(written)) == [
        *("budgets", "catalogue", "limits", "prices", "trust", "waivers")
    ]


def test_a_profile_inherits_row_by_row_and_key_by_key() -> None:
    limits = resolved()["limits"]

    assert limits["loose"] == {
        "description": "For first steps.",
        "relaxations_allowed": [],
        "decision_ttl_s": 86400,
        "record_requests": False,
        "soft_routes": [],
        "declared_cost": "deny",
        "hold_ttl_s": 604800,
        "checks": {
            "toy.ece": {"limit": 0.5, "severity": "block", "max_age_s": 86400, "min_n": 100},
            "toy.owner": {"limit": "ada", "severity": "warn", "max_age_s": 86400},
        },
    }
    assert limits["default"]["checks"]["toy.owner"]["reason"] == "nobody to ask yet"


def test_an_ancestor_is_inherited_through_its_heirs() -> None:
    heir = "extends: loose\nchecks:\n  toy.ece: {severity: warn}\n"

    row = resolved({"limits/heir/data.yaml": heir})["limits"]["heir"]["checks"]["toy.ece"]

    assert (row["limit"], row["severity"]) == (0.5, "warn")


def test_a_profile_that_extends_another_needs_no_row_of_its_own() -> None:
    limits = resolved({"limits/heir/data.yaml": "extends: loose\n"})["limits"]

    assert limits["heir"] == limits["loose"]


def test_words_and_dates_are_texts() -> None:
    """INV-INPUT-1: YAML's yes, off and dates are what a JSON reader would make of them."""
    off = "toy.ece: {severity: off, reason: yes}"
    table = resolved({LOOSE: f"extends: default\nchecks:\n  {off}\n"})["limits"]["loose"]

    assert (table["checks"]["toy.ece"]["severity"], table["checks"]["toy.ece"]["reason"]) == (
        "off",
        "yes",
    )
    assert resolved()["waivers"]["waivers"][0]["expires_at"] == "2026-12-31T00:00:00Z"


@pytest.mark.parametrize(
    ("old", "new", "reason", "hint"),
    [
        ("extends: default", "extends: defualt", "no profile 'defualt'", "'default'"),
        ("extends: default", "extends: loose", "loose extends loose", ""),
        ("extends: default", "extend: default", "key 'extend' is not known", "'extends'"),
        ("extends: default\n", "", "key 'relaxations_allowed' is missing", "extend a profile"),
        ("toy.ece:", "toy.eces:", "no gate has a check 'toy.eces'", "'toy.ece'"),
        ("{limit: 0.5}", "{limt: 0.5}", "key 'limt' is not known", "'limit'"),
        ("{limit: 0.5}", '{limit: "0.5"}', "'0.5' where a number", "as JSON does"),
        ("{limit: 0.5}", "{limit: .5}", "'.5' where a number", "as JSON does"),
        ("{limit: 0.5}", "{limit: 1_0}", "'1_0' where a number", "as JSON does"),
        ("{limit: 0.5}", "{limit: yes}", "'yes' where a number", ""),
        ("{limit: 0.5}", "{limit: true}", "true where a number", ""),
        ("{limit: 0.5}", "{limit: }", "nothing where a number", ""),
        ("{limit: 0.5}", "{limit: .nan}", "not a number", ""),
        ("{limit: 0.5}", "{limit: 5}", "limit 5 where toy.ece can be from 0 to 1", "Unit: ratio"),
        ("{limit: 0.5}", "{limit: 0.1234567890123456789}", "not read exactly", ""),
        ("{limit: 0.5}", "{limit: 0.5, limit: 0.6}", "given twice", "keep one"),
        ("{limit: 0.5}", "&a {limit: 0.5}", "anchors", ""),
        ("{limit: 0.5}", "!!map {limit: 0.5}", "tag", ""),
        ("{limit: 0.5}", "{max_age_s: 1.5}", "1.5 where a whole number", ""),
        ("{limit: 0.5}", "{max_age_s: 0}", "0 where a whole number from 1", ""),
        ("{limit: 0.5}", "{min_n: true}", "true where a whole number", ""),
        ("{limit: 0.5}", "{compare: cl}", "'cl' is none of value, ci", ""),
        ("{limit: 0.5}", "{in_production: roll}", "none of rollback, block", ""),
        ("{limit: 0.5}", "{unwaivable: yes}", "'yes' where true or false", ""),
        ("{limit: 0.5}", "{severity: blokc}", "none of block, warn, off", "'block'"),
        ("{limit: 0.5}", "{reason: so}", "for severity off only", ""),
        ("{limit: 0.5}", "0.5", "an object is expected", ""),
        ("{severity: warn}", "{severity: warn, compare: ci}", "no confidence interval", ""),
        ("{severity: warn}", "{severity: warn, limit: 3}", "3 where a text", ""),
    ],
)
def test_a_wrong_profile_is_an_error_that_names_the_place_and_the_remedy(
    old: str, new: str, reason: str, hint: str
) -> None:
    error = refused(LOOSE, old, new)

    assert error.message.startswith(f"{LOOSE}:")
    assert reason in error.message
    assert hint in error.hint


def test_the_error_says_line_and_column() -> None:
    assert refused(LOOSE, "0.5", "bad").message.startswith(f"{LOOSE}:4:20: /checks/toy.ece/limit:")


def test_a_circle_of_profiles_is_an_error() -> None:
    circle = "extends: loose\nchecks: {}\n"

    with pytest.raises(ConfigError, match="a extends loose extends a"):
        resolved({"limits/a/data.yaml": circle, LOOSE: "extends: a\nchecks: {}\n"})


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("  toy.owner:", "  # toy.owner:", "no row for toy.owner"),
        ("severity: block, ", "", "no 'severity'"),
        ("limit: 0.01, ", "", "no 'limit'"),
        (", max_age_s: 86400, min_n", ", min_n", "no 'max_age_s'"),
        (", reason: nobody to ask yet", "", "no 'reason'"),
        ("relaxations_allowed: []", "relaxations_allowed: [a, a]", "named twice"),
        (
            "relaxations_allowed: []",
            "relaxations_allowed: [policies_configurd]",
            "no relaxation 'policies_configurd' is known",
        ),
        ("relaxations_allowed: []", "relaxations_allowed: {}", "a list is expected"),
        ("decision_ttl_s: 86400", "decision_ttl_s: 0", "whole number from 1"),
        ("decision_ttl_s:", "soft_routes: [a, a]\ndecision_ttl_s:", "a route is named twice"),
        ("decision_ttl_s:", "soft_routes: chat\ndecision_ttl_s:", "a list is expected"),
        ("decision_ttl_s:", "record_requests: 1\ndecision_ttl_s:", "true or false"),
        ("decision_ttl_s:", "declared_cost: yes!\ndecision_ttl_s:", "none of allow, deny"),
        ("hold_ttl_s: 604800", "hold_ttl_s: 0", "whole number from 1"),
        ("description: Everything, as it is meant.", "description: ' '", "where a text"),
        ("description: Everything, as it is meant.", 'description: "It \\u202eis"', "not seen"),
        ("reason: nobody to ask yet", 'reason: "\\u200b"', "a character that is not seen"),
    ],
)
def test_a_row_or_a_table_that_is_not_whole_is_an_error(old: str, new: str, reason: str) -> None:
    assert reason in refused(DEFAULT, old, new).message


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("type: number", "type: float", "none of number, integer"),
        ("unit: ratio, ", "", "key 'unit' is missing"),
        ("direction: lower", "direction: down", "none of lower, higher, none"),
        ("range: [0, 1]", "range: [1, 0]", "above its end"),
        ("range: [0, 1]", "range: [0]", "[lowest, highest]"),
        ("range: [0, 1]", "values: [a]", "a number has no list of values"),
        ("unit: name,", "unit: name, range: [0, 1],", "a string has no range"),
        ("unit: name,", "unit: name, values: [bob],", "'ada' is none of bob"),
        ("unit: name,", "unit: name, values: [],", "different texts"),
        ("toy.ece:", "x.ece:", "where a text"),
        ("toy.owner_name:", "toy.owner:", "metric 'toy.owner_name' is not in the catalogue"),
        ("type: boolean", "type: integer", "`unless` metric 'toy.frozen' is no boolean"),
        ("type: number", "type: series", "does not fit metric"),
        ("metrics:", "metric:", "key 'metric' is not known"),
    ],
)
def test_a_wrong_catalogue_is_an_error(old: str, new: str, reason: str) -> None:
    """``x.`` ids are the evidence author's own: a catalogue that claims one would be ignored."""
    path = "catalogue/data.yaml"
    assert reason in refused(path, old, new).message + refused(path, old, new).hint


@pytest.mark.parametrize(
    ("operator", "direction", "is_refused"),
    [
        *((">=", "lower", True), (">", "lower", True), ("<", "higher", True)),
        *(("<=", "higher", True), ("<=", "lower", False), (">", "higher", False)),
        *((">=", "none", False), ("==", "lower", False), (None, "higher", False)),
    ],
)
def test_a_check_against_the_direction_of_its_metric_is_refused(
    operator: str | None, direction: str, is_refused: bool
) -> None:
    """INV-GATE-2: its PROMOTE would be one that every verifier refuses."""
    path = "catalogue/data.yaml"
    text = toy()[path].content.decode().replace("direction: lower", f"direction: {direction}", 1)
    checks = {**CHECKS, "toy.ece": CHECKS["toy.ece"]._replace(operator=operator)}
    if not is_refused:
        assert data.resolve(toy({path: text}), checks)
        return
    with pytest.raises(ConfigError, match=f"toy.ece: compares by {operator}") as caught:
        data.resolve(toy({path: text}), checks)
    assert f"`toy.ece` is {direction}" in caught.value.hint


def test_a_check_against_a_baseline_has_no_limit_of_its_own() -> None:
    checks = {**CHECKS, "toy.ece": _check("toy.ece", "toy.ece", kind="baseline")}

    with pytest.raises(ConfigError, match="own baseline"):
        data.resolve(toy(), checks)
    without = toy()[DEFAULT].content.decode().replace("limit: 0.01, ", "")
    loose = "extends: default\nchecks: {}\n"
    rows = json.loads(data.resolve(toy({DEFAULT: without, LOOSE: loose}), checks))["limits"]
    assert "limit" not in rows["default"]["checks"]["toy.ece"]


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("id: W-1", "id: 1", "1 where a text"),
        ("reason: Recalibration is under way.", "reason: ''", "'' where a text"),
        ("approvers: [ada]", "approvers: []", "somebody must have approved"),
        ("approvers: [ada]", "approvers: [ada, ben, ada]", "/approvers/2: 'ada' approves twice"),
        ("approvers: [ada]", "approvers: [ada l, ' Ada  L']", "approves twice"),
        ("approvers: [ada]", 'approvers: ["\\u2060"]', "a character that is not seen"),
        ("reason: Recalibration is under way.", 'reason: "\\u200b"', "that is not seen"),
        ("id: W-1", 'id: "W-1\\u200b"', "that is not seen"),
        ("approvers: [ada]", "approver: [ada]", "key 'approver' is not known"),
        ("expires_at: 2026-12-31T00:00:00Z", "expires_at: tomorrow", "RFC 3339"),
        ("expires_at: 2026-12-31T00:00:00Z", "expires_at: 2026-12-31", "RFC 3339"),
        ("2026-12-31T00:00:00Z", "2026-02-31T00:00:00Z", "RFC 3339|day is out of range"),
        ("2026-12-31T00:00:00Z", "2026-12-31T00:00:00+01:00", "not in UTC"),
        ("    expires_at: 2026-12-31T00:00:00Z\n", "", "'expires_at' is missing"),
        ("check: toy.ece", "check: toy.eec", "no gate has a check 'toy.eec'"),
        ("{name: scoring-model}", '{name: "scoring\\u200b-model"}', "a character that is not seen"),
        ("{name: scoring-model}", "{name: m, version: 2.10}", "2.1 where a text is expected"),
        ("{name: scoring-model}", "{name: m, version: null}", "nothing where a text is expected"),
        ("{name: scoring-model}", "{name: m, digest: {sha256: 12}}", "12 where a text"),
        ("waivers:", "waiver:", "key 'waiver' is not known"),
    ],
)
def test_a_wrong_waiver_is_an_error(old: str, new: str, reason: str) -> None:
    error = refused(WAIVERS, old, new)

    assert any(words in error.message for words in reason.split("|"))
    assert error.message.startswith(f"{WAIVERS}:")


@pytest.mark.parametrize(
    ("path", "old", "new"),
    [
        (WAIVERS, "{name: scoring-model}", "{name: m, version: 2.10}"),
        (WAIVERS, "id: W-1", "id: 2.10"),
        (WAIVERS, "approvers: [ada]", "approvers: [true]"),
        (LOOSE, "extends: default", "extends: 2.10"),
    ],
)
def test_a_text_that_yaml_reads_as_a_number_is_to_be_quoted(path: str, old: str, new: str) -> None:
    assert "in quotes" in refused(path, old, new).hint


def test_two_waivers_of_one_id_are_an_error() -> None:
    text = toy()[WAIVERS].content.decode()

    with pytest.raises(ConfigError, match="'W-1' is given twice"):
        resolved({WAIVERS: text + text.removeprefix("waivers:\n")})


@pytest.mark.parametrize(
    ("line", "instead"),
    [
        ("    check: toy.ece\n", ""),
        ("check: toy.ece", "check: 7"),
        ("    subject: {name: scoring-model}\n", ""),
        ("{name: scoring-model}", "{nmae: scoring-model}"),
        ("{name: scoring-model}", "everything"),
    ],
)
def test_a_waiver_without_a_scope_stays_to_be_reported(line: str, instead: str) -> None:
    text = toy()[WAIVERS].content.decode()
    assert line in text

    waivers = resolved({WAIVERS: text.replace(line, instead)})["waivers"]["waivers"]

    assert [waiver["id"] for waiver in waivers] == ["W-1"]


@pytest.mark.parametrize(
    ("path", "text", "reason"),
    [
        ("limit/default/data.yaml", "{}", "no policy reads data from 'limit/default'"),
        ("limits/Default/data.yaml", "{}", "no policy reads data from"),
        ("limits/data.yaml", "{}", "no policy reads data from"),
        ("trust/data.yaml", "{}", "key 'keys' is missing"),
        ("trust/data.yaml", "keys: 1", "a list is expected"),
        ("prices/data.yaml", "[]", "an object is expected"),
        ("prices/data.yaml", "", "empty"),
        ("prices/data.yaml", "a: 1\n---\nb: 1\n", "second YAML document"),
        ("prices/data.yaml", "a: [1", "YAML"),
        ("prices/data.yaml", "a: &x 1\nb: *x\n", "anchors"),
        ("prices/data.yaml", "[" * 40 + "]" * 40, "nested too deeply"),
        ("prices/data.yaml", None, "prices/data.yaml is missing"),
        (DEFAULT, None, "limits/default/data.yaml is missing"),
    ],
)
def test_files_that_no_policy_could_read_are_errors(
    path: str, text: str | None, reason: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        resolved({path: text})
    assert reason in str(caught.value)

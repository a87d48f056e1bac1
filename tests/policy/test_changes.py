"""What a folder of policies changes is said in full: in words, and in each record."""

from __future__ import annotations

from pathlib import Path

from engine.policy.bundle import shipped_bundle
from engine.policy.changes import changes, record_of
from engine.policy.overlay import load_policies
from engine.proof.decision_version import LONGEST_NAME, MOST_ROWS

FILES = {
    "limits/default": "decision_ttl_s: 60\nchecks:\n  slo.dec_p95_ms: {limit: 900}\n",
    "limits/own": "extends: default\nchecks:\n  ethics.ece: {limit: 0.5}\n",
    "catalogue": (
        "metrics:\n  own.open: {type: integer, unit: count, direction: lower, description: Open.}\n"
    ),
    "budgets": ("budgets:\n  - {id: all, match: {}, usd: 5, tokens: none, requests: none}\n"),
    "prices": (
        'prices:\n  - {provider: p, model: m, from: "2026-01-31", input: "1", output: "2"}\n'
    ),
    "trust": f"keys:\n  - {{key_id: {'ab' * 32}, roles: [attestor]}}\n",
    "waivers": (
        "waivers:\n"
        '  - {id: W-1, check: slo.dec_rps, subject: {name: m, version: "1"}, reason: It is slow.,\n'
        '     approvers: [owner], expires_at: "2027-01-01T00:00:00Z"}\n'
    ),
}
ROWS = [
    "budgets/all",
    "catalogue/own.open",
    "limits/own/decision_ttl_s",
    "limits/own/ethics.ece",
    "limits/own/slo.dec_p95_ms",
    "prices/p/m/2026-01-31",
    f"trust/{'ab' * 32}",
    "waivers/W-1",
]


def put(folder: Path, files: dict[str, str]) -> Path:
    for path, text in files.items():
        (folder / path).mkdir(parents=True, exist_ok=True)
        (folder / path / "data.yaml").write_text(text)
    return folder


def test_every_topic_is_compared_and_a_new_profile_with_the_default_that_ships(
    tmp_path: Path,
) -> None:
    shipped, own = shipped_bundle(), load_policies(put(tmp_path, FILES), opa=None)

    found = changes(shipped, own, profile="own")

    assert [change.row for change in found] == ROWS
    limit = next(change for change in found if change.row == "limits/own/slo.dec_p95_ms")
    assert (limit.before["limit"], limit.after["limit"]) == (800, 900)
    assert changes(shipped, shipped) == []
    assert record_of(shipped, own, "own") == {
        "against": {"sha256": shipped.digest},
        "count": len(ROWS),
        "rows": ROWS,
    }


def test_a_gate_and_a_rule_that_are_added_are_named(opa: Path, tmp_path: Path) -> None:
    gate = shipped_bundle().file("sources/promotion/promotion.rego").decode()
    includes = shipped_bundle().file("sources/gates/promotion/data.yaml").decode()
    put(tmp_path, {"gates/mine": includes})
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "mine.rego").write_text(gate.replace("package promotion", "package mine"))

    found = changes(shipped_bundle(), load_policies(tmp_path, opa=opa))

    rows = [change.row for change in found]
    assert rows[0] == "gates/mine/budget"
    assert rows[-2:] == ["rules/mine/includes.rego", "rules/mine/mine.rego"]
    assert {change.before for change in found} == {None}


def test_a_record_names_as_many_rows_as_it_may_and_counts_the_rest(tmp_path: Path) -> None:
    long = "own." + "n" * 120
    rows = "".join(
        f"  {long}{number:02}: {{type: number, unit: s, direction: lower, description: A.}}\n"
        for number in range(MOST_ROWS + 1)
    )
    own = load_policies(put(tmp_path, {"catalogue": f"metrics:\n{rows}"}), opa=None)

    record = record_of(shipped_bundle(), own, "default")

    assert record["count"] == MOST_ROWS + 1
    assert len(record["rows"]) == MOST_ROWS
    assert record["rows"] == sorted(record["rows"])
    assert all(len(row) == LONGEST_NAME and row.endswith("…") for row in record["rows"])


def test_what_ships_has_nothing_to_say_of_itself(tmp_path: Path) -> None:
    own = load_policies(put(tmp_path, {"waivers": "waivers: []\n"}), opa=None)

    assert record_of(shipped_bundle(), own, "default") is None

from __future__ import annotations

import hashlib
import json
import re
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from engine.policy.bundle import shipped_bundle
from tests.cli.budget.test_verb import write_prices
from tests.cli.conftest import Engine
from tests.ledger.audit.test_audit import behind_its_back


def test_controls_are_listed_with_the_checks_that_speak_to_them_and_those_without(
    engine: Engine,
) -> None:
    text = engine("explain", "--controls")
    assert text.code == 0
    assert "  lgpd/7                     Legal bases of processing: ethics.consent\n" in text.out
    assert "AI system deployment: ethics.attestation (off)\n" in text.out
    assert "Human oversight: no check speaks to it\n" in text.out
    page = engine("explain", "--controls", "--format", "json").json
    rows = {row["id"]: row for row in page["controls"]}
    assert {row["framework"] for row in rows.values()} == {
        *("EU AI Act", "GDPR", "ISO/IEC 42001", "LGPD", "NIST AI RMF", "NIST SSDF"),
    }
    assert rows["gdpr/6"]["checks"] == [{"id": "ethics.consent", "severity": "block"}]
    assert page["without_checks"] == [name for name, row in rows.items() if not row["checks"]]
    assert {"ssdf/PS.2", "eu-ai-act/14"} < set(page["without_checks"])
    assert (
        "  controls  gdpr/6, iso-42001/A.7.3, lgpd/7\n" in engine("explain", "ethics.consent").out
    )
    for argv in (("--all",), ("ethics.ece",), ("--format", "markdown")):
        assert engine("explain", "--controls", *argv).code == 2


def test_a_control_of_ones_own_has_a_row(engine: Engine) -> None:
    Path("own/controls").mkdir(parents=True)
    Path("own/controls/data.yaml").write_text(
        "controls: {house/1: {framework: House rules, title: Nobody on call}, gdpr/5: null}\n"
    )
    page = engine("explain", "--controls", "--policies", "own", "--format", "json").json
    ids = [row["id"] for row in page["controls"]]
    assert ids[:2] == ["eu-ai-act/9", "eu-ai-act/10"]
    assert ("house/1" in ids, "gdpr/5" in ids) == (True, False)
    Path("own/controls/data.yaml").write_text("controls: {gdpr/6: null}\n")
    refused = engine("explain", "--controls", "--policies", "own")
    assert (refused.code, "own/controls/data.yaml:1:12: " in refused.err) == (2, True)


def test_a_check_says_what_every_profile_demands(engine: Engine) -> None:
    answer = engine("explain", "ethics.ece")
    assert answer.code == 0
    assert "  fix       Recalibrate on fresh outcomes" in answer.out
    demand = (
        "block, <= 0.01 ratio, at most 86400 s old, n >= 1000, its whole interval, "
        "in production: rollback"
    )
    assert f" default {demand} model " in " ".join(answer.out.split())
    assert max(map(len, answer.out.splitlines())) <= 100
    assert "    service        off: the service decides about nobody with a model" in answer.out


def test_a_recorded_decision_is_explained_in_the_words_of_its_policy(engine: Engine) -> None:
    document = engine("example", "block").out.encode()
    decided = engine("decide", "-", "--format", "json", stdin=document).json
    answer = engine("explain", decided["decision_id"])
    assert (answer.code, "\n✗ BLOCK  scoring-model" in answer.out) == (0, True)
    assert "passes when ethics.ece <= 0.01; now 0.031" in answer.out


def forged(connection: sqlite3.Connection) -> None:
    """Another input, with the digest of its own row."""
    query = "SELECT place, body FROM attachment WHERE kind = 'input'"
    (place, body), *_ = connection.execute(query)
    value = json.loads(body)
    value["metrics"]["x.FORGED_BY_HOST"] = next(iter(value["metrics"].values()))
    body = json.dumps(value).encode()
    row = (body, hashlib.sha256(body).hexdigest(), place)
    connection.execute("UPDATE attachment SET body = ?, digest = ? WHERE place = ?", row)


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (forged, "the input kept beside it is not what it signs"),
        (
            lambda c: c.execute("DELETE FROM attachment WHERE kind = 'salt'"),
            "its input is kept without the salt of its digest",
        ),
    ],
)
def test_an_input_that_nobody_signed_is_not_shown(
    engine: Engine, edit: Callable[[sqlite3.Connection], object], message: str
) -> None:
    """Neither explained nor handed on in a proof nor replayed."""
    document = engine("example", "block").out.encode()
    decision = engine("decide", "-", "--format", "json", stdin=document).json["decision_id"]
    attested = engine("attest", "ethics", "-", "--format", "json", stdin=document).json
    for name in (decision, attested["attestation_id"]):
        assert engine("export", name, "--out", "whole.json").code == 0
    with behind_its_back(Path(".engine")) as connection:
        edit(connection)
    for argv in (("explain", decision), ("export", decision, "--out", "forged.json")):
        answer = engine(*argv)
        assert answer.code == 4, (argv, answer.out)
        assert message in answer.err
        assert "FORGED" not in answer.out + answer.err
    assert not Path("forged.json").exists()
    assert engine("replay").code == (4 if edit is forged else 1)  # nothing could be replayed


def test_a_decision_is_not_explained_in_words_that_nobody_signed(engine: Engine) -> None:
    """The policy that is kept is the one whose digest the record signs."""
    document = engine("example", "block").out.encode()
    write_prices()
    first, other = (
        engine("decide", "-", "--format", "json", *policies, stdin=document).json["decision_id"]
        for policies in ((), ("--policies", "policies"))
    )
    attested = engine("attest", "ethics", "-", "--format", "json", stdin=document).json
    names = (first, other, attested["attestation_id"])
    assert [engine("explain", name).code for name in names] == [0, 0, 0]
    with behind_its_back(Path(".engine")) as connection:
        (one, first_body), (two, second_body) = connection.execute(
            "SELECT rowid, body FROM shared_blob WHERE kind = 'policy'"
        )
        for row in ((second_body, one), (first_body, two)):
            connection.execute("UPDATE shared_blob SET body = ? WHERE rowid = ?", row)
    for name in names:
        answer = engine("explain", name)
        assert (answer.code, "the policy kept as" in answer.err) == (4, True), answer.err


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        ((), "name one thing, or give --all"),
        (("--all", "ethics.ece"), "name one thing, or give --all"),
        (("ethics.ece", "--format", "json"), "name one thing, or give --all"),
        (("ethics.ec",), "did you mean 'ethics.ece'?"),
        (("nothing of the kind",), "`engine explain --all` names every check"),
        (("0193f2a0",), "no ledger"),
        (("ethics.ece", "-q"), "--quiet is of a recorded decision, and changes nothing of a check"),
        (("HOLD", "-v"), "--verbose is of a recorded decision"),
        (("--all", "--failures-only", "--checkpoint"), "--failures-only, --checkpoint is of a"),
    ],
)
def test_what_it_cannot_explain(engine: Engine, argv: tuple[str, ...], message: str) -> None:
    answer = engine("explain", *argv)
    assert answer.code == 2
    assert message in answer.err


# The reference page.


def test_the_page_names_every_gate_check_metric_and_profile(engine: Engine) -> None:
    bundle = shipped_bundle()
    page = engine("explain", "--all").out

    headings = re.findall(r"^### `(\S+)`: ", page, re.MULTILINE)
    assert headings == [check.id for check in bundle.checks()]
    for gate in bundle.gates():
        assert f"| `{gate.name}` | {len(gate.checks)} |" in page
    for name, row in bundle.catalogue().items():
        assert f"| `{name}` | {row['type']} | {row['unit']} |" in page
    for profile in bundle.data["limits"]:
        assert f"| `{profile}` |" in page


def test_the_page_groups_the_profiles_that_demand_the_same(engine: Engine) -> None:
    page = engine("explain", "--all").out
    section = page.partition("### `slo.dec_p95_ms`")[2].partition("### ")[0]
    assert (
        "| `data-product` | off: a data product is not a running service |\n"
        "| `default`, `pre-ga`, `service`, `strict` | block, <= 800, at most 3600 s old, "
        "in production: rollback |\n"
        "| `model` | off: a model is not a running service |\n"
    ) in section
    assert "- **why** Slow decisions breach the service's promise to its callers.\n" in section
    assert "- **metric** `slo.dec_p95_ms` (ms)\n" in section


def test_every_row_of_a_table_has_its_columns(engine: Engine) -> None:
    width = tables = 0
    for line in engine("explain", "--all").out.splitlines():
        cells = len(re.findall(r"(?<!\\)\|", line)) if line.startswith("|") else 0
        assert cells in (0, width) or width == 0, line
        tables += cells > 0 and width == 0
        width = cells
    assert tables > 1


def test_the_page_is_the_same_every_time_and_in_every_format(engine: Engine) -> None:
    for form in ("markdown", "text", "json"):
        first = engine("explain", "--all", "--format", form)
        assert first.code == 0
        assert engine("explain", "--all", "--format", form).out == first.out
    assert engine("explain", "--all").out == engine("explain", "--all", "--format", "markdown").out


def test_programs_read_the_same_page(engine: Engine) -> None:
    page = engine("explain", "--all", "--format", "json").json
    (check,) = [check for check in page["checks"] if check["id"] == "market.burn_rate_4h"]
    assert (check["operator"], check["kind"]) == ("quiet", "series")
    assert check["limits"]["default"]["reason"] == "not a market"
    assert {gate["name"] for gate in page["gates"] if gate["requires_digest"]} == {"promotion"}


def test_the_page_is_about_the_policies_in_use(engine: Engine) -> None:
    own = Path("policies/limits/shop/data.yaml")
    own.parent.mkdir(parents=True)
    own.write_text("extends: default\nchecks:\n  slo.dec_p95_ms: {limit: 300}\n")
    page = engine("explain", "--all", "--policies", "policies").out
    assert "| `shop` | block, <= 300, at most 3600 s old, in production: rollback |" in page


def test_programs_read_each_text_as_it_is_written(engine: Engine) -> None:
    own = Path("policies/limits/shop/data.yaml")
    own.parent.mkdir(parents=True)
    named = ("explain", "--all", "--format", "json", "--policies", "policies")
    own.write_text('extends: default\nchecks: {}\ndescription: "\u0645\u06cc\u200c\u062e"\n')
    rows = engine(*named).json["profiles"]
    assert "\u0645\u06cc\u200c\u062e" in {row["description"] for row in rows}
    own.write_text('extends: default\nchecks: {}\ndescription: "for\\u200e us"\n')
    answer = engine(*named)
    assert (answer.code, answer.out) == (2, "")
    assert "shop/data.yaml:3:14" in answer.err
    assert "\u200e" not in answer.err


# What is no check and no decision.


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("budget.usd_ratio", "  checks    budget.usd_hard, budget.usd_soft"),
        ("promotion", "gate promotion: Promotion gate."),
        ("strict", "  tolerates no relaxation"),
        ("hold", "verdict HOLD: evidence is missing"),
        ("ephemeral_ledger", "  made by   --ledger run:"),
    ],
)
def test_a_metric_gate_profile_verdict_or_relaxation_is_explained_in_a_few_lines(
    engine: Engine, name: str, line: str
) -> None:
    answer = engine("explain", name)
    assert answer.code == 0, answer.err
    assert line in answer.out


def test_a_name_that_a_gate_and_a_profile_share_is_explained_as_both(engine: Engine) -> None:
    out = engine("explain", "model").out
    assert "gate model: " in out
    assert "profile model: " in out


def test_the_nearest_name_is_that_of_any_of_them(engine: Engine) -> None:
    assert "did you mean 'ephemeral_ledger'?" in engine("explain", "ephemeral_ledgr").err

"""``engine policy new`` and ``engine policy test`` as a policy author would call them."""

from __future__ import annotations

import json
import os
import tomllib
from collections.abc import Sequence
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from engine.policy.build import run_opa
from tests.cli.conftest import Answer, Engine
from tests.cli.terminal import at_a_terminal
from tests.repository import ROOT


@pytest.fixture
def author(engine: Engine, opa: Path) -> Engine:
    """The command line where OPA is at hand."""

    def call(*argv: str) -> Answer:
        return engine(*argv, ENGINE_OPA=os.fspath(opa))

    return call


def words(answer: Answer) -> dict[str, str]:
    """What was said of each demand: ``ok`` or ``WRONG``."""
    rows = [line.split() for line in answer.out.splitlines() if not line.startswith(" ")]
    return {row[1]: row[0] for row in rows}


def test_a_new_policy_passes_at_once_beside_another(author: Engine) -> None:
    assert author("policy", "new", "checkout").code == 0
    assert author("policy", "new", "payments", "--gate", "payments").code == 0
    page = (ROOT / "docs/policies.md").read_text().partition("## A gate of your own")[2]
    for path, kind in (
        ("hotfix/hotfix.rego", "rego"),
        ("gates/hotfix/data.yaml", "yaml"),
        ("hotfix/hotfix_test.rego", "rego"),
    ):
        _, _, rest = page.partition(f"```{kind}\n")
        text, _, page = rest.partition("```")
        Path("policies", path).parent.mkdir(parents=True, exist_ok=True)
        Path("policies", path).write_text(text)

    answer = author("policy", "test", "policies")

    assert answer.code == 0, answer.out
    assert set(words(answer)) == {"check", "format", "tests", "coverage", "build"}
    for gate in ("hotfix", "payments"):
        held = author("selftest", "--gate", gate, "--policies", "policies")
        assert (held.code, held.out[:4]) == (0, "held")


@pytest.mark.parametrize("flags", [(), ("--gate", "promotion"), ("--gate", "checkout")])
def test_a_gate_of_its_own_is_written_where_it_is_named(
    author: Engine, flags: tuple[str, ...]
) -> None:
    """docs/policies.md: a check of one's own joins the gate that is asked anyway."""
    is_alone = flags == ("--gate", "checkout")

    assert author("policy", "new", "checkout", *flags).code == 0

    listed = author("policy", "list", "--policies", "policies").out
    assert ("gate checkout " in listed) == is_alone
    assert Path("policies/checkout/decision.rego").exists() == is_alone
    assert Path("policies/gates/promotion/data.yaml").exists() != is_alone
    assert author("policy", "test", "policies").code == 0


def test_a_new_check_blocks_in_the_gate_that_is_asked_anyway(author: Engine) -> None:
    """From an empty folder: three commands, and no flag."""
    Path("engine.toml").write_text('# ours\nprofile = "strict"  # all of it')
    assert author("policy", "new", "checkout").code == 0
    Path("metrics.json").write_text(author("example", "block").out)
    decided = author("decide", "metrics.json", "--format", "json")

    failed = {check["id"] for check in decided.json["checks"] if check["status"] == "fail"}
    assert (decided.code, "checkout.open_incidents" in failed) == (1, True)
    assert "gates/promotion/checkout" in decided.json["policy_changes"]["rows"]
    promise = [
        x for x in author("explain", "checkout.open_incidents").out.splitlines() if "prom" in x
    ]
    assert promise[0].split() == ["promise", "own", "rule"]
    assert Path("engine.toml").read_text() == (
        '# ours\nprofile = "strict"  # all of it\npolicies = "policies"\n'
    )
    promoted = json.loads(author("example", "promote").out)["metrics"]
    assert promoted["checkout.open_incidents"] == 0
    assert "checkout.open_incidents" not in json.loads(author("example", "hold").out)["metrics"]
    rows = author("policy", "show", "checkout.open_incidents", "--format", "json").json["rows"]
    assert rows["limits/default/checkout.open_incidents"]["row"]["severity"] == "off"
    assert rows["limits/strict/checkout.open_incidents"]["row"]["severity"] == "block"


def test_an_example_is_whole_where_there_is_no_opa_for_rules_of_ones_own(
    author: Engine, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Behind a redirect, an error leaves an empty file: tables alone say what to write."""
    assert author("policy", "new", "checkout", "--profile", "strict").code == 0
    monkeypatch.setattr("engine.policy.build.OWN_OPA", Path("none"))
    nowhere = {"XDG_CACHE_HOME": str(Path("empty").absolute())}

    for profile, expected in (("strict", {"promote": 0, "block": 1}), ("default", {})):
        for name in ("promote", "block", "rollback", "hold"):
            Path("engine.toml").write_text(f'policies = "policies"\nprofile = "{profile}"\n')
            answer = engine("example", name, **nowhere)
            value = answer.json["metrics"].get("checkout.open_incidents")
            assert (answer.code, value) == (0, expected.get(name, expected.get("block"))) or (
                (name, value) == ("hold", None)
            )
    assert "there is no OPA for rules of your own" in engine("example", "block", **nowhere).err
    wrong = Path("policies/limits/strict/data.yaml")
    wrong.write_text(wrong.read_text().replace("limit: 0", "limit: [0"))
    refused = engine("example", "block", **nowhere)
    assert (refused.code, refused.out) == (2, "")
    assert "limits/strict/data.yaml:" in refused.err


def test_a_person_is_asked_for_name_gate_and_profile(author: Engine) -> None:
    answers = ["slo", "checkout", "promote", "promotion", "service", "n"]
    before = sorted(Path().iterdir())
    code, seen, _ = at_a_terminal(Path.cwd(), answers, "policy", "new")
    assert (code, sorted(Path().iterdir())) == (2, before), seen
    assert "policy 'slo': the name is taken" in seen
    assert "gates/promotion/data.yaml" in seen

    code, seen, out = at_a_terminal(Path.cwd(), ["checkout", "checkout", "", "y"], "policy", "new")
    assert code == 0, seen
    assert not Path("policies/gates").exists()
    assert tomllib.loads(Path("engine.toml").read_text()) == {"policies": "policies"}
    assert out.splitlines()[-1].endswith("engine.toml")
    flags = ("--gate", "promotion", "--profile", "default")
    again = at_a_terminal(Path.cwd(), [], "policy", "new", "pay", *flags)
    assert (again[0], "?" in again[1]) == (0, False)


def test_without_a_terminal_the_flags_are_named(author: Engine) -> None:
    before = sorted(Path().iterdir())
    assert "engine policy new NAME [--gate G] [--profile P]" in author("policy", "new").err
    gate = author("policy", "new", "shop", "--gate", "promote")
    assert (gate.code, "did you mean 'promotion'?; --gate shop" in gate.err) == (2, True)
    profile = author("policy", "new", "shop", "--profile", "strct")
    assert (profile.code, "did you mean 'strict'?" in profile.err) == (2, True)
    assert sorted(Path().iterdir()) == before


def test_nothing_that_is_there_is_replaced(author: Engine) -> None:
    author("policy", "new", "checkout")
    before = {path: path.read_bytes() for path in Path("policies").rglob("*") if path.is_file()}

    answer = author("policy", "new", "checkout")

    assert answer.code == 2
    assert "checkout.rego is there already" in answer.err
    assert before == {p: p.read_bytes() for p in Path("policies").rglob("*") if p.is_file()}


def test_rows_are_not_added_where_they_would_mean_something_else(author: Engine) -> None:
    author("policy", "new", "checkout")
    catalogue = Path("policies/catalogue/data.yaml")
    catalogue.write_text("metrics: {}\n")

    answer = author("policy", "new", "payments")

    assert (answer.code, catalogue.read_text()) == (2, "metrics: {}\n")
    assert not Path("policies/payments").exists()


def test_what_is_missing_is_named(author: Engine) -> None:
    author("policy", "new", "checkout")
    rego = Path("policies/checkout/checkout.rego")
    rego.write_text(rego.read_text() + "\n_forgotten := true if { input.forgotten }\n")

    answer = author("policy", "test", "policies")

    assert answer.code == 1
    assert words(answer) == {
        "check": "ok", "format": "WRONG", "tests": "ok", "coverage": "WRONG", "build": "ok",
    }  # fmt: skip
    row = len(rego.read_text().splitlines())
    assert f"checkout/checkout.rego:{row}: no test runs this line" in answer.out


def test_it_is_said_whose_test_failed_and_limits_of_ones_own_fail_no_shipped_test(
    author: Engine,
) -> None:
    author("policy", "new", "checkout")
    Path("policies/gates/promotion/data.yaml").write_text("includes: {checkout: {}, slo: null}\n")
    limits = Path("policies/limits/default/data.yaml")
    limits.write_text(limits.read_text() + "  ethics.ece: {limit: 0.000001}\n")
    assert author("policy", "test", "policies").code == 0

    test = Path("policies/checkout/checkout_test.rego")
    test.write_text(test.read_text() + "\ntest_never if 1 == 2\n")
    rego = Path("policies/lib/gate/access.rego")
    rego.parent.mkdir(parents=True)
    rego.write_text('package lib.gate\n\n_access(_) := "ALLOW"\n')
    out = author("policy", "test", "policies").out

    assert "yours: " in out
    assert "policies/checkout/checkout_test.rego:" in out
    assert "shipped: " in out
    assert "lib/gate/gate_test.rego:" in out


def test_a_failing_test_is_named(author: Engine) -> None:
    author("policy", "new", "checkout")
    test = Path("policies/checkout/checkout_test.rego")
    test.write_text(test.read_text() + "\ntest_never if 1 == 2\n")

    answer = author("policy", "test", "policies")

    assert (answer.code, words(answer)["tests"]) == (1, "WRONG")
    row = len(test.read_text().splitlines())
    assert f"checkout/checkout_test.rego:{row}: test_never" in answer.out


def test_a_test_that_opa_ends_while_lines_are_counted_is_named(
    author: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each test has a time limit, and counting lines makes it slower."""

    def slow(binary: Path, arguments: Sequence[str], folder: Path) -> CompletedProcess[str]:
        if "--coverage" not in arguments:
            return run_opa(binary, arguments, folder)
        return CompletedProcess([], 2, "", "policies/a_test.rego: test_slow: timed out\n")

    author("policy", "new", "checkout")
    monkeypatch.setattr("engine.policy.testing.run_opa", slow)

    answer = author("policy", "test", "policies")

    assert (answer.code, words(answer)["coverage"]) == (1, "WRONG")
    assert "a_test.rego: test_slow: timed out" in answer.out


def test_rego_that_opa_refuses_is_told_in_its_words(author: Engine) -> None:
    author("policy", "new", "checkout")
    Path("policies/checkout/checkout.rego").write_text("package checkout\n\na if b\n")

    answer = author("policy", "test", "policies")

    assert (answer.code, words(answer)["check"]) == (1, "WRONG")
    assert "checkout/checkout.rego:3: rego_unsafe_var_error" in answer.out
    rego = Path("policies/checkout/checkout.rego")
    rego.write_text("package checkout\n\nchecks[c] { c := 1 }\n")
    assert set(words(author("policy", "test", "policies"))) == {"check"}
    rego.write_text(
        "package checkout\n\nimport data.lib.chek\n\n"
        'checks contains check.at_most("checkout.open_incidents")\n'
    )
    hints = [x for x in author("policy", "test", "policies").out.splitlines() if "hint: " in x]
    assert len(hints) == 2
    assert all("data.lib.check" in hint for hint in hints)


def test_without_opa_it_says_where_it_is_looked_for(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.policy.build.OWN_OPA", Path("none"))
    answer = engine("policy", "test")

    assert answer.code == 2
    assert "ENGINE_OPA" in answer.err


@pytest.mark.parametrize("argv", [("list", "x"), ("new",), ("new", "Check-out"), ("test", "none")])
def test_misuse_is_refused(author: Engine, argv: tuple[str, ...]) -> None:
    assert author("policy", *argv).code == 2


def test_the_list_shows_which_way_a_limit_holds_and_no_unit_that_is_none(author: Engine) -> None:
    out = author("policy", "list").out
    assert "block  > 0 bytes" in out
    assert " none " not in out
    assert "missing" not in out
    assert "its own baseline" in out


def test_a_policy_written_into_the_folder_in_use_says_what_changes_from_now_on(
    author: Engine,
) -> None:
    Path("engine.toml").write_text('policies = "policies"\n')
    Path("policies").mkdir()

    answer = author("policy", "new", "checkout")

    assert "from now on every `engine decide` needs OPA" in answer.err
    assert "engine policy new checkout --policies policies-draft" in answer.err
    apart = author("policy", "new", "checkout", "--policies", "apart")
    assert "is a draft: nothing uses it without --policies" in apart.err


def test_own_rego_is_built_once_and_decides_where_there_is_no_opa(
    author: Engine, engine: Engine, opa: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """INV-POLICY-4"""
    own_cache = {"XDG_CACHE_HOME": str(tmp_path / "own")}
    assert author("policy", "new", "checkout", "--gate", "checkout").code == 0
    for out in ("checkout.tar", "built"):
        assert author("policy", "build", "--policies", "policies", "--out", out).code == 0
    document = {
        "subject": {"name": "shop"},
        "observed_at": engine("example", "promote").json["observed_at"],
        "metrics": {"checkout.open_incidents": 1},
    }
    Path("m.json").write_text(json.dumps(document))
    compiled = engine("policy", "list", "--policies", "policies", ENGINE_OPA=str(opa), **own_cache)
    assert compiled.code == 0
    monkeypatch.setattr("engine.policy.build.OWN_OPA", Path("none"))
    asked = ("decide", "m.json", "--gate", "checkout", "--format", "json", "--policies")

    refused, again, (from_file, from_folder) = (
        engine(*asked, "policies", XDG_CACHE_HOME=str(tmp_path / "empty")),
        engine(*asked, "policies", **own_cache),
        (engine(*asked, built).json for built in ("checkout.tar", "built")),
    )

    assert (refused.code, "has to be compiled" in refused.err) == (2, True)
    for word in ("get OPA 1.22.0", "ENGINE_OPA", "policy build --policies DIR --out NAME.tar"):
        assert word in refused.err
    assert (again.code, again.json["verdict"]) == (1, "BLOCK")  # compiled before, and kept
    in_ci = engine("policy", "list", "--policies", "policies", CI="true", **own_cache)
    assert (in_ci.code, "has to be compiled" in in_ci.err) == (2, True)
    assert from_file["verdict"] == from_folder["verdict"] == "BLOCK"
    rows = ["catalogue/checkout.open_incidents", "gates/checkout/checkout"]
    rows += ["limits/default/checkout.open_incidents"]
    rows += ["rules/checkout/checkout.rego", "rules/checkout/decision.rego"]
    assert from_file["policy_changes"]["rows"] == from_folder["policy_changes"]["rows"] == rows


@pytest.mark.parametrize("change", [b"", b"no archive", None])
def test_a_file_that_no_build_wrote_is_no_policy(engine: Engine, change: bytes | None) -> None:
    Path("own/waivers").mkdir(parents=True)
    Path("own/waivers/data.yaml").write_text("waivers: []\n")
    assert engine("policy", "build", "--policies", "own", "--out", "own.tar").code == 0
    built = Path("own.tar").read_bytes()
    spoilt = built.replace(b'"limit":0.01', b'"limit":0.99') if change is None else change
    assert spoilt != built
    Path("own.tar").write_bytes(spoilt)

    answer = engine("policy", "list", "--policies", "own.tar")

    assert (answer.code, answer.out) == (2, "")
    assert "own.tar: " in answer.err
    assert "engine policy build" in answer.err


OWN = "checks:\n  slo.dec_p95_ms: {limit: 900}\n"


@pytest.fixture
def own(engine: Engine) -> Path:
    """A folder that changes one limit, laid over what ships."""
    file = Path("own/limits/default/data.yaml")
    file.parent.mkdir(parents=True)
    file.write_text(OWN)
    return Path("own")


def test_what_a_folder_changes_is_said_in_words(engine: Engine, own: Path) -> None:
    answer = engine("policy", "diff", "--policies", "own")

    lines = answer.out.splitlines()
    assert answer.code == 0
    assert lines[0].split(None, 1) == [
        "limits/slo.dec_p95_ms",
        "limit 800 to 900  [data-product, default, model, pre-ga, service, strict]",
    ]
    assert lines[1].startswith("6 rows changed: policy ")
    assert engine("policy", "diff", "own", "--policies", "own").out.startswith("nothing changed")
    (change, *_rest) = engine("policy", "diff", "--policies", "own", "--format", "json").json[
        "changes"
    ]
    assert change["row"] == "limits/data-product/slo.dec_p95_ms"
    assert (change["before"]["limit"], change["after"]["limit"]) == (800, 900)


def test_a_row_is_shown_with_what_it_was(engine: Engine, own: Path) -> None:
    answer = engine("policy", "show", "limits/default", "--policies", "own")

    rows = [line for line in answer.out.splitlines() if "limits/default/" in line]
    assert answer.code == 0
    assert len(rows) > 36
    assert [row for row in rows if row.endswith(")")] == [
        row for row in rows if "slo.dec_p95_ms" in row and "(limit 800 to 900)" in row
    ]
    named = engine("policy", "show", "slo.dec_p95_ms", "--format", "json").json["rows"]
    assert named["limits/default/slo.dec_p95_ms"]["changed"] is False
    assert {name.partition("/")[0] for name in named} == {"catalogue", "limits"}


def test_a_built_file_is_shown_and_compared_as_its_folder(engine: Engine, own: Path) -> None:
    assert engine("policy", "build", "--policies", "own", "--out", "own.tar").code == 0
    for name in ("own", "own.tar"):
        changed = engine("policy", "diff", name)
        assert "limit 800 to 900" in changed.out
        assert "(shipped) to" in changed.out
        assert engine("policy", "diff", name, "--policies", "own.tar").out.startswith("nothing")
    shown = engine("policy", "show", "own.tar")
    assert shown.code == 0
    assert "(limit 800 to 900)" in shown.out
    missing = engine("policy", "list", "--policies", "none.tar")
    assert (missing.code, "none.tar: no such file" in missing.err) == (2, True)
    assert "engine policy build --out NAME.tar" in missing.err


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (("diff", "shiped"), "did you mean 'shipped'?"),
        (("diff", "ab" * 32), "there is no ledger"),
        (("diff", "none.tar"), "none.tar: no such folder or file"),
        (("show", "none.tar"), "none.tar: no such folder or file"),
        (("show", "slo.dec_p95m"), "did you mean 'slo.dec_p95_ms'?"),
        (("list", "slo.dec_p95_ms"), "means nothing to list"),
    ],
)
def test_what_no_policy_has_is_an_error(
    engine: Engine, argv: tuple[str, ...], message: str
) -> None:
    answer = engine("policy", *argv)

    assert (answer.code, answer.out) == (2, "")
    assert message in answer.err


def test_a_decision_names_the_rows_that_its_policies_change(engine: Engine, own: Path) -> None:
    """INV-POLICY-2"""
    Path("metrics.json").write_text(engine("example", "promote").out)

    decided = engine("decide", "metrics.json", "--policies", "own", "--format", "json").json

    changes = decided["policy_changes"]
    assert (changes["count"], changes["rows"]) == (1, ["limits/default/slo.dec_p95_ms"])
    assert "changed" in engine("explain", decided["decision_id"]).out
    plain = engine("decide", "metrics.json", "--format", "json").json
    assert "policy_changes" not in plain
    digest = engine("policy", "diff", "--policies", "own", "--format", "json").json["after"]
    against = engine("policy", "diff", digest)
    assert "limit 900 to 800" in against.out
    unknown = engine("policy", "diff", "ab" * 32)
    assert unknown.code == 2
    assert "holds no policy with digest abab" in unknown.err

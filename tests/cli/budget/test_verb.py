"""``engine budget``, as a person or a script would use it."""

from __future__ import annotations

import json
import re
import sqlite3
from pathlib import Path

import pytest

from tests.cli.conftest import Answer, Engine

PRICES = """\
prices:
  - {provider: acme, model: large, from: "2020-01-01", input: "2.50", output: "10.00"}
"""
ASK = ("budget", "reserve", "--provider", "acme", "--model", "large")


def write_prices() -> None:
    """Put policies that know the prices into this folder."""
    Path("policies/prices").mkdir(parents=True)
    Path("policies/prices/data.yaml").write_text(PRICES)


def write_budget() -> None:
    """Give this folder prices and a dollar a day."""
    write_prices()
    Path("engine.toml").write_text('policies = "policies"\nbudget_daily_usd = 1.00\n')


@pytest.fixture
def budget(engine: Engine) -> Engine:
    """A folder with prices and a dollar a day."""
    write_budget()
    return engine


def lease_of(answer: Answer) -> str:
    assert answer.code == 0, answer.err
    lease: str = answer.json["lease"]
    return lease


def reserve(budget: Engine, *flags: str) -> Answer:
    return budget(*ASK, *flags, "--format", "json")


def test_a_lease_from_its_grant_to_its_end(budget: Engine) -> None:
    granted = reserve(budget, "--usd", "0.05", "--tokens", "900", "--ttl", "60")
    lease = lease_of(granted)
    assert granted.json["verdict"] == "ALLOW"
    assert granted.json["reason"] == "OK"
    assert granted.json["remaining_usd_micros"] == 950_000

    settled = budget("budget", "settle", lease[:30], "--usd", "0.04", "--format", "json")
    assert (settled.code, settled.json["state"], settled.json["new"]) == (0, "settled", True)
    assert settled.json["used"] == {"requests": 1, "tokens": 900, "usd_micros": 40_000}
    again = budget("budget", "settle", lease, "--usd", "0.04")
    assert (again.code, "it was before" in again.out) == (0, True)
    other = budget("budget", "settle", lease, "--usd", "0.05")
    assert (other.code, "is settled already" in other.err) == (2, True)
    sums = budget("budget", "verify").out
    assert sums.endswith("2 budget entries of 3 add up to the state: 3 documents\n")


def test_a_denial_is_exit_code_1_and_names_no_lease(budget: Engine) -> None:
    denied = reserve(budget, "--usd", "1.000001")
    assert denied.code == 1
    assert (denied.json["lease"], denied.json["reason"]) == (None, "HARD_LIMIT_EXCEEDED")
    assert denied.json["remaining_usd_micros"] == 1_000_000
    shown = budget(*ASK, "--usd", "1.000001")
    assert shown.code == 1
    assert shown.out.startswith(
        "DENY  HARD_LIMIT_EXCEEDED: 1 of 11 blocking checks failed: spend.usd_fits\n"
    )
    why = budget("explain", denied.json["decision_id"]).out
    assert re.search(r"FAIL +spend.usd_fits +false \(must be true\)", why), why


def test_released_it_is_all_there_again(budget: Engine) -> None:
    lease = lease_of(reserve(budget, "--usd", "1"))
    assert reserve(budget, "--usd", "0.01").code == 1
    assert budget("budget", "release", lease).out.startswith("released  ")
    assert reserve(budget, "--usd", "0.01").code == 0


def test_status_before_the_first_use_says_the_limits_and_makes_nothing(engine: Engine) -> None:
    limits = {"ENGINE_BUDGET_DAILY_USD": "5"}
    done = engine("budget", "status", **limits)
    assert (done.code, "0.00 of 5.00" in done.out) == (0, True)
    assert list(Path.cwd().iterdir()) == []
    assert engine("budget", "status").code == 2
    assert engine("decide", "-", stdin=engine("example", "promote").out.encode()).code == 0
    Path(".engine/ledger.db").unlink()
    gone = engine("budget", "status", **limits)
    assert (gone.code, gone.out) == (4, "")


def test_status_says_what_is_left(budget: Engine) -> None:
    lease = lease_of(reserve(budget, "--usd", "0.25"))
    reserve(budget, "--usd", "0.25")
    budget("budget", "settle", lease, "--usd", "0.30", "--tokens", "7")
    shown = budget("budget", "status").out
    assert "1 open leases" in shown
    assert "USD      0.55 of 1.00 (55 %): settled 0.30, held 0.25" in shown
    (daily,) = budget("budget", "status", "--format", "json").json["budgets"]
    assert daily["left"] == {"requests": None, "tokens": None, "usd_micros": 450_000}
    nothing = budget("budget", "status", "--day", "2020-01-01")
    assert (nothing.code, "no budget has anything on 2020-01-01" in nothing.err) == (2, True)


def test_what_is_past_its_budget_is_recorded_and_said(budget: Engine) -> None:
    lease = lease_of(reserve(budget, "--usd", "0.90"))
    over = budget("budget", "settle", lease, "--usd", "1.25", "--format", "json")
    assert over.json["overrun"]["usd_micros"] == 250_000
    assert "past budget daily by 0.25 USD" in over.err
    assert reserve(budget, "--usd", "0").json["reason"] == "HARD_LIMIT_EXCEEDED"
    assert "overrun 0.25" in budget("budget", "status").out


def test_a_providers_usage_is_priced(budget: Engine) -> None:
    lease = lease_of(reserve(budget, "--tokens", "5000"))
    usage = b'{"prompt_tokens": 4000, "completion_tokens": 500}'
    settled = budget("budget", "settle", lease, "--usage", "-", "--format", "json", stdin=usage)
    assert settled.json["used"] == {"requests": 1, "tokens": 4500, "usd_micros": 15_000}


def test_limits_come_from_the_environment_too(engine: Engine) -> None:
    denied = engine(*ASK, "--usd", "1", "--format", "json")
    assert (denied.code, denied.json["reason"]) == (1, "NO_LIMIT")
    denied = engine(*ASK, "--usd", "1", "--format", "json", ENGINE_BUDGET_DAILY_USD="5")
    assert denied.json["reason"] == "UNKNOWN_PRICE"
    denied = engine(*ASK, "--usd", "0", "--format", "json", ENGINE_BUDGET_DAILY_USD="0")
    assert denied.json["remaining_usd_micros"] == 0


def test_where_the_profile_takes_it_a_callers_word_stands_in_for_a_price(budget: Engine) -> None:
    Path("policies/limits/own").mkdir(parents=True)
    Path("policies/limits/own/data.yaml").write_text(
        "extends: default\ndescription: mine\ndeclared_cost: allow\nchecks: {}\n"
    )
    flags = ("--usd", "0.5", "--format", "json")
    new = ("budget", "reserve", "--provider", "acme", "--model", "new", *flags)
    assert budget(*new).json["reason"] == "UNKNOWN_PRICE"
    assert budget(*new, "--profile", "own").json["verdict"] == "ALLOW"


def test_the_ledger_lists_verifies_and_replays_leases(budget: Engine) -> None:
    lease = lease_of(reserve(budget, "--usd", "0.05"))
    budget("budget", "settle", lease, "--usd", "0.05")
    budget("budget", "release", lease_of(reserve(budget, "--usd", "0.05")))
    listed = budget("ledger", "log", "--format", "jsonl").out.splitlines()
    rows = [json.loads(line) for line in listed]
    assert [row["kind"] for row in rows[:4]] == [
        *("budget-released", "decision", "budget-settled", "decision")
    ]
    assert rows[2]["id"] == rows[3]["id"] == lease
    assert all(row["at"] for row in rows)
    assert budget("ledger", "verify", "--signatures").code == 0
    assert budget("replay").out == "2 decisions replayed, byte for byte the same\n"
    budget("export", lease, "-o", "lease.json")
    verified = budget(
        "verify", "lease.json", "--key", ".engine/keys/engine.pub.pem", "--require", "ALLOW"
    )
    assert verified.code == 0


def test_a_state_that_somebody_changed_is_exit_code_4(budget: Engine) -> None:
    lease_of(reserve(budget, "--usd", "0.9"))
    database = sqlite3.connect(".engine/ledger.db")
    database.execute("UPDATE state SET body = CAST(replace(body, '900000', '0') AS BLOB)")
    database.commit()
    database.close()
    found = budget("budget", "verify")
    assert found.code == 4
    assert "budget daily on" in found.err
    assert "lease 0" in found.err


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (("budget",), "ACTION"),
        (("budget", "reserv"), "did you mean 'reserve'"),
        (("budget", "reserve", "--provider", "a"), "--model"),
        ((*ASK, "--usd", "0,05"), "is not an amount of US dollars"),
        ((*ASK, "--usd", "1e3"), "is not an amount of US dollars"),
        ((*ASK, "--usd", "0.0000001"), "more than 6 decimals"),
        ((*ASK, "--usd", "-1"), "--usd"),
        ((*ASK, "--tokens", "many"), "is not a whole number"),
        ((*ASK, "--ttl", "0"), "a lease of 0 s"),
        ((*ASK, "--usd", "1", "--requests", "0"), "requests: '0'"),
        ((*ASK, "--usd", "1", "--team", "a b"), "team 'a b'"),
        ((*ASK, "--usd", "1", "--profile", "defalt"), "did you mean 'default'"),
        ((*ASK, "--usd", "1", "--ledger", "run:"), "forgets what was spent"),
        (("budget", "settle", "01234567"), "what was used is missing"),
        (("budget", "settle", "01234567", "--usd", "1"), "01234567"),
        (("budget", "release", "01234567"), "01234567"),
        (("budget", "status", "--day", "today"), "is no day"),
    ],
)
def test_a_wrong_call_says_what_is_wrong(budget: Engine, argv: tuple[str, ...], words: str) -> None:
    refused = budget(*argv)
    assert refused.code == 2
    assert words in refused.err


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("budget_daily_usd = -1", "budget_daily_usd: '-1' is not an amount"),
        ('budget_daily_usd = "much"', "budget_daily_usd: 'much' is not an amount"),
        ("budget_daily_tokens = 1.5", "budget_daily_tokens: '1.5' is not a whole number"),
        ("budget_daily_usd = true", "bool where str is expected"),
        ('budget_time_zone = "Vienna"', "'Vienna' is no time zone"),
    ],
)
def test_a_wrong_setting_is_named(engine: Engine, line: str, words: str) -> None:
    Path("engine.toml").write_text(line + "\n")
    refused = engine(*ASK, "--usd", "1")
    assert refused.code == 2
    assert words in refused.err


def test_none_is_no_limit_once_it_is_said(budget: Engine) -> None:
    Path("engine.toml").write_text(
        'policies = "policies"\nbudget_daily_usd = "none"\nbudget_daily_requests = 1\n'
    )
    assert reserve(budget, "--usd", "1000000").json["remaining_usd_micros"] is None
    assert reserve(budget, "--usd", "1").json["reason"] == "HARD_LIMIT_EXCEEDED"


def test_a_row_that_is_renamed_or_a_setting_that_is_unset_ends_no_limit_of_today(
    budget: Engine,
) -> None:
    """INV-BUDGET-14, and what was granted so is verified: also under a limit that stayed."""
    Path("engine.toml").write_text('policies = "policies"\n')

    def rows(folder: str, name: str, usd: int) -> tuple[str, str]:
        Path(folder, "prices").mkdir(parents=True)
        Path(folder, "prices/data.yaml").write_text(PRICES)
        Path(folder, "budgets").mkdir()
        row = f"{{id: {name}, match: {{team: search}}, usd: {usd}, tokens: none, requests: none}}"
        Path(folder, "budgets/data.yaml").write_text(f"budgets:\n  - {row}\n")
        return "--policies", folder

    spent = ("--team", "search", "--usd", "1")
    lease_of(reserve(budget, *spent, *rows("p1", "search", 2)))
    lease_of(reserve(budget, *spent, *rows("p2", "search", 50)))
    renamed = reserve(budget, *spent, *rows("p3", "search2", 50))
    assert (renamed.code, renamed.json["budgets"]) == (1, ["search", "search2"])
    assert renamed.json["fix"].startswith(f"budget 'search' counts until {renamed.json['day']} is ")
    assert "with its limit of that day (2.00 USD)" in renamed.json["fix"]
    other = ("--team", "other", "--usd", "1", "--policies", "p5")
    rows("p5", "all", 50)
    Path("p5/budgets/data.yaml").write_text(
        "budgets:\n  - {id: all, match: {}, usd: 50, tokens: none, requests: none}\n"
    )
    Path("engine.toml").write_text("budget_daily_usd = 1.00\n")
    lease_of(reserve(budget, *other))
    for usd in (1, 50):
        Path("engine.toml").write_text(f"budget_daily_usd = {usd}.00\n")
        assert reserve(budget, *other).code == 1
    Path("engine.toml").write_text("")
    unset = reserve(budget, *other)
    assert (unset.code, unset.json["budgets"]) == (1, ["all", "daily"])
    assert "budget 'daily' counts until" in unset.json["fix"]
    assert (budget("budget", "verify").code, budget("conform").code) == (0, 0)

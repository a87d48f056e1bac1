"""Prices, history, forecast and invoices, as a person asks for them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from engine.model import Json
from tests.cli.conftest import Answer, Engine

PRICED = {
    "litellm_provider": "acme",
    "input_cost_per_token": 2.5e-06,
    "output_cost_per_token": 1e-05,
}
MAP = {
    "sample_spec": {"litellm_provider": "one of", "input_cost_per_token": 0.0},
    "acme/large": PRICED,
    "acme/image": {"litellm_provider": "acme", "output_cost_per_image": 0.06},
    "acme/gift": {**PRICED, "input_cost_per_token": 0, "output_cost_per_token": 0},
    "other": {**PRICED, "litellm_provider": "other", "input_cost_per_token_above_200k_tokens": 1},
}
DAILY = {"ENGINE_BUDGET_DAILY_USD": "1", "ENGINE_POLICIES": "policies"}


def priced(engine: Engine, *flags: str) -> Answer:
    Path("map.json").write_text(json.dumps(MAP))
    return engine("budget", "import-prices", "map.json", "-o", "policies", *flags)


def spent(engine: Engine, usd: str = "0.25") -> Json:
    """A lease that was settled; what reserve said."""
    priced(engine, "--from", "2026-01-01")
    command = ("budget", "reserve", "--provider", "acme", "--model", "large", "--usd", "0.4")
    lease = engine(*command, "--tokens", "100", "--format", "json", **DAILY).json
    answer = engine("budget", "settle", lease["lease"], "--usd", usd, "--tokens", "90", **DAILY)
    assert answer.code == 0, answer.err
    return lease


def test_prices_are_imported_and_then_known(engine: Engine) -> None:
    answer = priced(engine, "--from", "2026-01-01")

    assert (answer.code, answer.out) == (
        0,
        "wrote policies/prices/data.yaml: 2 in it, 2 new or changed\n",
    )
    assert answer.err.splitlines() == [
        "prices taken: 2",
        "1 of them have several prices (by length of the prompt, say), "
        "and the dearest was taken: other",
        "1 not taken, at a price of 0 (--free): acme/gift",
        "1 not taken, it also costs output_cost_per_image, which is not by the token: acme/image",
    ]
    assert Path("policies/prices/data.yaml").read_text() == (
        "# Written by `engine budget import-prices`, last with prices from 2026-01-01.\n"
        "# US dollars per million tokens, of searches per thousand, from a day on.\n"
        "prices:\n"
        '  - {provider: "acme", model: "large", from: "2026-01-01", input: "2.50", '
        'output: "10.00"}\n'
        '  - {provider: "other", model: "other", from: "2026-01-01", input: "1000000.00", '
        'output: "10.00"}\n'
    )
    command = ("budget", "reserve", "--provider", "acme", "--model", "large", "--tokens", "1000")
    known = engine(*command, "--format", "json", **DAILY)
    assert (known.code, known.json["remaining_usd_micros"]) == (0, 990_000)
    unknown = engine(*command[:-3], "image", "--tokens", "1000", "--format", "json", **DAILY)
    assert (unknown.code, unknown.json["reason"]) == (1, "UNKNOWN_PRICE")


def test_the_next_import_adds_what_changed(engine: Engine) -> None:
    priced(engine, "--from", "2026-01-01")
    answer = priced(engine, "--from", "2026-02-01")
    assert answer.out == "wrote policies/prices/data.yaml: 2 in it, 0 new or changed\n"

    dearer = {"acme/large": {**PRICED, "output_cost_per_token": 2e-05}}
    stdin = json.dumps(dearer).encode()
    again = ("budget", "import-prices", "-", "-o", "policies", "--from", "2026-02-01")
    assert engine(*again, stdin=stdin).out.endswith(" 3 in it, 1 new or changed\n")
    assert 'from: "2026-02-01", input: "2.50", output: "20.00"' in (
        Path("policies/prices/data.yaml").read_text()
    )


def test_without_a_folder_the_list_is_printed(engine: Engine) -> None:
    Path("map.json").write_text(json.dumps(MAP))
    answer = engine("budget", "import-prices", "map.json", "--provider", "acme", "--free")

    assert answer.code == 0
    assert answer.out.count("\n  - {") == 2
    assert 'model: "gift", from: ' in answer.out
    assert not Path("policies").exists()


@pytest.mark.parametrize(
    ("text", "flags", "words"),
    [
        ("{}", (), "map.json: not a price map"),
        ("[1]", (), "map.json: not a price map"),
        ('{"a": 1, "a": 2}', (), "map.json:1:10: /a: "),
        ("", (), "the document is empty"),
        (json.dumps(MAP), ("--provider", "acmee"), "no price was taken\n  did you mean 'acme'?"),
        (json.dumps(MAP), ("--model", "x*"), "no price was taken"),
        (json.dumps(MAP), ("--from", "1.1.2026"), "'1.1.2026' is no day such as 2026-01-31"),
    ],
)
def test_a_map_that_gives_no_price_is_an_error(
    engine: Engine, text: str, flags: tuple[str, ...], words: str
) -> None:
    Path("map.json").write_text(text)
    answer = engine("budget", "import-prices", "map.json", "-o", "policies", *flags)

    assert answer.code == 2
    assert words in answer.err
    assert not Path("policies").exists()


def test_a_price_list_that_is_wrong_is_not_written_over(engine: Engine) -> None:
    priced(engine)
    file = Path("policies/prices/data.yaml")
    file.write_text("prices:\n  - {provider: acme}\n")
    answer = priced(engine)

    assert answer.code == 2
    assert "policies/prices/data.yaml:2:5: /prices/0: key 'model' is missing" in answer.err
    assert file.read_text() == "prices:\n  - {provider: acme}\n"


def test_history_draws_what_was_spent(engine: Engine) -> None:
    day = spent(engine)["day"]
    answer = engine("budget", "history", "--days", "3", **DAILY)
    lines = [line for line in answer.out.splitlines() if line.startswith(day)]

    assert answer.code == 0
    assert answer.out.startswith("spent a day, budget daily\n")
    assert lines[0].endswith("0.25 of 1.00 USD, 1 request, 90 tokens")
    assert "█" in lines[0]
    assert "\x1b" not in answer.out
    days = engine("budget", "history", "--days", "3", "--format", "json", **DAILY).json["days"]
    assert sum(row["usd_micros"] for row in days) == 250_000
    other = engine("budget", "history", "--model", "small", "--format", "json", **DAILY).json
    assert sum(row["usd_micros"] for row in other["days"]) == 0


def test_history_of_an_unknown_budget_names_the_nearest(engine: Engine) -> None:
    spent(engine)
    answer = engine("budget", "history", "--budget", "dialy", **DAILY)

    assert answer.code == 2
    assert "no grant from a budget 'dialy'\n  did you mean 'daily'?" in answer.err


def test_forecast_tells_today_and_the_days_to_come(engine: Engine) -> None:
    day = spent(engine)["day"]
    text = engine("budget", "forecast", **DAILY)
    forecast = engine("budget", "forecast", "--format", "json", **DAILY).json

    assert text.code == 0
    assert "the days to come" in text.out
    assert forecast["budget"] == "daily"
    assert forecast["today"]["day"] >= day
    assert forecast["today"]["limit_usd_micros"] in (1_000_000, None)
    assert {hour["projected"] for hour in forecast["today"]["hours"]} <= {True, False}


def test_an_invoice_that_agrees(engine: Engine) -> None:
    day = spent(engine)["day"]
    Path("i.csv").write_text(f"day,model,amount,tokens\n{day},large,0.25,90\n")
    answer = engine("budget", "reconcile", "i.csv", "--provider", "acme")

    assert (answer.code, answer.out) == (0, "invoice i.csv: 1 row, 0 differences\n")


def test_an_invoice_that_differs(engine: Engine) -> None:
    day = spent(engine)["day"]
    held = ("budget", "reserve", "--provider", "acme", "--model", "large", "--usd", "0.1")
    engine(*held, "--tokens", "5", **DAILY)
    rows = [
        {"date": day, "model": "large", "cost": "0.30", "provider": "acme"},
        {"date": day, "model": "huge", "cost": 2, "provider": "acme"},
    ]
    Path("i.json").write_text(json.dumps({"data": rows}, indent=1))
    answer = engine("budget", "reconcile", "i.json")

    assert answer.code == 1
    assert answer.out.splitlines() == [
        f"{day}  acme/huge: not in the ledger: billed 2 USD, recorded 0 USD, difference 2",
        f"{day}  acme/large: amount: billed 0.3 USD, recorded 0.25 USD, difference 0.05",
        "invoice i.json: 2 rows, 2 differences",
    ]
    assert "1 leases of these days were never settled" in answer.err
    lines = "\n".join(json.dumps(row) for row in rows).encode()
    report = engine("budget", "reconcile", "-", "--format", "json", stdin=lines).json
    assert report["unsettled_leases"] == 1
    assert report["findings"][1] == {
        "kind": "amount",
        "day": day,
        "provider": "acme",
        "model": "large",
        "unit": "usd",
        "billed": "0.3",
        "recorded": "0.25",
        "difference": "0.05",
    }
    loose = ("--tolerance-usd", "2", "--total")
    assert engine("budget", "reconcile", "i.json", *loose).code == 0


@pytest.mark.parametrize(
    ("text", "flags", "words"),
    [
        ("day,model,amount\n2026-01-01,x,y\n", ("--provider", "p"), "i:2: amount 'y' is none"),
        ('[{"day": "2026-01-01",\n"model": 1}]', ("--provider", "p"), "no column for the amount"),
        ('{"a": [], "b": []}', (), "several lists in it: a, b"),
        ('{"day": "x"}\n{"day": }\n', (), "i:2:9: "),
        ("day,model,amount\n", ("--column", "when=x"), "WHAT is one of day, model"),
        ("day,model,amount\n", ("--tolerance-usd", "-1"), "'-1' is not a number from 0"),
        ("\udcff", (), "is not UTF-8 text"),
    ],
)
def test_an_invoice_that_cannot_be_read_is_an_error(
    engine: Engine, text: str, flags: tuple[str, ...], words: str
) -> None:
    Path("i").write_bytes(text.encode(errors="surrogateescape"))
    answer = engine("budget", "reconcile", "i", *flags)

    assert answer.code == 2
    assert words in answer.err

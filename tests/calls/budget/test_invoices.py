from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.calls.budget.invoices import (
    InvoiceDifference,
    InvoiceRow,
    Tolerance,
    read_csv,
    read_objects,
    reconcile,
)
from engine.calls.budget.spending import LeasePurpose, LeaseSettlement, Spending
from engine.errors import DocumentError

DAY = "2026-11-20"


def recorded(*rows: tuple[str, str, int, int], provider: str = "acme") -> Spending:
    """What a ledger says: day, model, micro-dollars, tokens."""
    return Spending(
        settled=[
            LeaseSettlement(
                f"{day}T12:00:00Z",
                day,
                str(number),
                LeasePurpose(provider, model, "", (), ()),
                1,
                tokens,
                usd,
                0,
            )
            for number, (day, model, usd, tokens) in enumerate(rows)
        ]
    )


def billed(day: str, model: str, usd: str, tokens: int | None = None) -> InvoiceRow:
    return InvoiceRow(day, "acme", model, Decimal(usd), tokens, 2)


def csv(
    text: str, provider: str | None = "acme", columns: dict[str, str] | None = None
) -> list[InvoiceRow]:
    return read_csv("i.csv", text, provider, columns or {})


def test_csv_names_its_columns_in_any_order() -> None:
    text = (
        "model,Cost,DATE,total_tokens\nlarge,1.25,2026-11-20T00:00:00Z,7\n\nsmall,$2,2026-11-21,\n"
    )

    assert csv(text) == [
        InvoiceRow(DAY, "acme", "large", Decimal("1.25"), 7, 2),
        InvoiceRow("2026-11-21", "acme", "small", Decimal(2), None, 4),
    ]


def test_columns_of_other_names_can_be_named() -> None:
    text = "when;x\n"
    with pytest.raises(DocumentError, match=r"(?s)no column for the day.*there are: when;x"):
        csv(text)
    text = "when,what,sum,whose\n2026-11-20,large,1e-7,other\n"
    columns = {"day": "when", "model": "what", "amount": "sum", "provider": "whose"}
    assert csv(text, None, columns) == [InvoiceRow(DAY, "other", "large", Decimal("1e-7"), None, 2)]
    with pytest.raises(DocumentError, match="no column 'wen'\ndid you mean 'when'"):
        csv(text, None, {**columns, "day": "wen"})


def test_somebody_must_say_whose_invoice_it_is() -> None:
    text = "day,model,amount\n2026-11-20,large,1\n"
    with pytest.raises(DocumentError, match="whose invoice"):
        csv(text, None)


def test_json_rows_are_read_alike() -> None:
    rows = [(3, {"day": DAY, "model": "large", "amount": 1.25, "tokens": 7})]

    assert read_objects("i.json", rows, "acme", {}) == [
        InvoiceRow(DAY, "acme", "large", Decimal("1.25"), 7, 3)
    ]


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("20.11.2026,large,1,", "day '20.11.2026' is none such as 2026-01-31"),
        ("2026-02-30,large,1,", "day '2026-02-30' is none"),
        ("2026-11-20,large,one,", "amount 'one' is none such as 1.25"),
        ('2026-11-20,large,"1,250.00",', "amount '1,250.00' is none"),
        ("2026-11-20,large,nan,", "amount 'nan' is none"),
        ("2026-11-20,,1,", "no model"),
        ("2026-11-20,large,1,7.5", "tokens '7.5' is no whole number"),
        ("2026-11-20,large,1", "the row has not as many cells"),
    ],
)
def test_bad_rows_are_named_with_their_line(row: str, reason: str) -> None:
    text = f"day,model,amount,tokens\n{DAY},large,1,1\n{row}\n"
    with pytest.raises(DocumentError) as caught:
        csv(text)
    assert str(caught.value).startswith(f"i.csv:3: {reason}")


def test_all_bad_rows_are_named_up_to_ten() -> None:
    text = "day,model,amount\n" + f"{DAY},large,x\n" * 12
    with pytest.raises(DocumentError) as caught:
        csv(text)
    said = str(caught.value)
    assert all(f"i.csv:{line}:" in said for line in range(2, 12))
    assert "i.csv:12:" not in said
    assert "and 2 more" in said


def test_an_invoice_without_rows_is_refused() -> None:
    with pytest.raises(DocumentError, match="no row in it"):
        csv("day,model,amount\n")
    with pytest.raises(DocumentError, match="no column for the day"):
        csv("")


def test_the_same_in_both_is_no_finding() -> None:
    found = recorded((DAY, "large", 1_000_000, 5), (DAY, "large", 250_000, 2))

    assert reconcile([billed(DAY, "large", "1.25", 7)], found, Tolerance()) == []
    split = [billed(DAY, "large", "1", 3), billed(DAY, "large", "0.25", 4)]
    assert reconcile(split, found, Tolerance()) == []


def test_differences_are_findings() -> None:
    found = recorded((DAY, "large", 1_000_000, 5), (DAY, "mine", 500_000, 5))
    invoice = [billed(DAY, "large", "1.02", 6), billed(DAY, "theirs", "3")]

    assert reconcile(invoice, found, Tolerance()) == [
        InvoiceDifference("amount", DAY, "acme", "large", Decimal("1.02"), Decimal(1)),
        InvoiceDifference("tokens", DAY, "acme", "large", Decimal(6), Decimal(5)),
        InvoiceDifference("not on the invoice", DAY, "acme", "mine", Decimal(0), Decimal("0.5")),
        InvoiceDifference("not in the ledger", DAY, "acme", "theirs", Decimal(3), Decimal(0)),
    ]
    assert reconcile(invoice, found, Tolerance())[0].difference == Decimal("0.02")


@pytest.mark.parametrize(
    ("usd", "percent", "count"), [("0.02", "0", 0), ("0.019", "0", 1), ("0", "2", 0), ("0", "1", 1)]
)
def test_a_difference_within_the_tolerance_is_none(usd: str, percent: str, count: int) -> None:
    found = recorded((DAY, "large", 1_000_000, 5))
    tolerance = Tolerance(Decimal(usd), Decimal(percent))

    assert len(reconcile([billed(DAY, "large", "1.02")], found, tolerance)) == count


def test_only_the_invoices_days_and_providers_are_looked_at() -> None:
    found = recorded((DAY, "large", 1_000_000, 5), ("2026-11-25", "large", 9, 9))
    found.settled += recorded((DAY, "large", 7_000_000, 5), provider="other").settled

    assert reconcile([billed(DAY, "large", "1", 5)], found, Tolerance()) == []


def test_days_of_another_zone_can_be_added_up() -> None:
    found = recorded((DAY, "large", 400_000, 5), ("2026-11-21", "large", 600_000, 5))
    invoice = [billed(DAY, "large", "0.7"), billed("2026-11-21", "large", "0.3")]

    assert len(reconcile(invoice, found, Tolerance())) == 2
    assert reconcile(invoice, found, Tolerance(), total=True) == []


amounts = st.integers(0, 10**9)


@given(
    st.dictionaries(
        st.tuples(st.sampled_from([DAY, "2026-11-21"]), st.sampled_from("abc")), amounts, min_size=1
    )
)
def test_a_ledgers_own_invoice_has_no_difference(spent: dict[tuple[str, str], int]) -> None:
    found = recorded(*((day, model, usd, 3) for (day, model), usd in spent.items()))
    text = "day,model,amount,tokens\n" + "".join(
        f"{day},{model},{Decimal(usd) / 1_000_000:f},3\n" for (day, model), usd in spent.items()
    )

    assert reconcile(csv(text), found, Tolerance(Decimal(0), Decimal(0))) == []

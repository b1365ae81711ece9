"""Sections that move cash on a date."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from decimal import Decimal

import pytest

from quantmatrix.ingest.model import Instrument, Record, Transaction, TransactionType, Warning

Read = Callable[[str], list[Record]]


def rows(section: str, *texts: tuple[str, str], date_column: str = "Date") -> str:
    head = f"{section},Header,Currency,{date_column},Description,Amount,Code\n"
    return head + "".join(f'{section},Data,USD,2024-05-15,"{text}",{amount},\n' for text, amount in texts)


def transactions(records: list[Record]) -> list[Transaction]:
    return [r for r in records if isinstance(r, Transaction)]


@pytest.mark.parametrize(
    ("section", "text", "amount", "kind"),
    [
        (
            "Dividends",
            "A(US0000000001) Cash Dividend USD 0.25 per Share (Ordinary Dividend)",
            "5",
            "dividend",
        ),
        ("Dividends", "A (US0000000001) Cash Dividend 0.25 USD per Share (Mixed Income)", "5", "dividend"),
        ("Dividends", "A(US0000000001) Cash Dividend USD 0.25 per Share - Reversal", "-5", "dividend"),
        ("Dividends", "A(US0000000001) Cash Dividend USD 0.25 per Share (Bonus Dividend)", "5", "dividend"),
        ("Dividends", "A(US0000000001) Cash Dividend USD 1 (Return of Capital)", "5", "return_of_capital"),
        (
            "Dividends",
            "A(US0000000001) Payment in Lieu of Dividend (Ordinary Dividend)",
            "5",
            "payment_in_lieu",
        ),
        ("Dividends", "A(US0000000001) PAYMENT IN LIEU OF DIVIDEND - Reversal", "-5", "payment_in_lieu"),
        ("Dividends", "A(US0000000001) Long Term Capital Gain", "5", "capital_gain_distribution"),
        ("Dividends", "A(US0000000001) Cash in Lieu of Fractional Shares", "5", "cash_in_lieu"),
        ("Payment In Lieu Of Dividends", "A(US0000000001) whatever", "5", "payment_in_lieu"),
        (
            "Withholding Tax",
            "A(US0000000001) Cash Dividend USD 0.25 per Share - US Tax",
            "-1",
            "tax_withheld",
        ),
        ("Withholding Tax", "A(US0000000001) Cash Dividend USD 0.25 per Share - US Tax", "1", "tax_withheld"),
        ("871(m) Withholding", "A(US0000000001) 871(m)", "-1", "tax_withheld"),
        ("Interest", "USD Credit Interest for Jul-2025", "5", "interest"),
        ("Interest", "USD Debit Interest for Jul-2025", "-5", "interest"),
        ("Interest", "USD Borrow Fees for Jul-2025", "-5", "fee"),
        ("Interest", "USD IBKR Managed Securities (SYEP) Interest for Jul-2025", "5", "stock_lending_income"),
        ("Bond Interest Received", "X 6 1/4 03/15/26 (US912909AN84) Coupon", "5", "interest"),
        ("Fees", "S*******123:Global Snapshot PNP for Jan 2025", "-1", "fee"),
        ("Commission Adjustments", "Refund (KWEB, 5, 2025-03-03)", "1", "fee"),
        ("Deposits & Withdrawals", "Electronic Fund Transfer", "5", "deposit"),
        ("Deposits & Withdrawals", "Disbursement Initiated by Ada Example", "-5", "withdrawal"),
        (
            "Deposits & Withdrawals",
            "Adjustment: Cancellation (First 1,000.00 of 5,000.00)",
            "-5",
            "withdrawal",
        ),
    ],
)
def test_types(read_ibkr: Read, section: str, text: str, amount: str, kind: str) -> None:
    (made,) = transactions(read_ibkr(rows(section, (text, amount))))
    assert made.type.value == kind
    assert (made.gross_amount, made.net_amount) == (Decimal(amount), Decimal(amount))
    assert (made.executed_at, made.trade_date, made.quantity) == (None, date(2024, 5, 15), None)
    assert made.description == text


@pytest.mark.parametrize(
    ("text", "key", "identifiers"),
    [
        ("BRK B(US0846707026) Cash Dividend", "stock|BRK.B|USD", {"isin": "US0846707026"}),
        ("A(084670702) Cash Dividend", "stock|A|USD", {"cusip": "084670702"}),
        ("A(78462F103) Cash Dividend", "stock|A|USD", {"cusip": "78462F103"}),
        ("A(265598) Cash Dividend", "stock|A|USD", {"conid": "265598"}),
        ("A(554208352) Cash Dividend", "stock|A|USD", {"conid": "554208352"}),
        ("A(594918104) Cash Dividend", "stock|A|USD", {}),
    ],
)
def test_the_head_of_the_text_names_the_instrument(
    read_ibkr: Read, text: str, key: str, identifiers: dict[str, str]
) -> None:
    records = read_ibkr(rows("Dividends", (text, "1")))
    assert [t.instrument for t in transactions(records)] == [key]
    assert [(i.key, i.identifiers) for i in records if isinstance(i, Instrument)] == [(key, identifiers)]


@pytest.mark.parametrize(
    "text",
    [
        "USD Credit Interest",
        "USD IBKR Managed Securities (SYEP) Interest",
        "Refund (KWEB, 5, 2025-03-03)",
        "",
    ],
)
def test_other_texts_name_none(read_ibkr: Read, text: str) -> None:
    (made,) = transactions(read_ibkr(rows("Interest", (text, "1"))))
    assert made.instrument is None


def test_a_dividend_in_another_currency_belongs_to_the_stock_that_is_traded(read_ibkr: Read) -> None:
    trades = (
        "Trades,Header,DataDiscriminator,Asset Category,Currency,Symbol,Date/Time,Quantity,T. Price,"
        "Proceeds,Comm/Fee,Code\n"
        'Trades,Data,Order,Stocks,CAD,A,"2024-03-04, 10:00:00",1,1,-1,0,O\n'
    )
    made = transactions(read_ibkr(trades + rows("Dividends", ("A(US0000000001) Cash Dividend", "1"))))
    assert [(t.instrument, t.currency) for t in made] == [("stock|A|CAD", "CAD"), ("stock|A|CAD", "USD")]


def test_what_needs_an_instrument_and_names_none_is_other(read_ibkr: Read) -> None:
    records = read_ibkr(rows("Dividends", ("something (Return of Capital)", "1")))
    assert [t.type for t in transactions(records)] == [TransactionType.OTHER]
    assert [(w.line, w.column) for w in records if isinstance(w, Warning)] == [(7, "Description")]


def test_texts_tell_equal_amounts_apart_but_masks_and_blanks_do_not(read_ibkr: Read) -> None:
    made = transactions(
        read_ibkr(
            rows("Fees", ("S*******123:Snapshot  for Jan", "-1"), ("Snapshot for Jan", "-1"), ("Other", "-1"))
        )
    )
    assert [t.fingerprint for t in made] == ["Snapshot for Jan", "Snapshot for Jan", "Other"]
    assert made[0].description == "S*******123:Snapshot for Jan"


def test_charge_and_refund_are_two_rows(read_ibkr: Read) -> None:
    made = transactions(read_ibkr(rows("Fees", ("Snapshot", "-1.5"), ("Snapshot", "1.5"))))
    assert [t.net_amount for t in made] == [Decimal("-1.5"), Decimal("1.5")]


@pytest.mark.parametrize("column", ["Date", "Settle Date", "Date/Time"])
def test_names_of_the_date_column(read_ibkr: Read, column: str) -> None:
    (made,) = transactions(read_ibkr(rows("Deposits & Withdrawals", ("Wire", "1"), date_column=column)))
    assert made.trade_date == date(2024, 5, 15)


def test_accruals_are_no_cash(read_ibkr: Read) -> None:
    records = read_ibkr(
        "Change in Dividend Accruals,Header,Asset Category,Currency,Symbol,Date\n"
        "Change in Dividend Accruals,Data,Stocks,USD,A,2024-05-10\n"
        "Transaction Fees,Header,Asset Category,Currency,Date/Time,Symbol,Description,Amount\n"
        'Transaction Fees,Data,Stocks,GBP,"2024-05-10, 10:00:00",A,UK Stamp Tax,-7.48\n'
    )
    assert not [r for r in records if isinstance(r, Transaction | Warning)]

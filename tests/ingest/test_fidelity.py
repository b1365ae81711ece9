"""Fidelity: rows of employer plans, journals within an account, the account's own cash."""

from __future__ import annotations

from decimal import Decimal

import pytest

from quantmatrix.ingest.fidelity import FidelityParser
from quantmatrix.ingest.model import Instrument, Record, Refusal, Statement, Transaction
from quantmatrix.ingest.model import TransactionType as T
from quantmatrix.testing.conformance import hold_together, records_of
from quantmatrix.testing.parsing import only, reasons, these

HEADER = (
    "\n\nRun Date,Account,Account Number,Action,Symbol,Description,Type,Price ($),Quantity,Commission ($),"
    "Fees ($),Accrued Interest ($),Amount ($),Settlement Date\n"
)


def rows(*lines: str) -> list[Record]:
    records = records_of(FidelityParser, HEADER + "\n".join(lines) + "\n")
    hold_together(records)
    return records


def plan(action: str, units: str, amount: str, quantity: str = "") -> list[Record]:
    return rows(
        f'11/26/2025,"ACME 401K","12345","{action}",,"FID 500 INDEX",,{units},{quantity},,,,{amount},,'
    )


def book(records: list[Record]) -> list[tuple[object, ...]]:
    return [these(t.type, t.quantity, t.net_amount) for t in only(records, Transaction)]


def test_a_contribution_is_money_and_the_units_that_it_buys() -> None:
    records = plan("Contributions", "2.435", "576.9")
    assert book(records) == [
        (T.DEPOSIT, None, Decimal("576.9")), (T.BUY, Decimal("2.435"), Decimal("-576.9")),
    ]  # fmt: skip
    [fund] = only(records, Instrument)
    assert (fund.symbol, fund.type.value) == ("FID 500 INDEX", "fund")
    assert "units in this column" in reasons(records, 4)


@pytest.mark.parametrize(
    ("action", "units", "amount", "expected"),
    [
        ("Dividend", "0.278", "101.3", [(T.DIVIDEND, None, "101.3"), (T.REINVEST, "0.278", "-101.3")]),
        ("Contributions", "-1", "-50", [(T.WITHDRAWAL, None, "-50"), (T.SELL, "-1", "50")]),
        ("Withdrawals", "-2", "-100", [(T.WITHDRAWAL, None, "-100"), (T.SELL, "-2", "100")]),
        ("RECORDKEEPING FEE", "-0.1", "-5", [(T.FEE, None, "-5"), (T.SELL, "-0.1", "5")]),
        ("Exchange In", "2", "100", [(T.BUY, "2", "-100")]),
        ("Exchange Out", "-2", "-100", [(T.SELL, "-2", "100")]),
        ("Transfer", "0.000", "0.00", []),
    ],
)
def test_what_else_a_plan_does(
    action: str, units: str, amount: str, expected: list[tuple[T, str | None, str]]
) -> None:
    assert book(plan(action, units, amount)) == [
        (kind, quantity and Decimal(quantity), Decimal(net)) for kind, quantity, net in expected
    ]


def test_a_quantity_counts_where_price_and_amount_agree_with_it() -> None:
    assert book(plan("Contributions", "50", "100", quantity="2"))[1] == (T.BUY, 2, -100)
    [refusal] = only(plan("Contributions", "50", "130", quantity="2"), Refusal)
    assert "2 times 50 is not 130" in refusal.reason


@pytest.mark.parametrize(
    ("action", "units", "amount"), [("Transfer", "3.5", "70"), ("Contributions", "3.5", "")]
)
def test_units_that_nobody_understands_are_refused_with_units_and_money(
    action: str, units: str, amount: str
) -> None:
    [refusal] = only(plan(action, units, amount), Refusal)
    assert "3.5 units" in refusal.reason
    assert (amount or "0") in refusal.reason


def test_the_name_of_an_account_says_its_kind() -> None:
    lines = [
        f'11/26/2025,"{name}","Z{at}","DIRECT DEPOSIT (Cash)",,"No Description",Cash,,0,,,,5,'
        for at, name in enumerate(
            ("ACME 401K", "Health Savings Account", "Roth IRA", "Rollover IRA", "Joint WROS")
        )
    ]
    told = [s for s in only(rows(*lines), Statement) if s.account]
    assert [s.account_type for s in told if s.account_name] == ["401k", "hsa", "roth_ira", "ira", None]


def test_journals_within_an_account_have_no_effect() -> None:
    journal = (
        '01/02/2026,"Individual","Z1","JOURNALED JNL VS A/C TYPES ({}) (VTI)",{},"VANGUARD",{},,{},,,,{},'
    )
    records = rows(
        journal.format("Cash", "", "Cash", "0.000", "10.01"),
        journal.format("Margin", "", "Margin", "0.000", "-10.01"),
        journal.format("Cash", "VTI", "Cash", "-5", ""),
        journal.format("Margin", "VTI", "Margin", "5", ""),
        journal.format("Margin", "VTI", "Margin", "6", ""),
    )
    assert book(records) == [(T.TRANSFER_IN, 6, 0)]
    assert "6 of VTI" in reasons(records, 8)


@pytest.mark.parametrize("symbol", ["SPAXX", "31617H102", "999999XX9"])
def test_the_core_account_is_cash_by_ticker_cusip_and_name(symbol: str) -> None:
    records = rows(
        f'01/02/2026,"Individual","Z1","REINVESTMENT FIDELITY GOVERNMENT ({symbol}) (Cash)",{symbol},'
        '"FIDELITY GOVERNMENT MONEY MARKET",Cash,1,0.04,,,,-0.04,'
    )
    assert book(records) == []

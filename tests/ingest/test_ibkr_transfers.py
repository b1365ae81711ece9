"""Securities that come or go without a trade."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from decimal import Decimal

import pytest

from quantmatrix.ingest.model import Link, Record, Refusal, Transaction, Warning

Read = Callable[[str], list[Record]]

HEADER = (
    "Transfers,Header,Asset Category,Currency,Account,Symbol,Date,Type,Direction,Xfer Company,Xfer Account,"
    "Qty,Xfer Price,Market Value,Realized P/L,Cash Amount,Code\n"
)


def transfer(
    symbol: str,
    quantity: str,
    direction: str,
    cash: str = "0.00",
    *,
    category: str = "Stocks",
    how: str = "ACATS",
    account: str = "",
) -> str:
    return (
        f"Transfers,Data,{category},USD,{account},{symbol},2024-01-05,{how},{direction},--,118000,"
        f'"{quantity}",--,"37,100.00",0.00,{cash},\n'
    )


def transactions(records: list[Record]) -> list[Transaction]:
    return [r for r in records if isinstance(r, Transaction)]


def test_positions_come_without_cost(read_ibkr: Read) -> None:
    (came,) = transactions(read_ibkr(HEADER + transfer("BRK B", "2,500", "In")))
    assert (came.type.value, came.instrument, came.quantity) == (
        "transfer_in",
        "stock|BRK.B|USD",
        Decimal(2500),
    )
    assert (came.price, came.gross_amount, came.net_amount, came.terms) == (None, None, Decimal(0), None)
    assert (came.executed_at, came.trade_date) == (None, date(2024, 1, 5))


def test_a_reversal_is_an_out_row(read_ibkr: Read) -> None:
    records = read_ibkr(HEADER + transfer("A", "10", "In") + transfer("A", "-10", "Out"))
    assert [(t.type.value, t.quantity) for t in transactions(records)] == [
        ("transfer_in", Decimal(10)),
        ("transfer_out", Decimal(-10)),
    ]
    assert not [r for r in records if isinstance(r, Warning | Link)]


def test_the_sign_decides_against_the_direction(read_ibkr: Read) -> None:
    records = read_ibkr(HEADER + transfer("A", "-10", "In") + transfer("A", "10", "-"))
    assert [t.type.value for t in transactions(records)] == ["transfer_out", "transfer_in"]
    assert [(w.line, w.column) for w in records if isinstance(w, Warning)] == [(7, "Direction")]


@pytest.mark.parametrize(("amount", "kind"), [("500.00", "deposit"), ("-500.00", "withdrawal")])
def test_cash(read_ibkr: Read, amount: str, kind: str) -> None:
    (moved,) = transactions(read_ibkr(HEADER + transfer("--", "--", "In", amount, category="Cash")))
    assert (moved.type.value, moved.instrument, moved.net_amount) == (kind, None, Decimal(amount))


def test_a_position_with_cash_is_two_transactions_of_one_line(read_ibkr: Read) -> None:
    made = transactions(read_ibkr(HEADER + transfer("A", "10", "In", "5.00")))
    assert [(t.line, t.part, t.type.value) for t in made] == [(7, 0, "transfer_in"), (7, 1, "deposit")]


def test_nothing_at_all_is_refused(read_ibkr: Read) -> None:
    records = read_ibkr(HEADER + transfer("A", "--", "In", "--"))
    assert [(r.line, r.column) for r in records if isinstance(r, Refusal)] == [(7, "Qty")]


def test_legs_between_two_accounts_of_one_statement_are_tied(read_ibkr: Read) -> None:
    records = read_ibkr(
        HEADER
        + transfer("A", "10", "In", how="Internal", account="U1")
        + transfer("A", "-10", "Out", how="Internal", account="U1")
        + transfer("A", "-10", "Out", how="Internal", account="U2")
    )
    assert [(r.kind.value, r.from_line, r.to_line) for r in records if isinstance(r, Link)] == [
        ("transfer", 9, 7)
    ]

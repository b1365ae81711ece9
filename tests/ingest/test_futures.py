"""Futures in files: sizes and exchanges, results with their sign, settlements, last days, options on them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from quantmatrix.ingest.futures import (
    Settled,
    Sizes,
    known_exchange,
    known_size,
    root_of,
    settled_result,
    size_of,
)
from quantmatrix.ingest.model import Instrument, Link, PositionEffect, Record, Transaction, Warning
from quantmatrix.ingest.model import TransactionType as T
from quantmatrix.ingest.tastytrade import TastytradeParser
from quantmatrix.testing.parsing import only, parse, these

HEADER = (
    "Date,Type,Sub Type,Action,Symbol,Instrument Type,Description,Value,Quantity,Average Price,"
    "Commissions,Fees,Multiplier,Root Symbol,Underlying Symbol,Expiration Date,Strike Price,Call or Put,"
    "Order #,Currency\n"
)
START = datetime(2024, 3, 5, 15, tzinfo=UTC)


def read(*rows: str) -> list[Record]:
    return parse(TastytradeParser, HEADER + "".join(f"{row}\n" for row in rows))


def traded(minute: int, side: str, symbol: str, price: str, value: str, size: str = "") -> str:
    verb = "Bought" if side == "Buy" else "Sold"
    return (
        f"2024-03-05T10:{minute:02}:00-0500,Trade,{side},{side.upper()},{symbol},Future,"
        f"{verb} 1 {symbol} @ {price},{value},1,{value},-1.25,-0.30,{size},,,,,,7,USD"
    )


def settled(day: int, symbol: str, value: str, text: str) -> str:
    return (
        f"2024-03-{day:02}T17:00:00-0500,Money Movement,Mark to Market,,{symbol},,{text},{value},0,,0.00,"
        "0.00,,,,,,,,USD"
    )


def at(minute: int, quantity: int, price: str | None, cash: str) -> Settled:
    when = START + timedelta(minutes=minute)
    return Settled(when, Decimal(quantity), Decimal(price) if price else None, Decimal(cash))


@pytest.mark.parametrize(
    ("symbol", "root"), [("/CLJ4", "CL"), ("MESU26", "MES"), ("/6EM4", "6E"), ("/ES", None), ("AAPL", None)]
)
def test_a_contract_names_its_product(symbol: str, root: str | None) -> None:
    assert root_of(symbol) == root


def test_what_is_known_of_a_product_holds_for_each_of_its_contracts() -> None:
    assert these(known_size("/CLJ4"), known_exchange("CLZ26")) == (1000, "NYMEX")
    assert (known_size("/ZZZ4"), known_exchange("/ZZZ4")) == (None, None)


def test_the_size_is_what_a_round_trip_shows_whatever_was_settled_between() -> None:
    sizes = Sizes()
    for row in (
        at(3, -1, "101.50", "20"),
        at(0, 1, "101.00", "0"),
        at(1, 0, None, "15"),
        at(2, 0, None, "15"),
    ):
        sizes.note("/ZZH5", row)
    assert sizes.of("/ZZH5") == 100
    assert sizes.of("/ZZM5") == 100
    assert sizes.of("/YYM5") is None


@pytest.mark.parametrize(
    "rows",
    [
        [at(0, 1, "101", "0")],
        [at(0, 1, "101", "0"), at(1, -1, "101", "0")],
        [at(0, -1, "101", "40"), at(1, 1, "100", "0")],
        [at(0, 1, "101", "0"), at(1, -1, None, "50")],
        [at(0, 1, "101", "0"), at(1, -1, "102", "-50")],
    ],
    ids=["open", "at the same price", "opened before the file", "without a price", "against the prices"],
)
def test_no_size_is_guessed(rows: list[Settled]) -> None:
    sizes = Sizes()
    for row in rows:
        sizes.note("/ZZH5", row)
    assert sizes.of("/ZZH5") is None


def test_what_a_contract_is_worth_shows_its_size() -> None:
    assert size_of(Decimal(-2), Decimal("5950"), Decimal("59500")) == 5
    assert size_of(Decimal(1), Decimal("101250"), Decimal("10125")) == Decimal("0.1")
    assert size_of(Decimal(1), Decimal("3"), Decimal("10")) is None


def test_cash_beyond_the_costs_is_a_result_unless_it_is_the_worth() -> None:
    costs, worth = Decimal("-1.22"), Decimal("-59500")
    assert settled_result(Decimal("-1.22"), costs, worth) is None
    assert settled_result(Decimal("-59501.22"), costs, worth) is None
    assert settled_result(Decimal("98.78"), costs, worth) == 100
    assert settled_result(None, costs, worth) is None


def test_a_closing_row_keeps_the_sign_of_its_result() -> None:
    records = read(
        traded(2, "Buy", "/ZZM4", "79.80", "-30.00", size="1"),
        traded(1, "Sell", "/ZZM4", "79.50", "0.00", "1"),
    )
    bought, sold = only(records, Transaction)
    assert these(bought.type, bought.gross_amount, bought.net_amount) == (T.BUY, -30, Decimal("-31.55"))
    assert these(sold.type, sold.gross_amount, sold.net_amount) == (T.SELL, 0, Decimal("-1.55"))
    assert {bought.position_effect, sold.position_effect} == {PositionEffect.AUTO}
    [future] = only(records, Instrument)
    assert future.multiplier == 100


def test_a_settlement_is_about_the_contract_that_its_text_names() -> None:
    named, texted, lost = (
        settled(7, "/CLJ4", "30.00", "mark to market"),
        settled(6, "", "-20.00", "/CLJ4 mark to market at 79.10"),
        settled(5, "", "10.00", "mark to market"),
    )
    records = read(named, texted, lost)
    rows = only(records, Transaction)
    assert [(row.type, row.instrument) for row in rows] == [
        (T.OTHER, "future|/CLJ4|USD"), (T.OTHER, "future|/CLJ4|USD"), (T.OTHER, None),
    ]  # fmt: skip
    [warning] = [w for w in only(records, Warning) if "settlement" in w.reason]
    assert (warning.line, "names no contract" in warning.reason) == (4, True)


def test_an_option_on_a_future_delivers_one() -> None:
    moment = "2024-12-17T15:00:00-0600,Receive Deliver"
    records = read(
        f"{moment},Exercise,,./MESH5EX3Z4  241217C6000,Future Option,Removal due to exercise.,0.00,2,0.00,"
        "--,0.00,1,,/MESH5,12/17/24,6000,CALL,,USD",
        f"{moment},Buy,BUY,/MESH5,Future,Bought 2 /MESH5 @ 6000.00,0.00,2,0.00,0.00,-0.74,,,,,,,,USD",
    )
    [link] = only(records, Link)
    assert (link.from_line, link.to_line) == (2, 3)
    assert {i.symbol: i.multiplier for i in only(records, Instrument)} == {
        "/MESH5": 5, "./MESH5 EX3Z4 241217C6000": 5,
    }  # fmt: skip


def test_a_future_ends_with_what_its_last_day_settles() -> None:
    [row] = only(
        read(
            "2024-03-15T17:00:00-0500,Receive Deliver,Expiration,,/MESH4,Future,Removal due to expiration.,"
            "-12.50,1,0.00,--,0.00,,,,,,,,USD"
        ),
        Transaction,
    )
    assert row.terms is not None
    assert these(row.type, row.gross_amount, row.quantity) == (T.OPTION_EXPIRATION, Decimal("-12.50"), None)
    assert these(row.terms.stated_quantity, row.terms.exercise_settlement) == (1, None)

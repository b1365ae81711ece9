"""simple_csv: the user's own file."""

from __future__ import annotations

import io
from datetime import UTC, date, datetime
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quantmatrix.ingest.model import (
    FileRefused,
    Instrument,
    Link,
    LinkKind,
    Options,
    PositionEffect,
    Record,
    Refusal,
    Statement,
    Terms,
    Transaction,
    Warning,
)
from quantmatrix.ingest.model import TransactionType as T
from quantmatrix.ingest.simple import SimpleParser
from quantmatrix.testing.parsing import only, parse, reasons, these, transaction

TRADES = (Path(__file__).parent / "fixtures" / "simple" / "trades.csv").read_text()
HEADER = "Date,Symbol,Quantity,Price,Commission,Type"


def simple(*rows: str, header: str = HEADER, options: Options | None = None) -> list[Record]:
    return parse(SimpleParser, "\n".join((header, *rows)) + "\n", options)


@pytest.fixture(scope="module")
def trades() -> list[Record]:
    return parse(SimpleParser, TRADES)


def test_the_fixture_is_read_whole(trades: list[Record]) -> None:
    assert [(t.line, t.type, t.quantity, t.net_amount) for t in only(trades, Transaction)] == [
        (2, T.TRANSFER_IN, 366, 0),
        (3, T.BUY, 1000, Decimal("-70251.00")),
        (4, T.BUY, 5, Decimal("-2201.50")),
        (5, T.SELL, -2, Decimal("2268.70")),
        (6, T.SELL, -200, 14199),
        (7, T.BUY, 1, Decimal("-910.65")),
        (8, T.OPTION_ASSIGNMENT, None, 0),
        (9, T.SELL, -100, 7995),
    ]
    assert not only(trades, Refusal)


def test_costs_are_negative_cash_beside_the_gross_amount(trades: list[Record]) -> None:
    bought = transaction(trades, 3)
    assert these(bought.gross_amount, bought.commission, bought.fees) == (-70250, -1, 0)
    assert bought.price == Decimal("70.25")


def test_a_transfer_brings_its_basis_and_date_and_costs_nothing(trades: list[Record]) -> None:
    brought = transaction(trades, 2)
    assert brought.terms == Terms(supplied_basis=Decimal("20916.90"), supplied_acquired_on=date(2024, 8, 15))
    assert these(brought.net_amount, brought.gross_amount) == (0, None)


def test_a_commission_adds_to_the_basis_of_a_transfer_and_no_price_is_no_basis() -> None:
    records = simple("2024-08-15,NVDA,10,5,1.5,TRANSFER_IN", "2024-08-15,NVDA,10,,0,TRANSFER_IN")
    known, unknown = (transaction(records, line).terms for line in (2, 3))
    assert known is not None
    assert known.supplied_basis == Decimal("51.5")
    assert unknown == Terms(supplied_acquired_on=date(2024, 8, 15))


def test_instants_are_new_york_and_dates_stay_dates(trades: list[Record]) -> None:
    assert transaction(trades, 3).executed_at == datetime(2024, 8, 16, 13, 31, 7, tzinfo=UTC)
    assert transaction(trades, 4).executed_at == datetime(2024, 8, 19, 19, 59, tzinfo=UTC)
    assert transaction(trades, 5).executed_at == datetime(2024, 8, 20, 14, 15, tzinfo=UTC)
    assert transaction(trades, 6).executed_at is None
    assert transaction(trades, 7).trade_date == date(2024, 8, 22)


def test_another_zone_moves_the_day_of_the_exchange() -> None:
    records = simple("2024-08-16 01:00,F,1,1,0,BUY", options=Options(zone="Europe/Berlin"))
    assert transaction(records, 2).executed_at == datetime(2024, 8, 15, 23, tzinfo=UTC)
    assert transaction(records, 2).trade_date == date(2024, 8, 15)


def test_symbols_are_canonical_however_they_are_written(trades: list[Record]) -> None:
    option = "option|TQQQ  250620C00080000|USD"
    assert [transaction(trades, line).instrument for line in (4, 5, 7)] == ["stock|BRK.B|USD", option, option]
    [terms] = [i for i in only(trades, Instrument) if i.key == option]
    assert these(terms.multiplier, terms.strike, terms.option_type) == (100, 80, "call")
    assert transaction(simple("2024-08-16,nvda,1,1,0,BUY"), 2).instrument == "stock|NVDA|USD"


def test_an_assignment_is_linked_to_the_sale_of_the_day_at_the_strike(trades: list[Record]) -> None:
    assert only(trades, Link) == [Link(kind=LinkKind.EXERCISE, from_line=8, to_line=9)]
    terms = transaction(trades, 8).terms
    assert terms == Terms(stated_quantity=Decimal(1), exercise_settlement="linked")


def test_an_assignment_without_its_shares_is_reported() -> None:
    records = simple("2025-06-20,TQQQ 20JUN25 80 C,1,80,0,ASSIGN", "2025-06-23,TQQQ,100,80,0,SELL")
    assert not only(records, Link)
    assert "no trade of the underlying" in reasons(records, 2)
    assert "without a price" in reasons(records, 2)


@pytest.mark.parametrize(
    ("word", "expected", "quantity", "effect"),
    [
        ("BUY", T.BUY, 3, PositionEffect.AUTO),
        ("b", T.BUY, 3, PositionEffect.AUTO),
        ("BOT", T.BUY, 3, PositionEffect.AUTO),
        ("Bought", T.BUY, 3, PositionEffect.AUTO),
        ("sell", T.SELL, -3, PositionEffect.AUTO),
        ("S", T.SELL, -3, PositionEffect.AUTO),
        ("SLD", T.SELL, -3, PositionEffect.AUTO),
        ("SOLD", T.SELL, -3, PositionEffect.AUTO),
        ("SELL_SHORT", T.SELL, -3, PositionEffect.OPEN),
        ("BUY_TO_COVER", T.BUY, 3, PositionEffect.CLOSE),
        ("BUY_TO_OPEN", T.BUY, 3, PositionEffect.OPEN),
        ("SELL_TO_OPEN", T.SELL, -3, PositionEffect.OPEN),
        ("BUY_TO_CLOSE", T.BUY, 3, PositionEffect.CLOSE),
        ("Sell to Close", T.SELL, -3, PositionEffect.CLOSE),
        ("EXPIRE", T.OPTION_EXPIRATION, None, PositionEffect.CLOSE),
        ("ASSIGN", T.OPTION_ASSIGNMENT, None, PositionEffect.CLOSE),
        ("EXERCISE", T.OPTION_EXERCISE, None, PositionEffect.CLOSE),
    ],
)
def test_every_word_for_a_type(word: str, expected: T, quantity: int | None, effect: PositionEffect) -> None:
    row = transaction(simple(f"2024-08-16,TQQQ 20JUN25 80 C,3,,0,{word}" if quantity is None
                             else f"2024-08-16,TQQQ 20JUN25 80 C,3,2,0,{word}"), 2)  # fmt: skip
    assert (row.type, row.quantity, row.position_effect) == (expected, quantity, effect)


@pytest.mark.parametrize(
    ("row", "code", "column"),
    [
        ("2024-08-16,F,-5,1,0,BUY", "contradiction", "Quantity"),
        ("2024-08-16,F,+5,1,0,SELL", "contradiction", "Quantity"),
        ("2024-08-16,F,-5,1,0,TRANSFER_IN", "contradiction", "Quantity"),
        ("2024-08-16,F,0,1,0,BUY", "zero_quantity", "Quantity"),
        ("2024-08-16,F,,1,0,BUY", "missing_value", "Quantity"),
        ("2024-08-16,F,1,,0,BUY", "missing_value", "Price"),
        ("2024-08-16,F,1,-1,0,BUY", "contradiction", "Price"),
        ('2024-08-16,F,1,"1,02",0,BUY', "bad_number", "Price"),
        ("2024-08-16,F,1,1,x,BUY", "bad_number", "Commission"),
        ("2024-08-16,F,1,1,0,HOLD", "unknown_type", "Type"),
        ("2024-08-16,F,1,,0,EXPIRE", "contradiction", "Symbol"),
        ("2024-08-16,,1,1,0,BUY", "bad_symbol", "Symbol"),
        ("2024-08-16,TQQQ 32JUN25 80 C,1,1,0,BUY", "bad_symbol", "Symbol"),
        ("2024-08-16,TQQQ 20JUN25 80.0001 C,1,1,0,BUY", "bad_symbol", "Symbol"),
        ("2024-02-30,F,1,1,0,BUY", "bad_date", "Date"),
        ("13/13/2024,F,1,1,0,BUY", "bad_date", "Date"),
        ("1066-10-14,F,1,1,0,BUY", "bad_date", "Date"),
        ("2024-08-16 25:00,F,1,1,0,BUY", "bad_date", "Date"),
        ("yesterday,F,1,1,0,BUY", "bad_date", "Date"),
        ("2024-08-16,F,1,1,0", "bad_columns", None),
        ("2024-08-16,F,1,1,0,BUY,more", "bad_columns", None),
    ],
)
def test_what_cannot_be_read_is_refused_with_its_column(row: str, code: str, column: str | None) -> None:
    records = simple("2024-08-16,F,1,1,0,BUY", row)
    [refusal] = only(records, Refusal)
    assert (refusal.line, refusal.code, refusal.column) == (3, code, column)
    assert refusal.reason
    assert len(only(records, Transaction)) == 1


def test_a_negative_quantity_with_a_sale_is_the_same_sale() -> None:
    records = simple("2024-08-16,F,-5,1,0,SELL", "2024-08-16,F,5,1,0,SELL")
    assert transaction(records, 2).quantity == transaction(records, 3).quantity == -5


def test_positive_commissions_are_costs_where_none_is_negative() -> None:
    records = simple("2024-08-16,F,1,10,1.5,BUY", "2024-08-16,F,1,10,0,BUY")
    assert transaction(records, 2).commission == Decimal("-1.5")
    assert "positive values are costs" in reasons(records, 1)


def test_one_negative_commission_anywhere_makes_negative_the_cost_and_positive_a_rebate() -> None:
    records = simple("2024-08-16,F,1,10,0.25,BUY", "2024-08-16,F,1,10,($1.50),SELL")
    assert transaction(records, 2).commission == Decimal("0.25")
    assert transaction(records, 3).commission == Decimal("-1.50")
    assert transaction(records, 3).net_amount == Decimal("8.50")
    assert "negative values are costs" in reasons(records, 1)


def test_commission_and_fees_may_stand_side_by_side() -> None:
    header = "Date,Symbol,Quantity,Price,Commission,Fees,Type"
    row = transaction(simple("2024-08-16,F,1,10,1,0.02,BUY", header=header), 2)
    assert these(row.commission, row.fees, row.net_amount) == (-1, Decimal("-0.02"), Decimal("-11.02"))


def test_day_first_only_with_the_option() -> None:
    row = "03/04/2024,F,1,1,0,BUY"
    assert transaction(simple(row), 2).trade_date == date(2024, 3, 4)
    assert transaction(simple(row, options=Options(day_first=True)), 2).trade_date == date(2024, 4, 3)


@pytest.mark.parametrize(("text", "day_first"), [("25/12/2024", False), ("12/25/2024", True)])
def test_a_date_in_the_other_order_stops_the_whole_file(text: str, day_first: bool) -> None:
    with pytest.raises(FileRefused, match="other way round") as refused:
        simple("01/02/2024,F,1,1,0,BUY", f"{text},F,1,1,0,BUY", options=Options(day_first=day_first))
    assert refused.value.line == 3
    assert "--day-first" in (refused.value.hint or "")


def test_headers_in_any_order_and_by_other_names() -> None:
    header = " side ,QTY,T. Price,Comm/Fee,DateTime,symbol,Account,currency,Settle Date,Description,ID,Mood"
    text = 'BOT,3,2,-1,"2024-08-16, 10:00:00",F,U1,EUR,2024-08-19,first one,X7,good'
    records = simple(text, header=header)
    row = transaction(records, 2)
    assert these(row.type, row.quantity, row.commission) == (T.BUY, 3, -1)
    assert (row.account, row.currency, row.instrument) == ("U1", "EUR", "stock|F|EUR")
    assert (row.settlement_date, row.description) == (date(2024, 8, 19), "first one")
    assert row.external_id == "X7"
    assert only(records, Statement)[0].account == "U1"
    assert [w.column for w in only(records, Warning) if "unknown column" in w.reason] == ["Mood"]


def test_account_and_currency_come_from_the_options_where_no_column_names_them() -> None:
    row = transaction(simple("2024-08-16,F,1,1,0,BUY", options=Options(currency="CAD")), 2)
    assert (row.account, row.currency, row.external_id) == (None, "CAD", None)


@pytest.mark.parametrize(
    ("header", "word"),
    [
        ("Date,Symbol,Quantity,Commission,Type", "price"),
        ("Date,Symbol,Quantity,Price,Commission,Type,Side", "both mean type"),
        ("Date,Symbol,Quantity,Shares,Price,Commission,Type", "both mean quantity"),
    ],
)
def test_a_header_that_lacks_a_column_or_has_it_twice_is_refused(header: str, word: str) -> None:
    with pytest.raises(FileRefused, match=word):
        simple("x", header=header)


def test_of_two_dates_the_one_with_the_time_is_used() -> None:
    header = "TradeDate,DateTime,Symbol,Quantity,TradePrice,IBCommission,Buy/Sell"
    records = simple("20240816,20240816;093000,F,1,1,-1,BUY", header=header)
    assert transaction(records, 2).executed_at == datetime(2024, 8, 16, 13, 30, tzinfo=UTC)
    assert "the date comes from DateTime" in reasons(records, 1)


def test_equal_fills_are_all_kept() -> None:
    row = "2024-08-16 10:00:00,F,1,1,0,BUY"
    assert len(only(simple(row, row), Transaction)) == 2


def test_a_file_with_the_newest_row_first_is_known_as_such() -> None:
    rows = ["2024-08-19,F,1,1,0,SELL", "2024-08-16,F,1,1,0,SELL", "2024-08-16,F,1,1,0,BUY"]
    for order, expected in ((rows, True), (rows[::-1], False), (rows[1:], False)):
        parser = SimpleParser()
        list(parser.parse(io.StringIO("\n".join((HEADER, *order)), newline=""), Options()))
        assert parser.newest_first is expected


def test_every_digit_of_a_product_is_kept() -> None:
    row = transaction(simple("2024-08-16,F,123456789.123456789,0.000000123456789123,0,BUY"), 2)
    assert Fraction(row.net_amount) == -Fraction(123456789123456789 * 123456789123, 10**27)


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 9), st.integers(0, 5), st.text(max_size=10)), max_size=5),
    st.booleans(),
)
def test_a_damaged_file_is_read_or_refused_and_never_crashes(
    mutations: list[tuple[int, int, str]], day_first: bool
) -> None:
    lines = TRADES.splitlines()
    for line, column, cell in mutations:
        at = line % len(lines)
        cells = lines[at].split(",")
        cells[column % len(cells)] = cell
        lines[at] = ",".join(cells)
    try:
        parse(SimpleParser, "\n".join(lines), Options(day_first=day_first))
    except FileRefused as refused:
        assert refused.reason  # noqa: PT017 - reading it is as good an outcome


@pytest.mark.parametrize("symbol", ["TQQQ 20JUN2025 80 C", "SPY 480 C", "TQQQ250620C0080000"])
def test_what_looks_like_an_option_is_no_stock(symbol: str) -> None:
    text = f"Date,Symbol,Quantity,Price,Type\n2024-08-20,{symbol},2,11.35,SELL\n"
    [refused] = [r for r in SimpleParser().parse(io.StringIO(text), Options()) if isinstance(r, Refusal)]
    assert "looks like an option" in refused.reason

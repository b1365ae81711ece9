"""tastytrade: both layouts."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quantmatrix.ingest.model import (
    FileRefused,
    Instrument,
    InstrumentType,
    Line,
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
from quantmatrix.ingest.tastytrade import TastytradeParser
from quantmatrix.testing.parsing import only, parse, reasons, these, transaction

FIXTURES = Path(__file__).parent / "fixtures" / "tastytrade"
NEW = (FIXTURES / "history_21col.csv").read_text()
OLD = (FIXTURES / "history_old.csv").read_text()
NEW_HEADER = NEW.splitlines()[0]
OLD_HEADER = OLD.splitlines()[0]
TRADED = "2024-03-04T10:00:00-0500,Trade"


def new(*rows: str, options: Options | None = None) -> list[Record]:
    return parse(TastytradeParser, "\n".join((NEW_HEADER, *rows)) + "\n", options)


def old(*rows: str, options: Options | None = None) -> list[Record]:
    return parse(TastytradeParser, "\n".join((OLD_HEADER, *rows)) + "\n", options)


def money(sub: str, text: str, value: str, symbol: str = "", when: str = "2020-08-14T22:00:00+0200") -> str:
    asset = "Equity" if symbol else ""
    return f"{when},Money Movement,{sub},,{symbol},{asset},{text},{value},0,,--,0.00,,,,,,,,{value},USD"


def received(sub: str, action: str, symbol: str, quantity: str, value: str = "0.00", text: str = "") -> str:
    return (
        f"2024-03-04T09:00:00-0500,Receive Deliver,{sub},{action},{symbol},Equity,{text},{value},{quantity},"
        f"0.00,--,0.00,,,,,,,,{value},USD"
    )


def kinds(records: list[Record]) -> dict[int, T]:
    return {t.line: t.type for t in only(records, Transaction)}


@pytest.fixture(scope="module")
def history() -> list[Record]:
    return parse(TastytradeParser, NEW)


def test_every_row_of_the_fixture_has_its_type(history: list[Record]) -> None:
    assert kinds(history) == {
        2: T.REINVEST, 4: T.DIVIDEND, 5: T.SELL, 6: T.OPTION_EXPIRATION, 7: T.OTHER, 8: T.BUY,
        9: T.OPTION_ASSIGNMENT, 11: T.BUY, 12: T.FEE, 13: T.TAX_WITHHELD, 14: T.DIVIDEND,
        15: T.STOCK_LENDING_INCOME, 16: T.BUY, 17: T.OPTION_ASSIGNMENT, 18: T.SELL, 19: T.BUY, 20: T.SELL,
        21: T.TRANSFER_IN, 22: T.TRANSFER_OUT, 23: T.SPLIT, 25: T.PROMOTION, 27: T.MERGER_STOCK,
        29: T.SYMBOL_CHANGE, 30: T.OTHER, 31: T.INTEREST, 32: T.DEPOSIT, 33: T.INTEREST, 34: T.TAX_WITHHELD,
        35: T.WITHDRAWAL, 36: T.FEE, 37: T.OPTION_EXPIRATION, 39: T.SYMBOL_CHANGE,
    }  # fmt: skip


def test_cash_is_what_the_totals_add_up_to(history: list[Record]) -> None:
    totals = [Decimal(line.rsplit(",USD", 1)[0].rsplit('"', 2)[-2].replace(",", "")) if line.endswith('",USD')
              else Decimal(line.split(",")[-2]) for line in NEW.splitlines()[1:]]  # fmt: skip
    assert sum(t.net_amount for t in only(history, Transaction)) == sum(totals)


def test_a_sale_keeps_the_money_column_and_the_printed_price(history: list[Record]) -> None:
    sale = transaction(history, 18)
    assert these(sale.quantity, sale.price, sale.gross_amount) == (-50, Decimal("32.52"), Decimal("1625.99"))
    assert these(sale.commission, sale.fees, sale.net_amount) == (0, Decimal("-0.06"), Decimal("1625.93"))
    assert (sale.position_effect, sale.order_id) == (PositionEffect.AUTO, "337000001")
    assert reasons(history, 18) == ""


def test_instants_are_utc_and_the_day_is_that_of_the_exchange(history: list[Record]) -> None:
    leg = transaction(history, 16)
    assert leg.executed_at == datetime(2024, 8, 16, 22, tzinfo=UTC)
    assert leg.trade_date == date(2024, 8, 16)


def test_the_statement_covers_its_rows_and_rows_run_backwards(history: list[Record]) -> None:
    [statement] = only(history, Statement)
    assert (statement.period_start, statement.period_end) == (date(2020, 4, 29), date(2026, 3, 31))
    assert TastytradeParser().newest_first


def test_an_assignment_is_linked_to_the_stock_that_it_brings(history: list[Record]) -> None:
    option, stock = transaction(history, 17), transaction(history, 16)
    assert only(history, Link) == [Link(kind=LinkKind.EXERCISE, from_line=17, to_line=16)]
    assert option.quantity is None
    assert option.terms == Terms(stated_quantity=Decimal(1), exercise_settlement="linked")
    assert these(stock.quantity, stock.price, stock.fees) == (100, 103, -5)


def test_a_cash_settled_option_and_its_removal_are_one_event(history: list[Record]) -> None:
    settled = transaction(history, 9)
    assert settled.also_lines == (10,)
    assert these(settled.gross_amount, settled.fees, settled.net_amount) == (-364, -5, -369)
    assert settled.terms == Terms(stated_quantity=Decimal(1), exercise_settlement="cash")
    [spx] = [i for i in only(history, Instrument) if i.symbol.startswith("SPXW")]
    assert spx.underlying == "SPX"


def test_an_expiration_with_a_direction_is_signed_and_one_without_is_not(history: list[Record]) -> None:
    assert transaction(history, 6).quantity == -1
    assert transaction(history, 6).terms is None
    assert transaction(history, 37).quantity is None
    assert transaction(history, 37).terms == Terms(stated_quantity=Decimal(2))


def test_a_split_is_one_row_with_the_ratio_of_its_pair(history: list[Record]) -> None:
    split = transaction(history, 23)
    assert split.also_lines == (24,)
    assert split.quantity is None
    assert split.net_amount == 0
    assert split.terms == Terms(
        ratio_numerator=Decimal(10), ratio_denominator=Decimal(1), stated_quantity=Decimal(90)
    )


def test_a_merger_of_written_options_carries_the_short_position_over(history: list[Record]) -> None:
    merger = transaction(history, 27)
    assert merger.instrument == "option|SPRT  210917P00022000|USD"
    assert merger.terms == Terms(
        ratio_numerator=Decimal(1), ratio_denominator=Decimal(1), stated_quantity=Decimal(6),
        new_instrument="option|GREE1 210917P00022000|USD", stated_new_quantity=Decimal(-6),
    )  # fmt: skip
    assert "adjusted contract" in reasons(history, 26)


def test_the_options_of_a_split_stock_change_their_symbol(history: list[Record]) -> None:
    change = transaction(history, 39)
    assert change.type is T.SYMBOL_CHANGE
    assert change.terms is not None
    assert change.terms.new_instrument == "option|USO1  200717P00002000|USD"


def test_a_reinvestment_costs_the_money_of_the_row_beside_it(history: list[Record]) -> None:
    bought = transaction(history, 2)
    assert (bought.also_lines, bought.quantity) == ((3,), Decimal("2.41503"))
    assert (bought.net_amount, bought.position_effect) == (Decimal("-40.10"), PositionEffect.OPEN)


def test_the_contract_size_of_a_future_option_comes_from_its_value(history: list[Record]) -> None:
    [option] = [i for i in only(history, Instrument) if i.type is InstrumentType.FUTURE_OPTION]
    assert option.symbol == "./MESM6 EXK6 260529P5800"
    assert these(option.multiplier, option.underlying, option.option_type) == (5, "/MESM6", "put")
    assert these(option.strike, option.expiration) == (5800, date(2026, 5, 29))


def test_a_future_has_no_value_and_its_year_is_found_from_the_trade(history: list[Record]) -> None:
    bought = transaction(history, 8)
    assert these(bought.gross_amount, bought.price) == (0, Decimal("5842.75"))
    assert (bought.net_amount, bought.position_effect) == (Decimal("-1.22"), PositionEffect.AUTO)
    [future] = [i for i in only(history, Instrument) if i.type is InstrumentType.FUTURE]
    assert these(future.symbol, future.name, future.multiplier) == ("/MESM6", "/MES June 2026", 5)


def test_crypto_keeps_its_pair_as_symbol(history: list[Record]) -> None:
    bought = transaction(history, 11)
    assert bought.instrument == "digital|BTC/USD|USD"
    assert (bought.quantity, bought.net_amount) == (Decimal("0.015"), Decimal("-991.85"))
    assert reasons(history, 11) == ""


def test_shares_from_another_broker_bring_no_cost(history: list[Record]) -> None:
    came, went = transaction(history, 21), transaction(history, 22)
    assert these(came.quantity, came.net_amount, came.terms, came.price) == (25, 0, None, None)
    assert these(went.quantity, went.net_amount) == (-5, 0)


def test_the_market_value_of_a_transfer_is_neither_cash_nor_cost() -> None:
    records = new(received("ACAT", "BUY_TO_OPEN", "KO", "25", "-1500.00", "Received 25 Long KO via ACAT"))
    came = transaction(records, 2)
    assert these(came.net_amount, came.terms) == (0, None)
    assert came.metadata == {"market_value": "-1500.00"}
    assert "neither cash nor cost" in reasons(records, 2)


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        (money("Withdrawal", "Wire Funds Received", "5000.00"), T.DEPOSIT),
        (money("Withdrawal", "FROM 07/16 THRU 08/15 @ 8    %", "-0.63"), T.INTEREST),
        (money("Deposit", "INTEREST ON CREDIT BALANCE", "0.04"), T.INTEREST),
        (money("Deposit", "ALIBABA GROUP HOLDING LTD", "0.75", "BABA"), T.TAX_WITHHELD),
        (money("Deposit", "ACH DEPOSIT", "100.00"), T.DEPOSIT),
        (money("Deposit", "ACH DEPOSIT reversed", "-100.00"), T.WITHDRAWAL),
        (money("Transfer", "ACH DISBURSEMENT", "-250.00"), T.WITHDRAWAL),
        (money("Credit Interest", "anything", "0.10"), T.INTEREST),
        (money("Debit Interest", "anything", "-0.10"), T.INTEREST),
        (money("Dividend", "PINTEREST INC", "4.00", "PINS"), T.DIVIDEND),
        (money("Dividend", "PINTEREST INC", "-0.60", "PINS"), T.TAX_WITHHELD),
        (money("Dividend", "CASH IN LIEU of a fraction", "4.00", "PINS"), T.CASH_IN_LIEU),
        (money("Fee", "borrow", "-4.00", "GME"), T.FEE),
        (money("Balance Adjustment", "Regulatory fee adjustment", "-0.02"), T.FEE),
        (money("Balance Adjustment", "Delayed Delivery_X_Assignment", "12.00"), T.OTHER),
        (money("Mark to Market", "/ESU5 mark to market", "12.00"), T.OTHER),
        (money("Futures Settlement", "settlement", "12.00"), T.OTHER),
        (money("Fully Paid Stock Lending Income", "", "12.00"), T.STOCK_LENDING_INCOME),
        (money("Something New", "", "12.00"), T.OTHER),
    ],
)
def test_money_movements_go_by_text_then_symbol_then_sign(row: str, expected: T) -> None:
    records = new(row)
    moved = transaction(records, 2)
    assert moved.type is expected
    assert moved.quantity is None
    assert moved.net_amount == moved.gross_amount


def test_an_unknown_money_movement_is_reported() -> None:
    assert "something new" in reasons(new(money("Something New", "", "12.00")), 2)


def test_a_negative_dividend_alone_may_be_one_paid_on_a_short() -> None:
    alone = new(money("Dividend", "X", "-1.50", "SCHG"))
    beside = new(money("Dividend", "X", "-1.50", "SCHG"), money("Dividend", "X", "10.00", "SCHG"))
    assert "short" in reasons(alone, 2)
    assert reasons(beside, 2) == ""


@pytest.mark.parametrize(
    ("sub", "expected", "quantity", "effect"),
    [
        ("Buy to Open", T.BUY, 10, PositionEffect.AUTO),
        ("Sell to Close", T.SELL, -10, PositionEffect.AUTO),
        ("Sell to Open", T.SELL, -10, PositionEffect.OPEN),
        ("Buy to Close", T.BUY, 10, PositionEffect.CLOSE),
    ],
)
def test_stocks_say_open_or_close_only_for_shorts(
    sub: str, expected: T, quantity: int, effect: PositionEffect
) -> None:
    value = "-50.00" if quantity > 0 else "50.00"
    action = sub.upper().replace(" ", "_")
    row = f"{TRADED},{sub},{action},F,Equity,X 10 F @ 5.00,{value},10,,0.00,0.00,,,,,,,1,,USD"
    traded = transaction(new(row), 2)
    assert these(traded.type, traded.quantity, traded.position_effect) == (expected, quantity, effect)


def test_a_price_that_does_not_explain_the_value_is_reported_and_the_value_counts() -> None:
    row = (
        f"{TRADED},Buy to Open,BUY_TO_OPEN,F,Equity,Bought 10 F @ 5.00,-51.00,10,,0.00,0.00,"
        ",,,,,,1,-51.00,USD"
    )
    records = new(row)
    assert transaction(records, 2).net_amount == -51
    assert "off by 1.00" in reasons(records, 2)


def test_a_price_missing_from_the_text_comes_from_the_value() -> None:
    row = f"{TRADED},Buy to Open,BUY_TO_OPEN,F,Equity,Bought,-50.10,10,,0.00,0.00,,,,,,,1,,USD"
    assert transaction(new(row), 2).price == Decimal("5.01")


def test_a_total_that_does_not_add_up_is_reported() -> None:
    row = money("Deposit", "ACH DEPOSIT", "100.00").replace("100.00,USD", "99.00,USD")
    assert "add up to 100.00" in reasons(new(row), 2)


@pytest.mark.parametrize(
    ("row", "code", "column"),
    [
        (money("Deposit", "x", "1,02"), "bad_columns", None),
        (money("Deposit", "x", '"1,02"'), "bad_number", "Value"),
        (money("Deposit", "x", ""), "missing_value", "Value"),
        (money("Deposit", "x", "1.00", when="2024-13-01T00:00:00+0000"), "bad_date", "Date"),
        (money("Deposit", "x", "1.00", when="2024-01-01T00:00:00"), "bad_date", "Date"),
        (received("Forward Split", "", "F", "10"), "missing_value", "Action"),
        (received("Forward Split", "SELL_TO_CLOSE", "F", "10"), "incomplete_pair", "Sub Type"),
        (received("Assignment", "", "F", "1"), "contradiction", "Symbol"),
        (received("ACAT", "", "F", "1"), "missing_value", "Action"),
        (received("ACAT", "BUY_TO_OPEN", "F", "-1"), "contradiction", "Quantity"),
        (received("Buy to Open", "SELL_TO_OPEN", "F", "1"), "contradiction", "Action"),
        (received("Buy to Open", "JUMP", "F", "1"), "unknown_value", "Action"),
        (received("Buy to Open", "BUY_TO_OPEN", "F", "1", "5.00"), "contradiction", "Value"),
        (received("Assignment", "", "F", "1").replace("Equity", "Equity Option"), "bad_symbol", "Symbol"),
    ],
)
def test_what_cannot_be_read_is_refused_with_its_column(row: str, code: str, column: str | None) -> None:
    records = new(row, money("Deposit", "ACH DEPOSIT", "100.00"))
    [refusal] = only(records, Refusal)
    assert (refusal.line, refusal.code, refusal.column) == (2, code, column)
    assert kinds(records) == {3: T.DEPOSIT}


def test_an_unknown_kind_of_row_is_kept_as_other() -> None:
    records = new(received("Spin Off", "BUY_TO_OPEN", "F", "7", text="Received 7 F"))
    kept = transaction(records, 2)
    assert (kept.type, kept.quantity, kept.metadata) == (T.OTHER, None, {"stated_quantity": "7"})
    assert "unknown kind of row" in reasons(records, 2)


def test_a_position_split_in_parts_is_one_event() -> None:
    records = new(
        received("Reverse Split", "BUY_TO_OPEN", "F", "5", "-50.00"),
        received("Reverse Split", "SELL_TO_CLOSE", "F", "30", "30.00"),
        received("Reverse Split", "SELL_TO_CLOSE", "F", "20", "20.00"),
    )
    split = transaction(records, 3)
    assert split.also_lines == (4, 2)
    assert split.terms == Terms(
        ratio_numerator=Decimal(1), ratio_denominator=Decimal(10), stated_quantity=Decimal(-45)
    )


def test_a_ratio_that_hides_a_fraction_is_reported() -> None:
    records = new(
        received("Reverse Split", "BUY_TO_OPEN", "F", "12"),
        received("Reverse Split", "SELL_TO_CLOSE", "F", "103"),
    )
    assert "fraction" in reasons(records, 3)


def test_options_of_a_split_stock_are_paired_by_their_terms_whatever_their_order() -> None:
    def half(action: str, symbol: str, quantity: int) -> str:
        row = received("Forward Split", action, symbol, str(quantity))
        return row.replace("Equity", "Equity Option").replace("0.00,,,,,,,,", "0.00,100,AAPL,AAPL,,,,,")

    records = new(
        half("BUY_TO_OPEN", "AAPL  200918C00125000", 8),
        half("SELL_TO_OPEN", "AAPL  200918P00100000", 4),
        half("BUY_TO_OPEN", "AAPL  200918C00100000", 4),
        half("SELL_TO_CLOSE", "AAPL  200918C00400000", 1),
        half("SELL_TO_CLOSE", "AAPL  200918C00500000", 2),
        half("BUY_TO_CLOSE", "AAPL  200918P00400000", 1),
    )
    became = {t.instrument: t.terms.new_instrument for t in only(records, Transaction) if t.terms}
    assert became == {
        "option|AAPL  200918C00400000|USD": "option|AAPL  200918C00100000|USD",
        "option|AAPL  200918C00500000|USD": "option|AAPL  200918C00125000|USD",
        "option|AAPL  200918P00400000|USD": "option|AAPL  200918P00100000|USD",
    }


def test_a_merger_for_cash_has_no_second_row() -> None:
    records = new(received("Merger", "SELL_TO_CLOSE", "F", "10", "125.00"))
    merged = transaction(records, 2)
    assert these(merged.type, merged.quantity, merged.price) == (T.MERGER_CASH, -10, Decimal("12.5"))
    assert merged.net_amount == 125


def test_a_merger_for_shares_and_cash_keeps_the_difference() -> None:
    records = new(
        received("Merger", "BUY_TO_OPEN", "G", "5", "-100.00"),
        received("Merger", "SELL_TO_CLOSE", "F", "10", "125.00"),
    )
    merged = transaction(records, 3)
    assert these(merged.type, merged.net_amount) == (T.MERGER_MIXED, 25)
    assert merged.terms is not None
    assert merged.terms.cash_per_share == Decimal("2.5")


def test_one_assignment_in_two_rows_finds_its_one_delivery() -> None:
    def row(sub: str, rest: str) -> str:
        return f"2024-08-17T00:00:00+0200,Receive Deliver,{sub},{rest}"

    option = ",F     240816C00012000,Equity Option,x,0.00,{},,--,0.00,100,F,F,8/16/24,12,CALL,,,USD"
    records = new(
        row("Assignment", option.format(1)),
        row(
            "Sell to Close",
            "SELL_TO_CLOSE,F,Equity,Sell to Close 300 F @ 12.00,3600.00,300,,--,-5.00,,,,,,,,,USD",
        ),
        row("Assignment", option.format(2)),
    )
    assert {(link.from_line, link.to_line) for link in only(records, Link)} == {(2, 3), (4, 3)}
    assert not only(records, Warning)


def test_an_assignment_without_its_stock_is_reported() -> None:
    row = (
        "2024-08-17T00:00:00+0200,Receive Deliver,Assignment,,F     240816C00012000,Equity Option,x,0.00,1,,"
        "--,"
        "0.00,100,F,F,8/16/24,12,CALL,,,USD"
    )
    records = new(row)
    assert "no delivery" in reasons(records, 2)
    terms = transaction(records, 2).terms
    assert terms is not None
    assert terms.exercise_settlement == "linked"


def test_equal_rows_are_all_kept() -> None:
    row = money("Fee", "x", "-1.00")
    assert len(only(new(row, row, row), Transaction)) == 3


def test_early_files_without_sub_type_are_read_by_their_text() -> None:
    header = (
        "Date,Type,Action,Symbol,Instrument Type,Description,Value,Quantity,Average Price,Commissions,Fees,"
        "Multiplier,Underlying Symbol,Expiration Date,Strike Price,Call or Put"
    )
    rows = [
        "2018-03-21T00:00:00+0000,Money Movement,,,,INTEREST ON CREDIT BALANCE,0.05,0,,--,0.00,,,,,",
        "2018-03-20T22:00:00+0000,Money Movement,,T,Equity,AT&T INC,5.00,0,,--,0.00,,,,,",
        "2018-03-19T22:00:00+0000,Receive Deliver,SELL_TO_OPEN,LFIN,Equity,Sell to Open 200 LFIN @ 30.00,"
        "6000.00,200,30.00,--,-5.164,,LFIN,,,",
        "2018-03-19T22:00:00+0000,Receive Deliver,,LFIN  180615C00030000,Equity Option,"
        "Removal of option due to assignment,0.00,2,,--,0.00,100,LFIN,6/15/18,30,CALL",
        "2018-03-16T14:00:00+0000,Trade,SELL_TO_OPEN,LFIN  180615C00030000,Equity Option,"
        "Sold 2 LFIN 06/15/18 Call 30.00 @ 4.10,820.00,2,410.00,-2.00,-0.30,100,LFIN,6/15/18,30,CALL",
    ]
    assert TastytradeParser.detect("\n".join((header, *rows)), "x.csv") == "16col"
    records = parse(TastytradeParser, "\n".join((header, *rows)))
    assert kinds(records) == {2: T.INTEREST, 3: T.DIVIDEND, 4: T.SELL, 5: T.OPTION_ASSIGNMENT, 6: T.SELL}
    assert only(records, Link) == [Link(kind=LinkKind.EXERCISE, from_line=5, to_line=4)]
    assert transaction(records, 4).position_effect is PositionEffect.OPEN


def test_the_same_trade_reads_the_same_from_twenty_and_twenty_one_columns() -> None:
    cut = [
        ",".join(line.split(",")[:-2] + line.split(",")[-1:]) for line in NEW.splitlines() if '"' not in line
    ]
    whole = [line for line in NEW.splitlines() if '"' not in line]
    assert TastytradeParser.detect("\n".join(cut), "") == "20col"
    narrow, wide = parse(TastytradeParser, "\n".join(cut)), parse(TastytradeParser, "\n".join(whole))
    assert only(narrow, Transaction) == only(wide, Transaction)
    assert len(only(narrow, Transaction)) > 20


def test_the_account_of_the_file_name_is_used_only_when_none_is_given_and_said() -> None:
    name = "tastytrade_transactions_history_x5WX00042_240101_to_241231.csv"
    guessed = new(money("Fee", "x", "-1.00"), options=Options(file_name=name))
    given = new(money("Fee", "x", "-1.00"), options=Options(file_name=name, account="MINE"))
    assert [s.account for s in only(guessed, Statement) if s.account] == ["5WX00042"]
    assert "taken from the file's name" in reasons(guessed, 1)
    assert not [s for s in only(given, Statement) if s.account]
    assert reasons(given, 1) == ""


def cash_settled(sub: str, quantity: str, value: str) -> str:
    return (
        f"2026-02-20T16:00:00-0500,Receive Deliver,{sub},,SPXW  260220P05900000,Equity Option,x,{value},"
        f"{quantity},0.00,--,0.00,100,SPXW,SPX,2/20/26,5900,PUT,,{value},USD"
    )


def test_cash_in_two_rows_and_one_removal_are_counted_once() -> None:
    records = new(
        cash_settled("Cash Settled Assignment", "1", "-364.00"),
        cash_settled("Cash Settled Assignment", "2", "-728.00"),
        cash_settled("Expiration", "3", "0.00"),
    )
    settled = only(records, Transaction)
    assert [(t.line, t.also_lines) for t in settled] == [(2, (4,)), (3, ())]
    assert [t.terms.stated_quantity for t in settled if t.terms] == [1, 2]


def test_a_removal_of_another_number_of_contracts_is_its_own_event() -> None:
    records = new(
        cash_settled("Cash Settled Exercise", "1", "364.00"), cash_settled("Expiration", "3", "0.00")
    )
    assert kinds(records) == {2: T.OPTION_EXERCISE, 3: T.OPTION_EXPIRATION}


@pytest.mark.parametrize(
    ("row", "key"),
    [
        ("/ESZ9,Buy,Open,1,,,,3000,1.40,0,Bought 1 /ESZ9 @ 3000.00", "future|/ESZ9|USD"),
        ("BTC/USD,Buy,Open,1,,,,9000,1.40,-9000,Bought 1 BTC/USD @ 9000.00", "digital|BTC/USD|USD"),
        (
            "/ESZ9,Buy,Open,1,12/20/2019,2900,P,10,1.40,-500,Bought 1 /ESZ9 Put 2900 @ 10.0",
            "future_option|./ESZ9 191220P2900|USD",
        ),
        ("BRK/B,Buy,Open,1,12/20/2019,212.5,C,1.05,1.14,-105,x @ 1.05", "option|BRKB  191220C00212500|USD"),
    ],
)
def test_instruments_of_the_old_layout_come_from_its_columns(row: str, key: str) -> None:
    records = old(f"12/02/2019 9:31 AM,Trade,Buy to Open,{row},Individual...39")
    assert transaction(records, 2).instrument == key
    assert not only(records, Refusal)


@pytest.mark.parametrize(
    ("asset", "symbol", "kind"),
    [
        ("Equity", "F", InstrumentType.STOCK),
        ("Bond", "912828ZZ6", InstrumentType.BOND),
        ("Warrant", "FWS", InstrumentType.WARRANT),
        ("Event Contract", "RAIN", InstrumentType.OTHER),
    ],
)
def test_kinds_of_instruments(asset: str, symbol: str, kind: InstrumentType) -> None:
    row = f"{TRADED},Buy to Open,BUY_TO_OPEN,{symbol},{asset},x @ 99.50,-995.00,1000,,0.00,0.00,,,,,,,1,,USD"
    [instrument] = only(new(row), Instrument)
    assert (instrument.type, instrument.symbol) == (kind, symbol)
    assert instrument.multiplier == (Decimal("0.01") if kind is InstrumentType.BOND else None)


def test_a_future_option_whose_size_no_row_shows_is_told_at_the_end_with_that_of_its_future() -> None:
    records = new(
        f"{TRADED},Buy to Open,BUY_TO_OPEN,./ESU5 EW4N5 250725P6200,Future Option,x,0.00,1,,0.00,0.00,"
        "1,,,,,,1,,USD"
    )
    [option] = only(records, Instrument)
    assert these(option.symbol, option.multiplier) == ("./ESU5 EW4N5 250725P6200", 50)


def test_one_damaged_row_between_the_halves_of_a_pair_refuses_only_itself() -> None:
    records = new(
        received("Forward Split", "BUY_TO_OPEN", "F", "20"),
        received("Forward Split", "BUY_TO_OPEN", "G", "x"),
        "",
        received("Forward Split", "SELL_TO_CLOSE", "F", "10"),
    )
    assert [(r.line, r.code) for r in only(records, Refusal)] == [(3, "bad_number")]
    assert transaction(records, 5).also_lines == (2,)


def test_a_refused_delivery_takes_its_link_with_it() -> None:
    option = ",F     240816C00012000,Equity Option,x,0.00,1,,--,0.00,100,F,F,8/16/24,12,CALL,,,USD"
    delivery = "SELL_TO_CLOSE,F,Equity,Sell to Close 100 F @ 12.00,-1200.00,100,,--,-5.00,,,,,,,,,USD"
    when = "2024-08-17T00:00:00+0200,Receive Deliver"
    records = new(f"{when},Assignment,{option}", f"{when},Sell to Close,{delivery}")
    assert [r.line for r in only(records, Refusal)] == [3]
    assert not only(records, Link)


def test_unknown_columns_are_named_once() -> None:
    records = parse(TastytradeParser, f"{NEW_HEADER},Mood\n{money('Fee', 'x', '-1.00')},good\n")
    assert [w.column for w in only(records, Warning)] == ["Mood"]
    assert len(only(records, Transaction)) == 1


def test_the_old_layout() -> None:
    records = parse(TastytradeParser, OLD)
    assert kinds(records) == {
        3: T.MERGER_STOCK, 4: T.DIVIDEND, 6: T.SPLIT, 7: T.OPTION_EXPIRATION, 8: T.BUY, 9: T.SELL,
        10: T.OPTION_ASSIGNMENT, 11: T.DEPOSIT,
    }  # fmt: skip
    bought = transaction(records, 8)
    assert (bought.instrument, bought.price) == ("option|MU    180720C00070000|USD", Decimal("2.40"))
    assert these(bought.gross_amount, bought.fees, bought.net_amount) == (
        -240,
        Decimal("-1.14"),
        Decimal("-241.14"),
    )
    assert bought.executed_at == datetime(2018, 7, 20, 20, 15, tzinfo=UTC)
    assert transaction(records, 9).fees == Decimal("-5.164")
    assert only(records, Link) == [Link(kind=LinkKind.EXERCISE, from_line=10, to_line=9)]
    [statement] = only(records, Statement)
    assert (statement.account, statement.account_name) == (None, "Individual...39")


def test_the_old_layout_keeps_one_key_through_an_adjustment() -> None:
    records = parse(TastytradeParser, OLD)
    split = transaction(records, 6)
    assert split.instrument == "option|USO   200717P00002000|USD"
    assert split.terms == Terms(
        ratio_numerator=Decimal(1), ratio_denominator=Decimal(1), stated_quantity=Decimal(0)
    )


def test_old_times_are_read_in_the_zone_given() -> None:
    row = "07/20/2018 9:30 AM,Money Movement,Deposit,,,,0,,,,,0.00,10,ACH,Individual...39"
    berlin = old(row, options=Options(zone="Europe/Berlin"))
    assert transaction(berlin, 2).executed_at == datetime(2018, 7, 20, 7, 30, tzinfo=UTC)
    assert "Europe/Berlin" in reasons(berlin, 1)


def test_rows_of_two_accounts_are_not_mixed() -> None:
    row = "07/20/2018 9:30 AM,Money Movement,Deposit,,,,0,,,,,0.00,10,ACH,{}"
    records = old(row.format("Individual...39"), row.format("Roth IRA...40"))
    assert [(r.line, r.code) for r in only(records, Refusal)] == [(3, "contradiction")]


def test_another_header_refuses_the_file() -> None:
    with pytest.raises(FileRefused, match="header"):
        parse(TastytradeParser, "Date,Symbol\n2024-01-01,X\n")


def test_memory_holds_one_moment_only() -> None:
    start = datetime(2020, 1, 2, tzinfo=UTC)
    moments = (start - timedelta(seconds=97 * i) for i in range(825))
    rows = (money("Dividend", "X", "1.00", "F", f"{moment:%Y-%m-%dT%H:%M:%S}+0000") for moment in moments)

    class Text:
        """A file that is read line by line and never whole."""

        def __init__(self) -> None:
            self.lines = iter([NEW_HEADER + "\n", *(row + "\n" for row in rows)])
            self.taken = 0

        def readline(self, _limit: int = -1) -> str:
            self.taken += 1
            return next(self.lines, "")

    text = Text()
    lag = 0
    for record in TastytradeParser().parse(text, Options()):  # type: ignore[arg-type]
        if isinstance(record, Line):
            lag = max(lag, text.taken - record.number)
    assert text.taken > 800
    assert lag <= 3


MUTATIONS = st.lists(
    st.tuples(
        st.integers(0, 10_000),
        st.sampled_from(["drop", "swap", "cell", "cut", "double"]),
        st.one_of(
            st.text(max_size=12),
            st.sampled_from(["-1", "0", "1e400", "NaN", "9" * 60, '"', "BUY_TO_OPEN", "F"]),
        ),
    ),
    min_size=1,
    max_size=4,
)


@settings(max_examples=150, deadline=None)
@given(st.sampled_from([NEW, OLD]), MUTATIONS)
def test_a_damaged_file_is_read_or_refused_and_never_crashes(
    text: str, mutations: list[tuple[int, str, str]]
) -> None:
    lines = text.splitlines()
    for place, what, cell in mutations:
        at = 1 + place % (len(lines) - 1)
        if what == "drop":
            del lines[at]
        elif what == "swap":
            lines[at], lines[-1] = lines[-1], lines[at]
        elif what == "double":
            lines.insert(at, lines[at])
        elif what == "cut":
            lines[at] = lines[at][: place % 90]
        else:
            cells = lines[at].split(",")
            cells[place % len(cells)] = cell
            lines[at] = ",".join(cells)
    try:
        parse(TastytradeParser, "\n".join(lines))
    except FileRefused as refused:
        assert refused.reason  # noqa: PT017 - reading it is as good an outcome

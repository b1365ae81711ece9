"""The section Trades."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from quantmatrix.ingest.ibkr_activity.codes import CODES, read_codes
from quantmatrix.ingest.model import (
    Instrument,
    Line,
    Link,
    Record,
    Refusal,
    Terms,
    Transaction,
    TransactionType,
    Warning,
)

Read = Callable[[str], list[Record]]

HEADER = (
    "Trades,Header,DataDiscriminator,Asset Category,Currency,Symbol,Date/Time,Quantity,T. Price,C. Price,"
    "Proceeds,Comm/Fee,Basis,Realized P/L,MTM P/L,Code\n"
)
FOREX = (
    "Trades,Header,DataDiscriminator,Asset Category,Currency,Symbol,Date/Time,Quantity,T. Price,,"
    "Proceeds,Comm in USD,,,MTM in USD,Code\n"
)
OPTIONS = "Equity and Index Options"
INSTRUMENTS = (
    "Financial Instrument Information,Header,Asset Category,Symbol,Description,Conid,Underlying,Listing Exch,"
    "Multiplier,Expiry,Delivery Month,Type,Strike,Code\n"
)


def trade(
    symbol: str,
    quantity: str,
    price: str,
    proceeds: str,
    code: str = "O",
    *,
    category: str = "Stocks",
    when: str = "2024-03-04, 10:00:00",
    commission: str = "-1",
    level: str = "Order",
) -> str:
    return (
        f'Trades,Data,{level},{category},USD,{symbol},"{when}","{quantity}",{price},0,'
        f"{proceeds},{commission},0,0,0,{code}\n"
    )


def transactions(records: list[Record]) -> list[Transaction]:
    return [r for r in records if isinstance(r, Transaction)]


def links(records: list[Record]) -> list[tuple[str, int, int]]:
    return [(r.kind.value, r.from_line, r.to_line) for r in records if isinstance(r, Link)]


def warnings(records: list[Record]) -> list[tuple[int, str | None]]:
    return [(r.line, r.column) for r in records if isinstance(r, Warning)]


def verdicts(records: list[Record]) -> list[str]:
    return [str(r.verdict) for r in records if isinstance(r, Line)][5:]


def test_a_stock_trade(read_ibkr: Read) -> None:
    (bought,) = transactions(read_ibkr(HEADER + trade("BRK B", "1,000", "20.5", "-20500", "O;P")))
    assert bought == Transaction(
        line=7,
        account="U5550001",
        instrument="stock|BRK.B|USD",
        type=TransactionType.BUY,
        position_effect="open",
        executed_at=datetime(2024, 3, 4, 15, 0, tzinfo=UTC),
        trade_date=date(2024, 3, 4),
        quantity=Decimal(1000),
        price=Decimal("20.5"),
        gross_amount=Decimal(-20500),
        commission=Decimal(-1),
        net_amount=Decimal(-20501),
        currency="USD",
        metadata={"codes": "O;P"},
    )


@pytest.mark.parametrize(
    ("category", "symbol", "quantity", "code", "kind", "effect"),
    [
        ("Stocks", "A", "5", "O", "buy", "open"),
        ("Stocks", "A", "-5", "O", "sell", "open"),
        ("Stocks", "A", "-5", "C", "sell", "close"),
        ("Stocks", "A", "5", "C", "buy", "close"),
        ("Stocks", "A", "5", "C;O", "buy", "auto"),
        ("Stocks", "A", "5", "", "buy", "auto"),
        ("Stocks", "A", "5", "R;O", "reinvest", "open"),
        ("Stocks", "A", "5", "O;RI;FPA", "buy", "open"),
        ("Stocks", "A", "-0.5", "C;LF", "sell", "close"),
        (OPTIONS, "A 15MAR24 45 P", "5", "O", "buy", "open"),
        (OPTIONS, "A 15MAR24 45 P", "-5", "O;P", "sell", "open"),
        (OPTIONS, "A 15MAR24 45 P", "5", "C", "buy", "close"),
        (OPTIONS, "A 15MAR24 45 P", "-5", "C", "sell", "close"),
        ("Warrants", "A WS", "5", "O", "buy", "open"),
        ("Crypto", "BTC", "5", "O", "buy", "open"),
        ("Stocks - Held with Interactive Brokers (U.K.) Limited", "A", "5", "O", "buy", "open"),
    ],
)
def test_types_and_effects(
    read_ibkr: Read, category: str, symbol: str, quantity: str, code: str, kind: str, effect: str
) -> None:
    row = trade(symbol, quantity, "1", str(-Decimal(quantity) * (100 if category == OPTIONS else 1)), code)
    records = read_ibkr(HEADER + row.replace("Stocks", category, 1))
    (made,) = transactions(records)
    assert (made.type.value, made.position_effect.value) == (kind, effect)
    assert warnings(records) == []


@pytest.mark.parametrize(
    ("category", "symbol", "key"),
    [
        ("Stocks", "BRK B", "stock|BRK.B|USD"),
        ("Stocks", "GCM.OLD", "stock|GCM|USD"),
        (OPTIONS, "BRK B 19JAN24 350 C", "option|BRKB  240119C00350000|USD"),
        ("Options On Futures", "ES 20JUN25 5000 C", "future_option|ES 20JUN25 5000 C|USD"),
        ("Warrants", "BKSY 30OCT24 11.5 C", "warrant|BKSY 30OCT24 11.5 C|USD"),
        ("Bonds", "X 6 1/4 03/15/26", "bond|X 6 1/4 03/15/26|USD"),
        ("Mutual Funds", "VTSAX", "fund|VTSAX|USD"),
        ("Crypto", "BTC", "digital|BTC|USD"),
        ("CFDs", "IBUS500", "other|IBUS500|USD"),
    ],
)
def test_instruments(read_ibkr: Read, category: str, symbol: str, key: str) -> None:
    records = read_ibkr(HEADER + trade(symbol, "1", "1", "-1", category=category))
    (made,) = transactions(records)
    (named,) = (r for r in records if isinstance(r, Instrument))
    assert made.instrument == named.key == key


def test_an_option_that_cannot_be_read_is_kept_as_another_thing(read_ibkr: Read) -> None:
    records = read_ibkr(HEADER + trade("P DTE APR 25 3000", "1", "1", "-1", category=OPTIONS))
    (made,) = transactions(records)
    assert made.instrument == "other|P DTE APR 25 3000|USD"
    assert warnings(records) == [(7, "Symbol")]


def test_only_orders_where_there_are_orders(read_ibkr: Read) -> None:
    records = read_ibkr(
        HEADER
        + trade("A", "10", "1", "-10")
        + trade("A", "4", "1", "-4", level="Trade")
        + trade("A", "6", "1", "-6", level="Trade")
        + trade("A", "-10", "2", "20", "C")
        + trade("A", "-10", "2", "20", "C", level="Trade")
        + trade("A", "4", "1", "", level="ClosedLot")
        + trade("A", "6", "1", "", level="ClosedLot")
    )
    assert [t.line for t in transactions(records)] == [7, 10]
    assert verdicts(records) == [
        "skipped",
        "row",
        "evidence",
        "evidence",
        "row",
        "evidence",
        "evidence",
        "evidence",
    ]
    assert warnings(records) == []


def test_executions_where_there_are_no_orders(read_ibkr: Read) -> None:
    records = read_ibkr(
        HEADER
        + trade("A", "4", "1", "-4", level="Trade")
        + trade("A", "6", "1", "-6", level="Trade")
        + trade("A", "10", "1", "-10", level="Order")
    )
    assert [t.line for t in transactions(records)] == [7, 8]
    assert [(r.line, r.code) for r in records if isinstance(r, Refusal)] == [(9, "contradiction")]


def test_older_kinds_of_rows(read_ibkr: Read) -> None:
    records = read_ibkr(
        HEADER
        + "Trades,Closed Lot:,Stocks,USD,A\n"
        + trade("A", "1", "1", "-1", level="WashSale")
        + "Trades,Odd,1\n"
    )
    assert verdicts(records)[1:] == ["evidence", "evidence", "unknown"]
    assert transactions(records) == []


def test_closed_lots_only_check(read_ibkr: Read) -> None:
    records = read_ibkr(
        HEADER
        + trade("A", "-10", "2", "20", "C")
        + trade("A", "9", "1", "", level="ClosedLot")
        + trade("A", "-10", "2", "20", "C")
        + trade("A", "nine", "1", "", level="ClosedLot")
    )
    assert warnings(records) == [(7, "Quantity"), (10, "Quantity")]
    assert len(transactions(records)) == 2


def test_a_rebate_is_positive_and_foreign_commissions_stay_apart(read_ibkr: Read) -> None:
    records = read_ibkr(
        HEADER + trade("A", "1", "1", "-1", commission="0.25") + FOREX + trade("B", "1", "1", "-1")
    )
    rebate, same = transactions(records)
    assert (rebate.commission, rebate.net_amount) == (Decimal("0.25"), Decimal("-0.75"))
    assert (same.net_amount, same.terms) == (Decimal(-2), None)
    (other,) = transactions(
        read_ibkr(FOREX.replace("Comm in USD", "Comm in EUR") + trade("A", "1", "1", "-1"))
    )
    assert (other.net_amount, other.terms) == (Decimal(-1), Terms(fee_currency="EUR"))


def test_a_conversion_is_one_row(read_ibkr: Read) -> None:
    row = trade(
        "EUR.USD", "1,000", "1.08505", "-1085.05", "AFx", category="Forex", when="2024-06-03, 03:35:00"
    )
    records = read_ibkr(FOREX + row)
    (made,) = transactions(records)
    assert made.type is TransactionType.FX_CONVERSION
    assert made.instrument == "currency|EUR|EUR"
    assert (made.quantity, made.gross_amount, made.net_amount) == (
        Decimal(1000),
        Decimal("-1085.05"),
        Decimal("-1086.05"),
    )
    assert made.executed_at == datetime(2024, 6, 3, 7, 35, tzinfo=UTC)
    assert warnings(records) == []


def test_a_conversion_between_others_pays_its_commission_in_the_base_currency(read_ibkr: Read) -> None:
    row = trade("EUR.GBP", "100", "0.85", "-85", "", category="Forex", commission="-2").replace(
        ",USD,", ",GBP,"
    )
    (made,) = transactions(read_ibkr(FOREX + row))
    assert (made.currency, made.net_amount, made.commission) == ("GBP", Decimal(-85), Decimal(-2))
    assert made.terms == Terms(fee_currency="USD")


def test_a_conversion_without_amount_or_pair(read_ibkr: Read) -> None:
    records = read_ibkr(
        FOREX
        + trade("EUR.USD", "100", "1.1", "", "", category="Forex")
        + trade("EURUSD", "100", "1.1", "-110", "", category="Forex")
    )
    assert [t.gross_amount for t in transactions(records)] == [Decimal("-110.0")]
    assert warnings(records) == [(7, "Proceeds")]
    assert [(r.line, r.code) for r in records if isinstance(r, Refusal)] == [(8, "bad_symbol")]


def test_expiration(read_ibkr: Read) -> None:
    row = trade("A 15MAR24 45 P", "-2", "0", "0", "C;Ep", category=OPTIONS, when="2024-03-15, 16:20:00")
    (made,) = transactions(read_ibkr(HEADER + row))
    assert made.type is TransactionType.OPTION_EXPIRATION
    assert (made.quantity, made.position_effect.value, made.terms) == (Decimal(-2), "close", None)


@pytest.mark.parametrize(
    ("option", "contracts", "code", "shares", "kind"),
    [
        ("A 15MAR24 45 P", "1", "A;C", "100", "option_assignment"),
        ("A 15MAR24 45 C", "1", "A;C", "-100", "option_assignment"),
        ("A 15MAR24 45 C", "-2", "C;Ex", "200", "option_exercise"),
        ("A 15MAR24 45 P", "-2", "C;Ex", "-200", "option_exercise"),
        ("A 15MAR24 45 P", "-2", "C;AEx", "-200", "option_exercise"),
    ],
)
@pytest.mark.parametrize("stock_first", [True, False])
def test_an_option_is_tied_to_its_stock(
    read_ibkr: Read, option: str, contracts: str, code: str, shares: str, kind: str, stock_first: bool
) -> None:
    when = "2024-03-15, 16:20:00"
    stock_row = trade("A", shares, "45", str(-45 * int(shares)), code.replace("C", "O"), when=when)
    option_row = trade(option, contracts, "0", "0", code, category=OPTIONS, when=when)
    rows = [stock_row, option_row] if stock_first else [option_row, stock_row]
    records = read_ibkr(HEADER + "".join(rows))
    made = {t.line: t for t in transactions(records)}
    option_line, stock_line = (8, 7) if stock_first else (7, 8)
    assert made[option_line].type.value == kind
    assert made[option_line].terms == Terms(exercise_settlement="linked")
    assert made[stock_line].type.value == ("buy" if int(shares) > 0 else "sell")
    assert links(records) == [("exercise", option_line, stock_line)]
    assert warnings(records) == []


@pytest.mark.parametrize(
    "stock",
    [
        trade("B", "100", "45", "-4500", "A;O", when="2024-03-15, 16:20:00"),
        trade("A", "-100", "45", "4500", "A;C", when="2024-03-15, 16:20:00"),
        trade("A", "100", "44", "-4400", "A;O", when="2024-03-15, 16:20:00"),
        trade("A", "100", "45", "-4500", "A;O", when="2024-03-14, 16:20:00"),
        trade("A", "100", "45", "-4500", "O", when="2024-03-15, 16:20:00"),
    ],
)
def test_other_stock_is_not_tied(read_ibkr: Read, stock: str) -> None:
    option = trade("A 15MAR24 45 P", "1", "0", "0", "A;C", category=OPTIONS, when="2024-03-15, 16:20:00")
    records = read_ibkr(HEADER + stock + option)
    assert links(records) == []
    assert {t.line: t.terms for t in transactions(records)} == {7: None, 8: None}
    assert (8, "Code") in warnings(records)


def test_a_multiplier_stated_at_the_end_decides(read_ibkr: Read) -> None:
    when = "2024-03-15, 16:20:00"
    records = read_ibkr(
        HEADER
        + trade("A", "10", "45", "-450", "A;O", when=when)
        + trade("A 15MAR24 45 P", "1", "0", "0", "A;C", category=OPTIONS, when=when)
        + trade("A 15MAR24 40 P", "-1", "2", "20", "O", category=OPTIONS)
        + INSTRUMENTS
        + "".join(
            f"Financial Instrument Information,Data,{OPTIONS},A 15MAR24 {strike} P,x,{strike},A,X,10,,,P,,\n"
            for strike in (40, 45)
        )
    )
    assert links(records) == [("exercise", 8, 7)]
    assert warnings(records) == []


def test_an_adjusted_contract_delivers_what_comes(read_ibkr: Read) -> None:
    when = "2024-03-15, 16:20:00"
    records = read_ibkr(
        HEADER
        + trade("GREE", "33", "45", "-1485", "A;O", when=when)
        + trade("GREE1 15MAR24 45 P", "1", "0", "0", "A;C", category=OPTIONS, when=when)
    )
    assert links(records) == [("exercise", 8, 7)]


def test_one_stock_row_for_two_option_rows(read_ibkr: Read) -> None:
    when = "2024-03-15, 16:20:00"
    option = trade("A 15MAR24 45 P", "1", "0", "0", "A;C", category=OPTIONS, when=when)
    records = read_ibkr(HEADER + trade("A", "200", "45", "-9000", "A;O", when=when) + option + option)
    assert links(records) == [("exercise", 8, 7), ("exercise", 9, 7)]


@pytest.mark.parametrize(
    ("symbol", "price", "proceeds"),
    [("SPX 15MAR24 5000 C", "0", "0"), ("ZZZ 15MAR24 5000 C", "12.5", "1250")],
)
def test_settled_in_cash(read_ibkr: Read, symbol: str, price: str, proceeds: str) -> None:
    row = trade(symbol, "-1", price, proceeds, "C;Ex", category=OPTIONS, when="2024-03-15, 16:20:00")
    records = read_ibkr(HEADER + row)
    (made,) = transactions(records)
    assert made.terms == Terms(exercise_settlement="cash")
    assert (made.type.value, made.gross_amount) == ("option_exercise", Decimal(proceeds))
    assert warnings(records) == []


def test_a_cancel_is_tied_to_its_trade_wherever_it_stands(read_ibkr: Read) -> None:
    records = read_ibkr(
        HEADER
        + trade("A", "10", "1", "-10", when="2024-03-04, 10:00:00")
        + trade("A", "10", "1", "-10", when="2024-03-04, 10:00:01")
        + trade("A", "-10", "1", "10", "Ca", when="2024-03-04, 10:00:00")
        + trade("B", "5", "1", "-5", "Ca")
        + trade("B", "-5", "1", "5", "C")
        + trade("C", "5", "1", "-5", "O;Ca")
    )
    assert links(records) == [("correction", 9, 7), ("correction", 10, 11)]
    assert len(transactions(records)) == 6
    assert {t.position_effect.value for t in transactions(records) if "Ca" in t.metadata["codes"]} == {"auto"}
    assert warnings(records) == [(12, "Code")]


def test_equal_rows_are_all_kept(read_ibkr: Read) -> None:
    assert len(transactions(read_ibkr(HEADER + trade("A", "1", "1", "-1") * 3))) == 3


@pytest.mark.parametrize(
    ("quantity", "price", "proceeds", "is_right"),
    [
        ("50", "32.52", "-1625.99", True),
        ("50", "32.52", "-1626.30", False),
        ("50", "32.5", "-1626.99", True),
        ("-3", "10", "30", True),
        ("3", "10", "30", False),
        ("3", "0", "0", True),
    ],
)
def test_the_amount_is_checked_and_kept(
    read_ibkr: Read, quantity: str, price: str, proceeds: str, is_right: bool
) -> None:
    records = read_ibkr(HEADER + trade("A", quantity, price, proceeds))
    assert [t.gross_amount for t in transactions(records)] == [Decimal(proceeds)]
    assert warnings(records) == ([] if is_right else [(7, "Proceeds")])


def test_a_doubt_about_an_unstated_multiplier_is_named_once(read_ibkr: Read) -> None:
    row = trade("A 15MAR24 45 P", "1", "2", "-20", category=OPTIONS)
    assert warnings(read_ibkr(HEADER + row + row)) == [(7, "Proceeds")]


def test_bonds_are_quoted_in_percent(read_ibkr: Read) -> None:
    records = read_ibkr(HEADER + trade("X 6 1/4 03/15/26", "2000", "101.5", "-2030", category="Bonds"))
    assert warnings(records) == []


def test_futures_move_only_costs(read_ibkr: Read) -> None:
    header = HEADER.replace("Proceeds", "Notional Value")
    records = read_ibkr(
        header + trade("MESU6", "1", "7644", "-38220", category="Futures", commission="-0.61")
    )
    (made,) = transactions(records)
    assert (made.gross_amount, made.net_amount) == (None, Decimal("-0.61"))
    assert warnings(records) == [(7, None)]


@pytest.mark.parametrize(
    ("row", "code", "column"),
    [
        (trade("A", "0", "1", "0"), "zero_quantity", "Quantity"),
        (trade("A", "1,02", "1", "-1"), "bad_number", "Quantity"),
        (trade("A", "1", "1e999999", "-1"), "bad_number", "T. Price"),
        (trade("A", "1", "1", ""), "missing_value", "Proceeds"),
        (trade("", "1", "1", "-1"), "missing_value", "Symbol"),
        (trade("A" * 65, "1", "1", "-1"), "bad_symbol", "Symbol"),
        (trade("A", "1", "1", "-1", when="2024-02-30, 10:00:00"), "bad_date", "Date/Time"),
        (trade("A", "1", "1", "-1", when="2024-02-03 25:00:00"), "bad_date", "Date/Time"),
    ],
)
def test_what_cannot_be_read_is_refused(read_ibkr: Read, row: str, code: str, column: str) -> None:
    records = read_ibkr(HEADER + row + trade("B", "1", "1", "-1"))
    assert [(r.line, r.code, r.column) for r in records if isinstance(r, Refusal)] == [(7, code, column)]
    assert [t.line for t in transactions(records)] == [8]


def test_older_times_and_dates_without_a_time(read_ibkr: Read) -> None:
    old, dated = transactions(
        read_ibkr(
            HEADER
            + trade("A", "1", "1", "-1", when="2024-03-04 23:00:00")
            + trade("A", "1", "1", "-1", when="2024-03-04")
        )
    )
    assert (old.executed_at, old.trade_date) == (datetime(2024, 3, 5, 4, 0, tzinfo=UTC), date(2024, 3, 4))
    assert (dated.executed_at, dated.trade_date) == (None, date(2024, 3, 4))


def test_a_negative_price_is_left_out(read_ibkr: Read) -> None:
    records = read_ibkr(HEADER + trade("A", "1", "-37.63", "37.63"))
    assert [(t.price, t.gross_amount) for t in transactions(records)] == [(None, Decimal("37.63"))]
    assert warnings(records) == [(7, "T. Price")]


def test_unknown_codes_and_categories_are_named_once(read_ibkr: Read) -> None:
    row = trade("A", "1", "1", "-1", "O;Zz")
    records = read_ibkr(HEADER + row + row + trade("B", "1", "1", "-1", category="Moons"))
    assert len(transactions(records)) == 3
    assert warnings(records) == [(7, "Code"), (9, "Asset Category")]


def test_all_known_codes_have_a_meaning() -> None:
    assert len(CODES) >= 72
    assert read_codes(";".join(CODES)).unknown == ()
    assert read_codes(" O ; P; ").text == "O;P"
    assert read_codes("A,C").is_assignment

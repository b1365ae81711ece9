"""Flex Queries: XML and CSV."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from quantmatrix.ingest.ibkr_flex import IbkrFlex
from quantmatrix.ingest.ibkr_flex.dates import DateStyle, StyleFinder
from quantmatrix.ingest.model import (
    CashEvidence,
    FileRefused,
    Instrument,
    Line,
    Link,
    LinkKind,
    LotEvidence,
    Options,
    PositionEffect,
    PositionEvidence,
    Record,
    Refusal,
    Statement,
    Terms,
    Transaction,
    Warning,
)
from quantmatrix.ingest.model import TransactionType as T
from quantmatrix.testing.conformance import Conformance, hold_together, records_of
from quantmatrix.testing.parsing import only, parse, reasons, these

FIXTURES = Path(__file__).parent / "fixtures" / "ibkr_flex"
YEAR = (FIXTURES / "year.xml").read_text()
SECTIONS = (FIXTURES / "sections.csv").read_text()


class TestConformance(Conformance):
    parser = IbkrFlex
    samples = {"year.xml": YEAR, "sections.csv": SECTIONS}
    repeat_from = '<Trade accountId="U5550001" currency="USD" assetCategory="CASH"'


@pytest.fixture(scope="module")
def year() -> list[Record]:
    return parse(IbkrFlex, YEAR)


def flex(*elements: str, statement: str = 'accountId="U1" fromDate="20240101" toDate="20241231"') -> str:
    inside = "\n".join(elements)
    head = f"<FlexQueryResponse><FlexStatements><FlexStatement {statement}>"
    return f"{head}\n{inside}\n</FlexStatement></FlexStatements></FlexQueryResponse>"


def trade(**changed: str) -> str:
    values = {
        "currency": "USD", "assetCategory": "STK", "symbol": "KO", "tradeID": "1", "tradeDate": "20240110",
        "quantity": "10", "tradePrice": "5", "proceeds": "-50", "ibCommission": "-1", "buySell": "BUY",
        "transactionID": "77",
    } | changed  # fmt: skip
    return "<Trade " + " ".join(f'{k}="{v}"' for k, v in values.items()) + " />"


def cash(**changed: str) -> str:
    values = {"currency": "USD", "amount": "1", "type": "Dividends", "dateTime": "20240110"} | changed
    return "<CashTransaction " + " ".join(f'{k}="{v}"' for k, v in values.items()) + " />"


def by_id(records: list[Record], identity: str) -> Transaction:
    [found] = [t for t in only(records, Transaction) if t.external_id == identity]
    return found


def test_every_row_has_its_type(year: list[Record]) -> None:
    assert {t.external_id: t.type for t in only(year, Transaction)} == {
        "9001": T.BUY, "9002": T.BUY, "9003": T.SELL, "9004": T.OPTION_ASSIGNMENT, "9005": T.BUY,
        "9006": T.BUY, "9007": T.SELL, "9008": T.BUY, "9009": T.FX_CONVERSION, "9010": T.BUY,
        "9101": T.SPLIT, "9103": T.SPINOFF, "9201": T.DIVIDEND, "9202": T.TAX_WITHHELD,
        "9203": T.TAX_WITHHELD, "9204": T.DEPOSIT, "9205": T.INTEREST, "9206": T.FEE, "9207": T.OTHER,
        "9301": T.TRANSFER_IN,
    }  # fmt: skip


def test_orders_lots_summaries_and_option_events_tell_of_the_same_trades(year: list[Record]) -> None:
    verdicts = {line.section: line.verdict for line in only(year, Line) if line.verdict == "evidence"}
    assert set(verdicts) == {
        "CashReportCurrency", "SymbolSummary", "Order", "Lot", "OptionEAE", "CashTransaction", "OpenPosition",
        "SecurityInfo",
    }  # fmt: skip


def test_a_fill_has_signs_costs_ids_and_its_instant(year: list[Record]) -> None:
    fill = by_id(year, "9001")
    assert these(fill.quantity, fill.price, fill.gross_amount) == (60, 60, -3600)
    assert these(fill.commission, fill.net_amount) == (Decimal("-0.6"), Decimal("-3600.6"))
    assert fill.executed_at == datetime(2024, 1, 10, 15, 30, tzinfo=UTC)
    assert (fill.trade_date, fill.settlement_date) == (date(2024, 1, 10), date(2024, 1, 12))
    assert (fill.order_id, fill.account, fill.position_effect) == ("501", "U5550001", PositionEffect.OPEN)
    [ko] = [i for i in only(year, Instrument) if i.symbol == "KO"][:1]
    assert ko.identifiers == {"conid": "8894", "isin": "US1912161007", "cusip": "191216100"}


def test_an_assignment_is_linked_to_its_stock(year: list[Record]) -> None:
    option, stock = by_id(year, "9004"), by_id(year, "9005")
    assert Link(kind=LinkKind.EXERCISE, from_line=option.line, to_line=stock.line) in only(year, Link)
    assert option.terms == Terms(exercise_settlement="linked")
    assert these(option.quantity, option.position_effect) == (1, PositionEffect.CLOSE)


def test_a_cancel_takes_back_the_trade_and_its_commission(year: list[Record]) -> None:
    original, cancel = by_id(year, "9006"), by_id(year, "9007")
    assert Link(kind=LinkKind.CORRECTION, from_line=cancel.line, to_line=original.line) in only(year, Link)
    assert these(cancel.quantity, cancel.net_amount) == (-10, 1701)
    assert original.net_amount + cancel.net_amount == 0
    assert by_id(year, "9008").price == 169


def test_a_cancel_without_its_trade_is_reported() -> None:
    records = parse(IbkrFlex, flex(trade(quantity="-10", proceeds="50", buySell="BUY (Ca.)", notes="Ca")))
    assert "not in this file" in reasons(records, 2)


def test_a_conversion_is_one_row_with_two_legs(year: list[Record]) -> None:
    row = by_id(year, "9009")
    assert row.instrument == "currency|EUR|EUR"
    assert these(row.quantity, row.currency, row.net_amount) == (1000, "USD", -1082)


def test_a_reverse_split_is_followed_by_contract_number(year: list[Record]) -> None:
    split = by_id(year, "9101")
    assert split.instrument == "stock|GCM|USD" == by_id(year, "9010").instrument
    assert split.terms == Terms(
        ratio_numerator=Decimal(1), ratio_denominator=Decimal(25), stated_quantity=Decimal(-2400)
    )
    assert split.trade_date == date(2024, 6, 18)


def test_a_spinoff_names_its_parent(year: list[Record]) -> None:
    spinoff = by_id(year, "9103")
    assert spinoff.instrument == "stock|KO|USD"
    assert spinoff.terms is not None
    assert these(spinoff.terms.new_instrument, spinoff.terms.stated_new_quantity) == ("stock|NEWCO|USD", 20)


def test_a_correction_moves_cash_when_it_is_booked(year: list[Record]) -> None:
    row = by_id(year, "9203")
    assert (row.trade_date, row.executed_at, row.settlement_date) == (
        date(2024, 2, 9),
        None,
        date(2023, 4, 3),
    )
    assert row.metadata["value_date"] == "2023-04-03"


def test_unknown_cash_is_kept_as_other_and_reported(year: list[Record]) -> None:
    row = by_id(year, "9207")
    assert row.net_amount == Decimal("0.25")
    assert "nobody knows" in reasons(year, row.line)


def test_a_transfer_brings_no_cost(year: list[Record]) -> None:
    row = by_id(year, "9301")
    assert these(row.quantity, row.net_amount, row.terms) == (15, 0, None)


def test_what_the_broker_holds_is_evidence(year: list[Record]) -> None:
    assert [these(p.instrument, p.quantity, p.cost_basis) for p in only(year, PositionEvidence)] == [
        ("stock|KO|USD", 200, 11750), ("stock|GCM|USD", 100, 676),
    ]  # fmt: skip
    [lot] = only(year, LotEvidence)
    assert lot.acquired_at == datetime(2024, 1, 10, 15, 30, tzinfo=UTC)
    assert [these(c.moment, c.amount, c.as_of) for c in only(year, CashEvidence)] == [
        ("start", 10000, date(2024, 1, 1)), ("end", Decimal("5555.18"), date(2024, 12, 31)),
    ]  # fmt: skip


def test_the_statement_names_account_kind_and_period_and_no_address(year: list[Record]) -> None:
    told = only(year, Statement)
    assert {s.account for s in told} == {"U5550001"}
    assert [s.account_type for s in told if s.account_type] == ["ira"]
    assert told[-1].generated_at == datetime(2025, 1, 2, 13, 15, tzinfo=UTC)
    assert (told[-1].period_start, told[-1].period_end) == (date(2024, 1, 1), date(2024, 12, 31))
    assert not any("Example Road" in line.raw or "Somebody" in line.raw for line in only(year, Line))


def test_the_rows_of_the_csv_are_those_of_the_xml(year: list[Record]) -> None:
    table = parse(IbkrFlex, SECTIONS)
    rows = {t.external_id or "": t for t in only(table, Transaction)}
    assert set(rows) == {"9001", "9003", "9201"}
    for identity, row in rows.items():
        other = by_id(year, identity)
        same = ("type", "quantity", "price", "net_amount", "trade_date", "executed_at", "instrument")
        assert [getattr(row, name) for name in same] == [getattr(other, name) for name in same]


@pytest.mark.parametrize(
    ("text", "day", "clock"),
    [
        ("20240110", "2024-01-10", None), ("20240110;103000", "2024-01-10", "15:30"),
        ("2024-01-10", "2024-01-10", None), ("2024-01-10, 10:30:00", "2024-01-10", "15:30"),
        ("01/10/2024 10:30:00", "2024-01-10", "15:30"), ("01/10/24", "2024-01-10", None),
        ("10-Jan-24", "2024-01-10", None), ("10-JAN-24;103000", "2024-01-10", "15:30"),
        ("20240110T103000", "2024-01-10", "15:30"), ("20240110,103000", "2024-01-10", "15:30"),
        ("20240110103000", "2024-01-10", "15:30"), ("20240710;10:30:00 EDT", "2024-07-10", "14:30"),
        ("2024-01-10;10:30:00 EST", "2024-01-10", "15:30"),
    ],
)  # fmt: skip
def test_every_spelling_of_a_date(text: str, day: str, clock: str | None) -> None:
    moment, printed = DateStyle().moment(text)
    assert printed.isoformat() == day
    assert (f"{moment:%H:%M}" if moment else None) == clock


def test_the_order_of_day_and_month_is_found_from_the_whole_file() -> None:
    text = flex(
        trade(tradeDate="03/04/2024"), trade(tradeDate="25/04/2024", transactionID="78"),
        statement='accountId="U1" fromDate="01/01/2024" toDate="31/12/2024"',
    )  # fmt: skip
    assert by_id(parse(IbkrFlex, text), "77").trade_date == date(2024, 4, 3)
    finder = StyleFinder()
    for value in ("13/01/2024", "01/13/2024"):
        finder.look(value)
    with pytest.raises(ValueError, match="some"):
        finder.style(day_first=False)


def test_ambiguous_dates_are_read_month_first_and_said() -> None:
    text = flex(
        trade(tradeDate="03/04/2024"), statement='accountId="U1" fromDate="01/01/2024" toDate="01/02/2024"'
    )
    records = parse(IbkrFlex, text)
    assert by_id(records, "77").trade_date == date(2024, 3, 4)
    assert any("month first" in w.reason for w in only(records, Warning))
    assert by_id(parse(IbkrFlex, text, Options(day_first=True)), "77").trade_date == date(2024, 4, 3)


@pytest.mark.parametrize(("word", "quantity"), [("SELL", "10"), ("SELL", "-10")])
def test_a_sell_is_negative_with_and_without_a_sign(word: str, quantity: str) -> None:
    text = flex(trade(buySell=word, quantity=quantity, proceeds="50"))
    assert by_id(parse(IbkrFlex, text), "77").quantity == -10


def test_attributes_are_optional() -> None:
    text = flex('<Trade symbol="KO" tradeDate="20240110" quantity="10" tradePrice="5" buySell="BUY" />')
    [row] = only(parse(IbkrFlex, text), Transaction)
    assert these(row.gross_amount, row.currency, row.account, row.external_id) == (-50, "USD", "U1", None)


def test_orders_are_imported_where_nothing_else_is() -> None:
    text = flex(trade(levelOfDetail="ORDER", transactionID=""))
    assert [t.quantity for t in only(parse(IbkrFlex, text), Transaction)] == [10]


def test_option_events_count_where_no_trade_books_them() -> None:
    text = flex(
        '<OptionEAE accountId="U1" currency="USD" assetCategory="OPT" symbol="KO    240621P00058000" '
        'date="20240621" transactionType="Assignment" quantity="1" tradePrice="0.0000" tradeID="5" />',
        '<OptionEAE accountId="U1" currency="USD" assetCategory="STK" symbol="KO" date="20240621" '
        'transactionType="Buy" quantity="100" tradePrice="58.0000" tradeID="6" />',
    )
    records = parse(IbkrFlex, text)
    assert [t.type for t in only(records, Transaction)] == [T.BUY, T.OPTION_ASSIGNMENT]
    assert len(only(records, Link)) == 1


def test_the_same_row_twice_counts_once_and_another_row_of_the_id_is_kept() -> None:
    records = parse(IbkrFlex, flex(trade(), trade(), trade(quantity="20", proceeds="-100")))
    assert [t.external_id for t in only(records, Transaction)] == ["77", "77#2"]


def test_pence_are_pounds() -> None:
    records = parse(IbkrFlex, flex(trade(currency="GBX", tradePrice="500", proceeds="-5000")))
    row = by_id(records, "77")
    assert these(row.currency, row.price, row.gross_amount) == ("GBP", 5, -50)


def test_two_companies_of_one_ticker_stay_apart() -> None:
    records = parse(
        IbkrFlex,
        flex(
            trade(isin="US1111111117", conid="1"), trade(isin="US2222222224", conid="2", transactionID="78")
        ),
    )
    assert [t.instrument for t in only(records, Transaction)] == ["stock|KO|USD", "stock|KO~2|USD"]


@pytest.mark.parametrize(
    ("kind", "text", "amount", "expected"),
    [
        ("Payment In Lieu Of Dividends", "X", "1", T.PAYMENT_IN_LIEU),
        ("871(m) Withholding", "X", "-1", T.TAX_WITHHELD),
        ("Deposits &amp; Withdrawals", "X", "-1", T.WITHDRAWAL),
        ("Broker Interest Paid", "USD BORROW FEES FOR JAN-2024", "-1", T.FEE),
        ("Bond Interest Received", "X", "1", T.INTEREST),
        ("Commission Adjustments", "X", "1", T.FEE),
        (
            "Broker Interest Received",
            "USD IBKR MANAGED SECURITIES (SYEP) INTEREST",
            "1",
            T.STOCK_LENDING_INCOME,
        ),
    ],
)
def test_types_of_cash(kind: str, text: str, amount: str, expected: T) -> None:
    [row] = only(parse(IbkrFlex, flex(cash(type=kind, description=text, amount=amount))), Transaction)
    assert row.type is expected


def test_futures_cost_only_their_commission() -> None:
    text = flex(trade(assetCategory="FUT", symbol="ESU4", multiplier="50", proceeds="-275000", netCash="-1"))
    row = by_id(parse(IbkrFlex, text), "77")
    assert these(row.gross_amount, row.net_amount) == (None, -1)


def test_a_bad_number_is_refused_with_its_place() -> None:
    records = parse(IbkrFlex, flex(trade(quantity="ten")))
    assert [(r.line, r.column, r.text, r.code) for r in only(records, Refusal)] == [
        (2, "quantity", "ten", "bad_number")
    ]


def test_a_file_on_one_line_keeps_its_rows_apart() -> None:
    text = flex(trade(), trade(transactionID="78", quantity="x")).replace("\n", "")
    records = records_of(IbkrFlex, text)
    hold_together(records)
    [refusal] = only(records, Refusal)
    assert "line 1, character" in refusal.reason


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("<FlexQueryResponse><FlexStatements><Trade", "cannot be read"),
        ("<FlexQueryResponse></FlexStatements>", "mismatched tag"),
        ('<!DOCTYPE x [<!ENTITY a "b">]><FlexQueryResponse>&a;</FlexQueryResponse>', "document type"),
        (
            "<FlexStatementResponse><Status>Fail</Status><ErrorCode>1012</ErrorCode></FlexStatementResponse>",
            "1012",
        ),
        (flex('<TradeConfirm symbol="KO" />'), "Trade Confirmation"),
        ("<FlexQueryResponse>" + "<a>" * 40 + "</a>" * 40 + "</FlexQueryResponse>", "deep"),
    ],
)
def test_what_cannot_be_read_is_refused(text: str, reason: str) -> None:
    with pytest.raises(FileRefused, match=reason):
        records_of(IbkrFlex, text)


def test_rows_that_move_nothing_are_kept_without_effect() -> None:
    transfer = (
        '<Transfer currency="USD" assetCategory="STK" symbol="KO" date="20240110" quantity="0" type="FOP" />'
    )
    records = parse(IbkrFlex, flex(trade(quantity="0", netCash="-1"), transfer))
    rows = only(records, Transaction)
    assert [these(row.type, row.net_amount, row.quantity) for row in rows] == [
        (T.OTHER, -1, None), (T.OTHER, 0, None),
    ]  # fmt: skip


def test_the_net_cash_counts_where_nothing_else_is_printed() -> None:
    records = parse(IbkrFlex, flex(trade(proceeds="", tradePrice="", netCash="-51")))
    assert by_id(records, "77").gross_amount == -50

"""OFX and QFX investment statements."""

from __future__ import annotations

import io
import re
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from quantmatrix.ingest.model import (
    CashEvidence,
    FileRefused,
    Instrument,
    InstrumentType,
    Line,
    Link,
    Options,
    PositionEffect,
    PositionEvidence,
    Record,
    Refusal,
    Statement,
    Terms,
    Transaction,
)
from quantmatrix.ingest.model import TransactionType as T
from quantmatrix.ingest.ofx import OfxParser
from quantmatrix.ingest.reader import SourceFile
from quantmatrix.testing.conformance import Conformance, hold_together, records_of
from quantmatrix.testing.parsing import only, reasons, these

SGML = (Path(__file__).parent / "fixtures" / "brokers" / "statement.qfx").read_text()
XML = '<?xml version="1.0" encoding="UTF-8"?>\n<?OFX OFXHEADER="200" VERSION="202"?>\n' + re.sub(
    r"<([A-Z0-9.]+)>([^<\n]+)", r"<\1>\2</\1>", SGML[SGML.index("<OFX>") :]
)


class TestConformance(Conformance):
    parser = OfxParser
    samples = {"statement.qfx": SGML, "statement.ofx": XML}
    repeat_from = "<TRNTYPE>INT"


@pytest.fixture(scope="module")
def statement() -> list[Record]:
    records = records_of(OfxParser, SGML)
    hold_together(records)
    return records


def by_id(records: list[Record], identity: str) -> Transaction:
    [found] = [t for t in only(records, Transaction) if t.external_id == identity]
    return found


def wrapped(*rows: str, more: str = "") -> str:
    inside = "\n".join(rows)
    return (
        "<OFX><INVSTMTMSGSRSV1><INVSTMTTRNRS><INVSTMTRS><DTASOF>20240701<CURDEF>USD<INVACCTFROM>"
        f"<BROKERID>b.com<ACCTID>1</INVACCTFROM><INVTRANLIST>\n{inside}\n</INVTRANLIST></INVSTMTRS>"
        f"</INVSTMTTRNRS></INVSTMTMSGSRSV1>{more}</OFX>"
    )


def test_every_row_has_its_type(statement: list[Record]) -> None:
    assert {t.external_id: t.type for t in only(statement, Transaction)} == {
        "1001": T.BUY, "1002": T.SELL, "1003": T.SELL, "1004": T.OPTION_EXPIRATION,
        "1005/income": T.DIVIDEND, "1005": T.REINVEST, "1006": T.DIVIDEND,
        "1007": T.CAPITAL_GAIN_DISTRIBUTION, "1008": T.FEE, "1009": T.RETURN_OF_CAPITAL, "1010": T.SPLIT,
        "1011": T.TRANSFER_IN, "1013": T.INTEREST, "1014": T.DEPOSIT, "1015": T.WITHDRAWAL,
        "1016": T.INTEREST, "1014#2": T.DEPOSIT,
    }  # fmt: skip


def test_xml_says_the_same_as_sgml(statement: list[Record]) -> None:
    def facts(records: list[Record]) -> list[Transaction]:
        return [t.model_copy(update={"line": 0}) for t in only(records, Transaction)]

    assert facts(records_of(OfxParser, XML)) == facts(statement)
    assert facts(records_of(OfxParser, XML.replace("\n", ""))) == facts(statement)


def test_a_purchase_has_its_costs_inside_the_total(statement: list[Record]) -> None:
    row = by_id(statement, "1001")
    assert these(row.quantity, row.price, row.gross_amount) == (100, 60, -6000)
    assert these(row.commission, row.fees, row.net_amount) == (
        Decimal("-4.95"), Decimal("-0.02"), Decimal("-6004.97"),
    )  # fmt: skip
    assert (row.trade_date, row.settlement_date) == (date(2024, 1, 2), date(2024, 1, 4))
    assert (row.instrument, row.account) == ("stock|KO|USD", "X0000001")


def test_an_expiration_booked_as_transfer(statement: list[Record]) -> None:
    row = by_id(statement, "1004")
    assert row.instrument == "option|KO    240614P00058000|USD"
    assert these(row.quantity, row.position_effect, row.net_amount) == (1, PositionEffect.CLOSE, 0)
    assert by_id(statement, "1003").position_effect is PositionEffect.OPEN


def test_a_reinvestment_is_income_and_purchase(statement: list[Record]) -> None:
    income, bought = by_id(statement, "1005/income"), by_id(statement, "1005")
    assert these(income.net_amount, bought.net_amount) == (Decimal("12.34"), Decimal("-12.34"))
    assert these(bought.quantity, bought.part, bought.instrument) == (Decimal("0.123"), 1, "fund|VEXMX|USD")


def test_a_split_has_ratio_and_change(statement: list[Record]) -> None:
    assert by_id(statement, "1010").terms == Terms(
        ratio_numerator=Decimal(2), ratio_denominator=Decimal(1), stated_quantity=Decimal(60)
    )


def test_a_transfer_brings_its_date_and_no_guessed_basis(statement: list[Record]) -> None:
    row = by_id(statement, "1011")
    assert row.terms == Terms(supplied_acquired_on=date(2020, 1, 2))
    assert row.metadata["avgcostbasis"] == "500.00"


def test_a_repeated_id_is_kept_twice_and_said(statement: list[Record]) -> None:
    row = by_id(statement, "1014#2")
    assert row.description == "AT&T GIFT"
    assert "same FITID" in reasons(statement, row.line)


def test_the_same_row_twice_counts_once() -> None:
    row = "<INVBANKTRAN><STMTTRN><TRNTYPE>INT<DTPOSTED>20240131<TRNAMT>0.42<FITID>1</STMTTRN></INVBANKTRAN>"
    assert len(only(records_of(OfxParser, wrapped(row, row)), Transaction)) == 1


def test_positions_of_sub_accounts_are_one(statement: list[Record]) -> None:
    assert [these(p.instrument, p.quantity, p.as_of) for p in only(statement, PositionEvidence)] == [
        ("stock|KO|USD", 120, date(2024, 7, 1)), ("fund|VEXMX|USD", Decimal("7.123"), date(2024, 7, 1)),
    ]  # fmt: skip
    [cash] = only(statement, CashEvidence)
    assert these(cash.amount, cash.moment) == (Decimal("6425.57"), "end")


def test_the_file_adds_up(statement: list[Record]) -> None:
    assert sum(t.net_amount for t in only(statement, Transaction)) == Decimal("6425.57")
    held: dict[str, Decimal] = {}
    for t in only(statement, Transaction):
        change = t.quantity or (
            t.terms.stated_quantity if t.terms and t.terms.stated_quantity else Decimal(0)
        )
        held[t.instrument or ""] = held.get(t.instrument or "", Decimal(0)) + change
    assert {k: v for k, v in held.items() if v} == {
        "stock|KO|USD": Decimal(120), "fund|VEXMX|USD": Decimal("7.123"),
    }  # fmt: skip


def test_the_statement_names_account_broker_and_period(statement: list[Record]) -> None:
    told = only(statement, Statement)
    assert (told[0].account, told[0].broker, told[0].base_currency) == ("X0000001", "example", "USD")
    assert (told[-1].period_start, told[-1].period_end) == (date(2024, 1, 1), date(2024, 7, 1))


def test_a_closed_option_is_tied_to_its_stock() -> None:
    secid = "<SECID><UNIQUEID>{}<UNIQUEIDTYPE>TICKER</SECID>"
    option = (
        "<SECLISTMSGSRSV1><SECLIST><OPTINFO><SECINFO><SECID><UNIQUEID>O1<UNIQUEIDTYPE>OTHER</SECID>"
        "<TICKER>KO240614P58</SECINFO><OPTTYPE>PUT<STRIKEPRICE>58<DTEXPIRE>20240614<SHPERCTRCT>100"
        "</OPTINFO></SECLIST></SECLISTMSGSRSV1>"
    )
    records = records_of(
        OfxParser,
        wrapped(
            "<CLOSUREOPT><INVTRAN><FITID>1<DTTRADE>20240614</INVTRAN><SECID><UNIQUEID>O1<UNIQUEIDTYPE>OTHER"
            "</SECID><OPTACTION>ASSIGN<UNITS>1<SHPERCTRCT>100<SUBACCTSEC>CASH</CLOSUREOPT>",
            f"<BUYSTOCK><INVBUY><INVTRAN><FITID>2<DTTRADE>20240614</INVTRAN>{secid.format('KO')}<UNITS>100"
            "<UNITPRICE>58<TOTAL>-5800</INVBUY><BUYTYPE>BUY</BUYSTOCK>",
            more=option,
        ),
    )
    hold_together(records)
    assert len(only(records, Link)) == 1
    assert by_id(records, "1").terms == Terms(exercise_settlement="linked")


def test_an_unknown_aggregate_is_kept_as_other() -> None:
    records = records_of(
        OfxParser,
        wrapped("<GIFTOFSTARS><INVTRAN><FITID>9<DTTRADE>20240101</INVTRAN><TOTAL>3.00</GIFTOFSTARS>"),
    )
    assert these(by_id(records, "9").type, by_id(records, "9").net_amount) == (T.OTHER, 3)
    assert "nobody knows" in reasons(records, 2)


def test_a_security_without_its_list_keeps_its_id() -> None:
    records = records_of(
        OfxParser,
        wrapped(
            "<BUYMF><INVBUY><INVTRAN><FITID>1<DTTRADE>20240102</INVTRAN><SECID><UNIQUEID>922906300"
            "<UNIQUEIDTYPE>CUSIP</SECID><UNITS>2<UNITPRICE>10<TOTAL>-20</INVBUY><BUYTYPE>BUY</BUYMF>"
        ),
    )
    [fund] = only(records, Instrument)
    assert (fund.type, fund.symbol, fund.identifiers) == (
        InstrumentType.FUND, "922906300", {"cusip": "922906300"},
    )  # fmt: skip


def test_journals_within_the_account_have_no_effect(statement: list[Record]) -> None:
    [line] = [x for x in only(statement, Line) if "<FITID>1012" in x.raw]
    assert line.verdict == "skipped"
    assert "no effect" in reasons(statement, line.number)


BUY = "<BUYSTOCK><INVBUY><INVTRAN><FITID>1<DTTRADE>{}</INVTRAN>{}<UNITS>{}<TOTAL>-1</INVBUY></BUYSTOCK>"
SECID = "<SECID><UNIQUEID>A</SECID>"


@pytest.mark.parametrize(
    ("row", "column"),
    [
        (BUY.format("2024", SECID, "1"), "DTTRADE"),
        (BUY.format("20240101", SECID, "x"), "UNITS"),
        (BUY.format("20240101", "", "1"), "UNIQUEID"),
    ],
)
def test_bad_rows_are_refused_with_their_place(row: str, column: str) -> None:
    [refusal] = only(records_of(OfxParser, wrapped(row)), Refusal)
    assert (refusal.line, refusal.column) == (2, column)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("OFXHEADER:100\n<OFX><STMTRS><BANKACCTFROM><ACCTID>1</BANKACCTFROM></STMTRS>", "bank"),
        ("OFXHEADER:100\n<OFX></OFX>", "not an investment statement"),
        ("<!DOCTYPE x [<!ENTITY a 'b'>]><OFX>", "document type"),
        ("<OFX><INVSTMTRS><INVACCTFROM><ACCTID>1</INVACCTFROM><INVTRANLIST><BUYST", "inside a tag"),
        ("<OFX><INVSTMTRS><INVACCTFROM><ACCTID>1</INVACCTFROM><INVTRANLIST><BUYSTOCK><INVBUY>", "cut off"),
    ],
)
def test_what_cannot_be_read_is_refused(text: str, reason: str) -> None:
    with pytest.raises(FileRefused, match=reason):
        records_of(OfxParser, text)


def test_windows_text_is_read_where_the_header_says_so() -> None:
    data = SGML.replace("EFT RECEIVED", "CAFÉ").encode("cp1252")
    with SourceFile(io.BytesIO(data), "statement.qfx") as file:
        rows = only(list(OfxParser().parse(file.text, Options())), Transaction)
    assert "CAFÉ" in {row.description for row in rows}


@pytest.mark.parametrize("declared", ["CHARSET:NONE\n", ""])
def test_old_headers_that_declare_no_characters_leave_it_to_the_text(declared: str) -> None:
    text = SGML.replace("CHARSET:1252\n", declared).replace("EFT RECEIVED", "CAFÉ")
    for encoding in ("cp1252", "utf-8"):
        with SourceFile(io.BytesIO(text.encode(encoding)), "statement.qfx") as file:
            rows = only(list(OfxParser().parse(file.text, Options())), Transaction)
        assert "CAFÉ" in {row.description for row in rows}


def test_an_expired_option_without_its_strike_is_known_by_its_ticker() -> None:
    row = (
        "<TRANSFER><INVTRAN><FITID>1<DTTRADE>20240617<MEMO>EXPIRED PUT (XYZ)</INVTRAN><SECID><UNIQUEID>"
        "1234567OI<UNIQUEIDTYPE>CUSIP</SECID><UNITS>1<TFERACTION>IN<INVACCTFROM><ACCTID>9</INVACCTFROM></TRANSFER>"
    )
    security = (
        "<SECLISTMSGSRSV1><SECLIST><OPTINFO><SECINFO><SECID><UNIQUEID>1234567OI<UNIQUEIDTYPE>CUSIP</SECID>"
        "<SECNAME>Expired<TICKER>XYZ240617P118</SECINFO><OPTTYPE>CALL<STRIKEPRICE>0.0<DTEXPIRE>20240316"
        "<SHPERCTRCT>100<SECID><UNIQUEID>1234567OI<UNIQUEIDTYPE>CUSIP</SECID></OPTINFO></SECLIST></SECLISTMSGSRSV1>"
    )
    records = records_of(OfxParser, wrapped(row, more=security))
    expired = by_id(records, "1")
    assert these(expired.type, expired.instrument, expired.quantity) == these(
        T.OPTION_EXPIRATION, "option|XYZ   240617P00118000|USD", Decimal(1)
    )
    (option,) = only(records, Instrument)
    assert option.underlying == "XYZ"


def test_a_transfer_of_nothing_has_no_effect() -> None:
    row = (
        "<TRANSFER><INVTRAN><FITID>1<DTTRADE>20240307<MEMO>Balance Update</INVTRAN><SECID><UNIQUEID>A"
        "<UNIQUEIDTYPE>CUSIP</SECID><UNITS>0<TFERACTION>IN<POSTYPE>LONG<UNITPRICE>1</TRANSFER>"
    )
    assert by_id(records_of(OfxParser, wrapped(row)), "1").type is T.OTHER


def test_a_split_booked_as_transfer() -> None:
    row = (
        "<TRANSFER><INVTRAN><FITID>1<DTTRADE>20240307<MEMO>NVDA(US67066G1040) SPLIT 10 FOR 1 (NVDA, NVIDIA,"
        " US67066G1040)</INVTRAN><SECID><UNIQUEID>4815747<UNIQUEIDTYPE>CONID</SECID><UNITS>90"
        "<TFERACTION>IN<POSTYPE>LONG</TRANSFER>"
    )
    records = records_of(OfxParser, wrapped(row))
    assert by_id(records, "1").terms == Terms(
        ratio_numerator=Decimal(10), ratio_denominator=Decimal(1), stated_quantity=Decimal(90)
    )
    assert only(records, Instrument)[0].identifiers == {"conid": "4815747"}


def test_an_option_in_the_brokers_own_words_expires_by_a_trade_at_nothing() -> None:
    listed = (
        "<SECLISTMSGSRSV1><SECLIST><OPTINFO><SECINFO><SECID><UNIQUEID>73<UNIQUEIDTYPE>CONID</SECID>"
        "<TICKER>P RHM  20250919 560 M</SECINFO><OPTTYPE>PUT<STRIKEPRICE>560<DTEXPIRE>20250919"
        "<SHPERCTRCT>100</OPTINFO></SECLIST></SECLISTMSGSRSV1>"
    )
    row = (
        "<BUYOPT><INVBUY><INVTRAN><FITID>1<DTTRADE>20250919<MEMO>RHM 19SEP25 560 P expiry</INVTRAN><SECID>"
        "<UNIQUEID>73<UNIQUEIDTYPE>CONID</SECID><UNITS>1<UNITPRICE>0.00<TOTAL>0.00</INVBUY></BUYOPT>"
    )
    expired = by_id(records_of(OfxParser, wrapped(row, more=listed)), "1")
    assert these(expired.type, expired.quantity) == (T.OPTION_EXPIRATION, 1)
    assert expired.instrument == "option|RHM   250919P00560000|USD"


def listed(*entries: str) -> str:
    return f"<SECLISTMSGSRSV1><SECLIST>{''.join(entries)}</SECLIST></SECLISTMSGSRSV1>"


def stock(cusip: str, symbol: str, name: str = "LAREDO PETROLEUM") -> str:
    tick = f"<TICKER>{symbol}" if symbol else ""
    return (
        f"<STOCKINFO><SECINFO><SECID><UNIQUEID>{cusip}<UNIQUEIDTYPE>CUSIP</SECID><SECNAME>{name}{tick}"
        "</SECINFO></STOCKINFO>"
    )


def row(kind: str, fitid: int, day: str, cusip: str, units: str, *, memo: str = "", more: str = "") -> str:
    return (
        f"<{kind}><INVTRAN><FITID>{fitid}<DTTRADE>{day}<MEMO>{memo}</INVTRAN><SECID><UNIQUEID>{cusip}"
        f"<UNIQUEIDTYPE>CUSIP</SECID><UNITS>{units}{more}</{kind}>"
    )


BOUGHT = row("BUYSTOCK", 1, "20200203", "516806106", "200", more="<UNITPRICE>2.50<TOTAL>-500.00")
HALVES = (
    row("TRANSFER", 2, "20200602", "516806106", "-200", memo="REVERSE SPLITREVERSE SPLIT"),
    row("TRANSFER", 3, "20200602", "516806205", "10", memo="REVERSE SPLITREVERSE SPLIT"),
)


@pytest.mark.parametrize("rows", [HALVES, HALVES[::-1]])
def test_a_reverse_split_told_as_two_transfers_is_one_event(rows: tuple[str, ...]) -> None:
    text = wrapped(BOUGHT, *rows, more=listed(stock("516806106", "LPI"), stock("516806205", "LPI")))
    records = records_of(OfxParser, text)
    hold_together(records)
    [bought, split] = only(records, Transaction)
    assert these(split.type, split.instrument, bought.instrument) == (
        T.SPLIT,
        "stock|LPI|USD",
        "stock|LPI|USD",
    )
    assert split.terms == Terms(
        ratio_numerator=Decimal(1), ratio_denominator=Decimal(20), stated_quantity=Decimal(-190)
    )
    assert {split.line, *split.also_lines} == {3, 4}


def test_halves_of_two_names_carry_the_holding_to_the_new_one() -> None:
    text = wrapped(BOUGHT, *HALVES, more=listed(stock("516806106", "LPIOLD"), stock("516806205", "LPI")))
    change = only(records_of(OfxParser, text), Transaction)[1]
    assert (change.type, change.instrument) == (T.SYMBOL_CHANGE, "stock|LPIOLD|USD")
    assert change.terms == Terms(
        ratio_numerator=Decimal(1), ratio_denominator=Decimal(20), new_instrument="stock|LPI|USD",
        stated_quantity=Decimal(-200), stated_new_quantity=Decimal(10),
    )  # fmt: skip


def test_halves_under_one_id_are_those_of_the_issuers_other_security() -> None:
    wrong = HALVES[0].replace("516806106", "516806205")
    text = wrapped(BOUGHT, wrong, HALVES[1], more=listed(stock("516806205", "LPI")))
    records = records_of(OfxParser, text)
    hold_together(records)
    change = only(records, Transaction)[1]
    assert (change.type, change.instrument) == (T.SYMBOL_CHANGE, "stock|516806106|USD")
    assert "516806106" in reasons(records, 3)


def test_half_a_split_is_a_transfer_named_with_its_units() -> None:
    records = records_of(OfxParser, wrapped(BOUGHT, HALVES[0], more=listed(stock("516806106", "LPI"))))
    assert only(records, Transaction)[1].type is T.TRANSFER_OUT
    assert "-200.0 of LPI" in reasons(records, 3) or "-200 of LPI" in reasons(records, 3)


def test_units_that_leave_and_return_on_a_day_have_no_effect() -> None:
    moved = [row("TRANSFER", at, "20200602", "516806106", units) for at, units in ((2, "-200"), (3, "200"))]
    records = records_of(OfxParser, wrapped(BOUGHT, *moved, more=listed(stock("516806106", "LPI"))))
    hold_together(records)
    assert [t.type for t in only(records, Transaction)] == [T.BUY]
    assert "within the account" in reasons(records, 3)


def put(strike: str = "0.0", size: str = "0", name: str = "PUT QEP RESOURCES INC $1") -> str:
    return (
        f"<OPTINFO><SECINFO><SECID><UNIQUEID>Z26<UNIQUEIDTYPE>CUSIP</SECID><SECNAME>{name}<TICKER>Z26</SECINFO>"
        f"<OPTTYPE>PUT<STRIKEPRICE>{strike}<DTEXPIRE>20200515160000[-5:EST]<SHPERCTRCT>{size}</OPTINFO>"
    )


QEP = stock("74733V100", "QEP", "QEP RESOURCES INC")
SOLD = row(
    "SELLOPT", 1, "20200430", "Z26", "-20",
    more="<UNITPRICE>0.25<COMMISSION>20.0<FEES>0.01<TOTAL>479.99<OPTSELLTYPE>SELLTOCLOSE<SHPERCTRCT>0",
)  # fmt: skip
SHARES = row("BUYSTOCK", 2, "20200518", "74733V100", "2000", more="<UNITPRICE>1.0<TOTAL>-2000.0")
HELD = (
    "<INVPOSLIST><POSSTOCK><INVPOS><SECID><UNIQUEID>74733V100</SECID><UNITS>2000"
    "</INVPOS></POSSTOCK></INVPOSLIST>"
)


def puts(*rows: str, entry: str = "", held: str = HELD) -> list[Record]:
    text = wrapped(*rows, more=listed(QEP, entry or put())).replace("</INVTRANLIST>", f"</INVTRANLIST>{held}")
    records = records_of(OfxParser, text)
    hold_together(records)
    return records


def test_an_option_without_strike_and_size_is_known_by_its_name_and_amount() -> None:
    [option] = [i for i in only(puts(SOLD, SHARES), Instrument) if i.type is InstrumentType.OPTION]
    assert these(option.symbol, option.underlying, option.strike, option.multiplier) == (
        "QEP   200515P00001000", "QEP", 1, 100,
    )  # fmt: skip
    minis = SOLD.replace("479.99", "29.99")
    [mini] = [i for i in only(puts(minis), Instrument) if i.type is InstrumentType.OPTION]
    assert mini.multiplier == 10


def test_shares_bought_at_the_strike_after_the_expiry_prove_that_puts_were_written() -> None:
    records = puts(SOLD, SHARES)
    sold = only(records, Transaction)[0]
    assert sold.position_effect is PositionEffect.OPEN
    assert "enter the assignment" in reasons(records, 2)


@pytest.mark.parametrize(
    "rows", [(SOLD,), (SOLD, SHARES.replace("2000<", "1900<")), (SOLD, SHARES.replace("18", "25"))]
)
def test_a_label_that_nothing_confirms_is_none(rows: tuple[str, ...]) -> None:
    assert only(puts(*rows), Transaction)[0].position_effect is PositionEffect.AUTO


def test_a_label_that_the_file_confirms_counts() -> None:
    bought = SOLD.replace("SELLOPT", "BUYOPT").replace("-20<", "20<").replace("479.99", "-520.01")
    bought = bought.replace("<FITID>1", "<FITID>9").replace("OPTSELLTYPE>SELLTOCLOSE", "OPTBUYTYPE>BUYTOOPEN")
    opened, closed = only(puts(bought, SOLD), Transaction)
    assert (opened.position_effect, closed.position_effect) == (PositionEffect.OPEN, PositionEffect.CLOSE)
    back = bought.replace("20200430", "20200501")
    assert only(puts(SOLD, back), Transaction)[1].position_effect is PositionEffect.AUTO


def test_leaves_without_an_end_are_passed_over_and_the_rest_is_read() -> None:
    list_of = "<INVTRANLIST>"
    text = SGML.replace(list_of, list_of + "<A>1<B>2" * 20_000, 1)
    assert len(these(records_of(OfxParser, text), Transaction)) == len(
        these(records_of(OfxParser, SGML), Transaction)
    )

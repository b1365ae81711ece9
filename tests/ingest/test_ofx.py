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

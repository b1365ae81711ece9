"""Lists of positions and lots are evidence."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from quantmatrix.ingest.fidelity import FidelityParser
from quantmatrix.ingest.holdings import day_in
from quantmatrix.ingest.model import (
    CashEvidence,
    FileRefused,
    LotEvidence,
    Options,
    PositionEvidence,
    Record,
    Transaction,
)
from quantmatrix.ingest.schwab import SchwabParser
from quantmatrix.ingest.vanguard import VanguardParser
from quantmatrix.testing.conformance import Conformance, hold_together, records_of
from quantmatrix.testing.parsing import only, reasons, these

SCHWAB = (
    '"Positions for account Individual ...123 as of 05:51 PM ET, 2026/09/08"\n\n'
    '"Symbol","Description","Qty (Quantity)","Price","Mkt Val (Market Value)","Cost Basis","Asset Type",\n'
    '"AAPL","APPLE INC","10","$200.00","$2,000.00","$1,500.00","Equity",\n'
    '"SPY 12/18/2026 500.00 P","PUT SPDR","-2","$1.00","-$200.00","Incomplete","Option",\n'
    '"Cash & Cash Investments","--","--","--","$1,234.56","--","Cash and Money Market",\n'
    '"Positions Total","","--","--","$3,034.56","$1,500.00","--",\n'
)
LOTS = (
    '"SHOP Lot Details for XXXX-5792 as of 08:03 AM ET, 02/11/2022"\n\n"Open Date","Quantity","Price",'
    '"Cost/Share","Market Value","Cost Basis","Gain/Loss $","Gain/Loss %","Holding Period",\n'
    '"10/30/2017 00:00:00","8","$893.34","$108.98","$7,146.72","$871.84","$6,274.88","+719%","Long Term",\n'
    '"07/11/2017 00:00:00","2","$893.34","$91.45","$1,786.68","$182.90","$1,603.78","+876.86%","Long Term",\n'
    '"Total","10","--","--","$8,933.40","$1,054.74","$7,878.66","+746.96%","--",\n'
)
FIDELITY = (
    "Account Number,Account Name,Symbol,Description,Quantity,Last Price,Current Value,Cost Basis Total,Type\n"
    "Z1,Individual,SPAXX**,HELD IN MONEY MARKET,,,$100.00,,Cash,\n"
    "Z1,Individual,Pending Activity,,,,-$40.00,,,\n"
    "Z1,Individual,VTI,VANGUARD,5,$250.00,$1250.00,$1000.00,Cash,\n"
    "Z1,Individual,VTI,VANGUARD,2,$250.00,$500.00,$400.00,Margin,\n"
    "Z1,Individual, -VTI261218C300,VTI DEC 18 2026 $300 CALL,-1,$1.00,-$100.00,-$90.00,Margin,\n"
    "12345,ACME 401K,,FID 500 INDEX,2.785,$236.00,$657.26,--,,\n"
    '\n"The data is provided to you solely for your use."\n"Date downloaded Jan-13-2026 4:12 p.m ET"\n'
)
VANGUARD = (
    "Account Number,Investment Name,Symbol,Shares,Share Price,Total Value,\n"
    "00000001,VANGUARD TOTAL STOCK,VTI,60,250.00,15000.00,\n"
    "00000001,VANGUARD FEDERAL MONEY MARKET,VMFXX,12,1.00,12.00,\n\n"
    "Account Number,Trade Date,Settlement Date,Transaction Type,Transaction Description,Investment Name,"
    "Symbol,Shares,Share Price,Principal Amount,Commissions and Fees,Net Amount,Accrued Interest,"
    "Account Type,\n"
    "00000001,2025-03-10,2025-03-11,Buy,Buy,VANGUARD TOTAL STOCK,VTI,60,240,-14400,0,-14400,0.0,CASH,\n"
)


class TestSchwab(Conformance):
    parser = SchwabParser
    samples = {"positions.csv": SCHWAB, "lots.csv": LOTS}
    repeat_from = '"AAPL"'


class TestFidelity(Conformance):
    parser = FidelityParser
    samples = {"positions.csv": FIDELITY}
    repeat_from = "Margin"


def read(parser: type, text: str, **options: str) -> list[Record]:
    records = records_of(parser, text, Options(**options))
    hold_together(records)
    assert not only(records, Transaction)
    return records


def held(records: list[Record]) -> list[tuple[object, ...]]:
    return [
        these(p.account, p.instrument.split("|")[1], p.as_of, p.quantity, p.cost_basis)
        for p in only(records, PositionEvidence)
    ]


def test_positions_of_schwab() -> None:
    records, day = read(SchwabParser, SCHWAB), date(2026, 9, 8)
    assert held(records) == [
        ("...123", "AAPL", day, 10, 1500), ("...123", "SPY   261218P00500000", day, -2, None),
    ]  # fmt: skip
    [cash] = only(records, CashEvidence)
    assert these(cash.account, cash.as_of, cash.amount) == ("...123", day, Decimal("1234.56"))


def test_positions_of_all_accounts_of_schwab() -> None:
    header, rows = SCHWAB.split("\n", 2)[2].split("\n", 1)
    text = (
        f'"Positions for All-Accounts as of 05:51 PM ET, 2026/09/08"\n\n"Individual ...123"\n{header}\n{rows}'
    )
    text += f'\n"Roth IRA ...456"\n{header}\n{rows}'
    records = read(SchwabParser, text)
    assert [p.account for p in only(records, PositionEvidence)] == ["...123", "...123", "...456", "...456"]
    with pytest.raises(FileRefused, match="several accounts"):
        read(SchwabParser, text, account="A")


def test_the_old_layout_of_schwab() -> None:
    text = (
        '"Positions for account Individual ...123 as of 09/08/2021 10:00 AM ET"\n\n'
        '"Symbol","Description","Quantity","Price","Market Value","Cost Basis","% Of Account","Type"\n'
        '"AAPL","APPLE INC","10","$200.00","$2,000.00","$1,500.00","99%","Equity"\n'
        '"Account Total","--","--","--","$2,000.00","$1,500.00","100%","--"\n'
    )
    assert held(read(SchwabParser, text)) == [("...123", "AAPL", date(2021, 9, 8), 10, 1500)]


def test_lots_of_schwab() -> None:
    records = read(SchwabParser, LOTS)
    assert [
        these(lot.account, lot.instrument, lot.acquired_on, lot.quantity, lot.cost_basis)
        for lot in only(records, LotEvidence)
    ] == [
        ("...5792", "stock|SHOP|USD", date(2017, 10, 30), 8, Decimal("871.84")),
        ("...5792", "stock|SHOP|USD", date(2017, 7, 11), 2, Decimal("182.90")),
    ]


def test_positions_of_fidelity() -> None:
    records, day = read(FidelityParser, FIDELITY), date(2026, 1, 13)
    assert held(records) == [
        ("Z1", "VTI", day, 7, 1400), ("Z1", "VTI   261218C00300000", day, -1, -90),
        ("12345", "FID 500 INDEX", day, Decimal("2.785"), None),
    ]  # fmt: skip
    [cash] = only(records, CashEvidence)
    assert these(cash.account, cash.amount) == ("Z1", 60)


def test_a_file_without_a_day_is_refused() -> None:
    text = FIDELITY[: FIDELITY.index("\n\n")]
    with pytest.raises(FileRefused, match="of which day") as refused:
        read(FidelityParser, text)
    assert "name" in (refused.value.hint or "")
    records = read(FidelityParser, text, file_name="Portfolio_Positions_Jan-14-2026.csv")
    assert {p.as_of for p in only(records, PositionEvidence)} == {date(2026, 1, 14)}


def test_a_position_that_cannot_be_read_is_not_compared() -> None:
    records = read(FidelityParser, FIDELITY.replace("VANGUARD,5,", "VANGUARD,five,"))
    assert held(records)[0][3] == 2
    assert "not compared" in reasons(records, 4)


def test_positions_of_vanguard_are_of_its_last_day() -> None:
    records = records_of(VanguardParser, VANGUARD)
    hold_together(records)
    assert held(records) == [("00000001", "VTI", date(2025, 3, 10), 60, None)]
    assert "of which day" in reasons(records, 2)


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("Positions as of 05:51 PM ET, 2026/09/08", date(2026, 9, 8)),
        ("as of 09/08/2026 10:00", date(2026, 9, 8)),
        ("Generated at Nov 29 2025 03:00 PM ET", date(2025, 11, 29)),
        ("Portfolio_Positions_Jan-13-2026.csv", date(2026, 1, 13)),
        ("Portfolio_Positions_2026-01-13.csv", date(2026, 1, 13)),
        ("Foo 99 2026 of 13/45/2026", None),
    ],
)
def test_the_day_in_a_title(text: str, day: date | None) -> None:
    assert day_in(text) == day

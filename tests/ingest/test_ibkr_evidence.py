"""What the broker says it holds."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from quantmatrix.ingest.model import (
    CashEvidence,
    Instrument,
    Line,
    LotEvidence,
    PositionEvidence,
    Record,
    Refusal,
    Warning,
)

Read = Callable[[str], list[Record]]

POSITIONS = (
    "Open Positions,Header,DataDiscriminator,Asset Category,Currency,Symbol,Open,Quantity,Mult,Cost Price,"
    "Cost Basis,Close Price,Value,Unrealized P/L,% of NAV,Code\n"
)
OPTION = "option|A     250117C00030000|USD"


def position(level: str, symbol: str, opened: str, quantity: str, cost: str, code: str = "") -> str:
    category = "Equity and Index Options" if " " in symbol else "Stocks"
    multiplier = "100" if category != "Stocks" else "1"
    return (
        f'Open Positions,Data,{level},{category},USD,{symbol},"{opened}","{quantity}",{multiplier},1,{cost},'
        f"1,1,0,1,{code}\n"
    )


def test_positions_and_lots(read_ibkr: Read) -> None:
    records = read_ibkr(
        POSITIONS
        + position("Summary", "A", "-", "1,150", "3001.5")
        + position("Lot", "A", "2024-02-01, 09:31:00", "1,100", "2001", "LT")
        + position("Lot", "A", "2024-03-01", "50", "1000.5", "ST")
        + position("Summary", "A 17JAN25 30 C", "-", "-2", "-298.7")
        + "Open Positions,Total,,Stocks,USD,,,,,,3501.5,,4350,848.5,,\n"
    )
    last = date(2024, 12, 31)
    assert [
        (p.instrument, p.quantity, p.cost_basis, p.as_of) for p in records if isinstance(p, PositionEvidence)
    ] == [
        ("stock|A|USD", Decimal(1150), Decimal("3001.5"), last),
        (OPTION, Decimal(-2), Decimal("-298.7"), last),
    ]
    assert [
        (lot.line, lot.acquired_at, lot.acquired_on, lot.quantity, lot.cost_basis)
        for lot in records
        if isinstance(lot, LotEvidence)
    ] == [
        (8, datetime(2024, 2, 1, 14, 31, tzinfo=UTC), date(2024, 2, 1), Decimal(1100), Decimal(2001)),
        (9, None, date(2024, 3, 1), Decimal(50), Decimal("1000.5")),
    ]
    assert {i.key: i.multiplier for i in records if isinstance(i, Instrument)} == {
        "stock|A|USD": Decimal(1),
        OPTION: Decimal(100),
    }
    assert {r.verdict for r in records if isinstance(r, Line)} == {"skipped", "evidence"}


def test_what_has_not_vested_is_not_held_yet(read_ibkr: Read) -> None:
    records = read_ibkr(
        POSITIONS
        + position("Summary", "IBKR", "-", "5", "500")
        + position("Lot", "IBKR", "2024-05-01, 10:00:00", "3", "300")
        + position("Lot", "IBKR", "2024-11-28 (Vesting: 2025-11-28)", "2", "200", "ST;Un")
    )
    held = [(p.quantity, p.cost_basis) for p in records if isinstance(p, PositionEvidence)]
    assert held == [(Decimal(3), Decimal(300))]
    assert len([r for r in records if isinstance(r, LotEvidence)]) == 1


@pytest.mark.parametrize("section", ["Long Open Positions", "Short Open Positions"])
def test_older_names(read_ibkr: Read, section: str) -> None:
    body = POSITIONS + position("Summary", "A", "-", "5", "500")
    (held,) = (
        r for r in read_ibkr(body.replace("Open Positions", section)) if isinstance(r, PositionEvidence)
    )
    sign = -1 if section.startswith("Short") else 1
    assert (held.quantity, held.cost_basis) == (Decimal(5 * sign), Decimal(500 * sign))


def test_older_positions_without_levels(read_ibkr: Read) -> None:
    records = read_ibkr(
        "Open Positions,Header,Asset Category,Currency,Symbol,Quantity,Mult,Cost Basis\n"
        "Open Positions,Data,Stocks,USD,A,5,1,500\n"
    )
    assert [r.quantity for r in records if isinstance(r, PositionEvidence)] == [Decimal(5)]


def test_balances_of_each_currency(read_ibkr: Read) -> None:
    records = read_ibkr(
        "Cash Report,Header,Currency Summary,Currency,Total,Securities,Futures,\n"
        "Cash Report,Data,Starting Cash,Base Currency Summary,1,1,0,\n"
        'Cash Report,Data,Starting Cash,USD,"10,000",10000,0,\n'
        "Cash Report,Data,Commissions,USD,-5,-5,0,\n"
        "Cash Report,Data,Ending Cash,USD,20910.12,20910.12,0,\n"
        "Cash Report,Data,Ending Settled Cash,USD,1,1,0,\n"
        "Cash Report,Data,Ending Cash,EUR,-7,-7,0,\n"
    )
    assert [
        (c.line, c.currency, c.moment, c.as_of, c.amount) for c in records if isinstance(c, CashEvidence)
    ] == [
        (8, "USD", "start", date(2024, 1, 1), Decimal(10000)),
        (10, "USD", "end", date(2024, 12, 31), Decimal("20910.12")),
        (12, "EUR", "end", date(2024, 12, 31), Decimal(-7)),
    ]


def test_a_defect_in_evidence_is_a_warning(read_ibkr: Read) -> None:
    records = read_ibkr(
        POSITIONS
        + position("Summary", "A", "-", "five", "500")
        + position("Summary", "B", "-", "5", "500")
        + position("Lot", "B", "2024-02-30, 10:00:00", "5", "500")
        + position("Lot", "B", "2024-02-30", "5", "500")
        + position("Odd", "B", "-", "5", "500")
        + "Cash Report,Header,Currency Summary,Currency,Total\nCash Report,Data,Ending Cash,USD,lots\n"
    )
    assert not [r for r in records if isinstance(r, Refusal)]
    assert [(r.line, r.column) for r in records if isinstance(r, Warning)] == [
        (7, "Quantity"),
        (9, "Open"),
        (10, "Open"),
        (11, "DataDiscriminator"),
        (13, "Total"),
    ]
    assert [r.line for r in records if isinstance(r, PositionEvidence)] == [8]


def test_the_instrument_list_adds_ids_to_what_the_file_uses(read_ibkr: Read) -> None:
    records = read_ibkr(
        "Financial Instrument Information,Header,Asset Category,Symbol,Description,Conid,Security ID,"
        "Underlying,Listing Exch,Multiplier,Type,Code\n"
        'Financial Instrument Information,Data,Stocks,"META, FB","META, INC",107,US30303M1027,META,'
        "NASDAQ,1,COMMON,\n"
        "Financial Instrument Information,Data,Stocks,UNUSED,X,108,US0000000001,X,NASDAQ,1,COMMON,\n"
        + POSITIONS
        + position("Summary", "META", "-", "5", "500")
        + position("Summary", "FB", "-", "5", "500")
    )
    named = [i for i in records if isinstance(i, Instrument)]
    assert {i.symbol for i in named} == {"META"}
    assert {p.instrument for p in records if isinstance(p, PositionEvidence)} == {"stock|META|USD"}
    for instrument in named:
        assert instrument.identifiers == {"isin": "US30303M1027", "conid": "107"}
        assert (instrument.name, instrument.exchange, instrument.underlying) == ("META, INC", "NASDAQ", None)


def test_options_are_listed_by_either_spelling(read_ibkr: Read) -> None:
    header = (
        "Financial Instrument Information,Header,Asset Category,Symbol,Description,Conid,Underlying,"
        "Listing Exch,Multiplier,Expiry,Delivery Month,Type,Strike,Code\n"
    )
    row = "Financial Instrument Information,Data,Equity and Index Options,{},A 17JAN25 30 C,9,A,X,10,,,C,3,\n"
    for symbol in ("A     250117C00030000", "A 17JAN25 30 C"):
        records = read_ibkr(
            header + row.format(symbol) + POSITIONS + position("Summary", "A 17JAN25 30 C", "-", "1", "5")
        )
        (listed, *_) = (i for i in records if isinstance(i, Instrument))
        assert (listed.key, listed.multiplier, listed.underlying) == (OPTION, Decimal(10), "A")

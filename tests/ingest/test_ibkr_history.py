"""The Transaction History: options by another name, assignments, the rate that a row implies."""

from __future__ import annotations

from decimal import Decimal

import pytest

from quantmatrix.ingest.ibkr_history import IbkrHistory
from quantmatrix.ingest.model import Instrument, Link, LinkKind, Record, Terms, Transaction, Warning
from quantmatrix.ingest.symbols import exchange_option, looks_like_option
from quantmatrix.testing.parsing import only, parse

HEAD = """\
Summary,Header,Field Name,Field Value
Summary,Data,Base Currency,{}
Transaction History,Header,Date,Account,Description,Transaction Type,Symbol,Quantity,Price,Price Currency,\
Gross Amount ,Commission,Net Amount
"""


def read(*rows: str, base: str = "CAD") -> list[Record]:
    body = "".join(f"Transaction History,Data,2026-03-20,U***2524,{row}\n" for row in rows)
    return parse(IbkrHistory, HEAD.format(base) + body)


@pytest.mark.parametrize(
    ("symbol", "description", "key"),
    [
        ("C UBSE 20291221 28 M", "UBSG 21DEC29 28 C", "option|UBSG  291221C00028000|CHF"),
        ("C UBSE 20291221 28 M", "-", "option|UBSE  291221C00028000|CHF"),
        ("P XYZ JUN26 SOMETHING 5", "-", "other|P XYZ JUN26 SOMETHING 5|CHF"),
        ("C", "CITIGROUP INC", "stock|C|CHF"),
        ("BRK B", "BERKSHIRE", "stock|BRK.B|CHF"),
        ("T 4 1/8 11/15/32", "US TREASURY", "bond|T 4 1/8 11/15/32|CHF"),
    ],
)
def test_what_looks_like_an_option_is_never_a_stock(symbol: str, description: str, key: str) -> None:
    records = read(f"{description},Sell,{symbol},-1.0,14.55,CHF,2491.1,-2.09,2489.01")
    assert [t.instrument for t in only(records, Transaction)] == [key]
    assert bool(only(records, Warning)) == key.startswith("other")


def test_an_option_of_a_european_exchange_has_its_terms() -> None:
    [option] = only(read("UBSG 21DEC29 28 C,Buy,C UBSE 20291221 28 M,1,1,CHF,-100,-1,-101"), Instrument)
    assert (option.option_type, option.strike, option.underlying) == ("call", Decimal(28), "UBSG")
    terms = exchange_option("P ABCD 20260619 7.5 W")
    assert terms is not None
    assert (terms.option_type, terms.strike, terms.root) == ("put", Decimal("7.5"), "ABCD")
    assert exchange_option("C UBSE 20291321 28 M") is None
    assert looks_like_option("C UBSE 20291321 28 M")
    assert not looks_like_option("C")


def test_the_halves_of_an_assignment_meet_though_the_price_is_in_another_currency() -> None:
    records = read(
        "Buy 100 SOME ETF (Assignment),Assignment,AAA,100.0,20.0,USD,-2800.0,-,-2800.0",
        "AAA 20MAR26 20 P,Assignment,AAA   260320P00020000,1.0,0,USD,0,-,0",
    )
    assert only(records, Link) == [Link(kind=LinkKind.EXERCISE, from_line=5, to_line=4)]
    assert not only(records, Warning)


@pytest.mark.parametrize(
    ("row", "base", "rate"),
    [
        ("X,Buy,ZZZ,10,100,USD,-1400,-1.4,-1401.4", "CAD", "0.714285714285714286"),
        ("X,Sell,QQQ   260320P00500000,-2,1.5,USD,420,-2.8,417.2", "CAD", "0.714285714285714286"),
        ("X,Buy,ZZZ,10,100,CHF,-1400,-1.4,-1401.4", "CAD", None),
        ("X,Buy,ZZZ,10,100,USD,-1000,-1,-1001", "USD", None),
        ("X,Buy,ZZZ,10,0,USD,0,0,0", "CAD", None),
    ],
)
def test_a_row_implies_its_rate(row: str, base: str, rate: str | None) -> None:
    [made] = only(read(row, base=base), Transaction)
    assert made.terms == (Terms(fx_rate=Decimal(rate)) if rate else None)

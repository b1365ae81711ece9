"""Option symbols and class shares."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quantmatrix.ingest.symbols import OptionTerms, looks_like_option, osi, parse_option, ticker


@pytest.mark.parametrize(
    ("text", "canonical", "underlying"),
    [
        ("TQQQ 20JUN25 80 C", "TQQQ  250620C00080000", "TQQQ"),
        ("ORCL 15SEP17 50.0 P", "ORCL  170915P00050000", "ORCL"),
        ("SPX 17DEC21 4702.5 P", "SPX   211217P04702500", "SPX"),
        ("BRK B 19JAN24 350 C", "BRKB  240119C00350000", "BRK.B"),
        ("TQQQ  250620C00080000", "TQQQ  250620C00080000", "TQQQ"),
        ("TQQQ250620C00080000", "TQQQ  250620C00080000", "TQQQ"),
        ("GREE1 210917P00022000", "GREE1 210917P00022000", "GREE"),
        ("A 16JAN99 10 C", "A     990116C00010000", "A"),
    ],
)
def test_one_spelling(text: str, canonical: str, underlying: str) -> None:
    terms = parse_option(text)
    assert terms is not None
    assert osi(terms) == canonical
    assert len(canonical) == 21
    assert terms.underlying == underlying


def test_two_digit_years() -> None:
    years = [parse_option(f"A 16JAN{year} 10 C") for year in ("00", "79", "80", "99")]
    assert [terms.expiration.year for terms in years if terms] == [2000, 2079, 1980, 1999]


def test_adjusted_contracts_carry_a_digit() -> None:
    adjusted, plain = parse_option("GREE1 210917P00022000"), parse_option("GREE  210917P00022000")
    assert adjusted is not None
    assert plain is not None
    assert (adjusted.is_adjusted, plain.is_adjusted) == (True, False)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "AAPL",
        "X 6 1/4 03/15/26",
        "SPX 31FEB25 1 C",
        "SPX 10XYZ25 1 C",
        "TOOLONGROOT250620C00080000",
        "A" * 99,
    ],
)
def test_no_option(text: str) -> None:
    assert parse_option(text) is None


def test_no_room_in_the_osi_form() -> None:
    for strike in ("1.2345", "100000"):
        terms = OptionTerms("A", "A", date(2025, 1, 17), "call", Decimal(strike))
        with pytest.raises(ValueError, match="does not fit"):
            osi(terms)
    with pytest.raises(ValueError, match="more than 6"):
        osi(OptionTerms("ABCDEFG", "ABCDEFG", date(2025, 1, 17), "put", Decimal(1)))


@given(
    st.from_regex(r"[A-Z]{1,6}", fullmatch=True),
    st.dates(date(1980, 1, 1), date(2079, 12, 31)),
    st.sampled_from(["call", "put"]),
    st.integers(0, 99_999_999),
)
def test_osi_reads_back(root: str, expiration: date, right: Literal["call", "put"], strike: int) -> None:
    terms = OptionTerms(root, root, expiration, right, Decimal(strike) / 1000)
    assert parse_option(osi(terms)) == terms


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("BRK B", "BRK.B"),
        ("BRK  B", "BRK.B"),
        ("BRK/B", "BRK.B"),
        ("BRK.B", "BRK.B"),
        ("BAC PRL", "BAC.PRL"),
        ("SFTW WS", "SFTW.WS"),
        (" AAPL ", "AAPL"),
        ("/ESU5", "/ESU5"),
        ("BTC/USD", "BTC/USD"),
        ("VOWd", "VOWd"),
    ],
)
def test_tickers(text: str, canonical: str) -> None:
    assert ticker(text) == canonical


@given(st.text(max_size=80))
def test_never_fails_otherwise(text: str) -> None:
    terms = parse_option(text)
    assert terms is None or terms.strike >= 0
    assert isinstance(ticker(text), str)


@pytest.mark.parametrize(
    ("text", "symbol"),
    [
        ("-MU250926P150", "MU    250926P00150000"),
        (".TQQQ250620C80.5", "TQQQ  250620C00080500"),
        ("WMT220617P118", "WMT   220617P00118000"),
    ],
)
def test_compact_forms_with_the_strike_as_it_is(text: str, symbol: str) -> None:
    terms = parse_option(text)
    assert terms is not None
    assert osi(terms) == symbol


@pytest.mark.parametrize(
    "text",
    [
        "TQQQ 20JUN2025 80 C",
        "SPY 24JAN 480 C",
        "SPY 480 C",
        "AAPL Call 190",
        "SPY Jun 20",
        "MU250926P0150000",
    ],
)
def test_look_alikes_of_options(text: str) -> None:
    assert parse_option(text) is None
    assert looks_like_option(text)


@pytest.mark.parametrize(
    "text", ["BRK B", "BRK.B", "0700.HK", "005930.KS", "BTC/USD", "US0378331005", "MARA", "CALM"]
)
def test_tickers_are_no_options(text: str) -> None:
    assert not looks_like_option(text)

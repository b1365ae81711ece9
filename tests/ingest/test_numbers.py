"""Numbers as brokers print them."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quantmatrix.ingest.numbers import parse_decimal


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1", "1"),
        (" -2.50 ", "-2.50"),
        ("+5", "5"),
        (".5", "0.5"),
        ("5.", "5"),
        ("1,234,567.89", "1234567.89"),
        ("$1,234.56", "1234.56"),
        ("-$1,234.56", "-1234.56"),
        ("$-0.88", "-0.88"),
        ("(1,000.00)", "-1000.00"),
        ("$(5)", "-5"),
        ("€ 7", "7"),
        ("7 EUR", "7"),
        ('"1,000"', "1000"),
        ("-3.605E-05", "-0.00003605"),
        ("1E5", "100000"),
        ("\N{MINUS SIGN}4", "-4"),
        ("123456789012345678901234.123456789012345678", "123456789012345678901234.123456789012345678"),
    ],
)
def test_reads_what_brokers_print(text: str, value: str) -> None:
    read = parse_decimal(text)
    assert read == Decimal(value)
    assert "E" not in str(read) or abs(Decimal(value)) < 1


@pytest.mark.parametrize("text", ["", " ", "-", "--", "N/A", "n/a", '""'])
def test_placeholders_are_nothing(text: str) -> None:
    assert parse_decimal(text) is None


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("1,02", "comma"),
        ("10,20", "comma"),
        ("0,125", "comma"),
        ("1,000,00", "comma"),
        ("1.234,50", "comma"),
        ("abc", "not a number"),
        ("1_000", "not a number"),
        ("\N{ARABIC-INDIC DIGIT ONE}", "not a number"),
        ("NaN", "not a number"),
        ("Infinity", "not a number"),
        (".", "not a number"),
        ("5-", "not a number"),
        ("1 000", "not a number"),
        ("-$-5", "two signs"),
        ("(-5)", "parentheses"),
        ("1e999999", "too large"),
        ("9" * 30, "too large"),
        ("1e-999999", "too many decimals"),
        ("1" * 100, "longer"),
    ],
)
def test_refuses_with_a_reason(text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        parse_decimal(text)


@pytest.mark.parametrize(
    ("text", "currency", "value"),
    [
        ("$5.00", "USD", "5.00"),
        ("($1,234.56)", "USD", "-1234.56"),
        ("-$2.50 ", "CAD", "-2.50"),
        ("C$5", "CAD", "5"),
        ("€3.45458485545", "EUR", "3.45458485545"),
        ("(12.00 CHF)", "CHF", "-12.00"),
        ("CHF -12.00", "CHF", "-12.00"),
        ("Fr. 7", "CHF", "7"),
        ("100 kr", "SEK", "100"),
        ("\N{INDIAN RUPEE SIGN}1,000", "INR", "1000"),
        ("12.5 USDC", "USDC", "12.5"),
    ],
)
def test_signs_of_the_columns_currency_are_read(text: str, currency: str, value: str) -> None:
    assert parse_decimal(text, currency) == Decimal(value)


@pytest.mark.parametrize(
    ("text", "currency"),
    [
        ("€5.00", "USD"),
        ("$5.00", "EUR"),
        ("($5.00)", "GBP"),
        ("5 CHF", "EUR"),
        ("£(5)", "USD"),
        ("C$5", "USD"),
    ],
)
def test_another_currency_is_no_amount_of_the_column(text: str, currency: str) -> None:
    with pytest.raises(ValueError, match="is not the currency of this row"):
        parse_decimal(text, currency)


@pytest.mark.parametrize("text", ["($5", "$5)", "-($5)", "($-5)", "$$5", "CHF 5", "1 BTC"])
def test_halves_and_unknown_words_stay_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"not a number|parentheses"):
        parse_decimal(text)


@given(st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**20), max_value=10**20, places=8))
def test_reads_exactly_what_was_printed(value: Decimal) -> None:
    assert parse_decimal(f"{value:f}") == value
    assert parse_decimal(f"{value:,f}") == value


@given(st.text(max_size=90))
def test_never_fails_otherwise(text: str) -> None:
    try:
        value = parse_decimal(text)
    except ValueError:
        return
    assert value is None or value.is_finite()

"""Dates and instants by exact formats."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quantmatrix.ingest.dates import day, exchange_date, instant, month_number

ISO = ("%Y-%m-%d, %H:%M:%S", "%Y-%m-%d %H:%M:%S")


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[misc,arg-type]


def test_a_time_without_zone_is_new_york() -> None:
    assert instant("2025-01-02, 09:30:00", ISO) == utc(2025, 1, 2, 14, 30)
    assert instant("2025-07-02 09:30:00", ISO) == utc(2025, 7, 2, 13, 30)


def test_a_printed_offset_wins_over_the_zone() -> None:
    form = ("%Y-%m-%dT%H:%M:%S%z",)
    assert instant("2024-08-16T02:57:13+0200", form, None) == utc(2024, 8, 16, 0, 57, 13)
    assert instant("2024-08-16T02:57:13+0200", form) == utc(2024, 8, 16, 0, 57, 13)


def test_the_exchange_date_is_the_day_in_new_york() -> None:
    assert exchange_date(utc(2024, 8, 16, 0, 57)) == date(2024, 8, 15)
    assert exchange_date(utc(2024, 8, 16, 0, 57), "Asia/Tokyo") == date(2024, 8, 16)


def test_hours_that_the_clocks_skip_or_repeat() -> None:
    assert instant("2025-03-09 02:30:00", ISO) == utc(2025, 3, 9, 7, 30)
    assert instant("2025-11-02 01:30:00", ISO) == utc(2025, 11, 2, 5, 30)


def test_formats_are_tried_in_order_and_never_guessed() -> None:
    assert day("03/04/2025", ("%m/%d/%Y",)) == date(2025, 3, 4)
    assert day("03/04/2025", ("%d/%m/%Y", "%m/%d/%Y")) == date(2025, 4, 3)
    with pytest.raises(ValueError, match="not a date"):
        day("13/04/2025", ("%m/%d/%Y",))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "no date"),
        ("2025-02-30, 10:00:00", "not a date"),
        ("2025-02-03T10:00:00", "not a date"),
        ("2025-02-03, 24:00:00", "not a date"),
        ("0001-01-01, 00:00:00", "year"),
        ("9999-12-31, 23:59:59", "year"),
        ("2025-02-03, 10:00:00" + " " * 99 + "x", "not a date"),
    ],
)
def test_refuses_with_a_reason(text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        instant(text, ISO)


def test_needs_a_zone() -> None:
    with pytest.raises(ValueError, match="no zone"):
        instant("2025-02-03, 10:00:00", ISO, None)
    with pytest.raises(ValueError, match="no zone"):
        exchange_date(datetime(2025, 1, 1))


def test_month_names() -> None:
    assert [month_number(name) for name in ("January", "MAY", "dec")] == [1, 5, 12]
    with pytest.raises(ValueError, match="not an English month"):
        month_number("Juli")


@given(st.text(max_size=70))
def test_never_fails_otherwise(text: str) -> None:
    try:
        moment = instant(text, ISO)
    except ValueError:
        return
    assert moment.tzinfo is UTC


@pytest.mark.parametrize(
    ("text", "year"), [("1/2/00", 2000), ("1/2/79", 2079), ("1/2/80", 1980), ("1/2/99", 1999)]
)
def test_years_of_two_digits(text: str, year: int) -> None:
    assert day(text, ("%m/%d/%Y", "%m/%d/%y")).year == year

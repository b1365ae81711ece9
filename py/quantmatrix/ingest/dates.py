"""Dates and instants read by exact formats: nothing here guesses which number is the month."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, date, datetime
from functools import lru_cache
from zoneinfo import ZoneInfo

NEW_YORK = "America/New_York"
"""Zone of the exchanges, where a file does not say otherwise."""
ZONES = {
    "EST": -5, "EDT": -4, "UTC": 0, "GMT": 0, "Z": 0, "CST": -6, "CDT": -5, "MST": -7, "MDT": -6, "PST": -8,
    "PDT": -7, "WET": 0, "WEST": 1, "BST": 1, "CET": 1, "CEST": 2, "MEZ": 1, "MESZ": 2, "EET": 2, "EEST": 3,
    "MSK": 3, "HKT": 8, "SGT": 8, "AWST": 8, "JST": 9, "KST": 9, "AEST": 10, "AEDT": 11, "NZST": 12,
    "NZDT": 13,
}  # fmt: skip
"""Hours from UTC of the abbreviations that reports print; not ``IST``, which India and Ireland both use."""

FIRST_YEAR = 1900
LAST_YEAR = 2199
"""Nothing outside these years is a date of a statement; the database refuses it too."""

_MONTHS = (
    *("JANUARY", "FEBRUARY", "MARCH", "APRIL", "MAY", "JUNE"),
    *("JULY", "AUGUST", "SEPTEMBER", "OCTOBER", "NOVEMBER", "DECEMBER"),
)
_MONTH_NUMBERS = {name[:letters]: 1 + at for at, name in enumerate(_MONTHS) for letters in (3, len(name))}

_ISO_INSTANT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}(, |[ T;])[0-9]{2}:[0-9]{2}:[0-9]{2}")
_ISO_FORMATS = {f"%Y-%m-%d{separator}%H:%M:%S": separator for separator in (", ", " ", "T", ";")}
_LONGEST = 64


def instant(text: str, formats: Iterable[str], zone: str | None = NEW_YORK) -> datetime:
    """The instant in UTC that ``text`` states in one of the ``strptime`` formats.

    ``zone`` (IANA name) is where a time without an offset was printed; None allows only formats with ``%z``.
    A time that the clocks skip in spring is read with the offset before the change, one that they repeat in
    autumn as the first of the two. Raises ``ValueError`` with the reason.
    """
    moment = _read(text, formats)
    if moment.tzinfo is None:
        if zone is None:
            raise ValueError("the time has no zone")
        moment = moment.replace(tzinfo=_zone(zone))
    return moment.astimezone(UTC)


@lru_cache(maxsize=4096)
def day(text: str, formats: tuple[str, ...]) -> date:
    """The calendar day that ``text`` states in one of the ``strptime`` formats.

    Raises ``ValueError`` with the reason.
    """
    return _read(text, formats).date()


def exchange_date(moment: datetime, zone: str = NEW_YORK) -> date:
    """The date on the exchange at an aware instant."""
    if moment.tzinfo is None:
        raise ValueError("the time has no zone")
    return moment.astimezone(_zone(zone)).date()


def month_number(name: str) -> int:
    """1 to 12 for an English month name, whole or its first three letters. Raises ``ValueError``.

    ``strptime`` would follow the locale of the machine.
    """
    number = _MONTH_NUMBERS.get(name.upper())
    if number is None:
        raise ValueError("not an English month")
    return number


def century(year: int) -> int:
    """The year that two digits stand for: 00 to 79 are 2000 to 2079, the rest 1980 to 1999."""
    return year + (2000 if year < 80 else 1900)


def _read(text: str, formats: Iterable[str]) -> datetime:
    text = text.strip()
    if len(text) > _LONGEST or not text.isascii():
        raise ValueError("not a date")
    for form in formats:
        separator = _ISO_FORMATS.get(form)
        try:
            if separator is None:
                moment = datetime.strptime(text, form)
            else:
                moment = _iso(text, separator)
        except ValueError:
            continue
        if "%y" in form:
            moment = moment.replace(year=century(moment.year % 100))
        if not FIRST_YEAR <= moment.year <= LAST_YEAR:
            raise ValueError(f"not a year between {FIRST_YEAR} and {LAST_YEAR}")
        return moment
    raise ValueError("not a date" if text else "no date")


def _iso(text: str, separator: str) -> datetime:
    found = _ISO_INSTANT.fullmatch(text)
    if not found or found[1] != separator:
        raise ValueError("not a date")
    return datetime.fromisoformat(text if len(separator) == 1 else f"{text[:10]} {text[12:]}")


@lru_cache(maxsize=64)
def _zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)

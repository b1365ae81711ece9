"""Dates and times of Flex Queries: the person who makes the query chooses among seven spellings."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta, timezone
from functools import lru_cache
from zoneinfo import ZoneInfo

from quantmatrix.ingest.dates import FIRST_YEAR, LAST_YEAR, NEW_YORK, ZONES, instant, month_number

_PRINTED = re.compile(
    r"(?:(?P<iso>[0-9]{4}-[0-9]{2}-[0-9]{2})|(?P<plain>[0-9]{8})"
    r"|(?P<one>[0-9]{1,2})/(?P<two>[0-9]{1,2})/(?P<year>[0-9]{4}|[0-9]{2})"
    r"|(?P<day>[0-9]{1,2})-(?P<month>[A-Za-z]{3})-(?P<named_year>[0-9]{4}|[0-9]{2}))"
    r"(?:[;,T ]{0,3}(?P<hour>[0-9]{2}):?(?P<minute>[0-9]{2}):?(?P<second>[0-9]{2})?(?:\.[0-9]{1,6})?"
    r"(?: ?(?P<zone>[A-Z]{2,4}))?)?"
)
_SLASHED = re.compile(r"([0-9]{1,2})/([0-9]{1,2})/[0-9]{2}")
_LONGEST = 48
_CENTURY = 100
_PIVOT = 80


class DateStyle:
    """Which of two numbers is the month; found in a first pass over the file, because 03/04 does not say."""

    def __init__(self, *, day_first: bool = False) -> None:
        self.day_first = day_first
        self.is_ambiguous = False

    def day(self, text: str) -> date:
        """The day as printed. Raises ``ValueError``."""
        return _read(text, self.day_first)[1]

    def moment(self, text: str) -> tuple[datetime | None, date]:
        """Instant in UTC, None where there is no time, and the day as printed. Raises ``ValueError``."""
        return _read(text, self.day_first)


class StyleFinder:
    """Looks at every slashed date of a file."""

    def __init__(self) -> None:
        self._first_is_day = False
        self._second_is_day = False
        self._seen = False

    def look(self, text: str) -> None:
        """Take in a value that may be a date."""
        if found := _SLASHED.match(text):
            self._seen = True
            self._first_is_day = self._first_is_day or int(found[1]) > 12
            self._second_is_day = self._second_is_day or int(found[2]) > 12

    def style(self, *, day_first: bool) -> DateStyle:
        """The order of the file; ``day_first`` where its dates allow both. Raises ``ValueError``."""
        if self._first_is_day and self._second_is_day:
            raise ValueError("some dates have the month first and some the day")
        style = DateStyle(day_first=self._first_is_day or (day_first and not self._second_is_day))
        style.is_ambiguous = self._seen and not (self._first_is_day or self._second_is_day)
        return style


_NEW_YORK = ZoneInfo(NEW_YORK)
_USUAL = re.compile(r"([0-9]{4})-?([0-9]{2})-?([0-9]{2})[;, ]{1,2}([0-9]{2}):?([0-9]{2}):?([0-9]{2})")


@lru_cache(maxsize=8192)
def _read(text: str, day_first: bool) -> tuple[datetime | None, date]:
    if usual := _USUAL.fullmatch(text):
        year, month, day, hour, minute, second = map(int, usual.groups())
        printed = _within(date(year, month, day))
        moment = datetime(year, month, day, hour, minute, second, tzinfo=_NEW_YORK)
        return moment.astimezone(UTC), printed
    found = _PRINTED.fullmatch(text.strip()) if len(text) <= _LONGEST else None
    if not found:
        raise ValueError("not a date of a Flex Query")
    printed = _within(_day(found, day_first))
    if found["hour"] is None:
        return None, printed
    clock = f"{found['hour']}:{found['minute']}:{found['second'] or '00'}"
    zone = found["zone"]
    if zone in ZONES:
        naive = instant(f"{printed} {clock}", ("%Y-%m-%d %H:%M:%S",), "UTC").replace(tzinfo=None)
        return naive.replace(tzinfo=timezone(timedelta(hours=ZONES[zone]))).astimezone(UTC), printed
    if zone not in (None, "ET"):
        raise ValueError(f"the zone {zone} is not known")
    return instant(f"{printed} {clock}", ("%Y-%m-%d %H:%M:%S",), NEW_YORK), printed


def _within(printed: date) -> date:
    if not FIRST_YEAR <= printed.year <= LAST_YEAR:
        raise ValueError(f"not a year between {FIRST_YEAR} and {LAST_YEAR}")
    return printed


def _day(found: re.Match[str], day_first: bool) -> date:
    if found["iso"]:
        return date.fromisoformat(found["iso"])
    if found["plain"]:
        plain = found["plain"]
        return date(int(plain[:4]), int(plain[4:6]), int(plain[6:]))
    if found["month"]:
        return date(_year(found["named_year"]), month_number(found["month"]), int(found["day"]))
    one, two = int(found["one"]), int(found["two"])
    month, day = (two, one) if day_first else (one, two)
    return date(_year(found["year"]), month, day)


def _year(text: str) -> int:
    year = int(text)
    if len(text) > 2:
        return year
    return year + (2000 if year % _CENTURY < _PIVOT else 1900)

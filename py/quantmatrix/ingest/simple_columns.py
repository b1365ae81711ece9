"""Header names and dates of ``simple_csv``."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import lru_cache
from zoneinfo import ZoneInfo

from quantmatrix.ingest.cells import RowError
from quantmatrix.ingest.dates import FIRST_YEAR, LAST_YEAR, exchange_date
from quantmatrix.ingest.model import FileRefused

ALIASES: dict[str, tuple[str, ...]] = {
    "date": ("date/time", "datetime", "date", "tradedate", "trade date"),
    "symbol": ("symbol",),
    "quantity": ("quantity", "qty", "shares"),
    "price": ("price", "t. price", "tradeprice"),
    "commission": ("commission", "comm/fee", "ibcommission", "fees"),
    "type": ("type", "side", "buy/sell", "action"),
    "account": ("account",),
    "currency": ("currency",),
    "settle_date": ("settle date", "settledate", "settlement date"),
    "description": ("description",),
    "id": ("id",),
}
"""Field to the header names that mean it, the most telling first."""

_NEEDED = ("date", "symbol", "quantity", "price", "type")
_FIELD_OF = {alias: field for field, aliases in ALIASES.items() for alias in aliases}

_WHEN = re.compile(
    r"""'?(?: (?P<iso>\d{4}-\d{2}-\d{2}) | (?P<compact>\d{8}) | (?P<slashed>\d{1,2}/\d{1,2}/\d{4}) )
        (?:(?:,\s|[\s;,T]) \s* (?: (?P<clock>\d{1,2}:\d{2}(?::\d{2})?) | (?P<digits>\d{6}) ))?""",
    re.VERBOSE | re.ASCII,
)


@dataclass(frozen=True, slots=True)
class When:
    """``day`` on the exchange, and the instant in UTC where a time is printed."""

    day: date
    executed_at: datetime | None


@dataclass(frozen=True, slots=True)
class Header:
    """Of ``width`` columns, where each field stands, what its column is called, and those not used."""

    width: int
    index: dict[str, int]
    names: dict[str, str]
    unused: list[tuple[str, str]]


def looks_simple(header: list[str]) -> bool:
    """Whether ``header`` has every column that this format needs."""
    fields = {_FIELD_OF.get(cell.strip().lower()) for cell in header}
    return fields.issuperset(_NEEDED)


def read_header(line: int, cells: list[str]) -> Header:
    """Which column is which. ``FileRefused`` if one is missing, or if two mean the same and may differ."""
    header = Header(len(cells), {}, {}, [])
    found: dict[str, list[tuple[int, str]]] = {}
    for index, cell in enumerate(cells):
        name = cell.strip()
        if field := _FIELD_OF.get(name.lower()):
            found.setdefault(field, []).append((index, name))
        elif name:
            header.unused.append((name, "unknown column, kept with the raw line only"))
    if missing := [field for field in _NEEDED if field not in found]:
        raise FileRefused(
            f"the header has no column {', '.join(missing)}",
            line=line,
            hint="simple_csv needs Date, Symbol, Quantity, Price and Type; docs/formats.md lists other names",
        )
    costs = found.get("commission", [])
    if len(costs) == 2 and costs[0][1].lower() != costs[1][1].lower():
        found["commission"], found["fees"] = costs[:1], costs[1:]
    for field, columns in found.items():
        columns.sort(key=lambda column: ALIASES.get(field, ("fees",)).index(column[1].lower()))
        if len(columns) > 1 and field != "date":
            names = " and ".join(name for _, name in columns)
            raise FileRefused(
                f"the columns {names} both mean {field}", line=line, hint="remove or rename one of them"
            )
        header.index[field], header.names[field] = columns[0]
        used = columns[0][1]
        header.unused.extend((name, f"not used: the date comes from {used}") for _, name in columns[1:])
    return header


@lru_cache(maxsize=4096)
def read_when(text: str, day_first: bool, zone: str) -> When:
    """Date and, where printed, time in ``zone``. ``RowError`` ``bad_date``.

    A date that only makes sense with day and month exchanged raises ``FileRefused``: then every other date of
    the file may be wrong without looking so.
    """
    found = _WHEN.fullmatch(text.strip())
    if not found:
        raise _bad(text, "not a date YYYY-MM-DD, YYYYMMDD or MM/DD/YYYY, with or without HH:MM:SS")
    if found["slashed"]:
        first, second, year = (int(part) for part in found["slashed"].split("/"))
        month, day = (second, first) if day_first else (first, second)
        if month > 12 >= day:
            order = "DD/MM/YYYY" if day_first else "MM/DD/YYYY"
            raise FileRefused(
                f"{text.strip()!r} is no date {order}: day and month stand the other way round in this file",
                hint="drop the option --day-first" if day_first else "use --day-first for DD/MM/YYYY",
            )
    else:
        digits = (found["iso"] or found["compact"]).replace("-", "")
        year, month, day = int(digits[:4]), int(digits[4:6]), int(digits[6:])
    clock = found["digits"] or (found["clock"] or "").replace(":", "").zfill(4).ljust(6, "0")
    try:
        if not FIRST_YEAR <= year <= LAST_YEAR:
            raise ValueError
        hour, minute, second = int(clock[:-4]), int(clock[-4:-2]), int(clock[-2:])
        printed = datetime(year, month, day, hour, minute, second, tzinfo=ZoneInfo(zone))
    except ValueError:
        raise _bad(text, "no such date") from None
    if not (found["digits"] or found["clock"]):
        return When(printed.date(), None)
    moment = printed.astimezone(UTC)
    return When(exchange_date(moment), moment)


def _bad(text: str, reason: str) -> RowError:
    return RowError("bad_date", reason, text=text)

"""Daily bars as files print them, checked before anybody sees them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import PurePath
from typing import TextIO

from quantmatrix.ingest.cells import EXACT, RowError, number
from quantmatrix.ingest.crypto import FIAT
from quantmatrix.ingest.dates import day as read_day
from quantmatrix.ingest.ibkr_flex.xml import elements
from quantmatrix.ingest.model import FileRefused
from quantmatrix.ingest.reader import records
from quantmatrix.ingest.symbols import ticker

_DATES = ("%Y-%m-%d", "%Y%m%d", "%m/%d/%Y", "%d-%b-%Y", "%d %B %Y")
_NAMED_DAY = re.compile(r"[0-9]{1,2} [A-Z][a-z]{2,8} [0-9]{4}")
_PENCE = "GBX"
_ECB_CODE = re.compile(r"[A-Z]{3}")
_FILE_NAME = re.compile(
    r"(?P<symbol>\^?[A-Za-z0-9.=-]{1,20}?)(?:_(?:us|uk|de|jp|hk|hu))?(?:[_-](?:d|daily|w|max|1d).*)?$"
)
_ALIASES = {
    "day": ("date", "timestamp", "time", "<date>", "trade date", "as of"),
    "symbol": ("symbol", "ticker", "<ticker>", "instrument"),
    "open": ("open", "<open>", "1. open"),
    "high": ("high", "<high>", "2. high"),
    "low": ("low", "<low>", "3. low"),
    "close": ("close", "<close>", "price", "close/last", "4. close", "last", "close price"),
    "adjusted_close": ("adj close", "adjusted close", "adjusted_close", "adj_close", "5. adjusted close"),
    "volume": ("volume", "<vol>", "vol", "6. volume", "5. volume"),
    "currency": ("currency",),
    "split": ("split_coefficient", "split coefficient", "8. split coefficient"),
}
_OBSERVATIONS = frozenset({"currency", "currency_denom", "time_period", "obs_value"})
"""What a download of the data portal of the European Central Bank has, among much else."""

_HEAD = 4096
_NOTHING = frozenset({"", "null", "n/a", "nan", "-", "n/d"})
_FUTURE = timedelta(days=1)
_KLINE_COLUMNS = 12
_MICROSECONDS = 10**14


@dataclass(frozen=True, slots=True)
class Bar:
    """One day of one instrument; ``is_explained``: the source itself states a split on it."""

    line: int
    symbol: str
    day: date
    close: Decimal
    source: str
    type: str | None = None
    currency: str | None = None
    open: Decimal | None = None
    high: Decimal | None = None
    low: Decimal | None = None
    adjusted_close: Decimal | None = None
    volume: Decimal | None = None
    is_explained: bool = False

    def as_row(self) -> dict[str, object]:
        """The object that ``api.prices_load`` takes, numbers as text."""
        row: dict[str, object] = {"symbol": self.symbol, "day": self.day.isoformat(), "source": self.source}
        for name in ("close", "open", "high", "low", "adjusted_close", "volume"):
            value = getattr(self, name)
            if value is not None:
                row[name] = f"{value:f}"
        for name in ("type", "currency"):
            if (text := getattr(self, name)) is not None:
                row[name] = text
        return row | ({"is_explained": True} if self.is_explained else {})


@dataclass(slots=True)
class Options:
    """What the command line tells: what the file does not say."""

    symbol: str | None = None
    type: str | None = None
    currency: str | None = None
    source: str | None = None
    adjusted_for: str = "none"
    file_name: str = ""
    today: date = field(default_factory=lambda: datetime.now(UTC).date())


def read_bars(text: TextIO, options: Options) -> Iterator[Bar]:
    """The bars of a file. Raises ``FileRefused`` with the line for what is no price."""
    head = text.read(_HEAD)
    text.seek(0)
    if head.lstrip().startswith("<") and "eurofxref" in head:
        yield from _reference_elements(text, options)
        return
    rows = records(text)
    header: dict[str, int] | None = None
    seen: dict[tuple[str, date], Decimal] = {}
    for line, _, fields in rows:
        cells = [cell.strip() for cell in fields]
        if not any(cells):
            continue
        if header is None:
            names = [cell.lower() for cell in cells]
            if names[0] == "date" and _are_currencies([cell for cell in cells[1:] if cell]):
                yield from _reference_rates(cells, rows, options)
                return
            if _OBSERVATIONS.issubset(names):
                yield from _observations(names, rows, options)
                return
            if len(cells) == _KLINE_COLUMNS and cells[0].isdigit():
                header = {"day": 0, "open": 1, "high": 2, "low": 3, "close": 4, "volume": 5}
            else:
                header = _header(line, names)
                continue
        for bar in _bar(line, cells, header, options):
            known = seen.setdefault((bar.symbol, bar.day), bar.close)
            if known != bar.close:
                raise FileRefused(
                    f"{bar.symbol} has two closes on {bar.day}: {known:f}, {bar.close:f}", line=line
                )
            yield bar
    if header is None:
        raise FileRefused("the file is empty", hint="download it again")


def checked(bar: Bar, options: Options) -> Bar:
    """The bar, if it can be one. Raises ``FileRefused``."""
    prices = [p for p in (bar.open, bar.high, bar.low, bar.close, bar.adjusted_close) if p is not None]
    if any(price <= 0 for price in prices):
        raise FileRefused(f"a price of {bar.symbol} on {bar.day} is not positive", line=bar.line)
    if bar.day > options.today + _FUTURE:
        raise FileRefused(f"{bar.day} is in the future", line=bar.line)
    if bar.high is not None and bar.low is not None and not bar.low <= bar.close <= bar.high:
        bar = replace(bar, open=None, high=None, low=None)
    elif (
        bar.open is not None
        and bar.high is not None
        and bar.low is not None
        and not bar.low <= bar.open <= bar.high
    ):
        bar = replace(bar, open=None)
    if bar.currency == _PENCE:
        bar = _pounds(bar)
    return bar


def _header(line: int, names: list[str]) -> dict[str, int]:
    found = {}
    for field_name, aliases in _ALIASES.items():
        at = next((names.index(alias) for alias in aliases if alias in names), None)
        if at is not None:
            found[field_name] = at
    if "day" not in found or "close" not in found:
        raise FileRefused(
            "the first line is not the header of a list of prices: a date and a close are needed",
            line=line,
            hint="an answer such as 'No data' or a web page is no price file: download it again",
        )
    return found


def _bar(line: int, cells: list[str], header: dict[str, int], options: Options) -> Iterator[Bar]:
    def cell(name: str) -> str:
        at = header.get(name)
        return cells[at] if at is not None and at < len(cells) else ""

    if cell("close").lower() in _NOTHING:
        return
    symbol = ticker(cell("symbol") or options.symbol or _symbol_of(options.file_name))
    if not symbol:
        raise FileRefused("the file does not say which symbol it is of", line=line, hint="--symbol NAME")
    try:
        values = {
            name: _price(cell(name), name)
            for name in ("open", "high", "low", "close", "adjusted_close", "volume")
        }
        split = _price(cell("split"), "split")
    except RowError as error:
        reason = f"{error.column}: {error.reason} [{error.text[:40]}]"
        raise FileRefused(reason, line=line) from None
    close = values.pop("close")
    if close is None:
        return
    bar = Bar(
        line=line,
        symbol=symbol,
        day=_day(line, cell("day")),
        close=close,
        source=_source(options),
        type=options.type,
        currency=cell("currency").upper() or options.currency,
        is_explained=split is not None and split != 1,
        **values,
    )
    yield checked(bar, options)


def _reference_rates(
    header: list[str], rows: Iterator[tuple[int, str, list[str]]], options: Options
) -> Iterator[Bar]:
    """Rates of the European Central Bank: units of each currency for one euro."""
    for line, _, fields in rows:
        cells = [cell.strip() for cell in fields]
        if not any(cells):
            continue
        day = _day(line, cells[0])
        for code, text in zip(header[1:], cells[1:], strict=False):
            if code:
                yield from _rate(line, code, day, text, options)


def _reference_elements(text: TextIO, options: Options) -> Iterator[Bar]:
    """The same rates as XML: cubes of a time hold cubes of currency and rate."""
    day: date | None = None
    for line, _, name, attributes in elements(text):
        if name != "Cube":
            continue
        if "time" in attributes:
            day = _day(line, attributes["time"])
        elif "currency" in attributes and day is not None:
            yield from _rate(line, attributes["currency"], day, attributes.get("rate", ""), options)


def _observations(
    names: list[str], rows: Iterator[tuple[int, str, list[str]]], options: Options
) -> Iterator[Bar]:
    """The same rates from the data portal: one observation a line."""
    at = {name: names.index(name) for name in _OBSERVATIONS}
    is_daily = names.index("freq") if "freq" in names else None
    for line, _, fields in rows:
        cells = [cell.strip() for cell in fields]
        if not any(cells):
            continue
        if len(cells) < len(names):
            raise FileRefused(f"{len(cells)} cells where the header has {len(names)}", line=line)
        if cells[at["currency_denom"]] != "EUR" or (is_daily is not None and cells[is_daily] != "D"):
            raise FileRefused("not a daily rate against the euro", line=line)
        day = _day(line, cells[at["time_period"]])
        yield from _rate(line, cells[at["currency"]], day, cells[at["obs_value"]], options)


def _are_currencies(codes: list[str]) -> bool:
    """Whether these columns hold rates, not prices of things whose symbols have three letters."""
    is_spelt = bool(codes) and all(_ECB_CODE.fullmatch(code) for code in codes)
    return is_spelt and sum(code in FIAT for code in codes) * 2 >= len(codes)


def _rate(line: int, code: str, day: date, text: str, options: Options) -> Iterator[Bar]:
    if text.lower() in _NOTHING:
        return
    try:
        rate = _price(text, code)
    except RowError as error:
        raise FileRefused(f"{code}: {error.reason} [{text[:40]}]", line=line) from None
    if rate is not None:
        bar = Bar(line, f"EUR.{code}", day, rate, options.source or "ECB", "currency", code)
        yield checked(bar, options)


def _price(text: str, name: str) -> Decimal | None:
    return None if text.lower() in _NOTHING else number(text, name)


def _day(line: int, text: str) -> date:
    if text.isdigit() and len(text) >= 13:
        moment = int(text)
        seconds = moment // 1_000_000 if moment > _MICROSECONDS else moment // 1000
        try:
            return datetime.fromtimestamp(seconds, UTC).date()
        except (ValueError, OverflowError, OSError):
            raise FileRefused(f"{text[:40]} is not a date", line=line) from None
    printed = text if _NAMED_DAY.fullmatch(text) else text.replace("T", " ").split(" ")[0]
    try:
        return read_day(printed, _DATES)
    except ValueError as error:
        raise FileRefused(f"{text[:40]}: {error}", line=line, hint="YYYY-MM-DD") from None


def _symbol_of(file_name: str) -> str:
    found = _FILE_NAME.fullmatch(PurePath(file_name).stem)
    return found["symbol"].upper() if found else ""


def _source(options: Options) -> str:
    named = options.source or "file"
    return named if options.adjusted_for == "none" else f"{named}, adjusted for {options.adjusted_for}"


def _pounds(bar: Bar) -> Bar:
    """Pence as pounds."""
    open_, high, low, close, adjusted = (
        None if value is None else EXACT.divide(value, Decimal(100))
        for value in (bar.open, bar.high, bar.low, bar.close, bar.adjusted_close)
    )
    return replace(
        bar, currency="GBP", open=open_, high=high, low=low, close=close or bar.close, adjusted_close=adjusted
    )

"""What a symbol of Charles Schwab stands for; reorganised shares stand under their CUSIP, known by name."""

from __future__ import annotations

import re
from decimal import Decimal

from quantmatrix.ingest.cells import number
from quantmatrix.ingest.model import Instrument, InstrumentType
from quantmatrix.ingest.names import CUSIP, is_debt
from quantmatrix.ingest.symbols import OptionTerms, parse_option, ticker
from quantmatrix.ingest.table import Row, TableReading

_DAYS = ("%m/%d/%Y",)
_OPTION = re.compile(
    r"(?P<root>[A-Z0-9.]{1,6}) (?P<day>[0-9]{2}/[0-9]{2}/[0-9]{4}) "
    r"(?P<strike>[0-9,]+(?:\.[0-9]+)?) (?P<right>[CP])"
)
_REORGANISED = re.compile(r"(?:XXX|NAME CHANGE|REVERSE SPLIT|EFF:|MANDATORY|MERGER).*", re.IGNORECASE)
_SEPARATOR = re.compile(r"[^A-Z0-9]+")
_WORDS_ALIKE = 3
_NAMES_AT_MOST = 10_000


class Names:
    """Which ticker a description belongs to, as the file's other rows say."""

    def __init__(self) -> None:
        self._tickers: dict[str, str] = {}

    def learn(self, description: str, symbol: str) -> None:
        """Take in one row."""
        if symbol and not CUSIP.fullmatch(symbol) and len(self._tickers) < _NAMES_AT_MOST:
            self._tickers.setdefault(_words(description), symbol)

    def ticker_of(self, description: str) -> str | None:
        """The ticker of that name, or of the one that is the same but for how it is cut."""
        name = _words(description)
        if name in self._tickers:
            return self._tickers[name]
        words = _SEPARATOR.split(name)
        if len(words) < _WORDS_ALIKE:
            return None
        found = {symbol for known, symbol in self._tickers.items() if _is_cut(words, _SEPARATOR.split(known))}
        return found.pop() if len(found) == 1 else None


def instrument(reading: TableReading, row: Row, names: Names) -> Instrument | None:
    """The instrument of a row; None where it names none. Raises ``RowError``."""
    text, currency = row.text("symbol"), reading.options.currency
    if not text or text in ("--", "-"):
        return None
    if found := _OPTION.fullmatch(text):
        strike = number(found["strike"], row.printed("symbol"))
        terms = OptionTerms(
            root=found["root"].replace(".", ""),
            underlying=ticker(found["root"]),
            expiration=row.day(found["day"], _DAYS, "symbol"),
            option_type="call" if found["right"] == "C" else "put",
            strike=strike or Decimal(0),
        )
        return reading.option(terms, currency)
    if option := parse_option(text):
        return reading.option(option, currency)
    description = row.text("description")
    if not CUSIP.fullmatch(text):
        kind = InstrumentType.FUTURE if text.startswith("/") else InstrumentType.STOCK
        return reading.security(kind, text, currency)
    known = names.ticker_of(description)
    if known is not None:
        return reading.security(InstrumentType.STOCK, known, currency)
    kind = InstrumentType.BOND if is_debt(description) else InstrumentType.STOCK
    return reading.security(kind, text, currency, identifiers={"cusip": text})


def _is_cut(words: list[str], others: list[str]) -> bool:
    """Whether two names agree word by word, as far as the shorter goes: AMC ENTERTAINMEN 0% PFDPFD."""
    both = list(zip(words, others, strict=False))
    same = sum(one == other for one, other in both)
    cut = all(one.startswith(other) or other.startswith(one) for one, other in both)
    return len(both) >= _WORDS_ALIKE and cut and same * 2 >= len(both)


def _words(description: str) -> str:
    """A security's name without what a reorganisation adds to it."""
    return " ".join(_REORGANISED.sub("", " ".join(description.split())).upper().split())

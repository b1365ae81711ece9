"""The list of securities of an OFX file: what an id stands for."""

from __future__ import annotations

import re
from datetime import date
from decimal import Decimal
from functools import lru_cache
from typing import Any

from quantmatrix.ingest.cells import RowError, number
from quantmatrix.ingest.dates import FIRST_YEAR, LAST_YEAR
from quantmatrix.ingest.model import InstrumentType
from quantmatrix.ingest.ofx import options
from quantmatrix.ingest.ofx.options import Security
from quantmatrix.ingest.ofx.tree import Record
from quantmatrix.ingest.symbols import OptionTerms, parse_option, ticker

_KINDS = {
    "STOCKINFO": InstrumentType.STOCK,
    "MFINFO": InstrumentType.FUND,
    "DEBTINFO": InstrumentType.BOND,
    "OPTINFO": InstrumentType.OPTION,
    "OTHERINFO": InstrumentType.OTHER,
}
_ENDINGS = (
    ("STOCK", InstrumentType.STOCK),
    ("MF", InstrumentType.FUND),
    ("DEBT", InstrumentType.BOND),
    ("OPT", InstrumentType.OPTION),
)
_TICKER = re.compile(r"[A-Z0-9][A-Z0-9./-]{0,11}( [A-Z]{1,2})?")
_DAY = re.compile(r"([0-9]{4})([0-9]{2})([0-9]{2})")
_IDENTIFIERS = {"CUSIP": "cusip", "ISIN": "isin", "FIGI": "figi", "CONID": "conid"}
_ZERO = Decimal(0)
_HUNDRED = Decimal(100)


@lru_cache(maxsize=4096)
def day(text: str, tag: str) -> date:
    """The date as printed, before any shift to UTC. Raises ``RowError``."""
    found = _DAY.match(text)
    try:
        if not found:
            raise ValueError("not a date (YYYYMMDD)")
        read = date(int(found[1]), int(found[2]), int(found[3]))
        if not FIRST_YEAR <= read.year <= LAST_YEAR:
            raise ValueError(f"not a year between {FIRST_YEAR} and {LAST_YEAR}")
    except ValueError as error:
        raise RowError("bad_date", str(error), column=tag, text=text) from None
    return read


class Securities:
    """What the list of securities says; filled by a first pass, because it stands at the end."""

    def __init__(self) -> None:
        self._by_id: dict[str, Security] = {}
        self._kinds: dict[str, InstrumentType] = {}
        self._sizes: dict[str, Decimal] = {}
        self._tickers: dict[str, str] = {}

    def see(self, record: Record) -> None:
        """Learn from a row what its security is: the list may lack it, and other rows do not tell."""
        if (kind := _kind_by_tag(record.kind)) and (identity := record.text("UNIQUEID")):
            self._kinds.setdefault(identity, kind)
            is_option = kind is InstrumentType.OPTION and identity not in self._sizes
            if is_option and (told := options.gross_of(record)) and (size := options.proven_size(*told)):
                self._sizes[identity] = size

    def learn(self, record: Record) -> None:
        """Take in an entry."""
        if kind := _KINDS.get(record.kind):
            entry = Security(kind, record.text("TICKER"), record.text("SECNAME"), record)
            self._by_id.setdefault(record.text("UNIQUEID"), entry)
            if kind is not InstrumentType.OPTION and entry.ticker:
                self._tickers.setdefault(" ".join(entry.name.upper().split()), ticker(entry.ticker))

    def ticker_of(self, identity: str) -> str:
        """The ticker of an id, the id itself where the list has none."""
        known = self._by_id.get(identity)
        return ticker(known.ticker) if known and known.ticker else identity

    def describe(self, record: Record, currency: str) -> dict[str, Any] | None:
        """Fields of the instrument that a record is about; None where it names none. Raises ``RowError``."""
        identity = record.text("UNIQUEID")
        if not identity:
            return None
        known = self._by_id.get(identity)
        kind = known.kind if known else _kind_by_tag(record.kind) or self._kinds.get(identity)
        kind = kind or InstrumentType.STOCK
        symbol = self._symbol(identity, record.text("UNIQUEIDTYPE"), known)
        values: dict[str, Any] = {"type": kind, "symbol": symbol[:64], "currency": currency}
        name = _IDENTIFIERS.get(record.text("UNIQUEIDTYPE").upper())
        if name and len(identity) <= 40:
            values["identifiers"] = {name: identity}
        if known and known.name:
            values["name"] = known.name[:200]
        if kind is InstrumentType.OPTION:
            terms = self._terms(known) if known else None
            try:
                fields = options.fields(terms) if terms else None
            except ValueError:
                fields = None
            if known is None or fields is None:
                return values | {"type": InstrumentType.OTHER}
            size = number(known.record.text("SHPERCTRCT"), "SHPERCTRCT") or _ZERO
            if size <= 1:
                # No contract is of one share; what the amounts prove counts, else the usual size.
                size = self._sizes.get(identity, _HUNDRED)
            return values | fields | {"multiplier": size}
        if kind in (InstrumentType.STOCK, InstrumentType.FUND):
            values["symbol"] = ticker(symbol[:64])
        return values

    def _symbol(self, identity: str, kind: str, known: Security | None) -> str:
        if kind.upper() == "TICKER":
            return identity
        if known and known.ticker and (_TICKER.fullmatch(known.ticker) or parse_option(known.ticker)):
            return known.ticker
        return identity

    def _terms(self, known: Security) -> OptionTerms | None:
        underlying = self._by_id.get(known.record.second.get("UNIQUEID", ""))
        if underlying is not None and underlying.kind is InstrumentType.OPTION:
            underlying = None
        return options.terms_of(known, underlying, self._ticker_named, day)

    def _ticker_named(self, name: str) -> str:
        return options.ticker_named(name, self._tickers)


@lru_cache(maxsize=256)
def _kind_by_tag(tag: str) -> InstrumentType | None:
    return next((kind for ending, kind in _ENDINGS if tag.endswith(ending)), None)

"""The list of securities of an OFX file: what an id stands for."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from quantmatrix.ingest.cells import RowError, number
from quantmatrix.ingest.dates import FIRST_YEAR, LAST_YEAR
from quantmatrix.ingest.model import InstrumentType
from quantmatrix.ingest.ofx.tree import Record
from quantmatrix.ingest.symbols import OptionTerms, osi, parse_option, ticker

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
_SHORT_OPTION = re.compile(
    r"-?(?P<root>[A-Z]{1,6}[0-9]?)(?P<year>[0-9]{2})(?P<month>[0-9]{2})(?P<day>[0-9]{2})"
    r"(?P<right>[CP])(?P<strike>[0-9]+(?:\.[0-9]+)?)"
)
_WORDED_OPTION = re.compile(r"[CP] (?P<root>[A-Z0-9]{1,6}) +[0-9]{8} .*")
_DAY = re.compile(r"([0-9]{4})([0-9]{2})([0-9]{2})")
_IDENTIFIERS = {"CUSIP": "cusip", "ISIN": "isin", "FIGI": "figi", "CONID": "conid"}
_HUNDRED = Decimal(100)


@dataclass(frozen=True, slots=True)
class Security:
    """One entry of the list."""

    kind: InstrumentType
    ticker: str
    name: str
    record: Record


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

    def see(self, record: Record) -> None:
        """Learn from a row what its security is: the list may lack it, and other rows do not tell."""
        if (kind := _kind_by_tag(record.kind)) and (identity := record.text("UNIQUEID")):
            self._kinds.setdefault(identity, kind)

    def learn(self, record: Record) -> None:
        """Take in an entry."""
        if kind := _KINDS.get(record.kind):
            entry = Security(kind, record.text("TICKER"), record.text("SECNAME"), record)
            self._by_id.setdefault(record.text("UNIQUEID"), entry)

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
            terms = self._terms(known)
            try:
                fields = _option(terms) if terms else None
            except ValueError:
                fields = None
            if fields is None:
                return values | {"type": InstrumentType.OTHER}
            size = number(known.record.text("SHPERCTRCT"), "SHPERCTRCT") if known else None
            return values | fields | {"multiplier": size if size and size > 0 else _HUNDRED}
        if kind in (InstrumentType.STOCK, InstrumentType.FUND):
            values["symbol"] = ticker(symbol[:64])
        return values

    def _symbol(self, identity: str, kind: str, known: Security | None) -> str:
        if kind.upper() == "TICKER":
            return identity
        if known and known.ticker and (_TICKER.fullmatch(known.ticker) or parse_option(known.ticker)):
            return known.ticker
        return identity

    def _terms(self, known: Security | None) -> OptionTerms | None:
        if known is None:
            return None
        record = known.record
        short = _SHORT_OPTION.fullmatch(known.ticker.replace(" ", ""))
        strike = number(record.text("STRIKEPRICE"), "STRIKEPRICE")
        right = record.text("OPTTYPE").upper()[:1]
        # What has left the account can stand without its strike, and with another day and right.
        is_known = strike is not None and strike >= 0 and right in ("C", "P") and record.text("DTEXPIRE")
        if strike is not None and is_known and (strike or short is None):
            underlying = self._by_id.get(record.second.get("UNIQUEID", ""))
            if underlying is not None and underlying.kind is InstrumentType.OPTION:
                underlying = None
            root = short["root"] if short else underlying.ticker if underlying else ""
            printed = parse_option(known.ticker)
            worded = _WORDED_OPTION.fullmatch(known.ticker)
            root = root or (printed.root if printed else worded["root"] if worded else "")
            if not root:
                return None
            expiration = day(record.text("DTEXPIRE"), "DTEXPIRE")
            return OptionTerms(
                root=root.replace(".", "").replace(" ", ""),
                underlying=ticker(underlying.ticker) if underlying and underlying.ticker else root,
                expiration=expiration,
                option_type="call" if right == "C" else "put",
                strike=strike,
            )
        if printed := parse_option(known.ticker):
            return printed
        if short is None:
            return None
        year = int(short["year"])
        try:
            expiration = date(2000 + year, int(short["month"]), int(short["day"]))
        except ValueError:
            return None
        return OptionTerms(
            root=short["root"],
            underlying=short["root"],
            expiration=expiration,
            option_type="call" if short["right"] == "C" else "put",
            strike=Decimal(short["strike"]),
        )


def _kind_by_tag(tag: str) -> InstrumentType | None:
    return next((kind for ending, kind in _ENDINGS if tag.endswith(ending)), None)


def _option(terms: OptionTerms) -> dict[str, Any]:
    return {
        "symbol": osi(terms),
        "underlying": terms.underlying,
        "option_type": terms.option_type,
        "strike": terms.strike,
        "expiration": terms.expiration,
    }

"""What a row of either layout trades."""

from __future__ import annotations

import re
from datetime import date
from decimal import Decimal
from typing import Any, Literal

from quantmatrix.ingest.cells import EXACT, RowError, identity, needed
from quantmatrix.ingest.dates import day
from quantmatrix.ingest.futures import known_exchange
from quantmatrix.ingest.model import Instrument, InstrumentType
from quantmatrix.ingest.symbols import OptionTerms, osi, parse_option, ticker
from quantmatrix.ingest.tastytrade.row import Row

_KINDS = {
    "equity": InstrumentType.STOCK,
    "equity option": InstrumentType.OPTION,
    "future": InstrumentType.FUTURE,
    "future option": InstrumentType.FUTURE_OPTION,
    "cryptocurrency": InstrumentType.DIGITAL,
    "bond": InstrumentType.BOND,
}

_MONTHS = dict(
    zip(
        "FGHJKMNQUVXZ",
        (
            "January", "February", "March", "April", "May", "June",
            "July", "August", "September", "October", "November", "December",
        ),
        strict=True,
    )
)  # fmt: skip
_FUTURE = re.compile(r"/(?P<root>[A-Z0-9]{1,4}?)(?P<month>[FGHJKMNQUVXZ])(?P<year>\d{1,2})", re.ASCII)
_FUTURE_OPTION = re.compile(
    r"\./(?P<future>[A-Z0-9]{1,4}?[FGHJKMNQUVXZ]\d{1,2})\s*(?P<product>[A-Z0-9]{1,6})\s+"
    r"(?P<expiration>\d{6})(?P<right>[CP])(?P<strike>\d+(?:\.\d+)?)",
    re.ASCII,
)
_WORD = re.compile(r"/[A-Z0-9]+", re.ASCII)
_RIGHTS: dict[str, Literal["call", "put"]] = {"CALL": "call", "C": "call", "PUT": "put", "P": "put"}
_COLUMN_OF = {
    "symbol": "Symbol",
    "multiplier": "Multiplier",
    "strike": "Strike Price",
    "currency": "Currency",
}
_DERIVED = frozenset({InstrumentType.FUTURE, InstrumentType.FUTURE_OPTION, InstrumentType.BOND})


def kind_of(row: Row) -> InstrumentType:
    """The instrument type that the row states, or that its symbol and option columns show."""
    if row.asset:
        kind = _KINDS.get(row.asset)
        if kind is not None:
            return kind
        if row.asset != "warrant":
            return InstrumentType.OTHER
        return InstrumentType.WARRANT
    if row.symbol.startswith("./") or (row.symbol.startswith("/") and row.strike):
        return InstrumentType.FUTURE_OPTION
    if row.symbol.startswith("/"):
        return InstrumentType.FUTURE
    if row.strike or parse_option(row.symbol):
        return InstrumentType.OPTION
    return InstrumentType.DIGITAL if "/" in row.symbol else InstrumentType.STOCK


def instrument_of(row: Row) -> Instrument:
    """The instrument of a row that has a symbol. Raises ``RowError`` ``bad_symbol``.

    The contract size printed for futures, options on them and bonds is wrong: ``multiplier`` stays None.
    """
    kind = kind_of(row)
    values: dict[str, Any] = {"type": kind, "symbol": ticker(row.symbol), "currency": row.currency}
    if kind is InstrumentType.OPTION:
        terms = _option(row)
        values |= {
            "symbol": osi(terms),
            "underlying": ticker(row.underlying) or terms.underlying,
            "option_type": terms.option_type,
            "strike": terms.strike,
            "expiration": terms.expiration,
            "multiplier": row.multiplier or Decimal(100),
        }
    elif kind is InstrumentType.FUTURE_OPTION:
        values |= _future_option(row)
    elif kind is InstrumentType.FUTURE:
        values["name"] = _future_name(values["symbol"], row.day)
        values["exchange"] = known_exchange(values["symbol"])
    elif kind not in _DERIVED and row.multiplier:
        values["multiplier"] = row.multiplier
    return identity(values, _COLUMN_OF)


def settled_contract(text: str) -> str | None:
    """The only contract that the text of a settlement names."""
    named = {word for word in _WORD.findall(text) if _FUTURE.fullmatch(word)}
    return named.pop() if len(named) == 1 else None


def is_adjusted(instrument: Instrument) -> bool:
    """Whether a corporate action changed what this option delivers (its root carries a digit)."""
    terms = parse_option(instrument.symbol) if instrument.type is InstrumentType.OPTION else None
    return terms is not None and terms.is_adjusted


def derived_multiplier(value: Decimal, quantity: Decimal, price: Decimal) -> Decimal | None:
    """The contract size of the fewest decimals that makes quantity x price the printed value, if any."""
    points = EXACT.multiply(quantity, price)
    if not points or not value:
        return None
    raw = abs(value) / points
    half_cent, half_tick = Decimal("0.005"), Decimal((0, (5,), _exponent(price) - 1))
    for places in range(5):
        candidate = round(raw, places) if places else raw.to_integral_value()
        error = abs(abs(value) - EXACT.multiply(points, candidate))
        if candidate > 0 and error <= half_cent + quantity * half_tick * candidate:
            return candidate.normalize() if places else candidate
    return None


def _exponent(number: Decimal) -> int:
    exponent = number.as_tuple().exponent
    return exponent if isinstance(exponent, int) else 0


def _option(row: Row) -> OptionTerms:
    """Terms from an OSI symbol, else from the columns (old layout, whose symbol is the underlying)."""
    terms = parse_option(row.symbol)
    if terms is not None:
        return terms
    right = _RIGHTS.get(row.right)
    if right is None or not row.strike or not row.expiration:
        reason = "neither an option symbol nor expiration, strike and call or put"
        raise RowError("bad_symbol", reason, column="Symbol", text=row.symbol)
    underlying = ticker(row.symbol)
    root = underlying.replace(".", "")
    terms = OptionTerms(root, underlying, _expiration(row.expiration), right, needed(row.strike, "Strike"))
    try:
        osi(terms)
    except ValueError as error:
        raise RowError("bad_symbol", str(error), column="Symbol", text=row.symbol) from None
    return terms


def _future_option(row: Row) -> dict[str, Any]:
    found = _FUTURE_OPTION.fullmatch(row.symbol)
    if found:
        strike, right = Decimal(found["strike"]), _RIGHTS[found["right"]]
        expiration = _expiration(found["expiration"], row.symbol)
        stem = f"./{found['future']} {found['product']}"
        underlying = f"/{found['future']}"
    else:
        known = _RIGHTS.get(row.right)
        if known is None or not row.strike or not row.expiration:
            reason = "not a future option such as ./ESU5 EW4N5 250725P6200"
            raise RowError("bad_symbol", reason, column="Symbol", text=row.symbol)
        strike, right, expiration = needed(row.strike, "Strike"), known, _expiration(row.expiration)
        underlying = row.symbol.removeprefix(".").split()[0]
        stem = f".{underlying}"
    letter = "C" if right == "call" else "P"
    return {
        "symbol": f"{stem} {expiration:%y%m%d}{letter}{strike.normalize():f}",
        "underlying": row.underlying or underlying,
        "exchange": known_exchange(underlying),
        "option_type": right,
        "strike": strike,
        "expiration": expiration,
    }


def _expiration(text: str, shown: str | None = None) -> date:
    try:
        return day(text, ("%m/%d/%y", "%m/%d/%Y") if "/" in text else ("%y%m%d",))
    except ValueError as error:
        raise RowError("bad_date", str(error), column="Expiration Date", text=shown or text) from None


def _future_name(symbol: str, traded: date) -> str | None:
    """``/ESU5`` names no decade: the first such year from the trade on is meant."""
    found = _FUTURE.fullmatch(symbol)
    if not found:
        return None
    year, cycle = int(found["year"]), 10 ** len(found["year"])
    return f"/{found['root']} {_MONTHS[found['month']]} {traded.year + (year - traded.year) % cycle}"

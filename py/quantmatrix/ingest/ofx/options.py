"""What contract an entry of the list of securities is: by its fields, its ticker or the words of its name."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from quantmatrix.ingest.amounts import agrees
from quantmatrix.ingest.cells import EXACT, RowError, number
from quantmatrix.ingest.etrade import described_option
from quantmatrix.ingest.model import InstrumentType
from quantmatrix.ingest.ofx.tree import Record
from quantmatrix.ingest.symbols import OptionTerms, osi, parse_option, ticker

_SHORT = re.compile(
    r"-?(?P<root>[A-Z]{1,6}[0-9]?)(?P<year>[0-9]{2})(?P<month>[0-9]{2})(?P<day>[0-9]{2})"
    r"(?P<right>[CP])(?P<strike>[0-9]+(?:\.[0-9]+)?)"
)
_WORDED = re.compile(r"[CP] (?P<root>[A-Z0-9]{1,6}) +[0-9]{8} .*")
_NAMED = re.compile(
    r"(?P<right>PUT|CALL)\s+(?P<name>.+?)\s+\$\s*(?P<strike>[0-9][0-9,]*(?:\.[0-9]+)?)(?:\s+EXP\b.*)?",
    re.IGNORECASE,
)
_ROOT = re.compile(r"[A-Z]{1,6}")
_HUNDRED = Decimal(100)
_SIZES = (_HUNDRED, Decimal(10), Decimal(1000))
"""Shares of a contract that an amount can prove, the usual one first."""


@dataclass(frozen=True, slots=True)
class Security:
    """One entry of the list."""

    kind: InstrumentType
    ticker: str
    name: str
    record: Record


def proven_size(units: Decimal, price: Decimal, gross: Decimal) -> Decimal | None:
    """The shares of a contract of which units, price and amount tell; None where they tell none."""
    if not units or not price or not gross:
        return None
    signed = abs(gross).copy_negate()
    return next((size for size in _SIZES if agrees(abs(units), price, size, signed)), None)


def fields(terms: OptionTerms) -> dict[str, Any]:
    """The terms as the catalogue's. Raises ``ValueError`` where the OSI form has no room for them."""
    return {
        "symbol": osi(terms),
        "underlying": terms.underlying,
        "option_type": terms.option_type,
        "strike": terms.strike,
        "expiration": terms.expiration,
    }


def terms_of(
    known: Security, underlying: Security | None, named: Callable[[str], str], day: Callable[[str, str], date]
) -> OptionTerms | None:
    """The terms of an entry, None where they are not all there.

    ``underlying`` is the entry that it refers to, ``named`` finds the ticker of a name. Raises ``RowError``.
    """
    record = known.record
    words = _NAMED.fullmatch(" ".join(known.name.split()))
    short = _SHORT.fullmatch(known.ticker.replace(" ", ""))
    strike = number(record.text("STRIKEPRICE"), "STRIKEPRICE")
    if not strike and words:
        strike = number(words["strike"], "SECNAME")
    right = (record.text("OPTTYPE") or (words["right"] if words else "")).upper()[:1]
    # What has left the account can stand without its strike, and with another day and right.
    is_known = strike is not None and strike >= 0 and right in ("C", "P") and record.text("DTEXPIRE")
    if strike is not None and is_known and (strike or short is None):
        root = _root(known, underlying, named(words["name"]) if words else "")
        if root:
            return OptionTerms(
                root=root.replace(".", "").replace(" ", ""),
                underlying=ticker(underlying.ticker) if underlying and underlying.ticker else root,
                expiration=day(record.text("DTEXPIRE"), "DTEXPIRE"),
                option_type="call" if right == "C" else "put",
                strike=strike,
            )
    return parse_option(known.ticker) or _short_terms(short) or described_option(known.name)


def _root(known: Security, underlying: Security | None, named: str) -> str:
    if short := _SHORT.fullmatch(known.ticker.replace(" ", "")):
        return short["root"]
    if underlying and underlying.ticker:
        return underlying.ticker
    if printed := parse_option(known.ticker):
        return printed.root
    if worded := _WORDED.fullmatch(known.ticker):
        return worded["root"]
    return named


def ticker_named(name: str, tickers: dict[str, str]) -> str:
    """The ticker of the security of this name, which options may cut; the name itself where it is a root."""
    words = name.upper().split()
    wanted = " ".join(words)
    if wanted in tickers:
        return tickers[wanted]
    found = {
        symbol for other, symbol in tickers.items() if other.startswith(wanted) or wanted.startswith(other)
    }
    if len(found) == 1:
        return found.pop()
    return wanted if not found and _ROOT.fullmatch(wanted) else ""


def _short_terms(found: re.Match[str] | None) -> OptionTerms | None:
    if found is None:
        return None
    try:
        expiration = date(2000 + int(found["year"]), int(found["month"]), int(found["day"]))
    except ValueError:
        return None
    return OptionTerms(
        root=found["root"],
        underlying=found["root"],
        expiration=expiration,
        option_type="call" if found["right"] == "C" else "put",
        strike=Decimal(found["strike"]),
    )


def gross_of(record: Record) -> tuple[Decimal, Decimal, Decimal] | None:
    """Units, price and amount without costs of a trade in options; None where they cannot be read."""
    try:
        units, price = number(record.text("UNITS"), ""), number(record.text("UNITPRICE"), "")
        total = number(record.text("TOTAL"), "")
        costs = [number(record.text(tag), "") for tag in ("COMMISSION", "FEES", "TAXES", "LOAD")]
    except RowError:
        return None
    if units is None or price is None or total is None:
        return None
    gross = abs(total)
    for cost in costs:
        cost = cost or Decimal(0)
        gross = EXACT.subtract(gross, cost) if record.kind.startswith("BUY") else EXACT.add(gross, cost)
    return units, price, gross

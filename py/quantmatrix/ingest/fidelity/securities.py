"""What a symbol of Fidelity stands for, and which symbols are the account's own cash."""

from __future__ import annotations

import re
from datetime import date
from decimal import Decimal

from quantmatrix.ingest.cells import RowError
from quantmatrix.ingest.model import Instrument, InstrumentType
from quantmatrix.ingest.names import CUSIP, is_debt
from quantmatrix.ingest.symbols import OptionTerms, parse_option
from quantmatrix.ingest.table import Row, TableReading

_OPTION = re.compile(
    r"-?(?P<root>[A-Z]{1,6}[0-9]?)(?P<year>[0-9]{2})(?P<month>[0-9]{2})(?P<day>[0-9]{2})"
    r"(?P<right>[CP])(?P<strike>[0-9]+(?:\.[0-9]+)?)"
)
CORE = frozenset(
    {
        "SPAXX", "FDRXX", "FCASH", "FZFXX", "FDLXX", "FZSXX", "FRBXX", "QPIFQ", "CORE", "315994103",
        "31617H102", "316067107", "316341304",
    }
)  # fmt: skip
"""Money market funds in which the account keeps its cash, also by their CUSIP, and Fidelity's own cash."""

_CORE_NAME = re.compile(
    r"FIDELITY (?:GOVERNMENT (?:MONEY MARKET|CASH RESERVES)|TREASURY (?:ONLY )?MONEY MARKET)\b|CASH$"
)
_LONGEST = 64


def is_core(symbol: str, name: str) -> bool:
    """Whether units of it are cash: by ticker, by CUSIP, or by the name beside a CUSIP."""
    if symbol in CORE:
        return True
    return bool(CUSIP.fullmatch(symbol) and _CORE_NAME.match(" ".join(name.upper().split())))


def instrument(reading: TableReading, row: Row, currency: str) -> Instrument | None:
    """The instrument of a row; None where it has no symbol. Raises ``RowError``."""
    text = row.text("symbol")
    if not text:
        return None
    if found := _OPTION.fullmatch(text.replace(" ", "")):
        return reading.option(_terms(found, row), currency)
    if option := parse_option(text):
        return reading.option(option, currency)
    if CUSIP.fullmatch(text):
        kind = InstrumentType.STOCK
        if is_debt(row.text("description", "security description")):
            kind = InstrumentType.BOND
        return reading.security(kind, text, currency, identifiers={"cusip": text})
    return reading.security(InstrumentType.STOCK, text.lstrip("-").rstrip("*"), currency)


def named(reading: TableReading, name: str, currency: str) -> Instrument:
    """A fund of an employer plan, which has no symbol: known by its name."""
    symbol = " ".join(name.split()).replace("|", "/")[:_LONGEST].strip()
    return reading.tell(
        {"type": InstrumentType.FUND, "symbol": symbol, "currency": currency, "name": name[:200]}
    )


def _terms(found: re.Match[str], row: Row) -> OptionTerms:
    try:
        expiration = date(2000 + int(found["year"]), int(found["month"]), int(found["day"]))
    except ValueError as error:
        raise RowError("bad_symbol", str(error), column=row.printed("symbol"), text=found[0]) from None
    root = found["root"]
    return OptionTerms(
        root=root,
        underlying=root.rstrip("0123456789"),
        expiration=expiration,
        option_type="call" if found["right"] == "C" else "put",
        strike=Decimal(found["strike"]),
    )

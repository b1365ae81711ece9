"""The asset categories of a statement, as kinds of instruments."""

from __future__ import annotations

from quantmatrix.ingest.model import InstrumentType

_NAMED = {
    "Stocks": InstrumentType.STOCK,
    "Equity and Index Options": InstrumentType.OPTION,
    "Futures": InstrumentType.FUTURE,
    "Options On Futures": InstrumentType.FUTURE_OPTION,
    "Forex": InstrumentType.CURRENCY,
    "Warrants": InstrumentType.WARRANT,
    "Bonds": InstrumentType.BOND,
    "Treasury Bills": InstrumentType.BOND,
    "Mutual Funds": InstrumentType.FUND,
    "Crypto": InstrumentType.DIGITAL,
    "CFDs": InstrumentType.OTHER,
    "Structured Products": InstrumentType.OTHER,
    "ETFs": InstrumentType.STOCK,
}
TYPES = {name.casefold(): kind for name, kind in _NAMED.items()}

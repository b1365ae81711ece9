"""Every format that can be read: our own, and those that installed packages bring.

A package adds one by an entry point of the group ``quantmatrix.importers`` that names a class of the shape of
``quantmatrix.ingest.parser.Parser``. A package that cannot be loaded never keeps a file of another format
from being read.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from typing import cast

from quantmatrix.ingest.parser import Parser

GROUP = "quantmatrix.importers"
"""The group of entry points."""

SIMPLE = "simple_csv"
"""Whose words brokers use too: it gives way to any format that knows more of a header."""

OWN = {
    "ibkr_flex": "quantmatrix.ingest.ibkr_flex:IbkrFlex",
    "ibkr_activity_csv": "quantmatrix.ingest.ibkr_activity:IbkrActivity",
    "ibkr_history_csv": "quantmatrix.ingest.ibkr_history:IbkrHistory",
    "ofx": "quantmatrix.ingest.ofx:OfxParser",
    "schwab_csv": "quantmatrix.ingest.schwab:SchwabParser",
    "fidelity_csv": "quantmatrix.ingest.fidelity:FidelityParser",
    "robinhood_csv": "quantmatrix.ingest.robinhood:RobinhoodParser",
    "vanguard_csv": "quantmatrix.ingest.vanguard:VanguardParser",
    "etrade_csv": "quantmatrix.ingest.etrade:EtradeParser",
    "coinbase_csv": "quantmatrix.ingest.coinbase:CoinbaseParser",
    "kraken_csv": "quantmatrix.ingest.kraken:KrakenParser",
    "binance_csv": "quantmatrix.ingest.binance:BinanceParser",
    "tastytrade_csv": "quantmatrix.ingest.tastytrade:TastytradeParser",
    "tastytrade_api": "quantmatrix.ingest.tastytrade:TastytradeApi",
    "ccxt": "quantmatrix.ingest.ccxt_trades:CcxtParser",
    SIMPLE: "quantmatrix.ingest.simple:SimpleParser",
    "quantmatrix_csv": "quantmatrix.ingest.canonical:CanonicalParser",
}
"""Formats that this package reads, by the name of ``--source``: ``module:class``."""

_NEEDED = ("source", "broker", "title", "detect", "parse")


@dataclass(frozen=True, slots=True)
class Format:
    """One line of ``quantmatrix import formats``; ``problem`` says why it cannot be used."""

    source: str
    broker: str
    title: str
    package: str
    problem: str | None = None


def names() -> list[str]:
    """The names of ``--source``, without importing anything."""
    return [*OWN, *(point.name for point in _foreign())]


def find(source: str) -> type[Parser] | None:
    """The parser of that name; None where there is none or its package cannot be loaded."""
    if source in OWN:
        module, _, attribute = OWN[source].partition(":")
        return cast(type[Parser], getattr(import_module(module), attribute))
    for point in _foreign():
        if point.name == source:
            parser, _ = _load(point)
            return parser
    return None


def parsers() -> dict[str, type[Parser]]:
    """Every parser that can be used, by name."""
    return {name: parser for name in names() if (parser := find(name)) is not None}


def formats() -> list[Format]:
    """All formats, also those that cannot be loaded, with the reason."""
    listed = []
    for name in OWN:
        parser = find(name)
        assert parser is not None
        listed.append(Format(name, parser.broker, parser.title, "quantmatrix"))
    for point in _foreign():
        package = point.dist.name if point.dist else "unknown"
        loaded, problem = _load(point)
        if loaded is None:
            listed.append(Format(point.name, "", "", package, problem))
        else:
            listed.append(Format(point.name, loaded.broker, loaded.title, package))
    return listed


def _foreign() -> list[EntryPoint]:
    """Entry points of other packages; one that takes a name of ours is left out."""
    found: dict[str, EntryPoint] = {}
    for point in entry_points(group=GROUP):
        if point.name not in OWN:
            found.setdefault(point.name, point)
    return list(found.values())


@lru_cache(maxsize=256)
def _load(point: EntryPoint) -> tuple[type[Parser] | None, str | None]:
    try:
        parser = point.load()
    except Exception as error:
        return None, f"{type(error).__name__}: {error}"
    if missing := [name for name in _NEEDED if not hasattr(parser, name)]:
        return None, f"{point.value} has no {', '.join(missing)}"
    if parser.source != point.name:
        return None, f"{point.value} calls itself {parser.source}, its entry point {point.name}"
    return cast(type[Parser], parser), None

"""One event at several levels of detail: what sums drop out because their details are in the file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal

from quantmatrix.ingest.numbers import parse_decimal

_SUMMED = frozenset({"CashTransaction", "CorporateAction", "Transfer", "StockGrantActivity"})
SECTION_OF_TRADES = frozenset({"Trade", "Order", "SymbolSummary", "AssetSummary"})
SUMS_OF_TRADES = ("ORDER", "SYMBOL_SUMMARY", "ASSET_SUMMARY")
"""Levels of the section Trades above the execution, the finest first; other levels are details of trades."""

_DAYS = ("reportDate", "dateTime", "settleDate", "date")
_MEASURES = ("quantity", "amount", "proceeds", "cashTransfer", "positionAmount")
_AT_MOST = 100_000
_YEAR, _PLAIN_DAY = 4, 8
_LEVELS = ("EXECUTION", "ORDER", "SYMBOL_SUMMARY")
_FINER = {"ORDER": _LEVELS[:1], "SYMBOL_SUMMARY": _LEVELS[:2]}
_NAMED = {
    "Trade": "EXECUTION",
    "Order": "ORDER",
    "SymbolSummary": "SYMBOL_SUMMARY",
    "AssetSummary": "ASSET_SUMMARY",
}

_Key = tuple[str, ...]


def level_of(attributes: Mapping[str, str]) -> str:
    """``EXECUTION``, ``ORDER``, ``CLOSED_LOT``, ``DETAIL``, ...; empty where none is printed."""
    level = attributes.get("levelOfDetail", "").strip().upper().replace(" ", "_")
    return "EXECUTION" if level == "EXECUTIONS" else level


def trade_level(name: str, attributes: Mapping[str, str]) -> str:
    """The level of a row of the section Trades, by what it says or else by the name of its element."""
    return level_of(attributes) or _NAMED[name]


class Levels:
    """Grows with the events that the file sums, at most ``_AT_MOST``, and with its traded instruments."""

    def __init__(self) -> None:
        self._sums: dict[_Key, tuple[dict[str, Decimal], dict[str, Decimal]]] = {}
        self._is_full = False
        self._has_details: set[str] = set()
        self._traded: dict[str, set[tuple[str, str, str]]] = {level: set() for level in _LEVELS}
        self._names: dict[str, frozenset[str]] = {}

    @property
    def want_second_look(self) -> bool:
        """Whether there are sums whose details are to be found."""
        return bool(self._sums)

    def look(self, name: str, attributes: Mapping[str, str]) -> None:
        """Take in one element."""
        if name in SECTION_OF_TRADES:
            if (traded := self._traded.get(trade_level(name, attributes))) is not None:
                traded.add(_thing(attributes))
        elif name in _SUMMED:
            rank = _rank(attributes)
            if rank == "DETAIL":
                self._has_details.add(name)
            elif rank == "SUMMARY":
                key = next(_keys(name, attributes), None)
                if key is not None and (key in self._sums or len(self._sums) < _AT_MOST):
                    _add(self._sums.setdefault(key, ({}, {}))[0], attributes)
                else:
                    self._is_full = True

    def look_again(self, name: str, attributes: Mapping[str, str]) -> None:
        """Take in one element once all sums are known."""
        if name in _SUMMED and _rank(attributes) == "DETAIL":
            for key in _keys(name, attributes):
                if key in self._sums:
                    _add(self._sums[key][1], attributes)

    def is_sum_of_others(self, name: str, attributes: Mapping[str, str]) -> bool:
        """Whether this row of cash, of an action, of a transfer sums rows that stand in the file too."""
        if name not in self._has_details or _rank(attributes) != "SUMMARY":
            return False
        key = next(_keys(name, attributes), None)
        held = self._sums.get(key) if key else None
        return self._is_full if held is None else bool(held[1])

    def lacks(self, name: str, attributes: Mapping[str, str]) -> dict[str, Decimal]:
        """What the details of a sum lack of it, by attribute; said once for several rows of one event."""
        key = next(_keys(name, attributes), None)
        held = self._sums.get(key) if key else None
        if held is None:
            return {}
        stated, found = dict(held[0]), held[1]
        held[0].clear()
        return {
            measure: value - found.get(measure, Decimal(0))
            for measure, value in stated.items()
            if measure in found and value != found[measure]
        }

    def is_told_finer(self, level: str, attributes: Mapping[str, str]) -> bool:
        """Whether finer rows of the section Trades tell what a row of this level tells."""
        conid, symbol, category = _thing(attributes)
        name = f"category {category}" if level == "ASSET_SUMMARY" else conid or f"symbol {symbol}"
        return any(name in self._named(finer) for finer in _FINER.get(level, _LEVELS))

    def _named(self, level: str) -> frozenset[str]:
        if level not in self._names:
            self._names[level] = frozenset(
                name
                for conid, symbol, category in self._traded[level]
                for name in (conid, f"symbol {symbol}", f"category {category}")
            )
        return self._names[level]


def _rank(attributes: Mapping[str, str]) -> str:
    """``SUMMARY`` or ``DETAIL``; without a level, sums are those of no account."""
    return level_of(attributes) or ("SUMMARY" if attributes.get("accountId") == "-" else "DETAIL")


def _thing(attributes: Mapping[str, str]) -> tuple[str, str, str]:
    """Contract number, symbol and category of what is traded."""
    get = attributes.get
    return get("conid", "").strip(), get("symbol", "").strip(), get("assetCategory", "").strip()


def _keys(name: str, attributes: Mapping[str, str]) -> Iterator[_Key]:
    """What a sum and its details have in common: thing, kind, currency, and a day or the action's number."""
    thing = attributes.get("conid", "").strip() or attributes.get("symbol", "").strip()
    kind = " ".join((attributes.get("type") or attributes.get("activityDescription") or "").lower().split())
    common = (name, thing, attributes.get("currency", "").strip(), kind)
    if name == "CorporateAction" and (action := attributes.get("actionID", "").strip()):
        yield (*common, "action", action)
    for attribute in _DAYS:
        if day := _day(attributes.get(attribute, "").strip()):
            yield (*common, attribute, day)


def _day(text: str) -> str:
    """The day of a printed moment, in the file's own spelling."""
    if text[:_PLAIN_DAY].isdigit():
        return text[:_PLAIN_DAY]
    if text[_YEAR : _YEAR + 1] == "-":
        return text[: len("2024-01-10")]
    return text.replace(",", ";").replace(" ", ";").partition(";")[0]


def _add(sums: dict[str, Decimal], attributes: Mapping[str, str]) -> None:
    for measure in _MEASURES:
        try:
            value = parse_decimal(attributes.get(measure, ""))
        except ValueError:
            continue
        if value is not None:
            sums[measure] = sums.get(measure, Decimal(0)) + value

"""A Flex Query as CSV: the elements of the XML as rows, with headers that change from section to section."""

from __future__ import annotations

import re
from collections.abc import Sequence

_ALIASES = {
    "clientaccountid": "accountId",
    "currencyprimary": "currency",
    "assetclass": "assetCategory",
    "notescodes": "notes",
    "position": "position",
    "openclose": "openCloseIndicator",
    "code": "code",
    "commissioncurrency": "ibCommissionCurrency",
}
_ATTRIBUTES = (
    *("accountId", "currency", "assetCategory", "subCategory", "symbol", "description", "conid", "isin"),
    *("cusip", "figi", "securityID", "securityIDType", "multiplier", "strike", "expiry", "putCall"),
    *("underlyingSymbol", "underlyingConid", "listingExchange", "tradeID", "transactionID", "ibExecID"),
    *("ibOrderID", "reportDate", "tradeDate", "tradeTime", "dateTime", "settleDateTarget", "settleDate"),
    *("transactionType", "buySell", "quantity", "tradePrice", "tradeMoney", "proceeds", "ibCommission"),
    *("ibCommissionCurrency", "taxes", "netCash", "cost", "fifoPnlRealized", "openCloseIndicator", "notes"),
    *("origTradeID", "origTransactionID", "origTradeDate", "levelOfDetail", "fxRateToBase", "amount", "type"),
    *("actionID", "actionDescription", "value", "position", "costBasisPrice", "costBasisMoney", "openPrice"),
    *("markPrice", "side", "openDateTime", "holdingPeriodDateTime", "direction", "transferPrice", "date"),
    *("positionAmount", "cashTransfer", "company", "account", "startingCash", "endingCash", "fromDate"),
    *("toDate", "closePrice", "exchange", "accruedInt", "originatingTransactionID", "code", "rate"),
    *("fromCurrency", "toCurrency", "name", "accountType", "customerType", "model", "exDate"),
)
_BY_NAME = {name.lower(): name for name in _ATTRIBUTES} | _ALIASES
_DISTINCTIVE = frozenset({"clientaccountid", "currencyprimary", "levelofdetail", "ibexecid"})
_NOT_A_LETTER = re.compile(r"[^a-z0-9]")
_HEADER_WORDS = 3

_SECTIONS: tuple[tuple[str, frozenset[str]], ...] = (
    ("Trade", frozenset({"tradePrice"})),
    ("Transfer", frozenset({"direction", "quantity"})),
    ("OpenPosition", frozenset({"markPrice", "costBasisPrice"})),
    ("OpenPosition", frozenset({"position"})),
    ("CashReportCurrency", frozenset({"endingCash"})),
    ("CorporateAction", frozenset({"actionDescription"})),
    ("CorporateAction", frozenset({"proceeds", "quantity", "value"})),
    ("ConversionRate", frozenset({"fromCurrency", "rate"})),
    ("CashTransaction", frozenset({"amount", "type"})),
    ("AccountInformation", frozenset({"accountType"})),
    ("SecurityInfo", frozenset({"conid", "multiplier", "listingExchange"})),
)
_NAMED = {
    "trades": "Trade",
    "cash transactions": "CashTransaction",
    "corporate actions": "CorporateAction",
    "transfers": "Transfer",
    "open positions": "OpenPosition",
    "option exercises": "OptionEAE",
    "cash report": "CashReportCurrency",
    "account information": "AccountInformation",
    "financial instrument information": "SecurityInfo",
}
MARKERS = frozenset({"BOF", "BOA", "BOS", "EOS", "EOA", "EOF"})
_DESCRIPTORS = frozenset({"HEADER", "DATA", "TRAILER"})


def attribute(column: str) -> str:
    """The attribute of the XML that a column holds; its own name for one that nobody knows."""
    bare = _NOT_A_LETTER.sub("", column.strip().lower())
    return _BY_NAME.get(bare, column.strip())


def is_header(fields: Sequence[str]) -> bool:
    """Whether a record names columns of a Flex Query."""
    known = sum(_NOT_A_LETTER.sub("", cell.strip().lower()) in _BY_NAME for cell in fields)
    return known >= _HEADER_WORDS and known * 2 > sum(bool(cell.strip()) for cell in fields)


def looks_like_flex(fields: Sequence[str]) -> bool:
    """Whether a file's first record is the start of a Flex Query: words that no other export uses."""
    words = {_NOT_A_LETTER.sub("", cell.strip().lower()) for cell in fields}
    if fields and fields[0].strip() in ("BOF", "HEADER"):
        return True
    return is_header(fields) and bool(words & _DISTINCTIVE)


class Sections:
    """Reads record after record; knows which header and section are in force."""

    def __init__(self) -> None:
        self._columns: list[str] = []
        self._name = ""
        self._announced = ""

    def take(self, fields: Sequence[str]) -> tuple[str, dict[str, str]] | None:
        """Name and attributes of a data row; None for headers, markers and trailers."""
        cells = [cell.strip() for cell in fields]
        if cells[0] in MARKERS:
            if cells[0] == "BOS":
                self._announced = _announced(cells)
            return None
        descriptor = cells[0] if cells[0] in _DESCRIPTORS else ""
        if descriptor:
            cells = cells[2:]
        if descriptor == "TRAILER":
            return None
        if descriptor == "HEADER" or (not descriptor and is_header(cells)):
            self._columns = [attribute(cell) for cell in cells]
            self._name = self._announced or _section(frozenset(self._columns))
            return None
        if not self._columns:
            return "", {}
        values = dict(zip(self._columns, cells, strict=False))
        if "position" not in values and self._name == "OpenPosition" and "quantity" in values:
            values["position"] = values["quantity"]
        if self._name == "CorporateAction" and "actionDescription" in values:
            values["description"] = values["actionDescription"]
        return self._name, values

    @property
    def width(self) -> int:
        """How many cells a row must have."""
        return len(self._columns)


def _announced(cells: Sequence[str]) -> str:
    words = " ".join(cells[1:]).lower()
    return next((name for title, name in _NAMED.items() if title in words), "")


def _section(columns: frozenset[str]) -> str:
    return next((name for name, needed in _SECTIONS if needed <= columns), "")

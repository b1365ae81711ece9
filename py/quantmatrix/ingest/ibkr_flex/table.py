"""A Flex Query as CSV: the elements of the XML as rows, with headers that change from section to section."""

from __future__ import annotations

import re
from collections.abc import Sequence

from quantmatrix.ingest.model import FileRefused

CONFIRMATION = "this is a Trade Confirmation Flex Query, which later corrections do not reach"
CONFIRMATION_HINT = "make an Activity Flex Query with the sections of docs/formats.md"

_ALIASES = {
    "clientaccountid": "accountId",
    "currencyprimary": "currency",
    "assetclass": "assetCategory",
    "notescodes": "notes",
    "position": "position",
    "openclose": "openCloseIndicator",
    "code": "code",
    "commissioncurrency": "ibCommissionCurrency",
    "activitycode": "activityCode",
    "grossrate": "grossRate",
    "commisionsandtax": "commissionsAndTax",
    "commissionsandtax": "commissionsAndTax",
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
    *("awardDate", "vestingDate", "activityDescription"),
)
_BY_NAME = {name.lower(): name for name in _ATTRIBUTES} | _ALIASES
_DISTINCTIVE = frozenset({"clientaccountid", "currencyprimary", "levelofdetail", "ibexecid"})
_NOT_A_LETTER = re.compile(r"[^a-z0-9]")
_HEADER_WORDS = 3

_SECTIONS: tuple[tuple[str, frozenset[str]], ...] = (
    ("StatementOfFundsLine", frozenset({"activityCode"})),
    ("ChangeInDividendAccrual", frozenset({"grossRate"})),
    ("StockGrantActivity", frozenset({"awardDate", "vestingDate"})),
    ("OptionEAE", frozenset({"commissionsAndTax"})),
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
    "stock grant": "StockGrantActivity",
    "grant activity": "StockGrantActivity",
    "cash report": "CashReportCurrency",
    "account information": "AccountInformation",
    "financial instrument information": "SecurityInfo",
}
_CODES = {
    "TRNT": "Trade",
    "CTRN": "CashTransaction",
    "CORP": "CorporateAction",
    "POST": "OpenPosition",
    "CRTT": "CashReportCurrency",
    "SECU": "SecurityInfo",
}
"""Codes of sections, where the header has them."""

_MARKERS = frozenset({"BOF", "BOA", "BOS", "EOS", "EOA", "EOF", "MSG"})
_CONFIRMED = frozenset({"ExecID", "Price", "Commission"})
"""Columns of a trade confirmation, which an activity query calls otherwise."""

_DAY = re.compile(r"[0-9]{8}|[0-9]{4}-[0-9]{2}-[0-9]{2}|[0-9]{1,2}/[0-9]{1,2}/[0-9]{2,4}")
_DESCRIPTORS = frozenset({"HEADER", "DATA", "TRAILER"})


def attribute(column: str) -> str:
    """The attribute of the XML that a column holds; its own name for one that nobody knows."""
    bare = _NOT_A_LETTER.sub("", column.strip().lower())
    return _BY_NAME.get(bare, column.strip())


def is_header(fields: Sequence[str]) -> bool:
    """Whether a record names columns of a Flex Query; of a hundred columns few may be known here."""
    words = [_NOT_A_LETTER.sub("", cell.lower()) for cell in fields]
    if not _DISTINCTIVE.isdisjoint(words):
        return True
    known = sum(word in _BY_NAME for word in words)
    return known >= _HEADER_WORDS and known * 2 > sum(map(bool, words))


def looks_like_flex(fields: Sequence[str]) -> bool:
    """Whether a file's first record is the start of a Flex Query: words that no other export uses."""
    if fields and fields[0].strip() in ("BOF", "HEADER"):
        return True
    return not _DISTINCTIVE.isdisjoint(_NOT_A_LETTER.sub("", cell.lower()) for cell in fields)


class Sections:
    """Reads record after record; knows which header and section are in force."""

    def __init__(self) -> None:
        self._columns: list[str] = []
        self._name = ""
        self._announced = ""
        self._is_announced = False
        self._period: dict[str, str] = {}

    def take(self, fields: Sequence[str]) -> tuple[str, dict[str, str]] | None:
        """Name and attributes of a data row; None for headers, markers and trailers."""
        cells = [cell.strip() for cell in fields]
        if cells[0] in _MARKERS:
            return self._marker(cells)
        descriptor = cells[0] if cells[0] in _DESCRIPTORS else ""
        code = ""
        if descriptor:
            code = _CODES.get(cells[1], "") if len(cells) > 1 else ""
            cells = cells[2:]
        if descriptor == "TRAILER":
            return None
        if descriptor == "HEADER" or (not descriptor and (self._is_announced or is_header(cells))):
            self._columns = [attribute(cell) for cell in cells]
            if set(self._columns) >= _CONFIRMED:
                raise FileRefused(CONFIRMATION, hint=CONFIRMATION_HINT)
            self._name = code or self._announced or _section(frozenset(self._columns))
            self._is_announced = False
            return None
        if not self._columns:
            return "", {}
        values = dict(zip(self._columns, cells, strict=False))
        if "position" not in values and self._name == "OpenPosition" and "quantity" in values:
            values["position"] = values["quantity"]
        if self._name == "CorporateAction" and "actionDescription" in values:
            values["description"] = values["actionDescription"]
        return self._name, values

    def _marker(self, cells: list[str]) -> tuple[str, dict[str, str]] | None:
        """BOF tells the period, BOA the account, BOS the section whose header follows, EOS its end."""
        if cells[0] == "BOF":
            days = [cell for cell in cells[3:] if _DAY.fullmatch(cell)]
            self._period = dict(zip(("fromDate", "toDate"), days, strict=False))
        elif cells[0] == "BOA" and len(cells) > 1 and cells[1]:
            return "FlexStatement", {"accountId": cells[1], **self._period}
        elif cells[0] in ("BOS", "EOS"):
            self._columns = []
            self._is_announced = cells[0] == "BOS"
            self._announced = _announced(cells) if self._is_announced else ""
        return None

    @property
    def width(self) -> int:
        """How many cells a row must have."""
        return len(self._columns)


def _announced(cells: Sequence[str]) -> str:
    """The section that a marker announces, by its code or its title; another title stands for itself."""
    if len(cells) > 1 and (known := _CODES.get(cells[1])):
        return known
    title = " ".join(cells[2:] or cells[1:])
    return next((name for start, name in _NAMED.items() if title.lower().startswith(start)), title)


def _section(columns: frozenset[str]) -> str:
    return next((name for name, needed in _SECTIONS if needed <= columns), "")

"""The second pass over a Flex Query: each element goes to what reads it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, datetime
from typing import Literal

from pydantic import ValidationError

from quantmatrix.ingest.cells import RowError
from quantmatrix.ingest.ibkr_activity.context import ACCOUNT_LONGEST
from quantmatrix.ingest.ibkr_activity.grants import Grants
from quantmatrix.ingest.ibkr_flex.actions import CorporateActions
from quantmatrix.ingest.ibkr_flex.cash import cash_transaction
from quantmatrix.ingest.ibkr_flex.dates import DateStyle
from quantmatrix.ingest.ibkr_flex.element import Element, as_text
from quantmatrix.ingest.ibkr_flex.evidence import (
    BASE_SUMMARY,
    account_facts,
    balances,
    open_position,
    security,
)
from quantmatrix.ingest.ibkr_flex.grants import grant
from quantmatrix.ingest.ibkr_flex.instruments import FlexContext
from quantmatrix.ingest.ibkr_flex.levels import SECTION_OF_TRADES, SUMS_OF_TRADES, trade_level
from quantmatrix.ingest.ibkr_flex.normal import Normalizer
from quantmatrix.ingest.ibkr_flex.sections import CONTAINERS, DETAILS, EVIDENCE, ROWS, SKIPPED, UNCOMPUTED
from quantmatrix.ingest.ibkr_flex.survey import Survey
from quantmatrix.ingest.ibkr_flex.trades import Trades
from quantmatrix.ingest.ibkr_flex.transfers import Transfers
from quantmatrix.ingest.model import FileRefused, Line, Options, Record, Refusal, Statement, Warning
from quantmatrix.ingest.unread import Unread

Start = tuple[int, str, dict[str, str], str | None, str]
"""Number, name, attributes, the text of a row of CSV (None for XML), and the place where it differs."""

Verdict = Literal["row", "evidence", "skipped", "unknown"]

_PUBLIC = frozenset({"accountId", "currency", "accountType", "customerType"})
"""What is kept of the account's own element: not its names and addresses."""

_SHORT = "#short"
_SIDES = ("BUY", "SELL")
_UNKNOWN = "a section that nobody knows; its rows are kept, not read"
_UNCOMPUTED = (
    "may move units or cash that no other section shows; kept, not computed: compare with the broker"
)
_FUNDS_ALONE = "the statement of funds alone is not computed: add Trades and Cash Transactions to the query"
_SUM_ALONE = "a sum of trades that are not in this file; not computed: choose executions in the query"


class Reading:
    """One pass over one file; grows with its instruments and ids, and with rows that wait for a second."""

    def __init__(self, options: Options, facts: Survey, style: DateStyle) -> None:
        self._context = FlexContext(options, facts.bases)
        self._facts = facts
        self._style = style
        self._normal = Normalizer(self._context, options, facts.ids)
        self._trades = Trades(self._context, facts)
        self._actions = CorporateActions(self._context)
        self._transfers = Transfers(self._context)
        self._grants = Grants(self._context)
        self._unread = Unread()
        self._account: str | None = None
        self._period: tuple[date | None, date | None] = (None, None)
        self._days: list[date] = []
        self._generated: datetime | None = None
        self._accounts: dict[str, None] = {}
        self._found = False

    def run(self, starts: Iterator[Start]) -> Iterator[Record]:
        """Records of the file. Raises ``FileRefused`` where it has no section of a Flex Query."""
        out = self._context.out
        for number, name, attributes, raw, place in starts:
            if raw is None and (name in CONTAINERS or not attributes):
                self._found = self._found or name in CONTAINERS
                continue
            element = Element(number, name, attributes, self._style, raw or "", place)
            kept = raw if raw is not None else as_text(name, _public(name, attributes))
            verdict = self._take(element)
            yield Line(number=number, raw=kept, verdict=verdict, section=name[:200] or None)
            yield from map(self._placed(place), out)
            out.clear()
        self._trades.finish()
        self._actions.finish()
        self._grants.finish()
        yield from out
        yield from self._unread.told()
        out.clear()
        if not self._found:
            raise FileRefused(
                "the file has no section of a Flex Query",
                hint="choose sections in the Flex Query: Trades, Cash Transactions, ...",
            )
        yield Statement(
            account=next(iter(self._accounts)) if len(self._accounts) == 1 else None,
            period_start=min(self._days, default=None),
            period_end=max(self._days, default=None),
            generated_at=self._generated,
        )

    def _take(self, element: Element) -> Verdict:
        name = element.name
        if not name:
            return "skipped"
        if name == "FlexStatement":
            self._statement(element)
            return "skipped"
        try:
            return self._data(element)
        except RowError as error:
            if name in EVIDENCE or name == "AccountInformation":
                reason = f"{error.reason}; not compared with the books"
                self._context.warn(element.number, error.column, error.text, reason)
                return "evidence"
            self._context.out.append(error.refusal(element.number))
        except ValidationError as error:
            reason = str(error.errors(include_url=False)[0]["msg"])
            text = element.text("symbol", "description")
            self._context.out.append(RowError("bad_value", reason, text=text).refusal(element.number))
        return "row"

    def _data(self, element: Element) -> Verdict:
        name, account = element.name, self._account_of(element)
        if name in ROWS:
            self._found = True
            return self._row(element, account)
        if name in EVIDENCE:
            self._found = True
            if name == "OpenPosition":
                self._normal.repair(element)
                open_position(element, account, self._period[1], self._context, self._facts)
            elif name == "CashReportCurrency":
                balances(element, account, self._period, self._context)
            else:
                security(element, self._context)
            return "evidence"
        if name == "AccountInformation":
            self._found = True
            if told := account_facts(element, account):
                self._context.out.append(told)
                self._context.base_currency = told.base_currency or self._context.base_currency
            return "skipped"
        if name in DETAILS:
            return "evidence"
        if name in UNCOMPUTED:
            self._found = True
            if name != "TradeTransfer" or not self._facts.levels.is_told_finer("ORDER", element.attributes):
                self._unread.add(name, element.number, _UNCOMPUTED, element.attributes)
            return "skipped"
        if name in SKIPPED:
            self._found = True
            if name == "StatementOfFundsLine" and not self._facts.has_rows:
                self._unread.add(name, element.number, _FUNDS_ALONE, element.attributes)
            return "skipped"
        self._unread.add(name, element.number, _UNKNOWN, element.attributes)
        return "unknown"

    def _row(self, element: Element, account: str | None) -> Verdict:
        if short := element.attributes.get(_SHORT):
            raise RowError("short_row", f"{short}: is the file cut off?", text=element.raw)
        name, levels = element.name, self._facts.levels
        if name in SECTION_OF_TRADES:
            if not self._counts(element, trade_level(name, element.attributes)):
                return "evidence"
        elif element.text("currency") == BASE_SUMMARY:
            return "evidence"
        elif levels.is_sum_of_others(name, element.attributes):
            self._missing(element)
            return "evidence"
        if self._normal.is_repeated(element, account):
            return "skipped"
        self._normal.repair(element)
        if name in SECTION_OF_TRADES:
            self._trades.trade(element, account)
        elif name == "CashTransaction":
            self._context.out.append(cash_transaction(element, account, self._context))
        elif name == "CorporateAction":
            self._actions.take(element, account)
        elif name == "Transfer":
            self._transfers.take(element, account)
        elif name == "StockGrantActivity":
            return self._grants.take(grant(element, account, self._context))
        elif not self._trades.event(element, account):
            return "evidence"
        return "row"

    def _counts(self, element: Element, level: str) -> bool:
        """Whether a row of the section Trades is a trade of its own: not a detail, nor told by finer rows."""
        if level == "EXECUTION":
            return True
        if level not in SUMS_OF_TRADES or self._facts.levels.is_told_finer(level, element.attributes):
            return False
        if level == "ORDER":
            reason = "the query has orders and no executions; orders are imported"
            self._context.warn_once("orders", element.number, "levelOfDetail", level, reason)
            return True
        if (
            level == "SYMBOL_SUMMARY"
            and element.text("tradeDate", "dateTime")
            and element.text("buySell") in _SIDES
        ):
            reason = (
                "the query has sums of symbols and days, neither executions nor orders; they are imported"
            )
            self._context.warn_once("orders", element.number, "levelOfDetail", level, reason)
            return True
        self._unread.add(element.name, element.number, _SUM_ALONE, element.attributes)
        return False

    def _missing(self, element: Element) -> None:
        """Say what a sum has that the rows which it sums have not."""
        for measure, value in self._facts.levels.lacks(element.name, element.attributes).items():
            reason = f"the rows of this event in the file lack {value:f} of its sum; the rows count"
            self._context.warn(element.number, measure, element.text("description", "symbol"), reason)

    def _statement(self, element: Element) -> None:
        self._found = True
        self._account = element.text("accountId")[:ACCOUNT_LONGEST] or None
        if self._account:
            self._tell(self._account)
        try:
            self._period = element.day("fromDate"), element.day("toDate")
            if printed := element.moment("whenGenerated"):
                moment = printed[0]
                self._generated = max(filter(None, (self._generated, moment)), default=None)
        except RowError as error:
            self._context.warn(element.number, error.column, error.text, f"{error.reason}; not used")
        self._days += [day for day in self._period if day is not None]
        self._days = [min(self._days), max(self._days)] if self._days else []
        if self._facts.dates.style(day_first=False).is_ambiguous:
            order = "day" if self._style.day_first else "month"
            reason = f"read with the {order} first, which no date of the file contradicts (--day-first)"
            self._context.warn_once("dates", element.number, "fromDate", element.text("fromDate"), reason)

    def _account_of(self, element: Element) -> str | None:
        printed = element.text("accountId")
        if not printed:
            return self._account
        if len(printed) > ACCOUNT_LONGEST:
            reason = f"longer than {ACCOUNT_LONGEST} characters"
            raise RowError("bad_account", reason, column="accountId", text=printed)
        self._tell(printed)
        return printed

    def _tell(self, account: str) -> None:
        if account not in self._accounts:
            self._accounts[account] = None
            self._context.out.append(Statement(account=account))

    @staticmethod
    def _placed(place: str) -> _Placed:
        return _Placed(place)


class _Placed:
    """Adds the place in the file to what is said of a row that shares its line with others."""

    def __init__(self, place: str) -> None:
        self._place = place

    def __call__(self, record: Record) -> Record:
        if self._place and isinstance(record, Refusal | Warning):
            return record.model_copy(update={"reason": f"{record.reason} ({self._place} of the file)"})
        return record


def _public(name: str, attributes: Mapping[str, str]) -> Mapping[str, str]:
    if name != "AccountInformation":
        return attributes
    return {name: value for name, value in attributes.items() if name in _PUBLIC}

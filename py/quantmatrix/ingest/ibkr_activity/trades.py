"""The section Trades: stocks, options, currencies and the rest, one transaction for each order."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Literal

from quantmatrix.ingest.cells import EXACT, RowError
from quantmatrix.ingest.futures import size_of
from quantmatrix.ingest.ibkr_activity.cancels import Cancels
from quantmatrix.ingest.ibkr_activity.checks import ClosedLots, PriceCheck
from quantmatrix.ingest.ibkr_activity.codes import read_codes
from quantmatrix.ingest.ibkr_activity.context import Context
from quantmatrix.ingest.ibkr_activity.exercises import Exercises, is_cash_settled
from quantmatrix.ingest.ibkr_activity.row import Header, Row
from quantmatrix.ingest.ibkr_activity.section import Section, Verdict
from quantmatrix.ingest.ibkr_activity.trade_row import EXERCISES, PrintedTrade
from quantmatrix.ingest.model import InstrumentType, PositionEffect, Terms, Transaction, TransactionType

_COMMISSION_IN = re.compile(r"Comm in ([A-Z]{3})")
_IN_BASE_CURRENCY = re.compile(r"(?:MTM|Realized P/L|Basis) in [A-Z]{3}")
_PAIR = re.compile(r"([A-Z]{3,5})\.([A-Z]{3,5})")
_ZERO = Decimal(0)
_FUTURE = InstrumentType.FUTURE.value
_DELIVERABLE = (InstrumentType.STOCK.value, InstrumentType.FUND.value, _FUTURE)
_WORTH = ("Notional Value", "Proceeds")
_FOREX = "Forex"


class Trades(Section):
    """Order rows, or Trade rows where there are no orders; the details below an order only check it."""

    columns = frozenset(
        {
            "DataDiscriminator",
            "Asset Category",
            "Currency",
            "Account",
            "Symbol",
            "Date/Time",
            "Exchange",
            "Quantity",
            "T. Price",
            "C. Price",
            "Close Price",
            "Proceeds",
            "Notional Value",
            "Comm/Fee",
            "Basis",
            "Realized P/L",
            "Realized P/L %",
            "MTM P/L",
            "Code",
        }
    )

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._level = ""
        self._commission_column = "Comm/Fee"
        self._commission_currency: str | None = None
        self._exercises = Exercises(context)
        self._cancels = Cancels(context)
        self._prices = PriceCheck(context)
        self._closed_lots = ClosedLots(context)

    def header(self, line: int, section: str, header: Header) -> None:
        """Note in which currency this table's commissions are."""
        super().header(line, section, header)
        self._commission_column, self._commission_currency = "Comm/Fee", None
        for column in header.index:
            if found := _COMMISSION_IN.fullmatch(column):
                self._commission_column, self._commission_currency = column, found[1]

    def knows(self, column: str) -> bool:
        """Forex tables name the base currency in their columns."""
        return super().knows(column) or bool(
            _COMMISSION_IN.fullmatch(column) or _IN_BASE_CURRENCY.fullmatch(column)
        )

    def other_kind(self, row_kind: str) -> Verdict | None:
        """Older statements print lots as kinds of rows."""
        return "evidence" if row_kind.rstrip(":").replace(" ", "") in ("ClosedLot", "WashSale") else None

    def data(self, row: Row) -> Verdict:
        """A trade, or a detail below it."""
        level = row.text("DataDiscriminator") if row.has("DataDiscriminator") else "Order"
        if level in ("Order", "Trade"):
            self._level = self._level or level
            if level == self._level:
                self._trade(row)
                return "row"
            if level == "Trade":
                return "evidence"
            raise RowError(
                "contradiction",
                "an order after executions that were imported: the same fills would count twice",
                column="DataDiscriminator",
                text=level,
            )
        if level == "Lot":
            self.closed_lot(row)
            return "evidence"
        if level.replace(" ", "") == "WashSale":
            return "evidence"
        self.context.warn_once(
            "level", row.line, "DataDiscriminator", level, "a kind of trade row that nobody knows"
        )
        return "unknown"

    def closed_lot(self, row: Row) -> None:
        """Compare it with the trade above."""
        self._closed_lots.lot(row)

    def finish(self) -> None:
        """Emit what waited for a partner, and the checks that needed the whole file."""
        self._closed_lots.finish()
        self._exercises.finish()
        self._cancels.finish()
        self._prices.finish()

    def _trade(self, row: Row) -> None:
        context = self.context
        trade = self._printed(row)
        for code in trade.codes.unknown:
            context.warn_once("code", row.line, "Code", code, "a code that nobody knows")
        if row.required("Asset Category").startswith(_FOREX):
            transaction = self._conversion(trade)
        else:
            transaction = self._security(trade)
        closes = trade.codes.effect is PositionEffect.CLOSE
        self._closed_lots.order(row.line, trade.quantity, closes=closes)
        if trade.codes.is_cancel:
            self._cancels.cancel(row, trade.account, trade.executed_at)
        else:
            self._cancels.trade(row, trade.account, trade.executed_at)
            if trade.codes.is_assignment or trade.codes.is_exercise:
                self._delivery(transaction)
                return
        context.out.append(transaction)

    def _printed(self, row: Row) -> PrintedTrade:
        executed_at, trade_date = row.moment("Date/Time")
        quantity = row.amount("Quantity")
        if not quantity:
            raise RowError(
                "zero_quantity", "a trade of nothing", column="Quantity", text=row.text("Quantity")
            )
        price = row.number("T. Price")
        if price is not None and price < 0:
            self.context.warn(
                row.line, "T. Price", row.text("T. Price"), "a negative price; only the amount is imported"
            )
            price = None
        return PrintedTrade(
            row=row,
            account=self.context.account_of(row),
            currency=row.currency(),
            executed_at=executed_at,
            trade_date=trade_date,
            quantity=quantity,
            price=price,
            commission=row.number(self._commission_column) or _ZERO,
            codes=read_codes(row.text("Code")),
        )

    def _security(self, trade: PrintedTrade) -> Transaction:
        row = trade.row
        key = self.context.instrument(
            row.line, row.required("Asset Category"), row.required("Symbol"), trade.currency
        )
        facts = self.context.facts_of(key)
        kind = key.partition("|")[0]
        proceeds = self._proceeds(row, kind)
        if proceeds is not None and trade.price is not None:
            self._prices.check(row, key, facts, kind, trade.quantity, trade.price, proceeds)
        if kind == _FUTURE:
            self._size(trade, key)
        transaction_type, effect = trade.type_as(kind)
        fee_currency = self._commission_currency or trade.currency
        settlement: Literal["cash"] | None = None
        if transaction_type in EXERCISES and is_cash_settled(facts, proceeds):
            settlement = "cash"
        terms: Terms | None = None
        if settlement or fee_currency != trade.currency:
            terms = Terms(
                fee_currency=fee_currency if fee_currency != trade.currency else None,
                exercise_settlement=settlement,
            )
        return trade.transaction(
            instrument=key,
            type_=transaction_type,
            effect=effect,
            gross=proceeds,
            currency=trade.currency,
            fee_currency=fee_currency,
            terms=terms,
        )

    def _delivery(self, transaction: Transaction) -> None:
        """Pass on a leg of an exercise or assignment; an option that waits for its stock is emitted later."""
        kind = (transaction.instrument or "").partition("|")[0]
        if transaction.type in EXERCISES:
            if transaction.terms is None or transaction.terms.exercise_settlement is None:
                self._exercises.option_leg(transaction, self.context.facts_of(transaction.instrument or ""))
                return
        elif kind in _DELIVERABLE:
            self._exercises.stock_leg(transaction)
        self.context.out.append(transaction)

    def _proceeds(self, row: Row, kind: str) -> Decimal | None:
        if kind == _FUTURE or not row.has("Proceeds"):
            self.context.warn_once(
                "futures",
                row.line,
                None,
                kind,
                "settled daily in cash that this section does not show; its result follows from prices",
            )
            return None
        return row.amount("Proceeds")

    def _size(self, trade: PrintedTrade, key: str) -> None:
        """The size of a future that no list of instruments states, from what a contract is worth."""
        column = next((name for name in _WORTH if trade.row.has(name)), None)
        worth = trade.row.number(column) if column else None
        size = size_of(trade.quantity, trade.price, worth)
        if size is not None and self.context.facts_of(key).multiplier is None:
            self.context.state_multiplier(key, size)

    def _conversion(self, trade: PrintedTrade) -> Transaction:
        """One row: quantity in the first currency of the pair, the amount in the second."""
        context, row = self.context, trade.row
        symbol = row.required("Symbol")
        pair = _PAIR.fullmatch(symbol)
        if not pair:
            raise RowError("bad_symbol", "not a currency pair such as EUR.USD", column="Symbol", text=symbol)
        bought, quote = pair[1], pair[2]
        if quote != trade.currency:
            reason = f"the pair {symbol} is paid in {quote}; {quote} is taken"
            context.warn(row.line, "Currency", trade.currency, reason)
        proceeds = row.number("Proceeds")
        if proceeds is None:
            if trade.price is None:
                raise RowError("missing_value", "neither an amount nor a price", column="Proceeds")
            proceeds = EXACT.multiply(trade.quantity.copy_negate(), trade.price)
            context.warn(row.line, "Proceeds", "", "the amount is missing; quantity times price is taken")
        key = context.named(InstrumentType.CURRENCY, bought, bought)
        if trade.price is not None:
            kind = InstrumentType.CURRENCY.value
            self._prices.check(row, key, context.facts_of(key), kind, trade.quantity, trade.price, proceeds)
        fee_currency = self._commission_currency or context.base_currency or quote
        is_foreign_fee = bool(trade.commission) and fee_currency != quote
        return trade.transaction(
            instrument=key,
            type_=TransactionType.FX_CONVERSION,
            effect=PositionEffect.AUTO,
            gross=proceeds,
            currency=quote,
            fee_currency=fee_currency,
            terms=Terms(fee_currency=fee_currency) if is_foreign_fee else None,
        )

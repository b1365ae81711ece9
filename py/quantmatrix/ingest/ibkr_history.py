"""Interactive Brokers Transaction History CSV: days only, no ids, every amount in the base currency.

The weakest of the broker's files; worth reading where nothing better exists.
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any, ClassVar

from quantmatrix.ingest.cells import EXACT
from quantmatrix.ingest.ibkr_activity.grants import TAX_CURRENCY
from quantmatrix.ingest.ibkr_activity.statement import read_generated, read_period
from quantmatrix.ingest.model import (
    CashEvidence,
    Instrument,
    InstrumentType,
    Options,
    PositionEffect,
    Statement,
    Terms,
)
from quantmatrix.ingest.model import TransactionType as T
from quantmatrix.ingest.numbers import parse_decimal
from quantmatrix.ingest.symbols import exchange_option, looks_like_option, parse_option
from quantmatrix.ingest.table import Row, TableParser, TableReading, Verdict

_ZERO = Decimal(0)
_CENT = Decimal("0.01")
_RATE_PLACES = Decimal("1e-18")
_FORMATS = ("%Y-%m-%d",)
_PAIR = re.compile(r"[A-Z]{3}\.[A-Z]{3}")
_BOND = re.compile(r"\s[0-9]{1,2}(?: [0-9]/[0-9]{1,2}|\.[0-9]+)? [0-9]{2}/[0-9]{2}/[0-9]{2}")
_CASH = {
    "dividend": T.DIVIDEND,
    "payment in lieu": T.PAYMENT_IN_LIEU,
    "foreign tax withholding": T.TAX_WITHHELD,
    "withholding tax": T.TAX_WITHHELD,
    "credit interest": T.INTEREST,
    "debit interest": T.INTEREST,
    "investment interest paid": T.INTEREST,
    "investment interest received": T.INTEREST,
    "bond interest": T.INTEREST,
    "other fee": T.FEE,
    "fee": T.FEE,
    "sales tax": T.FEE,
    "commission adjustment": T.FEE,
    "return of capital": T.RETURN_OF_CAPITAL,
}
_MOVES = frozenset({"deposit", "withdrawal", "electronic fund transfer", "disbursement"})
_EVENTS = {
    "assignment": T.OPTION_ASSIGNMENT,
    "assigned": T.OPTION_ASSIGNMENT,
    "exercise": T.OPTION_EXERCISE,
    "exercised": T.OPTION_EXERCISE,
    "expired": T.OPTION_EXPIRATION,
    "expiration": T.OPTION_EXPIRATION,
}
_TRANSLATED = frozenset({"adjustment", "forex trade component", "position mtm"})


class _Reading(TableReading):
    needed = frozenset({"transaction history", "header", "date", "transaction type", "net amount"})
    known = frozenset(
        {
            "account", "description", "symbol", "quantity", "price", "price currency", "gross amount",
            "commission", "exchange rate", "currency",
        }
    )  # fmt: skip
    what = "a Transaction History of Interactive Brokers"
    newest_first = True

    def __init__(self, options: Options) -> None:
        super().__init__(options)
        self.currency = options.currency
        self.balances: list[tuple[int, str, Decimal]] = []
        self.period: tuple[Any, Any] | None = None
        self.rows_of: set[str] = set()
        self.total = _ZERO

    def title(self, line: int, fields: list[str], /) -> None:
        """Period, base currency and cash stand above the rows."""
        if len(fields) < 4 or fields[1].strip() != "Data":
            return
        name, value = fields[2].strip(), fields[3].strip()
        try:
            if name == "Period":
                self.period = read_period(value)
                self.out.append(Statement(period_start=self.period[0], period_end=self.period[1]))
            elif name == "WhenGenerated":
                self.out.append(Statement(generated_at=read_generated(value)))
            elif name == "Base Currency" and len(value) == 3 and value.isalpha():
                self.currency = value.upper()
                self.out.append(Statement(base_currency=self.currency))
            elif name in ("Starting Cash", "Ending Cash") and (amount := parse_decimal(value)) is not None:
                self.balances.append((line, name, amount))
        except ValueError as error:
            self.warn(line, name, value, f"{error}; read as not stated")

    def is_row(self, fields: list[str], /) -> bool:
        """Rows of the one section that holds rows."""
        return len(fields) > 1 and fields[0].strip() == "Transaction History" and fields[1].strip() == "Data"

    def row(self, row: Row) -> Verdict:
        """One transaction, in the base currency."""
        day = row.day(row.text("date"), _FORMATS, "date")
        self.at(day)
        account = self.account(row.text("account")[:64])
        self.rows_of.add(account or "")
        kind = " ".join(row.text("transaction type").lower().split())
        net = row.number("net amount") or _ZERO
        commission = row.number("commission") or _ZERO
        values: dict[str, Any] = {
            "line": row.line,
            "account": account,
            "fingerprint": f"{row.text('transaction type')} {row.text('description')}".strip(),
            "trade_date": day,
            "commission": commission,
            "gross_amount": EXACT.subtract(net, commission),
            "net_amount": net,
            "currency": self.currency,
            "description": row.text("description") or None,
            "metadata": {"kind": row.text("transaction type")},
        }
        quantity = row.number("quantity")
        thing = self._instrument(row, kind)
        self._meaning(row, kind, quantity, thing, values)
        self.total = EXACT.add(self.total, net)
        return "row"

    def finish(self) -> None:
        """The balances of the head, where they are those of one account."""
        if len(self.rows_of) != 1 or self.period is None:
            return
        account = next(iter(self.rows_of)) or None
        stated: dict[str, Decimal] = {}
        for line, name, amount in self.balances:
            stated[name] = amount
            moment = "start" if name == "Starting Cash" else "end"
            as_of = self.period[0] if moment == "start" else self.period[1]
            self.out.append(
                CashEvidence(
                    line=line, account=account, currency=self.currency, as_of=as_of,
                    moment="start" if moment == "start" else "end", amount=amount,
                )
            )  # fmt: skip
        if len(stated) == 2:
            change = EXACT.subtract(stated["Ending Cash"], stated["Starting Cash"])
            if abs(EXACT.subtract(change, self.total)) > Decimal("0.01"):
                line = self.balances[-1][0]
                reason = f"cash changes by {change:f}, the rows add up to {self.total:f}"
                self.warn(line, "Ending Cash", f"{stated['Ending Cash']:f}", reason)

    def _meaning(
        self, row: Row, kind: str, quantity: Decimal | None, thing: Instrument | None, values: dict[str, Any]
    ) -> None:
        price = printed = row.number("price")
        if thing is not None and quantity and (rate := self._rate(row, thing, quantity, values)) is not None:
            values["terms"] = Terms(fx_rate=rate)
        if row.text("price currency") not in ("", "-", self.currency):
            if price is not None:
                values["metadata"]["price"] = f"{price:f} {row.text('price currency')}"
            price = None
        is_trade = kind in ("buy", "sell") or (kind in _EVENTS and thing is not None)
        if is_trade and thing is not None and quantity:
            values |= {"instrument": thing.key, "quantity": quantity}
            if kind in _EVENTS and thing.type is InstrumentType.OPTION:
                settlement = None if _EVENTS[kind] is T.OPTION_EXPIRATION else "linked"
                if settlement:
                    values["terms"] = Terms(exercise_settlement=settlement)
                values |= {"type": _EVENTS[kind], "position_effect": PositionEffect.CLOSE}
                made = self.emit(values)
                if settlement:
                    self.day_book.removal(made, thing, quantity)
                return
            if kind in ("buy", "sell"):
                quantity = abs(quantity) * (1 if kind == "buy" else -1)
            values |= {
                "type": T.BUY if quantity > 0 else T.SELL,
                "quantity": quantity,
                "price": price if price is None or price >= 0 else None,
            }
            self.day_book.stock(self.emit(values), thing, printed)
        elif kind in _CASH:
            self.emit(values | {"type": _CASH[kind], "instrument": thing.key if thing else None})
        elif kind in _MOVES or (kind == "transfer" and not quantity):
            self.emit(values | {"type": T.DEPOSIT if values["net_amount"] >= 0 else T.WITHDRAWAL})
        elif kind == "transfer" and thing is not None and quantity:
            moved = T.TRANSFER_IN if quantity > 0 else T.TRANSFER_OUT
            self.emit(values | {"type": moved, "instrument": thing.key, "quantity": quantity})
        else:
            self.emit(values | {"type": T.OTHER, "instrument": thing.key if thing else None})
            if kind in _TRANSLATED:
                reason = "a translation into the base currency, in which alone this file counts"
                self.warn_once("translated", row.line, row.printed("transaction type"), kind, reason)
            else:
                reason = "unknown kind of row; its cash counts, positions are not changed"
                self.warn(row.line, row.printed("transaction type"), row.text("transaction type"), reason)

    def _instrument(self, row: Row, kind: str) -> Instrument | None:
        text = row.text("symbol")
        if text in ("", "-", "--") or kind in _TRANSLATED or _PAIR.fullmatch(text):
            return None
        printed = row.text("price currency")
        currency = printed if len(printed) == 3 and printed.isalpha() else self.currency
        if option := parse_option(text):
            return self.option(option, currency)
        if _BOND.search(text):
            return self.security(InstrumentType.BOND, text, currency)
        if not looks_like_option(text):
            return self.security(InstrumentType.STOCK, text, currency)
        if option := parse_option(row.text("description")) or exchange_option(text):
            return self.option(option, currency)
        reason = "an option symbol that cannot be read; kept as another kind of instrument"
        self.warn_once("option", row.line, row.printed("symbol"), text, reason)
        return self.security(InstrumentType.OTHER, text, currency)

    def _rate(self, row: Row, thing: Instrument, quantity: Decimal, values: dict[str, Any]) -> Decimal | None:
        """Tax currency for one unit of the base currency, as the row's own price and amount imply it."""
        price, printed = row.number("price"), row.text("price currency")
        gross = row.number("gross amount")
        gross = values["gross_amount"] if gross is None else gross
        if printed != TAX_CURRENCY or printed == self.currency or not price or not gross or price < 0:
            return None
        unit = _CENT if thing.type is InstrumentType.BOND else thing.multiplier or Decimal(1)
        traded = EXACT.multiply(abs(EXACT.multiply(quantity, price)), unit)
        return EXACT.divide(traded, abs(gross)).quantize(_RATE_PLACES, context=EXACT)


class IbkrHistory(TableParser):
    """Reads ``ibkr_history_csv``."""

    source: ClassVar[str] = "ibkr_history_csv"
    broker: ClassVar[str] = "ibkr"
    title: ClassVar[str] = "Transaction History of Interactive Brokers, as CSV (Flex Queries say more)"
    reading = _Reading

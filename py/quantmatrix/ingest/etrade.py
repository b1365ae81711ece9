"""E*TRADE: account activity as CSV, in the layout of today and the one until 2025."""

from __future__ import annotations

import re
from datetime import date
from decimal import Decimal
from typing import Any, ClassVar

from quantmatrix.ingest.cells import EXACT, RowError
from quantmatrix.ingest.day_book import Piece
from quantmatrix.ingest.described import described_option
from quantmatrix.ingest.etrade_holdings import Holdings
from quantmatrix.ingest.exercise import leaving
from quantmatrix.ingest.model import Instrument, InstrumentType, Options, PositionEffect, Terms, Transaction
from quantmatrix.ingest.model import TransactionType as T
from quantmatrix.ingest.named_lots import NamedLots
from quantmatrix.ingest.reinvested import Reinvestments
from quantmatrix.ingest.symbols import parse_option
from quantmatrix.ingest.table import Row, TableParser, TableReading, Verdict, header_in

_ZERO = Decimal(0)
_FORMATS = ("%m/%d/%y", "%m/%d/%Y")
_DATE = re.compile(r"[0-9]{1,2}/[0-9]{1,2}/(?:[0-9]{4}|[0-9]{2})")
_ACCOUNT = re.compile(r"(?:^|[\s(])[#X-]{1,8}(?P<digits>[0-9]{4})\b")
_TITLE = re.compile(r"\baccount\b", re.IGNORECASE)
_LOT = re.compile(r"\bLOT (?P<day>[0-9]{8})\b", re.IGNORECASE)
_OPEN, _CLOSE, _AUTO = PositionEffect.OPEN, PositionEffect.CLOSE, PositionEffect.AUTO
_TRADES: dict[str, tuple[T, int, PositionEffect]] = {
    "bought": (T.BUY, 1, _AUTO),
    "sold": (T.SELL, -1, _AUTO),
    "sold short": (T.SELL, -1, _OPEN),
    "bought to cover": (T.BUY, 1, _CLOSE),
    "bought to open": (T.BUY, 1, _OPEN),
    "bought to close": (T.BUY, 1, _CLOSE),
    "sold to open": (T.SELL, -1, _OPEN),
    "sold to close": (T.SELL, -1, _CLOSE),
    "dividend reinvestment": (T.REINVEST, 1, _OPEN),
}
_EVENTS = (
    (re.compile(r"^(?:option )?expir"), T.OPTION_EXPIRATION),
    (re.compile(r"^(?:option )?assign"), T.OPTION_ASSIGNMENT),
    (re.compile(r"^(?:option )?exercise"), T.OPTION_EXERCISE),
)
_CASH = (
    (re.compile(r"^qualified dividend|^dividend|^non-qualified dividend"), T.DIVIDEND),
    (re.compile(r"cap(?:ital)? gain"), T.CAPITAL_GAIN_DISTRIBUTION),
    (re.compile(r"^interest|^margin interest|^bank interest"), T.INTEREST),
    (re.compile(r"tax|withholding"), T.TAX_WITHHELD),
    (re.compile(r"fee\b|^commission adjust"), T.FEE),
    (re.compile(r"^cash in lieu"), T.CASH_IN_LIEU),
    (re.compile(r"^return of capital"), T.RETURN_OF_CAPITAL),
)
_MOVES = re.compile(
    r"^(?:transfer|online transfer|wire|deposit|withdrawal|direct debit|direct deposit|contribution|"
    r"distribution|check|bill payment|funds|ach|atm)"
)
_OF_OPTIONS = re.compile(r"\bto (?:open|close)$|^option")
_CONTRACT = re.compile(r"(?:CALL|PUT)\b")
_PRICE = ("price $", "price")
_DAY = ("activity/trade date", "transactiondate")
_UNTYPED = frozenset({"", "0"})
"""What stands for the type of some option trades of the older layout."""
_WITHIN = re.compile(r"\bTRNSFR (?:MARGIN TO CASH|CASH TO MARGIN)\b", re.IGNORECASE)


class _Reading(TableReading):
    """Both layouts: what differs are the names of columns."""

    needed = frozenset({"activity/trade date", "activity type", "description"})
    known = frozenset(
        {
            "transaction date", "settlement date", "symbol", "cusip", "quantity #", "quantity", "price $",
            "price", "amount $", "amount", "commission", "category", "note", "transactiontype",
            "securitytype", "transactiondate",
        }
    )  # fmt: skip
    what = "an account activity of E*TRADE"
    newest_first = True

    def __init__(self, options: Options) -> None:
        super().__init__(options)
        self.named = False
        self.named_lots = NamedLots()
        self.reinvestments = Reinvestments()

    def title(self, line: int, fields: list[str], /) -> None:
        """The title above the header names the account in part; of several numbers the last one."""
        text = " ".join(fields)
        found = list(_ACCOUNT.finditer(text.partition(" from ")[0])) if _TITLE.search(text) else []
        if found and not self.named and self.options.account is None:
            self.named = True
            account = f"...{found[-1]['digits']}"
            self.account(account)
            reason = f"the rows name no account; {account} is taken from the title"
            self.warn(line, None, found[-1]["digits"], reason)

    def is_row(self, fields: list[str], /) -> bool:
        """Rows begin with a date."""
        return bool(_DATE.fullmatch(self.cell(fields, *_DAY)))

    def row(self, row: Row) -> Verdict:
        """One transaction, or a part of one."""
        text = self._text(row, "description")
        if _WITHIN.search(text):
            reason = "moves between margin and cash, which has no effect"
            self.warn_once("within", row.line, row.printed("description"), text, reason)
            return "skipped"
        name = "activity/trade date" if row.has("activity/trade date") else "transactiondate"
        day = row.day(row.text(name), _FORMATS, name)
        self.at(day)
        kind = " ".join(row.text("activity type", "transactiontype").lower().split())
        amount = row.number("amount $", "amount") or _ZERO
        fee = row.number("commission") or _ZERO
        commission = fee.copy_negate() if fee else fee
        values: dict[str, Any] = {
            "line": row.line,
            "fingerprint": f"{kind} {text}".strip(),
            "trade_date": day,
            "settlement_date": self._settled(row, day),
            "gross_amount": EXACT.subtract(amount, commission),
            "commission": commission,
            "net_amount": amount,
            "currency": self.options.currency,
            "description": text or None,
            "metadata": {"kind": row.text("activity type", "transactiontype")},
        }
        quantity = row.number("quantity #", "quantity")
        self._meaning(row, kind, self._instrument(row, text), quantity, values)
        return "row"

    def _meaning(
        self, row: Row, kind: str, thing: Instrument | None, quantity: Decimal | None, values: dict[str, Any]
    ) -> None:
        if thing is not None and quantity:
            event = next((found for pattern, found in _EVENTS if pattern.search(kind)), None)
            if "dividend" in kind and values["net_amount"] < 0:
                kind = "dividend reinvestment"
            if kind in _UNTYPED and (quantity > 0) == (values["net_amount"] < 0) and row.number(*_PRICE):
                kind = "bought" if quantity > 0 else "sold"
                reason = "a row without its type, read as the trade that its figures make it"
                column = row.printed("activity type", "transactiontype")
                self.warn_once("untyped", row.line, column, row.text(column.lower()), reason)
            if kind in _TRADES:
                self._trade(row, kind, thing, quantity, values)
                return
            if event is not None and thing.type is InstrumentType.OPTION:
                self._event(event, thing, quantity, values)
                return
            if event is not None and values["net_amount"]:
                verb = "bought" if values["net_amount"] < 0 else "sold"
                self._trade(row, verb, thing, quantity, values)
                return
            if kind.startswith(("reorganization", "merger", "exchange", "reverse split")):
                kind_of = T.SPLIT if "split" in kind else T.MERGER_STOCK
                more = values | {"kind_of_exchange": kind_of}
                name = kind.split()[0]
                self.day_book.piece(
                    name,
                    Piece(row.line, thing, quantity, values["net_amount"], more, None, "reverse" in name),
                )
                self._moved(values["trade_date"])
                return
            if kind.startswith(("stock split", "split")):
                more = {"type": T.SPLIT, "instrument": thing.key, "terms": Terms(stated_quantity=quantity)}
                self.emit(values | more)
                return
            if kind.startswith(("transfer", "online transfer", "adjustment", "journal")):
                type_ = T.TRANSFER_IN if quantity > 0 else T.TRANSFER_OUT
                self.emit(values | {"type": type_, "instrument": thing.key, "quantity": quantity})
                return
        self._cash(row, kind, thing, quantity, values)

    def _trade(
        self, row: Row, kind: str, thing: Instrument, quantity: Decimal, values: dict[str, Any]
    ) -> None:
        type_, sign, effect = _TRADES[kind]
        price = row.number(*_PRICE)
        amount = values["net_amount"]
        if amount and (amount > 0) == (sign > 0) and abs(amount) > abs(values["commission"]):
            reason = "a purchase that brings money, or a sale that costs some"
            column = row.printed("amount $", "amount")
            raise RowError("contradiction", reason, column=column, text=row.text("amount $", "amount"))
        made = self.emit(
            values
            | {
                "type": type_,
                "position_effect": effect,
                "instrument": thing.key,
                "quantity": abs(quantity) * sign,
                "price": price if price is None or price >= 0 else None,
            }
        )
        if thing.type is InstrumentType.STOCK:
            self.day_book.stock(made, thing)
        if made.type is T.REINVEST:
            self.reinvestments.bought(made)
        if sign > 0:
            self.named_lots.opened(made)
        elif found := _LOT.search(made.description or ""):
            self._names_lot(row, made, found["day"])

    def _names_lot(self, row: Row, made: Transaction, text: str) -> None:
        try:
            self.named_lots.sold(made, date.fromisoformat(text))
        except ValueError:
            reason = "the lot that the row names is of no day; the account's method chooses"
            self.warn(row.line, row.printed("description"), text, reason)

    def finish(self) -> None:
        """What only the whole file shows: named lots, and reinvestments without their dividend."""
        for row in self.reinvestments.unpaid():
            reason = (
                "the file prints no dividend for a reinvestment; one of the same amount is booked with it"
            )
            self.warn(row.line, None, f"{-row.net_amount:f}", reason)
            self.out.append(
                row.model_copy(
                    update={
                        "type": T.DIVIDEND,
                        "part": 1,
                        "position_effect": PositionEffect.AUTO,
                        "fingerprint": f"dividend of {row.fingerprint}",
                        "quantity": None,
                        "price": None,
                        "gross_amount": -row.net_amount,
                        "commission": _ZERO,
                        "net_amount": -row.net_amount,
                    }
                )
            )
        self.out += self.named_lots.settle()

    def _event(self, kind: T, thing: Instrument, quantity: Decimal, values: dict[str, Any]) -> None:
        more = leaving(kind, quantity, cash=values["net_amount"])
        made = self.emit(values | {"instrument": thing.key} | more)
        self.day_book.removal(made, thing, quantity)

    def _cash(
        self, row: Row, kind: str, thing: Instrument | None, quantity: Decimal | None, values: dict[str, Any]
    ) -> None:
        type_ = next((found for pattern, found in _CASH if pattern.search(kind)), None)
        if type_ is None and _MOVES.search(kind):
            type_ = T.DEPOSIT if values["net_amount"] >= 0 else T.WITHDRAWAL
        if type_ in (T.RETURN_OF_CAPITAL, T.CASH_IN_LIEU) and thing is None:
            type_ = None
        if type_ is None:
            if quantity:
                values["metadata"]["stated_quantity"] = f"{quantity:f}"
            self.emit(values | {"type": T.OTHER, "instrument": thing.key if thing else None})
            self.warn_unknown(
                row, ("activity type", "transactiontype"), values["net_amount"], quantity, thing
            )
            return
        key = thing.key if thing is not None and type_ not in (T.DEPOSIT, T.WITHDRAWAL) else None
        made = self.emit(values | {"type": type_, "instrument": key})
        if type_ in (T.DIVIDEND, T.CAPITAL_GAIN_DISTRIBUTION, T.INTEREST):
            self.reinvestments.income(made)

    def _instrument(self, row: Row, text: str) -> Instrument | None:
        symbol, currency = self._text(row, "symbol"), self.options.currency
        option = described_option(text) or parse_option(symbol)
        if option is not None:
            return self.option(option, currency)
        if not symbol:
            return None
        kind = row.text("activity type", "transactiontype").lower()
        if _OF_OPTIONS.search(kind) or _CONTRACT.match(text) or row.text("securitytype").upper() == "OPTN":
            reason = "a row of options whose description names no contract"
            raise RowError("bad_symbol", reason, column=row.printed("description"), text=text)
        more: dict[str, Any] = {}
        if (cusip := self._text(row, "cusip")) and len(cusip) == 9:
            more["identifiers"] = {"cusip": cusip}
        return self.security(InstrumentType.STOCK, symbol, currency, **more)

    def _settled(self, row: Row, day: date) -> date | None:
        text = row.text("settlement date")
        if not _DATE.fullmatch(text):
            return None
        settled = row.day(text, _FORMATS, "settlement date")
        return settled if abs((settled - day).days) <= 366 else None

    @staticmethod
    def _text(row: Row, name: str) -> str:
        text = row.text(name)
        return "" if text in ("--", "-", "#") else text


class _OldReading(_Reading):
    needed = frozenset({"transactiondate", "transactiontype", "securitytype", "amount"})
    known = _Reading.known | {"description"}


class EtradeParser(TableParser):
    """Reads ``etrade_csv``; layouts ``v2`` (until 2025), ``v3`` and ``holdings``."""

    source: ClassVar[str] = "etrade_csv"
    broker: ClassVar[str] = "etrade"
    title: ClassVar[str] = "account activity of E*TRADE, as CSV; portfolio as evidence"
    reading = _Reading

    @classmethod
    def detect(cls, head: str, _name: str, /) -> str | None:
        """The layout whose header stands among the first records."""
        if header_in(head, _Reading.needed):
            return "v3"
        if header_in(head, _OldReading.needed):
            return "v2"
        return "holdings" if header_in(head, Holdings.needed) else None

    def reading_of(self, head: str, /) -> type[TableReading]:
        """The reading of the layout."""
        layout = self.detect(head, "")
        return Holdings if layout == "holdings" else _OldReading if layout == "v2" else _Reading

"""Vanguard: positions and transactions in one CSV; the second table holds the transactions."""

from __future__ import annotations

import re
from datetime import date
from decimal import Decimal
from typing import Any, ClassVar, Literal

from quantmatrix.ingest.cells import EXACT, RowError
from quantmatrix.ingest.day_book import Piece
from quantmatrix.ingest.etrade import described_option
from quantmatrix.ingest.exercise import leaving
from quantmatrix.ingest.model import FileRefused, Instrument, InstrumentType, Options, PositionEffect, Terms
from quantmatrix.ingest.model import TransactionType as T
from quantmatrix.ingest.symbols import parse_option
from quantmatrix.ingest.table import Row, TableParser, TableReading, Verdict, name_of
from quantmatrix.ingest.vanguard_holdings import HEADER, Holdings

_ZERO = Decimal(0)
_FORMATS = ("%Y-%m-%d", "%m/%d/%Y")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}|[0-9]{1,2}/[0-9]{1,2}/[0-9]{4}")
_PLAN = "transaction activity"
_OF_PLAN = "the transactions of an employer plan are not read; enter them with simple_csv"
_OPEN, _CLOSE, _AUTO = PositionEffect.OPEN, PositionEffect.CLOSE, PositionEffect.AUTO
_TRADES: dict[str, tuple[T, PositionEffect]] = {
    "buy": (T.BUY, _AUTO),
    "buy (exchange)": (T.BUY, _AUTO),
    "sell": (T.SELL, _AUTO),
    "sell (exchange)": (T.SELL, _AUTO),
    "exchange from": (T.SELL, _AUTO),
    "exchange to": (T.BUY, _AUTO),
    "buy to open": (T.BUY, _OPEN),
    "buy to close": (T.BUY, _CLOSE),
    "sell to open": (T.SELL, _OPEN),
    "sell to close": (T.SELL, _CLOSE),
    "sell short": (T.SELL, _OPEN),
    "buy to cover": (T.BUY, _CLOSE),
    "reinvestment": (T.REINVEST, _OPEN),
    "reinvestment (lt gain)": (T.REINVEST, _OPEN),
    "reinvestment (st gain)": (T.REINVEST, _OPEN),
}
_CASH = (
    (re.compile(r"^dividend"), T.DIVIDEND),
    (re.compile(r"^capital gain"), T.CAPITAL_GAIN_DISTRIBUTION),
    (re.compile(r"^interest"), T.INTEREST),
    (re.compile(r"tax withheld|^withholding|^foreign tax"), T.TAX_WITHHELD),
    (re.compile(r"^fee\b|^adr fee|^account fee"), T.FEE),
    (re.compile(r"^return of capital"), T.RETURN_OF_CAPITAL),
    (re.compile(r"^cash in lieu"), T.CASH_IN_LIEU),
)
_MOVES = re.compile(r"^(?:funds received|withdrawal|contribution|distribution|wire|rollover|deposit)")
_SWEEPS = frozenset({"sweep", "sweep in", "sweep out"})
_EVENTS = {
    "assignment": T.OPTION_ASSIGNMENT,
    "assigned": T.OPTION_ASSIGNMENT,
    "expired": T.OPTION_EXPIRATION,
    "expiration": T.OPTION_EXPIRATION,
    "exercise": T.OPTION_EXERCISE,
    "exercised": T.OPTION_EXERCISE,
}


class _Reading(TableReading):
    needed = frozenset({"trade date", "transaction type", "investment name", "net amount"})
    known = frozenset(
        {
            "account number", "settlement date", "transaction description", "symbol", "shares",
            "share price", "principal amount", "commissions and fees", "commission fees",
            "accrued interest", "account type",
        }
    )  # fmt: skip
    what = "a history of Vanguard"

    table: Literal["history", "plan", "positions"] = "history"
    """Which of the tables below each other the record stands in."""

    def __init__(self, options: Options) -> None:
        super().__init__(options)
        self.holdings = Holdings(self)

    def title(self, line: int, fields: list[str], /) -> None:
        """The positions, or what cannot be read."""
        if _PLAN in map(name_of, fields):
            raise FileRefused(_OF_PLAN, hint=f"take the table with {_PLAN.title()} out of the file")
        self.holdings.look(line, fields)

    def note(self, line: int, fields: list[str], /) -> Verdict:
        """Below the rows the positions may stand."""
        if self.table == "positions":
            self.holdings.look(line, fields)
        return "skipped"

    def finish(self) -> None:
        """The positions are those of the last day of which the file tells."""
        if self.last is not None:
            self.holdings.tell(self.last)

    def is_row(self, fields: list[str], /) -> bool:
        """Rows begin with an account and a trade date."""
        columns = self.columns
        at = columns.index["trade date"] if columns else 0
        is_row = len(fields) > at and bool(_DATE.fullmatch(fields[at].strip()))
        if is_row and self.table == "plan":
            raise RowError("unknown_layout", _OF_PLAN, text=",".join(fields))
        return is_row and self.table == "history"

    def is_note(self, fields: list[str], /) -> bool:
        """The header of another table, or what stands below one of positions."""
        names = frozenset(map(name_of, fields))
        if _PLAN in names:
            self.table = "plan"
        elif names >= HEADER:
            self.table = "positions"
        elif self.needed <= names:
            self.table = "history"
        return self.table == "positions"

    def row(self, row: Row) -> Verdict:
        """One transaction, or a part of one."""
        day = row.day(row.text("trade date"), _FORMATS, "trade date")
        self.at(day)
        kind = " ".join(row.text("transaction type").lower().split())
        if kind in _SWEEPS:
            reason = "the settlement fund is cash"
            self.warn_once("sweep", row.line, row.printed("transaction type"), kind, reason)
            return "skipped"
        amount = row.number("net amount") or _ZERO
        thing, shares = self._instrument(row), row.number("shares")
        if kind.startswith("reinvestment") and amount and not shares:
            reason = "reinvested in the settlement fund, which is cash"
            self.warn_once("fund", row.line, row.printed("transaction type"), kind, reason)
            return "skipped"
        fee = abs(row.number("commissions and fees", "commission fees") or _ZERO)
        commission = fee.copy_negate() if fee else fee
        values: dict[str, Any] = {
            "line": row.line,
            "account": self.account(row.text("account number")[:64]),
            "fingerprint": f"{kind} {row.text('investment name')}".strip(),
            "trade_date": day,
            "settlement_date": self._settled(row, day),
            "gross_amount": EXACT.subtract(amount, commission),
            "commission": commission,
            "net_amount": amount,
            "currency": self.options.currency,
            "description": row.text("transaction description") or row.text("transaction type") or None,
        }
        self._meaning(row, kind, thing, shares, values)
        return "row"

    def _meaning(
        self, row: Row, kind: str, thing: Instrument | None, shares: Decimal | None, values: dict[str, Any]
    ) -> None:
        if kind == "exchange" and shares:
            kind = "exchange to" if shares > 0 else "exchange from"
        if thing is not None and shares and kind in _TRADES:
            type_, effect = _TRADES[kind]
            sign = -1 if type_ is T.SELL else 1
            price = row.number("share price")
            more = {
                "type": type_,
                "position_effect": effect,
                "instrument": thing.key,
                "quantity": abs(shares) * sign,
                "price": price if price is None or price >= 0 else None,
            }
            made = self.emit(values | more)
            if thing.type is InstrumentType.STOCK:
                self.day_book.stock(made, thing)
        elif thing is not None and shares and kind in _EVENTS and thing.type is InstrumentType.OPTION:
            more = leaving(_EVENTS[kind], shares, cash=values["net_amount"])
            made = self.emit(values | {"instrument": thing.key} | more)
            self.day_book.removal(made, thing, shares)
        elif thing is not None and shares and kind.startswith(("conversion", "corp action", "merger")):
            kind_of = T.SYMBOL_CHANGE if kind.startswith("conversion") else T.MERGER_STOCK
            name = f"{kind.split('(')[0]} {values['account']}"
            piece = Piece(
                row.line, thing, shares, values["net_amount"], values | {"kind_of_exchange": kind_of}
            )
            self.day_book.piece(name, piece)
            self._moved(values["trade_date"])
        elif thing is not None and shares and kind.startswith(("stock split", "split")):
            more = {"type": T.SPLIT, "instrument": thing.key, "terms": Terms(stated_quantity=shares)}
            self.emit(values | more)
        elif thing is not None and shares and kind.startswith(("transfer", "rollover")):
            type_ = T.TRANSFER_IN if shares > 0 else T.TRANSFER_OUT
            self.emit(values | {"type": type_, "instrument": thing.key, "quantity": shares})
        else:
            self._cash(row, kind, thing, shares, values)

    def _cash(
        self, row: Row, kind: str, thing: Instrument | None, shares: Decimal | None, values: dict[str, Any]
    ) -> None:
        type_ = next((found for pattern, found in _CASH if pattern.search(kind)), None)
        if type_ is None and (_MOVES.search(kind) or (kind.startswith("transfer") and not shares)):
            type_ = T.DEPOSIT if values["net_amount"] >= 0 else T.WITHDRAWAL
        if type_ in (T.RETURN_OF_CAPITAL, T.CASH_IN_LIEU) and thing is None:
            type_ = None
        if type_ is None:
            if shares:
                values["metadata"] = {"stated_quantity": f"{shares:f}"}
            self.emit(values | {"type": T.OTHER, "instrument": thing.key if thing else None})
            reason = "unknown kind of row; its cash counts, positions are not changed"
            self.warn(row.line, row.printed("transaction type"), row.text("transaction type"), reason)
            return
        key = thing.key if thing is not None and type_ not in (T.DEPOSIT, T.WITHDRAWAL) else None
        self.emit(values | {"type": type_, "instrument": key})

    def _instrument(self, row: Row) -> Instrument | None:
        symbol, name, currency = row.text("symbol"), row.text("investment name"), self.options.currency
        option = described_option(name) or parse_option(symbol)
        if option is not None:
            return self.option(option, currency)
        if symbol in ("", "--"):
            return None
        return self.security(InstrumentType.STOCK, symbol, currency)

    def _settled(self, row: Row, day: date) -> date | None:
        text = row.text("settlement date")
        if not _DATE.fullmatch(text):
            return None
        settled = row.day(text, _FORMATS, "settlement date")
        return settled if abs((settled - day).days) <= 366 else None


class VanguardParser(TableParser):
    """Reads ``vanguard_csv``."""

    source: ClassVar[str] = "vanguard_csv"
    broker: ClassVar[str] = "vanguard"
    title: ClassVar[str] = "positions and transactions of Vanguard, as CSV"
    reading = _Reading

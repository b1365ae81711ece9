"""Fidelity's history of one account or of all accounts. What a row is stands in its text."""

from __future__ import annotations

import re
from datetime import date
from decimal import Decimal
from typing import Any, TextIO

from quantmatrix.ingest.cells import EXACT
from quantmatrix.ingest.day_book import Piece
from quantmatrix.ingest.exercise import leaving
from quantmatrix.ingest.fidelity import plan
from quantmatrix.ingest.fidelity.accounts import Accounts
from quantmatrix.ingest.fidelity.actions import (
    CANCEL,
    CASH,
    CORE_ACCOUNT,
    EVENTS,
    JOURNALED,
    MOVES,
    ORIGIN,
    PAIRS,
    TRANSFERS,
)
from quantmatrix.ingest.fidelity.securities import instrument, is_core
from quantmatrix.ingest.fidelity.survey import DATE, FORMATS, Survey, folded, surveyed
from quantmatrix.ingest.model import (
    Instrument,
    InstrumentType,
    Options,
    PositionEffect,
    Terms,
)
from quantmatrix.ingest.model import TransactionType as T
from quantmatrix.ingest.table import Row, TableReading, Verdict

_ZERO = Decimal(0)
_FILE_NAME = re.compile(r"History_for_Account_(?P<account>[A-Z0-9]{5,12})", re.IGNORECASE)
_OPEN, _CLOSE = PositionEffect.OPEN, PositionEffect.CLOSE


class History(TableReading):
    """One pass over one history."""

    needed = frozenset({"run date", "action"})
    known = frozenset(
        {
            "account", "account number", "symbol", "description", "security description", "type",
            "security type", "quantity", "price", "price ($)", "commission", "commission ($)", "fees",
            "fees ($)", "accrued interest", "accrued interest ($)", "amount", "amount ($)",
            "cash balance ($)", "cash balance", "settlement date", "exchange quantity", "exchange currency",
            "currency", "exchange rate",
        }
    )  # fmt: skip
    what = "a history of Fidelity"
    hint = "choose Activity & Orders, History, Download"
    newest_first = True

    def __init__(self, options: Options) -> None:
        super().__init__(options)
        self.named = False
        self.survey = Survey()
        self.accounts = Accounts(self)

    def before(self, text: TextIO) -> None:
        """Learn since when each symbol is held, and which journals return."""
        self.survey = surveyed(text, self.needed)
        text.seek(0)

    def is_row(self, fields: list[str], /) -> bool:
        """Rows begin with a date."""
        return bool(DATE.fullmatch(self.cell(fields, "run date")))

    def row(self, row: Row) -> Verdict:
        """One transaction, or a part of one."""
        action = folded(row)
        settles = row.text("settlement date")
        if settles.lower() == "processing" or row.text("amount ($)", "amount").lower() == "processing":
            reason = "not posted yet; it comes back, perhaps in other words"
            self.warn(row.line, row.printed("settlement date"), action[:80], reason)
            return "skipped"
        day = row.day(row.text("run date"), FORMATS, "run date")
        self.at(day)
        currency = row.text("currency") or self.options.currency
        symbol = row.text("symbol").rstrip("*")
        if row.line in self.survey.within:
            reason = "moves within the account, out and in again on one day, which has no effect"
            self.warn_once("within", row.line, row.printed("action"), row.text("action"), reason)
            return "skipped"
        is_own = is_core(symbol, row.text("description", "security description"))
        if CORE_ACCOUNT.search(action) or (is_own and self._is_sweep(action)):
            reason = "the account's own money market fund or bank deposit is cash"
            self.warn_once("core", row.line, row.printed("symbol"), symbol, reason)
            return "skipped"
        thing = instrument(self, row, currency)
        quantity = row.number("quantity")
        amount = row.number("amount ($)", "amount") or _ZERO
        commission = self._cost(row, "commission ($)", "commission")
        fees = self._cost(row, "fees ($)", "fees")
        values: dict[str, Any] = {
            "line": row.line,
            "account": self._account_of(row),
            "fingerprint": action,
            "trade_date": day,
            "settlement_date": self._settled(row, settles, day),
            "gross_amount": EXACT.subtract(EXACT.subtract(amount, commission), fees),
            "commission": commission,
            "fees": fees,
            "net_amount": amount,
            "currency": currency,
            "description": row.text("action") or None,
        }
        if plan.is_row(row, action):
            return plan.read(self, row, action, values)
        self._meaning(row, action, thing, quantity, values)
        return "row"

    def _meaning(
        self,
        row: Row,
        action: str,
        thing: Instrument | None,
        quantity: Decimal | None,
        values: dict[str, Any],
    ) -> None:
        verb = re.sub(r"^(?:CANCEL(?:LED)? TRADE |CANCEL(?:LED)? )", "", action)
        if thing is not None and quantity:
            if verb.startswith(("YOU BOUGHT", "YOU SOLD")):
                self._trade(row, verb, CANCEL.search(action) is not None, thing, quantity, values)
                return
            if verb.startswith(("REINVESTMENT", "DIVIDEND REINVESTMENT")) and quantity > 0:
                price = row.number("price ($)", "price")
                more = {"type": T.REINVEST, "position_effect": _OPEN, "quantity": quantity, "price": price}
                self.emit(values | {"instrument": thing.key} | more)
                return
            if verb.startswith("REDEMPTION"):
                more = {"type": T.SELL, "quantity": -abs(quantity)}
                self.emit(values | {"instrument": thing.key} | more)
                return
            for pattern, name, kind in PAIRS:
                if pattern.search(verb):
                    more = values | {"kind_of_exchange": kind}
                    origin = self._origin(verb, values["currency"]) if kind is T.MERGER_STOCK else None
                    piece = Piece(
                        row.line, thing, quantity, values["net_amount"], more, origin, "reverse" in name
                    )
                    self.day_book.piece(f"{name} {values['account']}", piece)
                    self._moved(values["trade_date"])
                    return
            if verb.startswith("DISTRIBUTION"):
                self._distribution(row, verb, thing, quantity, values)
                return
            if self._event(verb, thing, quantity, values):
                return
            if TRANSFERS.search(verb):
                self._transfer(row, thing, quantity, values)
                return
        self._cash(row, verb, thing, quantity, values)

    def _trade(
        self, row: Row, verb: str, cancels: bool, thing: Instrument, quantity: Decimal, values: dict[str, Any]
    ) -> None:
        sign = 1 if verb.startswith("YOU BOUGHT") else -1
        sign = -sign if cancels else sign
        if (quantity > 0) != (sign > 0):
            quantity = quantity.copy_negate()
        effect = PositionEffect.AUTO
        if not cancels:
            if "OPENING TRANSACTION" in verb or verb.startswith("YOU SOLD SHORT"):
                effect = _OPEN
            elif "CLOSING TRANSACTION" in verb or "SHORT COVER" in verb or "TO COVER" in verb:
                effect = _CLOSE
        price = row.number("price ($)", "price")
        made = self.emit(
            values
            | {
                "type": T.BUY if sign > 0 else T.SELL,
                "position_effect": effect,
                "instrument": thing.key,
                "quantity": quantity,
                "price": price if price is None or price >= 0 else None,
            }
        )
        key = (made.account, thing.key, abs(quantity), made.price)
        if cancels:
            self.day_book.cancel((*key, -sign), row.line)
        else:
            self.day_book.trade((*key, sign), row.line)
            if thing.type is InstrumentType.STOCK:
                self.day_book.stock(made, thing)

    def _transfer(self, row: Row, thing: Instrument, quantity: Decimal, values: dict[str, Any]) -> None:
        if value := values["gross_amount"]:
            reason = "the value of shares that are transferred is neither cash nor cost"
            self.warn(row.line, row.printed("amount ($)", "amount"), f"{value:f}", reason)
            costs = EXACT.add(values["commission"], values["fees"])
            values |= {"metadata": {"market_value": f"{value:f}"}, "gross_amount": _ZERO, "net_amount": costs}
        kind = T.TRANSFER_IN if quantity > 0 else T.TRANSFER_OUT
        self.emit(values | {"type": kind, "instrument": thing.key, "quantity": quantity})
        if JOURNALED.search(folded(row)):
            reason = f"{quantity:f} of {thing.symbol}: no row of this file takes them back; a transfer"
            self.warn(row.line, row.printed("quantity"), row.text("quantity"), reason)

    def _event(self, verb: str, thing: Instrument, quantity: Decimal, values: dict[str, Any]) -> bool:
        kind = next((kind for pattern, kind in EVENTS if pattern.search(verb)), None)
        if kind is None or thing.type is not InstrumentType.OPTION:
            return False
        more = leaving(kind, quantity, cash=values["net_amount"])
        made = self.emit(values | {"instrument": thing.key} | more)
        self.day_book.removal(made, thing, quantity)
        return True

    def _distribution(
        self, row: Row, verb: str, thing: Instrument, quantity: Decimal, values: dict[str, Any]
    ) -> None:
        values |= {"instrument": thing.key}
        known_since = self.survey.held_since.get(row.text("symbol"))
        was_held = known_since is not None and known_since < values["trade_date"]
        if "SPLIT" in verb or (was_held and "SPIN" not in verb):
            self.emit(values | {"type": T.SPLIT, "terms": Terms(stated_quantity=quantity)})
            return
        terms = Terms(new_instrument=thing.key, stated_new_quantity=quantity)
        self.emit(values | {"type": T.SPINOFF, "terms": terms})
        reason = "the row does not say of which shares; supply it with quantmatrix transactions correct"
        self.warn(row.line, row.printed("symbol"), row.text("symbol"), reason)

    def _cash(
        self, row: Row, verb: str, thing: Instrument | None, quantity: Decimal | None, values: dict[str, Any]
    ) -> None:
        kind = next((kind for pattern, kind in CASH if pattern.search(verb)), None)
        if kind is None and (MOVES.search(verb) or (TRANSFERS.search(verb) and not quantity)):
            kind = T.DEPOSIT if values["net_amount"] >= 0 else T.WITHDRAWAL
        if kind in (T.RETURN_OF_CAPITAL, T.CASH_IN_LIEU) and thing is None:
            kind = None
        if kind is None:
            if quantity:
                values["metadata"] = {"stated_quantity": f"{quantity:f}"}
            self.emit(values | {"type": T.OTHER, "instrument": thing.key if thing else None})
            self.warn_unknown(row, ("action",), values["net_amount"], quantity, thing)
            return
        key = thing.key if thing is not None and kind not in (T.DEPOSIT, T.WITHDRAWAL) else None
        self.emit(values | {"type": kind, "instrument": key})

    def _origin(self, verb: str, currency: str) -> Instrument | None:
        """What shares of a merger came from, where the text names its CUSIP."""
        found = ORIGIN.search(verb)
        if found is None:
            return None
        cusip = found["cusip"]
        return self.security(InstrumentType.STOCK, cusip, currency, identifiers={"cusip": cusip})

    def _account_of(self, row: Row) -> str | None:
        number = (row.text("account number") or row.text("account")).strip('"')[:64]
        if number:
            return self.accounts.of(number, row.text("account") if row.text("account number") else "")
        if not self.named:
            self.named = True
            found = _FILE_NAME.search(self.options.file_name or "")
            if found and self.options.account is None:
                reason = f"the rows name no account; {found['account']} is taken from the file's name"
                self.account(found["account"])
                self.warn(row.line, None, found[0], reason)
        return None

    def _settled(self, row: Row, text: str, day: date) -> date | None:
        if not text or not DATE.fullmatch(text):
            return None
        settled = row.day(text, FORMATS, "settlement date")
        return settled if abs((settled - day).days) <= 366 else None

    @staticmethod
    def _cost(row: Row, *names: str) -> Decimal:
        value = row.number(*names)
        return value.copy_negate() if value else _ZERO

    @staticmethod
    def _is_sweep(action: str) -> bool:
        return action.startswith(("REINVESTMENT", "YOU BOUGHT", "YOU SOLD", "EXCHANGED TO"))

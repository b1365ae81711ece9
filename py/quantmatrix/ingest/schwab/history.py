"""Charles Schwab's history of transactions: the CSV, or the JSON as such a table."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any, TextIO

from quantmatrix.ingest.cells import EXACT, RowError
from quantmatrix.ingest.dates import instant
from quantmatrix.ingest.day_book import Piece
from quantmatrix.ingest.exercise import leaving
from quantmatrix.ingest.model import (
    Instrument,
    InstrumentType,
    Options,
    PositionEffect,
    Statement,
    Terms,
)
from quantmatrix.ingest.model import TransactionType as T
from quantmatrix.ingest.names import CUSIP
from quantmatrix.ingest.numbers import parse_decimal
from quantmatrix.ingest.schwab.actions import (
    ADDED,
    CANCELS,
    CASH,
    EVENTS,
    JOURNALS,
    MOVES,
    PAIRS,
    SHARES,
    TRADES,
    action_of,
)
from quantmatrix.ingest.schwab.securities import Names, instrument
from quantmatrix.ingest.schwab.survey import days_of, surveyed
from quantmatrix.ingest.table import Row, TableReading, Verdict

_ZERO = Decimal(0)
_TITLE = re.compile(
    r"transactions\s+for\s+(?:account\s+)?(?P<account>.{1,80}?)\s+as of\s+"
    r"(?P<when>[0-9/]{10}(?: [0-9:]{5,8}(?: [AP]M)?)?)(?:\s*E[SD]?T)?"
    r"(?:\s+from\s+[0-9/]{10}\s+to\s+[0-9/]{10})?\s*",
    re.IGNORECASE,
)
_TITLE_LONGEST = 300
_TITLE_ALONE = re.compile(r"transactions\s+for\s+(?:account\s+)?(?P<account>[^,]{1,80})", re.IGNORECASE)
_FILE_NAME = re.compile(r"X{2,4}(?P<digits>[0-9]{3,4})_Transactions_", re.IGNORECASE)
_DIGITS = re.compile(r"(?P<digits>[0-9]{3,4})\s*$")
_TITLE_TIMES = ("%m/%d/%Y %H:%M:%S", "%m/%d/%Y %I:%M:%S %p", "%m/%d/%Y %H:%M", "%m/%d/%Y %I:%M %p")
_OPEN, _CLOSE = PositionEffect.OPEN, PositionEffect.CLOSE


class History(TableReading):
    """One pass over one history."""

    needed = frozenset({"date", "action", "fees & comm", "amount"})
    known = frozenset({"symbol", "description", "quantity", "price", "acctgrulecd"})
    what = "a history of transactions of Charles Schwab"
    hint = "choose Accounts, Transaction History, Export, CSV"
    newest_first = True

    def __init__(self, options: Options) -> None:
        super().__init__(options)
        self.total = _ZERO
        self.names = Names()
        self.within: dict[int, int] = {}
        self.named = False

    def before(self, text: TextIO) -> None:
        """Learn the tickers of names, and which journals return within the account."""
        self.names, self.within = surveyed(text, self.needed)
        text.seek(0)

    def title(self, line: int, fields: list[str], /) -> None:
        """The title names the account in part, and when the file was made."""
        if found := _TITLE.fullmatch(printed := " ".join(fields[0][:_TITLE_LONGEST].split())):
            try:
                if ":" in found["when"]:
                    self.out.append(Statement(generated_at=instant(found["when"], _TITLE_TIMES)))
            except ValueError as error:
                self.warn(line, None, found["when"], f"{error}; the time of making is not used")
        else:
            found = _TITLE_ALONE.fullmatch(printed)
        if found and (digits := _DIGITS.search(found["account"])):
            self._name(line, digits["digits"], "title")

    def is_row(self, fields: list[str], /) -> bool:
        """Rows begin with a date."""
        return self.cell(fields, "date")[:1].isdigit()

    def note(self, line: int, fields: list[str], /) -> Verdict:
        """The last line sums the amounts of all rows."""
        if not self.cell(fields, "date").lower().startswith("transactions total"):
            return "unknown"
        printed = next((cell for cell in reversed(fields) if cell.strip()), "")
        try:
            stated = parse_decimal(printed)
        except ValueError:
            return "evidence"
        if stated is not None and stated != self.total:
            reason = f"the amounts of the rows add up to {self.total:f}; a row may be missing"
            self.warn(line, "Amount", printed, reason)
        return "evidence"

    def row(self, row: Row) -> Verdict:
        """One transaction, or a part of one."""
        if not self.named:
            self._name_by_file(row.line)
        posted, day = days_of(row)
        self.at(day)
        action = action_of(row.text("action"))
        amount = row.number("amount") or _ZERO
        if row.line in self.within:
            self.total = EXACT.add(self.total, amount)
            reason = "moves within the account, out and in again on one day, which has no effect"
            self.warn_once("within", row.line, row.printed("action"), row.text("action"), reason)
            return "skipped"
        fee = row.number("fees & comm") or _ZERO
        quantity = row.number("quantity")
        commission = fee.copy_negate() if fee else fee
        values: dict[str, Any] = {
            "line": row.line,
            "fingerprint": row.text("action"),
            "trade_date": day,
            "commission": commission,
            "gross_amount": EXACT.subtract(amount, commission),
            "net_amount": amount,
            "currency": self.options.currency,
            "description": row.text("description") or None,
            "metadata": {"action": row.text("action")},
        }
        if posted != day:
            values["metadata"]["posted"] = posted.isoformat()
        self._meaning(row, action, quantity, values)
        self.total = EXACT.add(self.total, amount)
        return "row"

    def _meaning(self, row: Row, action: str, quantity: Decimal | None, values: dict[str, Any]) -> None:
        thing = instrument(self, row, self.names)
        if action in TRADES:
            self._trade(row, TRADES[action], thing, quantity, values)
        elif action in CANCELS and thing is not None and quantity:
            kind, sign = CANCELS[action]
            made = self.emit(
                values | {"type": kind, "instrument": thing.key, "quantity": abs(quantity) * sign,
                          "price": row.number("price")}
            )  # fmt: skip
            self.day_book.cancel((thing.key, -sign, abs(quantity), made.price), row.line)
        elif action in EVENTS and thing is not None and quantity:
            self._event(row, EVENTS[action], thing, quantity, values)
        elif action in PAIRS and thing is not None:
            name, kind = PAIRS[action]
            if CUSIP.fullmatch(row.text("symbol")):
                # Which ticker a CUSIP stands for may show in one window of the history and not in another.
                printed = (row.text("date"), action, row.text("symbol"), row.text("quantity"))
                values["external_id"] = " ".join(printed)
            piece = Piece(
                row.line, thing, quantity or _ZERO, values["net_amount"], values | {"kind_of_exchange": kind},
                is_reverse="reverse" in name,
            )  # fmt: skip
            self.day_book.piece(name, piece)
            self._moved(values["trade_date"])
        elif action in ADDED and thing is not None and quantity:
            terms = Terms(stated_quantity=quantity)
            self.emit(values | {"type": T.SPLIT, "instrument": thing.key, "terms": terms})
        elif action.startswith("spin") and thing is not None and quantity:
            terms = Terms(new_instrument=thing.key, stated_new_quantity=quantity)
            self.emit(values | {"type": T.SPINOFF, "instrument": thing.key, "terms": terms})
            reason = "the row does not say of which shares; supply it with quantmatrix transactions correct"
            self.warn(row.line, row.printed("symbol"), row.text("symbol"), reason)
        elif action in SHARES and thing is not None and quantity:
            kind = T.TRANSFER_IN if quantity > 0 else T.TRANSFER_OUT
            self.emit(values | {"type": kind, "instrument": thing.key, "quantity": quantity})
            if action in JOURNALS:
                reason = f"{quantity:f} of {thing.symbol}: no row of this file takes them back; a transfer"
                self.warn(row.line, row.printed("quantity"), row.text("quantity"), reason)
        elif action in CASH or action in MOVES or (action in SHARES and not quantity):
            self._cash(row, action, thing, quantity, values)
        else:
            self._other(row, thing, quantity, values)

    def _trade(
        self,
        row: Row,
        verb: tuple[T, int, PositionEffect],
        thing: Instrument | None,
        quantity: Decimal | None,
        values: dict[str, Any],
    ) -> None:
        kind, sign, effect = verb
        if thing is None:
            self._other(row, None, quantity, values)
            return
        if not quantity:
            raise RowError("missing_value", "a trade needs its quantity", column=row.printed("quantity"))
        price = row.number("price")
        made = self.emit(
            values
            | {
                "type": kind,
                "position_effect": effect,
                "instrument": thing.key,
                "quantity": abs(quantity) * sign,
                "price": price if price is None or price >= 0 else None,
            }
        )
        self.day_book.trade((thing.key, sign, abs(quantity), made.price), row.line)
        if thing.type is InstrumentType.STOCK:
            self.day_book.stock(made, thing)

    def _event(self, row: Row, kind: T, thing: Instrument, quantity: Decimal, values: dict[str, Any]) -> None:
        if thing.type is not InstrumentType.OPTION:
            if not values["net_amount"]:
                self._other(row, thing, quantity, values)
                return
            sign = 1 if values["net_amount"] < 0 else -1
            side = T.BUY if sign > 0 else T.SELL
            made = self.emit(
                values | {"type": side, "instrument": thing.key, "quantity": abs(quantity) * sign,
                          "price": row.number("price")}
            )  # fmt: skip
            self.day_book.stock(made, thing)
            return
        more = leaving(kind, quantity, cash=values["net_amount"])
        made = self.emit(values | {"instrument": thing.key} | more)
        self.day_book.removal(made, thing, quantity)

    def _cash(
        self,
        row: Row,
        action: str,
        thing: Instrument | None,
        quantity: Decimal | None,
        values: dict[str, Any],
    ) -> None:
        if action == "reinvestment adj" and thing is not None and quantity:
            kind = T.REINVEST if quantity > 0 else T.SELL
            effect = _OPEN if quantity > 0 else _CLOSE
            more = {"type": kind, "position_effect": effect, "quantity": quantity}
            self.emit(values | {"instrument": thing.key} | more)
            return
        if quantity:
            reason = "a quantity where only money is expected; positions are not changed"
            self.warn(row.line, row.printed("quantity"), row.text("quantity"), reason)
        kind = CASH.get(action) or (T.DEPOSIT if values["net_amount"] >= 0 else T.WITHDRAWAL)
        if kind in (T.RETURN_OF_CAPITAL, T.CASH_IN_LIEU) and thing is None:
            kind = T.OTHER
        key = thing.key if thing is not None and kind not in (T.DEPOSIT, T.WITHDRAWAL) else None
        self.emit(values | {"type": kind, "instrument": key})

    def _other(
        self, row: Row, thing: Instrument | None, quantity: Decimal | None, values: dict[str, Any]
    ) -> None:
        if quantity:
            values["metadata"]["stated_quantity"] = f"{quantity:f}"
        self.emit(values | {"type": T.OTHER, "instrument": thing.key if thing else None})
        self.warn_unknown(row, ("action",), values["net_amount"], quantity, thing)

    def _name_by_file(self, line: int) -> None:
        found = _FILE_NAME.search(self.options.file_name or "")
        if found:
            self._name(line, found["digits"], "file's name")
        self.named = True

    def _name(self, line: int, digits: str, where: str) -> None:
        self.named = True
        if self.options.account is None:
            account = f"...{digits}"
            self.account(account)
            self.warn(line, None, digits, f"the rows name no account; {account} is taken from the {where}")

"""Fidelity: the history of one account or of all accounts, as CSV. What a row is stands in its text."""

from __future__ import annotations

import re
from datetime import date
from decimal import Decimal
from typing import Any, ClassVar, TextIO

from quantmatrix.ingest.cells import EXACT, RowError
from quantmatrix.ingest.day_book import Piece
from quantmatrix.ingest.model import (
    FileRefused,
    Instrument,
    InstrumentType,
    Options,
    PositionEffect,
    Terms,
)
from quantmatrix.ingest.model import TransactionType as T
from quantmatrix.ingest.reader import records
from quantmatrix.ingest.symbols import OptionTerms, parse_option
from quantmatrix.ingest.table import Columns, Row, TableParser, TableReading, Verdict, name_of

_ZERO = Decimal(0)
_FORMATS = ("%m/%d/%Y", "%m-%d-%Y", "%b-%d-%Y", "%Y-%m-%d", "%m/%d/%y", "%m-%d-%y")
_DATE = re.compile(
    r"[0-9]{1,2}[/-][0-9]{1,2}[/-][0-9]{2}(?:[0-9]{2})?|[A-Z][a-z]{2}-[0-9]{2}-[0-9]{4}|[0-9]{4}-[0-9]{2}-[0-9]{2}"
)
_OPTION = re.compile(
    r"-?(?P<root>[A-Z]{1,6}[0-9]?)(?P<year>[0-9]{2})(?P<month>[0-9]{2})(?P<day>[0-9]{2})"
    r"(?P<right>[CP])(?P<strike>[0-9]+(?:\.[0-9]+)?)"
)
_CUSIP = re.compile(r"(?=[A-Z0-9]*[0-9])[A-Z0-9]{8}[0-9]")
_FILE_NAME = re.compile(r"History_for_Account_(?P<account>[A-Z0-9]{5,12})", re.IGNORECASE)
CORE = frozenset(
    {"SPAXX", "FDRXX", "FCASH", "FZFXX", "FDLXX", "FZSXX", "FRBXX", "QPIFQ", "CORE", "315994103"}
)
"""Money market funds in which the account keeps its cash, and the number of Fidelity's own cash."""

_OPEN, _CLOSE = PositionEffect.OPEN, PositionEffect.CLOSE
_CANCEL = re.compile(r"\bCANCEL(?:LED)?\b")
_EVENTS = (
    (re.compile(r"^EXPIRED\b"), T.OPTION_EXPIRATION),
    (re.compile(r"^ASSIGNED\b"), T.OPTION_ASSIGNMENT),
    (re.compile(r"^EXERCISED\b"), T.OPTION_EXERCISE),
)
_PAIRS = (
    (re.compile(r"^REVERSE SPLIT|\bR/S (?:FROM|TO)\b"), "reverse split", T.SPLIT),
    (re.compile(r"^NAME CHANGED?|^EXCHANGED? TO"), "name change", T.SYMBOL_CHANGE),
    (re.compile(r"^MERGER"), "merger", T.MERGER_STOCK),
    (re.compile(r"^CONVERSION"), "conversion", T.MERGER_STOCK),
)
_CASH = (
    (
        re.compile(r"^(?:(?:FOREIGN|NON-RESIDENT|BUY CANCEL|FED(?:ERAL)?|STATE) TAX|ADJ FOREIGN|TAX )"),
        T.TAX_WITHHELD,
    ),
    (re.compile(r"^(?:SHORT-TERM|LONG-TERM) CAP GAIN"), T.CAPITAL_GAIN_DISTRIBUTION),
    (re.compile(r"^RETURN OF CAPITAL|^ROC\b"), T.RETURN_OF_CAPITAL),
    (re.compile(r"^(?:CASH )?IN LIEU OF"), T.CASH_IN_LIEU),
    (re.compile(r"^DIVIDEND\b|^SUBSTITUTE|^PAYMENT IN LIEU"), T.DIVIDEND),
    (re.compile(r"FULLY PAID LENDING|^LOAN INTEREST"), T.STOCK_LENDING_INCOME),
    (re.compile(r"^(?:INTEREST|MARGIN INTEREST|MUNI (?:EXEMPT|TAXABLE) INT|CREDIT INTEREST)"), T.INTEREST),
    (re.compile(r"^(?:FEE CHARGED|ADVISOR FEE|SERVICE FEE|ADR|WIRE FEE|FEE\b)"), T.FEE),
)  # fmt: skip
_ORIGIN = re.compile(r"\bMER FROM (?P<cusip>[A-Z0-9]{9})\b")
_CORE_ACCOUNT = re.compile(r"^(?:REDEMPTION FROM|PURCHASE INTO) CORE ACCOUNT\b")
_HOLDS = re.compile(r"^\s*(?:YOU BOUGHT|YOU SOLD|REINVESTMENT|DIVIDEND RECEIVED|TRANSFER|JOURNALED)")
_TRANSFERS = re.compile(
    r"^(?:TRANSFER OF ASSETS|TRANSFERRED|ROLLOVER|JOURNALED|CONV TO SHARES|DEPOSIT OF SHARES)"
)
_MOVES = re.compile(
    r"^(?:ELECTRONIC FUNDS TRANSFER|DIRECT (?:DEPOSIT|DEBIT)|CHECK|WIRE TRANSFER|BILL PAYMENT|DEBIT CARD|"
    r"CASH CONTRIBUTION|CO CONTR|PARTIC CONTR|CASH ADVANCE|ATM|CASH MGMT|CONTRIBUTION|WITHDRAWAL|DEPOSIT|"
    r"NORMAL DISTR|PREMATURE DISTR|MONEY LINE|EFT)"
)


class _Reading(TableReading):
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
    hint = "choose Activity & Orders, History, Download; lists of positions hold no transactions"
    newest_first = True

    def __init__(self, options: Options) -> None:
        super().__init__(options)
        self.named = False
        self.held_since: dict[str, date] = {}

    def before(self, text: TextIO) -> None:
        """Learn since when each symbol is held: a distribution of more of it is a split."""
        columns: Columns | None = None
        try:
            for _, _, fields in records(text, strict=False):
                if columns is None:
                    if self.needed <= {name_of(cell) for cell in fields}:
                        columns = Columns.of(fields)
                    continue
                row = Row(0, fields, columns)
                if not fields or not self.is_row(fields) or not _HOLDS.search(row.text("action").upper()):
                    continue
                try:
                    day = row.day(row.text("run date"), _FORMATS, "run date")
                except RowError:
                    continue
                symbol = row.text("symbol")
                self.held_since[symbol] = min(self.held_since.get(symbol, day), day)
        except FileRefused:
            pass
        text.seek(0)

    def is_row(self, fields: list[str], /) -> bool:
        """Rows begin with a date."""
        return bool(_DATE.fullmatch(self.cell(fields, "run date")))

    def row(self, row: Row) -> Verdict:
        """One transaction, or a part of one."""
        action = " ".join(row.text("action").upper().split())
        settles = row.text("settlement date")
        if settles.lower() == "processing" or row.text("amount ($)", "amount").lower() == "processing":
            reason = "not posted yet; it comes back, perhaps in other words"
            self.warn(row.line, row.printed("settlement date"), action[:80], reason)
            return "skipped"
        day = row.day(row.text("run date"), _FORMATS, "run date")
        self.at(day)
        currency = row.text("currency") or self.options.currency
        symbol = row.text("symbol").rstrip("*")
        if _CORE_ACCOUNT.search(action) or (symbol in CORE and self._is_sweep(action)):
            reason = "the account's own money market fund or bank deposit is cash"
            self.warn_once("core", row.line, row.printed("symbol"), symbol, reason)
            return "skipped"
        thing = self._instrument(row, currency)
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
                self._trade(row, verb, _CANCEL.search(action) is not None, thing, quantity, values)
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
            for pattern, name, kind in _PAIRS:
                if pattern.search(verb):
                    more = values | {"kind_of_exchange": kind}
                    origin = self._origin(verb, values["currency"]) if kind is T.MERGER_STOCK else None
                    piece = Piece(row.line, thing, quantity, values["net_amount"], more, origin)
                    self.day_book.piece(f"{name} {values['account']}", piece)
                    self._moved(values["trade_date"])
                    return
            if verb.startswith("DISTRIBUTION"):
                self._distribution(row, verb, thing, quantity, values)
                return
            if self._event(verb, thing, quantity, values):
                return
            if _TRANSFERS.search(verb):
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

    def _event(self, verb: str, thing: Instrument, quantity: Decimal, values: dict[str, Any]) -> bool:
        kind = next((kind for pattern, kind in _EVENTS if pattern.search(verb)), None)
        if kind is None or thing.type is not InstrumentType.OPTION:
            return False
        settlement = None if kind is T.OPTION_EXPIRATION else "cash" if values["net_amount"] else "linked"
        made = self.emit(
            values
            | {
                "type": kind,
                "position_effect": _CLOSE,
                "instrument": thing.key,
                "quantity": quantity,
                "terms": Terms(exercise_settlement=settlement) if settlement else None,
            }
        )
        if settlement == "linked":
            self.day_book.removal(made, thing, quantity)
        return True

    def _distribution(
        self, row: Row, verb: str, thing: Instrument, quantity: Decimal, values: dict[str, Any]
    ) -> None:
        values |= {"instrument": thing.key}
        known_since = self.held_since.get(row.text("symbol"))
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
        kind = next((kind for pattern, kind in _CASH if pattern.search(verb)), None)
        if kind is None and (_MOVES.search(verb) or (_TRANSFERS.search(verb) and not quantity)):
            kind = T.DEPOSIT if values["net_amount"] >= 0 else T.WITHDRAWAL
        if kind in (T.RETURN_OF_CAPITAL, T.CASH_IN_LIEU) and thing is None:
            kind = None
        if kind is None:
            if quantity:
                values["metadata"] = {"stated_quantity": f"{quantity:f}"}
            self.emit(values | {"type": T.OTHER, "instrument": thing.key if thing else None})
            reason = "unknown kind of row; its cash counts, positions are not changed"
            self.warn(row.line, row.printed("action"), row.text("action"), reason)
            return
        key = thing.key if thing is not None and kind not in (T.DEPOSIT, T.WITHDRAWAL) else None
        self.emit(values | {"type": kind, "instrument": key})

    def _instrument(self, row: Row, currency: str) -> Instrument | None:
        text = row.text("symbol")
        if not text:
            return None
        if found := _OPTION.fullmatch(text.replace(" ", "")):
            return self.option(_terms(found, row), currency)
        if option := parse_option(text):
            return self.option(option, currency)
        if _CUSIP.fullmatch(text):
            name = row.text("description", "security description").upper()
            is_debt = re.search(r"%|\b(?:TREAS|NOTE|BOND|BILL|CD|DUE|MUNI)\b", name)
            kind = InstrumentType.BOND if is_debt else InstrumentType.STOCK
            return self.security(kind, text, currency, identifiers={"cusip": text})
        return self.security(InstrumentType.STOCK, text.lstrip("-").rstrip("*"), currency)

    def _origin(self, verb: str, currency: str) -> Instrument | None:
        """What shares of a merger came from, where the text names its CUSIP."""
        found = _ORIGIN.search(verb)
        if found is None:
            return None
        cusip = found["cusip"]
        return self.security(InstrumentType.STOCK, cusip, currency, identifiers={"cusip": cusip})

    def _account_of(self, row: Row) -> str | None:
        number = (row.text("account number") or row.text("account")).strip('"')
        if number:
            return self.account(number[:64])
        if not self.named:
            self.named = True
            found = _FILE_NAME.search(self.options.file_name or "")
            if found and self.options.account is None:
                reason = f"the rows name no account; {found['account']} is taken from the file's name"
                self.account(found["account"])
                self.warn(row.line, None, found[0], reason)
        return None

    def _settled(self, row: Row, text: str, day: date) -> date | None:
        if not text or not _DATE.fullmatch(text):
            return None
        settled = row.day(text, _FORMATS, "settlement date")
        return settled if abs((settled - day).days) <= 366 else None

    @staticmethod
    def _cost(row: Row, *names: str) -> Decimal:
        value = row.number(*names)
        return value.copy_negate() if value else _ZERO

    @staticmethod
    def _is_sweep(action: str) -> bool:
        return action.startswith(("REINVESTMENT", "YOU BOUGHT", "YOU SOLD", "EXCHANGED TO"))


def _terms(found: re.Match[str], row: Row) -> OptionTerms:
    try:
        expiration = date(2000 + int(found["year"]), int(found["month"]), int(found["day"]))
    except ValueError as error:
        raise RowError("bad_symbol", str(error), column=row.printed("symbol"), text=found[0]) from None
    root = found["root"]
    return OptionTerms(
        root=root,
        underlying=root.rstrip("0123456789"),
        expiration=expiration,
        option_type="call" if found["right"] == "C" else "put",
        strike=Decimal(found["strike"]),
    )


class FidelityParser(TableParser):
    """Reads ``fidelity_csv``."""

    source: ClassVar[str] = "fidelity_csv"
    broker: ClassVar[str] = "fidelity"
    title: ClassVar[str] = "history of Fidelity, of one account or of all, as CSV"
    reading = _Reading

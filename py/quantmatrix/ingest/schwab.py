"""Charles Schwab: the history of transactions as CSV, or as JSON with the same rows."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from typing import Any, ClassVar, TextIO

from quantmatrix.ingest.cells import EXACT, RowError, number
from quantmatrix.ingest.dates import instant
from quantmatrix.ingest.day_book import Piece
from quantmatrix.ingest.model import (
    FileRefused,
    Instrument,
    InstrumentType,
    Options,
    PositionEffect,
    Record,
    Statement,
    Terms,
)
from quantmatrix.ingest.model import TransactionType as T
from quantmatrix.ingest.numbers import parse_decimal
from quantmatrix.ingest.reader import records
from quantmatrix.ingest.symbols import OptionTerms, parse_option, ticker
from quantmatrix.ingest.table import Columns, Row, TableParser, TableReading, Verdict, name_of

_ZERO = Decimal(0)
_FORMATS = ("%m/%d/%Y", "%m/%d/%y")
_DATE = re.compile(r"(?P<posted>[0-9/]{6,10})(?:\s+as of\s+(?P<effective>[0-9/]{6,10}))?", re.IGNORECASE)
_OPTION = re.compile(
    r"(?P<root>[A-Z0-9.]{1,6}) (?P<day>[0-9]{2}/[0-9]{2}/[0-9]{4}) "
    r"(?P<strike>[0-9,]+(?:\.[0-9]+)?) (?P<right>[CP])"
)
_CUSIP = re.compile(r"(?=[A-Z0-9]*[0-9])[A-Z0-9]{8}[0-9]")
_DEBT = re.compile(r"\b(?:DUE|TREASURY|TREAS|NOTES?|BONDS?|CD|BILL|MUNI)\b|%", re.IGNORECASE)
_PREFERRED = re.compile(r"PFD|PREFERRED", re.IGNORECASE)
_REORGANISED = re.compile(r"\s*(?:XXX|NAME CHANGE|REVERSE SPLIT|EFF:|MANDATORY|MERGER).*", re.IGNORECASE)
_TITLE = re.compile(
    r"transactions\s+for\s+(?:account\s+)?(?P<account>.{1,80}?)\s+as of\s+"
    r"(?P<when>[0-9/]{10}(?: [0-9:]{5,8}(?: [AP]M)?)?)(?:\s*E[SD]?T)?"
    r"(?:\s+from\s+[0-9/]{10}\s+to\s+[0-9/]{10})?\s*",
    re.IGNORECASE,
)
_TITLE_ALONE = re.compile(r"transactions\s+for\s+(?:account\s+)?(?P<account>[^,]{1,80})", re.IGNORECASE)
_FILE_NAME = re.compile(r"X{2,4}(?P<digits>[0-9]{3,4})_Transactions_", re.IGNORECASE)
_SEPARATOR = re.compile(r"[^A-Z0-9]+")
_WORDS_ALIKE = 3
_DIGITS = re.compile(r"(?P<digits>[0-9]{3,4})\s*$")
_TITLE_TIMES = ("%m/%d/%Y %H:%M:%S", "%m/%d/%Y %I:%M:%S %p", "%m/%d/%Y %H:%M", "%m/%d/%Y %I:%M %p")

_JSON_ROWS = "BrokerageTransactions"
_JSON_COLUMNS = ("Date", "Action", "Symbol", "Description", "Quantity", "Price", "Fees & Comm", "Amount")
_JSON_HEAD = 64
_JSON_LONGEST = 32 * 1024 * 1024

_AUTO, _OPEN, _CLOSE = PositionEffect.AUTO, PositionEffect.OPEN, PositionEffect.CLOSE

_TRADES: dict[str, tuple[T, int, PositionEffect]] = {
    "buy": (T.BUY, 1, _AUTO),
    "sell": (T.SELL, -1, _AUTO),
    "buy to open": (T.BUY, 1, _OPEN),
    "sell to open": (T.SELL, -1, _OPEN),
    "buy to close": (T.BUY, 1, _CLOSE),
    "sell to close": (T.SELL, -1, _CLOSE),
    "sell short": (T.SELL, -1, _OPEN),
    "buy to cover": (T.BUY, 1, _CLOSE),
    "reinvest shares": (T.REINVEST, 1, _OPEN),
}
_CANCELS = {
    f"cancel {verb}": (T.SELL if sign > 0 else T.BUY, -sign) for verb, (_, sign, _) in _TRADES.items()
}
_EVENTS = {
    "expired": T.OPTION_EXPIRATION,
    "assigned": T.OPTION_ASSIGNMENT,
    "exchange or exercise": T.OPTION_EXERCISE,
}
_CASH: dict[str, T] = {
    **dict.fromkeys(
        (
            "reinvest dividend", "qual div reinvest", "pr yr div reinvest", "cash dividend",
            "qualified dividend", "non-qualified div", "special dividend", "special qual div",
            "special non qual div", "pr yr cash div", "pr yr special div", "div adjustment",
            "reinvestment adj", "pr yr non qual div", "substitute payment",
        ),
        T.DIVIDEND,
    ),
    **dict.fromkeys(
        (
            "short term cap gain", "long term cap gain", "short term cap gain reinvest",
            "long term cap gain reinvest", "pr yr short term cap gain", "pr yr long term cap gain",
        ),
        T.CAPITAL_GAIN_DISTRIBUTION,
    ),
    **dict.fromkeys(
        (
            "bank interest", "credit interest", "bond interest", "margin interest", "cd interest",
            "interest adj", "bank interest adj", "credit interest adj", "margin interest adj",
        ),
        T.INTEREST,
    ),
    **dict.fromkeys(
        (
            "nra tax adj", "nra withholding", "foreign tax paid", "irs withhold adj", "foreign tax adj",
            "foreign tax reclaim", "tax withholding", "backup withholding",
        ),
        T.TAX_WITHHELD,
    ),
    **dict.fromkeys(
        ("adr mgmt fee", "advisor fee", "service fee", "foreign tax reclaim fee", "misc fees", "adr fee"),
        T.FEE,
    ),
    "return of capital": T.RETURN_OF_CAPITAL,
    "cash in lieu": T.CASH_IN_LIEU,
    "cash in lieu adj": T.CASH_IN_LIEU,
    "promotional award": T.OTHER,
}  # fmt: skip
_MOVES = frozenset(
    {
        "moneylink transfer", "moneylink deposit", "moneylink adj", "wire funds", "wire funds received",
        "wire funds adj", "wire sent", "wire received", "funds received", "funds paid", "bank transfer",
        "journal", "internal transfer", "misc cash entry", "misc credits", "visa purchase", "atm withdrawal",
        "schwab atm rebate", "auto s1 debit", "auto s1 credit", "electronic funds transfer", "check received",
        "check paid", "direct deposit",
    }
)  # fmt: skip
_SHARES = frozenset(
    {"journaled shares", "security transfer", "internal transfer", "stock plan activity", "transfer in",
     "transfer out", "journal"}
)  # fmt: skip
_ADDED = frozenset({"stock split", "stock div dist", "options frwd split"})
_PAIRS: dict[str, tuple[str, T]] = {
    "reverse split": ("reverse split", T.SPLIT),
    "options reverse split": ("options reverse split", T.SPLIT),
    "name change": ("name change", T.SYMBOL_CHANGE),
    "stock merger": ("stock merger", T.MERGER_STOCK),
    "conversion": ("conversion", T.MERGER_STOCK),
    "mandatory reorg exc": ("mandatory reorganisation", T.MERGER_STOCK),
    "cash merger": ("cash merger", T.MERGER_STOCK),
    "cash merger adj": ("cash merger", T.MERGER_STOCK),
    "cash/stock merger": ("stock merger", T.MERGER_STOCK),
    "full redemption": ("full redemption", T.SELL),
    "full redemption adj": ("full redemption", T.SELL),
    "partial redemption": ("partial redemption", T.SELL),
    "partial redemption adj": ("partial redemption", T.SELL),
    "bond redemption": ("bond redemption", T.SELL),
}


class _Reading(TableReading):
    needed = frozenset({"date", "action", "fees & comm", "amount"})
    known = frozenset({"symbol", "description", "quantity", "price", "acctgrulecd"})
    what = "a history of transactions of Charles Schwab"
    hint = "choose Accounts, Transaction History, Export, CSV; lists of positions hold no transactions"
    newest_first = True

    def __init__(self, options: Options) -> None:
        super().__init__(options)
        self.total = _ZERO
        self.tickers: dict[str, str] = {}
        self.named = False

    def before(self, text: TextIO) -> None:
        """Learn which ticker a description belongs to: reorganised shares stand under their CUSIP."""
        columns: Columns | None = None
        try:
            for _, _, fields in records(text, strict=False):
                if columns is None:
                    if self.needed <= {name_of(cell) for cell in fields}:
                        columns = Columns.of(fields)
                    continue
                row = Row(0, fields, columns)
                symbol = row.text("symbol")
                if symbol and not _CUSIP.fullmatch(symbol) and len(self.tickers) < 10_000:
                    self.tickers.setdefault(_words(row.text("description")), symbol)
        except FileRefused:
            pass
        text.seek(0)

    def title(self, line: int, fields: list[str], /) -> None:
        """The title names the account in part, and when the file was made."""
        if found := _TITLE.fullmatch(fields[0].strip()):
            try:
                if ":" in found["when"]:
                    self.out.append(Statement(generated_at=instant(found["when"], _TITLE_TIMES)))
            except ValueError as error:
                self.warn(line, None, found["when"], f"{error}; the time of making is not used")
        else:
            found = _TITLE_ALONE.fullmatch(fields[0].strip())
        if found and (digits := _DIGITS.search(found["account"])):
            self._name(line, digits["digits"], "title")

    def is_row(self, fields: list[str], /) -> bool:
        """Rows begin with a date."""
        return bool(fields[0].strip()[:1].isdigit())

    def note(self, line: int, fields: list[str], /) -> Verdict:
        """The last line sums the amounts of all rows."""
        if not fields[0].strip().lower().startswith("transactions total"):
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
        posted, day = _days(row)
        self.at(day)
        action = " ".join(row.text("action").lower().split())
        amount = row.number("amount") or _ZERO
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
        thing = self._instrument(row)
        if action in _TRADES:
            self._trade(row, _TRADES[action], thing, quantity, values)
        elif action in _CANCELS and thing is not None and quantity:
            kind, sign = _CANCELS[action]
            made = self.emit(
                values | {"type": kind, "instrument": thing.key, "quantity": abs(quantity) * sign,
                          "price": row.number("price")}
            )  # fmt: skip
            self.day_book.cancel((thing.key, -sign, abs(quantity), made.price), row.line)
        elif action in _EVENTS and thing is not None and quantity:
            self._event(row, _EVENTS[action], thing, quantity, values)
        elif action in _PAIRS and thing is not None:
            name, kind = _PAIRS[action]
            if _CUSIP.fullmatch(row.text("symbol")):
                # Which ticker a CUSIP stands for may show in one window of the history and not in another.
                printed = (row.text("date"), action, row.text("symbol"), row.text("quantity"))
                values["external_id"] = " ".join(printed)
            piece = Piece(
                row.line, thing, quantity or _ZERO, values["net_amount"], values | {"kind_of_exchange": kind}
            )
            self.day_book.piece(name, piece)
            self._moved(values["trade_date"])
        elif action in _ADDED and thing is not None and quantity:
            terms = Terms(stated_quantity=quantity)
            self.emit(values | {"type": T.SPLIT, "instrument": thing.key, "terms": terms})
        elif action.startswith("spin") and thing is not None and quantity:
            terms = Terms(new_instrument=thing.key, stated_new_quantity=quantity)
            self.emit(values | {"type": T.SPINOFF, "instrument": thing.key, "terms": terms})
            reason = "the row does not say of which shares; supply it with quantmatrix transactions correct"
            self.warn(row.line, row.printed("symbol"), row.text("symbol"), reason)
        elif action in _SHARES and thing is not None and quantity:
            kind = T.TRANSFER_IN if quantity > 0 else T.TRANSFER_OUT
            self.emit(values | {"type": kind, "instrument": thing.key, "quantity": quantity})
        elif action in _CASH or action in _MOVES:
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
        kind = _CASH.get(action) or (T.DEPOSIT if values["net_amount"] >= 0 else T.WITHDRAWAL)
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
        reason = "unknown kind of row; its cash counts, positions are not changed"
        self.warn(row.line, row.printed("action"), row.text("action"), reason)

    def _instrument(self, row: Row) -> Instrument | None:
        text, currency = row.text("symbol"), self.options.currency
        if not text:
            return None
        if found := _OPTION.fullmatch(text):
            strike = number(found["strike"], row.printed("symbol"))
            expiration = row.day(found["day"], _FORMATS, "symbol")
            return self.option(
                OptionTerms(
                    root=found["root"].replace(".", ""),
                    underlying=ticker(found["root"]),
                    expiration=expiration,
                    option_type="call" if found["right"] == "C" else "put",
                    strike=strike or _ZERO,
                ),
                currency,
            )
        if option := parse_option(text):
            return self.option(option, currency)
        description = row.text("description")
        if not _CUSIP.fullmatch(text):
            kind = InstrumentType.FUTURE if text.startswith("/") else InstrumentType.STOCK
            return self.security(kind, text, currency)
        known = self.tickers.get(_words(description)) or self._alike(_words(description))
        if known is not None:
            return self.security(InstrumentType.STOCK, known, currency)
        is_debt = _DEBT.search(description) and not _PREFERRED.search(description)
        kind = InstrumentType.BOND if is_debt else InstrumentType.STOCK
        return self.security(kind, text, currency, identifiers={"cusip": text})

    def _alike(self, name: str) -> str | None:
        """The ticker whose name is the same but for how it is cut: AMC ENTERTAINMEN 0% PFDPFD."""
        words = _SEPARATOR.split(name)
        if len(words) < _WORDS_ALIKE:
            return None
        found = {symbol for known, symbol in self.tickers.items() if _is_cut(words, _SEPARATOR.split(known))}
        return found.pop() if len(found) == 1 else None

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


class SchwabParser(TableParser):
    """Reads ``schwab_csv``; the JSON that the site offers beside it holds the same rows."""

    source: ClassVar[str] = "schwab_csv"
    broker: ClassVar[str] = "schwab"
    title: ClassVar[str] = "history of transactions of Charles Schwab, as CSV or JSON"
    reading = _Reading

    @classmethod
    def detect(cls, head: str, name: str, /) -> str | None:
        """The number of columns, or ``json``."""
        if head.lstrip().startswith("{"):
            return "json" if _JSON_ROWS in head else None
        return super().detect(head, name)

    def parse(self, text: TextIO, options: Options, /) -> Iterator[Record]:
        """Records in file order, but for those that wait until their day ends."""
        is_json = text.read(_JSON_HEAD).lstrip().startswith("{")
        text.seek(0)
        yield from super().parse(_as_table(text) if is_json else text, options)


def _as_table(text: TextIO) -> TextIO:
    """The rows of the JSON as the CSV prints them, one a line."""
    content = text.read(_JSON_LONGEST + 1)
    if len(content) > _JSON_LONGEST:
        raise FileRefused("the JSON is larger than 32 MiB", hint="export the CSV, or a shorter time")
    try:
        told = json.loads(content, parse_float=str, parse_int=str)
    except json.JSONDecodeError as error:
        reason = f"the JSON cannot be read: {error.msg}, at character {error.colno}"
        raise FileRefused(reason, line=error.lineno, hint="download it again") from None
    except RecursionError:
        raise FileRefused("the JSON is nested too deep", line=1) from None
    rows = told.get(_JSON_ROWS) if isinstance(told, dict) else None
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise FileRefused(f"the JSON has no list {_JSON_ROWS}", line=1, hint="export Transaction History")
    table = io.StringIO(newline="")
    writer = csv.writer(table)
    writer.writerow(_JSON_COLUMNS)
    writer.writerows([str(row.get(name) or "") for name in _JSON_COLUMNS] for row in rows)
    if total := told.get("TotalTransactionsAmount"):
        writer.writerow(["Transactions Total", *[""] * (len(_JSON_COLUMNS) - 2), str(total)])
    table.seek(0)
    return table


def _days(row: Row) -> tuple[date, date]:
    """When the row was posted, and the day on which it counts."""
    text = row.text("date")
    found = _DATE.fullmatch(text)
    if not found:
        raise RowError("bad_date", "not a date (MM/DD/YYYY)", column=row.printed("date"), text=text)
    posted = row.day(found["posted"], _FORMATS, "date")
    effective = found["effective"]
    return posted, row.day(effective, _FORMATS, "date") if effective else posted


def _is_cut(words: list[str], others: list[str]) -> bool:
    """Whether two names agree word by word, as far as the shorter goes, some words cut."""
    both = list(zip(words, others, strict=False))
    same = sum(one == other for one, other in both)
    cut = all(one.startswith(other) or other.startswith(one) for one, other in both)
    return len(both) >= _WORDS_ALIKE and cut and same * 2 >= len(both)


def _words(description: str) -> str:
    """A security's name without what a reorganisation adds to it."""
    return " ".join(_REORGANISED.sub("", description).upper().split())

"""Coinbase: the history of a wallet as CSV, in its layouts since 2018."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, ClassVar, TextIO

from quantmatrix.ingest.amounts import agrees
from quantmatrix.ingest.cells import EXACT, RowError
from quantmatrix.ingest.coinbase_converts import (
    CENT,
    CONVERTED,
    FEES,
    PREFIX,
    SPOT,
    SUBTOTAL,
    TOTAL,
    ConvertReading,
    Half,
)
from quantmatrix.ingest.coinbase_fills import FillsReading
from quantmatrix.ingest.coinbase_staked import returned
from quantmatrix.ingest.crypto import FIAT, Values
from quantmatrix.ingest.dates import instant
from quantmatrix.ingest.day_book import Piece
from quantmatrix.ingest.model import Options, Transaction
from quantmatrix.ingest.model import TransactionType as T
from quantmatrix.ingest.table import Columns, Row, TableParser, TableReading, Verdict, header_in, name_of

_ZERO = Decimal(0)
_ONE = Decimal(1)
_HUNDRED = Decimal(100)
_FORMATS = (
    "%Y-%m-%d %H:%M:%S",
    "%Y-%m-%dT%H:%M:%S",
    "%m/%d/%Y %H:%M:%S",
    "%m/%d/%Y %H:%M",
    "%m/%d/%y %H:%M",
)
_BUYS = frozenset({"buy", "advanced trade buy", "advance trade buy", "advanced buy", "recurring buy"})
_SELLS = frozenset({"sell", "advanced trade sell", "advance trade sell", "advanced sell", "card spend"})
_INCOME = frozenset(
    {
        "staking income", "rewards income", "reward income", "inflation reward", "learning reward",
        "coinbase earn", "interest payout", "subscription rebate", "subscription rebates (24 hours)",
        "incentives rewards payout", "reward", "airdrop", "card buy back", "card rewards",
    }
)  # fmt: skip
_IN = frozenset({"receive", "deposit", "exchange withdrawal", "pro withdrawal", "vault withdrawal"})
_OUT = frozenset({"send", "withdrawal", "exchange deposit", "pro deposit", "admin debit"})
_RENAMED = frozenset(
    {
        "asset migration", "retail eth2 deprecation", "retail staking transfer", "retail unstaking transfer",
        "eth2 deprecation",
    }
)  # fmt: skip


class _Reading(ConvertReading):
    needed = frozenset({"timestamp", "transaction type", "asset", "quantity transacted"})
    known = frozenset(
        {
            "id", "price currency", "spot price currency", "notes", "address", "sender address",
            "recipient address", *SPOT, *SUBTOTAL, *TOTAL, *FEES,
        }
    )  # fmt: skip
    what = "a history of Coinbase"
    identity = "id"
    newest_first = True

    def __init__(self, options: Options) -> None:
        super().__init__(options)
        self.staked: dict[int, Decimal] = {}

    def before(self, text: TextIO) -> None:
        """Which coins went to be staked and came back, beside the ids that repeat."""
        super().before(text)
        currency = self.currency
        self.staked = returned(text, self.needed, self.header)
        self.currency = currency
        text.seek(0)

    def header(self, fields: list[str], /) -> Columns:
        """The columns; where their names hold the currency (``USD Subtotal``) it is taken from there."""
        bare = []
        for name in map(name_of, fields):
            if found := PREFIX.match(name):
                self.currency = found["code"].upper()
                name = name[found.end() :]
            bare.append(name)
        columns = Columns.of(bare)
        printed = {name: fields[at].strip() for name, at in columns.index.items()}
        return Columns(columns.index, printed, columns.width)

    def is_priced(self, made: Transaction, /) -> bool:
        """The value of a conversion has its costs in it."""
        return made.metadata.get("kind", "").lower() != "convert"

    def row(self, row: Row) -> Verdict:
        """One event of the wallet."""
        text = row.text("timestamp")
        try:
            moment = instant(text.removesuffix(" UTC").removesuffix("Z"), _FORMATS, "UTC")
        except ValueError as error:
            raise RowError("bad_date", str(error), column=row.printed("timestamp"), text=text) from None
        day = self.day_of(moment)
        self.at(day)
        kind = " ".join(row.text("transaction type").lower().split())
        identity = row.text("id") or None
        is_half = kind == "convert" and not CONVERTED.search(row.text("notes"))
        is_half |= kind == "convert" and identity is not None and self._repeats.may_repeat(identity)
        if identity is not None and not is_half:
            identity = self.own_id(row, identity)
            if identity is None:
                return "skipped"
        priced_in = row.text("price currency", "spot price currency").upper()
        row.currency = currency = priced_in if priced_in in FIAT else self.currency
        values: Values = {
            "line": row.line,
            "external_id": identity,
            "fingerprint": f"{row.text('transaction type')} {row.text('notes')}".strip(),
            "executed_at": moment,
            "trade_date": day,
            "currency": currency,
            "description": row.text("notes") or None,
            "metadata": {"kind": row.text("transaction type")},
        }
        code = row.text("asset").upper()
        if not code:
            raise RowError("missing_value", "a row needs its asset", column=row.printed("asset"))
        quantity = row.needed("quantity transacted")
        self._compare(row, kind, code, abs(quantity))
        if is_half and quantity:
            return self.half(Half(row, identity or text, code, quantity, values))
        if row.line in self.staked:
            return self._returned(row, code, values)
        for made in self.meaning(row, kind, code, quantity, values):
            self.emit(made)
        return "row"

    def _compare(self, row: Row, kind: str, code: str, units: Decimal) -> None:
        """What moved beside what the row says that it is worth: of money, and of a conversion."""
        subtotal, _, _ = self.amounts(row)
        if code in FIAT and subtotal and units != subtotal and code == row.currency:
            reason = f"{units:f} {code} moved, and the row is worth {subtotal:f}; what moved counts"
            self.warn(row.line, row.printed("quantity transacted"), row.text("quantity transacted"), reason)
        price = row.number("price at transaction", "spot price at transaction")
        if (
            kind in _BUYS | _SELLS | {"convert"}
            and price
            and subtotal
            and not agrees(units.copy_negate(), price, _ONE, subtotal)
        ):
            off = abs(EXACT.subtract(EXACT.multiply(units, price), subtotal))
            if EXACT.multiply(off, _HUNDRED) > subtotal:
                reason = f"{units:f} {code} at {price:f} are not worth {subtotal:f}; the units count"
                self.warn(row.line, row.printed("subtotal"), f"{subtotal:f}", reason)

    def _returned(self, row: Row, code: str, values: Values) -> Verdict:
        """Coins that were sent to be staked, or come back from there."""
        beyond = self.staked[row.line]
        if not beyond:
            reason = "sent to be staked or back from there, which has no effect"
            self.warn_once("staked", row.line, row.printed("notes"), row.text("notes"), reason)
            return "skipped"
        reason = f"{beyond:f} {code} that were staked before this file begins come without basis and date"
        self.warn(row.line, row.printed("notes"), row.text("notes"), reason)
        self.emit(self.moved(values, code, beyond))
        return "row"

    def meaning(self, row: Row, kind: str, code: str, quantity: Decimal, values: Values) -> list[Values]:
        units = abs(quantity)
        subtotal, total, fee = self.amounts(row)
        if not units:
            return [self.other(row, code, units, values, "a row that moves nothing")]
        quote = row.text("price currency", "spot price currency").upper()
        if kind in (_BUYS | _SELLS) and {code, quote}.isdisjoint(FIAT | {""}) and total:
            out, into = ((quote, total), (code, units)) if kind in _BUYS else ((code, units), (quote, total))
            return self.given_for(values, out, into, None, _ZERO)
        if kind in _BUYS and code not in FIAT:
            fee = self._costs(row, subtotal, total, fee, is_buy=True)
            value = self._value(row, subtotal, total, fee.copy_negate(), units)
            return [self.bought(values, code, units, value, fee)]
        if kind in _SELLS and code not in FIAT:
            fee = self._costs(row, subtotal, total, fee, is_buy=False)
            return [self.sold(values, code, units, self._value(row, subtotal, total, fee, units), fee)]
        if kind == "convert" and (found := CONVERTED.search(row.text("notes"))):
            return self.converted(row, found, fee, values)
        if kind in _INCOME:
            if code in FIAT:
                return [
                    values
                    | {"type": T.INTEREST, "gross_amount": units, "net_amount": units, "currency": code}
                ]
            return list(self.earned(values, code, units, subtotal or total))
        if kind in _IN or kind in _OUT:
            is_in = kind in _IN and quantity > 0
            return [self.moved(values, code, units if is_in else units.copy_negate())]
        if kind == "donation" and code not in FIAT:
            more = {"type": T.GIFT_OUT, "instrument": self.coin(code).key, "quantity": units.copy_negate()}
            return [values | more]
        if kind == "subscription" and code in FIAT:
            paid = units.copy_negate()
            return [values | {"type": T.FEE, "gross_amount": paid, "net_amount": paid, "currency": code}]
        if kind in _RENAMED and code not in FIAT:
            kind_of = {"kind_of_exchange": T.SYMBOL_CHANGE}
            self.day_book.piece(kind, Piece(row.line, self.coin(code), quantity, _ZERO, values | kind_of))
            self._moved(values["trade_date"])
            return []
        return [self.other(row, code, quantity, values)]

    def other(
        self,
        row: Row,
        code: str,
        quantity: Decimal,
        values: Values,
        reason: str | None = None,
    ) -> Values:
        """A row that nobody understands: its cash counts, its units are said."""
        reason = reason or f"unknown kind of row; positions are not changed by its {quantity:f} {code}"
        self.warn(row.line, row.printed("transaction type"), row.text("transaction type"), reason)
        if code in FIAT:
            more: dict[str, Any] = {"gross_amount": quantity, "net_amount": quantity, "currency": code}
        else:
            more = {"instrument": self.coin(code).key}
            values["metadata"]["stated_quantity"] = f"{quantity:f}"
        return values | {"type": T.OTHER} | more

    def _costs(
        self, row: Row, subtotal: Decimal | None, total: Decimal | None, fee: Decimal, *, is_buy: bool
    ) -> Decimal:
        """What the trade cost beside its value: the total is what moved, whatever fee is printed."""
        if not subtotal or not total:
            return fee
        costs = EXACT.subtract(total, subtotal) if is_buy else EXACT.subtract(subtotal, total)
        if abs(EXACT.subtract(costs, fee)) > CENT:
            reason = "does not lead from the subtotal to the total, which counts"
            self.warn(row.line, row.printed(*FEES), row.text(*FEES), reason)
        return costs

    def _value(
        self, row: Row, subtotal: Decimal | None, total: Decimal | None, fee: Decimal, units: Decimal
    ) -> Decimal:
        """What the units cost or brought; ``fee`` leads from the total to it."""
        if subtotal is not None:
            return subtotal
        if total is not None:
            return EXACT.add(total, fee)
        spot = row.number(*SPOT)
        if spot is None:
            raise RowError("missing_value", "a trade needs its subtotal", column=row.printed(*SUBTOTAL))
        return EXACT.multiply(abs(spot), units)


class CoinbaseParser(TableParser):
    """Reads ``coinbase_csv``: the history of a wallet, and the fills of Coinbase Pro (``fills``)."""

    source: ClassVar[str] = "coinbase_csv"
    broker: ClassVar[str] = "coinbase"
    title: ClassVar[str] = "transaction history of Coinbase or fills of Coinbase Pro, as CSV"
    reading = _Reading

    @classmethod
    def detect(cls, head: str, name: str, /) -> str | None:
        """The number of columns, or ``fills``."""
        return super().detect(head, name) or ("fills" if header_in(head, FillsReading.needed) else None)

    def reading_of(self, head: str, /) -> type[TableReading]:
        """The reading of the layout."""
        return FillsReading if header_in(head, FillsReading.needed) else _Reading

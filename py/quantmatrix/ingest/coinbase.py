"""Coinbase: the history of a wallet as CSV, in its layouts since 2018."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any, ClassVar

from quantmatrix.ingest.cells import EXACT, RowError
from quantmatrix.ingest.crypto import FIAT, CryptoReading, Values
from quantmatrix.ingest.dates import exchange_date, instant
from quantmatrix.ingest.day_book import Piece
from quantmatrix.ingest.model import Options
from quantmatrix.ingest.model import TransactionType as T
from quantmatrix.ingest.numbers import parse_decimal
from quantmatrix.ingest.table import Columns, Row, TableParser, Verdict, name_of

_ZERO = Decimal(0)
_CENT = Decimal("0.01")
_FORMATS = (
    "%Y-%m-%d %H:%M:%S",
    "%Y-%m-%dT%H:%M:%S",
    "%m/%d/%Y %H:%M:%S",
    "%m/%d/%Y %H:%M",
)
_CONVERTED = re.compile(
    r"Converted (?P<out>[0-9.,]+) (?P<from>[A-Z0-9]{1,12}) to (?P<into>[0-9.,]+) (?P<to>[A-Z0-9]{1,12})"
)
_SPOT = ("price at transaction", "spot price at transaction")
_SUBTOTAL = ("subtotal",)
_TOTAL = (
    "total (inclusive of fees and/or spread)", "total (inclusive of fees)", "total",
    "amount transacted (inclusive of coinbase fees)", "amount transferred (inclusive of coinbase fees)",
)  # fmt: skip
_FEES = ("fees and/or spread", "fees")
_PREFIX = re.compile(r"(?P<code>[a-z]{3}) (?=(?:spot price|subtotal|total|amount|fees))")
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


class _Reading(CryptoReading):
    needed = frozenset({"timestamp", "transaction type", "asset", "quantity transacted"})
    known = frozenset(
        {
            "id", "price currency", "spot price currency", "notes", "address", "sender address",
            "recipient address", *_SPOT, *_SUBTOTAL, *_TOTAL, *_FEES,
        }
    )  # fmt: skip
    what = "a history of Coinbase"
    identity = "id"
    newest_first = True

    def __init__(self, options: Options) -> None:
        super().__init__(options)
        self.currency = options.currency

    def header(self, fields: list[str], /) -> Columns:
        """The columns; where their names hold the currency (``USD Subtotal``) it is taken from there."""
        bare = []
        for name in map(name_of, fields):
            if found := _PREFIX.match(name):
                self.currency = found["code"].upper()
                name = name[found.end() :]
            bare.append(name)
        columns = Columns.of(bare)
        printed = {name: fields[at].strip() for name, at in columns.index.items()}
        return Columns(columns.index, printed, columns.width)

    def row(self, row: Row) -> Verdict:
        """One event of the wallet."""
        text = row.text("timestamp")
        try:
            moment = instant(text.removesuffix(" UTC").removesuffix("Z"), _FORMATS, "UTC")
        except ValueError as error:
            raise RowError("bad_date", str(error), column=row.printed("timestamp"), text=text) from None
        day = exchange_date(moment)
        self.at(day)
        identity = row.text("id") or None
        if identity is not None:
            identity = self.own_id(row, identity)
            if identity is None:
                return "skipped"
        kind = " ".join(row.text("transaction type").lower().split())
        currency = row.text("price currency", "spot price currency").upper() or self.currency
        if currency not in FIAT:
            currency = self.currency
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
        for made in self._meaning(row, kind, code, row.needed("quantity transacted"), values):
            self.emit(made)
        return "row"

    def _meaning(self, row: Row, kind: str, code: str, quantity: Decimal, values: Values) -> list[Values]:
        units = abs(quantity)
        subtotal, total, fee = self._amounts(row)
        if not units:
            return [self._other(row, code, units, values, "a row that moves nothing")]
        if kind in _BUYS and code not in FIAT:
            fee = self._costs(row, subtotal, total, fee, is_buy=True)
            value = self._value(row, subtotal, total, fee.copy_negate(), units)
            return [self.bought(values, code, units, value, fee)]
        if kind in _SELLS and code not in FIAT:
            fee = self._costs(row, subtotal, total, fee, is_buy=False)
            return [self.sold(values, code, units, self._value(row, subtotal, total, fee, units), fee)]
        if kind == "convert" and (found := _CONVERTED.search(row.text("notes"))):
            return self._converted(row, found, subtotal, total, fee, values)
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
        return [self._other(row, code, quantity, values)]

    def _other(
        self,
        row: Row,
        code: str,
        quantity: Decimal,
        values: Values,
        reason: str = "unknown kind of row; positions are not changed",
    ) -> Values:
        self.warn(row.line, row.printed("transaction type"), row.text("transaction type"), reason)
        if code in FIAT:
            more: dict[str, Any] = {"gross_amount": quantity, "net_amount": quantity, "currency": code}
        else:
            more = {"instrument": self.coin(code).key}
            values["metadata"]["stated_quantity"] = f"{quantity:f}"
        return values | {"type": T.OTHER} | more

    def _converted(
        self,
        row: Row,
        found: re.Match[str],
        subtotal: Decimal | None,
        total: Decimal | None,
        fee: Decimal,
        values: Values,
    ) -> list[Values]:
        """The bought side stands only in the notes."""
        try:
            out, into = parse_decimal(found["out"].rstrip(".")), parse_decimal(found["into"].rstrip("."))
        except ValueError as error:
            text = row.text("notes")
            raise RowError("bad_number", str(error), column=row.printed("notes"), text=text) from None
        if not out or not into or (found["from"] in FIAT and found["to"] in FIAT):
            return [self._other(row, found["from"], (out or _ZERO).copy_negate(), values)]
        if found["from"] in FIAT:
            paid = EXACT.subtract(out, fee) if found["from"] == values["currency"] else out
            fee = EXACT.subtract(out, paid)
            return [self.bought(values | {"currency": found["from"]}, found["to"], into, paid, fee)]
        if found["to"] in FIAT:
            return [self.sold(values | {"currency": found["to"]}, found["from"], out, into, _ZERO)]
        value = subtotal if subtotal is not None else total
        made = list(self.swapped(values, (found["from"], out), (found["to"], into), value))
        if fee and value is not None:
            made[0] |= {"commission": fee.copy_negate(), "net_amount": EXACT.subtract(value, fee)}
            rest = EXACT.subtract(value, fee).copy_negate()
            made[1] |= {"gross_amount": rest, "net_amount": rest}
        return made

    def _amounts(self, row: Row) -> tuple[Decimal | None, Decimal | None, Decimal]:
        subtotal, total, fee = row.number(*_SUBTOTAL), row.number(*_TOTAL), row.number(*_FEES)
        subtotal = abs(subtotal) if subtotal is not None else None
        total = abs(total) if total is not None else None
        return subtotal, total, abs(fee or _ZERO)

    def _costs(
        self, row: Row, subtotal: Decimal | None, total: Decimal | None, fee: Decimal, *, is_buy: bool
    ) -> Decimal:
        """What the trade cost beside its value: the total is what moved, whatever fee is printed."""
        if not subtotal or not total:
            return fee
        costs = EXACT.subtract(total, subtotal) if is_buy else EXACT.subtract(subtotal, total)
        if abs(EXACT.subtract(costs, fee)) > _CENT:
            reason = "does not lead from the subtotal to the total, which counts"
            self.warn(row.line, row.printed(*_FEES), row.text(*_FEES), reason)
        return costs

    def _value(
        self, row: Row, subtotal: Decimal | None, total: Decimal | None, fee: Decimal, units: Decimal
    ) -> Decimal:
        """What the units cost or brought; ``fee`` leads from the total to it."""
        if subtotal is not None:
            return subtotal
        if total is not None:
            return EXACT.add(total, fee)
        spot = row.number(*_SPOT)
        if spot is None:
            raise RowError("missing_value", "a trade needs its subtotal", column=row.printed(*_SUBTOTAL))
        return EXACT.multiply(abs(spot), units)


class CoinbaseParser(TableParser):
    """Reads ``coinbase_csv``."""

    source: ClassVar[str] = "coinbase_csv"
    broker: ClassVar[str] = "coinbase"
    title: ClassVar[str] = "transaction history of Coinbase, as CSV"
    reading = _Reading

"""One row of either layout in one shape; nothing here knows what the row means."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import lru_cache
from operator import itemgetter

from quantmatrix.ingest.cells import RowError, needed, number
from quantmatrix.ingest.dates import FIRST_YEAR, LAST_YEAR, exchange_date, instant
from quantmatrix.ingest.model import Options, PositionEffect

_NEW = (
    "date", "type", "sub type", "action", "symbol", "instrument type", "description", "value", "quantity",
    "average price", "commissions", "fees", "multiplier", "root symbol", "underlying symbol",
    "expiration date", "strike price", "call or put", "order #", "total", "currency",
)  # fmt: skip
_OLD = (
    "date/time", "transaction code", "transaction subcode", "symbol", "buy/sell", "open/close", "quantity",
    "expiration date", "strike", "call/put", "price", "fees", "amount", "description", "account reference",
)  # fmt: skip
_NEW_NEEDED = frozenset(
    [
        "date",
        "type",
        "action",
        "symbol",
        "instrument type",
        "description",
        "value",
        "quantity",
        "commissions",
        "fees",
    ]
)
_OLD_NEEDED = frozenset(_OLD) - {"account reference"}

_INSTANT = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d{3,6})?(?:Z|[+-]\d{2}:?\d{2})", re.ASCII)
_NOTHING = Decimal(0)
_OLD_FORMATS = ("%m/%d/%Y %I:%M %p", "%m/%d/%y %I:%M %p")

_MOVES: dict[str, tuple[int, PositionEffect]] = {
    "BUY": (1, PositionEffect.AUTO),
    "SELL": (-1, PositionEffect.AUTO),
    "BUY_TO_OPEN": (1, PositionEffect.OPEN),
    "SELL_TO_OPEN": (-1, PositionEffect.OPEN),
    "BUY_TO_CLOSE": (1, PositionEffect.CLOSE),
    "SELL_TO_CLOSE": (-1, PositionEffect.CLOSE),
}


@dataclass(slots=True)
class Row:
    """A row as the broker prints it, numbers and instants read.

    ``side`` is +1 for a purchase, -1 for a sale, 0 where the row does not say. ``quantity`` is unsigned,
    ``value`` the signed cash without costs, ``commission`` and ``fees`` signed cash. ``kind`` and ``sub`` are
    in lower case.
    """

    line: int
    when: datetime
    day: date
    kind: str
    sub: str
    side: int
    effect: PositionEffect
    symbol: str
    asset: str
    description: str
    value: Decimal
    quantity: Decimal | None
    price: Decimal | None
    commission: Decimal
    fees: Decimal
    total: Decimal | None
    multiplier: Decimal | None
    underlying: str
    expiration: str
    strike: str
    right: str
    order_id: str
    currency: str
    reference: str = ""
    identity: str = ""

    @property
    def text(self) -> str:
        """The description with single blanks: what tells otherwise equal rows apart."""
        return " ".join(self.description.split())


@dataclass(slots=True)
class Layout:
    """``name`` (``21col``, ``old``), how many columns, where each known one stands (-1: nowhere)."""

    name: str
    width: int
    index: tuple[int, ...]
    unknown: list[str]

    @property
    def is_old(self) -> bool:
        """Whether it is the layout until about 2021."""
        return self.name == "old"


def layout_of(header: list[str]) -> Layout | None:
    """The layout that the names in ``header`` make, None if they are not tastytrade's."""
    names = [cell.strip().lower() for cell in header]
    known: tuple[str, ...]
    if set(names) >= _OLD_NEEDED:
        known, name = _OLD, "old"
    elif set(names) >= _NEW_NEEDED:
        known, name = _NEW, f"{len(names)}col"
    else:
        return None
    index = tuple(names.index(column) if column in names else -1 for column in known)
    unknown = [header[i].strip() for i, cell in enumerate(names) if cell and cell not in known]
    return Layout(name, len(header), index, unknown)


class RowReader:
    """Reads the rows of one file. ``read`` raises ``RowError`` with the file's own column name."""

    def __init__(self, layout: Layout, options: Options) -> None:
        self.width = layout.width
        self.options = options
        self.pick = itemgetter(*layout.index)
        self.shape = self._old if layout.is_old else self._new

    def read(self, line: int, fields: list[str]) -> Row:
        """The row; columns that the file does not have are empty."""
        if len(fields) < self.width or any(fields[self.width :]):
            reason = f"{len(fields)} fields where the header has {self.width}"
            raise RowError("bad_columns", reason, text=",".join(fields))
        return self.shape(line, *self.pick([*map(str.strip, fields[: self.width]), ""]))

    def _new(
        self, line: int, moment: str, kind: str, sub: str, action: str, symbol: str, asset: str,
        description: str, value: str, quantity: str, _average: str, commissions: str, fees: str,
        multiplier: str, _root: str, underlying: str, expiration: str, strike: str, right: str, order_id: str,
        total: str, currency: str,
    ) -> Row:  # fmt: skip
        when = moment_of(moment)
        kind, sub = kind.lower(), sub.lower()
        side, effect = move_of(action, sub, "Action")
        return Row(
            line=line,
            when=when,
            day=exchange_date(when),
            kind=kind,
            sub=sub,
            side=side,
            effect=effect,
            symbol=symbol,
            asset=asset.lower(),
            description=description,
            value=_money(kind, value, "Value"),
            quantity=_unsigned(quantity),
            price=None,
            commission=number(commissions, "Commissions") or _NOTHING,
            fees=number(fees, "Fees") or _NOTHING,
            total=number(total, "Total"),
            multiplier=number(multiplier, "Multiplier"),
            underlying=underlying,
            expiration=expiration,
            strike=strike,
            right=right.upper(),
            order_id=order_id,
            currency=currency or self.options.currency,
        )

    def _old(
        self, line: int, moment: str, kind: str, sub: str, symbol: str, buy_sell: str, open_close: str,
        quantity: str, expiration: str, strike: str, right: str, price: str, fees: str, amount: str,
        description: str, reference: str,
    ) -> Row:  # fmt: skip
        try:
            when = instant(moment, _OLD_FORMATS, self.options.zone)
        except ValueError as error:
            reason = f"{error}; the format is MM/DD/YYYY h:mm AM"
            raise RowError("bad_date", reason, column="Date/Time", text=moment) from None
        kind, sub = kind.lower(), sub.lower()
        verb = f"{buy_sell}_TO_{open_close}" if buy_sell and open_close else buy_sell
        side, effect = move_of(verb, sub, "Buy/Sell")
        costs = number(fees, "Fees") or _NOTHING
        return Row(
            line=line,
            when=when,
            day=exchange_date(when),
            kind=kind,
            sub=sub,
            side=side,
            effect=effect,
            symbol=symbol,
            asset="",
            description=description,
            value=_money(kind, amount, "Amount"),
            quantity=_unsigned(quantity),
            price=number(price, "Price"),
            commission=_NOTHING,
            fees=costs.copy_negate() if costs else costs,
            total=None,
            multiplier=None,
            underlying=symbol,
            expiration=expiration,
            strike=strike,
            right=right.upper(),
            order_id="",
            currency=self.options.currency,
            reference=reference,
        )


def moment_of(text: str, column: str = "Date") -> datetime:
    """An instant that states its offset, in UTC. Raises ``RowError``."""
    try:
        if not _INSTANT.fullmatch(text):
            raise ValueError
        moment = datetime.fromisoformat(text)
        if not FIRST_YEAR <= moment.year <= LAST_YEAR:
            raise ValueError
        return moment.astimezone(UTC)
    except (ValueError, OverflowError):
        reason = "not an instant with its offset such as 2024-08-16T15:57:13+0200"
        raise RowError("bad_date", reason, column=column, text=text) from None


@lru_cache(maxsize=256)
def move_of(action: str, sub: str, column: str) -> tuple[int, PositionEffect]:
    """Direction and effect that the row states: in its action, else in its sub type, else not at all."""
    printed = action.strip().upper().replace(" ", "_")
    named = sub.upper().replace(" ", "_")
    if printed and printed not in _MOVES:
        raise RowError("unknown_value", f"not one of {', '.join(_MOVES)}", column=column, text=action)
    if printed and named in _MOVES and printed != named:
        raise RowError("contradiction", f"the sub type says {sub}", column=column, text=action)
    return _MOVES.get(printed or named, (0, PositionEffect.AUTO))


def _money(kind: str, text: str, column: str) -> Decimal:
    if kind == "receive deliver":
        return number(text, column) or _NOTHING
    return needed(text, column)


def _unsigned(text: str) -> Decimal | None:
    quantity = number(text, "Quantity")
    if quantity is not None and quantity < 0:
        reason = "quantities are printed without a sign here"
        raise RowError("contradiction", reason, column="Quantity", text=text)
    return quantity

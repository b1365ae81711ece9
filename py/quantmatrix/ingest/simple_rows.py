"""What one row of ``simple_csv`` says, cell by cell."""

from __future__ import annotations

import re
from decimal import Decimal
from functools import lru_cache
from typing import Any, NamedTuple

from quantmatrix.ingest.cells import EXACT, RowError, identity, needed
from quantmatrix.ingest.model import Instrument, InstrumentType, PositionEffect, Terms, TransactionType
from quantmatrix.ingest.simple_columns import When
from quantmatrix.ingest.symbols import OptionTerms, looks_like_option, osi, parse_option, ticker


class Verb(NamedTuple):
    """``sign`` is that of the quantity; 0 where the engine derives it from the position."""

    type: TransactionType
    sign: int
    effect: PositionEffect


_AUTO, _OPEN, _CLOSE = PositionEffect.AUTO, PositionEffect.OPEN, PositionEffect.CLOSE

VERBS: dict[str, Verb] = {
    **dict.fromkeys(("BUY", "B", "BOT", "BOUGHT"), Verb(TransactionType.BUY, 1, _AUTO)),
    **dict.fromkeys(("SELL", "S", "SLD", "SOLD"), Verb(TransactionType.SELL, -1, _AUTO)),
    "SELL_SHORT": Verb(TransactionType.SELL, -1, _OPEN),
    "BUY_TO_COVER": Verb(TransactionType.BUY, 1, _CLOSE),
    "BUY_TO_OPEN": Verb(TransactionType.BUY, 1, _OPEN),
    "SELL_TO_OPEN": Verb(TransactionType.SELL, -1, _OPEN),
    "BUY_TO_CLOSE": Verb(TransactionType.BUY, 1, _CLOSE),
    "SELL_TO_CLOSE": Verb(TransactionType.SELL, -1, _CLOSE),
    "EXPIRE": Verb(TransactionType.OPTION_EXPIRATION, 0, _CLOSE),
    "ASSIGN": Verb(TransactionType.OPTION_ASSIGNMENT, 0, _CLOSE),
    "EXERCISE": Verb(TransactionType.OPTION_EXERCISE, 0, _CLOSE),
    "TRANSFER_IN": Verb(TransactionType.TRANSFER_IN, 1, _AUTO),
}

DELIVERED = (TransactionType.OPTION_ASSIGNMENT, TransactionType.OPTION_EXERCISE)

_TICKER = re.compile(r"[A-Za-z0-9][A-Za-z0-9.\-]{0,15}|/[A-Za-z0-9]{2,10}|[A-Za-z0-9]{2,10}/[A-Za-z]{3,4}")


@lru_cache(maxsize=256)
def verb(text: str) -> Verb:
    """The meaning of the type's word, in any case, with blanks or hyphens for underscores."""
    try:
        return VERBS["_".join(text.upper().replace("-", " ").split())]
    except KeyError:
        known = ", ".join(VERBS)
        raise RowError("unknown_type", f"not one of {known}", column="type", text=text) from None


def magnitude(text: str, sign: int) -> Decimal:
    """The unsigned quantity; a printed sign may repeat the type's, never contradict it."""
    value = needed(text, "quantity")
    if value == 0:
        raise RowError("zero_quantity", "a quantity of zero", column="quantity", text=text)
    if (sign > 0 and value < 0) or (sign < 0 and text.startswith("+")):
        reason = "the sign of the quantity contradicts the type"
        raise RowError("contradiction", reason, column="quantity", text=text)
    return abs(value)


def instrument(text: str, currency: str) -> tuple[Instrument, OptionTerms | None]:
    """What a typed symbol stands for: an option, else a stock. Raises ``RowError`` ``bad_symbol``."""
    option = parse_option(text)
    if option is not None:
        try:
            symbol = osi(option)
        except ValueError as error:
            raise RowError("bad_symbol", str(error), column="symbol", text=text) from None
        values: dict[str, Any] = {
            "type": InstrumentType.OPTION,
            "symbol": symbol,
            "currency": currency,
            "underlying": option.underlying,
            "option_type": option.option_type,
            "strike": option.strike,
            "expiration": option.expiration,
            "multiplier": Decimal(100),
        }
        return identity(values), option
    if looks_like_option(text):
        reason = "it looks like an option; write one as TQQQ 20JUN25 80 C or TQQQ  250620C00080000"
        raise RowError("bad_symbol", reason, column="symbol", text=text)
    symbol = ticker(text)
    if not _TICKER.fullmatch(symbol):
        raise RowError("bad_symbol", "neither a ticker nor an option", column="symbol", text=text)
    symbol = symbol.upper() if symbol.islower() else symbol
    return identity({"type": InstrumentType.STOCK, "symbol": symbol, "currency": currency}), None


def brought(
    quantity: Decimal, price: Decimal | None, multiplier: Decimal, costs: Decimal, when: When
) -> Terms:
    """What a transfer brings: its date, and quantity x price + commission as basis, unknown without a price.

    ``costs`` is signed cash, a cost negative.
    """
    if price is None:
        return Terms(supplied_acquired_on=when.day)
    value = EXACT.multiply(EXACT.multiply(quantity, price), multiplier)
    return Terms(supplied_basis=EXACT.subtract(value, costs), supplied_acquired_on=when.day)

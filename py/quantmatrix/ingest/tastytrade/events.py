"""Rows that are one event each: trades, deliveries, removals, transfers, money movements."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any

from quantmatrix.ingest.cells import EXACT, RowError, number
from quantmatrix.ingest.model import (
    Instrument,
    InstrumentType,
    PositionEffect,
    Terms,
    TransactionType,
    Warning,
)
from quantmatrix.ingest.tastytrade.instruments import derived_multiplier
from quantmatrix.ingest.tastytrade.kinds import Kind
from quantmatrix.ingest.tastytrade.money import SETTLEMENTS, classify
from quantmatrix.ingest.tastytrade.row import Row

_PRICE = re.compile(r" @ \$?([0-9][0-9,]*(?:\.[0-9]+)?|\.[0-9]+)\s*$")
_HALF_CENT = Decimal("0.005")
_DERIVED_PRICE = Decimal("0.00000001")
_REMOVED = {
    Kind.ASSIGNMENT: TransactionType.OPTION_ASSIGNMENT,
    Kind.CASH_ASSIGNMENT: TransactionType.OPTION_ASSIGNMENT,
    Kind.EXERCISE: TransactionType.OPTION_EXERCISE,
    Kind.CASH_EXERCISE: TransactionType.OPTION_EXERCISE,
    Kind.EXPIRATION: TransactionType.OPTION_EXPIRATION,
}

_ENDING = frozenset({InstrumentType.OPTION, InstrumentType.FUTURE_OPTION, InstrumentType.WARRANT})
_LAST_DAYS = frozenset({Kind.EXPIRATION, Kind.CASH_ASSIGNMENT, Kind.CASH_EXERCISE})

Values = dict[str, Any]
"""Fields of a transaction, not yet checked."""


def common(row: Row, instrument: Instrument | None) -> Values:
    """What every transaction of a row has; gross is the printed value, net its sum with the costs."""
    net = EXACT.add(EXACT.add(row.value, row.commission), row.fees)
    text = row.text or None
    return {
        "line": row.line,
        "instrument": instrument.key if instrument else None,
        "external_id": row.identity or None,
        "fingerprint": text,
        "order_id": row.order_id or None,
        "executed_at": row.when,
        "trade_date": row.day,
        "gross_amount": row.value,
        "commission": row.commission,
        "fees": row.fees,
        "net_amount": net,
        "currency": row.currency,
        "description": text,
    }


def trade(row: Row, instrument: Instrument) -> tuple[Values, list[Warning]]:
    """A purchase or sale, also as delivery; stocks carry open or close only where that tells a short."""
    quantity = _quantity(row)
    is_future = instrument.type is InstrumentType.FUTURE  # whose value is the result that a trade settles
    if row.value and (row.value > 0) == (row.side > 0) and not is_future:
        reason = "a purchase that brings money, or a sale that costs some"
        raise RowError("contradiction", reason, column="Value", text=f"{row.value:f}")
    warnings: list[Warning] = []
    price = printed_price(row)
    if is_future:
        pass
    elif price is None:
        price = _price_from_value(row, instrument, abs(quantity))
    else:
        warnings = _price_check(row, instrument, abs(quantity), price)
    values = common(row, instrument)
    values |= {
        "type": TransactionType.BUY if row.side > 0 else TransactionType.SELL,
        "position_effect": _effect(row, instrument),
        "quantity": quantity,
        "price": price,
    }
    return values, warnings


def removal(row: Row, kind: Kind, instrument: Instrument) -> Values:
    """An option that expires, is assigned or exercised; a future that ends. Few rows state a direction."""
    ends = _ENDING | ({InstrumentType.FUTURE} if kind in _LAST_DAYS else set())
    if instrument.type not in ends:
        reason = f"{instrument.symbol} is not an option"
        raise RowError("contradiction", reason, column="Symbol", text=row.symbol)
    if not row.quantity:
        raise RowError("missing_value", "the quantity removed is needed", column="Quantity")
    is_future = instrument.type is InstrumentType.FUTURE  # whose last day settles in cash
    in_cash = kind in (Kind.CASH_ASSIGNMENT, Kind.CASH_EXERCISE) and not is_future
    settlement = "cash" if in_cash else None if is_future or kind is Kind.EXPIRATION else "linked"
    stated = None if row.side else row.quantity
    has_terms = stated is not None or settlement is not None
    values = common(row, instrument)
    return values | {
        "type": TransactionType.OPTION_EXPIRATION if is_future else _REMOVED[kind],
        "position_effect": PositionEffect.CLOSE,
        "quantity": _signed(row) if row.side else None,
        "terms": Terms(stated_quantity=stated, exercise_settlement=settlement) if has_terms else None,
    }


def reinvestment(row: Row, instrument: Instrument) -> Values:
    """Shares bought with a dividend; the money may stand in another row."""
    values = common(row, instrument)
    quantity = _quantity(row, default_side=1)
    price = _price_from_value(row, instrument, quantity) if row.value else None
    effect = PositionEffect.OPEN
    return values | {
        "type": TransactionType.REINVEST, "position_effect": effect, "quantity": quantity, "price": price,
    }  # fmt: skip


def transfer(row: Row, instrument: Instrument) -> tuple[Values, list[Warning]]:
    """Positions from or to another broker: no cost and no date come along, a market value is not cash.

    The sign decides: a short position that arrives takes units out of the account.
    """
    kind = TransactionType.TRANSFER_IN if row.side > 0 else TransactionType.TRANSFER_OUT
    values = common(row, instrument)
    values |= {"type": kind, "quantity": _quantity(row)}
    values |= {"gross_amount": Decimal(0), "net_amount": EXACT.add(row.commission, row.fees)}
    warnings = []
    if row.value:
        values["metadata"] = {"market_value": f"{row.value:f}"}
        reason = "the value of shares that are transferred is neither cash nor cost; their basis is unknown"
        warnings.append(Warning(line=row.line, column="Value", text=f"{row.value:f}", reason=reason))
    return values, warnings


def award(row: Row, instrument: Instrument) -> Values:
    """Shares that the broker gives: quantity in, basis unknown."""
    values = common(row, instrument)
    return values | {"type": TransactionType.PROMOTION, "quantity": _quantity(row, default_side=1)}


def money(row: Row, instrument: Instrument | None) -> tuple[Values, list[Warning]]:
    """Cash alone, with the instrument that it is about; what a future settles is part of its result."""
    values = common(row, instrument)
    kind, remark = classify(row, values["net_amount"])
    is_of_future = instrument is not None and instrument.type is InstrumentType.FUTURE
    if row.sub in SETTLEMENTS and row.value and not is_of_future:
        remark = "a settlement that names no contract: its cash counts, but in the result of no future"
    values["type"] = kind
    return values, [Warning(line=row.line, column="Sub Type", text=row.sub, reason=remark)] if remark else []


def unknown(row: Row, instrument: Instrument | None) -> tuple[Values, list[Warning]]:
    """A kind of row that nobody has described: kept with its cash, without effect on positions."""
    values = common(row, instrument)
    values["type"] = TransactionType.OTHER
    if row.quantity:
        values["metadata"] = {"stated_quantity": f"{row.quantity * (row.side or 1):f}"}
    shown = " / ".join(part for part in (row.kind, row.sub) if part)
    reason = "unknown kind of row; its cash counts, positions are not changed"
    return values, [Warning(line=row.line, column="Type", text=shown, reason=reason)]


def printed_price(row: Row) -> Decimal | None:
    """The price at the end of the description, unrounded, else that of the old layout's column."""
    if found := _PRICE.search(row.description):
        return number(found[1], "Description")
    return abs(row.price) if row.price is not None else None


def _effect(row: Row, instrument: Instrument) -> PositionEffect:
    if instrument.type is not InstrumentType.STOCK:
        return row.effect
    is_short = (row.effect is PositionEffect.OPEN) == (row.side < 0)
    return row.effect if is_short and row.effect is not PositionEffect.AUTO else PositionEffect.AUTO


def _quantity(row: Row, default_side: int = 0) -> Decimal:
    if not row.quantity:
        raise RowError("missing_value", "a quantity is needed", column="Quantity")
    if not (row.side or default_side):
        raise RowError("missing_value", "the row does not say buy or sell", column="Action")
    return _signed(row) if row.side else row.quantity


def _signed(row: Row) -> Decimal:
    quantity = row.quantity or Decimal(0)
    return quantity if row.side > 0 else quantity.copy_negate()


def _price_from_value(row: Row, instrument: Instrument, quantity: Decimal) -> Decimal:
    units = EXACT.multiply(quantity, instrument.multiplier or Decimal(1))
    exact = EXACT.divide(abs(row.value), units)
    rounded = exact.quantize(_DERIVED_PRICE, context=EXACT)
    return rounded.normalize(EXACT) if rounded else Decimal(0)


def _price_check(row: Row, instrument: Instrument, quantity: Decimal, price: Decimal) -> list[Warning]:
    multiplier = instrument.multiplier
    if multiplier is None:
        if instrument.type in (InstrumentType.FUTURE_OPTION, InstrumentType.BOND):
            multiplier = derived_multiplier(row.value, quantity, price)
            if multiplier is None:
                return []
        else:
            multiplier = Decimal(1)
    units = EXACT.multiply(quantity, multiplier)
    off = abs(EXACT.multiply(units, price) - abs(row.value))
    if not off:
        return []
    exponent = price.as_tuple().exponent
    half_tick = Decimal((0, (5,), (exponent if isinstance(exponent, int) else 0) - 1))
    if off <= EXACT.multiply(units, half_tick) + _HALF_CENT:
        return []
    reason = f"the value is not quantity x price x multiplier (off by {off:f}); the value counts"
    return [Warning(line=row.line, column="Value", text=f"{row.value:f}", reason=reason)]

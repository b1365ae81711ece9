"""What units, price and size of a contract make of an amount: checks of a row by itself."""

from __future__ import annotations

from decimal import Context, Decimal

from quantmatrix.ingest.model import InstrumentType, Transaction, TransactionType

_EXACT = Context(prec=200)
_CENT = Decimal("0.01")
_HALF = Decimal("0.5")
_ONE = Decimal(1)
DEFAULT_MULTIPLIERS = {
    InstrumentType.STOCK.value: _ONE,
    InstrumentType.FUND.value: _ONE,
    InstrumentType.WARRANT.value: _ONE,
    InstrumentType.DIGITAL.value: _ONE,
    InstrumentType.CURRENCY.value: _ONE,
    InstrumentType.BOND.value: _CENT,
    InstrumentType.OPTION.value: Decimal(100),
}
"""Money per point of price and unit, by the value of an instrument type, where a statement prints none."""

_TRADES = frozenset({TransactionType.BUY, TransactionType.SELL, TransactionType.REINVEST})
"""What is paid at a price."""


def agrees(quantity: Decimal, price: Decimal, multiplier: Decimal, proceeds: Decimal) -> bool:
    """Whether the amount is quantity times price times multiplier, within the price's last digit."""
    difference = abs(quantity * price * multiplier + proceeds)
    if difference <= _CENT:
        return True
    exponent = price.as_tuple().exponent
    last_digit = _ONE.scaleb(exponent) if isinstance(exponent, int) else _ONE
    return difference <= abs(quantity) * multiplier * last_digit * _HALF + _CENT


def amount_problem(row: Transaction, kind: InstrumentType, multiplier: Decimal | None) -> str | None:
    """Why the amount of a trade is not what its units and price make it, or None.

    ``multiplier`` None: the source states none. What settles results moves no price times units.
    """
    multiplier = multiplier or DEFAULT_MULTIPLIERS.get(kind.value)
    if (
        row.type not in _TRADES
        or kind is InstrumentType.FUTURE
        or multiplier is None
        or not row.price
        or row.quantity is None
    ):
        return None
    gross = row.gross_amount
    if gross is None:
        gross = _EXACT.subtract(row.net_amount, _EXACT.add(row.commission, row.fees))
    sizes = (multiplier, _ONE) if kind is InstrumentType.BOND else (multiplier,)
    if any(agrees(row.quantity, row.price, size, gross) for size in sizes):
        return None
    worth = _EXACT.multiply(_EXACT.multiply(row.quantity, row.price), multiplier).copy_negate()
    return (
        f"the amount {gross:f} is not {row.quantity:f} units times price {row.price:f}, which is {worth:f}; "
        "the amount counts"
    )

"""What units, price and size of a contract make of an amount: checks of a row by itself."""

from __future__ import annotations

from decimal import Decimal

from quantmatrix.ingest.model import InstrumentType

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


def agrees(quantity: Decimal, price: Decimal, multiplier: Decimal, proceeds: Decimal) -> bool:
    """Whether the amount is quantity times price times multiplier, within the price's last digit."""
    difference = abs(quantity * price * multiplier + proceeds)
    if difference <= _CENT:
        return True
    exponent = price.as_tuple().exponent
    last_digit = _ONE.scaleb(exponent) if isinstance(exponent, int) else _ONE
    return difference <= abs(quantity) * multiplier * last_digit * _HALF + _CENT

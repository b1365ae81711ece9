"""What exchanges of digital assets share: which coins are money, and how a swap is booked.

A digital asset is one instrument in the account's currency, whatever it was bought with. Coin against coin
is a sale and a purchase; where the file gives no value, both are without an amount, and tax figures wait
for one.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from quantmatrix.ingest.cells import EXACT
from quantmatrix.ingest.model import Instrument, InstrumentType, PositionEffect
from quantmatrix.ingest.model import TransactionType as T
from quantmatrix.ingest.table import TableReading

FIAT = frozenset(
    {
        "USD", "EUR", "GBP", "CHF", "CAD", "AUD", "NZD", "JPY", "SEK", "NOK", "DKK", "PLN", "CZK", "HUF",
        "RON", "BGN", "TRY", "BRL", "MXN", "ARS", "ZAR", "NGN", "UAH", "RUB", "KZT", "INR", "IDR", "SGD",
        "HKD", "KRW", "THB", "VND", "PHP", "MYR", "AED", "ILS", "COP", "CLP", "PEN",
    }
)  # fmt: skip
"""Codes that are money."""

_ZERO = Decimal(0)
_PLACES = Decimal("0.00000001")

Values = dict[str, Any]


class CryptoReading(TableReading):
    """A table of an exchange."""

    def coin(self, code: str) -> Instrument:
        """A digital asset."""
        return self.security(InstrumentType.DIGITAL, code.upper(), self.options.currency)

    def money(self, code: str) -> Instrument:
        """A currency, as the instrument of a conversion."""
        return self.tell({"type": InstrumentType.CURRENCY, "symbol": code, "currency": code})

    def bought(self, values: Values, code: str, quantity: Decimal, paid: Decimal, fee: Decimal) -> Values:
        """A coin for money: ``paid`` and ``fee`` unsigned, the fee beside what was paid."""
        return self._trade(values, T.BUY, code, quantity, paid.copy_negate(), fee)

    def sold(self, values: Values, code: str, quantity: Decimal, got: Decimal, fee: Decimal) -> Values:
        """A coin for money."""
        return self._trade(values, T.SELL, code, quantity.copy_negate(), got, fee)

    def swapped(
        self, values: Values, out: tuple[str, Decimal], into: tuple[str, Decimal], value: Decimal | None
    ) -> Iterator[Values]:
        """Coin for coin: sold and bought at ``value``, None where the file gives none."""
        for part, (code, quantity, kind) in enumerate(((*out, T.SELL), (*into, T.BUY))):
            signed = quantity.copy_negate() if kind is T.SELL else quantity
            made = values | {
                "type": kind,
                "part": part,
                "instrument": self.coin(code).key,
                "quantity": signed,
            }
            if identity := values.get("external_id"):
                made["external_id"] = identity if part == 0 else f"{identity}/in"
            if value is None:
                made |= {"gross_amount": None, "net_amount": _ZERO, "price": None}
            else:
                gross = value if kind is T.SELL else value.copy_negate()
                made |= {"gross_amount": gross, "net_amount": gross, "price": price_of(value, quantity)}
            yield made

    def earned(self, values: Values, code: str, quantity: Decimal, value: Decimal | None) -> Iterator[Values]:
        """Coins as income: interest, and their purchase with it; without a value only units come."""
        key = self.coin(code).key
        if value is None:
            yield values | {"type": T.PROMOTION, "instrument": key, "quantity": quantity}
            return
        yield values | {"type": T.INTEREST, "instrument": key, "gross_amount": value, "net_amount": value}
        identity = values.get("external_id")
        yield values | {
            "type": T.REINVEST,
            "part": 1,
            "external_id": f"{identity}/in" if identity else None,
            "position_effect": PositionEffect.OPEN,
            "instrument": key,
            "quantity": quantity,
            "price": price_of(value, quantity),
            "gross_amount": value.copy_negate(),
            "net_amount": value.copy_negate(),
        }

    def moved(self, values: Values, code: str, change: Decimal, fee: Decimal = _ZERO) -> Values:
        """Money or coins to or from elsewhere; ``change`` is signed, ``fee`` unsigned in the same coin."""
        if code in FIAT:
            net = EXACT.subtract(change, fee)
            return values | {
                "type": T.DEPOSIT if change >= 0 else T.WITHDRAWAL,
                "gross_amount": change,
                "commission": fee.copy_negate() if fee else _ZERO,
                "net_amount": net,
                "currency": code,
            }
        total = EXACT.subtract(change, fee)
        kind = T.TRANSFER_IN if total >= 0 else T.TRANSFER_OUT
        return values | {"type": kind, "instrument": self.coin(code).key, "quantity": total}

    def _trade(
        self, values: Values, kind: T, code: str, quantity: Decimal, gross: Decimal, fee: Decimal
    ) -> Values:
        commission = fee.copy_negate() if fee else _ZERO
        return values | {
            "type": kind,
            "instrument": self.coin(code).key,
            "quantity": quantity,
            "price": price_of(gross, quantity),
            "gross_amount": gross,
            "commission": commission,
            "net_amount": EXACT.add(gross, commission),
        }


def price_of(value: Decimal, quantity: Decimal) -> Decimal | None:
    """Value per unit, to eight decimals."""
    if not quantity:
        return None
    return abs(EXACT.divide(value, quantity)).quantize(_PLACES, context=EXACT)

"""What exchanges of digital assets share: which coins are money, and how a swap is booked.

A digital asset is one instrument in the account's currency, whatever it was bought with. Coin against coin
is a sale and a purchase; where the file gives no value, both are without an amount, and tax figures wait
for one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from quantmatrix.ingest.cells import EXACT
from quantmatrix.ingest.dates import NEW_YORK, exchange_date
from quantmatrix.ingest.model import Instrument, InstrumentType, PositionEffect, Transaction
from quantmatrix.ingest.model import TransactionType as T
from quantmatrix.ingest.references import Event, Side, shared_out
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
_UNTOLD = (
    "one of several things that moved for {} together; booked without a value, which the file does not say"
)

Values = dict[str, Any]


class CryptoReading(TableReading):
    """A table of an exchange."""

    def day_of(self, moment: datetime) -> date:
        """The day of an instant, which these files print in UTC: New York's, or that of ``--timezone``."""
        return exchange_date(moment, self.options.zone)

    def emit(self, values: dict[str, Any]) -> Transaction:
        """Check a transaction and pass it on."""
        made = super().emit(values)
        self._say_day(made)
        return made

    def booked(self, rows: list[Transaction]) -> None:
        """Pass on all transactions of an event."""
        for row in rows:
            self._moved(row.trade_date)
            self._say_day(row)
        self.out += rows

    def _say_day(self, row: Transaction) -> None:
        """Whose day counts, where it is another than the file prints for an account in other money."""
        moment = row.executed_at
        if self.options.zone != NEW_YORK or row.currency == "USD" or moment is None:
            return
        if moment.date() != row.trade_date:
            reason = f"counts on {row.trade_date}, the day in New York; --timezone UTC or another changes it"
            self.warn_once("day", row.line, None, "", reason)

    @staticmethod
    def is_sweep(event: Event) -> bool:
        """Whether several coins were given for one thing, or one thing for several coins."""
        if not event.given or not event.got or 1 not in (len(event.given), len(event.got)):
            return False
        many = event.given if len(event.got) == 1 else event.got
        return all(side.code not in FIAT for side in many)

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

    def exchanged(
        self, values: Values, given: Side, got: Side, value: Decimal | None = None
    ) -> Iterator[Values]:
        """One thing for one other: a purchase, a sale, a conversion, or coin for coin at ``value``."""
        if given.code in FIAT and got.code in FIAT:
            paid = given.paid.copy_negate()
            yield values | {
                "type": T.FX_CONVERSION,
                "instrument": self.money(got.code).key,
                "quantity": got.received,
                "gross_amount": paid,
                "net_amount": paid,
                "currency": given.code,
            }
        elif given.code in FIAT:
            more = values | {"currency": given.code}
            yield self.bought(more, got.code, got.received, given.units, given.fee)
        elif got.code in FIAT:
            yield self.sold(values | {"currency": got.code}, given.code, given.paid, got.units, got.fee)
        else:
            if value is None:
                reason = "coin for coin without a value in money; tax figures wait for one"
                self.warn_once("swap", values["line"], None, "", reason)
            out, into = (given.code, given.paid), (got.code, got.received)
            sold, bought = self.swapped(values, out, into, value)
            yield sold
            yield {name: told for name, told in bought.items() if name != "also_lines"}

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

    def swept(
        self,
        one: Side,
        many: list[Side],
        values_of: Callable[[Side], Values],
        worth: Callable[[Side], Decimal | None],
    ) -> Iterator[Values]:
        """Several coins for one thing, or one thing for several coins, by what each is worth.

        Where that is not known they are sold or bought without a value, and money is booked by itself.
        """
        are_given = many[0].is_given
        known = [worth(side) for side in many]
        values = [value for value in known if value]
        if len(values) < len(many):
            values = []
        whole = f"{one.units:f} {one.code}"
        if one.code in FIAT:
            amounts = shared_out(one.units, values, _PLACES) if values else []
            fees = shared_out(one.fee, values, _PLACES) if values else []
            for at, side in enumerate(many):
                told = values_of(side) | {"currency": one.code}
                if values and not at:
                    told["also_lines"] = (*told.get("also_lines", ()), *one.lines)
                if not values:
                    self.warn(side.lines[0], None, f"{side.units:f} {side.code}", _UNTOLD.format(whole))
                    yield self._unpriced(told, side)
                elif are_given:
                    yield self.sold(told, side.code, side.paid, amounts[at], fees[at])
                else:
                    yield self.bought(told, side.code, side.received, amounts[at], fees[at])
            if not values:
                net = one.paid.copy_negate() if one.is_given else one.received
                yield values_of(one) | {
                    "type": T.OTHER, "gross_amount": net, "net_amount": net, "currency": one.code,
                }  # fmt: skip
            return
        total = sum(values, _ZERO) if values else worth(one)
        worths = [*values, total] if values else [*(None for _ in many), total]
        for side, value in zip((*many, one), worths, strict=True):
            if not value:
                self.warn(side.lines[0], None, f"{side.units:f} {side.code}", _UNTOLD.format(whole))
            yield self._unpriced(values_of(side), side, value)

    def _unpriced(self, values: Values, side: Side, value: Decimal | None = None) -> Values:
        """A coin sold or bought at ``value``; None where nobody knows it."""
        kind, units = (T.SELL, side.paid.copy_negate()) if side.is_given else (T.BUY, side.received)
        made = values | {"type": kind, "instrument": self.coin(side.code).key, "quantity": units}
        if value:
            gross = value if side.is_given else value.copy_negate()
            made |= {"gross_amount": gross, "net_amount": gross, "price": price_of(value, units)}
        return made

    def third_fees(self, values: Values, sides: Iterable[Side]) -> Iterator[Values]:
        """Costs in things that are on neither side: units that leave, or money."""
        for part, side in enumerate((side for side in sides if side.fee), values.get("part", 0)):
            made = values | {"part": part}
            if side.code in FIAT:
                cash = side.fee.copy_negate()
                yield made | {"type": T.FEE, "gross_amount": cash, "net_amount": cash, "currency": side.code}
            else:
                kind = T.SELL if side.fee > 0 else T.PROMOTION
                more = {"type": kind, "instrument": self.coin(side.code).key}
                yield made | more | {"quantity": side.fee.copy_negate()}

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

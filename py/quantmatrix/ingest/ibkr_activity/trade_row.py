"""What one row of the section Trades prints, and which transaction that is."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from quantmatrix.ingest.cells import EXACT
from quantmatrix.ingest.ibkr_activity.codes import CodeSet
from quantmatrix.ingest.ibkr_activity.row import Row
from quantmatrix.ingest.model import InstrumentType, PositionEffect, Terms, Transaction, TransactionType

EXERCISES = (TransactionType.OPTION_EXERCISE, TransactionType.OPTION_ASSIGNMENT)
"""Types of which a stock row, or cash, is the other half."""

_OPTIONS = (InstrumentType.OPTION.value, InstrumentType.FUTURE_OPTION.value)
_BUY, _SELL, _AUTO = TransactionType.BUY, TransactionType.SELL, PositionEffect.AUTO
_ZERO = Decimal(0)


@dataclass(slots=True)
class PrintedTrade:
    """The cells that stocks, options and currencies share. ``price`` is never negative, or None."""

    row: Row
    account: str | None
    currency: str
    executed_at: datetime | None
    trade_date: date
    quantity: Decimal
    price: Decimal | None
    commission: Decimal
    codes: CodeSet

    def type_as(self, kind: str) -> tuple[TransactionType, PositionEffect]:
        """Type and effect of this trade in an instrument of ``kind``, a value of ``InstrumentType``.

        A cancel has no effect of its own: it is the opposite of the trade that it takes back.
        """
        codes = self.codes
        if kind in _OPTIONS:
            if codes.is_assignment:
                return TransactionType.OPTION_ASSIGNMENT, PositionEffect.CLOSE
            if codes.is_exercise:
                return TransactionType.OPTION_EXERCISE, PositionEffect.CLOSE
            if codes.is_expiration and not self.price:
                return TransactionType.OPTION_EXPIRATION, PositionEffect.CLOSE
        elif codes.is_reinvestment and self.quantity > 0:
            return TransactionType.REINVEST, PositionEffect.OPEN
        effect = _AUTO if codes.is_cancel else codes.effect
        return (_BUY if self.quantity > 0 else _SELL), effect

    def transaction(
        self,
        *,
        instrument: str,
        type_: TransactionType,
        effect: PositionEffect,
        gross: Decimal | None,
        currency: str,
        fee_currency: str,
        terms: Terms | None,
    ) -> Transaction:
        """The record; a commission in another currency is no part of ``net_amount``."""
        net = gross or _ZERO
        if fee_currency == currency:
            net = EXACT.add(net, self.commission)
        return Transaction(
            line=self.row.line,
            account=self.account,
            instrument=instrument,
            type=type_,
            position_effect=effect,
            executed_at=self.executed_at,
            trade_date=self.trade_date,
            quantity=self.quantity,
            price=self.price,
            gross_amount=gross,
            commission=self.commission,
            net_amount=net,
            currency=currency,
            metadata=self.codes.metadata,
            terms=terms,
        )

"""Checks of trade rows against themselves.

The amount against quantity and price, an order against the lots it closed.
"""

from __future__ import annotations

from decimal import Decimal

from quantmatrix.ingest.amounts import DEFAULT_MULTIPLIERS, agrees
from quantmatrix.ingest.cells import RowError
from quantmatrix.ingest.ibkr_activity.context import Context
from quantmatrix.ingest.ibkr_activity.facts import Facts
from quantmatrix.ingest.ibkr_activity.row import Row
from quantmatrix.ingest.model import InstrumentType

_CENT = Decimal("0.01")
_HUNDRED = Decimal(100)
_IN_PERCENT = InstrumentType.BOND.value
_OPTION = InstrumentType.OPTION.value
_DOUBTS_AT_MOST = 1000


class PriceCheck:
    """Warns where quantity times price times multiplier is not the amount, and rounding does not explain it.

    The multiplier of an option may be stated only at the end of the file: the first doubt about each waits.
    """

    def __init__(self, context: Context) -> None:
        self._context = context
        self._doubts: dict[str, tuple[int, str, Decimal, Decimal, Decimal]] = {}

    def check(
        self,
        row: Row,
        key: str,
        facts: Facts,
        kind: str,
        quantity: Decimal,
        price: Decimal,
        proceeds: Decimal,
    ) -> None:
        """Check one trade."""
        multiplier = facts.multiplier or DEFAULT_MULTIPLIERS.get(kind)
        if multiplier is None or agrees(quantity, price, multiplier, proceeds):
            return
        if kind == _IN_PERCENT and agrees(quantity, price, _CENT, proceeds):
            return
        if facts.multiplier is None and kind == _OPTION:
            if len(self._doubts) < _DOUBTS_AT_MOST:
                self._doubts.setdefault(key, (row.line, row.text("Proceeds"), quantity, price, proceeds))
            return
        self._warn(row.line, row.text("Proceeds"), quantity, price, multiplier)

    def finish(self) -> None:
        """Decide the doubts by the multipliers that the instrument list stated."""
        for key, (line, text, quantity, price, proceeds) in self._doubts.items():
            multiplier = self._context.facts_of(key).multiplier or _HUNDRED
            if not agrees(quantity, price, multiplier, proceeds):
                self._warn(line, text, quantity, price, multiplier)

    def _warn(self, line: int, text: str, quantity: Decimal, price: Decimal, multiplier: Decimal) -> None:
        self._context.warn(
            line,
            "Proceeds",
            text,
            f"not quantity {quantity} times price {price} times {multiplier}; the printed amount is taken",
        )


class ClosedLots:
    """Warns where the lots printed below a closing row do not add up to it."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._line = 0
        self._quantity = Decimal(0)
        self._closes = False
        self._closed: Decimal | None = None

    def order(self, line: int, quantity: Decimal, *, closes: bool) -> None:
        """The row that the next lots belong to."""
        self.finish()
        self._line = line
        self._quantity = quantity
        self._closes = closes

    def lot(self, row: Row) -> None:
        """A lot below it; a defect is a warning, because nothing is computed from it."""
        if not self._line:
            self._context.warn(
                row.line, "Quantity", row.text("Quantity"), "a closed lot below no row that closes it"
            )
            return
        try:
            row.check_width()
            quantity = row.amount("Quantity")
        except RowError as refused:
            self._context.warn(
                row.line, refused.column, refused.text, f"{refused.reason}; the lot is not checked"
            )
            self._closes = False
            return
        self._closed = quantity + (self._closed or Decimal(0))

    def finish(self) -> None:
        """Compare the last order with its lots."""
        if self._closed is not None and self._closes and self._closed != -self._quantity:
            self._context.warn(
                self._line,
                "Quantity",
                f"{self._quantity}",
                f"the closed lots printed below add up to {self._closed}",
            )
        self._closed = None

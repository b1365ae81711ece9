"""Running balances: whether each follows from the one beside it, in either order of time."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from quantmatrix.ingest.cells import EXACT


class Chain:
    """The balances of one wallet in the order of the file, the newest first or last.

    Rows of one moment stand in no certain order: they are left out, and so is the row behind them.
    """

    def __init__(self) -> None:
        self._before: tuple[datetime, Decimal, Decimal] | None = None
        self._is_certain = True

    def follows(self, moment: datetime, balance: Decimal, change: Decimal) -> bool:
        """Whether the balance and what the row changes fit the row before it."""
        before, self._before = self._before, (moment, balance, change)
        if before is None:
            return True
        if before[0] == moment:
            self._is_certain = False
            return True
        was_certain, self._is_certain = self._is_certain, True
        if not was_certain:
            return True
        if moment > before[0]:
            return EXACT.add(before[1], change) == balance
        return EXACT.add(balance, before[2]) == before[1]

"""Reinvestments whose income a source prints in a row of its own, or does not print at all."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

from quantmatrix.ingest.model import Transaction

_AT_MOST = 50_000
_DAYS_APART = 7


@dataclass(slots=True)
class _Income:
    day: int
    left: Decimal


class Reinvestments:
    """Remembers income and what was bought with it; ``unpaid`` at the file's end."""

    def __init__(self) -> None:
        self._income: defaultdict[str, list[_Income]] = defaultdict(list)
        self._bought: list[Transaction] = []
        self._count = 0

    def income(self, row: Transaction) -> None:
        """A dividend or another distribution."""
        if row.instrument is not None and row.net_amount > 0 and self._count < _AT_MOST:
            self._count += 1
            self._income[row.instrument].append(_Income(row.trade_date.toordinal(), row.net_amount))

    def bought(self, row: Transaction) -> None:
        """Shares bought with a distribution."""
        if row.instrument is not None and row.net_amount < 0 and len(self._bought) < _AT_MOST:
            self._bought.append(row)

    def unpaid(self) -> Iterator[Transaction]:
        """Those for which no row near their day brings enough; income pays for its amount once."""
        for row in self._bought:
            day, cost = row.trade_date.toordinal(), -row.net_amount
            near = [
                income
                for income in self._income[row.instrument or ""]
                if income.left >= cost and abs(income.day - day) <= _DAYS_APART
            ]
            if near:
                min(near, key=lambda income: abs(income.day - day)).left -= cost
            else:
                yield row

"""The lot that a sale names by the day on which it was bought."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from quantmatrix.ingest.model import Pick, Transaction, Warning

_AT_MOST = 50_000


@dataclass(slots=True)
class _Opening:
    line: int
    part: int
    left: Decimal


class NamedLots:
    """Remembers what was bought; ``settle`` at the file's end says which purchases the sales have named."""

    def __init__(self) -> None:
        self._openings: defaultdict[tuple[str, date], list[_Opening]] = defaultdict(list)
        self._count = 0
        self._sales: list[tuple[Transaction, date]] = []

    def opened(self, row: Transaction) -> None:
        """A purchase."""
        if row.instrument and row.quantity and row.quantity > 0 and self._count < _AT_MOST:
            self._count += 1
            opening = _Opening(row.line, row.part, row.quantity)
            self._openings[row.instrument, row.trade_date].append(opening)

    def sold(self, row: Transaction, bought_on: date) -> None:
        """A sale whose row names the lot of a day."""
        self._sales.append((row, bought_on))

    def settle(self) -> Iterator[Pick | Warning]:
        """The lots, sale by sale in the order of time; a warning where the purchases do not suffice."""
        for row, bought_on in sorted(self._sales, key=lambda sale: sale[0].trade_date):
            wanted = abs(row.quantity or Decimal(0))
            lots = self._openings.get((row.instrument or "", bought_on), [])
            if sum((lot.left for lot in lots), Decimal(0)) < wanted or bought_on > row.trade_date:
                reason = "the lot that the row names is not in this file; the account's method chooses"
                yield Warning(line=row.line, text=bought_on.isoformat(), reason=reason)
                continue
            for order, lot in enumerate((lot for lot in lots if lot.left), 1):
                taken = min(lot.left, wanted)
                lot.left -= taken
                wanted -= taken
                yield Pick(
                    line=row.line,
                    part=row.part,
                    order=order,
                    opening_line=lot.line,
                    opening_part=lot.part,
                    quantity=taken,
                )
                if not wanted:
                    break

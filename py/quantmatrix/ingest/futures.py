"""Futures: contract sizes and exchanges by product, and the size that a file's own rows show.

What a future settles is a result in cash, so no figure hangs on its size; prices and identities do.
"""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from quantmatrix.ingest.model import Transaction, TransactionType

_CONTRACT = re.compile(r"\.?/?(?P<root>[A-Z0-9]{1,4}?)[FGHJKMNQUVXZ]\d{1,2}", re.ASCII)
_ROWS_AT_MOST = 200
"""Rows of one contract that are looked at; one round trip is enough."""

_SIZES = {
    "CME": {
        "ES": "50", "MES": "5", "NQ": "20", "MNQ": "2", "RTY": "50", "M2K": "5", "EMD": "100", "BTC": "5",
        "MBT": "0.1", "ETH": "50", "MET": "0.1", "6A": "100000", "6B": "62500", "6C": "100000",
        "6E": "125000", "6J": "12500000", "6M": "500000", "6N": "100000", "6S": "125000",
        "M6A": "10000", "M6B": "6250", "M6E": "12500", "GE": "2500", "SR3": "2500",
        "LE": "400", "HE": "400", "GF": "500",
    },
    "CBOT": {
        "YM": "5", "MYM": "0.5", "ZB": "1000", "UB": "1000", "ZN": "1000", "TN": "1000", "ZF": "1000",
        "ZT": "2000", "ZC": "50", "ZS": "50", "ZW": "50", "ZM": "100", "ZL": "600",
    },
    "NYMEX": {
        "CL": "1000", "QM": "500", "MCL": "100", "NG": "10000", "QG": "2500", "RB": "42000", "HO": "42000",
        "PL": "50", "PA": "100",
    },
    "COMEX": {"GC": "100", "MGC": "10", "SI": "5000", "SIL": "1000", "HG": "25000", "MHG": "2500"},
    "CFE": {"VX": "1000", "VXM": "100"},
}  # fmt: skip
_KNOWN = {
    root: (Decimal(size), exchange) for exchange, sizes in _SIZES.items() for root, size in sizes.items()
}


def root_of(symbol: str) -> str | None:
    """``CL`` of ``/CLJ4``; None for what names no month."""
    found = _CONTRACT.fullmatch(symbol)
    return found["root"] if found else None


def known_size(symbol: str) -> Decimal | None:
    """Money for a point of price of one contract, where the product is a known one."""
    return _KNOWN.get(root_of(symbol) or "", (None, ""))[0]


def known_exchange(symbol: str) -> str | None:
    """The exchange of a known product."""
    return _KNOWN.get(root_of(symbol) or "", (None, None))[1]


@dataclass(frozen=True, slots=True)
class Settled:
    """A row of a contract that moves cash: a trade (signed quantity) or a daily settlement (none)."""

    when: datetime
    quantity: Decimal
    price: Decimal | None
    cash: Decimal


def size_of(quantity: Decimal, price: Decimal | None, worth: Decimal | None) -> Decimal | None:
    """Size of a contract whose row prints what it is worth; None where no plain number is it."""
    if not quantity or not price or not worth:
        return None
    size = abs(worth / (quantity * price))
    return size.normalize() if size == round(size, 5) else None


def settled_result(net: Decimal | None, costs: Decimal, worth: Decimal) -> Decimal | None:
    """The result that a row of a future settles in cash; None where its cash is costs alone, or its worth."""
    if net is None:
        return None
    result = net - costs
    return result if result and abs(result) != abs(worth) else None


def priced(
    line: int, account: str | None, instrument: str, day: date, price: Decimal, currency: str
) -> Transaction:
    """The price of an open contract at a day's end: what was settled by then, and the mark of a year.

    A statement of another period says the same of that day, so it is one row however often it is told.
    """
    return Transaction(
        line=line,
        account=account,
        instrument=instrument,
        type=TransactionType.MARK_TO_MARKET,
        trade_date=day,
        price=price,
        currency=currency,
    )


class Sizes:
    """Sizes that the cash between two moments without a position shows, by product."""

    def __init__(self) -> None:
        self._rows: defaultdict[str, list[Settled]] = defaultdict(list)

    def note(self, symbol: str, row: Settled) -> None:
        """Take in one row, in whatever order."""
        rows = self._rows[symbol]
        if len(rows) < _ROWS_AT_MOST:
            rows.append(row)

    def of(self, symbol: str) -> Decimal | None:
        """The size of a contract: that of any contract of its product, since all are of one size."""
        root = root_of(symbol)
        for other in sorted(self._rows, key=lambda name: (name != symbol, name)):
            if other == symbol or (root is not None and root_of(other) == root):
                size = _shown_size(self._rows[other])
                if size is not None:
                    return size
        return None


def _shown_size(rows: list[Settled]) -> Decimal | None:
    """Cash divided by points, over the first way from flat to flat on which prices differ.

    Rows before the first opening belong to a position that the file does not show.
    """
    held = points = cash = Decimal(0)
    whole = True
    for row in sorted(rows, key=lambda one: (one.when, bool(one.cash))):
        if not held and row.cash:
            continue
        held += row.quantity
        cash += row.cash
        if row.quantity:
            whole = whole and row.price is not None
            points -= row.quantity * (row.price or 0)
        if not held:
            size = cash / points if points and whole else Decimal(0)
            if size > 0 and size == round(size, 5):
                return size.normalize() if size != size.to_integral_value() else size.to_integral_value()
            points = cash = Decimal(0)
            whole = True
    return None

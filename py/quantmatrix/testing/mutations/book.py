"""What would be stored of a file, and what its reader says of it; without a database."""

from __future__ import annotations

import io
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

from quantmatrix.ingest.cells import EXACT
from quantmatrix.ingest.detect import choose_parser
from quantmatrix.ingest.model import (
    CashEvidence,
    Line,
    Options,
    PositionEvidence,
    Record,
    Refusal,
    Transaction,
    Warning,
)
from quantmatrix.ingest.parser import Parser
from quantmatrix.ingest.reader import SourceFile

OPTIONS = Options(account="A-1")
_ZERO = Decimal(0)

Key = tuple[str, ...]


@dataclass
class Book:
    """Units by account and instrument, cash by account and currency, kinds and days of transactions.

    ``told`` counts refusals, warnings and rows that nobody knows by what is said; ``apart`` is how far the
    file's own positions and balances are from its transactions, which is what ``reconcile`` lists.
    """

    units: dict[Key, Decimal] = field(default_factory=dict)
    cash: dict[Key, Decimal] = field(default_factory=dict)
    kinds: Counter[str] = field(default_factory=Counter)
    days: Counter[date] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    told: Counter[str] = field(default_factory=Counter)
    apart: dict[Key, Decimal] = field(default_factory=dict)

    def stored(self) -> tuple[object, ...]:
        """What two files that mean the same have in common."""
        return self.units, self.cash, self.kinds, self.days


def parser_of(text: str, name: str) -> type[Parser]:
    """The parser that a file of this name gets. Raises ``FileRefused``."""
    with SourceFile(io.BytesIO(text.encode()), name) as file:
        return type(choose_parser(file)[0])


def read(parser: type[Parser], text: str, name: str) -> Book:
    """The book of a file. Raises ``FileRefused``."""
    options = OPTIONS.model_copy(update={"file_name": name})
    return _booked(parser().parse(io.StringIO(text, newline=""), options))


def _booked(records: Iterable[Record]) -> Book:
    book = Book()
    units: defaultdict[Key, Decimal] = defaultdict(Decimal)
    cash: defaultdict[Key, Decimal] = defaultdict(Decimal)
    positions: dict[Key, Decimal] = {}
    balances: dict[Key, dict[str, Decimal]] = defaultdict(dict)
    for record in records:
        if isinstance(record, Transaction):
            account = record.account or OPTIONS.account or ""
            for instrument, change in _moved(record):
                units[account, instrument] = EXACT.add(units[account, instrument], change)
            money = account, record.currency
            cash[money] = EXACT.add(cash[money], record.net_amount)
            book.kinds[record.type] += 1
            book.days[record.trade_date] += 1
        elif isinstance(record, Refusal):
            book.refused[f"{record.code} {record.column} {record.reason}"] += 1
        elif isinstance(record, Warning):
            book.told[f"{record.column} {record.reason}"] += 1
        elif isinstance(record, Line):
            book.told["unknown row"] += record.verdict == "unknown"
        elif isinstance(record, PositionEvidence):
            positions[record.account or OPTIONS.account or "", record.instrument] = record.quantity
        elif isinstance(record, CashEvidence):
            balances[record.account or OPTIONS.account or "", record.currency][record.moment] = record.amount
    book.units = {key: change for key, change in units.items() if change}
    book.cash = {key: change for key, change in cash.items() if change}
    for key, held in positions.items():
        book.apart["units", *key] = EXACT.subtract(held, units.get(key, _ZERO))
    for key, said in balances.items():
        if "end" in said:
            change = EXACT.subtract(said["end"], said.get("start", _ZERO))
            book.apart["cash", *key] = EXACT.subtract(change, cash.get(key, _ZERO))
    return book


def _moved(row: Transaction) -> Iterable[tuple[str, Decimal]]:
    if row.instrument is None:
        return
    stated = row.terms.stated_quantity if row.terms else None
    quantity = row.quantity if row.quantity is not None else stated
    if quantity is not None:
        yield row.instrument, quantity
    if row.terms and row.terms.new_instrument and row.terms.stated_new_quantity is not None:
        yield row.terms.new_instrument, row.terms.stated_new_quantity

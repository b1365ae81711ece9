"""Lists of what a broker holds for an account: evidence to compare the books with, no transactions.

Such a file names its day in a title, a footer or the file's name, and may repeat title and header for each
account. What it says of one thing in several rows is added up.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from quantmatrix.ingest.cells import EXACT, RowError
from quantmatrix.ingest.dates import day as read_day
from quantmatrix.ingest.dates import month_number
from quantmatrix.ingest.model import (
    CashEvidence,
    FileRefused,
    Instrument,
    LotEvidence,
    Options,
    PositionEvidence,
)
from quantmatrix.ingest.table import Row, TableReading, Verdict, name_of

_CELLS_OF_ROW = 3
_NUMBERS = re.compile(
    r"(?<![0-9])(?:[0-9]{4}[/-][0-9]{1,2}[/-][0-9]{1,2}|[0-9]{1,2}[/-][0-9]{1,2}[/-][0-9]{4})(?![0-9])"
)
_WORDS = re.compile(
    r"(?<![A-Za-z])(?P<month>[A-Za-z]{3,9})[ -](?P<day>[0-9]{1,2}),?[ -](?P<year>[0-9]{4})(?![0-9])"
)
_FORMATS = ("%Y/%m/%d", "%Y-%m-%d", "%m/%d/%Y", "%m-%d-%Y")


def day_in(text: str) -> date | None:
    """The day that a title, a footer or a file's name states; None where it states none."""
    for found in _WORDS.finditer(text):
        try:
            return date(int(found["year"]), month_number(found["month"]), int(found["day"]))
        except ValueError:
            continue
    for printed in _NUMBERS.findall(text):
        try:
            return read_day(printed, _FORMATS)
        except ValueError:
            continue
    return None


@dataclass(slots=True)
class _Held:
    line: int
    thing: Instrument
    quantity: Decimal
    cost: Decimal | None


class HoldingsReading(TableReading):
    """One pass over such a file; subclasses read a row and tell of its title."""

    hint = "keep the name that the broker gave the file: it says of which day it is"

    def __init__(self, options: Options) -> None:
        super().__init__(options)
        self.as_of = day_in(options.file_name or "")
        self.owner: str | None = None
        """The account whose rows are read; None where the command line names it."""
        self._held: dict[tuple[str | None, str], _Held] = {}
        self._lots: list[tuple[int, str | None, Instrument, date | None, Decimal, Decimal | None]] = []
        self._cash: dict[str | None, tuple[int, Decimal]] = {}

    def holding(self, row: Row) -> None:
        """Take in a row by ``hold``, ``lot`` and ``money``. Raises ``RowError``."""
        raise NotImplementedError

    def is_row(self, fields: list[str], /) -> bool:
        """Titles and totals between the rows have few cells; headers come again for each account."""
        if self.needed <= {name_of(cell) for cell in fields}:
            return False
        return sum(bool(cell.strip()) for cell in fields) >= _CELLS_OF_ROW

    def is_note(self, _fields: list[str], /) -> bool:
        """What is no row is a title, a header or a footer."""
        return True

    def note(self, line: int, fields: list[str], /) -> Verdict:
        """A header of the next account, its title, or a footer."""
        if self.needed <= {name_of(cell) for cell in fields}:
            self.columns = self.header(fields)
        else:
            self.title(line, fields)
        return "skipped"

    def row(self, row: Row) -> Verdict:
        """One position; one that cannot be read is not compared."""
        try:
            self.holding(row)
        except RowError as error:
            self.warn(row.line, error.column, error.text, f"{error.reason}; not compared with the books")
        return "evidence"

    def hold(
        self, row: Row, account: str | None, thing: Instrument, quantity: Decimal, cost: Decimal | None
    ) -> None:
        """So many units are held."""
        held = self._held.get((account, thing.key))
        if held is None:
            self._held[account, thing.key] = _Held(row.line, thing, quantity, cost)
            return
        held.quantity = EXACT.add(held.quantity, quantity)
        held.cost = None if cost is None or held.cost is None else EXACT.add(held.cost, cost)

    def lot(
        self,
        row: Row,
        account: str | None,
        thing: Instrument,
        acquired_on: date | None,
        quantity: Decimal,
        cost: Decimal | None,
    ) -> None:
        """So many units were acquired on a day."""
        self._lots.append((row.line, account, thing, acquired_on, quantity, cost))

    def money(self, row: Row, account: str | None, amount: Decimal) -> None:
        """So much cash is there."""
        line, before = self._cash.get(account, (row.line, Decimal(0)))
        self._cash[account] = line, EXACT.add(before, amount)

    def optional(self, row: Row, *names: str) -> Decimal | None:
        """A number, None for words such as ``Incomplete``."""
        try:
            return row.number(*names)
        except RowError:
            return None

    def finish(self) -> None:
        """Tell all, as of the day of the file."""
        if self.as_of is None:
            raise FileRefused("the file does not say of which day its positions are", hint=self.hint)
        currency = self.options.currency
        for (account, key), held in self._held.items():
            self.out.append(
                PositionEvidence(
                    line=held.line, account=account, instrument=key, as_of=self.as_of,
                    quantity=held.quantity, cost_basis=held.cost, currency=currency,
                )
            )  # fmt: skip
        for line, account, thing, acquired_on, quantity, cost in self._lots:
            self.out.append(
                LotEvidence(
                    line=line, account=account, instrument=thing.key, as_of=self.as_of,
                    acquired_on=acquired_on, quantity=quantity, cost_basis=cost, currency=currency,
                )
            )  # fmt: skip
        for account, (line, amount) in self._cash.items():
            self.out.append(
                CashEvidence(
                    line=line,
                    account=account,
                    currency=currency,
                    as_of=self.as_of,
                    moment="end",
                    amount=amount,
                )
            )

    def _check_width(self, row: Row) -> None:
        """Rows of cash and totals are short."""

"""The table of positions in a file of Vanguard, above or below its transactions; it names no day."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from quantmatrix.ingest.cells import EXACT, RowError
from quantmatrix.ingest.etrade import described_option
from quantmatrix.ingest.model import InstrumentType, PositionEvidence
from quantmatrix.ingest.symbols import parse_option
from quantmatrix.ingest.table import Columns, Row, TableReading, name_of

HEADER = frozenset({"symbol", "shares", "total value"})
_SETTLEMENT = frozenset({"VMFXX", "VMMXX", "CASH", "--", ""})
"""The settlement fund, which is cash, and rows of cash."""


class Holdings:
    """What stands in the table; told at the end, when the file's last day is known."""

    def __init__(self, reading: TableReading) -> None:
        self._reading = reading
        self._columns: Columns | None = None
        self._held: dict[tuple[str, str], tuple[int, Decimal]] = {}

    def look(self, line: int, fields: list[str]) -> None:
        """Take in a record that is no transaction: the header of the table, or a row of it."""
        if {name_of(cell) for cell in fields} >= HEADER:
            self._columns = Columns.of(fields)
        elif self._columns is not None and len(fields) >= len(self._columns.index):
            row = Row(line, fields, self._columns)
            try:
                self._take(row)
            except RowError as error:
                reason = f"{error.reason}; not compared with the books"
                self._reading.warn(line, error.column, error.text, reason)

    def tell(self, as_of: date) -> None:
        """The positions as evidence of a day."""
        currency = self._reading.options.currency
        for (account, key), (line, shares) in self._held.items():
            reason = f"the file does not say of which day its positions are; compared on its last, {as_of}"
            self._reading.warn_once("holdings", line, None, "", reason)
            self._reading.out.append(
                PositionEvidence(
                    line=line, account=account, instrument=key, as_of=as_of, quantity=shares,
                    currency=currency,
                )
            )  # fmt: skip

    def _take(self, row: Row) -> None:
        symbol, reading = row.text("symbol"), self._reading
        account = row.text("account number")[:64]
        if not account or symbol in _SETTLEMENT:
            return
        shares = row.needed("shares")
        currency = reading.options.currency
        option = described_option(row.text("investment name")) or parse_option(symbol)
        thing = (
            reading.option(option, currency)
            if option
            else reading.security(InstrumentType.STOCK, symbol, currency)
        )
        line, before = self._held.get((account, thing.key), (row.line, Decimal(0)))
        self._held[account, thing.key] = line, EXACT.add(before, shares)

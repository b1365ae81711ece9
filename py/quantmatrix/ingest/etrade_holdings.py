"""E*TRADE's portfolio as CSV: positions, their lots where they were unfolded, and cash."""

from __future__ import annotations

import re

from quantmatrix.ingest.cells import RowError
from quantmatrix.ingest.etrade import described_option
from quantmatrix.ingest.holdings import HoldingsReading, day_in
from quantmatrix.ingest.model import Instrument, InstrumentType, Options
from quantmatrix.ingest.symbols import parse_option
from quantmatrix.ingest.table import Row

_DAYS = ("%m/%d/%Y", "%m/%d/%y")
_DAY = re.compile(r"[0-9]{1,2}/[0-9]{1,2}/[0-9]{2,4}")
_GENERATED = re.compile(r"^(?:generated at|as of)\b", re.IGNORECASE)
_ACCOUNT = re.compile(r"(?:^|\s)[#X-]{1,8}(?P<digits>[0-9]{4})\b")
_TOTAL = re.compile(r"^total\b", re.IGNORECASE)


class Holdings(HoldingsReading):
    """A row of a date below a position is a lot of it."""

    needed = frozenset({"symbol", "qty #", "value $"})
    what = "a portfolio of E*TRADE"

    def __init__(self, options: Options) -> None:
        super().__init__(options)
        self._position: Instrument | None = None

    def title(self, line: int, fields: list[str], /) -> None:
        """The account stands above the positions, the day above or below them."""
        text = " ".join(" ".join(fields).split())
        if _GENERATED.search(text):
            self.as_of = day_in(text) or self.as_of
        elif self.options.account is None and self.owner is None and (found := _ACCOUNT.search(fields[0])):
            self.owner = f"...{found['digits']}"
            self.account(self.owner)
            reason = f"the rows name no account; {self.owner} is taken from the title"
            self.warn(line, None, found["digits"], reason)

    def holding(self, row: Row) -> None:
        """One position, one lot of it, the cash, or a total."""
        symbol, currency = row.text("symbol"), self.options.currency
        if symbol.upper() == "CASH":
            self.money(row, self.owner, row.needed("value $"))
        elif _DAY.fullmatch(symbol):
            if self._position is None:
                raise RowError(
                    "missing_value", "a lot of no position", column=row.printed("symbol"), text=symbol
                )
            acquired = row.day(symbol, _DAYS, "symbol")
            self.lot(row, self.owner, self._position, acquired, row.needed("qty #"), None)
        elif symbol and not _TOTAL.search(symbol):
            option = described_option(symbol) or parse_option(symbol)
            self._position = (
                self.option(option, currency)
                if option
                else self.security(InstrumentType.STOCK, symbol, currency)
            )
            self.hold(row, self.owner, self._position, row.needed("qty #"), None)

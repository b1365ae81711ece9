"""Charles Schwab's positions of one account or of all, and the lots of one position."""

from __future__ import annotations

import re

from quantmatrix.ingest.cells import RowError
from quantmatrix.ingest.holdings import HoldingsReading, day_in
from quantmatrix.ingest.model import FileRefused, Instrument, InstrumentType
from quantmatrix.ingest.schwab.securities import Names, instrument
from quantmatrix.ingest.symbols import parse_option
from quantmatrix.ingest.table import Row

_TITLE = re.compile(
    r"(?:(?P<symbol>.{1,30}?) Lot Details|Positions)"
    r"\s+for\s+(?:account\s+)?(?P<account>.{1,80}?)(?:\s+as of\b.*)?",
    re.IGNORECASE,
)
_DIGITS = re.compile(r"(?P<digits>[0-9]{3,4})\s*$")
_CASH = re.compile(r"^Cash (?:&|and) Cash Investments|^Cash$", re.IGNORECASE)
_TOTAL = re.compile(r"\bTotals?$|^Total\b", re.IGNORECASE)
_VALUE = ("mkt val (market value)", "market value")
_QUANTITY = ("qty (quantity)", "quantity")
_LOTS_NAME = re.compile(r"Lot-Details-(?P<symbol>[A-Z0-9.]{1,12})", re.IGNORECASE)
_OPENED = ("%m/%d/%Y %H:%M:%S", "%m/%d/%Y")


class _Titled(HoldingsReading):
    symbol = ""
    digits = ""

    def title(self, line: int, fields: list[str], /) -> None:
        """The title names the account in part, the day, and of lots the symbol; others follow below."""
        text = " ".join(fields[0].split())
        found = _TITLE.fullmatch(text)
        if found:
            self.as_of = day_in(text) or self.as_of
            self.symbol = found["symbol"] or self.symbol
        elif any(cell.strip() for cell in fields[1:]):
            return
        digits = _DIGITS.search(found["account"] if found else text)
        if digits is None or digits["digits"] == self.digits:
            return
        if self.options.account is None:
            self.owner = self.account(f"...{digits['digits']}")
        elif self.digits:
            hint = "leave out --account: each of them is named by its title"
            raise FileRefused("the file holds positions of several accounts", line=line, hint=hint)
        self.digits = digits["digits"]


class Positions(_Titled):
    """Positions of one account or of all."""

    needed = frozenset({"symbol", "qty (quantity)", "cost basis"})
    what = "a list of positions of Charles Schwab"

    def holding(self, row: Row) -> None:
        """One position, the cash, or a total."""
        symbol = row.text("symbol")
        if _CASH.search(symbol):
            self.money(row, self.owner, row.needed(*_VALUE))
        elif not _TOTAL.search(symbol):
            thing = instrument(self, row, Names())
            if thing is None:
                raise RowError("missing_value", "a position without a symbol", column=row.printed("symbol"))
            cost = self.optional(row, "cost basis")
            self.hold(row, self.owner, thing, row.needed(*_QUANTITY), cost)


class OldPositions(Positions):
    """The layout until 2023."""

    needed = frozenset({"symbol", "quantity", "market value", "% of account"})


class Lots(_Titled):
    """The lots of one position."""

    needed = frozenset({"open date", "quantity", "cost/share"})
    what = "a list of lots of Charles Schwab"

    def holding(self, row: Row) -> None:
        """One lot, or the total."""
        if _TOTAL.search(row.text("open date")):
            return
        opened = row.day(row.text("open date"), _OPENED, "open date")
        cost = self.optional(row, "cost basis")
        self.lot(row, self.owner, self._thing(), opened, row.needed("quantity"), cost)

    def _thing(self) -> Instrument:
        named = _LOTS_NAME.search(self.options.file_name or "")
        symbol = self.symbol or (named["symbol"].upper() if named else "")
        if not symbol:
            raise RowError("missing_value", "neither title nor file's name say what the lots are of")
        if option := parse_option(symbol):
            return self.option(option, self.options.currency)
        return self.security(InstrumentType.STOCK, symbol, self.options.currency)

"""Fidelity's positions of all accounts."""

from __future__ import annotations

import re
from decimal import Decimal

from quantmatrix.ingest.cells import RowError
from quantmatrix.ingest.fidelity.accounts import Accounts
from quantmatrix.ingest.fidelity.securities import instrument, is_core, named
from quantmatrix.ingest.holdings import HoldingsReading, day_in
from quantmatrix.ingest.model import Options
from quantmatrix.ingest.table import Row

_VALUE = ("current value",)
_DOWNLOADED = re.compile(r"date downloaded\b", re.IGNORECASE)
_LINK = re.compile(r"BROKERAGE ?LINK", re.IGNORECASE)


class Positions(HoldingsReading):
    """Each row names its account; the core account and what is pending are its cash."""

    needed = frozenset({"account number", "symbol", "description", "quantity", "current value"})
    what = "a list of positions of Fidelity"

    def __init__(self, options: Options) -> None:
        super().__init__(options)
        self.accounts = Accounts(self)

    def title(self, _line: int, fields: list[str], /) -> None:
        """The last line says when the file was made."""
        if _DOWNLOADED.search(text := " ".join(fields)):
            self.as_of = day_in(text) or self.as_of

    def holding(self, row: Row) -> None:
        """One position."""
        account = row.text("account number")[:64]
        self.accounts.of(account, row.text("account name"))
        symbol, name = row.text("symbol"), row.text("description")
        if symbol.lower() == "pending activity" or is_core(symbol.rstrip("*"), name):
            self.money(row, account, row.number(*_VALUE) or Decimal(0))
            return
        if _LINK.search(symbol) or _LINK.search(name):
            return  # the account behind it has rows of its own
        currency = self.options.currency
        thing = instrument(self, row, currency) or (named(self, name, currency) if name else None)
        if thing is None:
            raise RowError("missing_value", "a position without a name", column=row.printed("symbol"))
        cost = self.optional(row, "cost basis total", "cost basis")
        self.hold(row, account, thing, row.needed("quantity"), cost)

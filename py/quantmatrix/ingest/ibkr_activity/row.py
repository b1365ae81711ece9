"""One data row under its header: cells by column name, typed, and a refusal that names the column."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal

from quantmatrix.ingest import dates
from quantmatrix.ingest.cells import RowError
from quantmatrix.ingest.numbers import parse_decimal

_FIRST_CELL = 2
_DAY_FORMATS = ("%Y-%m-%d",)
_INSTANT_FORMATS = ("%Y-%m-%d, %H:%M:%S", "%Y-%m-%d %H:%M:%S", "%Y-%m-%d;%H:%M:%S", "%Y-%m-%d,%H:%M:%S")
_DAY_LENGTH = 10
_INSTANT_COLUMN = "Date/Time"
_CLOCK = re.compile(r" ?[0-9]{2}:[0-9]{2}:[0-9]{2}")


class Header:
    """Where the columns of a section stand.

    ``width``: cells that a whole row must have, trailing nameless ones aside.
    """

    def __init__(self, fields: Sequence[str]) -> None:
        self.index: dict[str, int] = {}
        self.width = _FIRST_CELL
        for position in range(_FIRST_CELL, len(fields)):
            name = " ".join(fields[position].split())
            if name:
                self.index.setdefault(name, position)
                self.width = position + 1
        self._folded = {name.casefold(): position for name, position in self.index.items()}
        self._instant = self.position(_INSTANT_COLUMN)

    def position(self, column: str) -> int | None:
        """Where a column stands; some statements print ``Settle date`` for ``Settle Date``."""
        position = self.index.get(column)
        return self._folded.get(column.casefold()) if position is None else position

    def rejoined(self, fields: Sequence[str]) -> Sequence[str]:
        """The cells of a row; an edited file may have lost the quotation marks around day and time."""
        at = self._instant
        if at is None or len(fields) <= at + 1 or not _CLOCK.fullmatch(fields[at + 1]):
            return fields
        return [*fields[:at], f"{fields[at]},{fields[at + 1]}", *fields[at + 2 :]]


class Row:
    """A data row; ``line`` is its first physical line.

    Readers raise ``RowError`` for a cell that is not what it must be.
    """

    __slots__ = ("fields", "header", "line", "section")

    def __init__(self, line: int, section: str, header: Header, fields: Sequence[str]) -> None:
        self.line = line
        self.section = section
        self.header = header
        self.fields = fields

    @property
    def first_cell(self) -> str:
        """The first cell after section and kind."""
        return self.fields[_FIRST_CELL].strip() if len(self.fields) > _FIRST_CELL else ""

    def check_width(self) -> None:
        """Refuse a row that was cut off."""
        if len(self.fields) < self.header.width:
            raise RowError(
                "short_row",
                f"the row has {len(self.fields)} cells, its header {self.header.width}: is the file cut off?",
                text=",".join(self.fields),
            )

    def has(self, column: str) -> bool:
        """Whether the header in force names ``column``."""
        return self.header.position(column) is not None

    def text(self, column: str) -> str:
        """The cell without blanks around; empty where there is no such column."""
        position = self.header.position(column)
        return "" if position is None else self.fields[position].strip()

    def required(self, column: str) -> str:
        """The cell, which must hold something."""
        position = self.header.position(column)
        if position is None:
            raise RowError("missing_column", f"the section has no column {column}", column=column)
        text = self.fields[position].strip()
        if not text:
            raise RowError("missing_value", f"the column {column} is empty", column=column)
        return text

    def number(self, column: str) -> Decimal | None:
        """A number, or None where the cell holds a placeholder or the column is missing."""
        position = self.header.position(column)
        if position is None:
            return None
        text = self.fields[position]
        try:
            return parse_decimal(text)
        except ValueError as error:
            raise RowError("bad_number", str(error), column=column, text=text) from None

    def amount(self, column: str) -> Decimal:
        """A number that must be there."""
        value = self.number(column)
        if value is None:
            text = self.required(column)
            raise RowError("missing_value", f"the column {column} holds no number", column=column, text=text)
        return value

    def day(self, column: str) -> date:
        """A date that must be there; a time after it is ignored."""
        text = self.required(column)
        try:
            if len(text) > _DAY_LENGTH:
                dates.instant(text, _INSTANT_FORMATS)
            return dates.day(text[:_DAY_LENGTH], _DAY_FORMATS)
        except ValueError as error:
            raise RowError("bad_date", f"{error} (YYYY-MM-DD)", column=column, text=text) from None

    def moment(self, column: str) -> tuple[datetime | None, date]:
        """The instant in UTC, None where only a date is printed, and the date in New York."""
        text = self.required(column)
        try:
            if len(text) > _DAY_LENGTH:
                return dates.instant(text, _INSTANT_FORMATS), date.fromisoformat(text[:_DAY_LENGTH])
            return None, dates.day(text, _DAY_FORMATS)
        except ValueError as error:
            raise RowError("bad_date", f"{error} (YYYY-MM-DD, HH:MM:SS)", column=column, text=text) from None

    def currency(self, column: str = "Currency") -> str:
        """A currency code."""
        text = self.required(column)
        if not (3 <= len(text) <= 5 and text.isascii() and text.isalpha() and text.isupper()):
            raise RowError("bad_currency", "not a currency code", column=column, text=text)
        return text

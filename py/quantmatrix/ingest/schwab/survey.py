"""What a first pass over Charles Schwab's history learns, and on which day a row counts."""

from __future__ import annotations

import re
from datetime import date
from typing import TextIO

from quantmatrix.ingest.cells import RowError
from quantmatrix.ingest.model import FileRefused
from quantmatrix.ingest.pairs import AT_MOST, Move, returning
from quantmatrix.ingest.reader import records
from quantmatrix.ingest.schwab.actions import JOURNALS, SHARES, action_of
from quantmatrix.ingest.schwab.securities import Names
from quantmatrix.ingest.table import Columns, Row, name_of

_FORMATS = ("%m/%d/%Y", "%m/%d/%y")
_DATE = re.compile(r"(?P<posted>[0-9/]{6,10})(?:\s+as of\s+(?P<effective>[0-9/]{6,10}))?", re.IGNORECASE)


def surveyed(text: TextIO, needed: frozenset[str]) -> tuple[Names, dict[int, int]]:
    """The tickers of names, and the rows that take each other back within the account.

    What cannot be read is said by the second pass.
    """
    names, moves = Names(), list[Move]()
    columns: Columns | None = None
    try:
        for line, _, fields in records(text, strict=False):
            if columns is None:
                if needed <= {name_of(cell) for cell in fields}:
                    columns = Columns.of(fields)
                continue
            row = Row(line, fields, columns)
            names.learn(row.text("description"), row.text("symbol"))
            if len(moves) < AT_MOST and (move := _move(row)):
                moves.append(move)
    except FileRefused:
        pass
    return names, returning(moves)


def days_of(row: Row) -> tuple[date, date]:
    """When the row was posted, and the day on which it counts."""
    text = row.text("date")
    found = _DATE.fullmatch(text)
    if not found:
        raise RowError("bad_date", "not a date (MM/DD/YYYY)", column=row.printed("date"), text=text)
    posted = row.day(found["posted"], _FORMATS, "date")
    effective = found["effective"]
    return posted, row.day(effective, _FORMATS, "date") if effective else posted


def _move(row: Row) -> Move | None:
    """What a journal moves: units, or money under the same words on both of its rows."""
    action = action_of(row.text("action"))
    if action not in SHARES:
        return None
    try:
        _, day = days_of(row)
        quantity, amount = row.number("quantity"), row.number("amount")
    except RowError:
        return None
    words = row.text("description")
    if quantity and not amount and row.text("symbol"):
        return Move(row.line, None, row.text("symbol"), quantity, day, f"{action} {words}")
    if amount and not quantity and words and action in JOURNALS:
        # Money has no name of its own: only the same words tell that it is the same.
        return Move(row.line, None, f"money {words}", amount, day)
    return None

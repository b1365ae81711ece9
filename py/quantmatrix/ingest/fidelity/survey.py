"""What a first pass over Fidelity's history learns."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import date
from typing import TextIO

from quantmatrix.ingest.cells import RowError
from quantmatrix.ingest.fidelity.actions import HOLDS, JOURNALED, SUBACCOUNT
from quantmatrix.ingest.model import FileRefused
from quantmatrix.ingest.pairs import AT_MOST, Move, returning
from quantmatrix.ingest.reader import records
from quantmatrix.ingest.table import Columns, Row, name_of

FORMATS = ("%m/%d/%Y", "%m-%d-%Y", "%b-%d-%Y", "%Y-%m-%d", "%m/%d/%y", "%m-%d-%y")
DATE = re.compile(
    r"[0-9]{1,2}[/-][0-9]{1,2}[/-][0-9]{2}(?:[0-9]{2})?|[A-Z][a-z]{2}-[0-9]{2}-[0-9]{4}|[0-9]{4}-[0-9]{2}-[0-9]{2}"
)


@dataclass(slots=True)
class Survey:
    """Since when each symbol is held, as more of it is a split; rows that take each other back."""

    held_since: dict[str, date] = field(default_factory=dict)
    within: dict[int, int] = field(default_factory=dict)


def surveyed(text: TextIO, needed: frozenset[str]) -> Survey:
    """Read the file once; what cannot be read is said by the second pass."""
    found, moves = Survey(), list[Move]()
    columns: Columns | None = None
    try:
        for line, _, fields in records(text, strict=False):
            if columns is None:
                if needed <= {name_of(cell) for cell in fields}:
                    columns = Columns.of(fields)
                continue
            row = Row(line, fields, columns)
            action = folded(row)
            if not fields or not DATE.fullmatch(fields[0].strip()) or not HOLDS.search(action):
                continue
            try:
                day = row.day(row.text("run date"), FORMATS, "run date")
                move = _move(row, action, day) if len(moves) < AT_MOST else None
            except RowError:
                continue
            moves += [move] if move else []
            symbol = row.text("symbol")
            found.held_since[symbol] = min(found.held_since.get(symbol, day), day)
    except FileRefused:
        pass
    found.within = returning(moves)
    return found


def folded(row: Row) -> str:
    """The text of a row in capitals with single blanks."""
    return " ".join(row.text("action").upper().split())


def _move(row: Row, action: str, day: date) -> Move | None:
    """What a journal moves: units, or money under the same words on both of its rows."""
    if not JOURNALED.search(action):
        return None
    quantity, amount = row.number("quantity"), row.number("amount ($)", "amount")
    account = row.text("account number") or row.text("account")
    words = SUBACCOUNT.sub("", action)
    if quantity and row.text("symbol"):
        return Move(row.line, account, row.text("symbol"), quantity, day, words)
    if amount and not quantity:
        # Money has no name of its own: only the same words tell that it is the same.
        return Move(row.line, account, f"money {words}", amount, day)
    return None

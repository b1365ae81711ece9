"""Coinbase: coins that a wallet sends to be staked and receives back are the owner's all the while."""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal
from typing import TextIO

from quantmatrix.ingest.cells import EXACT, RowError
from quantmatrix.ingest.model import FileRefused
from quantmatrix.ingest.pairs import AT_MOST
from quantmatrix.ingest.reader import records
from quantmatrix.ingest.table import Columns, Row, name_of

STAKED = re.compile(r"\b(?:to|from) (?:your )?Coinbase Staked Assets\b", re.IGNORECASE)
_ZERO = Decimal(0)


def returned(
    text: TextIO, needed: frozenset[str], header: Callable[[list[str]], Columns]
) -> dict[int, Decimal]:
    """A first pass: by the line of each such row the units that are no move, because they never left.

    Nothing for what leaves; what comes back beyond it was staked before the file begins.
    """
    columns: Columns | None = None
    found: list[tuple[str, Decimal, str, int]] = []
    try:
        for line, _, fields in records(text, strict=False):
            if columns is None:
                columns = header(fields) if needed <= {name_of(cell) for cell in fields} else None
                continue
            row = Row(line, fields, columns)
            kind = row.text("transaction type").lower()
            if kind in ("send", "receive") and STAKED.search(row.text("notes")) and len(found) < AT_MOST:
                try:
                    units = abs(row.needed("quantity transacted"))
                except RowError:
                    continue
                change = units if kind == "receive" else units.copy_negate()
                found.append((row.text("timestamp"), change, row.text("asset").upper(), line))
    except FileRefused:
        pass  # the second pass says it, with all that stands before it
    away: dict[str, Decimal] = {}
    beyond: dict[int, Decimal] = {}
    for _, change, code, line in sorted(found):
        held = away.get(code, _ZERO)
        back = min(held, change) if change > 0 else change
        away[code] = EXACT.subtract(held, back)
        beyond[line] = EXACT.subtract(change, back)
    return beyond

"""The JSON that the site offers beside the CSV: the same rows with the same words."""

from __future__ import annotations

import csv
import io
import json
from typing import TextIO

from quantmatrix.ingest.model import FileRefused

ROWS = "BrokerageTransactions"
_COLUMNS = ("Date", "Action", "Symbol", "Description", "Quantity", "Price", "Fees & Comm", "Amount")
_LONGEST = 32 * 1024 * 1024


def as_table(text: TextIO) -> TextIO:
    """The rows of the JSON as the CSV prints them, one a line."""
    content = text.read(_LONGEST + 1)
    if len(content) > _LONGEST:
        raise FileRefused("the JSON is larger than 32 MiB", hint="export the CSV, or a shorter time")
    try:
        told = json.loads(content, parse_float=str, parse_int=str)
    except json.JSONDecodeError as error:
        reason = f"the JSON cannot be read: {error.msg}, at character {error.colno}"
        raise FileRefused(reason, line=error.lineno, hint="download it again") from None
    except RecursionError:
        raise FileRefused("the JSON is nested too deep", line=1) from None
    rows = told.get(ROWS) if isinstance(told, dict) else None
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise FileRefused(f"the JSON has no list {ROWS}", line=1, hint="export Transaction History")
    table = io.StringIO(newline="")
    writer = csv.writer(table)
    writer.writerow(_COLUMNS)
    writer.writerows([str(row.get(name) or "") for name in _COLUMNS] for row in rows)
    if total := told.get("TotalTransactionsAmount"):
        writer.writerow(["Transactions Total", *[""] * (len(_COLUMNS) - 2), str(total)])
    table.seek(0)
    return table

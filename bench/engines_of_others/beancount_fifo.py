"""Beancount's booking over a generated ledger, FIFO. Run by the Python of its own virtual environment.

Prints one JSON object: trades, seconds (directives made and booked; reading the file is not counted),
postings booked.
"""

from __future__ import annotations

import csv
import datetime
import json
import sys
import time
from collections.abc import Iterable, Mapping
from decimal import Decimal
from pathlib import Path

from beancount.core import data
from beancount.core.amount import Amount
from beancount.core.number import MISSING
from beancount.core.position import CostSpec
from beancount.parser import booking, options

CASH = "Assets:Cash"


def directives(rows: Iterable[Mapping[str, str]]) -> list[data.Directive]:
    """One transaction for each row: the position at cost, the cash, and for sales whatever was gained."""
    opened = {CASH: data.Open({}, datetime.date(2000, 1, 1), CASH, None, None)}
    gains = "Income:Gains"
    opened[gains] = data.Open({}, datetime.date(2000, 1, 1), gains, None, None)
    made: list[data.Directive] = []
    for number, row in enumerate(rows):
        account = f"Assets:{row['account']}:{row['symbol']}"
        if account not in opened:
            opened[account] = data.Open({}, datetime.date(2000, 1, 1), account, None, data.Booking.FIFO)
        quantity, price = Decimal(row["quantity"]), Decimal(row["price"])
        day = datetime.date.fromisoformat(row["ts"][:10])
        meta = data.new_metadata("bench", number)
        if row["side"] == "BUY":
            cost = CostSpec(price, None, "USD", day, row["trade_id"], False)
            postings = [
                data.Posting(account, Amount(quantity, row["symbol"]), cost, None, None, {}),
                data.Posting(CASH, Amount(-quantity * price, "USD"), None, None, None, {}),
            ]
        else:
            cost = CostSpec(MISSING, None, MISSING, None, None, False)
            postings = [
                data.Posting(account, Amount(-quantity, row["symbol"]), cost, Amount(price, "USD"), None, {}),
                data.Posting(CASH, Amount(quantity * price, "USD"), None, None, None, {}),
                data.Posting(gains, MISSING, None, None, None, {}),
            ]
        made.append(data.Transaction(meta, day, "*", None, "", frozenset(), frozenset(), postings))
    return [*opened.values(), *made]


def main(path: Path) -> None:
    """Book the ledger of ``path`` and print what it took."""
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    start = time.perf_counter()
    entries, errors = booking.book(directives(rows), options.OPTIONS_DEFAULTS.copy())
    taken = time.perf_counter() - start
    if errors:
        sys.exit(f"beancount refuses the ledger: {errors[0]}")
    booked = sum(len(entry.postings) for entry in entries if isinstance(entry, data.Transaction))
    print(json.dumps({"trades": len(rows), "seconds": taken, "postings": booked}))


main(Path(sys.argv[1]))

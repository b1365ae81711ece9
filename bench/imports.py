"""An IBKR statement of 100,000 orders, from the file to the reconciled book, by the command line's own code.

Baseline of the same run: the same file read by ``csv`` and copied into a table without a single constraint.
"""

from __future__ import annotations

import csv
import os
import resource
import subprocess
import sys
import tempfile
import time
from datetime import datetime
from decimal import Decimal
from pathlib import Path

from bench.common import Result, generator_directory
from quantmatrix.testing.cluster import Database

ORDERS = 100_000

_HEAD = """Statement,Header,Field Name,Field Value
Statement,Data,Title,Activity Statement
Statement,Data,Period,"January 1, 2015 - December 31, 2024"
Statement,Data,WhenGenerated,"2025-01-10, 08:00:00 EST"
Account Information,Header,Field Name,Field Value
Account Information,Data,Account,U9000001
Account Information,Data,Base Currency,USD
Trades,Header,DataDiscriminator,Asset Category,Currency,Symbol,Date/Time,Quantity,T. Price,Proceeds,\
Comm/Fee,Basis,Realized P/L,Code
"""


def write_statement(path: Path, orders: int = ORDERS) -> None:
    """An activity statement of generated orders, with the open positions they leave."""
    generated = subprocess.run(
        [sys.executable, str(generator_directory() / "gen_trades.py"), "--n", str(orders)],
        check=True,
        capture_output=True,
        text=True,
    ).stdout.splitlines()
    held: dict[str, Decimal] = {}
    with path.open("w", newline="") as file:
        file.write(_HEAD)
        for row in csv.DictReader(generated):
            buy = row["side"] == "BUY"
            quantity = Decimal(row["quantity"]) if buy else -Decimal(row["quantity"])
            held[row["symbol"]] = held.get(row["symbol"], Decimal(0)) + quantity
            when = datetime.fromisoformat(row["ts"]).strftime("%Y-%m-%d, %H:%M:%S")
            proceeds = -quantity * Decimal(row["price"])
            file.write(
                f'Trades,Data,Order,Stocks,USD,{row["symbol"]},"{when}",{quantity},{row["price"]},{proceeds},'
                f"-{row['fee']},0,0,{'O' if buy else 'C'}\n"
            )
        file.write(
            "Open Positions,Header,DataDiscriminator,Asset Category,Currency,Symbol,Quantity,Mult,"
            "Cost Price,Cost Basis,Code\n"
        )
        for symbol, quantity in sorted(held.items()):
            if quantity:
                file.write(f"Open Positions,Data,Summary,Stocks,USD,{symbol},{quantity},1,0,,\n")


def plain_copy(database: Database, path: Path) -> float:
    """Seconds for the baseline."""
    with database.connect() as connection:
        connection.execute("create unlogged table public.plain (cells text[])")
        began = time.perf_counter()
        with (
            path.open(newline="") as file,
            connection.cursor() as cursor,
            cursor.copy("copy public.plain from stdin") as copy,
        ):
            for cells in csv.reader(file):
                copy.write_row([cells])
        return time.perf_counter() - began


def run(database: Database) -> list[Result]:
    """Import and reconcile as a user would, in a process of its own so that its memory can be told."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "statement.csv"
        write_statement(path)
        baseline = plain_copy(database, path)
        program = [sys.executable, "-m", "quantmatrix", "--quiet"]
        environment = database.variables()
        began = time.perf_counter()
        subprocess.run(
            [*program, "import", str(path)],
            check=True,
            env=os.environ | environment,
            stdout=subprocess.DEVNULL,
        )
        imported = time.perf_counter() - began
        memory = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024
        began = time.perf_counter()
        subprocess.run(
            [*program, "reconcile"], check=True, env=os.environ | environment, stdout=subprocess.DEVNULL
        )
        reconciled = time.perf_counter() - began
    total = imported + reconciled
    return [
        Result(
            work=f"import of {ORDERS:,} lines, parse to reconciled",
            measured=f"{total:.1f} s ({imported:.1f} + {reconciled:.1f}), {ORDERS / total:,.0f} lines/s,"
            f" {memory} MB",
            baseline=f"csv to a bare table {baseline:.1f} s",
            ratio=f"{total / baseline:.1f}",
            goal="10,000 lines/s, below 300 MB",
            met=ORDERS / total >= 10_000 and memory < 300,
        )
    ]

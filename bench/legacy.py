"""A V1 of many transactions, from its dump to the proof, against the same trades as a broker's file.

The file goes through ``import``. ``QUANTMATRIX_BENCH_LEGACY`` says how many (default 100,000). Both run as
somebody would run them, each in a process and for a user of its own; every tenth row of V1 is there twice, so
the judging has something to judge.
"""

from __future__ import annotations

import csv
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from bench.common import Result, generator_directory
from bench.imports import write_statement
from quantmatrix.testing.cluster import Database

TRADES = int(os.environ.get("QUANTMATRIX_BENCH_LEGACY", "100000"))
ACCOUNT = "U9000001"

_HEAD = f"""SET client_encoding = 'UTF8';
COPY users (id, username, email) FROM stdin;
1\towner\towner@example.invalid
\\.
COPY accounts (id, user_id, account_name, account_type, account_number, broker) FROM stdin;
1\t1\tBench\ttaxable\t{ACCOUNT}\tIBKR
\\.
COPY holdings (id, account_id, symbol, quantity, currency, contract_type, last_updated) FROM stdin;
\\.
COPY dividends (id, account_id, symbol, ex_date, pay_date, dividend_per_share, shares_held, \
total_dividend, tax_withheld, source) FROM stdin;
\\.
COPY tax_lots (id, holding_id, account_id, shares_remaining) FROM stdin;
\\.
COPY transactions (id, account_id, external_id, execution_id, symbol, description, \
transaction_type, action, quantity, price, amount, commission, fees, net_amount, currency, \
contract_type, transaction_date, source) FROM stdin;
"""


def write_dump(path: Path, trades: int = TRADES) -> int:
    """A dump of V1 with generated trades; the number of rows, copies included."""
    generated = subprocess.run(
        [sys.executable, str(generator_directory() / "gen_trades.py"), "--n", str(trades)],
        check=True,
        capture_output=True,
        text=True,
    ).stdout.splitlines()
    number = 0
    with path.open("w") as file:
        file.write(_HEAD)
        for row in csv.DictReader(generated):
            copies = 2 if int(row["trade_id"]) % 10 == 0 else 1
            for _ in range(copies):
                number += 1
                file.write(
                    f"{number}\t1\tx-{row['trade_id']}\t\\N\t{row['symbol']}\t\\N\t{row['side']}\tTRADE\t"
                    f"{row['quantity']}\t{row['price']}\t0.0\t{row['fee']}\t0.0\t0.0\tUSD\tSTK\t"
                    f"{row['ts'].replace('T', ' ')}\tibkr_enhanced_trades\n"
                )
        file.write("\\.\n")
    return number


def run(database: Database) -> list[Result]:
    """Import first, then migrate, in the same database and for two people."""
    with tempfile.TemporaryDirectory() as folder:
        statement, dump = Path(folder) / "statement.csv", Path(folder) / "v1.sql"
        write_statement(statement, TRADES)
        rows = write_dump(dump)
        program = [sys.executable, "-m", "quantmatrix", "--quiet"]
        environment = os.environ | database.variables()

        def timed(*words: str, status: int) -> float:
            began = time.perf_counter()
            done = subprocess.run([*program, *words], env=environment, stdout=subprocess.DEVNULL)
            if done.returncode != status:
                sys.exit(f"bench: {words[0]} ended with {done.returncode}")
            return time.perf_counter() - began

        timed("user", "add", "import@example.test", status=0)
        imported = timed("import", "--user", "import@example.test", str(statement), status=0)
        # Without holdings in V1 every position is a difference: status 3.
        migrated = timed(
            "legacy", "migrate", "--from", str(dump), "--user", "legacy@example.test", "--no-backup", status=3
        )
    return [
        Result(
            work=f"V1 of {rows:,} transactions, dump to proof",
            measured=f"{migrated:.1f} s, {rows / migrated:,.0f} rows/s",
            baseline=f"the same {TRADES:,} trades through import {imported:.1f} s",
            ratio=f"{migrated / imported:.2f}",
            goal="at most 3 times the import",
            met=migrated <= 3 * imported,
        )
    ]

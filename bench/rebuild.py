"""Full rebuild of a million plain FIFO trades in 200 instruments, against the bare loop of the same run.

Two figures for each kind of history: the first build, which writes every lot and closing, and the rebuild of
what is already stored, which compares every row and writes none.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import psycopg

from bench.common import Result, generator_directory
from bench.measure import seconds, silence
from quantmatrix.testing.cluster import Database

TRADES = 1_000_000
MODES = ("grow", "steady")
USER_ID = "00000000-0000-4000-8000-000000000002"

REBUILD = f"select tax.rebuild_all('{USER_ID}')"
COPY = "copy bench.trades from stdin csv header"

ENTER = f"""
insert into core.users (id, email, wash_scope)
values ('{USER_ID}', 'rebuild@example.test', '{{scope}}');
insert into core.accounts (user_id, broker, account_number, name)
select '{USER_ID}', 'bench', t.account, t.account
from bench.trades t
group by t.account;
insert into core.instruments (symbol, instrument_type, currency)
select 'BENCH.' || t.symbol, 'stock', t.currency
from bench.trades t
group by t.symbol, t.currency
on conflict do nothing;
insert into core.transactions (
    user_id, account_id, instrument_id, transaction_type, source, dedupe_key, executed_at, trade_date,
        sequence,
    quantity, price, gross_amount, commission, net_amount, currency
)
select
    '{USER_ID}', a.id, i.id, lower(t.side)::core.transaction_type, 'bench', t.trade_id::text,
    t.ts at time zone 'America/New_York', t.ts::date, t.trade_id, s.sign * t.quantity, t.price,
    - s.sign * t.quantity * t.price, - t.fee, - s.sign * t.quantity * t.price - t.fee, t.currency
from bench.trades t
join core.accounts a on a.user_id = '{USER_ID}' and a.account_number = t.account
join core.instruments i on i.symbol = 'BENCH.' || t.symbol
cross join lateral (
    select case t.side when 'BUY' then 1 else -1 end as sign
) s
order by t.trade_id;
analyze core.transactions;
analyze core.accounts;
analyze core.instruments;
"""


def baseline_script() -> bytes:
    """The baseline as it stands in its folder, less the comment lines that are meant for psql."""
    text = (generator_directory() / "bare_loop.sql").read_text()
    return re.sub(r"(?m)^--.*$", "", text).encode()


def fill(
    connection: psycopg.Connection[Any], mode: str, folder: Path, scope: str, trades: int = TRADES
) -> Path:
    """The file of generated trades.

    They are in the baseline's table and in transactions, and nothing is derived yet.
    """
    path = folder / f"{mode}.csv"
    generator = generator_directory() / "gen_trades.py"
    subprocess.run(
        [sys.executable, str(generator), "--n", str(trades), "--mode", mode, "-o", str(path)], check=True
    )
    connection.execute(baseline_script())
    with path.open("rb") as file, connection.cursor() as cursor, cursor.copy(COPY) as copy:
        while chunk := file.read(1 << 20):
            copy.write(chunk)
    connection.execute("analyze bench.trades")
    connection.execute("set search_path = public")
    silence(connection, "core.transactions", "audit")
    connection.execute(ENTER.format(scope=scope).encode())
    return path


def timed(connection: psycopg.Connection[Any], query: str) -> float:
    """How long a query takes, in seconds."""
    return seconds(lambda: connection.execute(query.encode()))


def run(database: Database, *, scope: str = "none", limit: float = 3) -> list[Result]:
    """Ratios for both kinds of history, each in a database of its own."""
    results = []
    for mode in MODES:
        with (
            tempfile.TemporaryDirectory() as folder,
            database.cluster.database() as fresh,
            fresh.connect() as connection,
        ):
            fill(connection, mode, Path(folder), scope)
            bare = min(timed(connection, "select bench.bare_loop()") for _ in range(2))
            first = timed(connection, REBUILD)
            connection.execute("analyze core.tax_lots")
            connection.execute("analyze tax.closings")
            again = timed(connection, REBUILD)
        washes = "" if scope == "none" else ", wash sales on"
        for work, taken in (("first build", first), ("full rebuild", again)):
            results.append(
                Result(
                    work=f"{work} of {TRADES:,} trades, {mode}{washes}",
                    measured=f"{taken:.1f} s",
                    baseline=f"bare loop {bare:.1f} s",
                    ratio=f"{taken / bare:.2f}",
                    goal=f"at most {limit:g}",
                    met=taken / bare <= limit,
                )
            )
    return results

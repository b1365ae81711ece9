"""A bulk insert into core.transactions with the audit log, against the same insert without it.

Only the audit triggers differ: those that derive lots are off in both. The two kinds of run take turns, each
in a transaction that is rolled back, so that both meet the same table.
"""

from __future__ import annotations

import statistics
from typing import Any

import psycopg

from bench.common import Result
from bench.measure import seconds, silence
from quantmatrix.testing.cluster import Database

ROWS = 1_000_000
RUNS = 3
LIMIT = 1.5
USER_ID = "00000000-0000-4000-8000-000000000001"

PREPARE = f"""
insert into core.users (id, email)
values ('{USER_ID}', 'bench@example.test');
insert into core.accounts (user_id, id, broker, account_number, name)
values ('{USER_ID}', 1, 'bench', '1', 'bench');
insert into core.instruments (id, symbol, instrument_type, currency)
select 1000000 + i, 'AUDIT' || i, 'stock', 'USD'
from generate_series(1, 200) i;

create temporary table source as
select
    '{USER_ID}'::uuid as user_id,
    1::bigint as account_id,
    (1000001 + i % 200)::bigint as instrument_id,
    case when i % 2 = 0 then 'buy' else 'sell' end::core.transaction_type as transaction_type,
    'bench' as source,
    md5(i::text) as dedupe_key,
    date '2015-01-01' + i / 300 as trade_date,
    i as sequence,
    ((case when i % 2 = 0 then 1 else -1 end) * (1 + i % 100))::numeric as quantity,
    (1 + i % 500) / 100.0 as price,
    (i % 1000)::numeric as net_amount,
    'USD' as currency
from generate_series(1, {ROWS}) i;
"""

INSERT = """
insert into core.transactions (
    user_id, account_id, instrument_id, transaction_type, source, dedupe_key, trade_date, sequence,
    quantity, price, net_amount, currency
)
select *
from source
"""


def insert_seconds(connection: psycopg.Connection[Any], *, audited: bool) -> float:
    """Seconds of one bulk insert, undone afterwards."""
    connection.execute("checkpoint")
    with connection.transaction(force_rollback=True):
        silence(connection, "core.transactions", "audit" if audited else None)
        taken = seconds(lambda: connection.execute(INSERT))
    connection.execute("vacuum core.transactions, core.audit_logs")
    return taken


def run(database: Database) -> list[Result]:
    """The ratio of the medians of both kinds of insert, after one to warm up."""
    with database.connect() as connection:
        connection.execute(PREPARE.encode())
        insert_seconds(connection, audited=False)
        pairs = [
            (insert_seconds(connection, audited=False), insert_seconds(connection, audited=True))
            for _ in range(RUNS)
        ]
    plain = statistics.median(pair[0] for pair in pairs)
    logged = statistics.median(pair[1] for pair in pairs)
    return [
        Result(
            work=f"audit on, insert of {ROWS:,} rows",
            measured=f"{logged:.1f} s",
            baseline=f"without it {plain:.1f} s",
            ratio=f"{logged / plain:.2f}",
            goal=f"at most {LIMIT}",
            met=logged / plain <= LIMIT,
        )
    ]

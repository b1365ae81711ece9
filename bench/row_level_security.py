"""The same questions with row-level security, and without it but with the tenant spelt out.

A table of many tenants' transactions is asked once as a person (authenticator, role and claims; no condition
on the tenant) and once as a superuser, whom no policy binds (with the condition). One tenant has 1,000 rows,
one 10,000, one 100,000; the rest have 1,000 each.
"""

from __future__ import annotations

import json
import statistics
from collections.abc import Callable
from itertools import cycle
from typing import Any
from uuid import UUID

import psycopg

from bench.common import Result
from bench.measure import seconds, silence
from quantmatrix.testing.cluster import Database

TENANTS = 900
SIZES = {1: 1_000, 2: 10_000, 3: 100_000}
COMMON_SIZE = 1_000
BATCHES = 10
RUNS = 100
RATIO_LIMIT = 1.15
LOOKUP_LIMIT_MS = 0.1

# {mine} is the condition that only the unbound session needs.
QUESTIONS = {
    "totals by instrument": """
        select t.instrument_id, sum(t.quantity), sum(t.net_amount)
        from core.transactions t
        where {mine}
        group by 1
    """,
    "totals of half a year": """
        select count(*), sum(t.net_amount)
        from core.transactions t
        where {mine}
            and t.trade_date >= date '2015-01-01' + 183
    """,
}
LOOKUP = """
    select t.*
    from core.transactions t
    where {mine}
        and t.id = {id}
"""

FILL = """
insert into core.users (id, email)
select p.id, p.number || '@example.test'
from people p;
insert into core.accounts (user_id, id, broker, account_number, name)
select p.id, p.number, 'bench', '1', '1'
from people p;
insert into core.instruments (id, symbol, instrument_type, currency)
select 2000000 + i, 'POLICY' || i, 'stock', 'USD'
from generate_series(1, 50) i;
insert into core.transactions (
    user_id, account_id, instrument_id, transaction_type, source, dedupe_key, trade_date, sequence, quantity,
    price, net_amount, currency
)
select
    p.id, p.number, 2000001 + i % 50, 'buy', 'bench', i::text, date '2015-01-01' + i % 366, i, 1 + i % 100,
    10, -(i % 1000), 'USD'
from people p
cross join lateral generate_series(1, p.size) i
"""


def tenant(number: int) -> UUID:
    """The id of a tenant; scattered, as random ids are."""
    return UUID(int=(number * 0x9E3779B97F4A7C15F39CC0605CEDC835) % (1 << 128))


def fill(connection: psycopg.Connection[Any]) -> None:
    """Make the tenants and their rows, written as one bulk load."""
    connection.execute("create temporary table people (id uuid, number bigint, size integer)")
    with connection.cursor().copy("copy people from stdin") as copy:
        for number in range(1, TENANTS + 1):
            copy.write_row((tenant(number), number, SIZES.get(number, COMMON_SIZE)))
    silence(connection, "core.transactions")
    connection.execute(FILL)
    connection.execute("vacuum analyze core.transactions")


def become(connection: psycopg.Connection[Any], number: int) -> None:
    """Become the tenant for the rest of the transaction, as PostgREST does."""
    claims = json.dumps({"sub": str(tenant(number)), "role": "quantmatrix_user"})
    connection.execute("set local session authorization authenticator")
    connection.execute("set local role quantmatrix_user")
    connection.execute("select set_config('request.jwt.claims', %s, true)", (claims,))


def compare(
    connection: psycopg.Connection[Any], question: str, number: int, runs: int
) -> tuple[float, float]:
    """Median seconds bound by the policies, and unbound: batches of ``runs`` take turns in being first."""
    found = connection.execute(
        "select min(t.id) from core.transactions t where t.user_id = %s", (tenant(number),)
    ).fetchone()
    first = found[0] if found else 1

    def asked(mine: str) -> Callable[[], object]:
        texts = cycle([question.format(mine=mine, id=first + step).encode() for step in range(0, 900, 7)])
        return lambda: connection.execute(next(texts)).fetchall()

    bound: list[float] = []
    unbound: list[float] = []
    for batch in range(BATCHES):
        for is_bound in (batch % 2 == 0, batch % 2 == 1):
            with connection.transaction():
                if is_bound:
                    become(connection, number)
                ask = asked("true" if is_bound else f"t.user_id = '{tenant(number)}'")
                for _ in range(3):
                    ask()
                (bound if is_bound else unbound).extend(seconds(ask) for _ in range(runs))
    return statistics.median(bound), statistics.median(unbound)


def run(database: Database) -> list[Result]:
    """The ratio of each question at each size, and what a lookup of one row costs more."""
    results = []
    with database.connect() as connection:
        fill(connection)
        for name, question in QUESTIONS.items():
            for number, size in SIZES.items():
                bound, unbound = compare(connection, question, number, max(5, RUNS * 1_000 // size))
                results.append(
                    Result(
                        work=f"row-level security, {name}, {size:,} rows",
                        measured=f"{bound * 1e3:.2f} ms",
                        baseline=f"without it {unbound * 1e3:.2f} ms",
                        ratio=f"{bound / unbound:.2f}",
                        goal=f"at most {RATIO_LIMIT}",
                        met=bound / unbound <= RATIO_LIMIT,
                    )
                )
        bound, unbound = compare(connection, LOOKUP, 3, RUNS)
        results.append(
            Result(
                work="row-level security, one row by its number",
                measured=f"{bound * 1e3:.3f} ms",
                baseline=f"without it {unbound * 1e3:.3f} ms",
                ratio=f"{bound / unbound:.2f}",
                goal=f"at most {LOOKUP_LIMIT_MS} ms more",
                met=(bound - unbound) * 1e3 <= LOOKUP_LIMIT_MS,
            )
        )
    return results

"""Requests per second and the 95th percentile over HTTP.

Measured are signing in, exchanging a key, and the portfolio page of a person with 100,000 transactions among
others; with and without the pre-request function. ``QUANTMATRIX_BENCH_PEOPLE`` people (default 1,000; the
design's row asks for 10,000) have 1,000 transactions each.
"""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import UUID

import httpx
import psycopg

from bench.common import Result
from bench.measure import silence
from quantmatrix.services.tokens import sign
from quantmatrix.testing.cluster import Api, Database

PEOPLE = int(os.environ.get("QUANTMATRIX_BENCH_PEOPLE", "1000"))
COMMON_SIZE = 1_000
LARGE_SIZE = 100_000
INSTRUMENTS = 200
THREADS = 2
REQUESTS = 400
PAGE_GOAL_MS = 50.0
PASSWORD = "three purple anvils"
BATCH = 500

FILL = """
insert into core.transactions (
    user_id, account_id, instrument_id, transaction_type, source, dedupe_key, trade_date, sequence,
    quantity, price, net_amount, currency
)
select
    p.id, p.number, 3000001 + i %% 200, 'buy', 'bench', i::text, date '2015-01-01' + (i %% 3000)::integer, i,
    1 + i %% 100, 10, -(i %% 1000), 'USD'
from people p
cross join lateral generate_series(1, p.size) i
where p.number between %s and %s
"""
POSITIONS = """
insert into core.positions (user_id, account_id, instrument_id, quantity, open_lots, currency)
select p.id, p.number, 3000001 + i, 10, 1, 'USD'
from people p
cross join generate_series(0, %s) i
"""


def tenant(number: int) -> UUID:
    """The id of a person; scattered, as random ids are."""
    return UUID(int=(number * 0x9E3779B97F4A7C15F39CC0605CEDC835) % (1 << 128))


def fill(connection: psycopg.Connection[Any]) -> None:
    """Make people and their rows in batches: nothing is derived here, holdings stand in for it."""
    connection.execute("create temporary table people (id uuid, number bigint, size integer)")
    with connection.cursor().copy("copy people from stdin") as copy:
        for number in range(1, PEOPLE + 1):
            copy.write_row((tenant(number), number, LARGE_SIZE if number == 1 else COMMON_SIZE))
    for table in ("core.transactions", "core.users", "core.accounts", "core.positions"):
        silence(connection, table)
    connection.execute(
        "insert into core.users (id, email) select p.id, p.number || '@example.test' from people p"
    )
    connection.execute(
        "insert into core.accounts (user_id, id, broker, account_number, name)"
        " select p.id, p.number, 'bench', '1', '1' from people p"
    )
    connection.execute(
        "insert into core.instruments (id, symbol, instrument_type, currency)"
        " select 3000000 + i, 'PEOPLE' || i, 'stock', 'USD' from generate_series(1, 200) i"
    )
    for first in range(1, PEOPLE + 1, BATCH):
        connection.execute(FILL.encode(), [first, first + BATCH - 1])
    connection.execute(POSITIONS.encode(), [INSTRUMENTS - 1])
    connection.execute("vacuum analyze core.transactions")
    connection.execute("vacuum analyze core.positions")
    connection.execute("analyze")


def measure(
    work: Callable[[httpx.Client, int], httpx.Response], url: str, requests: int
) -> tuple[float, float]:
    """Requests per second, and the 95th percentile in milliseconds, from two clients at once."""

    def one(client: httpx.Client, number: int) -> float:
        begun = time.perf_counter()
        answer = work(client, number)
        taken = time.perf_counter() - begun
        answer.raise_for_status()
        return taken

    def many(first: int) -> list[float]:
        with httpx.Client(base_url=url, timeout=60) as client:
            for number in range(3):
                one(client, first + number)
            return [one(client, first + number) for number in range(requests // THREADS)]

    begun = time.perf_counter()
    with ThreadPoolExecutor(THREADS) as pool:
        times = [taken for part in pool.map(many, range(0, THREADS * 100_000, 100_000)) for taken in part]
    return len(times) / (time.perf_counter() - begun), statistics.quantiles(times, n=20)[-1] * 1e3


def token(api: Api, number: int) -> dict[str, str]:
    """The header of a person."""
    claims = {
        "sub": str(tenant(number)),
        "role": "quantmatrix_user",
        "aud": "quantmatrix",
        "exp": int(time.time()) + 3600,
    }
    return {"Authorization": f"Bearer {sign(claims, api.key)}"}


def getting(path: str, headers: dict[str, str]) -> Callable[[httpx.Client, int], httpx.Response]:
    """The request for a path, the same each time."""
    return lambda client, _: client.get(path, headers=headers)


def run(database: Database) -> list[Result]:
    """Each kind of request, with and without the pre-request function where it has one."""
    results: list[Result] = []
    with database.connect() as connection:
        fill(connection)
        with database.postgrest({"db-pre-request": ""}) as bare:
            headers = token(bare, 1)
            _, without = measure(getting("/holdings?limit=200", headers), bare.url, REQUESTS)
        with database.postgrest() as api:
            headers = token(api, 1)
            for name, path in (
                ("holdings", "/holdings?limit=200"),
                (
                    "newest transactions",
                    "/transactions?select=id,trade_date,symbol,quantity"
                    "&order=trade_date.desc,id.desc&limit=50",
                ),
            ):
                rate, p95 = measure(getting(path, headers), api.url, REQUESTS)
                results.append(
                    Result(
                        work=f"{name} of a person with {LARGE_SIZE:,} transactions among {PEOPLE:,} people",
                        measured=f"p95 {p95:.1f} ms, {rate:.0f} requests per second",
                        baseline=f"holdings without the pre-request function: p95 {without:.1f} ms",
                        ratio=f"{p95 / without:.2f}",
                        goal=f"p95 under {PAGE_GOAL_MS:.0f} ms",
                        met=p95 < PAGE_GOAL_MS,
                    )
                )
            results += signing_in(connection, api)
    return results


def signing_in(connection: psycopg.Connection[Any], api: Api) -> list[Result]:
    """Sign-in at the cost of bcrypt, and the exchange of a key."""
    connection.execute("update auth.settings set writes_per_second = 1000")
    connection.execute("set role quantmatrix_keeper")
    connection.execute(
        "insert into auth.credentials (user_id, password_hash)"
        " select u.id, h.hash from core.users u cross join (select auth.hash_password(%s) as hash) h"
        " limit 300",
        [PASSWORD],
    )
    connection.execute("reset role")
    emails = [
        row[0]
        for row in connection.execute(
            "select u.email from core.users u join auth.credentials c on c.user_id = u.id order by 1"
        ).fetchall()
    ]
    keys = [
        httpx.post(f"{api.url}/rpc/key_create", json={"name": "bench"}, headers=token(api, 1 + number))
        .raise_for_status()
        .json()["key"]
        for number in range(40)
    ]
    measured = {
        "signing in": measure(
            lambda client, n: client.post(
                "/rpc/sign_in",
                json={"email": emails[(n // 100_000 * 97 + n) % len(emails)], "password": PASSWORD},
            ),
            api.url,
            60,
        ),
        "exchanging a key": measure(
            lambda client, n: client.post("/rpc/key_exchange", json={"key": keys[n % len(keys)]}),
            api.url,
            REQUESTS,
        ),
    }
    hashing = time.perf_counter()
    connection.execute("set role quantmatrix_keeper")
    connection.execute("select auth.hash_password('x')")
    connection.execute("reset role")
    hashing = (time.perf_counter() - hashing) * 1e3
    return [
        Result(
            work=name,
            measured=f"p95 {p95:.1f} ms, {rate:.1f} requests per second",
            baseline=f"one hash takes {hashing:.0f} ms",
            ratio=f"{p95 / hashing:.2f}",
            goal="told, not judged",
            met=True,
        )
        for name, (rate, p95) in measured.items()
    ]

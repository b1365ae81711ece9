"""A database in which thousands of small persons live, with the statistics that time leaves behind.

One person of each kind imports a small file the ordinary way; the others are copies of their rows under other
numbers. Plans of a fresh database say nothing about this one: here an index that begins with the person
alone looks as good as the whole key.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Any

import psycopg
from psycopg import sql

from quantmatrix.ingest.model import Instrument, InstrumentType, Line, Record, Transaction
from quantmatrix.testing.cluster import Database
from quantmatrix.testing.importer import Importer, fill, statement

PEOPLE = 2_000
KINDS = 5
TRADES = 24
INSTRUMENTS = 40
# Numbers of a copy lie this far from those of its original.
STRIDE = 100_000

SCHEMAS = ("core", "tax", "ingest")
# What belongs to nobody: instruments, and the groups that are named after one.
SHARED = ("instrument_id", "group_id")


class Statistics(StrEnum):
    """What the planner knows of the tables."""

    FRESH = "fresh"
    STALE = "stale"
    NONE = "none"


def instruments() -> list[Instrument]:
    """The instruments that everybody trades."""
    return [
        Instrument(type=InstrumentType.STOCK, symbol=f"LIVED{number}", currency="USD")
        for number in range(INSTRUMENTS)
    ]


def small_file(kind: int, trades: int = TRADES) -> list[Record]:
    """Purchases and sales in a few instruments, some at a loss with a replacement."""
    chosen = [instruments()[(kind * 7 + step) % INSTRUMENTS] for step in range(5)]
    records: list[Record] = [statement(account=f"L-{kind}"), *chosen]
    for number in range(trades):
        day = date(2024, 1, 2) + timedelta(days=number * 5)
        units = Decimal(10 if number % 3 else -5)
        traded = fill(number + 1, 1, 0, int(units), str(100 - number))
        changed = traded.model_copy(
            update={
                "instrument": chosen[number // 3 % 5].key,
                "trade_date": day,
                "executed_at": traded.executed_at.replace(year=2024, month=day.month, day=day.day)
                if traded.executed_at
                else None,
            }
        )
        records += [Line(number=number + 1, raw=f"line {number + 1} of {kind}", verdict="row"), changed]
    return records


def move_in(database: Database, people: int = PEOPLE, kinds: int = KINDS) -> None:
    """Let ``people`` small persons live in the database; no statistics are gathered."""
    originals = [Importer(database, f"lived-{kind}@example.org") for kind in range(kinds)]
    for kind, original in enumerate(originals):
        original.load(small_file(kind))
    with database.connect() as connection:
        connection.execute("set session_replication_role = replica")
        connection.execute(
            "create temporary table copy as select o.id as original, gen_random_uuid() as person, n as number"
            " from generate_series(1, %s) n join unnest(%s::uuid[]) with ordinality o (id, place)"
            " on o.place = 1 + n %% %s",
            [people, [original.user_id for original in originals], kinds],
        )
        with connection.transaction():
            connection.execute(
                "insert into core.users (id, email, display_name, role)"
                " select c.person, 'lived-in-' || c.number || '@example.org', u.display_name, u.role"
                " from copy c join core.users u on u.id = c.original"
            )
            for schema, table, columns in _tables(connection):
                _copy(connection, schema, table, columns)
        _advance(connection, people)


def know(connection: psycopg.Connection[Any], statistics: Statistics) -> None:
    """Bring the planner's knowledge about: gathered now, gathered when nothing was there yet, or never.

    For ``STALE`` call it while the tables hold what the statistics shall tell.
    """
    if statistics is Statistics.NONE:
        connection.execute(
            "delete from pg_statistic where starelid in (select c.oid from pg_class c"
            " join pg_namespace n on n.oid = c.relnamespace where n.nspname = any (%s))",
            [list(SCHEMAS)],
        )
        connection.execute(
            "update pg_class set reltuples = -1, relpages = 0 where relkind in ('r', 'i') and relnamespace in"
            " (select oid from pg_namespace where nspname = any (%s))",
            [list(SCHEMAS)],
        )
        return
    connection.execute("analyze")


def _tables(connection: psycopg.Connection[Any]) -> Sequence[tuple[str, str, list[tuple[str, bool]]]]:
    """Tables of tenants with their columns, and whether a column holds a number of the tenant's own."""
    return connection.execute(
        "select n.nspname, c.relname, array_agg((a.attname, a.atttypid = 'bigint'::regtype"
        " and (a.attname = 'id' or a.attname like '%%\\_id') and not exists ("
        "     select from unnest(%s::text[]) s (name) where a.attname like '%%' || s.name)))"
        " from pg_class c join pg_namespace n on n.oid = c.relnamespace"
        " join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped"
        " where c.relkind = 'r' and n.nspname = any (%s) and c.relname <> 'audit_logs'"
        " and exists (select from pg_attribute u where u.attrelid = c.oid and u.attname = 'user_id')"
        " group by 1, 2 order by 1, 2",
        [list(SHARED), list(SCHEMAS)],
    ).fetchall()


def _copy(
    connection: psycopg.Connection[Any], schema: str, table: str, columns: Sequence[tuple[str, bool]]
) -> None:
    values = [
        sql.SQL("c.person")
        if name == "user_id"
        else sql.SQL("r.{} + c.number * {}").format(sql.Identifier(name), STRIDE)
        if own in (True, "t")
        else sql.SQL("r.{}").format(sql.Identifier(name))
        for name, own in columns
    ]
    connection.execute(
        sql.SQL("insert into {} ({}) select {} from copy c join {} r on r.user_id = c.original").format(
            sql.Identifier(schema, table),
            sql.SQL(", ").join(sql.Identifier(name) for name, _ in columns),
            sql.SQL(", ").join(values),
            sql.Identifier(schema, table),
        )
    )


def _advance(connection: psycopg.Connection[Any], people: int) -> None:
    """Let sequences go on behind the copies."""
    for (name,) in connection.execute(
        "select c.oid::regclass::text from pg_class c join pg_namespace n on n.oid = c.relnamespace"
        " where c.relkind = 'S' and n.nspname = any (%s)",
        [list(SCHEMAS)],
    ).fetchall():
        if "instruments" not in name:
            connection.execute("select setval(%s::regclass, %s)", [name, (people + 2) * STRIDE])

"""A database in which thousands of small persons live, with the statistics that time leaves behind.

One person of each kind imports a small file the ordinary way; the others are copies of their rows under other
numbers. Plans of a fresh database say nothing about this one: here an index that begins with the person
alone looks as good as the whole key.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from enum import StrEnum
from typing import Any

import psycopg
from psycopg import sql

from quantmatrix.ingest.model import Instrument, InstrumentType, Line, Record
from quantmatrix.testing.cluster import Cluster, Database
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
    """What the planner knows of the tables when a person's file comes.

    ``FRESH``: all that is there. ``STALE``: what was there when the first sixty persons had come, though
    thousands have come since. ``NONE``: nothing was ever gathered.
    """

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
        traded = fill(
            number + 1,
            1 + number,
            number,
            10 if number % 3 else -5,
            str(100 - number),
            instrument=chosen[number // 3 % 5].key,
        )
        records += [Line(number=traded.line, raw=f"line {traded.line} of {kind}", verdict="row"), traded]
    return records


def move_in(database: Database, people: int, *, first: int = 0, kinds: int = KINDS) -> None:
    """Let ``people`` small persons live in the database, beside ``first`` others; gather no statistics."""
    originals = [Importer(database, f"lived-{first + kind}@example.org") for kind in range(kinds)]
    for kind, original in enumerate(originals):
        original.load(small_file(kind))
    with database.connect() as connection:
        connection.execute("set session_replication_role = replica")
        connection.execute(
            "create temporary table copy as select o.id as original, gen_random_uuid() as person, n as number"
            " from generate_series(%s + 1, %s) n join unnest(%s::uuid[]) with ordinality o (id, place)"
            " on o.place = 1 + n %% %s",
            [first, first + people, [original.user_id for original in originals], kinds],
        )
        with connection.transaction():
            connection.execute(
                "insert into core.users (id, email, display_name, role)"
                " select c.person, 'lived-in-' || c.number || '@example.org', u.display_name, u.role"
                " from copy c join core.users u on u.id = c.original"
            )
            for schema, table, columns in _tables(connection):
                _copy(connection, schema, table, columns)
        _advance(connection, first + people)


@contextmanager
def lived_in(cluster: Cluster, statistics: Statistics, people: int = PEOPLE) -> Iterator[None]:
    """Clone databases of the cluster from one in which ``people`` live; autovacuum must be off."""
    with cluster.database() as database:
        before = cluster.template
        populate(database, statistics, people)
        cluster.template = database.name
        try:
            yield
        finally:
            cluster.template = before


def populate(database: Database, statistics: Statistics, people: int = PEOPLE) -> None:
    """Let ``people`` live in the database, and bring about what the planner knows."""
    few = min(people, 60)
    move_in(database, few)
    if statistics is Statistics.STALE:
        _analyze(database)
    if people > few:
        move_in(database, people - few, first=few)
    if statistics is Statistics.FRESH:
        _analyze(database)


def _analyze(database: Database) -> None:
    with database.connect() as connection:
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

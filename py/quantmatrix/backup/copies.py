"""Databases that a restore fills before anything counts: closed when made, and swept when left over.

A copy holds what a backup held, people who were erased since included. So nobody but the superuser can
connect to it from the statement that makes it: its connection limit is 0, which holds for all others.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg import sql

from quantmatrix.database.connection import open_connection

Connection = psycopg.Connection[Any]

# A copy's own session holds a lock by its name, so that one whose restore was killed is known by its absence.
_LEFT = """
    select d.datname
    from pg_catalog.pg_database d
    where d.datname ~ '^quantmatrix_restore_[0-9a-f]{12}(_empty)?$'
    and not exists (
        select
        from pg_catalog.pg_locks l
        where l.locktype = 'advisory'
        and l.objsubid = 1
        and l.granted
        and (l.classid::bigint << 32 | l.objid::bigint)
            = hashtextextended(regexp_replace(d.datname, '_empty$', ''), 0)
    )
    order by d.datname
"""


@contextmanager
def new_copy(administrator: str) -> Iterator[tuple[Connection, str]]:
    """An empty, closed database and the session that keeps it; dropped at the end unless it was renamed.

    ``administrator`` is the superuser's connection string with the maintenance database.
    """
    name = f"quantmatrix_restore_{secrets.token_hex(6)}"
    with open_connection(administrator) as connection:
        connection.execute("select pg_advisory_lock(hashtextextended(%s, 0))", [name])
        try:
            connection.execute(
                sql.SQL("create database {} template template0 encoding 'UTF8' connection limit 0").format(
                    sql.Identifier(name)
                )
            )
            connection.execute(sql.SQL("revoke all on database {} from public").format(sql.Identifier(name)))
            yield connection, name
        finally:
            if not connection.closed:
                drop(connection, name)


def set_aside(connection: Connection, database: str, copy: str) -> str:
    """Close ``database`` and give it a name of ``copy``'s that a sweep finds, in the caller's transaction."""
    aside = f"{copy}_empty"
    connection.execute(sql.SQL("alter database {} connection limit 0").format(sql.Identifier(database)))
    connection.execute(
        sql.SQL("alter database {} rename to {}").format(sql.Identifier(database), sql.Identifier(aside))
    )
    return aside


def take_place(connection: Connection, copy: str, database: str) -> None:
    """Open ``copy`` under the name ``database``, in the caller's transaction."""
    connection.execute(
        sql.SQL("alter database {} rename to {}").format(sql.Identifier(copy), sql.Identifier(database))
    )
    connection.execute(sql.SQL("alter database {} connection limit -1").format(sql.Identifier(database)))


def leftovers(connection: Connection) -> list[str]:
    """Copies that no restore works at. Any login may ask."""
    return [name for (name,) in connection.execute(_LEFT).fetchall()]


def sweep(administrator: str) -> list[str]:
    """Drop copies that a killed restore has left; their names."""
    with open_connection(administrator) as connection:
        left = leftovers(connection)
        for name in left:
            drop(connection, name)
    return left


def drop(connection: Connection, name: str) -> None:
    """Drop a copy, whoever is connected to it."""
    connection.execute(sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(name)))

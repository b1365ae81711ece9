"""The audit log as whoever runs the platform works with it: sealing, its head, and looking at all of it.

Connections are the superuser's, or the migrator's as the owner (``as_owner``).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg

from quantmatrix.database import migrate
from quantmatrix.database.connection import open_connection

CHUNK = 10_000


@contextmanager
def as_owner(migrator_dsn: str) -> Iterator[psycopg.Connection[Any]]:
    """A session of the migrator as the owner of the tables, without a limit of time."""
    with open_connection(migrator_dsn) as connection:
        migrate.require_current(connection)
        connection.execute("set role quantmatrix_owner")
        yield connection


def seal(connection: psycopg.Connection[Any]) -> int:
    """Seal all that is finished, a chunk in each transaction; the number of entries."""
    sealed = 0
    while True:
        row = connection.execute("select audit.seal(%s)", [CHUNK]).fetchone()
        entries = int(row[0]) if row else 0
        sealed += entries
        if entries < CHUNK:
            return sealed


def head(connection: psycopg.Connection[Any]) -> str | None:
    """The newest link as POSITION:DIGEST, None where nothing is sealed.

    From the table, as a database that waits for its migration has not yet the function.
    """
    row = connection.execute(
        "select l.position || ':' || encode(l.link_digest, 'hex') from audit.links l"
        " order by l.position desc limit 1"
    ).fetchone()
    return str(row[0]) if row else None


def verify(connection: psycopg.Connection[Any], noted: str | None) -> dict[str, Any]:
    """Look at the whole log; as ``audit.verify`` answers."""
    row = connection.execute("select audit.verify(%s)", [noted]).fetchone()
    assert row is not None
    return dict(row[0])


def state(connection: psycopg.Connection[Any]) -> dict[str, Any]:
    """How far the chain reaches, without reading it; as ``audit.state`` answers."""
    row = connection.execute("select audit.state()").fetchone()
    assert row is not None
    return dict(row[0])


@contextmanager
def new_epoch(dsn: str, reason: str) -> Iterator[None]:
    """Begin an epoch where a dump was restored: before the block, which may migrate and so write entries."""
    with open_connection(dsn) as connection:
        row = connection.execute(
            "select 1 + greatest((select max(id) from core.audit_logs),"
            " (select max(log_id) from audit.links), 0)"
        ).fetchone()
    assert row is not None
    yield
    with open_connection(dsn) as connection:
        connection.execute("select audit.open_epoch(%s, %s)", [reason, row[0]])

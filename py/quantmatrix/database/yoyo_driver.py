"""yoyo's bookkeeping, kept by steps of our own, so that ``yoyo`` itself finds what it needs.

What yoyo would do by itself, and what is done here instead:

- It marks a migration on another connection than the one that ran it, and after that has ended, so that a
  kill leaves one which is there and not marked. Here both are one transaction, on the connection that holds
  the lock of ``migrate`` (`_Bookkeeping`).
- It sends a file statement by statement, which loses the place of an error and leaves a savepoint for each.
  Here a file is sent whole, unless it cannot run in a transaction (`_apply`).
- It knows a migration by its name alone. Our record beside its mark has the checksum (``ledger``).
- Its own command may end before its hook, which it never calls again (`_agree`).
- Its lock is a row, which stays when its holder is killed (`apply`).
- Each start creates a table and drops it, to learn what PostgreSQL can; each step asks for the names of the
  user and of the machine, which fails where there is none. None of this is called here.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import psycopg
from yoyo.backends.core.postgresql import PostgresqlPsycopgBackend
from yoyo.connections import DatabaseURI
from yoyo.migrations import (
    Migration,
    default_migration_table,
    parse_metadata_from_sql_comments,
    read_sql_migration,
)

from quantmatrix import resources
from quantmatrix.database import checksums, ledger, repeatable
from quantmatrix.database.gate import Gate, close

Connection = psycopg.Connection[Any]


class _Bookkeeping(PostgresqlPsycopgBackend):  # type: ignore[misc]
    """yoyo's tables, by a connection of ours: its own would have neither our role nor our transaction."""

    schema = ledger.SCHEMA

    def __init__(self, connection: Connection) -> None:
        self._ours = connection
        address = DatabaseURI("postgresql+psycopg", None, None, None, None, connection.info.dbname, {})
        super().__init__(address, default_migration_table)

    def connect(self, _: DatabaseURI) -> Connection:
        """The connection that there is."""
        return self._ours


def apply(connection: Connection, chain: dict[str, str], gate: Gate) -> None:
    """Make the tables of a new database from ``db/schema``; give an old one what it lacks of ``chain``.

    The caller holds the lock, so a row of yoyo's lock can only be left from a run that was killed.
    """
    books = _Bookkeeping(connection)
    if books.lock_table not in books.list_tables():
        books.create_lock_table()
    books.break_lock()
    _agree(connection, books, chain)
    done = ledger.applied(connection)
    if not done:
        gate.narrate("making the tables")
        _make(connection, books, chain)
    for name in chain:
        if done and name not in done:
            gate.narrate(f"applying {name}")
            gate.pass_through(partial(_apply, connection, books, name, chain[name]))
    # yoyo names its tables without a schema; what follows names all that it means.
    connection.execute("reset search_path")


def after_bare_yoyo(connection: Connection) -> None:
    """What ``migrations/post-apply.py`` does after yoyo's own command, in yoyo's transaction."""
    connection.execute(f"set local role {repeatable.OWNER}")
    ledger.prepare(connection)
    _agree(connection, _Bookkeeping(connection), checksums.verified(resources.migrations_directory()))
    repeatable.apply(connection)


def _agree(connection: Connection, books: _Bookkeeping, chain: dict[str, str]) -> None:
    """Add a mark to a record that has none, and a record to a mark: one of them says that it is applied."""
    marked = set(books.get_applied_migration_hashes())
    recorded = ledger.applied(connection)
    with connection.transaction():
        for name in chain:
            if name in recorded and _migration(name).hash not in marked:
                books.mark_one(_migration(name), log=False)
            elif name not in recorded and _migration(name).hash in marked:
                ledger.record(connection, name, chain[name])


def _make(connection: Connection, books: _Bookkeeping, chain: dict[str, str]) -> None:
    with connection.transaction():
        for path in resources.schema_files():
            repeatable.run_file(connection, path)
        for name in chain:
            _record(connection, books, name, chain[name])


def _apply(connection: Connection, books: _Bookkeeping, name: str, link: str) -> None:
    path = resources.migrations_directory() / name
    directives, _, _ = parse_metadata_from_sql_comments(path.read_text(encoding="utf-8"))
    if directives.get("transactional", "true").strip().lower() == "false":
        for statement in read_sql_migration(str(path))[2]:
            connection.execute(statement.encode())
        with connection.transaction():
            _record(connection, books, name, link)
        return
    with connection.transaction():
        close(connection)
        repeatable.run_file(connection, path)
        _record(connection, books, name, link)


def _record(connection: Connection, books: _Bookkeeping, name: str, link: str) -> None:
    """Mark and record ``name`` in the caller's transaction."""
    ledger.record(connection, name, link)
    books.mark_one(_migration(name), log=False)


def _migration(name: str) -> Migration:
    """What yoyo calls the file: all that it keeps of it is the name."""
    return Migration(Path(name).stem, name, "")

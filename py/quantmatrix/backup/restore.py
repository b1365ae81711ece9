"""Puts a backup back: into a database beside, proved there, and only then in the place of the empty one."""

from __future__ import annotations

import secrets
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from quantmatrix import resources
from quantmatrix.backup.make import client_environment
from quantmatrix.backup.manifest import Manifest, count, read
from quantmatrix.database import checksums, migrate
from quantmatrix.database.connection import open_connection
from quantmatrix.errors import ExitCode, Problem
from quantmatrix.local import LOCAL_EMAIL
from quantmatrix.services import bootstrap
from quantmatrix.services.binaries import find_postgres
from quantmatrix.services.environment import Environment

# Tables that are empty before anybody used a database: those of persons, and what persons bring.
_EMPTY = """
    select format('%I.%I', n.nspname, c.relname)
    from pg_class c
    join pg_namespace n on n.oid = c.relnamespace
    where c.relkind = 'r'
    and n.nspname in ('core', 'tax', 'ingest', 'auth')
    and c.relname <> 'audit_logs'
    and (
        (n.nspname = 'core' and c.relname in ('users', 'instruments', 'market_data'))
        or exists (select from pg_attribute a where a.attrelid = c.oid and a.attname = 'user_id')
    )
    order by 1
"""


def verify(environment: Environment, path: Path) -> Manifest:
    """Prove that ``path`` can be restored: into a database beside, which is dropped again."""
    manifest = _known(path)
    with _beside(environment, path) as restored:
        _prove(environment, restored, manifest, path)
    return manifest


def restore(environment: Environment, path: Path) -> Manifest:
    """Put ``path`` in the place of the empty database. Raises ``Problem``; the database is untouched then."""
    manifest = _known(path)
    _require_empty(environment)
    with _beside(environment, path) as restored:
        _prove(environment, restored, manifest, path)
        with open_connection(_named(environment.superuser_dsn, "postgres")) as connection:
            bootstrap.secure_database(connection, restored)
        migrate.up(_named(environment.migrator_dsn, restored))
        _swap(environment, restored)
    return manifest


def _known(path: Path) -> Manifest:
    """The manifest, if this program knows the schema it describes."""
    manifest = read(path)
    chain = checksums.recorded(resources.migrations_directory())
    for name, recorded in manifest.migrations.items():
        if chain.get(name) != recorded:
            newer = name not in chain
            raise Problem(
                "the backup is newer than this program"
                if newer
                else "the backup was made with another migration",
                where=f"{path}, migration {name}",
                why="this program does not know it"
                if newer
                else "its checksum is not the one of this program",
                unchanged="the database was not touched",
                next_step=f"restore it with quantmatrix {manifest.program} or newer",
                exit_code=ExitCode.MIGRATION_NEEDED,
            )
    return manifest


def _require_empty(environment: Environment) -> None:
    with open_connection(environment.superuser_dsn) as connection:
        for (table,) in connection.execute(_EMPTY).fetchall():
            condition = f" where email <> '{LOCAL_EMAIL}'" if table == "core.users" else ""
            found = connection.execute(f"select from {table}{condition} limit 1".encode()).rowcount
            if found:
                raise Problem(
                    "the database holds data",
                    where=f"table {table}",
                    why="a backup is restored into an empty database only",
                    unchanged="the database was not touched",
                    next_step="name another place with --data-dir or --database-url; "
                    "quantmatrix restore --verify FILE tells whether the backup is good",
                    exit_code=ExitCode.REFUSED,
                )


@contextmanager
def _beside(environment: Environment, path: Path) -> Iterator[str]:
    """A new database with the backup in it; dropped at the end unless it took another name."""
    name = f"quantmatrix_restore_{secrets.token_hex(6)}"
    administrator = _named(environment.superuser_dsn, "postgres")
    with open_connection(administrator) as connection:
        connection.execute(
            sql.SQL("create database {} template template0 encoding 'UTF8'").format(sql.Identifier(name))
        )
        try:
            done = subprocess.run(
                [find_postgres().program("pg_restore"), "--exit-on-error", f"--dbname={name}", str(path)],
                capture_output=True,
                env=client_environment(administrator),
                check=False,
            )
            if done.returncode != 0:
                raise _damaged(path, " ".join(done.stderr.decode("utf-8", "replace").split())[:2000])
            yield name
        finally:
            connection.execute(
                sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(name))
            )


def _prove(environment: Environment, database: str, manifest: Manifest, path: Path) -> None:
    with open_connection(_named(environment.superuser_dsn, database)) as connection, connection.transaction():
        found = {table.table: table for table in count(connection)}
    for table in manifest.tables:
        if found.pop(table.table, None) != table:
            raise _damaged(path, f"table {table.table} does not have the {table.rows} rows that were saved")
    if found:
        raise _damaged(path, f"table {min(found)} is not among those that were saved")


def _swap(environment: Environment, restored: str) -> None:
    database = str(conninfo_to_dict(environment.superuser_dsn)["dbname"])
    aside = f"{restored}_empty"
    environment.stop_api()
    rename = sql.SQL("alter database {} rename to {}")
    with open_connection(_named(environment.superuser_dsn, "postgres")) as connection:
        try:
            with connection.transaction():
                connection.execute(rename.format(sql.Identifier(database), sql.Identifier(aside)))
                connection.execute(rename.format(sql.Identifier(restored), sql.Identifier(database)))
        except psycopg.errors.ObjectInUse as error:
            raise Problem(
                "others work in the empty database",
                why=error.diag.message_detail,
                unchanged="the database was not touched",
                next_step="stop PostgREST and every other session, then run it again",
            ) from None
        connection.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(aside)))


def _damaged(path: Path, why: str) -> Problem:
    return Problem(
        "the backup cannot be restored",
        where=str(path),
        why=why,
        unchanged="the database was not touched",
        next_step="use another copy of this file, or an older backup",
        exit_code=ExitCode.REFUSED,
    )


def _named(dsn: str, database: str) -> str:
    return make_conninfo(dsn, dbname=database)

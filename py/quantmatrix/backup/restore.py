"""Puts a backup back: into a database beside, proved there, and only then in the place of the empty one."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from quantmatrix import resources
from quantmatrix.backup import copies
from quantmatrix.backup.copies import Connection
from quantmatrix.backup.make import client_environment, clients_for
from quantmatrix.backup.manifest import LEFT_OUT, Manifest, count, read
from quantmatrix.backup.sealed import Secrets, opened
from quantmatrix.database import chain, checksums, migrate
from quantmatrix.database.connection import open_connection
from quantmatrix.errors import ExitCode, Problem
from quantmatrix.local import LOCAL_EMAIL
from quantmatrix.services import bootstrap, signing
from quantmatrix.services.environment import Environment

NONE = Secrets()
_CHUNK = 256 * 1024
# Each of some thousand statements would wait for the disk. The copy counts when it is renamed, and that waits
# for all that was written before.
_IN_A_HURRY = {"PGOPTIONS": "-c synchronous_commit=off"}

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


def verify(environment: Environment, path: Path, secrets: Secrets = NONE) -> Manifest:
    """Prove that ``path`` can be restored: into a database beside, which is dropped again."""
    with opened(path, secrets) as stream:
        manifest = _known(stream, path)
        with _beside(environment, stream, manifest, path) as (_, restored):
            _prove(environment, restored, manifest, path)
    return manifest


def restore(environment: Environment, path: Path, secrets: Secrets = NONE) -> Manifest:
    """Put ``path`` in the place of the empty database. Raises ``Problem``; the database is untouched then."""
    with opened(path, secrets) as stream:
        manifest = _known(stream, path)
        _require_empty(environment)
        with _beside(environment, stream, manifest, path) as (connection, restored):
            _prove(environment, restored, manifest, path)
            bootstrap.secure_database(connection, restored)
            administrator = _named(environment.superuser_dsn, restored)
            with open_connection(administrator) as inside:
                bootstrap.install_extension(inside)
            # By the superuser, as nobody else may connect yet.
            with chain.new_epoch(administrator, "restored from a backup"):
                migrate.up(administrator)
            _begin_anew(environment, administrator)
            _swap(environment, connection, restored)
    return manifest


def _begin_anew(environment: Environment, restored: str) -> None:
    """What a restored database must not go on with: keys, and the key of the counters' digests."""
    with open_connection(restored) as connection, connection.transaction():
        connection.execute("delete from auth.signing_keys")
        connection.execute(
            "update auth.settings set secret ="
            " sha256(convert_to(gen_random_uuid()::text || gen_random_uuid()::text, 'UTF8'))"
        )
    key_set = environment.key_set_file
    if key_set is not None:
        signing.load(restored, key_set)


def _known(stream: BinaryIO, path: Path) -> Manifest:
    """The manifest, if this program knows the schema it describes."""
    manifest = read(stream, path)
    known = checksums.recorded(resources.migrations_directory())
    for name, recorded in manifest.migrations.items():
        if known.get(name) != recorded:
            newer = name not in known
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
def _beside(
    environment: Environment, stream: BinaryIO, manifest: Manifest, path: Path
) -> Iterator[tuple[Connection, str]]:
    """A closed copy with the backup in it, and the session that keeps it; dropped unless it was renamed."""
    administrator = _named(environment.superuser_dsn, "postgres")
    sweep(environment)
    with copies.new_copy(administrator) as (connection, name):
        said = _fill(connection, _named(administrator, name), stream, manifest)
        if said is not None:
            raise _damaged(path, said)
        yield connection, name


def _fill(connection: Connection, copy: str, stream: BinaryIO, manifest: Manifest) -> str | None:
    """pg_restore what stands before the manifest, by a pipe; what it said where it failed."""
    command = [clients_for(connection).program("pg_restore"), "--exit-on-error"]
    command.append(f"--dbname={conninfo_to_dict(copy)['dbname']}")
    stream.seek(0)
    left = manifest.dump_bytes
    with tempfile.TemporaryFile() as said:
        with subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=said,
            stderr=said,
            env=client_environment(copy) | _IN_A_HURRY,
        ) as process:
            assert process.stdin is not None
            # It ends early where it fails; what it says then is the reason, not the broken pipe.
            with suppress(BrokenPipeError):
                while left > 0 and (chunk := stream.read(min(_CHUNK, left))):
                    process.stdin.write(chunk)
                    left -= len(chunk)
            with suppress(BrokenPipeError):
                process.stdin.close()
        said.seek(0)
        if process.returncode == 0:
            return None
        return " ".join(said.read().decode("utf-8", "replace").split())[:2000]


def _prove(environment: Environment, database: str, manifest: Manifest, path: Path) -> None:
    with open_connection(_named(environment.superuser_dsn, database)) as connection, connection.transaction():
        found = {table.table: table for table in count(connection)}
    for table in manifest.tables:
        if table.table in LEFT_OUT:
            continue
        if found.pop(table.table, None) != table:
            raise _damaged(path, f"table {table.table} does not have the {table.rows} rows that were saved")
    if found:
        raise _damaged(path, f"table {min(found)} is not among those that were saved")


def _swap(environment: Environment, connection: Connection, restored: str) -> None:
    database = str(conninfo_to_dict(environment.superuser_dsn)["dbname"])
    environment.stop_api()
    _require_empty(environment)
    try:
        with connection.transaction():
            aside = copies.set_aside(connection, database, restored)
            copies.take_place(connection, restored, database)
    except psycopg.errors.ObjectInUse as error:
        raise Problem(
            "others work in the empty database",
            why=error.diag.message_detail,
            unchanged="the database was not touched",
            next_step="stop PostgREST and every other session, then run it again",
        ) from None
    copies.drop(connection, aside)


def _damaged(path: Path, why: str) -> Problem:
    return Problem(
        "the backup cannot be restored",
        where=str(path),
        why=why,
        unchanged="the database was not touched",
        next_step="use another copy of this file, or an older backup",
        exit_code=ExitCode.REFUSED,
    )


def sweep(environment: Environment) -> list[str]:
    """Drop the copies that a killed restore has left; their names."""
    return copies.sweep(_named(environment.superuser_dsn, "postgres"))


def _named(dsn: str, database: str) -> str:
    return make_conninfo(dsn, dbname=database)

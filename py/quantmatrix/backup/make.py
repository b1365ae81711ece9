"""Takes a backup: pg_dump and the manifest see the same snapshot."""

from __future__ import annotations

import os
import subprocess
from datetime import UTC, datetime
from pathlib import Path

from psycopg import IsolationLevel
from psycopg.conninfo import conninfo_to_dict

from quantmatrix import __version__
from quantmatrix.backup.manifest import Manifest, append, applied, count, file_digest
from quantmatrix.database import chain
from quantmatrix.database.connection import open_connection
from quantmatrix.errors import ExitCode, Problem
from quantmatrix.services.binaries import find_postgres
from quantmatrix.services.environment import Environment

_VARIABLES = {
    "host": "PGHOST",
    "port": "PGPORT",
    "user": "PGUSER",
    "password": "PGPASSWORD",
    "dbname": "PGDATABASE",
}


def client_environment(dsn: str, **changed: str) -> dict[str, str]:
    """Environment of PostgreSQL's own programs for ``dsn``; the password is on no command line."""
    parts = conninfo_to_dict(dsn) | changed
    own = {variable: str(parts[name]) for name, variable in _VARIABLES.items() if parts.get(name) is not None}
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
    return kept | own | {"PGCONNECT_TIMEOUT": "10", "PGAPPNAME": "quantmatrix"}


def default_path(environment: Environment) -> Path:
    """Where a backup goes that nobody named: a new file in the data directory."""
    folder = environment.data_dir / "backups"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder / f"{datetime.now(UTC):%Y%m%d-%H%M%S-%f}.backup"


def backup(environment: Environment, path: Path) -> Manifest:
    """Write the whole database to the new file ``path``, whole or not at all. Raises ``Problem``."""
    if path.exists():
        raise Problem(
            "the file exists",
            where=str(path),
            unchanged="no backup was taken, and the file is as it was",
            next_step="name a new file",
            exit_code=ExitCode.USAGE,
        )
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        manifest = _dump(environment.superuser_dsn, partial)
        append(partial, manifest)
        with partial.open("rb") as stream:
            os.fsync(stream.fileno())
        partial.rename(path)
    finally:
        partial.unlink(missing_ok=True)
    return manifest


def _dump(dsn: str, path: Path) -> Manifest:
    with open_connection(dsn) as connection:
        chain.seal(connection)
    with open_connection(dsn, autocommit=False) as connection:
        connection.isolation_level = IsolationLevel.REPEATABLE_READ
        connection.read_only = True
        with connection.transaction():
            snapshot = connection.execute("select pg_export_snapshot()").fetchone()
            assert snapshot is not None
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "wb") as stream:
                done = subprocess.run(
                    [find_postgres().program("pg_dump"), "--format=custom", "--no-unlogged-table-data",
                     f"--snapshot={snapshot[0]}"],
                    stdout=stream,
                    stderr=subprocess.PIPE,
                    env=client_environment(dsn),
                    check=False,
                )  # fmt: skip
            if done.returncode != 0:
                raise Problem(
                    "the backup failed",
                    where="pg_dump",
                    why=" ".join(done.stderr.decode("utf-8", "replace").split())[:2000],
                    unchanged="the database is as it was, and no file is left",
                    next_step="make room, or use a PostgreSQL that is not older than the server",
                )
            tables = count(connection)
            migrations = applied(connection)
            audit_head = chain.head(connection)
    with path.open("rb") as stream:
        size = stream.seek(0, 2)
        return Manifest(
            made_at=datetime.now(UTC).isoformat(timespec="seconds"),
            program=__version__,
            postgres=find_postgres().version,
            migrations=migrations,
            tables=tables,
            dump_bytes=size,
            dump_sha256=file_digest(stream, size),
            audit_head=audit_head,
        )

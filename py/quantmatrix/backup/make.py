"""Takes a backup: pg_dump and the manifest see the same snapshot."""

from __future__ import annotations

import hashlib
import os
import subprocess
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

import psycopg
from psycopg import IsolationLevel
from psycopg.conninfo import conninfo_to_dict

from quantmatrix import __version__
from quantmatrix.backup.manifest import LEFT_OUT, Manifest, append, applied, count
from quantmatrix.backup.new_file import new_file
from quantmatrix.backup.sealed import Sealing, Secret
from quantmatrix.database import chain
from quantmatrix.database.connection import open_connection
from quantmatrix.errors import Problem
from quantmatrix.services.binaries import Clients, find_clients
from quantmatrix.services.environment import Environment

_VARIABLES = {
    "host": "PGHOST",
    "port": "PGPORT",
    "user": "PGUSER",
    "password": "PGPASSWORD",
    "dbname": "PGDATABASE",
}
_CHUNK = 256 * 1024


@dataclass(frozen=True)
class Dump:
    """An archive as it was written: its program, length and digest."""

    postgres: str
    length: int
    sha256: str


def client_environment(dsn: str, **changed: str) -> dict[str, str]:
    """Environment of PostgreSQL's own programs for ``dsn``; the password is on no command line."""
    parts = conninfo_to_dict(dsn) | changed
    own = {variable: str(parts[name]) for name, variable in _VARIABLES.items() if parts.get(name) is not None}
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
    return kept | own | {"PGCONNECT_TIMEOUT": "10", "PGAPPNAME": "quantmatrix"}


def clients_for(connection: psycopg.Connection[tuple[object, ...]]) -> Clients:
    """The programs that fit the server of ``connection``."""
    return find_clients(connection.info.server_version // 10000)


def default_path(environment: Environment, folder: Path | None = None) -> Path:
    """Where a backup goes that nobody named: a new file in ``folder``, or in the data directory."""
    folder = folder or environment.data_dir / "backups"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder / f"quantmatrix-{datetime.now(UTC):%Y%m%d-%H%M%S-%f}.backup"


def backup(environment: Environment, path: Path, secret: Secret | None = None) -> Manifest:
    """Write the whole database to the new file ``path``, whole or not at all; sealed with ``secret``."""
    with new_file(path) as stream:
        sealing = Sealing(stream, secret) if secret else None
        sink: BinaryIO = sealing or stream  # type: ignore[assignment]
        manifest = _save(environment.superuser_dsn, sink)
        append(sink, manifest)
        if sealing:
            sealing.finish()
    return manifest


def _save(dsn: str, sink: BinaryIO) -> Manifest:
    with open_connection(dsn) as connection:
        chain.seal(connection)
    with open_connection(dsn, autocommit=False) as connection:
        connection.isolation_level = IsolationLevel.REPEATABLE_READ
        connection.read_only = True
        with connection.transaction():
            row = connection.execute("select pg_export_snapshot()").fetchone()
            assert row is not None
            dump = _dump(dsn, clients_for(connection), row[0], sink)
            tables = count(connection)
            migrations = applied(connection)
            audit_head = chain.head(connection)
    return Manifest(
        made_at=datetime.now(UTC).isoformat(timespec="seconds"),
        program=__version__,
        postgres=dump.postgres,
        migrations=migrations,
        tables=tables,
        dump_bytes=dump.length,
        dump_sha256=dump.sha256,
        audit_head=audit_head,
    )


def _dump(dsn: str, clients: Clients, snapshot: str, sink: BinaryIO) -> Dump:
    """pg_dump into ``sink``, by a pipe: it ends when this program does, and nothing is on a disk in clear."""
    command = [clients.program("pg_dump"), "--format=custom", "--no-unlogged-table-data"]
    command += [f"--snapshot={snapshot}", *(f"--exclude-table-data={table}" for table in LEFT_OUT)]
    digest, length = hashlib.sha256(), 0
    with tempfile.TemporaryFile() as said:
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=said, env=client_environment(dsn)
        ) as process:
            assert process.stdout is not None
            try:
                while chunk := process.stdout.read(_CHUNK):
                    sink.write(chunk)
                    digest.update(chunk)
                    length += len(chunk)
            except BaseException:
                process.kill()
                raise
        said.seek(0)
        if process.returncode != 0:
            raise Problem(
                "the backup failed",
                where="pg_dump",
                why=" ".join(said.read().decode("utf-8", "replace").split())[:2000],
                unchanged="the database is as it was, and no file is left",
                next_step="see that the server runs and that there is room, then run it again",
            )
    return Dump(clients.version, length, digest.hexdigest())

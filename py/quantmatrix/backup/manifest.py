"""What a backup says of itself, and where that stands: behind the end of pg_dump's archive.

``pg_restore`` reads the archive by its own table of contents and does not look further, so the file stays an
ordinary custom-format dump, and the manifest cannot be lost from beside it.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, BinaryIO, NoReturn

import psycopg
from psycopg import sql

from quantmatrix.errors import ExitCode, Problem

MAGIC = b"quantmatrix-backup-1\n"
_LENGTH_DIGITS = 12
_LONGEST_MANIFEST = 16 * 1024 * 1024
_CHUNK = 1024 * 1024
# Tables that are empty in every backup: keys that sign tokens, which are loaded from their file; mails on
# their way and unfinished sign-ins elsewhere, which hold secrets that are good for minutes; workers, which
# live beside the database that was saved and not beside its copy.
LEFT_OUT = ("auth.signing_keys", "auth.mails", "auth.oauth_requests", "work.heartbeats")


@dataclass(frozen=True)
class TableCount:
    """A table, its rows, and a digest of them that does not depend on their order."""

    table: str
    rows: int
    digest: str


@dataclass(frozen=True)
class Manifest:
    """``migrations``: applied ones with their chained checksums; ``dump_sha256``: of the archive alone;
    ``audit_head``: the newest link of the audit log, which must stand in its chain ever after."""

    made_at: str
    program: str
    postgres: str
    migrations: dict[str, str]
    tables: tuple[TableCount, ...]
    dump_bytes: int
    dump_sha256: str
    audit_head: str | None = None

    @property
    def schema_version(self) -> str:
        """The last migration."""
        return max(self.migrations, default="none").removesuffix(".sql")

    @property
    def rows(self) -> int:
        """Rows of all tables."""
        return sum(table.rows for table in self.tables)


def count(connection: psycopg.Connection[Any]) -> tuple[TableCount, ...]:
    """All stored tables with rows and digests, as the superuser's ``connection`` sees them in its snapshot.

    Staging is not among them, as it is unlogged and empty between loads, and neither is what is left out.
    """
    connection.execute("set local timezone = 'UTC'")
    connection.execute("set local datestyle = 'ISO, YMD'")
    connection.execute("set local intervalstyle = 'postgres'")
    connection.execute("set local extra_float_digits = 1")
    names = connection.execute(
        """
        select n.nspname, c.relname
        from pg_class c
        join pg_namespace n on n.oid = c.relnamespace
        where c.relkind = 'r'
        and c.relpersistence = 'p'
        and n.nspname <> 'information_schema'
        and n.nspname not like 'pg\\_%'
        order by 1, 2
        """
    ).fetchall()
    return tuple(
        _count(connection, schema, name) for schema, name in names if f"{schema}.{name}" not in LEFT_OUT
    )


def _count(connection: psycopg.Connection[Any], schema: str, name: str) -> TableCount:
    query = sql.SQL(
        "select count(*), coalesce(sum(('x' || left(md5(t::text), 15))::bit(60)::bigint), 0)::text from {} t"
    ).format(sql.Identifier(schema, name))
    row = connection.execute(query).fetchone()
    assert row is not None
    return TableCount(f"{schema}.{name}", row[0], row[1])


def applied(connection: psycopg.Connection[Any]) -> dict[str, str]:
    """Migrations that the database records, with their checksums."""
    return dict(
        connection.execute("select m.name, m.chain from migrations.applied m order by m.name").fetchall()
    )


def file_digest(stream: BinaryIO, length: int) -> str:
    """SHA-256 of the first ``length`` bytes."""
    whole = hashlib.sha256()
    stream.seek(0)
    while length > 0 and (chunk := stream.read(min(_CHUNK, length))):
        whole.update(chunk)
        length -= len(chunk)
    return whole.hexdigest()


def append(stream: BinaryIO, manifest: Manifest) -> None:
    """Write the manifest behind the archive."""
    text = json.dumps(asdict(manifest)).encode()
    stream.write(text + f"{len(text):0{_LENGTH_DIGITS}d}".encode() + MAGIC)


def read(stream: BinaryIO, path: Path) -> Manifest:
    """The manifest of the backup in ``stream``, the content of ``path``, if its archive is undamaged.

    Raises ``Problem`` (exit 5).
    """
    tail = _LENGTH_DIGITS + len(MAGIC)
    size = stream.seek(0, 2)
    if size < tail:
        refuse(path, "this is no backup of quantmatrix", "it is too short")
    stream.seek(size - tail)
    end = stream.read(tail)
    if end[_LENGTH_DIGITS:] != MAGIC or not end[:_LENGTH_DIGITS].isdigit():
        refuse(path, "this is no whole backup of quantmatrix", "the manifest at its end is missing")
    length = int(end[:_LENGTH_DIGITS])
    if length > min(_LONGEST_MANIFEST, size - tail):
        refuse(path, "the backup is damaged", "its manifest has no possible length")
    stream.seek(size - tail - length)
    try:
        said = json.loads(stream.read(length))
        tables = tuple(TableCount(**table) for table in said.pop("tables"))
        manifest = Manifest(**said, tables=tables)
    except (ValueError, TypeError, KeyError):
        refuse(path, "the backup is damaged", "its manifest cannot be read")
    if manifest.dump_bytes != size - tail - length:
        refuse(path, "the backup is damaged", "its length is not the one it was written with")
    if file_digest(stream, manifest.dump_bytes) != manifest.dump_sha256:
        refuse(path, "the backup is damaged", "its digest is not the one it was written with")
    return manifest


def refuse(path: Path, what: str, why: str) -> NoReturn:
    """Raise the ``Problem`` of a file that cannot be a backup, or is not whole any more."""
    raise Problem(
        what,
        where=str(path),
        why=why,
        unchanged="the database was not touched",
        next_step="use another copy of this file, or an older backup",
        exit_code=ExitCode.REFUSED,
    )

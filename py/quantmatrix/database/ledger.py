"""What the database knows of its migrations: the schema ``migrations``, beside yoyo's own tables.

yoyo marks a migration in another transaction than the one that ran it, and by its file name alone. Our row is
written in the migration's own transaction, with the chained checksum, so it is there exactly when the
migration is.
"""

from __future__ import annotations

from typing import Any

import psycopg

SCHEMA = "migrations"

TABLES = """
create schema if not exists migrations; comment on schema migrations is 'Which migrations were applied, and
which functions and policies are in force.';

create table if not exists migrations.applied (
    name text not null,
    chain text not null,
    applied_at timestamptz not null default now(),
    applied_by text not null default session_user,
    constraint applied_pkey primary key (name),
    constraint applied_chain_is_a_digest check (chain ~ '^[0-9a-f]{64}$')
); comment on table migrations.applied is 'One row for each migration, written in the transaction that applied
it.'; comment on column migrations.applied.name is 'File name.'; comment on column migrations.applied.chain is
'Checksum of the file chained to all before it, as in migrations/CHECKSUMS.'; comment on column
migrations.applied.applied_at is 'When.'; comment on column migrations.applied.applied_by is 'Login that
applied it.';

create table if not exists migrations.repeatable (
    only_row boolean not null default true,
    digest text not null,
    applied_at timestamptz not null default now(),
    applied_by text not null default session_user,
    constraint repeatable_pkey primary key (only_row),
    constraint repeatable_has_one_row check (only_row),
    constraint repeatable_digest_is_a_digest check (digest ~ '^[0-9a-f]{64}$')
); comment on table migrations.repeatable is 'The functions, views, policies and grants in force, applied
whole after each migration.'; comment on column migrations.repeatable.only_row is 'Always true.'; comment on
column migrations.repeatable.digest is 'SHA-256 over the names and contents of their files.'; comment on
column migrations.repeatable.applied_at is 'When.'; comment on column migrations.repeatable.applied_by is
'Login that applied them.';
"""
# Whoever opens a session looks whether the database is at its version.
GRANTS = """
grant usage on schema migrations to authenticator, quantmatrix_migrator, quantmatrix_service;
grant select on migrations.applied, migrations.repeatable
to authenticator, quantmatrix_migrator, quantmatrix_service;
"""

Connection = psycopg.Connection[Any]


def prepare(connection: Connection) -> None:
    """Make the bookkeeping tables if they are missing. The session acts as the owner."""
    with connection.transaction():
        if not exists(connection):
            connection.execute(TABLES)
        connection.execute(GRANTS)


def exists(connection: Connection) -> bool:
    """Whether this database was ever migrated."""
    found = connection.execute("select to_regclass('migrations.repeatable') is not null").fetchone()
    return bool(found and found[0])


def applied(connection: Connection) -> dict[str, str]:
    """File name to chained checksum of the applied migrations, in order."""
    rows = connection.execute("select a.name, a.chain from migrations.applied a order by a.name").fetchall()
    return dict(rows)


def record(connection: Connection, name: str, chain: str) -> None:
    """Write that ``name`` is applied, in the caller's transaction."""
    connection.execute(
        "insert into migrations.applied (name, chain) values (%s, %s) on conflict (name) do nothing",
        (name, chain),
    )


def repeatable_digest(connection: Connection) -> str | None:
    """Digest of the functions and policies in force; None before the first time."""
    found = connection.execute("select r.digest from migrations.repeatable r").fetchone()
    return str(found[0]) if found else None


def record_repeatable(connection: Connection, digest: str) -> None:
    """Write that the functions and policies with ``digest`` are in force, in the caller's transaction."""
    connection.execute(
        "insert into migrations.repeatable as r (digest) values (%s) on conflict (only_row)"
        " do update set digest = excluded.digest, applied_at = now(), applied_by = session_user",
        (digest,),
    )

"""What an administrator does once for a server, and may repeat: roles, passwords, database, extension."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

from quantmatrix import resources
from quantmatrix.errors import Problem
from quantmatrix.services.credentials import AUTHENTICATOR, LOGINS, MIGRATOR

DATABASE = "quantmatrix"
OWNER = "quantmatrix_owner"
# Who may open a session: our own logins, people with direct SQL as members of a role.
MAY_CONNECT = (*LOGINS, "quantmatrix_backup", "quantmatrix_user", "quantmatrix_readonly")
# A lock has a number that anybody can work out: whoever may lock may keep others from what waits for it, from
# signing in, syncing, migrating. Large objects and messages in the write-ahead log fill the disk. Where the
# administrator may not revoke these, the server warns and goes on.
MAY_LOCK = (AUTHENTICATOR, MIGRATOR, OWNER, "quantmatrix_keeper")
CLOSE = """
do $$
declare
    v_function record;
begin
    for v_function in
        select p.oid::regprocedure as name, p.proname ~ 'advisory' as locks
        from pg_catalog.pg_proc p
        where p.pronamespace = 'pg_catalog'::regnamespace
        and p.proname ~ '^(pg_(try_)?advisory_|lo_|loread$|lowrite$|pg_logical_emit_message$)'
    loop
        execute format('revoke execute on function %s from public', v_function.name);
        if v_function.locks then
            execute format('grant execute on function %s to {roles}', v_function.name);
        end if;
    end loop;
end
$$
"""
MAY_HASH = (OWNER, "quantmatrix_writer", "quantmatrix_engine", "quantmatrix_keeper")


# Databases that every cluster has: nobody's work is there. New ones are copies of template1, the rights on
# its functions included. Nobody can connect to template0.
MAINTENANCE = ("postgres", "template1")
LOCK_WAIT = "60s"
# Sessions of people in a database where they have no work; what they locked there is free again.
END_OTHERS = """
select pg_catalog.pg_terminate_backend(a.pid)
from pg_catalog.pg_stat_activity a
where a.datname = current_database()
and starts_with(a.usename, 'qm_')
"""


def digest() -> str:
    """Digest of what ``prepare`` does; when it differs, the server is prepared again."""
    roles = resources.roles_file().read_text(encoding="utf-8")
    parts = (roles, DATABASE, *MAY_CONNECT, *MAY_HASH, *MAY_LOCK, CLOSE, *MAINTENANCE, END_OTHERS)
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def prepare(administrator: str, passwords: Mapping[str, str], database: str = DATABASE) -> None:
    """Make roles, set ``passwords`` (by role), make ``database`` with its extension. Safe to repeat.

    ``administrator`` is the connection string of a superuser, or a role that may make roles and databases.
    """
    for other in MAINTENANCE:
        with psycopg.connect(make_conninfo(administrator, dbname=other), autocommit=True) as connection:
            close_database(connection)
    with psycopg.connect(administrator, autocommit=True) as connection:
        connection.execute("revoke connect, temporary on database template0 from public")
        prepare_roles(connection, passwords)
        known = connection.execute("select from pg_database where datname = %s", (database,)).rowcount
        if not known:
            connection.execute(
                sql.SQL("create database {} template template0 encoding 'UTF8'").format(
                    sql.Identifier(database)
                )
            )
        secure_database(connection, database)
    with psycopg.connect(make_conninfo(administrator, dbname=database), autocommit=True) as connection:
        install_extension(connection)


def close_database(connection: psycopg.Connection) -> None:
    """Close the maintenance database of ``connection`` to people, whose logins belong to the whole cluster.

    Else they could fill the disk there, and take locks by number that our own work waits for. What of this
    the administrator may not revoke, the server warns of.
    """
    with connection.transaction():
        name = sql.Identifier(connection.info.dbname)
        connection.execute(sql.SQL("revoke connect, temporary on database {} from public").format(name))
        connection.execute(CLOSE.format(roles="current_user").encode())
    connection.execute(END_OTHERS.encode())


def prepare_roles(connection: psycopg.Connection, passwords: Mapping[str, str]) -> None:
    """Run ``roles.sql`` and set passwords; the server sees only what it stores of a password."""
    with connection.transaction():
        connection.execute(f"set local lock_timeout = '{LOCK_WAIT}'".encode())
        try:
            connection.execute(resources.roles_file().read_bytes())
        except psycopg.errors.LockNotAvailable:
            raise Problem(
                "the roles are being prepared by somebody else",
                why=f"the lock was not free within {LOCK_WAIT}",
                unchanged="nothing was done",
                next_step="wait for it and run the command again; pg_locks names who holds an advisory lock",
            ) from None
        for role, password in passwords.items():
            stored = connection.pgconn.encrypt_password(password.encode(), role.encode(), b"scram-sha-256")
            connection.execute(
                sql.SQL("alter role {} password {}").format(
                    sql.Identifier(role), sql.Literal(stored.decode())
                )
            )


def secure_database(connection: psycopg.Connection, database: str) -> None:
    """Give ``database`` to the owner, close it to all but our roles. Clones need it too."""
    name = sql.Identifier(database)
    with connection.transaction():
        connection.execute(sql.SQL("alter database {} owner to {}").format(name, sql.Identifier(OWNER)))
        connection.execute(sql.SQL("revoke all on database {} from public").format(name))
        roles = sql.SQL(", ").join(map(sql.Identifier, MAY_CONNECT))
        connection.execute(sql.SQL("grant connect on database {} to {}").format(name, roles))
        connection.execute(sql.SQL("alter database {} set timezone = 'UTC'").format(name))


def install_extension(connection: psycopg.Connection) -> None:
    """pgcrypto in a schema of its own, which only the owners of functions may use; nothing in ``public``.

    And what Postgres lets everybody do, taken from everybody: locks by number, large objects.
    """
    with connection.transaction():
        connection.execute("revoke all on schema public from public")
        connection.execute("create schema if not exists extensions")
        connection.execute("create extension if not exists pgcrypto with schema extensions")
        roles = sql.SQL(", ").join(map(sql.Identifier, MAY_HASH))
        connection.execute(sql.SQL("grant usage on schema extensions to {}").format(roles))
        connection.execute(CLOSE.format(roles=", ".join(MAY_LOCK)).encode())

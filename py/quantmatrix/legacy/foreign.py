"""A running V1, read in place through ``postgres_fdw``.

The server, the login and the foreign tables exist inside one database transaction and are gone before it
ends, so that V1's password is never stored. All of V1 is read in one snapshot: the wrapper opens a single
repeatable-read transaction there, and only ever selects. This needs a superuser's session; nothing here is a
function of the database, so that nobody else can bend what the superuser runs.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict
from psycopg.pq import Conninfo

from quantmatrix.errors import ExitCode, Problem
from quantmatrix.legacy.tables import READ, Catalogue, Table, require, require_columns

Connection = psycopg.Connection[Any]

_SERVER = sql.Identifier("legacy_v1")
_ROWS_AT_A_TIME = "10000"
_CONNECT_SECONDS = "10"
_SOCKETS = "/var/run/postgresql"
# The rest of a connection string is about the client, or would name files of the server.
_SERVER_OPTIONS = ("host", "hostaddr", "port", "dbname", "sslmode", "connect_timeout", "target_session_attrs")
_QUIET = ("log_statement = 'none'", "log_min_error_statement = 'panic'", "log_min_duration_statement = -1")


def stage(connection: Connection, url: str, load_id: UUID, user_id: UUID) -> Catalogue:
    """Copy what is read of V1 to staging, for ``user_id``, in a transaction of the superuser.

    Raises ``Problem``: exit 6 where V1 is not reachable or is lost on the way, 5 where it is no V1.
    """
    where = place(url)
    try:
        installed = _attach(connection, url)
        catalogue = _describe(connection)
        require(catalogue.tables, where)
        for name in READ:
            if name in catalogue.tables:
                require_columns(name, catalogue.tables[name].columns, where)
        for name, table in catalogue.tables.items():
            table.rows = _read(connection, name, table, load_id, user_id)
        _detach(connection, keep_extension=installed)
    except psycopg.Error as error:
        raise _lost(where, error) from None
    return catalogue


def place(url: str) -> str:
    """Where a V1 is, without its password; exit 2 for what is no connection string."""
    try:
        parts = conninfo_to_dict(url)
    except psycopg.ProgrammingError:
        raise Problem(
            "what --from names is neither a file nor a connection string",
            unchanged="nothing was read or written",
            next_step="--from v1.dump, or --from postgresql://user:password@host/database",
            exit_code=ExitCode.USAGE,
        ) from None
    names = ("user", "host", "port", "dbname")
    return ", ".join(f"{name} {parts[name]}" for name in names if parts.get(name))


def _attach(connection: Connection, url: str) -> bool:
    """Make the foreign server; whether the wrapper's extension was there before."""
    parts = _complete(url)
    options = {name: parts[name] for name in _SERVER_OPTIONS if name in parts}
    options |= {
        "fetch_size": _ROWS_AT_A_TIME,
        "connect_timeout": parts.get("connect_timeout", _CONNECT_SECONDS),
    }
    login = {"user": parts.get("user", "postgres"), "password_required": "false"}
    if "password" in parts:
        login["password"] = parts["password"]
    for setting in _QUIET:
        connection.execute(f"set local {setting}".encode())
    installed = connection.execute("select from pg_extension where extname = 'postgres_fdw'").rowcount > 0
    connection.execute("create extension if not exists postgres_fdw with schema extensions")
    connection.execute(
        sql.SQL("create server {} foreign data wrapper postgres_fdw options ({})").format(
            _SERVER, _options(options)
        )
    )
    connection.execute(
        sql.SQL("create user mapping for current_user server {} options ({})").format(
            _SERVER, _options(login)
        )
    )
    connection.execute(sql.SQL("create schema {}").format(_SERVER))
    return installed


def _complete(url: str) -> dict[str, str]:
    """What the connection string says, and what psql would assume here; the server's own differs."""
    usual = {
        option.keyword.decode(): option.val.decode()
        for option in Conninfo.get_defaults()
        if option.val is not None
    }
    said = {name: str(value) for name, value in conninfo_to_dict(url).items() if value is not None}
    taken = {name: usual[name] for name in ("host", "port", "user", "password", "dbname") if name in usual}
    sockets = {"host": _SOCKETS} if "hostaddr" not in said and Path(_SOCKETS).is_dir() else {}
    return sockets | taken | said


def _detach(connection: Connection, *, keep_extension: bool) -> None:
    connection.execute(sql.SQL("drop schema {} cascade").format(_SERVER))
    connection.execute(sql.SQL("drop server {} cascade").format(_SERVER))
    if not keep_extension:
        connection.execute("drop extension postgres_fdw")


def _describe(connection: Connection) -> Catalogue:
    _foreign(connection, "v1_columns", ("table_schema", "table_name", "column_name", "ordinal_position"),
             "information_schema", "columns")  # fmt: skip
    _foreign(
        connection, "v1_tables", ("table_schema", "table_name", "table_type"), "information_schema", "tables"
    )
    _foreign(connection, "v1_constraints", ("contype",), "pg_catalog", "pg_constraint")
    catalogue = Catalogue()
    found = connection.execute(
        """
        select t.table_name, array_agg(c.column_name order by c.ordinal_position::integer)
        from legacy_v1.v1_tables t
        join legacy_v1.v1_columns c on c.table_schema = t.table_schema and c.table_name = t.table_name
        where t.table_schema = 'public'
        and t.table_type = 'BASE TABLE'
        group by t.table_name
        order by t.table_name
        """
    ).fetchall()
    catalogue.tables = {name: Table(tuple(columns)) for name, columns in found}
    keys = connection.execute(
        "select count(*) from legacy_v1.v1_constraints k where k.contype = 'f'"
    ).fetchone()
    catalogue.foreign_keys = keys[0] if keys else 0
    return catalogue


def _read(connection: Connection, name: str, table: Table, load_id: UUID, user_id: UUID) -> int:
    columns = tuple(column for column in table.columns if column in READ.get(name, ()))
    _foreign(connection, f"t_{name}"[:63], columns, "public", name)
    source = sql.SQL("{}.{}").format(_SERVER, sql.Identifier(f"t_{name}"[:63]))
    if name not in READ:
        counted = connection.execute(sql.SQL("select count(*) from {}").format(source)).fetchone()
        return int(counted[0]) if counted else 0
    return connection.execute(
        sql.SQL(
            "insert into ingest.staging (load_id, user_id, kind, line_number, payload) "
            "select %s, %s, %s, row_number() over (), jsonb_strip_nulls(to_jsonb(t)) from {} t"
        ).format(source),
        (load_id, user_id, f"v1_{name}"),
    ).rowcount


def _foreign(connection: Connection, name: str, columns: tuple[str, ...], schema: str, table: str) -> None:
    """A foreign table whose columns are all text: whatever V1 made of its types is read as it prints it."""
    connection.execute(
        sql.SQL("create foreign table {}.{} ({}) server {} options (schema_name {}, table_name {})").format(
            _SERVER,
            sql.Identifier(name),
            sql.SQL(", ").join(sql.SQL("{} text").format(sql.Identifier(column)) for column in columns),
            _SERVER,
            sql.Literal(schema),
            sql.Literal(table),
        )
    )


def _options(options: dict[str, str]) -> sql.Composed:
    pairs = [
        sql.SQL("{} {}").format(sql.Identifier(name), sql.Literal(value)) for name, value in options.items()
    ]
    return sql.SQL(", ").join(pairs)


def _lost(where: str, error: psycopg.Error) -> Problem:
    state = error.sqlstate or ""
    primary = error.diag.message_primary or str(error)
    reachable = not state.startswith(("08", "57P", "HV", "53300"))
    refused = state.startswith("28") or "authentication failed" in str(error) or state == "42501"
    return Problem(
        "the old database refused the login or a table"
        if refused
        else "the old database cannot be read"
        if reachable
        else "the old database cannot be reached, or was lost on the way",
        where=where,
        # The server's own name for what failed, then what the network or V1 said.
        why=" ".join(": ".join(filter(None, (primary, error.diag.message_detail))).split()),
        unchanged="nothing was written: the transaction was rolled back",
        next_step="check the address and the login, or dump V1 and name the dump with --from",
        exit_code=ExitCode.PERMISSION if refused else ExitCode.FAILED if reachable else ExitCode.UNREACHABLE,
    )

"""``sql``: ask the database yourself, under a login of your own that sees your rows and no others."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

import click
import psycopg
from psycopg import sql as query
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.rows import dict_row

from quantmatrix.cli.output import write_object, write_rows
from quantmatrix.cli.session import argument_or_user, find_user
from quantmatrix.cli.settings import Settings
from quantmatrix.database.connection import open_connection
from quantmatrix.door.protocol import Row
from quantmatrix.errors import ExitCode, Problem
from quantmatrix.services.credentials import password

MEMBER_OF = {"user": "quantmatrix_user", "readonly": "quantmatrix_readonly", "admin": "quantmatrix_user"}
# A session of one's own may take its time, but not the server's.
LIMITS = {
    "search_path": "api",
    "statement_timeout": "10min",
    "idle_in_transaction_session_timeout": "10min",
    "lock_timeout": "30s",
    "temp_file_limit": "2GB",
    "work_mem": "32MB",
    # What somebody types is nobody else's to read, and no way to fill the disk.
    "log_min_messages": "fatal",
    "log_min_error_statement": "panic",
}


@click.group("sql", invoke_without_command=True, short_help="Ask the database yourself, as your own login.")
@click.option("-c", "--command", help="Run this statement, print its rows, and end.")
@click.pass_context
def sql(context: click.Context, command: str | None) -> None:
    """Open psql, or run one statement, as your own login: it sees your rows and no others.

    Views and functions are in the schema api, which needs no prefix. Rows change through functions alone.

    \b
      quantmatrix sql
      quantmatrix sql -c "select symbol, quantity from holdings" --format csv
      quantmatrix sql < report.sql
      quantmatrix sql grant ann@example.org
    """
    if context.invoked_subcommand is not None:
        return
    settings = context.ensure_object(Settings)
    dsn = _login(settings, find_user(settings))
    if command is not None:
        _run(settings, dsn, command)
        return
    context.exit(_psql(dsn))


@sql.command("grant", short_help="Give a person a login for psql and other programs.")
@click.argument("email")
@click.pass_obj
def sql_grant(settings: Settings, email: str) -> None:
    """Give EMAIL a login of their own, and say how to connect. The password lies in a private file.

    \b
      quantmatrix sql grant ann@example.org
    """
    parts = conninfo_to_dict(_login(settings, argument_or_user(settings, email)))
    write_object(
        {
            "login": parts["user"],
            "host": parts.get("host"),
            "port": int(parts.get("port") or 5432),
            "database": parts.get("dbname"),
            "password_file": str(_password_file(settings, str(parts["user"]))),
        },
        settings.format,
    )


def _login(settings: Settings, person: Row) -> str:
    """Connection string of the person's own login, which is made at its first use."""
    environment = settings.environment
    environment.ensure_running()
    name = f"qm_{person['id'].hex}"
    parts = conninfo_to_dict(environment.authenticator_dsn)
    parts.update(user=name, password=password(_password_file(settings, name).parent, name))
    dsn = make_conninfo("", **{key: str(value) for key, value in parts.items() if value is not None})
    if not _works(dsn, person["role"]):
        _make(environment.superuser_dsn, name, str(parts["password"]), person)
    return dsn


def _password_file(settings: Settings, name: str) -> Path:
    return settings.environment.data_dir / "logins" / f"{name}.password"


def _works(dsn: str, role: str) -> bool:
    try:
        with psycopg.connect(dsn, autocommit=True) as connection:
            found = connection.execute(
                "select auth.user_id() is not null and pg_has_role(%s, 'member')", [MEMBER_OF[role]]
            ).fetchone()
            return bool(found and found[0])
    except psycopg.Error:
        return False


def _make(administrator: str, name: str, secret: str, person: Row) -> None:
    """Make the login, its membership, and its entry in ``auth.database_logins``; right what is there."""
    login = query.Identifier(name)
    member_of = MEMBER_OF[person["role"]]
    with open_connection(administrator) as connection, connection.transaction():
        exists = connection.execute("select from pg_roles where rolname = %s", [name]).fetchone() is not None
        verb = "alter" if exists else "create"
        for statement in (
            query.SQL("set local password_encryption = 'scram-sha-256'"),
            # A statement's text goes to the server's log; the password in it must not.
            query.SQL("set local log_statement = 'none'"),
            query.SQL("set local log_min_duration_statement = -1"),
            query.SQL("set local log_min_error_statement = 'panic'"),
            query.SQL(verb + " role {} login inherit password {}").format(login, query.Literal(secret)),
            query.SQL("revoke quantmatrix_user, quantmatrix_readonly from {}").format(login),
            query.SQL("grant {} to {}").format(query.Identifier(member_of), login),
            query.SQL("alter role {} connection limit 8").format(login),
        ):
            connection.execute(statement)
        for setting, value in LIMITS.items():
            connection.execute(
                query.SQL("alter role {} set {} = {}").format(
                    login, query.Identifier(setting), query.Literal(value)
                )
            )
        connection.execute(
            "insert into auth.database_logins (login_name, user_id) values (%s, %s)"
            " on conflict (user_id) do update set login_name = excluded.login_name",
            [name, person["id"]],
        )


def _run(settings: Settings, dsn: str, statement: str) -> None:
    with open_connection(dsn) as connection, connection.cursor(row_factory=dict_row) as cursor:
        cursor.execute(statement.encode())
        if cursor.description is None:
            settings.narrate(cursor.statusmessage or "done")
            return
        names = [column.name for column in cursor.description]
        if len(set(names)) < len(names):
            raise Problem(
                "two columns of the answer have the same name",
                unchanged="nothing was written",
                next_step="name them: select a.id as account_id, ...",
                exit_code=ExitCode.USAGE,
            )
        found: list[dict[str, Any]] = cursor.fetchall()
    write_rows(found, settings.format, columns=names, empty="no rows")


def _psql(dsn: str) -> int:
    from quantmatrix.services.binaries import find_postgres
    from quantmatrix.services.programs import find_program

    beside = Path(find_postgres().program("psql"))
    program = beside if beside.exists() else find_program("psql")
    if program is None:
        raise Problem(
            "psql was not found",
            unchanged="nothing was done",
            next_step="install PostgreSQL's programs, or run one statement: quantmatrix sql -c STATEMENT",
        )
    parts = conninfo_to_dict(dsn)
    secret = str(parts.pop("password"))
    target = make_conninfo("", **{key: str(value) for key, value in parts.items() if value is not None})
    variables = {**os.environ, "PGPASSWORD": secret}
    return subprocess.run([program, "-X", target], env=variables, check=False).returncode

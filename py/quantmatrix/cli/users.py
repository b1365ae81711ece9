"""``user``: add, list, role, disable, token. Who holds the authenticator's password administers."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import IO, Any
from uuid import UUID

import click
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from quantmatrix.cli.hidden import ask_hidden
from quantmatrix.cli.output import write_object, write_rows
from quantmatrix.cli.session import administrator, argument_or_user
from quantmatrix.cli.settings import Settings
from quantmatrix.database.connection import open_connection
from quantmatrix.door.login import person
from quantmatrix.errors import ExitCode, Problem
from quantmatrix.local import choose_default_user
from quantmatrix.terminal import data, visible

ROLES = click.Choice(["user", "readonly", "admin"])
TABLE_COLUMNS = ("email", "display_name", "role", "status", "created_at")
AUDIENCE = "quantmatrix"
# What each person may ask a token for.
ALLOWED = {"admin": ("admin", "user", "readonly"), "user": ("user", "readonly"), "readonly": ("readonly",)}


@click.group(short_help="People: add, list, role, disable, token, export, erase.")
def user() -> None:
    """People of this database.

    \b
      quantmatrix user add ann@example.org --name "Ann"
      quantmatrix user list
      quantmatrix user token ann@example.org
    """


@user.command("add", short_help="Add a person.")
@click.argument("email")
@click.option("--name", help="Name shown to people.")
@click.option("--role", type=ROLES, default="user", show_default=True, help="What the person may do.")
@click.pass_obj
def user_add(settings: Settings, email: str, name: str | None, role: str) -> None:
    """Add the person EMAIL, with an empty book.

    \b
      quantmatrix user add ann@example.org --name "Ann"
      quantmatrix user add auditor@example.org --role readonly
    """
    _change(settings, "user_add", {"email": email, "display_name": name, "role": role})


@user.command("list", short_help="All people.")
@click.pass_obj
def user_list(settings: Settings) -> None:
    """All people.

    \b
      quantmatrix user list --format json
    """
    with administrator(settings) as admin:
        found = admin.table("user_list")
    columns = TABLE_COLUMNS if settings.format == "table" else None
    write_rows(found, settings.format, columns=columns, empty="nobody yet")


@user.command("role", short_help="Change what a person may do.")
@click.argument("email")
@click.argument("role", type=ROLES)
@click.pass_obj
def user_role(settings: Settings, email: str, role: str) -> None:
    """Give EMAIL the ROLE user, readonly or admin. Tokens that claim more are refused from then on.

    \b
      quantmatrix user role ann@example.org readonly
    """
    _change(settings, "user_set_role", {"email": email, "role": role})


@user.command("disable", short_help="Lock a person out; the data stay.")
@click.argument("email")
@click.option("--undo", is_flag=True, help="Let the person in again.")
@click.pass_obj
def user_disable(settings: Settings, email: str, undo: bool) -> None:
    """Lock EMAIL out: no command, no token. The data stay.

    \b
      quantmatrix user disable ann@example.org
      quantmatrix user disable --undo ann@example.org
    """
    _change(settings, "user_disable", {"email": email, "disabled": not undo})


@user.command("token", short_help="A short-lived token for the API.")
@click.argument("email", required=False)
@click.option("--minutes", type=click.IntRange(1, 1440), default=60, show_default=True, help="How long.")
@click.option("--role", type=ROLES, help="Ask for less than the person may do.")
@click.pass_obj
def user_token(settings: Settings, email: str | None, minutes: int, role: str | None) -> None:
    """Print a token with which a client of the API is EMAIL (default: the user of --user).

    \b
      curl -H "Authorization: Bearer $(quantmatrix user token)" http://127.0.0.1:3000/holdings
      quantmatrix user token ann@example.org --minutes 10 --role readonly
    """
    from quantmatrix.services.tokens import sign

    found = argument_or_user(settings, email)
    wanted = role or found["role"]
    if wanted not in ALLOWED[found["role"]]:
        raise Problem(
            f"{found['email']} may not act as {wanted}",
            unchanged="no token was made",
            next_step=f"quantmatrix user role {found['email']} {wanted}",
            exit_code=ExitCode.PERMISSION,
        )
    now = int(time.time())
    claims: dict[str, Any] = {
        "sub": str(found["id"]),
        "role": f"quantmatrix_{wanted}",
        "aud": AUDIENCE,
        "iat": now,
        "exp": now + minutes * 60,
    }
    token = sign(claims, settings.environment.jwt_secret)
    if settings.format == "table":
        data(token)
    else:
        told = {"token": token, "email": found["email"], "role": wanted, "expires_at": claims["exp"]}
        write_object(told, settings.format)


@user.command("export", short_help="Everything of a person in one archive.")
@click.argument("email")
@click.option(
    "--to",
    "target",
    type=click.Path(dir_okay=False, path_type=Path),
    required=True,
    help="The file to write.",
)
@click.pass_obj
def user_export(settings: Settings, email: str, target: Path) -> None:
    """Write everything that is kept of EMAIL to one ZIP of CSV files, readable by you alone.

    The files are for 'user import': texts that a spreadsheet would take for formulas stand as they are.

    \b
      quantmatrix user export ann@example.org --to ann.zip
    """
    from quantmatrix.tenants.export import export_person

    found = argument_or_user(settings, email)
    with person(settings.environment, found["id"]) as session:
        counts = export_person(session, found, target)
    rows = [{"table": name, "rows": count} for name, count in counts.items()]
    write_rows(rows, settings.format, empty="nothing is kept of this person")
    settings.narrate(f"wrote {target}")


@user.command("import", short_help="A person from an archive of another installation.")
@click.argument("archive", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.pass_obj
def user_import(settings: Settings, archive: Path) -> None:
    """Make the person of ARCHIVE here, numbers intact; lots are derived anew and compared.

    \b
      quantmatrix user import ann.zip

    Passwords, keys and shares do not travel: the person asks for a new password. On servers of yours
    QUANTMATRIX_ADMINISTRATOR_URL names a login that passes row-level security.
    """
    from quantmatrix.tenants.restore import import_person

    settings.environment.ensure_running()
    with open_connection(_administrator_dsn(settings)) as connection:
        made = import_person(connection, archive)
    write_object({"id": made["id"], "email": made["email"]}, settings.format)


@user.command("erase", short_help="Erase a person: all rows, files, and values in the log.")
@click.argument("email")
@click.option("--reason", required=True, help="Why; it is not kept.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.pass_obj
def user_erase(settings: Settings, email: str, reason: str, yes: bool) -> None:
    """Erase EMAIL: all rows, files, sessions, keys and mails go, values in the audit log are blanked.

    \b
      quantmatrix user export ann@example.org --to ann.zip
      quantmatrix user erase ann@example.org --reason "asked for it"

    Nothing brings it back. The audit chain still verifies.
    """
    if not yes:
        click.confirm(f"Erase {visible(email)} and all that is kept of this person?", abort=True, err=True)
    with administrator(settings) as admin:
        erased = admin.call("user_erase", {"email": email, "reason": reason})
    if settings.environment.embedded or os.environ.get("QUANTMATRIX_ADMINISTRATOR_URL"):
        # The login for direct SQL, which sees nothing any more.
        with open_connection(settings.environment.superuser_dsn) as connection:
            login = sql.Identifier(f"qm_{UUID(erased['id']).hex}")
            connection.execute(sql.SQL("drop role if exists {}").format(login))
    write_object(erased, settings.format)


@user.command("unlock", short_help="Forget failed attempts to sign in.")
@click.argument("email")
@click.pass_obj
def user_unlock(settings: Settings, email: str) -> None:
    """Let EMAIL try again at once; attempts are forgotten by themselves, too, within minutes.

    \b
      quantmatrix user unlock ann@example.org
    """
    with administrator(settings) as admin:
        admin.call("user_unlock", {"email": email})
    settings.narrate(f"{email} may try again")


@user.command("sessions-end", short_help="End all sessions of a person.")
@click.argument("email")
@click.pass_obj
def user_sessions_end(settings: Settings, email: str) -> None:
    """End all sessions of EMAIL, and refuse all tokens made before; keys stay.

    \b
      quantmatrix user sessions-end ann@example.org
    """
    with administrator(settings) as admin:
        count = admin.call("user_sessions_end", {"email": email})
    settings.narrate(f"{count} session{'' if count == 1 else 's'} ended")


@user.command("instruments", short_help="How many new instruments a person may add.")
@click.argument("email")
@click.argument("number", required=False, type=click.IntRange(0, 10_000_000))
@click.pass_obj
def user_instruments(settings: Settings, email: str, number: int | None) -> None:
    """Let EMAIL add NUMBER instruments that nobody had before, in all; without NUMBER what everybody may.

    They go to the catalogue that all share, and stay there.

    \b
      quantmatrix user instruments ann@example.org 100000
    """
    with administrator(settings) as admin:
        told = admin.call("user_instruments", {"email": email, "allowed": number})
    settings.narrate(f"{told['email']} has added {told['added']:,} of {told['allowed']:,} instruments")


@user.command("default", short_help="Who acts where a command names nobody.")
@click.argument("email", required=False)
@click.option("--none", "nobody", is_flag=True, help="Nobody in particular, as at first.")
@click.pass_obj
def user_default(settings: Settings, email: str | None, nobody: bool) -> None:
    """Let EMAIL act where a command names nobody; without EMAIL, say who that is now.

    \b
      quantmatrix user default ann@example.org
      quantmatrix user default
      quantmatrix user default --none

    --user goes before QUANTMATRIX_USER, and that before this. Without any of them it is me@localhost, or the
    only person there is.
    """
    if email is not None and nobody:
        raise click.UsageError("EMAIL or --none, not both")
    if nobody:
        choose_default_user(None)
        settings.narrate("nobody in particular from now on")
        return
    found = argument_or_user(settings, email)
    if email is None:
        data(found["email"])
        return
    choose_default_user(found["email"])
    settings.narrate(f"{found['email']} acts where a command names nobody")


@user.command("passwd", short_help="Set a password for signing in at the API.")
@click.argument("email", required=False)
@click.option("--password-file", type=click.File("r"), help="Read the new password from here; - is stdin.")
@click.pass_obj
def user_passwd(settings: Settings, email: str | None, password_file: IO[str] | None) -> None:
    """Set the password of EMAIL (default: the user of --user), and end all sessions of that person.

    \b
      quantmatrix user passwd ann@example.org
      quantmatrix user passwd --password-file - < password

    Whoever administers the database may do this. With the API, people change their own (docs/api.md).
    """
    found = argument_or_user(settings, email)
    if password_file is not None:
        password = password_file.read().rstrip("\r\n")
    else:
        password = ask_hidden("New password", "--password-file", twice=True)
    with open_connection(_administrator_dsn(settings)) as connection, connection.transaction():
        # What fails must not take the password to the server's log.
        connection.execute("set local log_min_error_statement = 'panic'")
        connection.execute("set local log_parameter_max_length = 0")
        connection.execute("set local log_parameter_max_length_on_error = 0")
        connection.execute(
            "select auth.set_password(%s, %s, 'password set by an administrator', null)",
            [found["id"], password],
        )
    settings.narrate(f"{found['email']} has a new password; sessions were ended")


def _administrator_dsn(settings: Settings) -> str:
    from quantmatrix.services.external import external_dsn

    url = os.environ.get("QUANTMATRIX_ADMINISTRATOR_URL")
    if not url or settings.environment.embedded:
        return settings.environment.superuser_dsn
    dsn = external_dsn(url, "QUANTMATRIX_ADMINISTRATOR_PASSWORD_FILE", "QUANTMATRIX_ADMINISTRATOR_URL")
    database = conninfo_to_dict(settings.environment.migrator_dsn).get("dbname")
    return make_conninfo(dsn, dbname=str(database))


def _change(settings: Settings, function: str, arguments: dict[str, Any]) -> None:
    with administrator(settings) as admin:
        [changed] = admin.table(function, arguments)
    columns = TABLE_COLUMNS if settings.format == "table" else tuple(changed)
    write_object({name: changed[name] for name in columns}, settings.format)

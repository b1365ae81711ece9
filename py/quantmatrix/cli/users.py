"""``user``: add, list, role, disable, token. Who holds the authenticator's password administers."""

from __future__ import annotations

import time
from typing import Any

import click

from quantmatrix.cli.output import write_object, write_rows
from quantmatrix.cli.session import administrator, find_user
from quantmatrix.cli.settings import Settings
from quantmatrix.errors import ExitCode, Problem

ROLES = click.Choice(["user", "readonly", "admin"])
TABLE_COLUMNS = ("email", "display_name", "role", "status", "created_at")
AUDIENCE = "quantmatrix"
# What each person may ask a token for.
ALLOWED = {"admin": ("admin", "user", "readonly"), "user": ("user", "readonly"), "readonly": ("readonly",)}


@click.group(short_help="People: add, list, role, disable, token.")
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
    _change(settings, "select u.* from api.user_add(%s, %s, %s) u", [email, name, role])


@user.command("list", short_help="All people.")
@click.pass_obj
def user_list(settings: Settings) -> None:
    """All people.

    \b
      quantmatrix user list --format json
    """
    with administrator(settings) as admin:
        found = admin.rows("select u.* from api.user_list() u")
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
    _change(settings, "select u.* from api.user_set_role(%s, %s) u", [email, role])


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
    _change(settings, "select u.* from api.user_disable(%s, %s) u", [email, not undo])


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

    if email is not None:
        settings.user = email
    person = find_user(settings)
    wanted = role or person["role"]
    if wanted not in ALLOWED[person["role"]]:
        raise Problem(
            f"{person['email']} may not act as {wanted}",
            unchanged="no token was made",
            next_step=f"quantmatrix user role {person['email']} {wanted}",
            exit_code=ExitCode.PERMISSION,
        )
    now = int(time.time())
    claims: dict[str, Any] = {
        "sub": str(person["id"]),
        "role": f"quantmatrix_{wanted}",
        "aud": AUDIENCE,
        "iat": now,
        "exp": now + minutes * 60,
    }
    token = sign(claims, settings.environment.jwt_secret)
    if settings.format == "table":
        click.echo(token)
    else:
        told = {"token": token, "email": person["email"], "role": wanted, "expires_at": claims["exp"]}
        write_object(told, settings.format)


def _change(settings: Settings, query: str, parameters: list[Any]) -> None:
    with administrator(settings) as admin, admin.transaction() as connection:
        changed = connection.execute(query.encode(), parameters).fetchone()
    assert changed is not None
    columns = TABLE_COLUMNS if settings.format == "table" else tuple(changed)
    write_object({name: changed[name] for name in columns}, settings.format)

"""``key``: create, list, revoke."""

from __future__ import annotations

from datetime import datetime

import click

from quantmatrix.cli.output import write_object, write_rows
from quantmatrix.cli.session import door
from quantmatrix.cli.settings import Settings
from quantmatrix.terminal import data

SCOPES = click.Choice(["read", "write", "import", "admin"])
TABLE_COLUMNS = ("id", "name", "prefix", "scopes", "accounts", "expires_at", "used_at", "revoked_at")


@click.group(short_help="Keys of programs: create, list, revoke.")
def key() -> None:
    """Keys with which programs use the API in your name.

    \b
      quantmatrix key create nightly --scope read
      quantmatrix key list
      quantmatrix key revoke 3
    """


@key.command("create", short_help="Make a key; it is shown once.")
@click.argument("name")
@click.option(
    "--scope",
    "scopes",
    type=SCOPES,
    multiple=True,
    default=("read",),
    show_default=True,
    help="May be repeated.",
)
@click.option(
    "--account", "accounts", multiple=True, help="Only this account: number or name; may be repeated."
)
@click.option("--expires", type=click.DateTime(["%Y-%m-%d"]), help="Last day before it ends (UTC).")
@click.pass_obj
def key_create(
    settings: Settings,
    name: str,
    scopes: tuple[str, ...],
    accounts: tuple[str, ...],
    expires: datetime | None,
) -> None:
    """Make the key NAME. It is shown now and never again; the database keeps a digest.

    \b
      quantmatrix key create nightly --scope import --account U1234567
      QUANTMATRIX_KEY=$(quantmatrix key create tax --format json | jq -r .key)
    """
    with door(settings) as session:
        made = session.call(
            "key_create",
            {
                "name": name,
                "scopes": list(scopes),
                "accounts": list(accounts) or None,
                "expires_at": expires and f"{expires.date()}T00:00:00+00:00",
            },
        )
    if settings.format == "table":
        data(made["key"])
        settings.narrate(f"key {made['id']} ({made['name']}): keep it now, it is not shown again")
    else:
        write_object(made, settings.format)


@key.command("list", short_help="All keys, without their secrets.")
@click.pass_obj
def key_list(settings: Settings) -> None:
    """All keys: what they may do, when they were last used.

    \b
      quantmatrix key list
    """
    with door(settings) as session:
        found = session.call("key_list")
    columns = TABLE_COLUMNS if settings.format == "table" else None
    write_rows(found, settings.format, columns=columns, empty="no keys: quantmatrix key create NAME")


@key.command("revoke", short_help="End a key at once.")
@click.argument("number", type=int)
@click.pass_obj
def key_revoke(settings: Settings, number: int) -> None:
    """End key NUMBER: its tokens are refused from the next request on.

    \b
      quantmatrix key revoke 3
    """
    with door(settings) as session:
        session.call("key_revoke", {"id": number})
    settings.narrate(f"key {number} is revoked")

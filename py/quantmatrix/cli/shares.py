"""``share``: add, list, revoke."""

from __future__ import annotations

from datetime import datetime

import click

from quantmatrix.cli.output import write_object, write_rows
from quantmatrix.cli.session import door
from quantmatrix.cli.settings import Settings

TABLE_COLUMNS = ("id", "direction", "owner", "grantee", "account", "access", "expires_at", "revoked_at")


@click.group(short_help="Share a book: add, list, revoke.")
def share() -> None:
    """Let somebody else see your book, or one account of it.

    \b
      quantmatrix share add bob@example.org --account U1234567
      quantmatrix share list
      quantmatrix share revoke 3
    """


@share.command("add", short_help="Let a person see, or write, your book.")
@click.argument("email")
@click.option("--account", help="Only this account: number or name.")
@click.option("--write", is_flag=True, help="May also write.")
@click.option("--until", type=click.DateTime(["%Y-%m-%d"]), help="Last day before it ends (UTC).")
@click.pass_obj
def share_add(
    settings: Settings, email: str, account: str | None, write: bool, until: datetime | None
) -> None:
    """Share with the person EMAIL, who opens your book with --book YOUR_EMAIL.

    \b
      quantmatrix share add accountant@example.org --until 2027-05-01
      quantmatrix share add bob@example.org --account U1234567 --write
    """
    with door(settings) as session:
        granted = session.call(
            "grant_add",
            {
                "email": email,
                "account": account,
                "access": "write" if write else "read",
                "expires_at": until and f"{until.date()}T00:00:00+00:00",
            },
        )
    write_object(granted, settings.format)


@share.command("list", short_help="What you share, and what others share with you.")
@click.pass_obj
def share_list(settings: Settings) -> None:
    """What you share, and what others share with you.

    \b
      quantmatrix share list
    """
    with door(settings) as session:
        found = session.call("grant_list")
    rows = [{"direction": way, **row} for way in ("given", "received") for row in found[way]]
    columns = TABLE_COLUMNS if settings.format == "table" else None
    write_rows(rows, settings.format, columns=columns, empty="nothing is shared")


@share.command("revoke", short_help="Stop sharing, at once.")
@click.argument("number", type=int)
@click.pass_obj
def share_revoke(settings: Settings, number: int) -> None:
    """End grant NUMBER: what was opened with it is refused from the next request on.

    \b
      quantmatrix share revoke 3
    """
    with door(settings) as session:
        session.call("grant_revoke", {"id": number})
    settings.narrate(f"grant {number} is revoked")

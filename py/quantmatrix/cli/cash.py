"""``cash``: the balance of each account and currency."""

from __future__ import annotations

import click

from quantmatrix.cli.output import write_rows
from quantmatrix.cli.rows import account_id
from quantmatrix.cli.session import door
from quantmatrix.cli.settings import Settings
from quantmatrix.door.protocol import Where

TABLE_COLUMNS = (
    "account",
    "account_name",
    "currency",
    "amount",
    "last_movement_on",
    "broker_amount",
    "broker_as_of",
)

ORDER = ("account", "currency")


@click.command(short_help="Balances by account and currency, and what the broker says.")
@click.option("--account", help="Only this account: number or name.")
@click.pass_obj
def cash(settings: Settings, account: str | None) -> None:
    """The sum of all cash movements, with the broker's newest balance beside it.

    \b
      quantmatrix cash
      quantmatrix cash --account U1234567 --format json
    """
    with door(settings) as session:
        wanted = [Where("account_id", "eq", account_id(session, account))]
        found = session.view("cash", wanted, ORDER)
        columns = TABLE_COLUMNS if settings.format == "table" else None
        write_rows(found, settings.format, columns=columns, empty="no cash has moved yet")

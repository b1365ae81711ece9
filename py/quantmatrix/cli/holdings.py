"""``holdings`` and what it rests on."""

from __future__ import annotations

import click

from quantmatrix.cli.output import write_rows
from quantmatrix.cli.rows import account_id
from quantmatrix.cli.session import door
from quantmatrix.cli.settings import Settings
from quantmatrix.door.protocol import Where

# What fits a terminal; the other formats carry every column of the view.
TABLE_COLUMNS = (
    "account",
    "symbol",
    "quantity",
    "average_cost",
    "cost_basis",
    "currency",
    "open_lots",
    "broker_quantity",
    "broker_as_of",
)

ORDER = ("account", "symbol", "id")
TODAY_ORDER = ("account", "symbol", "instrument_id")


@click.command(short_help="What is held, with its cost, and what the broker says.")
@click.option("--account", help="Only this account: number or name.")
@click.option(
    "--today", is_flag=True, help="Positions that today's executions change (quantmatrix sync today)."
)
@click.pass_obj
def holdings(settings: Settings, account: str | None, today: bool) -> None:
    """What is held now, derived from the transactions, with the broker's newest figure beside it.

    \b
      quantmatrix holdings
      quantmatrix holdings --account "Joint account" --format csv
      quantmatrix holdings --today
    """
    with door(settings) as session:
        wanted = [Where("account_id", "eq", account_id(session, account))]
        if today:
            changed = session.view("today", wanted, TODAY_ORDER)
            write_rows(changed, settings.format, empty="no executions of today: quantmatrix sync today")
            return
        found = session.view("holdings", wanted, ORDER)
        columns = TABLE_COLUMNS if settings.format == "table" else None
        write_rows(found, settings.format, columns=columns, empty="nothing is held: import a statement first")

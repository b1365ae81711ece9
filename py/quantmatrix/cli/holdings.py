"""``holdings`` and what it rests on."""

from __future__ import annotations

import click

from quantmatrix.cli.output import write_rows
from quantmatrix.cli.rows import account_id
from quantmatrix.cli.session import reader
from quantmatrix.cli.settings import Settings
from quantmatrix.database.views import Where

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


@click.command(short_help="What is held, with its cost, and what the broker says.")
@click.option("--account", help="Only this account: number or name.")
@click.pass_obj
def holdings(settings: Settings, account: str | None) -> None:
    """What is held now, derived from the transactions, with the broker's newest figure beside it.

    \b
      quantmatrix holdings
      quantmatrix holdings --account "Joint account" --format csv
    """
    with reader(settings) as session:
        wanted = [Where("account_id", "eq", account_id(session, account))]
        found = session.view("holdings", wanted, ORDER)
        columns = TABLE_COLUMNS if settings.format == "table" else None
        write_rows(found, settings.format, columns=columns, empty="nothing is held: import a statement first")

"""``basis set``: what only the owner knows of a transfer."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any

import click

from quantmatrix.cli.output import write_rows
from quantmatrix.cli.session import door
from quantmatrix.cli.settings import Settings
from quantmatrix.door.protocol import Where

COLUMNS = ("account", "symbol", "quantity_remaining", "cost_remaining", "acquired_on")


class Amount(click.ParamType[Decimal]):
    """An exact amount of money."""

    name = "amount"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Decimal:
        """Plain digits with a point; nothing else is guessed."""
        if isinstance(value, Decimal):
            return value
        try:
            amount = Decimal(str(value))
        except InvalidOperation:
            self.fail(f"{value!r} is not an amount: write it like 3750.00", param, ctx)
        if not amount.is_finite() or amount < 0:
            self.fail(f"{value!r} is not an amount of money that can be a basis", param, ctx)
        return amount


@click.group(short_help="Supply the basis of shares that came without one.")
def basis() -> None:
    """Supply the basis of shares that came without one.

    \b
      quantmatrix basis set 17 --basis 3750.00 --acquired 2021-05-10 --reason "old confirmation"
    """


@basis.command("set", short_help="Basis and acquisition date of a transfer.")
@click.argument("transaction", type=int)
@click.option("--basis", "amount", type=Amount(), help="Total basis in the tax currency.")
@click.option("--acquired", type=click.DateTime(["%Y-%m-%d"]), help="When the shares were bought.")
@click.option("--reason", required=True, help="Where you know it from; the audit log keeps it.")
@click.pass_obj
def basis_set(
    settings: Settings, transaction: int, amount: Decimal | None, acquired: datetime | None, reason: str
) -> None:
    """Give the transfer TRANSACTION its basis and date; lots and closings since then are restated.

    \b
      quantmatrix transactions list --type transfer_in
      quantmatrix basis set 17 --basis 3750.00 --acquired 2021-05-10 --reason "old confirmation"
    """
    if amount is None and acquired is None:
        raise click.UsageError("give --basis, --acquired, or both")
    given = {
        "transaction_id": transaction,
        "basis": amount,
        "acquired_on": acquired.date() if acquired is not None else None,
        "reason": reason,
    }
    with door(settings) as session:
        session.call("basis_set", given)
        wanted = [Where("opening_transaction_id", "eq", transaction), Where("is_open", "eq", True)]
        write_rows(
            session.view("lots", wanted, ("piece",)),
            settings.format,
            columns=COLUMNS,
            empty="the shares have been sold since: see quantmatrix lots list --all",
        )

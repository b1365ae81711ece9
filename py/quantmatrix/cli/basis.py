"""``basis set``: what only the owner knows of a transfer."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any

import click

from quantmatrix.cli.output import write_rows
from quantmatrix.cli.session import signed_in
from quantmatrix.cli.settings import Settings


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
    day = acquired.date() if acquired is not None else None
    with signed_in(settings) as session, session.transaction() as connection:
        connection.execute("select api.basis_set(%s, %s, %s, %s)", [transaction, amount, day, reason])
        rows = connection.execute(
            "select account, symbol, quantity_remaining, cost_remaining, acquired_on from api.lots"
            " where opening_transaction_id = %s and closed_at is null",
            [transaction],
        ).fetchall()
    write_rows(
        rows, settings.format, empty="the shares have been sold since: see quantmatrix lots list --all"
    )

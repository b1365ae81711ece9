"""The fields of a transaction as options of a command, and the object they make."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any

import click

from quantmatrix.ingest.model import InstrumentType, PositionEffect, TransactionType

DAY = click.DateTime(["%Y-%m-%d"])
TYPES = click.Choice([kind.value for kind in TransactionType])
LOT_METHODS = ("fifo", "lifo", "hifo", "lofo", "average", "mintax")
"""Those that choose lots by a rule."""


def exact(text: str) -> str:
    """The digits of a decimal number as typed; nothing is rounded."""
    try:
        number = Decimal(text)
    except InvalidOperation:
        number = Decimal("NaN")
    if not number.is_finite():
        raise click.BadParameter(f"{text!r} is not a number: write it like -1234.56")
    return format(number, "f")


def field_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The fields of a transaction as options."""
    kinds = click.Choice([kind.value for kind in InstrumentType])
    effects = click.Choice([effect.value for effect in PositionEffect])
    options = [
        click.option(
            "--type", "transaction_type", type=TYPES, metavar="TYPE", help="What happened: buy, sell, ..."
        ),
        click.option("--symbol", help="Ticker, or the 21 characters of an option."),
        click.option(
            "--instrument-type", type=kinds, metavar="KIND", help="Of a new symbol: stock, fund, ..."
        ),
        click.option("--date", "trade_date", type=DAY, metavar="DATE", help="Trade date on the exchange."),
        click.option("--at", "executed_at", metavar="INSTANT", help="2025-03-03T10:15-05:00, for --date."),
        click.option("--quantity", type=exact, metavar="NUMBER", help="Units; a sale needs no sign."),
        click.option("--price", type=exact, metavar="NUMBER", help="Price per unit as quoted."),
        click.option(
            "--gross", "gross_amount", type=exact, metavar="NUMBER", help="Signed cash before costs."
        ),
        click.option("--commission", type=exact, metavar="NUMBER", help="Signed cash: a cost is negative."),
        click.option("--fees", type=exact, metavar="NUMBER", help="Signed cash: a cost is negative."),
        click.option("--net", "net_amount", type=exact, metavar="NUMBER", help="Signed cash effect."),
        click.option("--currency", help="Currency of the amounts."),
        click.option(
            "--settled",
            "settlement_date",
            type=DAY,
            metavar="DATE",
            help="When cash and shares change hands.",
        ),
        click.option("--effect", "position_effect", type=effects, help="Opens or closes."),
        click.option("--order-id", help="Order to which fills belong."),
        click.option("--description", help="Words to remember it by."),
        click.option("--sequence", type=int, help="Rank within the day."),
        click.option("--set", "further", multiple=True, metavar="FIELD=VALUE", help="Any other field."),
        click.option("--term", "terms", multiple=True, metavar="FIELD=VALUE", help="A term: fx_rate=1.08."),
        click.option("--reason", required=True, help="Why; the audit log keeps it."),
        click.option("--dry-run", is_flag=True, help="Do everything, then roll it back."),
    ]
    for option in reversed(options):
        command = option(command)
    return command


def stated(given: dict[str, Any]) -> dict[str, Any]:
    """The object that the options describe, as ``api.transaction_add`` takes it."""
    terms, further = given.pop("terms"), given.pop("further")
    fields: dict[str, Any] = {}
    for name, value in given.items():
        if value is not None:
            fields[name] = value.date().isoformat() if isinstance(value, datetime) else value
    fields.update({name: text or None for name, text in map(pair, further)})
    if terms:
        fields["terms"] = {name: text or None for name, text in map(pair, terms)}
    return fields


def pair(text: str) -> tuple[str, str]:
    """Both sides of ``NAME=VALUE``."""
    name, sign, value = text.partition("=")
    if not sign:
        raise click.UsageError(f"{text!r}: write it as NAME=VALUE")
    return name.strip(), value.strip()

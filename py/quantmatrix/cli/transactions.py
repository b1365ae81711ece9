"""``transactions``: list, add, correct, void."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

import click

from quantmatrix.cli.output import to_json, write_object, write_rows
from quantmatrix.cli.rows import account_id, asked
from quantmatrix.cli.session import door
from quantmatrix.cli.settings import Settings
from quantmatrix.cli.transaction_fields import DAY, TYPES, field_options, pair, stated
from quantmatrix.door.protocol import Where
from quantmatrix.terminal import data, say

TABLE_LIMIT = 50
TABLE_COLUMNS = (
    "id",
    "trade_date",
    "account",
    "transaction_type",
    "symbol",
    "quantity",
    "price",
    "net_amount",
    "currency",
    "file",
    "line",
)
# Units that leave the account are negative; who types a sale means it so.
LEAVING = ("sell", "transfer_out", "gift_out")

ORDER = ("-trade_date", "-id")


@click.group(short_help="What happened: list, add, correct, void.")
def transactions() -> None:
    """What happened, row by row. Everything else is derived from this.

    \b
      quantmatrix transactions list --symbol AAPL
      quantmatrix transactions add --account U1234567 --type buy --symbol AAPL --date 2025-03-03 \\
          --quantity 10 --price 180.50 --reason "trade of the old broker"
      quantmatrix transactions correct 17 --quantity -15 --reason "exported with the wrong sign"
      quantmatrix transactions void 18 --reason "stands twice"
    """


@transactions.command("list", short_help="Transactions, newest first, each with its file and line.")
@click.option("--account", help="Only this account: number or name.")
@click.option("--symbol", help="Only this instrument.")
@click.option("--type", "kind", type=TYPES, help="Only this type.")
@click.option("--since", type=DAY, help="From this trade date on.")
@click.option("--until", type=DAY, help="Up to this trade date.")
@click.option(
    "--import", "import_id", type=int, metavar="NUMBER", help="Only what this import brought first."
)
@click.option("--limit", type=click.IntRange(min=1), help=f"At most so many (a table: {TABLE_LIMIT}).")
@click.pass_obj
def transactions_list(
    settings: Settings,
    account: str | None,
    symbol: str | None,
    kind: str | None,
    since: datetime | None,
    until: datetime | None,
    import_id: int | None,
    limit: int | None,
) -> None:
    """Transactions, newest first.

    \b
      quantmatrix transactions list --symbol AAPL --since 2025-01-01
      quantmatrix transactions list --type transfer_in
      quantmatrix transactions list --format csv > all.csv
    """
    is_table = settings.format == "table"
    shown = limit or (TABLE_LIMIT if is_table else None)
    with door(settings) as session:
        wanted = [
            Where("account_id", "eq", account_id(session, account)),
            Where("symbol", "eq", symbol),
            Where("transaction_type", "eq", kind),
            Where("trade_date", "gte", since and since.date()),
            Where("trade_date", "lte", until and until.date()),
            Where("import_id", "eq", import_id),
        ]
        columns = TABLE_COLUMNS if is_table else None
        found = session.view("transactions", wanted, ORDER, shown)
        number = write_rows(found, settings.format, columns=columns, empty="no such transactions")
    if is_table and limit is None and number == TABLE_LIMIT:
        settings.narrate(f"the newest {TABLE_LIMIT}; --limit shows more")


@transactions.command("add", short_help="Add one by hand.")
@click.option("--account", required=True, help="Number or name.")
@field_options
@click.option(
    "--link", "links", multiple=True, metavar="KIND=ID", help="Belongs to transaction ID: transfer=17."
)
@click.option(
    "--pick", "picks", multiple=True, metavar="ID=QUANTITY", help="Uses the lot that transaction ID opened."
)
@click.pass_obj
def transactions_add(
    settings: Settings,
    /,
    account: str,
    reason: str,
    dry_run: bool,
    links: tuple[str, ...],
    picks: tuple[str, ...],
    **given: Any,
) -> None:
    """Add a transaction. Amounts of a trade follow from quantity, price and costs.

    \b
      quantmatrix transactions add --account U1234567 --type buy --symbol AAPL --date 2025-03-03 \\
          --quantity 10 --price 180.50 --commission -1 --reason "trade of the old broker"
      quantmatrix transactions add --account U1234567 --type deposit --date 2025-01-02 --net 5000 \\
          --reason "opening balance"
      quantmatrix transactions add --account U1234567 --type split --symbol NVDA --date 2024-06-10 \\
          --term ratio_numerator=10 --term ratio_denominator=1 --reason "split 10:1"
    """
    row = {"account": account, **stated(given)}
    if row.get("transaction_type") in LEAVING and not row.get("quantity", "-").startswith("-"):
        row["quantity"] = f"-{row['quantity']}"
    if links:
        row["links"] = [{"kind": kind, "to_id": number} for kind, number in map(pair, links)]
    if picks:
        named = map(pair, picks)
        row["picks"] = [{"opening_transaction_id": number, "quantity": units} for number, units in named]
    # A key of its own: where the answer is lost, the same is sent again and made once.
    row.setdefault("external_id", str(uuid.uuid4()))
    _write(settings, "transaction_add", {"transaction": row, "reason": reason}, dry_run)


@transactions.command("correct", short_help="Put one right; imports never undo it.")
@click.argument("number", type=int)
@field_options
@click.pass_obj
def transactions_correct(
    settings: Settings, /, number: int, reason: str, dry_run: bool, **given: Any
) -> None:
    """Put the transaction NUMBER right. What is not named stays; a later import never undoes it.

    \b
      quantmatrix transactions correct 17 --quantity -15 --type sell --reason "exported with the wrong sign"
      quantmatrix transactions correct 17 --set order_id= --reason "not that order"
    """
    changes = stated(given)
    if not changes:
        raise click.UsageError("say what to change")
    wanted = {"transaction_id": number, "changes": changes, "reason": reason}
    _write(settings, "transaction_correct", wanted, dry_run)


@transactions.command("void", short_help="Remove one for good; the audit log keeps it.")
@click.argument("number", type=int)
@click.option("--reason", required=True, help="Why; the audit log keeps it.")
@click.option("--dry-run", is_flag=True, help="Do everything, then roll it back.")
@click.pass_obj
def transactions_void(settings: Settings, number: int, reason: str, dry_run: bool) -> None:
    """Remove the transaction NUMBER. No later import brings it back; the audit log keeps the old row.

    \b
      quantmatrix transactions void 18 --reason "stands twice: order and fill"
    """
    wanted = {"transaction_id": number, "reason": reason}
    answer = asked(settings, "transaction_void", wanted, dry_run=dry_run)
    if settings.format == "table":
        say(f"transaction {number} voided{' (dry run: nothing was kept)' if dry_run else ''}")
    else:
        data(to_json(answer))


def _write(settings: Settings, function: str, wanted: dict[str, Any], dry_run: bool) -> None:
    row = asked(settings, function, wanted, dry_run=dry_run)
    if settings.format == "table":
        row = {name: value for name, value in row.items() if value is not None}
    write_object(row, settings.format)
    if dry_run:
        settings.narrate("dry run: nothing was kept")

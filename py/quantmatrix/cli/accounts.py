"""``account``: add, list, set."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import click

from quantmatrix.cli.output import write_object, write_rows
from quantmatrix.cli.rows import asked
from quantmatrix.cli.session import door
from quantmatrix.cli.settings import Settings
from quantmatrix.cli.transaction_fields import LOT_METHODS
from quantmatrix.door.protocol import Door
from quantmatrix.errors import ExitCode, Problem

TYPES = click.Choice(["taxable", "ira", "roth_ira", "401k", "hsa"])
TYPING_ERRORS = 2
"""So many between two names of accounts, and one may be meant for the other; fewer where they are short."""
SHORTEST_MISTYPED = 6
"""Letters of the shortest name that may be a mistyped one."""
METHODS = click.Choice([*LOT_METHODS, "specific"])
TABLE_COLUMNS = (
    "account",
    "account_name",
    "broker",
    "account_type",
    "base_currency",
    "allow_short",
    "lot_method",
    "status",
)


@click.group(short_help="Accounts at brokers: add, list, set.")
def account() -> None:
    """Accounts at brokers. An import adds the accounts of its file by itself.

    \b
      quantmatrix account list
      quantmatrix account set U1234567 --type roth_ira
      quantmatrix account add ibkr U1234567 --name "Joint account"
      quantmatrix account rename U123457 U1234567
      quantmatrix account remove U123457
      quantmatrix account merge U123457 U1234567 --reason "the number was mistyped"
    """


@account.command("list", short_help="All accounts.")
@click.pass_obj
def account_list(settings: Settings) -> None:
    """All accounts.

    \b
      quantmatrix account list
      quantmatrix account list --format json
    """
    with door(settings) as session:
        found = list(session.view("accounts", order=("broker", "account")))
    columns = TABLE_COLUMNS if settings.format == "table" else None
    write_rows(
        found, settings.format, columns=columns, empty="no accounts yet: import a statement, or account add"
    )


@account.command("add", short_help="Add an account.")
@click.argument("broker")
@click.argument("number")
@click.option("--name", help="Your name for it (default: broker and number).")
@click.option("--type", "account_type", type=TYPES, default="taxable", show_default=True, help="Its kind.")
@click.option("--currency", default="USD", show_default=True, help="Currency of the broker's totals.")
@click.pass_obj
def account_add(
    settings: Settings, broker: str, number: str, name: str | None, account_type: str, currency: str
) -> None:
    """Add the account NUMBER at BROKER (ibkr, tastytrade, schwab, ...).

    \b
      quantmatrix account add ibkr U1234567
      quantmatrix account add schwab 9876-5432 --name "Roth" --type roth_ira
    """
    given = {
        "broker": broker,
        "account_number": number,
        "name": name,
        "account_type": account_type,
        "base_currency": currency,
    }
    write_object(asked(settings, "account_add", given), settings.format)


@account.command("set", short_help="Change an account; lots are rebuilt where it matters.")
@click.argument("reference", metavar="ACCOUNT")
@click.option("--name", help="Your name for it.")
@click.option("--type", "account_type", type=TYPES, help="Kind of account: an IRA changes wash sales.")
@click.option("--allow-short/--no-allow-short", default=None, help="Whether a sale may open a short.")
@click.option("--reports-1099/--no-reports-1099", default=None, help="Whether the broker issues Form 1099-B.")
@click.option("--currency", help="Currency of the broker's totals.")
@click.option("--status", type=click.Choice(["active", "closed"]), help="A closed account keeps its history.")
@click.option("--lot-method", type=METHODS, help="Which lots a sale uses.")
@click.option("--symbol", help="With --lot-method: for this instrument alone.")
@click.option("--from", "effective_from", type=click.DateTime(["%Y-%m-%d"]), help="With --lot-method.")
@click.option("--dry-run", is_flag=True, help="Do everything, then roll it back.")
@click.pass_obj
def account_set(
    settings: Settings,
    /,
    reference: str,
    lot_method: str | None,
    symbol: str | None,
    effective_from: datetime | None,
    dry_run: bool,
    **given: Any,
) -> None:
    """Change ACCOUNT, a number or a name. What is not named stays as it is.

    \b
      quantmatrix account set U1234567 --type ira
      quantmatrix account set U1234567 --allow-short
      quantmatrix account set "Joint account" --lot-method hifo --from 2025-01-01
      quantmatrix account set U1234567 --lot-method average --symbol VTSAX
    """
    fields = {"account_type": "account_type", "currency": "base_currency"}
    changes: dict[str, Any] = {
        fields.get(name, name): value for name, value in given.items() if value is not None
    }
    is_election = symbol is not None or effective_from is not None
    if is_election and lot_method is None:
        raise click.UsageError("--symbol and --from belong to --lot-method")
    if lot_method is not None and not is_election:
        changes["lot_method"] = lot_method
    if not changes and not is_election:
        raise click.UsageError("say what to change")
    day = effective_from.date().isoformat() if effective_from else None
    election = {"symbol": symbol, "method": lot_method, "effective_from": day}
    if not changes:
        row = asked(settings, "method_set", {"account": reference, **election}, dry_run=dry_run)
    else:
        # One call, so that all of it holds or nothing.
        wanted = changes | ({"election": election} if is_election else {})
        row = asked(settings, "account_set", {"account": reference, "changes": wanted}, dry_run=dry_run)
    write_object(row, settings.format)
    if dry_run:
        settings.narrate("dry run: nothing was kept")


@account.command("rename", short_help="Correct a mistyped number.")
@click.argument("reference", metavar="ACCOUNT")
@click.argument("number")
@click.pass_obj
def account_rename(settings: Settings, reference: str, number: str) -> None:
    """Give ACCOUNT, a number or a name, the NUMBER of its broker. Your own name for it: account set --name.

    \b
      quantmatrix account rename U123457 U1234567
    """
    renamed = asked(settings, "account_rename", {"account": reference, "account_number": number})
    write_object(renamed, settings.format)


@account.command("remove", short_help="Remove an account in which nothing is.")
@click.argument("reference", metavar="ACCOUNT")
@click.pass_obj
def account_remove(settings: Settings, reference: str) -> None:
    """Remove ACCOUNT, a number or a name, if it is empty: take its imports back before.

    \b
      quantmatrix account remove U123457
    """
    write_object(asked(settings, "account_remove", {"account": reference}), settings.format)


@account.command("merge", short_help="Make one of two accounts that are one.")
@click.argument("from_account", metavar="FROM")
@click.argument("into_account", metavar="INTO")
@click.option("--reason", required=True, help="Why, for the audit log.")
@click.option("--dry-run", is_flag=True, help="Show what would happen, and keep nothing.")
@click.pass_obj
def account_merge(
    settings: Settings, from_account: str, into_account: str, reason: str, dry_run: bool
) -> None:
    """Move everything of FROM into INTO, whose settings hold, and remove FROM. What both hold counts once.

    \b
      quantmatrix account merge U123457 U1234567 --reason "the number was mistyped" --dry-run
    """
    given = {"from_account": from_account, "into_account": into_account, "reason": reason}
    write_object(asked(settings, "account_merge", given, dry_run=dry_run), settings.format)
    if dry_run:
        settings.narrate("dry run: nothing was kept")


def require_no_typo(session: Door, reference: str) -> None:
    """Refuse an account that is not there where one is called nearly the same."""
    known = list(session.view("accounts"))
    names = {str(name): row for row in known for name in (row["account"], row["account_name"]) if name}
    if reference in names:
        return
    near = min(names, key=lambda name: distance(reference, name), default=None)
    # Short names differ by a letter because somebody counts: IRA1, IRA2.
    errors = min(TYPING_ERRORS, len(reference) // 3) if len(reference) >= SHORTEST_MISTYPED else 0
    if near is None or distance(reference, near) > errors:
        return
    raise Problem(
        f"there is no account {reference}, but there is {near}",
        unchanged="nothing was read or written",
        next_step=f"--account '{near}', or --new-account if {reference} is another one",
        exit_code=ExitCode.REFUSED,
    )


def distance(first: str, second: str) -> int:
    """How many letters were mistyped, left out, added or exchanged with their neighbour, case aside."""
    first, second = first.casefold(), second.casefold()
    before: list[int] = []
    row = list(range(len(second) + 1))
    for i, letter in enumerate(first, 1):
        before, above, row = row, before, [i]
        for j, other in enumerate(second, 1):
            cheapest = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (letter != other))
            if i > 1 and j > 1 and letter == second[j - 2] and first[i - 2] == other:
                cheapest = min(cheapest, above[j - 2] + 1)
            row.append(cheapest)
    return row[-1]

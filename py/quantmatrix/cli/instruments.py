"""``instruments``: what is known of each, which names are one thing, and which one name is two."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import click

from quantmatrix.cli.output import write_object, write_rows
from quantmatrix.cli.rows import asked
from quantmatrix.cli.session import door
from quantmatrix.cli.settings import Settings
from quantmatrix.cli.transaction_fields import DAY
from quantmatrix.door.protocol import Door, Row, Where
from quantmatrix.errors import Problem
from quantmatrix.terminal import say

TABLE_COLUMNS = (
    "id",
    "symbol",
    "instrument_type",
    "currency",
    "name",
    "identifiers",
    "counts_for",
    "merged_into",
)


@click.group(short_help="Names of instruments: list, show, merge, split.")
def instruments() -> None:
    """Names of instruments. One is called by its symbol, by type|symbol|currency, or by #NUMBER.

    \b
      quantmatrix instruments list
      quantmatrix instruments show BRK.B
      quantmatrix instruments merge "stock|VTI|USD" "fund|VTI|USD" --reason "one broker calls it a stock"
      quantmatrix instruments split GCM --until 2019-06-30 --reason "the ticker was used again"
      quantmatrix instruments changes
      quantmatrix instruments undo 2 --reason "they are two share classes"

    Merges and splits hold in your books alone, and each can be taken back.
    """


@instruments.command("list", short_help="The instruments of your book.")
@click.option("--symbol", help="Only this symbol.")
@click.option("--type", "kind", help="Only this type: stock, option, ...")
@click.pass_obj
def instruments_list(settings: Settings, symbol: str | None, kind: str | None) -> None:
    """The instruments of your book, with the identifiers that your files state.

    \b
      quantmatrix instruments list --type option --format csv
    """
    wanted = [Where("symbol", "eq", symbol), Where("instrument_type", "eq", kind)]
    with door(settings) as session:
        rows = session.view("instruments", wanted, ("symbol", "id"))
        columns = TABLE_COLUMNS if settings.format == "table" else None
        write_rows(
            rows, settings.format, columns=columns, empty="no instruments yet: import a statement first"
        )


@instruments.command("show", short_help="One instrument: names, terms, where it is held.")
@click.argument("instrument")
@click.pass_obj
def instruments_show(settings: Settings, instrument: str) -> None:
    """One INSTRUMENT: its names and terms, where it is held, and what was merged or split.

    \b
      quantmatrix instruments show AAPL
      quantmatrix instruments show "#17" --format json
    """
    with door(settings) as session:
        shown: dict[str, Any] = dict(_find(session, instrument))
        mine = [Where("instrument_id", "eq", shown["id"])]
        shown["holdings"] = [
            {"account": row["account"], "quantity": row["quantity"]} for row in session.view("holdings", mine)
        ]
        shown["changes"] = [
            {
                name: row[name]
                for name in ("id", "kind", "from_instrument", "into_instrument", "reason", "undone_at")
            }
            for row in session.view("instrument_changes", order=("id",))
            if shown["id"] in (row["from_instrument_id"], row["into_instrument_id"])
        ]
    if settings.format == "table":
        shown = {name: value for name, value in shown.items() if value not in (None, [])}
    write_object(shown, settings.format)


def _find(session: Door, reference: str) -> Row:
    kind, _, rest = reference.partition("|")
    symbol, _, currency = rest.partition("|")
    if reference.startswith("#") and reference[1:].isdigit():
        wanted = [Where("id", "eq", int(reference[1:]))]
    elif rest:
        wanted = [
            Where("instrument_type", "eq", kind),
            Where("symbol", "eq", symbol),
            Where("currency", "eq", currency),
        ]
    else:
        wanted = [Where("symbol", "eq", reference)]
    found = list(session.view("instruments", wanted, ("id",)))
    if not found and reference != reference.upper():
        return _find(session, reference.upper())
    counting = [row for row in found if row["merged_into_id"] is None] or found
    if len(counting) == 1:
        return counting[0]
    raise Problem(
        f"several instruments are {reference!r}"
        if found
        else f"there is no instrument {reference!r} among yours",
        why=", ".join(
            f"#{row['id']} {row['instrument_type']}|{row['symbol']}|{row['currency']}" for row in found
        )
        or None,
        unchanged="nothing was read or written",
        next_step="quantmatrix instruments list shows symbols and numbers",
    )


@instruments.command(
    "merge", short_help="Two names of one thing: what is stated of one counts for the other."
)
@click.argument("name")
@click.argument("into")
@click.option("--reason", required=True, help="Why; the audit log keeps it.")
@click.option("--dry-run", is_flag=True, help="Do everything, then roll it back.")
@click.pass_obj
def instruments_merge(settings: Settings, name: str, into: str, reason: str, dry_run: bool) -> None:
    """Let everything stated of NAME count for INTO, now and in later imports. Lots are rebuilt.

    \b
      quantmatrix instruments merge "BRK B" BRK.B --reason "another spelling"
    """
    given = {"from_instrument": name, "into_instrument": into, "reason": reason}
    _write(settings, asked(settings, "instrument_merge", given, dry_run=dry_run), dry_run)


@instruments.command("split", short_help="One name of two things: move what belongs to the other.")
@click.argument("name")
@click.argument("into", required=False)
@click.option(
    "--transaction",
    "transactions",
    type=int,
    multiple=True,
    metavar="NUMBER",
    help="Move this one; may repeat.",
)
@click.option("--since", type=DAY, help="Move what happened from this trade date on.")
@click.option("--until", type=DAY, help="Move what happened up to this trade date.")
@click.option("--account", help="Move what happened in this account: number or name.")
@click.option(
    "--identifier",
    "identifiers",
    multiple=True,
    metavar="KIND:VALUE",
    help="Move this identifier (isin:..., conid:...); may repeat.",
)
@click.option("--reason", required=True, help="Why; the audit log keeps it.")
@click.option("--dry-run", is_flag=True, help="Do everything, then roll it back.")
@click.pass_obj
def instruments_split(
    settings: Settings,
    name: str,
    into: str | None,
    transactions: tuple[int, ...],
    since: datetime | None,
    until: datetime | None,
    account: str | None,
    identifiers: tuple[str, ...],
    reason: str,
    dry_run: bool,
) -> None:
    """Move transactions and identifiers from NAME to INTO, else to the next number of the ticker (ABC~2).

    By days or account, the broker's own positions of those days move too. Later imports follow the
    identifiers; a file that states nothing but the ticker means NAME, so move away what is past.

    \b
      quantmatrix instruments split GCM --until 2019-06-30 --identifier isin:CA3615692058 --reason "taken"
      quantmatrix instruments split ABC XYZ --transaction 17 --transaction 18 --reason "mistyped"
    """
    given = {
        "from_instrument": name,
        "into_instrument": into,
        "transactions": list(transactions) or None,
        "since": since and since.date().isoformat(),
        "until": until and until.date().isoformat(),
        "account": account,
        "identifiers": list(identifiers) or None,
        "reason": reason,
    }
    _write(settings, asked(settings, "instrument_split", given, dry_run=dry_run), dry_run)


@instruments.command("changes", short_help="Merges and splits so far.")
@click.pass_obj
def instruments_changes(settings: Settings) -> None:
    """Merges and splits, newest first, also those taken back.

    \b
      quantmatrix instruments changes
    """
    columns = ("id", "kind", "from_instrument", "into_instrument", "reason", "created_at", "undone_at")
    with door(settings) as session:
        rows = session.view("instrument_changes", order=("-id",))
        write_rows(
            rows,
            settings.format,
            columns=columns if settings.format == "table" else None,
            empty="no instruments were merged or split",
        )


@instruments.command("undo", short_help="Take a merge or split back.")
@click.argument("number", type=int)
@click.option("--reason", required=True, help="Why; the audit log keeps it.")
@click.option("--dry-run", is_flag=True, help="Do everything, then roll it back.")
@click.pass_obj
def instruments_undo(settings: Settings, number: int, reason: str, dry_run: bool) -> None:
    """Take the change NUMBER back: rows count again for what their files state. Lots are rebuilt.

    \b
      quantmatrix instruments undo 2 --reason "they are two share classes"
    """
    answer = asked(settings, "instrument_change_undo", {"change": number, "reason": reason}, dry_run=dry_run)
    _write(settings, answer, dry_run)


def _write(settings: Settings, answer: dict[str, Any], dry_run: bool) -> None:
    if settings.format == "table":
        moved = answer["transactions"]
        names = f" of {answer['from']} into {answer['into']}" if "into" in answer else f" {answer['status']}"
        say(
            f"change {answer['change']}: {answer['kind']}{names}; transactions: "
            f"{moved['added']} added, {moved['changed']} changed, {moved['removed']} removed"
        )
    else:
        write_object({**answer, "dry_run": dry_run}, settings.format)
    if dry_run:
        settings.narrate("dry run: nothing was kept")

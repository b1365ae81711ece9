"""``audit log``, ``verify``, ``head``: every change of your rows, and the proof that the log is whole."""

from __future__ import annotations

from typing import Any

import click

from quantmatrix.cli.output import write_object, write_rows
from quantmatrix.cli.session import door
from quantmatrix.cli.settings import Settings
from quantmatrix.database import chain
from quantmatrix.door.protocol import Where
from quantmatrix.errors import ExitCode
from quantmatrix.terminal import say

TABLES = (
    "users",
    "accounts",
    "instruments",
    "positions",
    "transactions",
    "tax_lots",
    "market_data",
    "alerts",
    "sync_history",
)

# What fits a terminal; the other formats carry every column of the view.
TABLE_COLUMNS = (
    "id",
    "created_at",
    "table_name",
    "record_key",
    "action",
    "old_values",
    "new_values",
    "reason",
)

FAULTS = {
    "entry_missing": "an entry was removed after it was sealed",
    "entry_changed": "an entry was changed after it was sealed",
    "entry_inserted": "an entry was slipped in behind the seal",
    "link_missing": "a link was cut out of the chain",
    "link_changed": "a link was changed",
    "order": "entries are not in the order in which they were sealed",
    "erasure_unknown": "an erasure is noted of which the log does not tell",
    "erasure_partial": "values were left, or written, in the log of an erased person",
    "erased_lives": "a person is noted as erased who is here",
    "epoch_unknown": "an epoch is noted of which the log does not tell",
    "checkpoint_unknown": "what was found whole earlier is not in the chain: it was cut or computed anew",
    "head_unknown": "the head that you noted does not stand in the chain: it was cut or computed anew",
}


@click.group(short_help="Who changed what; verify the log.")
def audit() -> None:
    """Who changed what, and the proof that nobody rewrote it.

    \b
      quantmatrix audit log --table transactions --limit 20
      quantmatrix audit verify
      quantmatrix audit head
    """


@audit.command("log", short_help="Changes of your rows, newest first.")
@click.option("--table", type=click.Choice(TABLES), help="Only changes of this table.")
@click.option(
    "--limit", type=click.IntRange(min=1), default=50, show_default=True, help="How many of the newest."
)
@click.pass_obj
def audit_log(settings: Settings, table: str | None, limit: int) -> None:
    """Changes of your rows, newest first: an insert by its key, an update by what differs, a delete whole.

    \b
      quantmatrix audit log
      quantmatrix audit log --table transactions --limit 200 --format csv
    """
    with door(settings) as session:
        rows = list(session.view("audit_log", [Where("table_name", "eq", table)], ("-id",), limit))
    columns = TABLE_COLUMNS if settings.format == "table" else None
    write_rows(rows, settings.format, columns=columns, empty="no change was logged")


@audit.command("verify", short_help="Check that nobody rewrote the log.")
@click.option("--head", metavar="HEAD", help="A head printed earlier, which must still stand in the chain.")
@click.pass_obj
def audit_verify(settings: Settings, head: str | None) -> ExitCode:
    """Check the audit log: all of it, of all people; over the API or with --user, one's own.

    With the database it seals first what is finished. Prints the head: keep it somewhere else, and --head
    shows later that nobody cut the chain or computed it anew. Backups note it too. Ends with status 3 if the
    chain is broken.

    \b
      quantmatrix audit verify
      quantmatrix audit verify --head 4711:795be12dbf5aea7fdc128cb9dfbe391f5947714a610753298be8a8962a23dc04
    """
    if _of_everybody(settings):
        settings.environment.ensure_running()
        with chain.as_owner(settings.environment.migrator_dsn) as connection:
            chain.seal(connection)
            found = chain.verify(connection, head)
    else:
        with door(settings) as session:
            found = session.call("audit_verify", {"noted_head": head})
    broken = found["broken"]
    write_object(
        {**found, "broken": broken and _told(broken)} if settings.format == "table" else found,
        settings.format,
    )
    if broken is None:
        return ExitCode.DONE
    say(f"the audit log is broken: {_told(broken)}", err=True)
    say("  unchanged: verifying changes no entry", err=True)
    say("  next: keep this database as it is, and compare it with a backup", err=True)
    return ExitCode.DIFFERENCES


@audit.command("head", short_help="The newest link, to be noted elsewhere.")
@click.pass_obj
def audit_head(settings: Settings) -> None:
    """Print the head of the chain, POSITION:DIGEST. With the database it seals first what is finished.

    \b
      quantmatrix audit head
      quantmatrix audit head --format json
    """
    if _of_everybody(settings):
        settings.environment.ensure_running()
        with chain.as_owner(settings.environment.migrator_dsn) as connection:
            chain.seal(connection)
            head = chain.head(connection)
    else:
        with door(settings) as session:
            head = session.call("audit_verify")["head"]
    write_object({"head": head}, settings.format)


def _of_everybody(settings: Settings) -> bool:
    """Whether the whole log is meant: with the database, where nobody and no book is named."""
    return settings.api is None and settings.book is None and settings.named.get("user") != "--user"


def _told(broken: dict[str, Any]) -> str:
    """A fault in words, with its place."""
    place = [
        f"{name} {broken[key]}"
        for name, key in (("position", "position"), ("entry", "log_id"))
        if broken[key]
    ]
    return ", ".join([FAULTS[broken["what"]], *place])

"""``lots``: list them, rebuild and prove them, check worked cases."""

from __future__ import annotations

from pathlib import Path

import click

from quantmatrix.cli.lots_questions import closings, compare, explain, is_foreign, what_if
from quantmatrix.cli.lots_rebuild import rebuild
from quantmatrix.cli.output import write_rows
from quantmatrix.cli.rows import account_id
from quantmatrix.cli.session import administrator, door
from quantmatrix.cli.settings import Settings
from quantmatrix.door.protocol import Where
from quantmatrix.errors import ExitCode
from quantmatrix.terminal import say

# What fits a terminal; the other formats carry every column of the view.
TABLE_COLUMNS = (
    "id",
    "account",
    "symbol",
    "side",
    "acquired_on",
    "holding_start",
    "term",
    "quantity_remaining",
    "cost_remaining",
    "wash_sale_adjustment",
    "basis_status",
)

ORDER = ("account", "symbol", "side", "acquired_at nulls first", "opening_transaction_id", "piece")


@click.group(short_help="Lots: list, rebuild, check a worked case.")
def lots() -> None:
    """Lots as they follow from the transactions.

    \b
      quantmatrix lots list --symbol ABC
      quantmatrix lots explain 17
      quantmatrix lots compare --year 2024
      quantmatrix lots rebuild --verify
    """


for command in (closings, compare, explain, rebuild, what_if):
    lots.add_command(command)


@lots.command("list", short_help="Open lots; closed ones with --closed or --all.")
@click.option("--account", help="Only this account: number or name.")
@click.option("--symbol", help="Only this symbol.")
@click.option("--open", "shown", flag_value="open", default="open", help="Open lots (default).")
@click.option("--closed", "shown", flag_value="closed", help="Closed lots.")
@click.option("--all", "shown", flag_value="all", help="Open and closed lots.")
@click.pass_obj
def list_lots(settings: Settings, account: str | None, symbol: str | None, shown: str) -> None:
    """Every lot, one row for each piece, in the order in which FIFO uses them.

    \b
      quantmatrix lots list
      quantmatrix lots list --account "Joint account" --symbol ABC --all --format csv
    """
    with door(settings) as session:
        wanted = [
            Where("account_id", "eq", account_id(session, account)),
            Where("symbol", "eq", symbol),
            Where("is_open", "eq", {"open": True, "closed": False}.get(shown)),
        ]
        found = session.view("lots", wanted, ORDER)
        empty = "no such lots: import a statement first"
        if settings.format != "table":
            write_rows(found, settings.format, empty=empty)
            return
        rows = list(found)
        native = ("native_cost_remaining", "currency") if is_foreign(rows, "cost_remaining") else ()
        write_rows(rows, "table", columns=(*TABLE_COLUMNS, *native), empty=empty)


@lots.command("check-case", short_help="Import worked cases and compare what comes out.")
@click.argument(
    "files", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path)
)
@click.pass_obj
def check_case(settings: Settings, files: tuple[Path, ...]) -> ExitCode:
    """Import each case as a fresh person, compare every figure that it expects, and roll everything back.

    \b
      quantmatrix lots check-case cases/*.json
    """
    from quantmatrix.cases.check import check, read_case

    cases = [read_case(path) for path in files]
    failed = 0
    with administrator(settings) as admin, settings.progress("cases", len(cases)) as advance:
        for case in cases:
            verdict = check(admin, case)
            if verdict.difference is not None:
                failed += 1
                say(f"{verdict.case}: {verdict.difference}")
            advance(1)
    say(f"{len(cases) - failed} passed, {failed} failed")
    return ExitCode.DIFFERENCES if failed else ExitCode.DONE

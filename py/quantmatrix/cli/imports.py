"""``import``: broker files into the database, and what became of earlier imports."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from quantmatrix.cli.accounts import require_no_typo
from quantmatrix.cli.actions import told
from quantmatrix.cli.conflicts import conflicts
from quantmatrix.cli.imports_report import print_report, print_undo
from quantmatrix.cli.imports_totals import print_totals, totals
from quantmatrix.cli.output import to_json, write_object, write_rows
from quantmatrix.cli.rows import asked
from quantmatrix.cli.session import door
from quantmatrix.cli.settings import Settings
from quantmatrix.database.connection import open_connection
from quantmatrix.door.protocol import Door
from quantmatrix.errors import ExitCode, Problem
from quantmatrix.ingest.model import FileRefused, Options
from quantmatrix.terminal import data

MANY = 500
"""So many new rows make the planner's picture of the tables wrong before autovacuum looks at them again."""

_OF_THE_FILE = ("QM002", "QM003")
"""What the database refuses about one file, its account for instance; other files are read all the same."""

GROWN = (
    "core.transactions",
    "core.tax_lots",
    "core.positions",
    "core.audit_logs",
    "tax.closings",
    "tax.lot_state",
    "tax.instrument_groups",
    "ingest.lines",
)


def refresh_statistics(settings: Settings) -> None:
    """Let the planner know what a large import brought; in a session of the owner, who alone may."""
    with open_connection(settings.environment.migrator_dsn) as connection:
        connection.execute("set role quantmatrix_owner")
        # A rough picture is enough, and a tenth of the price: autovacuum looks closer when it comes.
        connection.execute("set default_statistics_target = 10")
        for table in GROWN:
            connection.execute(f"analyze {table}".encode())


class SourceName(click.ParamType[str]):
    """The name of a format; installed packages are asked only when one is given."""

    name = "format"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Refuse a name that no format has."""
        from quantmatrix.ingest.formats import names

        known = names()
        if value not in known:
            self.fail(f"{value!r} is not one of {', '.join(known)}", param, ctx)
        return value


class _OfTheGroup(click.Context):
    """Usage that says ``import`` and not the word nobody writes."""

    @property
    def command_path(self) -> str:
        """The path of the group."""
        return self.parent.command_path if self.parent is not None else super().command_path


class FilesCommand(click.Command):
    """The hidden command behind ``import FILE…``."""

    context_class = _OfTheGroup


class ImportGroup(click.Group):
    """``import FILE…`` without a word in between; ``list``, ``show`` and ``undo`` are always commands."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Put the hidden command before files and their options."""
        if args and self._first_word(args) not in self.commands and not {"-h", "--help"}.intersection(args):
            args = ["files", *args]
        return super().parse_args(ctx, args)

    def collect_usage_pieces(self, ctx: click.Context) -> list[str]:
        """Files first: they are what the command is for."""
        del ctx
        return ["[OPTIONS] FILE...", "|", "COMMAND [ARGS]..."]

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The options for files, then the commands."""
        options = (o for o in self.commands["files"].get_params(ctx) if isinstance(o, click.Option))
        shown = (option.get_help_record(ctx) for option in options)
        with formatter.section("Options"):
            formatter.write_dl([record for record in shown if record is not None])
        self.format_commands(ctx, formatter)

    def _first_word(self, args: list[str]) -> str | None:
        """The first argument that is neither an option nor the value of one."""
        with_value = {
            name
            for option in self.commands["files"].params
            if isinstance(option, click.Option) and not option.is_flag
            for name in option.opts
        }
        rest = iter(args)
        for argument in rest:
            if argument in with_value:
                next(rest, None)
            elif not argument.startswith("-"):
                return argument
        return None


@click.group("import", cls=ImportGroup, no_args_is_help=True)
def import_group() -> None:
    """Read broker files: each whole, or not at all.

    \b
      quantmatrix import activity-2025.csv
      quantmatrix import --dry-run *.csv
      quantmatrix import --account 5WT00001 tastytrade.csv
      quantmatrix import formats
      quantmatrix import list
      quantmatrix import show 3
      quantmatrix import conflicts
      quantmatrix import undo 3
      quantmatrix import --replace 3 mine.csv

    A file in which rows of an earlier one were changed is refused: --replace NUMBER lets it take that one's
    place, --anyway imports it beside it. The format is found by looking; --source NAME forces one.
    --accept-refusals imports what can be read.
    A file called like a command (list, show, ...) is written ./list.
    """


@import_group.command("files", cls=FilesCommand, hidden=True)
@click.argument(
    "files",
    nargs=-1,
    required=True,
    metavar="FILE...",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
)
@click.option(
    "--source", type=SourceName(), help="The format, where it is not found or found wrongly (see formats)."
)
@click.option("--account", help="Account number or name, for files that name none.")
@click.option(
    "--new-account", is_flag=True, help="--account names a new one, though another is called like it."
)
@click.option("--broker", help="Broker of a new account, for formats of no broker (default: manual).")
@click.option("--currency", default="USD", show_default=True, help="Currency, for files that name none.")
@click.option(
    "--timezone", default="America/New_York", show_default=True, help="Zone of times printed without one."
)
@click.option("--day-first", is_flag=True, help="Read 03/04/2025 as 3 April.")
@click.option(
    "--accept-refusals", is_flag=True, help="Import what can be read; refused lines are kept and listed."
)
@click.option("--replace", type=int, metavar="NUMBER", help="Take the place of this earlier import.")
@click.option("--anyway", is_flag=True, help="Import an edited file beside the earlier one: both count.")
@click.option("--dry-run", is_flag=True, help="Do everything, then roll it back.")
@click.pass_obj
def import_files(
    settings: Settings,
    files: tuple[Path, ...],
    source: str | None,
    account: str | None,
    new_account: bool,
    broker: str | None,
    currency: str,
    timezone: str,
    day_first: bool,
    accept_refusals: bool,
    replace: int | None,
    anyway: bool,
    dry_run: bool,
) -> ExitCode:
    """Read FILES, one database transaction each; exit 5 if one was refused."""
    if replace is not None and (len(files) > 1 or anyway):
        raise click.UsageError("--replace is for one file, and without --anyway")
    options = Options(account=account, currency=currency, zone=timezone, day_first=day_first)
    if settings.demo:
        settings.narrate("this is the demonstration's book: the next demonstration throws it away")
    reports: list[dict[str, Any]] = []
    try:
        with door(settings) as session:
            if account is not None and not new_account:
                require_no_typo(session, account)
            for path in files:
                report = import_one(
                    settings,
                    session,
                    path,
                    source=source,
                    broker=broker,
                    options=options,
                    accept_refusals=accept_refusals,
                    dry_run=dry_run,
                    replace=replace,
                    if_edited=None if anyway else "refuse",
                )
                reports.append(report)
                is_large = report["status"] == "imported" and report["rows"]["new"] >= MANY
                if is_large and not dry_run and settings.api is None:
                    refresh_statistics(settings)
                if settings.format == "table":
                    print_report(settings, report)
                    print_totals(report["totals"])
    finally:
        # Files before one that stops everything were imported, and are told.
        _write(settings, reports, one=len(files) == 1)
    return ExitCode.REFUSED if any(report["status"] == "refused" for report in reports) else ExitCode.DONE


def _write(settings: Settings, reports: list[dict[str, Any]], *, one: bool) -> None:
    if settings.format == "table" or not reports:
        return
    if settings.format == "json":
        data(to_json(reports[0] if one else reports))
    elif settings.format == "ndjson":
        for report in reports:
            data(to_json(report, indent=None))
    else:
        write_rows(
            [
                {
                    "file": r["file"],
                    "source": r["source"],
                    "import_id": r["import_id"],
                    "status": r["status"],
                    **r["rows"],
                }
                for r in reports
            ],
            settings.format,
        )


def import_one(
    settings: Settings,
    session: Door,
    path: Path,
    *,
    source: str | None = None,
    broker: str | None = None,
    options: Options | None = None,
    accept_refusals: bool = False,
    dry_run: bool = False,
    replace: int | None = None,
    if_edited: str | None = None,
) -> dict[str, Any]:
    """Import one file; the report of ``api.import_load``, also for a file that cannot be read at all."""
    from quantmatrix.loading.files import load_file

    options = options or Options()
    size = path.stat().st_size if path.exists() else 0
    try:
        with settings.progress(path.name, size) as advance:
            report = load_file(
                session,
                path,
                options,
                source=source,
                broker=broker,
                accept_refusals=accept_refusals,
                dry_run=dry_run,
                replace=replace,
                if_edited=if_edited,
                progress=_steps(advance),
            )
    except FileRefused as refused:
        return _unreadable(path, source, refused)
    except Problem as problem:
        if problem.code not in _OF_THE_FILE:
            raise
        what = ": ".join(filter(None, (problem.what, problem.why)))
        hint = told(problem.next_step or "", file=str(path)) or None
        return _unreadable(path, source, FileRefused(what, hint=hint))
    report["dry_run"] = dry_run
    report["totals"] = totals(session, report) if not dry_run else {"cash": [], "positions": []}
    return report


@import_group.command("formats", short_help="What can be read, and which package reads it.")
@click.pass_obj
def import_formats(settings: Settings) -> None:
    """What can be read, and which package reads it; installed packages may add formats.

    \b
      quantmatrix import formats
      quantmatrix import formats --format json
    """
    from dataclasses import asdict

    from quantmatrix.ingest.formats import formats

    rows = [asdict(known) for known in formats()]
    for row in rows:
        if row["problem"]:
            settings.narrate(
                f"{row['source']} of the package {row['package']} cannot be used: {row['problem']}"
            )
    write_rows(rows, settings.format)


@import_group.command("list", short_help="Earlier imports, newest first.")
@click.option("--limit", type=click.IntRange(1), default=50, show_default=True, help="How many.")
@click.pass_obj
def import_list(settings: Settings, limit: int) -> None:
    """Earlier imports, newest first.

    \b
      quantmatrix import list
      quantmatrix import list --format json
    """
    with door(settings) as session:
        rows = list(session.view("imports", order=("-id",), limit=limit))
    write_rows(rows, settings.format, empty="nothing has been imported yet: quantmatrix import FILE")


@import_group.command("show", short_help="What one import brought, and what it could not read.")
@click.argument("number", type=int)
@click.pass_obj
def import_show(settings: Settings, number: int) -> None:
    """What one import brought: counts, what the file says of itself, refused and unknown lines.

    \b
      quantmatrix import show 3
    """
    with door(settings) as session:
        shown = session.call("import_show", {"import_id": number})
    if shown is None:
        raise Problem(
            f"there is no import {number}",
            unchanged="nothing was read or written",
            next_step="quantmatrix import list",
        )
    write_object(shown, settings.format)


import_group.add_command(conflicts)


@import_group.command("undo", short_help="Take an import back; what other files attest stays.")
@click.argument("number", type=int)
@click.option("--dry-run", is_flag=True, help="Show what would change.")
@click.pass_obj
def import_undo(settings: Settings, number: int, dry_run: bool) -> None:
    """Take an import back: only what no other import attests is removed, and lots are rebuilt.

    \b
      quantmatrix import undo 3 --dry-run
      quantmatrix import undo 3
    """
    undone = asked(settings, "import_undo", {"import_id": number}, dry_run=dry_run) | {"dry_run": dry_run}
    if settings.format == "table":
        print_undo(undone)
    else:
        write_object(undone, settings.format)


def _steps(advance: Callable[[int], None]) -> Callable[[int], None]:
    seen = 0

    def moved(position: int) -> None:
        nonlocal seen
        if position > seen:
            advance(position - seen)
            seen = position

    return moved


def _unreadable(path: Path, source: str | None, refused: FileRefused) -> dict[str, Any]:
    reason = refused.reason if refused.hint is None else f"{refused.reason} ({refused.hint})"
    return {
        "file": path.name,
        "source": source,
        "import_id": None,
        "status": "refused",
        "rows": {"read": 0, "new": 0, "known": 0, "changed": 0, "refused": 0},
        "types": {},
        "warnings": [],
        "refusals": [{"line": refused.line, "column": None, "text": "", "reason": reason}],
        "accounts_created": [],
        "positions": [],
        "cash": [],
        "totals": {"cash": [], "positions": []},
    }

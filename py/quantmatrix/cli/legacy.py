"""``legacy``: look into the old database (V1), and carry it over with a proof."""

from __future__ import annotations

from pathlib import Path

import click

from quantmatrix.cli.output import to_json, write_object
from quantmatrix.cli.session import named_user
from quantmatrix.cli.settings import Settings
from quantmatrix.errors import ExitCode, Problem
from quantmatrix.terminal import data

FROM = click.option(
    "--from",
    "origin",
    required=True,
    metavar="DSN|DUMP",
    help="The old database: a dump of it (plain, gzip, custom), or postgresql://user@host/database.",
)
ZONE = click.option(
    "--timezone",
    default="America/New_York",
    show_default=True,
    help="Zone of the times that V1 took from statements, and of your files.",
)


@click.group(short_help="From the old database: inspect, migrate.")
def legacy() -> None:
    """Carry the old database (V1) over: what is good is kept, the rest is named.

    \b
      quantmatrix legacy inspect --from v1.dump
      quantmatrix legacy migrate --from v1.dump --user ann@example.org --dry-run
    """


@legacy.command("inspect", short_help="What V1 holds, and what is wrong with it.")
@FROM
@ZONE
@click.pass_obj
def legacy_inspect(settings: Settings, origin: str, timezone: str) -> None:
    """What V1 holds: tables, leftovers, defects by kind, holdings that disagree with their lots. Only reads.

    \b
      quantmatrix legacy inspect --from v1.dump
      quantmatrix legacy inspect --from postgresql://v1@localhost/quantmatrix_v1 --format json
    """
    from quantmatrix.cli.legacy_report import print_inspection
    from quantmatrix.legacy import run

    settings.environment.ensure_running()
    source = run.source_of(origin)
    found = run.inspect(settings.environment, source, known_zone(timezone))
    if settings.format == "table":
        print_inspection(found)
    elif settings.format == "json":
        data(to_json(found))
    else:
        write_object(found, settings.format)


@legacy.command("migrate", short_help="Carry V1 over, and prove it.")
@FROM
@click.option(
    "--csv",
    "csv_files",
    multiple=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Your own file of trades and transfers that V1 lacks; repeatable.",
)
@click.option(
    "--csv-account", "csv_accounts", multiple=True, help="Account of each --csv, in the same order."
)
@ZONE
@click.option("--dry-run", is_flag=True, help="Do everything, print go or no-go, then roll it back.")
@click.option(
    "--backup",
    "backup_file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Where the backup taken before goes (default: the data directory).",
)
@click.option("--no-backup", is_flag=True, help="Take no backup before.")
@click.pass_obj
def legacy_migrate(
    settings: Settings,
    origin: str,
    csv_files: tuple[Path, ...],
    csv_accounts: tuple[str, ...],
    timezone: str,
    dry_run: bool,
    backup_file: Path | None,
    no_backup: bool,
) -> ExitCode:
    """Carry V1 over for --user, who is made without a password if unknown, and print the proof.

    \b
      quantmatrix legacy migrate --from v1.dump --user ann@example.org --dry-run
      quantmatrix legacy migrate --from v1.dump --user ann@example.org \\
          --csv history.csv --csv-account U1234567

    One transaction: a failure leaves everything as it was. Run again, it finds nothing new. V1 is only read.
    Ends with 3 where a holding is not explained, with 5 where something is refused.
    """
    from quantmatrix.cli.imports import MANY, refresh_statistics
    from quantmatrix.cli.legacy_report import print_proof
    from quantmatrix.legacy import run
    from quantmatrix.legacy.files import OwnFile

    if len(csv_files) != len(csv_accounts):
        raise click.UsageError("each --csv needs its --csv-account, in the same order")
    if backup_file is not None and (no_backup or dry_run):
        raise click.UsageError("--backup goes with neither --no-backup nor --dry-run")
    settings.environment.ensure_running()
    wish = run.Wish(
        source=run.source_of(origin),
        email=named_user(settings)[0],
        files=tuple(OwnFile(path, account) for path, account in zip(csv_files, csv_accounts, strict=True)),
        zone=known_zone(timezone),
        dry_run=dry_run,
    )
    saved = None
    if not (no_backup or dry_run):
        from quantmatrix.backup import make
        from quantmatrix.backup.sealed import Secrets

        saved = backup_file or make.default_path(settings.environment)
        try:
            make.backup(settings.environment, saved, Secrets.of_environment().to_seal())
        except Problem as problem:
            problem.next_step = f"{problem.next_step}; --no-backup goes on without one"
            raise
        settings.narrate(f"backup: {saved}")
    proof = run.migrate(settings.environment, wish) | {"backup": str(saved) if saved else None}
    if not dry_run and proof["rows"]["new"] >= MANY:
        refresh_statistics(settings)
    if settings.format == "table":
        print_proof(proof)
    elif settings.format == "json":
        data(to_json(proof))
    else:
        write_object(proof, settings.format)
    if dry_run and any(criterion["verdict"] == "no-go" for criterion in proof["criteria"]):
        return ExitCode.DIFFERENCES
    return ExitCode.DIFFERENCES if proof["discrepancies"]["after"]["holdings"] else ExitCode.DONE


def known_zone(name: str) -> str:
    """``name`` if it is an IANA zone; exit 2 otherwise."""
    from zoneinfo import available_timezones

    if name not in available_timezones():
        raise Problem(
            f"there is no time zone {name}",
            unchanged="nothing was read or written",
            next_step="use a name such as America/New_York or Europe/Berlin",
            exit_code=ExitCode.USAGE,
        )
    return name

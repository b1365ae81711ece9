"""``backup`` and ``restore``: the whole database in one file that proves itself."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from quantmatrix.cli.hidden import ask_hidden
from quantmatrix.cli.output import write_object
from quantmatrix.cli.settings import Settings

if TYPE_CHECKING:
    from quantmatrix.backup.manifest import Manifest
    from quantmatrix.backup.sealed import Secrets

FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


def _secret_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Where the secret of a sealed backup is: never on the command line."""
    command = click.option(
        "--passphrase-file",
        type=FILE,
        envvar="QUANTMATRIX_BACKUP_PASSPHRASE_FILE",
        help="The passphrase is the first line of this file (QUANTMATRIX_BACKUP_PASSPHRASE_FILE).",
    )(command)
    return click.option(
        "--key-file",
        type=FILE,
        envvar="QUANTMATRIX_BACKUP_KEY_FILE",
        help="Seal and open with this file of 32 random bytes or more (QUANTMATRIX_BACKUP_KEY_FILE).",
    )(command)


def _keep(_context: click.Context, _parameter: click.Parameter, text: str | None) -> dict[str, int] | None:
    from quantmatrix.backup.keep import parse_keep

    try:
        return parse_keep(text) if text else None
    except ValueError as error:
        raise click.BadParameter(str(error)) from None


@click.command(short_help="The whole database in one file.")
@click.argument("file", required=False, type=click.Path(dir_okay=False, path_type=Path))
@click.option("--encrypt", is_flag=True, help="Seal it; asks for a passphrase where no file is named.")
@_secret_options
@click.option(
    "--to",
    "folder",
    type=click.Path(file_okay=False, path_type=Path),
    envvar="QUANTMATRIX_BACKUP_DIR",
    help="A new file in this folder (QUANTMATRIX_BACKUP_DIR).",
)
@click.option(
    "--keep",
    callback=_keep,
    metavar="PERIOD=NUMBER,…",
    help="Remove older ones in the folder, but the newest of each of so many days, weeks, months, years.",
)
@click.pass_obj
def backup(
    settings: Settings,
    file: Path | None,
    encrypt: bool,
    key_file: Path | None,
    passphrase_file: Path | None,
    folder: Path | None,
    keep: Mapping[str, int] | None,
) -> None:
    """Write all data of all users to FILE (default: a new one in the data directory).

    \b
      quantmatrix backup before-the-move.backup
      quantmatrix backup --encrypt before-the-move.backup
      quantmatrix backup --keep daily=7,weekly=5,monthly=12 --to /var/backups/quantmatrix

    The file is a custom-format archive of pg_dump, with schema version, row counts and digests behind its
    end. It holds all that the database holds but the keys that sign tokens and mails on their way: keep it
    as secret as the database, or seal it. Naming a key or passphrase file seals it as well.
    """
    from quantmatrix.backup import keep as keeping
    from quantmatrix.backup import make

    secret = _secrets(key_file, passphrase_file).to_seal(wanted=encrypt)
    if file is None or keep:
        if file is not None:
            raise click.UsageError("--keep goes with --to, not with FILE")
        settings.environment.ensure_running()
        where = folder or settings.environment.data_dir / "backups"
        path, manifest, removed = keeping.save(settings.environment, where, secret, keep)
        if removed:
            settings.narrate(f"removed, as newer ones take their place: {', '.join(r.name for r in removed)}")
    else:
        settings.environment.ensure_running()
        path, manifest = file, make.backup(settings.environment, file, secret)
    _print_manifest(settings, path, manifest)


@click.command(short_help="Put a backup back into an empty database.")
@click.argument("file", required=False, type=FILE)
@click.option("--verify", is_flag=True, help="Only prove that FILE can be restored; touches no data.")
@_secret_options
@click.option(
    "--from",
    "folder",
    type=click.Path(file_okay=False, path_type=Path),
    envvar="QUANTMATRIX_BACKUP_DIR",
    help="With --verify and without FILE: the newest one in this folder (QUANTMATRIX_BACKUP_DIR).",
)
@click.pass_obj
def restore(
    settings: Settings,
    file: Path | None,
    verify: bool,
    key_file: Path | None,
    passphrase_file: Path | None,
    folder: Path | None,
) -> None:
    """Put FILE back into an empty database. Every row count and digest is checked before anything counts.

    \b
      quantmatrix restore --verify before-the-move.backup
      quantmatrix restore --verify --from /var/backups/quantmatrix
      quantmatrix --data-dir ~/quantmatrix-again restore before-the-move.backup

    Refuses a damaged file, one of a newer schema, and a database that holds data. The statements in the
    archive are run by the database's administrator: restore only files of your own. The keys that sign
    tokens are those of the installation that is restored into: everybody signs in again.
    """
    from quantmatrix.backup import keep as keeping
    from quantmatrix.backup import restore as restoring

    if file is None and not verify:
        raise click.UsageError("FILE is missing")
    secrets = _secrets(key_file, passphrase_file)
    settings.environment.ensure_running()
    if file is None:
        where = folder or settings.environment.data_dir / "backups"
        file, manifest = keeping.drill(settings.environment, where, secrets)
    elif verify:
        manifest = restoring.verify(settings.environment, file, secrets)
    else:
        manifest = restoring.restore(settings.environment, file, secrets)
        if settings.environment.key_set_file is None:
            settings.narrate(
                "nobody can sign in yet: name the key set of PostgREST in QUANTMATRIX_JWT_SECRET_FILE and run"
                " quantmatrix migrate keys"
            )
    _print_manifest(settings, file, manifest)


def _secrets(key_file: Path | None, passphrase_file: Path | None) -> Secrets:
    from quantmatrix.backup.sealed import Secrets

    if key_file is not None and passphrase_file is not None:
        raise click.UsageError("a key file or a passphrase, not both")
    return Secrets(key_file, passphrase_file, _ask if sys.stdin.isatty() else None)


def _ask(twice: bool) -> str:
    return ask_hidden("Passphrase of the backup", "--passphrase-file", twice=twice)


def _print_manifest(settings: Settings, path: Path, manifest: Manifest) -> None:
    write_object(
        {
            "file": str(path),
            "schema_version": manifest.schema_version,
            "made_at": manifest.made_at,
            "tables": len(manifest.tables),
            "rows": manifest.rows,
            "dump_bytes": manifest.dump_bytes,
            "dump_sha256": manifest.dump_sha256,
            "audit_head": manifest.audit_head,
        },
        settings.format,
    )

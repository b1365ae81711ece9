"""``backup`` and ``restore``: the whole database in one file that proves itself."""

from __future__ import annotations

from pathlib import Path

import click

from quantmatrix.cli.output import write_object
from quantmatrix.cli.settings import Settings


@click.command(short_help="The whole database in one file.")
@click.argument("file", required=False, type=click.Path(dir_okay=False, path_type=Path))
@click.pass_obj
def backup(settings: Settings, file: Path | None) -> None:
    """Write all data of all users to FILE (default: a new one in the data directory).

    \b
      quantmatrix backup before-the-move.backup
      quantmatrix backup --format json

    The file is a custom-format archive of pg_dump, with schema version, row counts and digests behind its
    end. It holds everything that the database holds: keep it as secret as the database.
    """
    from quantmatrix.backup import make

    settings.environment.ensure_running()
    path = file or make.default_path(settings.environment)
    manifest = make.backup(settings.environment, path)
    _tell(settings, path, manifest)


@click.command(short_help="Put a backup back into an empty database.")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--verify", is_flag=True, help="Only prove that FILE can be restored; touches no data.")
@click.pass_obj
def restore(settings: Settings, file: Path, verify: bool) -> None:
    """Put FILE back into an empty database. Every row count and digest is checked before anything counts.

    \b
      quantmatrix restore --verify before-the-move.backup
      quantmatrix --data-dir ~/quantmatrix-again restore before-the-move.backup

    Refuses a damaged file, one of a newer schema, and a database that holds data. The statements in the
    archive are run by the database's administrator: restore only files of your own.
    """
    from quantmatrix.backup import restore as restoring

    settings.environment.ensure_running()
    manifest = (restoring.verify if verify else restoring.restore)(settings.environment, file)
    _tell(settings, file, manifest)


def _tell(settings: Settings, path: Path, manifest: object) -> None:
    from quantmatrix.backup.manifest import Manifest

    assert isinstance(manifest, Manifest)
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

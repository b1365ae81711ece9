"""Take the backups of the folder that ``QUANTMATRIX_BACKUP_DIR`` names, one a day, and thin them out."""

from __future__ import annotations

from quantmatrix.backup import keep
from quantmatrix.work.context import Context

NAME = "backup"
EVERY = 900


def run(context: Context) -> str | None:
    """Take one if the last is old enough."""
    return keep.turn(context.environment)

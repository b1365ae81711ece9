"""For developers: write the unreleased first migration from ``db/schema``, and the checksums.

``python -m quantmatrix.database.snapshot`` (``make migration-snapshot``). The migration holds the text of the
files: one that read ``db/schema`` when it runs would change its meaning later. Once there is a second
migration the first one is history, and only the checksums of new files are added.
"""

from __future__ import annotations

from pathlib import Path

from quantmatrix import resources
from quantmatrix.database import checksums
from quantmatrix.errors import Problem
from quantmatrix.terminal import say

FIRST = "0001_initial.sql"
HEADER = "-- The first migration: db/schema as it was then, file by file.\n"


def write_snapshot(schema_files: list[Path], folder: Path) -> str:
    """Write the first migration while it is the only one, and ``CHECKSUMS``; say what was done."""
    existing = checksums.migration_files(folder)
    if all(path.name == FIRST for path in existing):
        parts = [f"\n-- {path.name}\n\n{path.read_text(encoding='utf-8').strip()}\n" for path in schema_files]
        (folder / FIRST).write_text(HEADER + "".join(parts), encoding="utf-8")
        checksums.write(folder)
        return f"{folder / FIRST} written from {len(schema_files)} files of db/schema; checksums written"
    _refuse_edited(folder)
    checksums.write(folder)
    return f"{FIRST} is released and stays as it is; checksums of new migrations added"


def _refuse_edited(folder: Path) -> None:
    actual = checksums.chain_of(checksums.migration_files(folder))
    for name, chain in checksums.recorded(folder).items():
        if actual.get(name) != chain:
            raise Problem(
                "a migration with a checksum was edited, renamed or removed",
                where=str(folder / name),
                why="its checksum, which others may have recorded in a database, is another now",
                unchanged="no file was written",
                next_step="restore the file; a change belongs in a new migration",
            )


def main() -> int:
    """Run it for this checkout."""
    try:
        say(str(write_snapshot(resources.schema_files(), resources.migrations_directory())))
    except Problem as problem:
        say(str(problem), err=True, lines=True)
        return int(problem.exit_code)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

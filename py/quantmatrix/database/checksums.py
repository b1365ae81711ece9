"""Checksums of migrations, chained: each one vouches for its file and for all before it.

``migrations/CHECKSUMS`` has a line ``CHAIN  FILE`` for each migration, where CHAIN is the SHA-256 of the
chain before (nothing for the first), the file's name and the file's bytes. An edited, renamed, removed or
reordered file breaks it. ``make checksums`` adds new files.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

from quantmatrix import resources
from quantmatrix.errors import Problem
from quantmatrix.terminal import say

NAME = "CHECKSUMS"


def migration_files(folder: Path) -> list[Path]:
    """The migrations in ``folder``, in the order in which they are applied."""
    return sorted(path for path in folder.glob("[0-9]*.sql") if not path.name.endswith(".rollback.sql"))


def chain_of(files: list[Path]) -> dict[str, str]:
    """File name to chained checksum, in order."""
    chain: dict[str, str] = {}
    before = ""
    for path in files:
        before = hashlib.sha256(f"{before}\n{path.name}\n".encode() + path.read_bytes()).hexdigest()
        chain[path.name] = before
    return chain


def recorded(folder: Path) -> dict[str, str]:
    """What ``CHECKSUMS`` says: file name to chained checksum, in order."""
    path = folder / NAME
    if not path.is_file():
        return {}
    pairs = [line.split() for line in path.read_text(encoding="ascii").splitlines() if line.strip()]
    return {name: chain for chain, name in pairs}


def write(folder: Path) -> None:
    """Write ``CHECKSUMS`` for the migrations in ``folder``."""
    lines = [f"{chain}  {name}\n" for name, chain in chain_of(migration_files(folder)).items()]
    (folder / NAME).write_text("".join(lines), encoding="ascii")


def add_new(folder: Path) -> None:
    """Write ``CHECKSUMS`` for new migrations; those that it vouches for must be as they were."""
    actual = chain_of(migration_files(folder))
    for name, chain in recorded(folder).items():
        if actual.get(name) != chain:
            raise Problem(
                "a migration with a checksum was edited, renamed or removed",
                where=str(folder / name),
                why="its checksum, which others may have recorded in a database, is another now",
                unchanged="no file was written",
                next_step="restore the file; a change belongs in a new migration",
            )
    write(folder)


def verified(folder: Path) -> dict[str, str]:
    """The chain of the migrations in ``folder``, after checking that ``CHECKSUMS`` agrees with the files."""
    actual = chain_of(migration_files(folder))
    expected = recorded(folder)
    if list(actual.items()) != list(expected.items()):
        raise _disagrees(folder, actual, expected)
    return actual


def _disagrees(folder: Path, actual: dict[str, str], expected: dict[str, str]) -> Problem:
    missing = [name for name in expected if name not in actual]
    unknown = [name for name in actual if name not in expected]
    if missing:
        name, why = missing[0], "it is in CHECKSUMS, and the file is gone"
    elif unknown:
        name, why = unknown[0], "it is not in CHECKSUMS"
    else:
        name = next(name for name in actual if actual[name] != expected[name])
        why = "its content, or that of a file before it, is not what CHECKSUMS vouches for"
    return Problem(
        "the migrations are not the ones that were released",
        where=str(folder / name),
        why=why,
        unchanged="the database was not touched",
        next_step="restore the file; a change belongs in a new migration",
    )


def main() -> int:
    """Add the new migrations of this checkout."""
    folder = resources.migrations_directory()
    try:
        add_new(folder)
    except Problem as problem:
        say(str(problem), err=True, lines=True)
        return int(problem.exit_code)
    say(f"{folder / NAME} vouches for {len(recorded(folder))} migrations")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

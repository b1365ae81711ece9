"""A database as the first migration made it, with books on it: what later migrations must carry over."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest.mock import patch

from quantmatrix import resources
from quantmatrix.database import checksums, ledger
from quantmatrix.database.gate import Gate
from quantmatrix.database.snapshot import FIRST
from quantmatrix.database.yoyo_driver import apply_with_yoyo
from quantmatrix.services.credentials import MIGRATOR
from quantmatrix.testing.cluster import Cluster, Database


@contextmanager
def first_release(cluster: Cluster, scratch: Path, books: str) -> Iterator[Database]:
    """A database of the first migration alone, with the rows of ``books``, dropped at the end."""
    folder = scratch / "migrations"
    folder.mkdir()
    shutil.copy(resources.migrations_directory() / FIRST, folder)
    checksums.write(folder)
    with cluster.empty_database() as database:
        with (
            patch.object(resources, "migrations_directory", lambda: folder),
            database.connect(MIGRATOR) as owner,
        ):
            owner.autocommit = True
            owner.execute("set role quantmatrix_owner")
            ledger.prepare(owner)
            gate = Gate(database.dsn(MIGRATOR))
            apply_with_yoyo(database.dsn(MIGRATOR), owner, checksums.verified(folder), {}, gate)
        with database.connect() as connection:
            connection.execute(books.encode())
        yield database

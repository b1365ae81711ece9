"""A database as the first migration made it, with books on it: what later migrations must carry over."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest.mock import patch

from quantmatrix import resources
from quantmatrix.database import checksums, ledger, yoyo_driver
from quantmatrix.database.gate import Gate
from quantmatrix.services.credentials import MIGRATOR
from quantmatrix.testing.cluster import Cluster, Database

FIRST = "0001_initial.sql"


@contextmanager
def first_release(cluster: Cluster, scratch: Path, books: str = "") -> Iterator[Database]:
    """A database of the first migration alone, with the rows of ``books``, dropped at the end."""
    folder = scratch / "first"
    folder.mkdir()
    shutil.copy(resources.migrations_directory() / FIRST, folder)
    checksums.write(folder)
    with cluster.empty_database() as database:
        with (
            patch.object(resources, "migrations_directory", lambda: folder),
            # The first migration is what the schema was then.
            patch.object(resources, "schema_files", lambda: [folder / FIRST]),
            database.connect(MIGRATOR) as owner,
        ):
            owner.autocommit = True
            owner.execute("set role quantmatrix_owner")
            ledger.prepare(owner)
            yoyo_driver.apply(owner, checksums.verified(folder), Gate(database.dsn(MIGRATOR)))
        with database.connect() as connection:
            connection.execute(books.encode())
        yield database

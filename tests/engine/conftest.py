"""A taxpayer with an empty book, in a transaction that is rolled back."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from quantmatrix.testing.cluster import Database
from quantmatrix.testing.taxpayer import Connection, Taxpayer


@pytest.fixture
def connection(module_database: Database) -> Iterator[Connection]:
    """A superuser's connection whose work is rolled back."""
    with module_database.connect() as made:
        made.autocommit = False
        yield made
        made.rollback()


@pytest.fixture
def taxpayer(connection: Connection) -> Taxpayer:
    """A person with two taxable accounts and an empty book."""
    return Taxpayer(connection)

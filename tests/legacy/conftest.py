"""A database that an old one is carried into."""

from __future__ import annotations

import pytest

from quantmatrix.testing.cluster import Database
from quantmatrix.testing.v1 import Migrating, OldDatabase


@pytest.fixture
def migrating(database: Database) -> Migrating:
    """The command line on a database of the test's own."""
    return Migrating(database)


@pytest.fixture
def old() -> OldDatabase:
    """A V1 with one account, which a test fills."""
    made = OldDatabase()
    made.add("users")
    made.add("accounts")
    return made

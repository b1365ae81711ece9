"""A person who imports."""

from __future__ import annotations

import pytest

from quantmatrix.testing.cluster import Database
from quantmatrix.testing.importer import Importer


@pytest.fixture
def importer(database: Database) -> Importer:
    """A person with an empty book."""
    return Importer(database)

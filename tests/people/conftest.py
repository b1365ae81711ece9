"""A PostgREST with people who register by themselves."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from quantmatrix.testing.cluster import Database
from quantmatrix.testing.people import People
from quantmatrix.testing.service import Service


@pytest.fixture(scope="module")
def people(module_database: Database) -> Iterator[People]:
    with module_database.postgrest() as api:
        with module_database.connect() as connection:
            connection.execute("update auth.settings set bcrypt_cost = 10")
        yield People(Service(api, module_database))


@pytest.fixture(autouse=True)
def _released(people: People) -> None:
    people.release()

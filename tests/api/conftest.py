"""A PostgREST over a database with two people: ann has a book, bob has an empty one."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from quantmatrix.testing.cluster import Database
from quantmatrix.testing.service import Service, add_book


@pytest.fixture(scope="module")
def service(module_database: Database) -> Iterator[Service]:
    with module_database.postgrest() as api:
        yield Service(api, module_database)


@pytest.fixture(scope="module")
def book(service: Service) -> dict[str, int]:
    """The ids of ann's transactions."""
    return add_book(service, service.ann)

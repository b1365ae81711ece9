"""Fixtures of all tests: a real PostgreSQL, databases cloned from a migrated template, a real PostgREST."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from quantmatrix.testing.cluster import Api, Cluster, Database
from quantmatrix.testing.pytest_plugin import session_cluster


@pytest.fixture(scope="session")
def cluster(request: pytest.FixtureRequest) -> Cluster:
    """The session's cluster; nothing may stop it."""
    return session_cluster(request.config)


@pytest.fixture
def database(cluster: Cluster) -> Iterator[Database]:
    """A migrated database for one test."""
    with cluster.database() as made:
        yield made


@pytest.fixture(scope="module")
def module_database(cluster: Cluster) -> Iterator[Database]:
    """A migrated database for the tests of one module, which see each other's rows."""
    with cluster.database() as made:
        yield made


@pytest.fixture
def postgrest(database: Database) -> Iterator[Api]:
    """A PostgREST that serves the test's database."""
    with database.postgrest() as api:
        yield api

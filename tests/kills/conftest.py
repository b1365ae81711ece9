"""Servers that the tests of this folder may kill, with a person's book in them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from quantmatrix.testing.cluster import Cluster, Database
from quantmatrix.testing.kills import DURABLE, Stage
from quantmatrix.testing.v1 import SAMPLE, WITH_FILE, Migrating


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    """A server of this module's own."""
    cluster = Cluster(DURABLE)
    try:
        cluster.start()
        yield Stage(cluster)
    finally:
        cluster.destroy()


@pytest.fixture(scope="module")
def full(stage: Stage) -> Iterator[Migrating]:
    """A database with somebody's book."""
    with stage.cluster.database() as database:
        migrating = Migrating(database)
        migrating.migrate(SAMPLE, *WITH_FILE)
        yield migrating


@pytest.fixture
def empty(stage: Stage) -> Iterator[Database]:
    """A migrated database that nobody used."""
    with stage.cluster.database() as database:
        yield database

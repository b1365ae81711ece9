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
def full(stage: Stage) -> Migrating:
    """Its database, with somebody's book."""
    migrating = Migrating(Database(stage.cluster, "quantmatrix"))
    migrating.migrate(SAMPLE, *WITH_FILE)
    return migrating

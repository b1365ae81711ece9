"""Servers that a test may kill: each has a data directory of its own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from quantmatrix.services.embedded import EmbeddedEnvironment
from quantmatrix.testing.cluster import Cluster

# As people run it: what was committed must be there after a kill.
DURABLE = {"fsync": "on", "synchronous_commit": "on", "full_page_writes": "on"}


@pytest.fixture
def own_cluster() -> Iterator[Cluster]:
    """A cluster that nobody else uses, not started yet."""
    cluster = Cluster(DURABLE)
    yield cluster
    cluster.destroy()


@pytest.fixture
def environment(own_cluster: Cluster) -> EmbeddedEnvironment:
    """An environment that nobody else uses, not started yet."""
    return own_cluster.environment


@pytest.fixture(scope="module")
def started() -> Iterator[EmbeddedEnvironment]:
    """An environment with both servers running, for tests that only look."""
    cluster = Cluster(DURABLE)
    try:
        cluster.environment.ensure_running(api=True)
        yield cluster.environment
    finally:
        cluster.destroy()

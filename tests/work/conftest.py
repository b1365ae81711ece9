"""People behind a real PostgREST, and workers of their database."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from quantmatrix.testing.cluster import Database
from quantmatrix.testing.service import Service
from quantmatrix.work.context import Context
from quantmatrix.work.loop import Worker, name
from quantmatrix.work.registry import KINDS

MakeWorker = Callable[..., Worker]


@pytest.fixture
def service(database: Database) -> Iterator[Service]:
    """Ann, Bob and Root with tokens of a running API."""
    with database.postgrest() as api:
        yield Service(api, database)


@pytest.fixture
def make_worker(database: Database) -> MakeWorker:
    """Workers of the test's database, by the names of their kinds."""

    def make(*kinds: str, told: list[str] | None = None) -> Worker:
        said = told if told is not None else []
        return Worker(Context(name(), database.environment, said.append), [KINDS[kind] for kind in kinds])

    return make

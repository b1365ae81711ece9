"""Fixtures of all tests: a real PostgreSQL, databases cloned from a migrated template, a real PostgREST."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from quantmatrix.services.embedded import EmbeddedEnvironment
from quantmatrix.services.layout import demo_data_dir, read_state
from quantmatrix.testing.cluster import FAST, Api, Cluster, Database
from quantmatrix.testing.pytest_plugin import session_cluster


@pytest.fixture(scope="session")
def cluster(request: pytest.FixtureRequest) -> Cluster:
    """The session's cluster; nothing may stop it."""
    return session_cluster(request.config)


@pytest.fixture(scope="session", autouse=True)
def nobodys_settings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """What the person who runs the tests has chosen for commands is not looked at."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("QUANTMATRIX_CONFIG_DIR", str(tmp_path_factory.mktemp("config")))
        for name in ("API", "USER", "BOOK", "KEY", "TOKEN", "DATABASE_URL", "DATA_DIR"):
            patch.delenv(f"QUANTMATRIX_{name}", raising=False)
        yield


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


@pytest.fixture
def data_dir() -> Iterator[Path]:
    """Where a test makes an environment by the command line; its servers are stopped at the end."""
    folder = Path(tempfile.mkdtemp(prefix="qmtest-"))
    yield folder / "data"
    for made in (folder / "data", demo_data_dir(folder / "data")):
        environment = EmbeddedEnvironment(made.resolve(), FAST)
        state = read_state(environment.data_dir)
        if state is not None:
            environment.stop()
            shutil.rmtree(environment.layout(state).home, ignore_errors=True)
    shutil.rmtree(folder, ignore_errors=True)

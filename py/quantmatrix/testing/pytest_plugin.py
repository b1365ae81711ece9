"""pytest: one cluster for the session, one item for each file of ``db/tests``."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from quantmatrix import resources
from quantmatrix.errors import Problem
from quantmatrix.services.binaries import find_postgres
from quantmatrix.testing.cluster import Cluster
from quantmatrix.testing.guardian import Guardian
from quantmatrix.testing.tap import run_tap_file

GUARDIAN = pytest.StashKey[Guardian]()
CLUSTER = pytest.StashKey[Cluster]()
FAILURE = pytest.StashKey[Exception]()


def session_cluster(config: pytest.Config) -> Cluster:
    """The session's cluster, started at its first use. Each worker of pytest-xdist has its own."""
    if FAILURE in config.stash:
        raise config.stash[FAILURE]
    if CLUSTER not in config.stash:
        cluster = Cluster()
        try:
            cluster.start()
        except Exception as error:
            cluster.destroy()
            config.stash[FAILURE] = error
            raise
        config.stash[CLUSTER] = cluster
    return config.stash[CLUSTER]


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Before a temporary folder is made: all of them lie in one that is cleared even after a kill."""
    if not hasattr(config, "workerinput"):
        config.stash[GUARDIAN] = Guardian()


def pytest_report_header() -> str:
    """Which PostgreSQL the tests run on."""
    found = find_postgres()
    return f"PostgreSQL {found.version} ({found.source})"


def pytest_unconfigure(config: pytest.Config) -> None:
    """Stop the session's cluster; the process that began the run clears up after all of them."""
    cluster = config.stash.get(CLUSTER, None)
    if cluster is not None:
        cluster.destroy()
    guardian = config.stash.get(GUARDIAN, None)
    if guardian is not None:
        guardian.dismiss()


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> TapFile | None:
    """Take the files of pgTAP tests; helpers are loaded into the template, not run."""
    tests = resources.root() / "db" / "tests"
    if file_path.suffix == ".sql" and tests in file_path.parents and "helpers" not in file_path.parts:
        return TapFile.from_parent(parent, path=file_path)
    return None


class TapFile(pytest.File):
    """A file of pgTAP tests."""

    def collect(self) -> Iterator[TapItem]:
        """One item: the file, on a database of its own."""
        yield TapItem.from_parent(self, name="tap")


class TapFailure(Exception):
    """What a file's TAP says is wrong."""


class TapItem(pytest.Item):
    """Runs a file and fails with all that is wrong in it."""

    def runtest(self) -> None:
        """Run the file on a fresh clone of the template."""
        cluster = session_cluster(self.config)
        with cluster.database(cluster.tap_template) as database:
            outcome = run_tap_file(database.dsn(), self.path)
        self.add_report_section("call", "tap", f"{outcome.run} tests, planned {outcome.planned}")
        if outcome.problems:
            raise TapFailure("\n".join(outcome.problems))

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> str:
        """What is wrong, without the stack of this runner."""
        if isinstance(excinfo.value, TapFailure | Problem):
            return str(excinfo.value)
        return str(super().repr_failure(excinfo, style))

    def reportinfo(self) -> tuple[Path, int, str]:
        """Where the item is."""
        return self.path, 0, f"tap: {self.path.name}"

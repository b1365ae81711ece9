"""An import that is killed, and two at once."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta

import psycopg
import pytest

from quantmatrix.errors import Problem
from quantmatrix.ingest.model import Line, Record
from quantmatrix.services.bootstrap import DATABASE
from quantmatrix.testing.cluster import Cluster, Database
from quantmatrix.testing.importer import STOCK, Importer, file_of, fill, statement

ROWS = 30_000


@pytest.fixture
def own_database() -> Iterator[Database]:
    """A database on a server that this test may kill."""
    cluster = Cluster()
    cluster.start()
    yield Database(cluster, DATABASE)
    cluster.destroy()


def long_file() -> list[Record]:
    """A file that takes a few seconds."""
    began = datetime(2024, 1, 2, 15, tzinfo=UTC)
    records: list[Record] = [statement(), STOCK]
    for number in range(1, ROWS + 1):
        when = began + timedelta(minutes=number)
        records.append(Line(number=number, raw=f"line {number}", verdict="row"))
        records.append(
            fill(number, 1, 0, 5, executed_at=when, trade_date=date(when.year, when.month, when.day))
        )
    return records


def kill_server_during_load(database: Database) -> None:
    """Wait until the load function works, then kill the server and all its children with it."""
    state = database.cluster.environment.known_state()
    data = database.cluster.environment.postgres(state).data
    postmaster = int((data / "postmaster.pid").read_text().splitlines()[0])
    with database.connect() as watcher:
        for _ in range(2000):
            working = watcher.execute(
                "select pid from pg_stat_activity where state = 'active' and query like '%import_load%'"
                " and pid <> pg_backend_pid() and now() - query_start > interval '200 ms'"
            ).fetchone()
            if working is not None:
                break
            time.sleep(0.01)
        else:
            raise AssertionError("the load never began")
        # The postmaster first, so that nobody tidies up; its children would finish what they are at.
        os.kill(postmaster, signal.SIGKILL)
        os.kill(working[0], signal.SIGKILL)


def test_a_killed_server_leaves_nothing_half_written(own_database: Database) -> None:
    importer = Importer(own_database)
    records = long_file()
    killer = threading.Thread(target=kill_server_during_load, args=[own_database])
    killer.start()
    with pytest.raises((psycopg.OperationalError, Problem)):
        importer.load(records)
    killer.join()

    own_database.cluster.environment.ensure_running()
    assert importer.state() == []
    with own_database.connect() as connection:
        left = connection.execute(
            "select (select count(*) from core.sync_history), (select count(*) from ingest.lines),"
            " (select count(*) from core.tax_lots), (select count(*) from core.accounts)"
        ).fetchone()
    assert left == (0, 0, 0, 0)

    again = importer.load(records)
    assert again["rows"]["new"] == ROWS
    assert len(importer.state()) == ROWS


def test_two_imports_at_once_end_as_one_after_the_other(database: Database) -> None:
    first = file_of(*[fill(n, 1 + n % 5, n % 7, 5) for n in range(1, 200)], generated=1)
    second = file_of(*[fill(n, 3 + n % 5, n % 7, 5) for n in range(1, 200)], generated=2)
    together = Importer(database, "together@example.org")
    with ThreadPoolExecutor(2) as pool:
        reports = list(pool.map(together.load, [first, second]))
    assert {report["status"] for report in reports} == {"imported"}

    in_turn = Importer(database, "in-turn@example.org")
    in_turn.load(first)
    in_turn.load(second)
    assert together.state() == in_turn.state()

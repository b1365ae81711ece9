"""No step of a person's work may depend on what the planner believes of the tables.

The same steps are taken in an empty database and where others live, with statistics of every age; what is
held against each other is the number of rows that the plans touched.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from typing import Any

import pytest

from quantmatrix.door.login import PersonSession
from quantmatrix.ingest.model import Line, Record
from quantmatrix.testing.cluster import Cluster, Database
from quantmatrix.testing.importer import Importer, fill, statement
from quantmatrix.testing.lived_in import Statistics, instruments, populate
from quantmatrix.testing.work_done import WorkDone, log_plans

ROWS = 1_500
# Sixty are few enough for the planner to know each by name, and to believe that nobody else has rows.
PEOPLE = {Statistics.STALE: 60, Statistics.FRESH: 400, Statistics.NONE: 400}
# Rows touched, as a multiple of the empty database.
ALLOWED = 1.5


class _Worker(Importer):
    """A person whose sessions tell what they do."""

    work: WorkDone

    @contextmanager
    def session(self) -> Iterator[PersonSession]:
        """One that tells the work of each query."""
        with super().session() as opened:
            self.work.listen(opened.connection)
            yield opened

    def ask(self, query: str, *arguments: object) -> Any:
        """The one value of a query."""
        with self.session() as session, session.transaction() as connection:
            row = connection.execute(query.encode(), arguments).fetchone()
        assert row is not None
        return next(iter(row.values()))


def _file(rows: int) -> list[Record]:
    traded = instruments()[:10]
    records: list[Record] = [statement(account="LARGE"), *traded]
    for number in range(1, rows + 1):
        day = date(2021, 1, 4) + timedelta(days=number // 4)
        transaction = fill(
            number,
            1,
            0,
            7 if number % 20 < 10 else -7,
            str(50 + number % 13),
            instrument=traded[number % 10].key,
            executed_at=None,
            trade_date=day,
        )
        records += [Line(number=number, raw=f"line {number}", verdict="row"), transaction]
    return records


def _steps(database: Database, rows: int) -> dict[str, WorkDone]:
    """What each step of the person touched."""
    log_plans(database)
    person = _Worker(database, "large@example.org")
    file = _file(rows)
    kept: dict[str, Any] = {}

    def load() -> None:
        kept.update(person.load(file))

    def one(what: str) -> int:
        with database.connect() as connection:
            row = connection.execute(
                f"select min({what}) from core.transactions where user_id = %s".encode(), [person.user_id]
            ).fetchone()
        assert row is not None
        return int(row[0])

    def rebuild() -> None:
        with database.connect() as connection:
            person.work.listen(connection)
            connection.execute("select tax.rebuild_all(%s)", [person.user_id])

    steps: dict[str, Callable[[], object]] = {
        "load": load,
        "known file": lambda: person.load(file),
        "rebuild": rebuild,
        "verify": lambda: person.ask("select api.lots_rebuild(true)"),
        "reconcile": lambda: person.ask("select api.reconcile()"),
        "totals": lambda: person.ask("select api.totals()"),
        "facts": lambda: person.ask(
            "select api.instrument_facts_set('LIVED3', '{\"identical_group\": \"one\"}')"
        ),
        "correction": lambda: person.ask(
            "select api.transaction_correct(%s, '{\"price\": \"51\"}', 'a test')", one("id")
        ),
        "deletion": lambda: person.ask("select api.transaction_void(%s, 'a test')", one("id") + 7),
        "merge": lambda: person.ask("select api.instrument_merge('LIVED1', 'LIVED2', 'a test')"),
        "undo": lambda: person.undo(kept["import_id"]),
    }
    done = {}
    for name, step in steps.items():
        person.work = WorkDone()
        step()
        done[name] = person.work
    assert kept["status"] == "imported"
    return done


@pytest.fixture(scope="module")
def quiet() -> Iterator[Cluster]:
    """A cluster that gathers no statistics of its own accord."""
    cluster = Cluster({"autovacuum": "off"})
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.destroy()


@pytest.fixture(scope="module")
def alone(quiet: Cluster) -> dict[str, WorkDone]:
    """What is touched where nobody else lives."""
    with quiet.database() as database:
        return _steps(database, ROWS)


def test_work_grows_with_the_rows(quiet: Cluster, alone: dict[str, WorkDone]) -> None:
    """Half the file takes no less than a third of the work: nothing is done for each pair of rows."""
    with quiet.database() as database:
        half = _steps(database, ROWS // 2)
    assert {name: work.worst for name, work in half.items() if work.rows * 3 < alone[name].rows} == {}


@pytest.mark.parametrize("statistics", list(Statistics))
def test_work_does_not_depend_on_statistics(
    quiet: Cluster, alone: dict[str, WorkDone], statistics: Statistics
) -> None:
    """The same steps touch as many rows where others live, whatever the planner knows of them."""
    with quiet.database() as database:
        populate(database, statistics, PEOPLE[statistics])
        done = _steps(database, ROWS)
    assert {
        name: (work.rows / alone[name].rows, work.worst)
        for name, work in done.items()
        if work.rows > ALLOWED * alone[name].rows + ROWS
    } == {}

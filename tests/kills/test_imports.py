"""An import that is struck, directly or over HTTP: all of the file or nothing; again makes it whole."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from quantmatrix.testing.cluster import Cluster, Database
from quantmatrix.testing.kills import COMMAND_LINE, DURABLE, Kill, Stage, Victim, kills
from quantmatrix.testing.service import Person, Service

LINES = 800
WAYS = ("direct", "http")


@pytest.fixture(scope="module")
def trading() -> Iterator[tuple[Stage, Service]]:
    """A server and an API of this module's own."""
    cluster = Cluster(DURABLE)
    try:
        cluster.start()
        database = Database(cluster, "quantmatrix")
        with database.postgrest() as api:
            yield Stage(cluster, api), Service(api, database)
    finally:
        cluster.destroy()


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of which no line is like another."""
    path = tmp_path_factory.mktemp("files") / "trades.csv"
    rows = ["Date,Symbol,Quantity,Price,Commission,Type"]
    for number in range(LINES):
        day = f"2024-{number // 28 % 12 + 1:02}-{number % 28 + 1:02}"
        rows.append(f"{day},S{number % 40},{number + 1},10.{number:04},-1,BUY")
    path.write_text("\n".join(rows) + "\n")
    return path


def command(file: Path, person: Person, way: str) -> list[str]:
    whose = ["--user", person.email] if way == "direct" else []
    return [*COMMAND_LINE, *whose, "import", str(file), "--account", "K-1", "--format", "json"]


def variables(service: Service, person: Person, way: str) -> dict[str, str]:
    told = service.database.variables()
    if way == "direct":
        return told
    token = service.headers(person, exp=4102444800)["Authorization"].removeprefix("Bearer ")
    return {
        "QUANTMATRIX_API": service.api.url,
        "QUANTMATRIX_TOKEN": token,
        "QUANTMATRIX_DATA_DIR": told["QUANTMATRIX_DATA_DIR"],
    }


def book(service: Service, person: Person) -> tuple[int, int, int]:
    """Transactions, lines, and finished imports of a person."""
    with service.database.connect() as connection:
        row = connection.execute(
            "select (select count(*) from core.transactions where user_id = %(person)s),"
            " (select count(*) from ingest.lines where user_id = %(person)s),"
            " (select count(*) from core.sync_history where user_id = %(person)s and status = 'finished')",
            {"person": person.id},
        ).fetchone()
    assert row is not None
    return row[0], row[1], row[2]


@pytest.fixture(scope="module")
def measured(trading: tuple[Stage, Service], file: Path) -> tuple[int, int, int]:
    """How long each way takes undisturbed, and what is there then."""
    stage, service = trading
    books = set()
    for way in WAYS:
        person = service.add_person(f"{way}@example.test")
        stage.measure(way, command(file, person, way), variables(service, person, way))
        books.add(book(service, person))
    (whole,) = books
    assert whole[0] == LINES
    return whole


def struck(
    trading: tuple[Stage, Service], file: Path, whole: tuple[int, int, int], way: str, kill: Kill
) -> None:
    stage, service = trading
    person = service.add_person(f"{way}-{kill}@example.test")
    told = variables(service, person, way)
    outcome = stage.strike(way, command(file, person, way), kill, told)
    found = book(service, person)
    assert found in ((0, 0, 0), whole), outcome
    if outcome.status == 0:
        assert found == whole, outcome
    again = json.loads(stage.measure(f"{way} again", command(file, person, way), told))
    assert again["status"] == ("known" if found == whole else "imported")
    assert book(service, person) == whole
    with service.database.connect() as connection:
        connection.execute("select ingest.sweep_staging(now() + interval '3 hours')")
        left = connection.execute(
            "select (select count(*) from ingest.staging), (select count(*) from ingest.staged_parts)"
        ).fetchone()
    assert left == (0, 0)


@pytest.mark.parametrize("kill", kills("import", 3))
def test_an_import_into_the_database(
    trading: tuple[Stage, Service], file: Path, measured: tuple[int, int, int], kill: Kill
) -> None:
    struck(trading, file, measured, "direct", kill)


@pytest.mark.parametrize("kill", kills("import over http", 4, tuple(Victim)))
def test_an_import_over_http(
    trading: tuple[Stage, Service], file: Path, measured: tuple[int, int, int], kill: Kill
) -> None:
    struck(trading, file, measured, "http", kill)

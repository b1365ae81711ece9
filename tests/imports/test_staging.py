"""Staging: a load counts, a chunk comes once, a person's share is limited, what nobody loads goes."""

from __future__ import annotations

import os
import signal
import uuid
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest

from quantmatrix import resources
from quantmatrix.door import http as api_session
from quantmatrix.door import retries
from quantmatrix.door.http import ApiSession
from quantmatrix.door.login import copy_staged
from quantmatrix.errors import Problem
from quantmatrix.ingest.model import Line, Options, Record
from quantmatrix.loading.files import load_file
from quantmatrix.loading.load import staged_rows
from quantmatrix.services.processes import is_alive, wait_until
from quantmatrix.testing.cluster import Api, Cluster, Database
from quantmatrix.testing.importer import Importer, file_of, fill
from quantmatrix.testing.kills import DURABLE
from quantmatrix.testing.service import Service

EXAMPLE = resources.root() / "examples" / "ibkr-2024.csv"
OF_A_LOAD = "select count(*) from ingest.staging where load_id = %s"


@pytest.fixture
def service(database: Database, postgrest: Api) -> Service:
    return Service(postgrest, database)


def one(database: Database, query: str, *values: Any) -> Any:
    with database.connect() as connection:
        row = connection.execute(query.encode(), values).fetchone()
    assert row is not None
    return row[0]


def staged(importer: Importer, records: Iterable[Record]) -> tuple[uuid.UUID, int]:
    load_id = uuid.uuid4()
    with importer.session() as session, session.transaction() as connection:
        return load_id, copy_staged(connection, staged_rows(load_id, records))


def described(records: int | None) -> dict[str, Any]:
    file = {"name": "f", "source": "made_up", "sha256": "a" * 64, "size": 1, "records": records}
    return {name: value for name, value in file.items() if value is not None}


def load(importer: Importer, load_id: uuid.UUID, file: dict[str, Any]) -> Any:
    with importer.session() as session:
        return session.call("import_load", {"load_id": load_id, "file": file})


@pytest.mark.parametrize("left", [0, 1, 4])
def test_a_load_of_which_not_all_is_staged_is_refused(importer: Importer, left: int) -> None:
    """As after a crash between two chunks: of the statement and the fills some are gone."""
    load_id, number = staged(importer, file_of(fill(1, 4, 0, 10), fill(2, 5, 0, 5)))
    with importer.database.connect() as connection:
        connection.execute(
            "delete from ingest.staging where ctid not in (select ctid from ingest.staging limit %s)", [left]
        )
    file = described(number)
    with pytest.raises(Problem) as refused:
        load(importer, load_id, file)
    assert refused.value.code == "QM011"
    assert refused.value.what == f"{left} of {number} records are staged"
    assert "under a new number" in (refused.value.next_step or "")
    assert importer.state() == []
    assert one(importer.database, "select count(*) from core.sync_history") == 0


def test_a_load_without_its_number_of_records_is_refused(importer: Importer) -> None:
    load_id, _ = staged(importer, file_of(fill(1, 4, 0, 10)))
    with pytest.raises(Problem) as refused:
        load(importer, load_id, described(None))
    assert refused.value.code == "QM002"


def test_records_that_slipped_in_are_refused_too(importer: Importer) -> None:
    load_id, number = staged(importer, file_of(fill(1, 4, 0, 10)))
    with importer.session() as session, session.transaction() as connection:
        copy_staged(connection, staged_rows(load_id, file_of(fill(2, 4, 0, 10))))
    file = described(number)
    with pytest.raises(Problem) as refused:
        load(importer, load_id, file)
    assert refused.value.code == "QM011"


def chunk(load_id: uuid.UUID, number: int | None, size: int) -> dict[str, Any]:
    records = [{"kind": "line", "line": n, "payload": {"verdict": "row"}, "raw": "x"} for n in range(size)]
    return {"load_id": str(load_id), "records": records, "chunk": number}


def test_a_chunk_that_comes_again_is_there_once(service: Service) -> None:
    load_id = uuid.uuid4()
    assert service.done("import_stage", service.ann, chunk(load_id, 1, 5)) == 5
    with ThreadPoolExecutor(4) as pool:
        answers = list(
            pool.map(
                lambda _: service.call("import_stage", service.ann, chunk(load_id, 2, 300)).json(), range(8)
            )
        )
    assert answers == [300] * 8
    assert one(service.database, OF_A_LOAD, load_id) == 305
    other = service.call("import_stage", service.ann, chunk(load_id, 1, 6))
    assert (other.status_code, other.json()["code"]) == (409, "QM062")
    # Another person's load of that number, and chunks without one, are their own.
    assert service.done("import_stage", service.bob, chunk(load_id, 1, 7)) == 7
    assert service.done("import_stage", service.ann, chunk(load_id, None, 5)) == 5
    assert service.done("import_stage", service.ann, chunk(load_id, None, 5)) == 5
    assert one(service.database, OF_A_LOAD, load_id) == 322


class Killing(ApiSession):
    """A session during which the database is killed once, after some chunks were staged."""

    def __init__(self, cluster: Cluster, url: str, token: str, after: int) -> None:
        super().__init__(url, token)
        self.cluster = cluster
        self.after = after
        self.chunks = 0

    def call(self, function: str, arguments: Any = None, *, dry_run: bool = False) -> Any:
        if function == "import_stage":
            self.chunks += 1
            if self.chunks == self.after + 1:
                self.kill()
        return super().call(function, arguments, dry_run=dry_run)

    def kill(self) -> None:
        environment = self.cluster.environment
        running = environment.postgres(environment.known_state()).running()
        assert running is not None
        os.kill(running.pid, signal.SIGKILL)
        assert wait_until(lambda: not is_alive(running.pid), 30)
        environment.ensure_running()


@pytest.fixture(scope="module")
def mortal() -> Iterator[Service]:
    """A server of its own, with people in it."""
    cluster = Cluster(DURABLE)
    try:
        cluster.start()
        database = Database(cluster, "quantmatrix")
        with database.postgrest() as api:
            yield Service(api, database)
    finally:
        cluster.destroy()


def file_as_it_is_told(database: Database, person_id: str) -> list[Any]:
    """The transactions of a person, and what the statement said of itself."""
    with database.connect() as connection:
        return connection.execute(
            "select to_jsonb(t) - 'id' - 'user_id' - 'account_id' - 'instrument_id' - 'sync_id'"
            " - 'created_at' - 'updated_at' from core.transactions t where t.user_id = %s"
            " union all"
            " select to_jsonb(f) - 'user_id' - 'sync_id' from ingest.files f where f.user_id = %s order by 1",
            [person_id, person_id],
        ).fetchall()


@pytest.mark.parametrize("after", [1, 3, 5])
def test_the_database_dies_between_two_chunks(
    mortal: Service, after: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All rows, the statement's period with them, or a refusal: the file is staged anew."""
    monkeypatch.setattr(api_session, "CHUNK", 4)
    monkeypatch.setattr(retries, "TRIES", 12)
    undisturbed = mortal.add_person(f"undisturbed-{after}@example.test")
    disturbed = mortal.add_person(f"disturbed-{after}@example.test")
    for person, last in ((undisturbed, 10**6), (disturbed, after)):
        token = mortal.headers(person, exp=4102444800)["Authorization"].removeprefix("Bearer ")
        session = Killing(mortal.database.cluster, mortal.api.url, token, last)
        with session:
            report = load_file(session, EXAMPLE, Options())
        assert report["status"] == "imported"
        assert session.chunks > 10
    expected = file_as_it_is_told(mortal.database, undisturbed.id)
    assert len(expected) == 16
    assert file_as_it_is_told(mortal.database, disturbed.id) == expected
    # What came after the crash under the old number is a load that nobody comes back for.
    assert one(mortal.database, "select ingest.sweep_staging(now() + interval '3 hours')") == 1
    assert one(mortal.database, "select count(*) from ingest.staging") == 0
    assert one(mortal.database, "select count(*) from ingest.staged_parts") == 0


def test_a_file_that_never_stays_is_refused_in_the_end(
    service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(api_session, "CHUNK", 50)

    class Losing(ApiSession):
        def call(self, function: str, arguments: Any = None, *, dry_run: bool = False) -> Any:
            if function == "import_load":
                with service.database.connect() as connection:
                    connection.execute("delete from ingest.staging where kind = 'statement'")
            return super().call(function, arguments, dry_run=dry_run)

    token = service.headers(service.ann)["Authorization"].removeprefix("Bearer ")
    with Losing(service.api.url, token) as session, pytest.raises(Problem) as refused:
        load_file(session, EXAMPLE, Options())
    assert refused.value.code == "QM011"
    assert one(service.database, "select count(*) from core.transactions") == 0


def test_what_one_person_stages_over_http_is_limited(service: Service) -> None:
    with service.database.connect() as connection:
        connection.execute("update auth.settings set staged_megabytes = 1")
    big = {"kind": "line", "line": 1, "payload": {}, "raw": "x" * 400_000}
    load_id = str(uuid.uuid4())
    arguments = {"load_id": load_id, "records": [big, big]}
    assert service.done("import_stage", service.ann, arguments) == 2
    refused = service.call("import_stage", service.ann, arguments)
    assert (refused.status_code, refused.json()["code"]) == (413, "QM063")
    assert "1 MB would be staged" in refused.json()["message"]
    assert "two hours" in refused.json()["hint"]
    assert one(service.database, "select count(*) from ingest.staging") == 2
    assert service.done("import_stage", service.bob, arguments) == 2


def test_rows_that_are_nearly_empty_count_too(service: Service) -> None:
    with service.database.connect() as connection:
        connection.execute("update auth.settings set staged_megabytes = 1")
    tiny = [{"kind": "line", "line": n} for n in range(11_000)]
    refused = service.call("import_stage", service.ann, {"load_id": str(uuid.uuid4()), "records": tiny})
    assert (refused.status_code, refused.json()["code"]) == (413, "QM063")


def test_what_one_person_copies_is_limited_more_generously(importer: Importer) -> None:
    with importer.database.connect() as connection:
        connection.execute("update auth.settings set staged_megabytes = 1")

    def lines(count: int) -> list[Record]:
        return [Line(number=n, raw="x" * 100_000, verdict="row") for n in range(1, count + 1)]

    staged(importer, lines(35))
    with pytest.raises(psycopg.Error) as refused:
        staged(importer, lines(10))
    assert "QM063" in str(refused.value)
    assert one(importer.database, "select count(*) from ingest.staging") == 35


def test_what_nobody_loads_goes_when_anybody_stages(database: Database) -> None:
    left, held, fresh, active = (
        Importer(database, f"{name}@example.org") for name in ("left", "held", "fresh", "active")
    )
    loads = {name: staged(who, file_of(fill(1, 4, 0, 10))) for name, who in (("left", left), ("held", held))}
    with database.connect() as connection:
        for table in ("staging", "staged_parts"):
            connection.execute(f"update ingest.{table} set staged_at = now() - interval '3 hours'".encode())
    loads["fresh"] = staged_within_the_hold(database, held, loads["held"][0], fresh)
    assert one(database, OF_A_LOAD, loads["left"][0]) == 0
    assert one(database, OF_A_LOAD, loads["held"][0]) == loads["held"][1], "it is being loaded"
    assert one(database, "select ingest.sweep_staging(now())") == 1
    assert one(database, OF_A_LOAD, loads["held"][0]) == 0
    assert one(database, OF_A_LOAD, loads["fresh"][0]) == loads["fresh"][1]
    assert one(database, "select ingest.sweep_staging(now() + interval '3 hours')") == 1
    assert one(database, "select count(*) from ingest.staged_parts") == 0
    active.load(file_of(fill(1, 4, 0, 10)))
    assert one(database, "select count(*) from ingest.staging") == 0


def staged_within_the_hold(
    database: Database, owner: Importer, held: uuid.UUID, other: Importer
) -> tuple[uuid.UUID, int]:
    """What ``other`` stages while ``owner`` loads ``held``."""
    with database.connect() as connection, connection.transaction():
        connection.execute(
            "select ingest.take_load(%s, %s, (select count(*) from ingest.staging where load_id = %s))",
            [owner.user_id, held, held],
        )
        return staged(other, file_of(fill(1, 4, 0, 10)))


def test_what_one_person_keeps_is_limited(importer: Importer) -> None:
    with importer.database.connect() as connection:
        connection.execute("update auth.settings set stored_megabytes = 1")
    for number in range(1, 17):
        importer.load(file_of(fill(1, number, 0, 10)))
    with pytest.raises(Problem) as refused:
        importer.load(file_of(fill(1, 17, 0, 10)))
    assert refused.value.code == "QM063"
    assert len(importer.state()) == 16


@pytest.mark.parametrize(
    ("table", "columns", "most"),
    [
        ("ingest.feeds", "name, service, settings, since", 100),
        ("core.accounts", "account_number, name, broker", 500),
        ("ingest.reconciliations", "as_of, checked, inputs_digest, differences", 20_000),
    ],
)
def test_rows_of_a_kind_are_limited(importer: Importer, table: str, columns: str, most: int) -> None:
    values = {
        "ingest.feeds": """'f' || n, 'ibkr', '{"query": "1"}', '2024-01-01'""",
        "core.accounts": "'U' || n, 'N' || n, 'ibkr'",
        "ingest.reconciliations": "date '2024-01-01' + n, '{}'::jsonb, repeat('a', 64), 0",
    }
    query = (
        f"insert into {table} (user_id, {columns})"
        f" select %s, {values[table]} from generate_series(%s::integer, %s::integer) n"
    )
    with importer.database.connect() as connection:
        connection.execute(query.encode(), [importer.user_id, 1, most])
        with pytest.raises(psycopg.Error) as refused:
            connection.execute(query.encode(), [importer.user_id, most + 1, most + 1])
    assert refused.value.sqlstate == "QM063"
    assert f"at most {most}" in str(refused.value)


def test_an_abandoned_load_is_no_secret_of_others(service: Service) -> None:
    """Nobody loads what somebody else staged, whatever is counted."""
    load_id = uuid.uuid4()
    service.done("import_stage", service.ann, chunk(load_id, 1, 5))
    file = {"name": "f", "source": "s", "sha256": "a" * 64, "size": 1, "records": 5}
    answer: httpx.Response = service.call("import_load", service.bob, {"load_id": str(load_id), "file": file})
    assert answer.json()["code"] == "QM011"
    assert answer.json()["message"] == "0 of 5 records are staged"

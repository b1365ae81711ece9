"""Nobody waits for another: what one person keeps busy, asks for or fills is that person's own loss."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager

import httpx
import psycopg
import pytest

from quantmatrix.database import migrate
from quantmatrix.services.credentials import MIGRATOR
from quantmatrix.testing.cluster import Database
from quantmatrix.testing.service import Person, Service, add_book

# One group of letters more and it takes four times as long.
SLOW = "match.^(a+)(a+)(a+)(a+)(a+)(a+)(a+)(a+)b\\1\\1$"


@contextmanager
def a_book_that_is_being_changed(database: Database, person: Person) -> Iterator[psycopg.Connection]:
    """What a long rebuild of the person's book holds, until the end."""
    with database.connect() as writer, writer.transaction():
        writer.execute("select tax.lock_taxpayer(%s)", [person.id])
        yield writer


def waiting_for_locks(database: Database) -> int:
    with database.connect() as connection:
        row = connection.execute(
            "select count(*) from pg_stat_activity where datname = current_database()"
            " and usename = 'authenticator' and wait_event_type = 'Lock'"
        ).fetchone()
    assert row is not None
    return int(row[0])


def at_work(database: Database) -> int:
    with database.connect() as connection:
        row = connection.execute(
            "select count(*) from pg_stat_activity where datname = current_database()"
            " and usename = 'authenticator' and state = 'active'"
        ).fetchone()
    assert row is not None
    return int(row[0])


def fill_the_queue(teller: psycopg.Connection) -> None:
    while True:
        teller.execute("select pg_notify('crowd', repeat('x', 7000) || n) from generate_series(1, 200) n")


def test_who_writes_into_a_book_that_is_being_changed_is_told_so_and_nobody_else_waits(
    database: Database,
) -> None:
    with database.postgrest({"db-pool": "10"}) as api:
        service = Service(api, database)
        add_book(service, service.ann)
        add_book(service, service.bob)

        def rename(number: int) -> httpx.Response:
            return httpx.post(
                f"{api.url}/rpc/account_set",
                json={"account": "U1", "changes": {"name": str(number)}},
                headers=service.headers(service.ann),
                timeout=120,
            )

        with a_book_that_is_being_changed(database, service.ann), ThreadPoolExecutor(14) as pool:
            asked = [pool.submit(rename, number) for number in range(14)]
            while not waiting_for_locks(database) and not all(answer.done() for answer in asked):
                continue
            # All of them hang or are refused: the connections of others are free.
            for _ in range(20):
                assert service.get("accounts", service.bob).status_code == 200
                assert service.call("totals", service.bob).status_code == 200
                assert waiting_for_locks(database) <= 4
            answers = [answer.result() for answer in asked]
        counted = Counter((answer.status_code, answer.json()["code"]) for answer in answers)
        assert set(counted) == {(429, "QM120"), (409, "QM121")}, counted
        assert 1 <= counted[409, "QM121"] <= 4 * 4
        busy = next(answer for answer in answers if answer.status_code == 409)
        assert busy.headers["retry-after"] == "5"
        assert "nothing was changed" in busy.json()["hint"]
        assert service.call(
            "account_set", service.ann, {"account": "U1", "changes": {"name": "x"}}
        ).is_success


def test_a_person_has_four_requests_at_work_whatever_they_are(database: Database) -> None:
    with database.postgrest({"db-pool": "10"}) as api, ExitStack() as held:
        service = Service(api, database)
        add_book(service, service.ann)
        slot = "select pg_try_advisory_xact_lock(hashtextextended('request of ' || %s, %s))"
        for number in range(1, 5):
            connection = held.enter_context(database.connect())
            held.enter_context(connection.transaction())
            assert connection.execute(slot, [service.ann.id, number]).fetchone() == (True,)
        for role in ("quantmatrix_user", "quantmatrix_readonly"):
            read = service.get("accounts", service.ann, role)
            assert (read.status_code, read.json()["code"], read.headers["retry-after"]) == (429, "QM120", "1")
        assert service.call("totals", service.ann).json()["code"] == "QM120"
        assert service.get("accounts", service.bob).status_code == 200
        held.close()
        assert service.get("accounts", service.ann).status_code == 200


def test_people_who_ask_much_leave_each_other_a_request(database: Database) -> None:
    """What people ask beside their first is eight for all, so that few cannot hold every connection."""
    with database.postgrest({"db-pool": "10"}) as api, ExitStack() as held:
        service = Service(api, database)
        for person in (service.ann, service.bob):
            add_book(service, person)
        lock = "select pg_try_advisory_xact_lock(hashtextextended(%s, %s))"
        first = held.enter_context(database.connect())
        held.enter_context(first.transaction())
        first.execute(lock, [f"request of {service.ann.id}", 1])
        assert service.get("accounts", service.ann).status_code == 200
        others = held.enter_context(database.connect())
        held.enter_context(others.transaction())
        for number in range(1, 9):
            assert others.execute(lock, ["request beside a first", number]).fetchone() == (True,)
        full = service.get("accounts", service.ann)
        assert (full.status_code, full.json()["code"], full.headers["retry-after"]) == (429, "QM120", "1")
        assert service.get("accounts", service.bob).status_code == 200
        held.close()
        assert service.get("accounts", service.ann).status_code == 200


def test_nobody_takes_the_slots_of_another(database: Database) -> None:
    """A login that types SQL may not lock by number, in the database of the platform."""
    with database.connect("authenticator") as connection:
        connection.execute("set role quantmatrix_user")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("select pg_try_advisory_xact_lock(1)")


def test_a_pattern_that_never_ends_is_ended_and_others_go_on(database: Database) -> None:
    with database.postgrest({"db-pool": "10"}) as api:
        service = Service(api, database)
        add_book(service, service.ann)
        name = "a" * 60 + "b" + "a" * 15
        service.done("account_set", service.ann, {"account": "U1", "changes": {"name": name}})
        with ThreadPoolExecutor(20) as pool:

            def attack(_: int) -> httpx.Response:
                return httpx.get(
                    f"{service.api.url}/accounts",
                    params={"account_name": SLOW},
                    headers=service.headers(service.ann),
                    timeout=120,
                )

            asked = [pool.submit(attack, number) for number in range(20)]
            while at_work(database) < 4:
                assert not all(answer.done() for answer in asked), [a.result().text for a in asked]
            for _ in range(10):
                assert service.get("accounts", service.bob).status_code == 200
                assert at_work(database) <= 5
            answers = [answer.result() for answer in asked]
        counted = Counter((answer.status_code, answer.json()["code"]) for answer in answers)
        assert set(counted) == {(429, "QM120"), (500, "57014")}, counted
        assert counted[500, "57014"] == 4


def test_an_answer_has_ten_thousand_rows_and_the_next_ones_are_asked_for(database: Database) -> None:
    with database.postgrest() as api:
        service = Service(api, database)
        with database.connect() as connection:
            connection.execute(
                "insert into work.jobs (user_id, person_id, kind, asked_as, status, finished_at)"
                " select %(ann)s, %(ann)s, 'totals', '{}', 'finished', now() from generate_series(1, 10001)",
                {"ann": service.ann.id},
            )
        first = service.get("jobs?select=id&order=id", service.ann)
        assert len(first.json()) == 10000
        rest = service.get("jobs?select=id&order=id&offset=10000", service.ann)
        assert len(rest.json()) == 1


def test_who_fills_the_queue_of_notices_keeps_no_migration_from_its_end(database: Database) -> None:
    with database.connect() as connection:
        setting = connection.execute("select current_setting('max_notify_queue_pages', true)").fetchone()
    assert setting in [("1024",), (None,), ("",)]
    with database.connect("authenticator") as listener, database.connect("authenticator") as teller:
        listener.execute("listen crowd")
        with listener.transaction():
            listener.execute("select 1")
            with pytest.raises(psycopg.OperationalError, match="too many notifications in the NOTIFY queue"):
                fill_the_queue(teller)
            told: list[str] = []
            migrate.up(database.dsn(MIGRATOR), told.append)
            assert any(line.startswith("PostgREST could not be told") for line in told)
    told.clear()
    migrate.up(database.dsn(MIGRATOR), told.append)
    assert not [line for line in told if line.startswith("PostgREST")], "the listener is gone"


def test_the_pool_holds_no_connection_for_a_job(
    database: Database, make_worker: Callable[..., object]
) -> None:
    with database.postgrest({"db-pool": "1"}) as api:
        service = Service(api, database)
        add_book(service, service.ann)
        number = service.done("job_add", service.ann, {"kind": "lots_rebuild"})["id"]
        worker = make_worker("jobs")
        with a_book_that_is_being_changed(database, service.ann):
            thread = threading.Thread(target=worker.once)  # type: ignore[attr-defined]
            thread.start()
            while service.get(f"jobs?id=eq.{number}", service.ann).json()[0]["status"] == "waiting":
                assert thread.is_alive()
            assert service.get("accounts", service.bob).status_code == 200
        thread.join()
        assert service.get(f"jobs?id=eq.{number}", service.ann).json()[0]["status"] == "finished"

"""A write whose answer was lost is sent again, and is there once."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

import httpx
import psycopg
import pytest
from click.testing import CliRunner
from psycopg.conninfo import make_conninfo

from quantmatrix.cli import cli
from quantmatrix.door import retries
from quantmatrix.door.http import ApiSession
from quantmatrix.errors import Problem
from quantmatrix.services import ports
from quantmatrix.services.credentials import AUTHENTICATOR
from quantmatrix.testing.cluster import Database
from quantmatrix.testing.lossy import Lossy, lossy
from quantmatrix.testing.service import Person, Service

BUY = {
    "account": "U1", "transaction_type": "buy", "symbol": "ABC", "trade_date": "2024-05-03", "quantity": "10",
    "price": "100.50", "commission": "-1", "currency": "usd", "external_id": "mine-1",
    "description": "by hand", "metadata": {"a": "b"}, "terms": {"fx_rate": "1.5"},
}  # fmt: skip


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retries, "SHORTEST", 0.0)


@pytest.fixture
def person(service: Service) -> Person:
    made = service.add_person(f"{uuid4()}@example.test")
    service.done("account_add", made, {"broker": "ibkr", "account_number": "U1", "name": "Main"})
    return made


def added(service: Service, person: Person, **changed: Any) -> httpx.Response:
    transaction = {name: value for name, value in (BUY | changed).items() if value is not None}
    return service.call("transaction_add", person, {"transaction": transaction, "reason": "a test"})


def number_of(service: Service, person: Person, table: str = "core.transactions") -> int:
    with service.database.connect() as connection:
        query = f"select count(*) from {table} where user_id = %s"
        row = connection.execute(query.encode(), [person.id]).fetchone()
    assert row is not None
    return int(row[0])


def test_the_same_transaction_again_is_the_one_that_is_there(service: Service, person: Person) -> None:
    first = added(service, person)
    assert first.status_code == 200, first.text
    for same in ({}, {"quantity": "10.0"}, {"terms": None}, {"net_amount": "-1006", "currency": None}):
        again = added(service, person, **same)
        assert again.status_code == 200, again.text
        assert again.json() == first.json()
    assert number_of(service, person) == 1


@pytest.mark.parametrize(
    "other",
    [
        {"quantity": "11"},
        {"price": "100.51"},
        {"symbol": "XYZ"},
        {"trade_date": "2024-05-04"},
        {"description": "another"},
        {"metadata": {"a": "c"}},
        {"terms": {"fx_rate": "1.6"}},
        {"transaction_type": "deposit", "symbol": None, "quantity": None, "price": None, "net_amount": "1"},
    ],
)
def test_another_transaction_under_the_same_key_is_refused(
    service: Service, person: Person, other: dict[str, Any]
) -> None:
    first = added(service, person).json()
    refused = added(service, person, **other)
    assert refused.status_code == 409, refused.text
    assert refused.json()["code"] == "QM062"
    assert str(first[0]["id"]) in refused.json()["message"]
    assert service.get("transactions", person).json() == first


def test_a_transaction_that_was_corrected_since_is_compared_as_it_was(
    service: Service, person: Person
) -> None:
    first = added(service, person).json()[0]
    changes = {"quantity": "12", "terms": {"fx_rate": "1.7"}, "description": "better"}
    corrected = service.done(
        "transaction_correct", person, {"transaction_id": first["id"], "changes": changes, "reason": "a slip"}
    )
    again = added(service, person)
    assert (again.status_code, again.json()) == (200, corrected)


def test_voiding_and_undoing_again_change_nothing(service: Service, person: Person) -> None:
    first = added(service, person).json()[0]
    void = {"transaction_id": first["id"], "reason": "never happened"}
    assert service.done("transaction_void", person, void) == service.done("transaction_void", person, void)
    unknown = service.call("transaction_void", service.bob, void)
    assert unknown.json()["code"] == "QM001"


def test_the_same_account_again_is_the_one_that_is_there(service: Service, person: Person) -> None:
    account = {"broker": "IBKR", "account_number": "U1", "name": "Main"}
    assert service.done("account_add", person, account) == service.get("accounts", person).json()
    assert number_of(service, person, "core.accounts") == 1
    for other in ({"name": "Other"}, {"account_type": "ira"}, {"base_currency": "EUR"}):
        refused = service.call("account_add", person, account | other)
        assert (refused.status_code, refused.json()["code"]) == (409, "QM062")


def test_the_same_share_again_is_the_one_that_is_there(service: Service, person: Person) -> None:
    grant = {"email": service.bob.email, "account": "U1", "access": "read"}
    first = service.done("grant_add", person, grant)
    assert service.done("grant_add", person, grant) == first
    other = service.done("grant_add", person, grant | {"access": "write"})
    assert other["id"] != first["id"]
    assert service.call("grant_revoke", person, {"id": first["id"]}).is_success
    assert service.done("grant_add", person, grant)["id"] not in (first["id"], other["id"])
    assert number_of(service, person, "auth.grants") == 3


@contextmanager
def losing(service: Service, person: Person, times: int) -> Iterator[tuple[ApiSession, Lossy]]:
    """A session whose connection breaks after the body of a request was sent and answered."""
    token = service.headers(person)["Authorization"].removeprefix("Bearer ")
    server = (ports.LOOPBACK, service.api.config.port)
    with (
        lossy(server, lambda sent: sent.endswith(b"}"), times) as line,
        ApiSession(f"http://{ports.LOOPBACK}:{line.port}", token) as session,
    ):
        yield session, line


@pytest.mark.parametrize("times", [1, 2])
def test_a_lost_answer_over_http_makes_one_row(service: Service, person: Person, times: int) -> None:
    with losing(service, person, times) as (session, line):
        row = session.call("transaction_add", {"transaction": BUY, "reason": "a test"})
        assert line.lost == times
        assert list(session.view("transactions")) == [row]
    assert number_of(service, person) == 1


def test_what_cannot_be_repeated_says_that_it_may_be_done(service: Service, person: Person) -> None:
    feed = {"name": "flex", "service": "ibkr", "settings": {"query": "123456"}}
    with losing(service, person, 1) as (session, _), pytest.raises(Problem) as refused:
        session.call("feed_add", feed)
    assert retries.MAYBE_DONE in str(refused.value)
    assert number_of(service, person, "ingest.feeds") == 1


def test_what_would_be_made_twice_is_not_sent_again(service: Service, person: Person) -> None:
    with losing(service, person, 3) as (session, line):
        with pytest.raises(Problem) as refused:
            session.call("key_create", {"name": "nightly", "scopes": ["read"]})
        assert line.lost == 1
    assert "without our hearing of it" in str(refused.value)
    assert number_of(service, person, "auth.api_keys") == 1


def test_the_answer_to_a_commit_is_lost_and_one_row_is_there(service: Service, person: Person) -> None:
    """The command line with the database: the connection breaks between commit and answer."""
    database: Database = service.database
    port = database.environment.known_state().database_port
    # psycopg sends COMMIT as a message of its own.
    with lossy((ports.LOOPBACK, port), lambda sent: bool(re.search(rb"\bCOMMIT\b", sent))) as line:
        dsn = make_conninfo(
            database.dsn(AUTHENTICATOR), host=ports.LOOPBACK, port=line.port, sslmode="disable"
        )
        words = [
            "--user", person.email, "transactions", "add", "--account", "U1", "--type", "deposit",
            "--date", "2024-01-02", "--net", "5000", "--reason", "opening balance", "--format", "json",
        ]  # fmt: skip
        variables = database.variables() | {"QUANTMATRIX_AUTHENTICATOR_URL": dsn}
        done = CliRunner(env=variables).invoke(cli, words)
        assert done.exit_code == 0, done.output + done.stderr
        assert line.lost == 1
    with database.connect() as connection:
        rows = connection.execute(
            "select id, net_amount::text from core.transactions where user_id = %s", [person.id]
        ).fetchall()
    assert [row[0] for row in rows] == [json.loads(done.stdout)["id"]]


def test_a_connection_that_stays_lost_is_told(service: Service, person: Person) -> None:
    database = service.database
    port = database.environment.known_state().database_port
    with lossy((ports.LOOPBACK, port), lambda sent: b"COMMIT" in sent, times=100) as line:
        dsn = make_conninfo(database.dsn(AUTHENTICATOR), host=ports.LOOPBACK, port=line.port)
        variables = database.variables() | {"QUANTMATRIX_AUTHENTICATOR_URL": dsn}
        words = ["--user", person.email, "account", "add", "ibkr", "U7"]
        done = CliRunner(env=variables).invoke(cli, words)
    assert done.exit_code == 6
    assert "without our hearing of it" in done.stderr
    with psycopg.connect(database.dsn()) as connection:
        found = connection.execute(
            "select count(*) from core.accounts where user_id = %s and account_number = 'U7'", [person.id]
        ).fetchone()
    assert found is not None
    assert found[0] in (0, 1)

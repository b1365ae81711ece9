"""A migration beside people who work: named, ended if wanted, and never at the cost of a request."""

from __future__ import annotations

import threading
from contextlib import closing

import httpx
import psycopg
import pytest
from click.testing import CliRunner

from quantmatrix.cli import cli
from quantmatrix.cli.settings import Settings
from quantmatrix.database import migrate
from quantmatrix.services.credentials import MIGRATOR
from quantmatrix.testing.cluster import Api, Database
from quantmatrix.testing.service import Service, add_book


def test_a_session_in_the_way_of_a_migration_is_named_and_ended_if_wanted(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("quantmatrix.database.gate.PATIENCE", 1.5)
    with database.connect() as connection:
        connection.execute("drop role if exists qm_idle")
        connection.execute("create role qm_idle login password 'idle-idle-idle' in role quantmatrix_user")
    try:
        login = psycopg.conninfo.make_conninfo(
            database.dsn(MIGRATOR), user="qm_idle", password="idle-idle-idle"
        )
        with closing(psycopg.connect(login)) as idle:
            idle.execute("set role quantmatrix_user")
            idle.execute("select count(*) from api.accounts")
            settings = Settings(_environment=database.environment)
            told = CliRunner().invoke(cli, ["migrate", "up"], obj=settings)
            assert told.exit_code == 1
            for part in (
                str(idle.info.backend_pid),
                "qm_idle",
                "idle in transaction since",
                "--end-sessions",
            ):
                assert part in told.stderr, told.stderr
            told = CliRunner().invoke(cli, ["migrate", "up", "--end-sessions"], obj=settings)
            assert told.exit_code == 0, told.stderr
            assert f"ending process {idle.info.backend_pid} of qm_idle" in told.stderr
    finally:
        with database.connect() as connection:
            connection.execute("drop role qm_idle")


def test_no_request_is_sacrificed_to_a_migration(database: Database, postgrest: Api) -> None:
    service = Service(postgrest, database)
    add_book(service, service.ann)
    headers = service.headers(service.ann)
    answers: list[httpx.Response] = []
    ending = threading.Event()

    def ask() -> None:
        with httpx.Client(base_url=postgrest.url, headers=headers, timeout=60) as client:
            while not ending.is_set():
                answers.extend(client.get(path) for path in ("/holdings", "/accounts", "/lots"))

    asking = [threading.Thread(target=ask) for _ in range(4)]
    for thread in asking:
        thread.start()
    try:
        for _ in range(2):
            migrate.up(database.dsn(MIGRATOR))
    finally:
        ending.set()
        for thread in asking:
            thread.join()
    assert any(answer.status_code == 200 for answer in answers)
    assert [answer.text for answer in answers if "40P01" in answer.text] == []

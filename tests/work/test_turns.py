"""Turns, leases and heartbeats: one worker at a time, and none needed for the next to go on."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest

from quantmatrix.database import ledger
from quantmatrix.errors import ExitCode, Problem
from quantmatrix.testing.cluster import Database
from quantmatrix.work.loop import Worker

NOW = datetime(2031, 5, 6, 12, tzinfo=UTC)


def value(connection: psycopg.Connection[Any], query: str, *parameters: Any) -> Any:
    row = connection.execute(query.encode(), parameters).fetchone()
    return row[0] if row else None


def take(connection: psycopg.Connection[Any], worker: str, now: datetime) -> bool:
    return bool(value(connection, "select work.take_turn('seal', %s, '1 minute', false, %s)", worker, now))


def test_a_turn_is_one_workers(database: Database) -> None:
    with database.connect() as connection:
        assert value(connection, "select work.look('{\"seal\": 60}', %s)", NOW) == ["seal"]
        assert take(connection, "one", NOW)
        assert value(connection, "select work.look('{\"seal\": 60}', %s)", NOW) == []
        assert not take(connection, "two", NOW)
        connection.execute("select work.end_turn('seal', 'one', 60, 'done', null, %s)", [NOW])
        assert not take(connection, "two", NOW + timedelta(seconds=59))
        assert take(connection, "two", NOW + timedelta(seconds=60))


def test_a_dead_workers_turn_is_the_next_ones(database: Database) -> None:
    with database.connect() as connection:
        assert take(connection, "dead", NOW)
        assert not take(connection, "next", NOW + timedelta(seconds=59))
        assert take(connection, "next", NOW + timedelta(seconds=60))
        # What the dead one says when it comes back is nothing to the turn.
        connection.execute("select work.end_turn('seal', 'dead', 60, 'late', null, %s)", [NOW])
        row = connection.execute("select worker, outcome from work.turns").fetchone()
        assert row == ("next", None)


def test_a_turn_that_two_want_at_once_is_waited_for_by_neither(database: Database) -> None:
    with database.connect() as one, database.connect() as two:
        assert take(one, "one", NOW)
        one.execute("select work.end_turn('seal', 'one', 60, 'done', null, %s)", [NOW])
        later = NOW + timedelta(minutes=2)
        with one.transaction():
            assert take(one, "one", later)
            two.execute("set lock_timeout = '1s'")
            assert not take(two, "two", later)


def test_once_does_one_turn_of_each(database: Database, make_worker: Callable[..., Worker]) -> None:
    with database.connect() as connection:
        connection.execute("insert into core.users (email) values ('ann@example.test')")
        assert value(connection, "select work.unsealed_since()") is not None
        assert make_worker("seal", "sweep", "sessions", "jobs").once()
        assert value(connection, "select work.unsealed_since()") is None
        turns = dict(connection.execute("select kind, outcome from work.turns").fetchall())
        head = value(connection, "select audit.head()")
        assert turns == {
            "seal": f"1 entries sealed, head {head}",
            "sweep": "nothing to do",
            "sessions": "nothing to do",
        }
        assert value(connection, "select count(*) from work.heartbeats") == 0, "it left"


def test_what_is_new_in_the_log_is_looked_at(database: Database, make_worker: Callable[..., Worker]) -> None:
    with database.connect() as connection:
        connection.execute("insert into core.users (email) values ('ann@example.test')")
        assert make_worker("seal", "verify").once()
        assert value(connection, "select outcome from work.turns where kind = 'verify'") == "1 links hold"
        assert make_worker("verify").once()
        assert value(connection, "select count(*) from audit.checkpoints") == 1
        connection.execute("insert into core.users (email) values ('bob@example.test')")
        assert make_worker("seal").once()
        connection.execute("alter table core.audit_logs disable trigger user")
        connection.execute("update core.audit_logs set actor_id = gen_random_uuid()")
        told: list[str] = []
        assert not make_worker("verify", told=told).once()
        assert "the audit log is broken" in told[0]
        assert value(connection, "select count(*) from audit.checkpoints") == 1


def test_a_failing_kind_is_told_and_ends_no_other(
    database: Database, make_worker: Callable[..., Worker]
) -> None:
    with database.connect() as connection:
        connection.execute(
            "create function work.sweep_broken(timestamptz) returns bigint language sql"
            " set search_path = pg_catalog, pg_temp as 'select 1 / 0'"
        )
        connection.execute("grant execute on function work.sweep_broken(timestamptz) to quantmatrix_keeper")
        connection.execute(
            "insert into work.heartbeats (worker, kinds, started_at, seen_at)"
            " values ('old', '{seal}', now() - interval '2 days', now() - interval '2 days')"
        )
        told: list[str] = []
        assert not make_worker("sweep", "seal", told=told).once()
        assert told[0].startswith("sweep failed: division by zero")
        turns = dict(connection.execute("select kind, failures from work.turns").fetchall())
        assert turns == {"sweep": 1, "seal": 0}
        assert value(connection, "select count(*) from work.heartbeats") == 0, "the other sweep swept"


def test_a_running_worker_beats_and_leaves(database: Database, make_worker: Callable[..., Worker]) -> None:
    worker = make_worker("seal", "jobs")
    thread = threading.Thread(target=worker.run)
    thread.start()
    try:
        with database.connect() as connection:
            connection.execute("insert into core.users (email) values ('ann@example.test')")
            while value(connection, "select work.unsealed_since()") is not None:
                assert thread.is_alive()
            state = value(connection, "select work.state()")
            assert [found["kinds"] for found in state["workers"]] == [["seal", "jobs"]]
            assert state["workers"][0]["seen_seconds"] < 60
    finally:
        worker.context.ending.set()
        thread.join()
    with database.connect() as connection:
        assert value(connection, "select count(*) from work.heartbeats") == 0


def test_personal_sessions_that_hold_others_back_are_ended(database: Database) -> None:
    with database.connect() as connection:
        connection.execute("insert into core.users (email) values ('ann@example.test')")
        connection.execute("create role qm_test_idle login password 'x' in role quantmatrix_user")
        connection.execute(
            "insert into auth.database_logins (login_name, user_id)"
            " select 'qm_test_idle', id from core.users limit 1"
        )
        try:
            dsn = psycopg.conninfo.make_conninfo(
                database.dsn("authenticator"), user="qm_test_idle", password="x"
            )
            with psycopg.connect(dsn) as idle, psycopg.connect(dsn, autocommit=True) as quiet:
                idle.execute("select pg_current_xact_id()")
                connection.execute(
                    "update core.users set display_name = 'Ann' where email = 'ann@example.test'"
                )
                connection.execute("select work.seal()")
                assert value(connection, "select work.unsealed_since()") is not None, "it holds the seal back"
                assert value(connection, "select work.end_idle_sessions()") == []
                later = datetime.now(UTC) + timedelta(minutes=11)
                assert value(connection, "select work.end_idle_sessions(%s)", later) == ["qm_test_idle"]
                with pytest.raises(psycopg.errors.AdminShutdown):
                    idle.execute("select 1")
                assert quiet.execute("select 1").fetchone() == (1,)
                while (
                    value(connection, "select count(*) from pg_stat_activity where usename = 'qm_test_idle'")
                    > 1
                ):
                    continue
                connection.execute("select work.seal()")
                assert value(connection, "select work.unsealed_since()") is None
        finally:
            connection.execute("delete from auth.database_logins where login_name = 'qm_test_idle'")
            connection.execute("drop role qm_test_idle")


def test_a_worker_of_another_version_than_the_database_ends(
    database: Database, make_worker: Callable[..., Worker]
) -> None:
    worker = make_worker("seal")
    raised: list[Problem] = []

    def run() -> None:
        try:
            worker.run()
        except Problem as problem:
            raised.append(problem)

    thread = threading.Thread(target=run)
    thread.start()
    with database.connect() as connection:
        while value(connection, "select count(*) from work.turns where finished_at is not null") == 0:
            assert thread.is_alive()
        ledger.record(connection, "9999_future.sql", "0" * 64)
        connection.execute("update work.turns set due_at = now()")
    thread.join()
    assert [problem.exit_code for problem in raised] == [ExitCode.MIGRATION_NEEDED]

"""A login that types SQL says of itself what it likes: whose request it is, and where it comes from."""

from __future__ import annotations

import json
from collections.abc import Iterator
from uuid import uuid4

import psycopg
import pytest
from psycopg import sql

from quantmatrix.testing.cluster import Database
from quantmatrix.testing.importer import Importer


@pytest.fixture
def mallory(database: Database) -> Iterator[psycopg.Connection]:
    """A session of a personal login that may write."""
    login = f"qm_{uuid4().hex}"
    owner = Importer(database, "mallory@example.org")
    with database.connect() as admin:
        name = sql.Identifier(login)
        admin.execute(sql.SQL("create role {} login in role quantmatrix_user").format(name))
        admin.execute(
            "insert into auth.database_logins (login_name, user_id) values (%s, %s)", [login, owner.user_id]
        )
        try:
            with database.connect() as connection:
                connection.execute(sql.SQL("set session authorization {}").format(name))
                yield connection
        finally:
            admin.execute("delete from auth.database_logins where login_name = %s", [login])
            admin.execute(sql.SQL("drop role {}").format(name))


def test_nobody_takes_the_slots_of_another_by_forging_a_request(
    database: Database, mallory: psycopg.Connection
) -> None:
    """Four such sessions, each with one slot, would have refused whatever the other asks."""
    victim = Importer(database, "victim@example.org")
    claims = {
        "sub": str(victim.user_id),
        "role": "quantmatrix_user",
        "aud": "quantmatrix",
        "exp": 9,
        "iat": 1e11,
    }
    mallory.execute("select set_config('request.jwt.claims', %s, false)", [json.dumps(claims)])
    with pytest.raises(psycopg.errors.InsufficientPrivilege), mallory.transaction():
        mallory.execute("select api.check_request()")
    with database.connect() as admin:
        held = admin.execute("select count(*) from pg_locks where locktype = 'advisory'").fetchone()
    assert held == (0,)


def test_what_strangers_ask_is_not_asked_with_a_personal_login(
    database: Database, mallory: psycopg.Connection
) -> None:
    """Their counters, locks and rows are everybody's: refused before anything is counted or locked."""
    with database.connect() as admin:
        functions = admin.execute(
            "select p.proname, p.pronargs from pg_proc p where p.pronamespace = 'api'::regnamespace"
            " and has_function_privilege('anon', p.oid, 'execute') and p.proname <> 'schema_version'"
        ).fetchall()
    assert len(functions) >= 9
    for function, arguments in functions:
        call = sql.SQL("select api.{}({})").format(
            sql.Identifier(function), sql.SQL(", ").join([sql.SQL("'x@example.org'")] * arguments)
        )
        with pytest.raises(psycopg.errors.InsufficientPrivilege) as raised:
            mallory.execute(call)
        assert "over HTTP" in str(raised.value), function


def test_a_personal_login_counts_nothing_against_an_address_that_it_states(
    database: Database, mallory: psycopg.Connection
) -> None:
    """Made-up addresses would fill the counters that signing in asks first."""
    counters = (
        "select pg_sequence_last_value(format('auth.throttle_%s', n)::regclass)"
        " from generate_series(0, 1535) n"
    )
    with database.connect() as admin:
        before = admin.execute(counters).fetchall()
        for number in range(30):
            headers = json.dumps({"x-real-ip": f"203.0.113.{number}"})
            mallory.execute("select set_config('request.headers', %s, false)", [headers])
            with pytest.raises(psycopg.Error):
                mallory.execute("select api.grant_add('nobody@example.org', 'read')")
        changed = sum(old != new for old, new in zip(before, admin.execute(counters).fetchall(), strict=True))
    # The two of the person's own attempts to share; thirty addresses would be some sixty more.
    assert changed <= 2

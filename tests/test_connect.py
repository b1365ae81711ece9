"""Sessions as a person: the login, role, claims and limits that PostgREST would give to a token of theirs."""

from __future__ import annotations

import json
from uuid import UUID, uuid4

import psycopg
import pytest

from quantmatrix.door.login import person
from quantmatrix.testing.cluster import Database

WHO = """
select session_user::text as login, current_user::text as role, auth.user_id() as user_id,
    current_setting('request.jwt.claims') as claims, current_setting('search_path') as path,
    current_setting('statement_timeout') as patience, current_setting('transaction_read_only') as read_only
"""


@pytest.fixture(scope="module")
def somebody(module_database: Database) -> UUID:
    with module_database.connect() as connection:
        row = connection.execute(
            "insert into core.users (email) values ('somebody@example.test') returning id"
        ).fetchone()
    assert row is not None
    return UUID(str(row[0]))


def test_a_person_has_role_and_claims_within_a_transaction(module_database: Database, somebody: UUID) -> None:
    with person(module_database.environment, somebody, "quantmatrix_readonly") as session:
        with session.transaction() as connection:
            who = connection.execute(WHO.encode()).fetchone()
        assert who is not None
        assert json.loads(who.pop("claims")) == {"sub": str(somebody), "role": "quantmatrix_readonly"}
        assert who == {
            "login": "authenticator",
            "role": "quantmatrix_readonly",
            "user_id": somebody,
            "path": '"api"',
            "patience": "10min",
            "read_only": "off",
        }
        after = session.connection.execute(
            "select current_user::text as role,"
            " coalesce(current_setting('request.jwt.claims', true), '') as claims"
        ).fetchone()
        assert after == {"role": "authenticator", "claims": ""}


def test_each_transaction_sets_them_again_and_reading_cannot_write(
    module_database: Database, somebody: UUID
) -> None:
    with person(module_database.environment, somebody) as session:
        for _ in range(2):
            assert session.rows("select auth.user_id() as id where %s", (True,)) == [{"id": somebody}]
        with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
            session.rows("create temporary table x ()")
        with session.transaction(read_only=True) as connection:
            shown = connection.execute("show transaction_read_only").fetchone()
        assert shown == {"transaction_read_only": "on"}


def test_what_fails_and_what_is_rehearsed_is_rolled_back(module_database: Database, somebody: UUID) -> None:
    with person(module_database.environment, somebody) as session:
        with session.transaction(dry_run=True) as connection:
            connection.execute("select set_config('quantmatrix.test', 'set', false)")
        with pytest.raises(psycopg.errors.DivisionByZero), session.transaction() as connection:
            connection.execute("select set_config('quantmatrix.test', 'set', false), 1 / 0")
        left = session.rows("select coalesce(current_setting('quantmatrix.test', true), '') as value")
        assert left == [{"value": ""}]
        with session.transaction() as connection:
            connection.execute("select set_config('quantmatrix.test', 'kept', false)")
        assert session.rows("select current_setting('quantmatrix.test') as value") == [{"value": "kept"}]


def test_only_the_roles_of_requests_can_be_taken(module_database: Database) -> None:
    for role in ("quantmatrix_owner", "quantmatrix_engine", "postgres"):
        with (
            person(module_database.environment, uuid4(), role) as session,
            pytest.raises(psycopg.errors.InsufficientPrivilege),
        ):
            session.rows("select 1")

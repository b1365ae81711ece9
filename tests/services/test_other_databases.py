"""People's own logins belong to the whole server: every database of it is closed to them but one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from quantmatrix.services import bootstrap, postgres_settings
from quantmatrix.services.credentials import MIGRATOR, SUPERUSER
from quantmatrix.testing.cluster import Cluster

LOGIN = "qm_mallory"
PASSWORD = "mallory's own login"
OPEN = """
    select p.oid::regprocedure::text
    from pg_proc p
    where p.pronamespace = 'pg_catalog'::regnamespace
    and p.proname ~ '^(pg_(try_)?advisory_|lo_|pg_logical_emit_message$)'
    and has_function_privilege('quantmatrix_user', p.oid, 'execute')
"""


@pytest.fixture(scope="module")
def own() -> Iterator[Cluster]:
    cluster = Cluster()
    try:
        # Not cluster.start(), which opens clones to all logins.
        cluster.environment.ensure_running()
        with superuser(cluster) as connection:
            connection.execute(
                f"create role {LOGIN} login password '{PASSWORD.replace(chr(39), chr(39) * 2)}'"
            )
            connection.execute(f"grant quantmatrix_user to {LOGIN}")
        yield cluster
    finally:
        cluster.destroy()


def superuser(
    cluster: Cluster, database: str = "postgres"
) -> closing[psycopg.Connection[tuple[object, ...]]]:
    return closing(psycopg.connect(cluster.environment.dsn(SUPERUSER, database), autocommit=True))


def login(cluster: Cluster, database: str) -> psycopg.Connection[tuple[object, ...]]:
    dsn = cluster.environment.dsn(MIGRATOR, database)
    return psycopg.connect(make_conninfo(dsn, user=LOGIN, password=PASSWORD), autocommit=True)


def test_the_embedded_server_lets_people_into_one_database(own: Cluster) -> None:
    login(own, "quantmatrix").close()
    for other in ("postgres", "template1"):
        with pytest.raises(psycopg.OperationalError, match=r"no pg_hba\.conf entry"):
            login(own, other)


def test_where_the_access_file_is_open_the_databases_are_closed_and_new_ones_inherit(own: Cluster) -> None:
    own.start()
    for other in ("postgres", "template1"):
        with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
            login(own, other)
    with superuser(own) as connection:
        connection.execute("create database made_later")
    for database in ("postgres", "template1", "made_later", "quantmatrix"):
        with superuser(own, database) as connection:
            assert connection.execute(OPEN).fetchall() == [], database
    with superuser(own) as connection:
        found = connection.execute(
            "select datname from pg_database where datname in ('postgres', 'template0', 'template1')"
            " and (has_database_privilege('public', oid, 'connect')"
            " or has_database_privilege('public', oid, 'temporary'))"
        ).fetchall()
    assert found == []


def test_preparing_ends_whoever_holds_its_lock_from_before(own: Cluster) -> None:
    own.start()
    with superuser(own) as connection:
        connection.execute("grant connect on database postgres to public")
        connection.execute("grant execute on function pg_advisory_lock(bigint) to public")
    with closing(login(own, "postgres")) as mallory:
        mallory.execute("select pg_advisory_lock(hashtextextended('quantmatrix roles', 0))")
        bootstrap.prepare(own.environment.dsn(SUPERUSER, "postgres"), {})
        with pytest.raises(psycopg.OperationalError, match="terminat"):
            mallory.execute("select 1")
    with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
        login(own, "postgres")


def test_an_access_file_of_ours_is_renewed_and_a_changed_one_is_left(own: Cluster) -> None:
    former = "\n".join(
        [
            "# Written by quantmatrix.",
            "# type  database     user        address       method",
            "local   all          all                       scram-sha-256",
            "local   replication  postgres                  scram-sha-256",
            "host    all          postgres    all           reject",
            "host    all          all         127.0.0.1/32  scram-sha-256",
            "host    all          all         ::1/128       scram-sha-256",
            "",
        ]
    )
    environment = own.environment
    access = environment.postgres(environment.known_state()).data / "pg_hba.conf"
    environment.stop()
    access.write_text(former)
    environment.ensure_running()
    assert access.read_text() == postgres_settings.access_file()
    environment.stop()
    access.write_text(former + "host all all 10.0.0.0/8 scram-sha-256\n")
    environment.ensure_running()
    assert access.read_text().startswith(former)

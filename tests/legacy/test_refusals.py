"""What must be refused, what must never run, and that nothing is left of either."""

from __future__ import annotations

import gzip
import json
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from quantmatrix.testing.cluster import Cluster, Database
from quantmatrix.testing.v1 import OWN_FILE, SAMPLE, WITH_FILE, Migrating, OldDatabase, archive, served

ALERTS = """
    select a.name, a.condition, a.channels, a.status::text, a.metadata - 'sync_id'
    from core.alerts a order by a.id
"""
STATE = """
    select a.account_number, t.source, t.dedupe_key, t.transaction_type::text, t.executed_at, t.trade_date,
        t.sequence, t.quantity, t.price, t.net_amount, t.metadata
    from core.transactions t
    join core.accounts a on a.user_id = t.user_id and a.id = t.account_id
    order by 1, 2, 3
"""


@pytest.fixture(scope="module")
def v1(cluster: Cluster) -> Iterator[str]:
    """The sample as a running database."""
    with served(cluster, f"v1_{os.getpid()}") as url:
        yield url


def test_every_way_of_reading_gives_the_same(cluster: Cluster, v1: str, tmp_path: Path) -> None:
    packed = tmp_path / "v1.sql.gz"
    packed.write_bytes(gzip.compress(SAMPLE.read_bytes()))
    origins: list[Path | str] = [
        SAMPLE,
        packed,
        archive(v1, tmp_path / "v1.dump", "-Fc"),
        archive(v1, tmp_path / "v1.tar", "-Ft"),
        archive(v1, tmp_path / "inserts.sql", "--inserts"),
        archive(v1, tmp_path / "inserts.dump", "-Fc", "--column-inserts", "--rows-per-insert=7"),
        v1,
    ]
    states = []
    for origin in origins:
        with cluster.database() as database:
            migrating = Migrating(database)
            proof = migrating.migrate(origin, *WITH_FILE)
            alerts = migrating.rows(ALERTS)
            states.append((migrating.rows(STATE), alerts, proof["sources"], proof["unread"]))
    assert (len(states[0][0]), len(states[0][1])) == (53, 2)
    assert all(state == states[0] for state in states[1:])


def test_reading_a_server_leaves_no_trace_on_either_side(v1: str, database: Database) -> None:
    def catalogue(dsn: str) -> list[tuple[str, ...]]:
        with psycopg.connect(dsn) as connection:
            return connection.execute(
                """
                select 'server', s.srvname from pg_foreign_server s
                union all
                select 'extension', e.extname from pg_extension e
                union all
                select 'schema', n.nspname from pg_namespace n where n.nspname not like 'pg_%'
                order by 1, 2
                """
            ).fetchall()

    migrating = Migrating(database)
    before = catalogue(database.dsn()), catalogue(v1)
    migrating.migrate(v1, *WITH_FILE)
    assert (catalogue(database.dsn()), catalogue(v1)) == before
    secret = psycopg.conninfo.conninfo_to_dict(v1)["password"]
    told = migrating.run("legacy", "inspect", "--from", v1)
    assert str(secret) not in told.output
    assert migrating.rows("select f.name from ingest.files f where strpos(f.name, %s) > 0", str(secret)) == []


def test_a_server_that_is_not_there(migrating: Migrating) -> None:
    said = migrating.refuse("postgresql://v1:hidden@127.0.0.1:9/v1?connect_timeout=2", status=6)
    assert "cannot be reached" in said
    assert "hidden" not in said


def test_a_server_that_is_lost_half_way(v1: str, migrating: Migrating) -> None:
    """The wrapper's session is ended while it waits for a table that a third session holds."""

    def lose() -> None:
        with psycopg.connect(v1, autocommit=True) as other:
            while not other.execute(
                "select pg_terminate_backend(a.pid) from pg_stat_activity a "
                "where a.datname = current_database() and a.wait_event_type = 'Lock'"
            ).fetchall():
                time.sleep(0.05)

    with psycopg.connect(v1) as holder:
        holder.execute("lock table transactions in access exclusive mode")
        thread = threading.Thread(target=lose)
        thread.start()
        said = migrating.refuse(v1, status=6)
        thread.join()
    assert "lost on the way" in said
    assert migrating.migrate(v1, *WITH_FILE)["rows"]["new"] == 53


@contextmanager
def changed(tmp_path: Path, old: str, new: str) -> Iterator[Path]:
    """The sample with a text replaced."""
    text = SAMPLE.read_text()
    assert old in text
    path = tmp_path / "changed.sql"
    path.write_text(text.replace(old, new))
    yield path


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("COPY holdings (", "COPY holdings_gone (", None),
        ("\tBND\t41.0\t", "\tBND\tmany\t", "changed.sql:"),
        (
            "COPY dividends (id, account_id, external_id, symbol, ex_date",
            "COPY dividends (id, account_id, external_id, symbol, ex_day",
            "ex_date",
        ),
        ("SET client_encoding = 'UTF8';", "SET client_encoding = 'LATIN1';", "LATIN1"),
        ("\tIBKR\t\\N\tt", "\tIBKR", "fields"),
        ("COPY dividends (", "COPY transactions (", "twice"),
        ("COPY accounts (", "INSERT INTO accounts (id) VALUES (1);\nCOPY accounts (", "no column"),
        ("COPY users (", "INSERT INTO users VALUES ((select 1));\nCOPY users (", "never executed"),
        ("COPY users (", "INSERT INTO users VALUES (1, 'it''s\n", "never executed"),
        ("2\t1\tTax-Deferred Account", "1\t1\tTax-Deferred Account", "several rows with id 1"),
        ("U80000001\tIBKR\t\\N\t\\N", "5WT80001\tIBKR\t\\N\t\\N", "two brokers"),
    ],
)
def test_a_dump_that_is_wrong_is_refused(
    migrating: Migrating, tmp_path: Path, old: str, new: str, said: str | None
) -> None:
    with changed(tmp_path, old, new) as path:
        if said is None:
            # The definition is still there: an empty table, and every position without its control total.
            proof = migrating.migrate(path, *WITH_FILE, status=3)
            assert {row["cause"] for row in proof["holdings"]} == {"no_holding_in_v1"}
        else:
            assert said in migrating.refuse(path, *WITH_FILE)


def test_a_missing_table_is_named(migrating: Migrating, tmp_path: Path) -> None:
    text = (
        SAMPLE.read_text()
        .replace("CREATE TABLE tax_lots (", "CREATE TABLE other_lots (")
        .replace("COPY tax_lots (", "COPY other_lots (")
    )
    path = tmp_path / "v1.sql"
    path.write_text(text)
    assert "V1's table tax_lots is missing" in migrating.refuse(path)


def test_a_missing_table_of_a_server_is_named(cluster: Cluster, migrating: Migrating, tmp_path: Path) -> None:
    with served(cluster, f"v1_short_{os.getpid()}") as url:
        with psycopg.connect(url) as connection:
            connection.execute("drop table dividends")
        assert "V1's table dividends is missing" in migrating.refuse(url)
        with psycopg.connect(url) as connection:
            connection.execute("alter table transactions drop column execution_id")
            connection.execute("create table dividends (id int)")
        assert "V1's table transactions has no column execution_id" in migrating.refuse(url)


@pytest.mark.parametrize(
    ("kind", "length"),
    [("plain", 0.2), ("plain", 0.6), ("gzip", 0.2), ("gzip", 0.95), ("archive", 0.2), ("archive", 0.95)],
)
def test_a_dump_that_is_cut_off_is_refused(
    migrating: Migrating, v1: str, tmp_path: Path, kind: str, length: float
) -> None:
    whole = SAMPLE.read_bytes()
    if kind == "gzip":
        whole = gzip.compress(whole)
    elif kind == "archive":
        whole = archive(v1, tmp_path / "v1.dump", "-Fc").read_bytes()
    part = tmp_path / "part"
    part.write_bytes(whole[: int(len(whole) * length)])
    migrating.refuse(part)


def test_something_else_is_no_v1(migrating: Migrating, tmp_path: Path) -> None:
    poem = tmp_path / "poem.sql"
    poem.write_text("roses are red\n")
    assert "this is no database of V1" in migrating.refuse(poem)
    assert "folder" in migrating.refuse(tmp_path)
    noise = tmp_path / "noise"
    noise.write_bytes(b"PGDMP" + os.urandom(4000))
    migrating.refuse(noise)
    assert "no file" in migrating.run("legacy", "inspect", "--from", "nowhere.sql", status=2).stderr


def test_the_owners_file_is_refused_with_its_line(migrating: Migrating, tmp_path: Path) -> None:
    lines = OWN_FILE.read_text().splitlines()
    lines[2] = lines[2].replace("42", "forty-two")
    bad = tmp_path / "own.csv"
    bad.write_text("\n".join(lines) + "\n")
    said = migrating.refuse(SAMPLE, "--csv", str(bad), "--csv-account", "U80000001")
    assert f"{bad}:3:Quantity" in said
    bad.write_text("A,B\n1,2\n")
    assert f"{bad}:1" in migrating.refuse(SAMPLE, "--csv", str(bad), "--csv-account", "U80000001")


def test_the_owners_file_must_belong_to_an_account_of_v1(migrating: Migrating) -> None:
    said = migrating.refuse(SAMPLE, "--csv", str(OWN_FILE), "--csv-account", "U99")
    assert "V1 has no account U99" in said
    assert "U80000002" in said


def test_options_that_do_not_fit_together(migrating: Migrating) -> None:
    for words in (
        ("--csv", str(OWN_FILE)),
        ("--backup", "x", "--no-backup"),
        ("--timezone", "Mars/Olympus"),
    ):
        migrating.run("legacy", "migrate", "--from", str(SAMPLE), *words, status=2)


def test_who_is_meant_must_be_clear(migrating: Migrating) -> None:
    migrating.run("user", "add", "a@example.org")
    migrating.run("user", "add", "b@example.org")
    told = migrating.run("legacy", "migrate", "--from", str(SAMPLE), "--no-backup", status=2, user=None)
    assert "several users" in told.stderr
    migrating.run("user", "disable", "a@example.org")
    migrating.run("legacy", "migrate", "--from", str(SAMPLE), "--no-backup", status=4, user="a@example.org")
    migrating.run("user", "add", "c@example.org", "--role", "readonly")
    migrating.run("legacy", "migrate", "--from", str(SAMPLE), "--no-backup", status=4, user="c@example.org")


def test_words_of_a_plain_dump_are_never_executed(migrating: Migrating, tmp_path: Path) -> None:
    touched = tmp_path / "touched"
    hostile = (
        f"\\! touch {touched}\n"
        f"COPY users FROM PROGRAM 'touch {touched}';\n"
        f"DO $$ begin perform pg_read_file('/etc/passwd'); end $$;\n"
        f"CREATE TABLE pwned (a int);\n"
        f"select * from (select 1) x \\g | touch {touched}\n"
    )
    path = tmp_path / "v1.sql"
    path.write_text(
        hostile + SAMPLE.read_text().replace("CASH Transaction: Withdrawal", "'; drop table core.users; --")
    )
    proof = migrating.migrate(path, *WITH_FILE)
    assert proof["rows"]["new"] == 53
    assert not touched.exists()
    assert migrating.rows("select to_regclass('public.pwned') is null") == [(True,)]


def test_functions_of_an_archive_are_never_executed(
    cluster: Cluster, migrating: Migrating, tmp_path: Path
) -> None:
    touched = tmp_path / "touched"
    with served(cluster, f"v1_hostile_{os.getpid()}") as url:
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(
                f"""
                create function act() returns trigger language plpgsql as $$
                begin
                    copy (select 1) to program 'touch {touched}';
                    return null;
                end $$
                """.encode()
            )
            connection.execute(
                "create trigger acts after insert on accounts for each statement execute function act()"
            )
            connection.execute("alter table accounts enable always trigger acts")
        dump = archive(url, tmp_path / "v1.dump", "-Fc")
    assert migrating.migrate(dump, *WITH_FILE)["rows"]["new"] == 53
    assert not touched.exists()
    assert migrating.rows("select count(*)::int from pg_proc p where p.proname = 'act'") == [(0,)]


def test_odd_text_arrives_as_it_is(migrating: Migrating, old: OldDatabase, tmp_path: Path) -> None:
    old.add("transactions", description='quote " back \\ tab \t line \n emoji \N{GRINNING FACE} \\.')
    old.add("holdings", quantity=10.0)
    migrating.migrate(old.write(tmp_path / "v1.sql"))
    raw = migrating.rows("select l.raw from ingest.lines l where l.section = 'transactions'")
    assert json.loads(raw[0][0])["description"] == old.rows["transactions"][0]["description"]


def test_a_line_without_end_is_refused(migrating: Migrating, tmp_path: Path) -> None:
    path = tmp_path / "v1.sql"
    path.write_bytes(b"x" * (17 * 1024 * 1024))
    assert "16 MiB" in migrating.refuse(path)
    path.write_bytes(b"COPY users (id) FROM stdin;\n\xff\xfe\n\\.\n")
    assert "not UTF-8" in migrating.refuse(path)

"""Migrations: the same database by both ways, immutable, repeatable, safe to interrupt, told when needed."""

from __future__ import annotations

import shutil
import subprocess
import sys
import threading
from pathlib import Path
from urllib.parse import quote, urlencode
from uuid import uuid4

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from quantmatrix import resources
from quantmatrix.database import checksums, fingerprint, ledger, migrate, repeatable
from quantmatrix.door.login import person
from quantmatrix.errors import ExitCode, Problem
from quantmatrix.services.credentials import MIGRATOR
from quantmatrix.testing.cluster import Cluster, Database
from quantmatrix.testing.first_release import FIRST, first_release


@pytest.fixture
def released(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the migrations, which a test may add to or spoil."""
    folder = tmp_path / "migrations"
    shutil.copytree(resources.migrations_directory(), folder)
    monkeypatch.setattr(resources, "migrations_directory", lambda: folder)
    return folder


def add(folder: Path, name: str, text: str) -> None:
    (folder / name).write_text(text)
    checksums.write(folder)


def as_owner(database: Database) -> psycopg.Connection[tuple[object, ...]]:
    connection = database.connect(MIGRATOR)
    connection.execute("set role quantmatrix_owner")
    return connection


def rows(connection: psycopg.Connection[tuple[object, ...]]) -> dict[str, object]:
    """The number of rows of each table of ours."""
    counted = connection.execute(
        "select c.oid::regclass, xpath('//n/text()', query_to_xml("
        "   format('select count(*) as n from %s', c.oid::regclass), false, false, ''))::text"
        " from pg_class c where c.relkind = 'r' and c.relowner = 'quantmatrix_owner'::regrole"
    )
    return {str(table): number for table, number in counted}


def count(database: Database, query: str) -> object:
    with database.connect() as connection:
        row = connection.execute(query.encode()).fetchone()
    assert row is not None
    return row[0]


def test_steps_make_the_same_database_as_the_schema(cluster: Cluster, tmp_path: Path) -> None:
    names = list(checksums.recorded(resources.migrations_directory()))
    told: list[str] = []
    with cluster.empty_database() as new, first_release(cluster, tmp_path) as old:
        assert migrate.up(new.dsn(MIGRATOR), told.append).applied == names
        assert told == ["making the tables"]
        assert migrate.up(old.dsn(MIGRATOR), told.append).applied == names[1:]
        assert told[1:] == [f"applying {name}" for name in names[1:]]
        with new.connect() as made, old.connect() as migrated:
            assert len(fingerprint.take(made)) > 500
            assert fingerprint.differences(fingerprint.take(migrated), fingerprint.take(made)) == []
            assert rows(migrated) == rows(made)
            for connection in (made, migrated):
                marks = connection.execute(
                    "select m.migration_id || '.sql' from migrations._yoyo_migration m order by 1"
                )
                assert [name for (name,) in marks] == names == list(ledger.applied(connection))


@pytest.mark.parametrize(
    "change",
    [
        "alter table core.users add column extra text",
        "alter table core.users alter column display_name set default 'x'",
        "alter table core.users disable row level security",
        "comment on column core.users.email is 'another'",
        "create index extra on core.users (created_at)",
        "grant select on core.users to anon",
        "grant update (email) on core.users to anon",
        "alter type core.user_role add value 'extra'",
        "create function core.extra() returns int language sql as 'select 1'",
        "create policy extra on core.users using (true)",
        "alter table core.users add constraint extra check (true)",
        "create domain core.extra as text check (value <> '')",
        "alter default privileges in schema core grant select on tables to anon",
        "alter schema core owner to quantmatrix_writer",
    ],
)
def test_the_fingerprint_sees_every_kind_of_change(module_database: Database, change: str) -> None:
    with module_database.connect() as connection:
        before = fingerprint.take(connection)
        connection.execute(change.encode())
        assert fingerprint.differences(before, fingerprint.take(connection)) != []


def test_up_again_changes_nothing_and_verify_agrees(database: Database) -> None:
    dsn = database.dsn(MIGRATOR)
    with database.connect() as connection:
        before = fingerprint.take(connection)
        outcome = migrate.up(dsn)
        assert outcome.applied == []
        assert fingerprint.differences(before, fingerprint.take(connection)) == []
    assert {step.state for step in migrate.status(dsn)} == {"applied"}
    migrate.verify(dsn)


def test_verify_finds_what_was_changed_by_hand_and_up_mends_it(database: Database) -> None:
    with database.connect() as connection:
        connection.execute("revoke usage on schema api from anon")
    with pytest.raises(Problem, match="not what the files") as drifted:
        migrate.verify(database.dsn(MIGRATOR))
    assert "anon" in (drifted.value.where or "")
    assert drifted.value.exit_code is ExitCode.DIFFERENCES
    migrate.up(database.dsn(MIGRATOR))
    migrate.verify(database.dsn(MIGRATOR))


def test_the_released_files_are_the_ones_with_checksums() -> None:
    chain = checksums.verified(resources.migrations_directory())
    assert next(iter(chain)) == FIRST
    assert chain == checksums.recorded(resources.migrations_directory())


def test_checksums_of_new_migrations_are_added_by_one_command(
    released: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = checksums.recorded(released)
    (released / "9002_next.sql").write_text("select 1;\n")
    assert checksums.main() == 0
    assert list(checksums.recorded(released)) == [*before, "9002_next.sql"]
    assert checksums.recorded(released).items() > before.items()
    assert f"{len(before) + 1} migrations" in capsys.readouterr().out
    for name in ("9002_next.sql", FIRST):
        text = (released / name).read_bytes()
        (released / name).write_bytes(text + b"-- edited\n")
        assert checksums.main() == 1
        assert "edited, renamed or removed" in capsys.readouterr().err
        (released / name).write_bytes(text)


def test_a_new_migration_is_applied_once(database: Database, released: Path) -> None:
    add(
        released,
        "9002_next.sql",
        "-- Two statements, one of them with a body that holds semicolons.\n"
        "create table core.extra (id bigint primary key);\n"
        "do $$ begin insert into core.extra values (1); insert into core.extra values (2); end $$;\n",
    )
    dsn = database.dsn(MIGRATOR)
    assert [step.state for step in migrate.status(dsn)][-3:-1] == ["applied", "pending"]
    with pytest.raises(Problem, match="needs a migration"):
        migrate.verify(dsn)
    told: list[str] = []
    assert migrate.up(dsn, told.append).applied == ["9002_next.sql"]
    assert told == ["applying 9002_next.sql"]
    assert migrate.up(dsn).applied == []
    assert count(database, "select count(*) from core.extra") == 2
    assert count(database, "select relowner::regrole::text from pg_class where relname = 'extra'") == (
        "quantmatrix_owner"
    )


def test_a_table_that_does_not_say_whose_its_rows_are_is_closed(database: Database, released: Path) -> None:
    schemas = "core", "tax", "ingest", "matching", "reconcile", "sync", "legacy", "auth", "audit", "work"
    for schema in schemas:
        add(
            released,
            f"9002_{schema}.sql",
            f"create table {schema}.extra (user_id uuid);\n"
            f"grant all on {schema}.extra to quantmatrix_user, quantmatrix_writer;\n",
        )
    migrate.up(database.dsn(MIGRATOR))
    others = (
        "select count(*) from pg_class c cross join aclexplode(c.relacl) a"
        " where c.relname = 'extra' and a.grantee <> c.relowner"
    )
    assert count(database, others) == 0
    closed = (
        "select count(*) from pg_class where relname = 'extra' and relrowsecurity and relforcerowsecurity"
    )
    assert count(database, closed) == len(schemas)
    assert count(database, "select count(*) from pg_policy where polrelid::regclass::text ~ 'extra'") == 0


def test_a_migration_outside_a_transaction_is_run_statement_by_statement(
    database: Database, released: Path
) -> None:
    add(
        released,
        "9002_index.sql",
        "-- transactional: false\ncreate index concurrently extra on core.users (created_at);\nselect 1;\n",
    )
    assert migrate.up(database.dsn(MIGRATOR)).applied == ["9002_index.sql"]
    assert count(database, "select count(*) from pg_class where relname = 'extra'") == 1


def test_a_failing_migration_names_file_line_and_column_and_leaves_nothing(
    database: Database, released: Path
) -> None:
    add(released, "9002_wrong.sql", "create table core.extra (id int);\nselect 1,\n    nonsense;\n")
    with pytest.raises(Problem, match="refused a file") as refused:
        migrate.up(database.dsn(MIGRATOR))
    assert (refused.value.where or "").endswith("9002_wrong.sql:3:5")
    assert "42703" in (refused.value.why or "")
    assert count(database, "select to_regclass('core.extra')") is None
    assert [step.state for step in migrate.status(database.dsn(MIGRATOR))][-2] == "pending"


def test_an_edited_file_is_refused(database: Database, released: Path) -> None:
    file = released / FIRST
    file.write_text(file.read_text() + "-- edited\n")
    with pytest.raises(Problem, match="not the ones that were released") as unreleased:
        migrate.up(database.dsn(MIGRATOR))
    assert str(file) in (unreleased.value.where or "")
    checksums.write(released)
    with pytest.raises(Problem, match="applied migration was edited"):
        migrate.up(database.dsn(MIGRATOR))
    file.unlink()
    with pytest.raises(Problem, match="not the ones that were released"):
        migrate.status(database.dsn(MIGRATOR))


def test_a_file_without_checksum_is_refused(database: Database, released: Path) -> None:
    (released / "9002_next.sql").write_text("select 1;\n")
    with pytest.raises(Problem, match="not the ones that were released") as unknown:
        migrate.up(database.dsn(MIGRATOR))
    assert "not in CHECKSUMS" in (unknown.value.why or "")


def test_a_file_that_would_run_behind_an_applied_one_is_refused(database: Database, released: Path) -> None:
    add(released, "9003_third.sql", "select 1;\n")
    migrate.up(database.dsn(MIGRATOR))
    add(released, "9002_late.sql", "select 1;\n")
    # Somebody who makes the checksums fit gets no further.
    chain = checksums.chain_of(checksums.migration_files(released))
    with database.connect() as connection:
        connection.execute(
            "update migrations.applied set chain = %s where name = '9003_third.sql'",
            (chain["9003_third.sql"],),
        )
    with pytest.raises(Problem, match="out of order") as late:
        migrate.up(database.dsn(MIGRATOR))
    assert late.value.where == "migration 9002_late.sql"


def test_a_database_newer_than_the_program_ends_with_status_7(database: Database) -> None:
    with database.connect() as connection:
        ledger.record(connection, "9999_future.sql", "0" * 64)
    for act in (migrate.up, migrate.status, migrate.verify):
        with pytest.raises(Problem, match="newer than this program") as newer:
            act(database.dsn(MIGRATOR))
        assert newer.value.exit_code is ExitCode.MIGRATION_NEEDED


def test_commands_need_a_current_database(database: Database, released: Path) -> None:
    with person(database.environment, uuid4()) as session:
        assert session.rows("select current_user::text as name") == [{"name": "quantmatrix_user"}]
    add(released, "9002_next.sql", "select 1;\n")
    with pytest.raises(Problem, match="needs a migration") as behind, person(database.environment, uuid4()):
        raise AssertionError("a session of an old database")
    assert behind.value.exit_code is ExitCode.MIGRATION_NEEDED
    migrate.up(database.dsn(MIGRATOR))
    with database.connect() as connection:
        connection.execute("update migrations.repeatable set digest = %s", ("0" * 64,))
    with pytest.raises(Problem, match="needs a migration"), person(database.environment, uuid4()):
        raise AssertionError("a session of an old database")


def test_an_empty_database_needs_everything(cluster: Cluster) -> None:
    with cluster.empty_database() as empty:
        assert not migrate.was_ever_migrated(empty.dsn(MIGRATOR))
        assert {step.state for step in migrate.status(empty.dsn(MIGRATOR))} == {"pending"}
        with pytest.raises(Problem, match="needs a migration"), person(empty.environment, uuid4()):
            raise AssertionError("a session of an empty database")


def test_a_migration_its_record_and_its_mark_are_one_transaction(database: Database, released: Path) -> None:
    add(released, "9002_next.sql", "create table core.extra as select 1 as id;\n")
    migrate.up(database.dsn(MIGRATOR))
    transactions = (
        "select count(distinct x.written) from (select e.xmin::text as written from core.extra e"
        " union all select a.xmin::text from migrations.applied a where a.name = '9002_next.sql'"
        " union all select m.xmin::text from migrations._yoyo_migration m where m.migration_id = '9002_next'"
        ") x"
    )
    assert count(database, transactions) == 1


def test_what_killed_runs_left_is_taken_up(database: Database, released: Path) -> None:
    """A record without a mark is of an older version, a mark without a record of yoyo without its hook."""
    add(released, "9002_next.sql", "create table core.extra (id int);\n")
    migrate.up(database.dsn(MIGRATOR))
    for left in (
        "delete from migrations._yoyo_migration where migration_id = '9002_next'",
        "delete from migrations.applied where name = '9002_next.sql'",
        "insert into migrations.yoyo_lock (locked, ctime, pid) values (1, now(), 1)",
    ):
        with database.connect() as connection:
            connection.execute(left.encode())
        told: list[str] = []
        migrate.up(database.dsn(MIGRATOR), told.append)
        assert told == []
        marks = "select count(*) from migrations._yoyo_migration where migration_id = '9002_next'"
        records = "select count(*) from migrations.applied where name = '9002_next.sql'"
        assert (count(database, marks), count(database, records)) == (1, 1)
    assert count(database, "select count(*) from migrations.yoyo_lock") == 0


def test_two_runs_at_once_apply_each_migration_once(cluster: Cluster) -> None:
    with cluster.empty_database() as empty:
        outcomes: list[migrate.Outcome] = []
        runs = [
            threading.Thread(target=lambda: outcomes.append(migrate.up(empty.dsn(MIGRATOR))))
            for _ in range(2)
        ]
        for run in runs:
            run.start()
        for run in runs:
            run.join()
        assert sorted(len(outcome.applied) for outcome in outcomes) == [
            0,
            len(checksums.recorded(resources.migrations_directory())),
        ]
        migrate.verify(empty.dsn(MIGRATOR))


def test_a_run_that_waits_too_long_says_so(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(migrate, "LOCK_WAIT", "100ms")
    with database.connect() as connection:
        connection.execute("select pg_advisory_lock(hashtextextended(%s, 0))", (migrate.LOCK_KEY,))
        with pytest.raises(Problem, match="another migration is running"):
            migrate.up(database.dsn(MIGRATOR))
    migrate.up(database.dsn(MIGRATOR))


def test_the_api_is_told_to_read_the_schema_anew(database: Database) -> None:
    with database.connect() as connection:
        connection.execute("listen pgrst")
        migrate.up(database.dsn(MIGRATOR))
        told = [notice.payload for notice in connection.notifies(timeout=5, stop_after=1)]
    assert told == ["reload schema"]


def test_bare_yoyo_makes_the_same_database(cluster: Cluster, database: Database) -> None:
    with cluster.empty_database() as bare:
        with as_owner(bare) as connection:
            connection.execute("create schema migrations")
        parts = conninfo_to_dict(bare.dsn(MIGRATOR))
        query = urlencode({"schema": "migrations", "options": "-c role=quantmatrix_owner"}, quote_via=quote)
        login = f"{MIGRATOR}:{quote(str(parts['password']))}"
        uri = f"postgresql+psycopg://{login}@{parts['host']}:{parts['port']}/{bare.name}?{query}"
        command = [
            str(Path(sys.executable).with_name("yoyo")),
            "apply",
            "--batch",
            "--no-config-file",
            "-d",
            uri,
        ]
        done = subprocess.run(
            [*command, str(resources.migrations_directory())], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        migrate.verify(bare.dsn(MIGRATOR))
        with bare.connect() as left, database.connect() as right:
            assert fingerprint.differences(fingerprint.take(left), fingerprint.take(right)) == []
        assert migrate.up(bare.dsn(MIGRATOR)).applied == []


def test_erasures_from_before_they_were_told_in_the_log_are_told(cluster: Cluster) -> None:
    with cluster.empty_database() as old:
        with as_owner(old) as connection:
            repeatable.run_file(connection, resources.migrations_directory() / FIRST)
            # As functions and policies of then left the tables.
            connection.execute(
                "create function audit.refuse_change() returns trigger language plpgsql as"
                " $$begin raise exception 'refused'; end$$"
            )
            connection.execute(
                "create trigger refuse_change before update or delete on audit.erasures"
                " for each statement execute function audit.refuse_change()"
            )
            connection.execute("insert into audit.erasures (person_id) values (%s)", [uuid4()])
            for table in ("core.audit_logs", "audit.erasures"):
                connection.execute(f"alter table {table} enable row level security".encode())
                connection.execute(f"alter table {table} force row level security".encode())
            connection.execute(
                "create policy logged on core.audit_logs for all to quantmatrix_owner using (true)"
            )
            connection.execute(
                "create policy verified on audit.erasures for select to quantmatrix_owner using (true)"
            )
            repeatable.run_file(connection, resources.migrations_directory() / "0004_audit_epochs.sql")
        told = count(
            old,
            "select count(*) from audit.erasures r join core.audit_logs e on e.id = r.log_id"
            " and e.table_name = 'audit.erasures' and e.record_key = r.person_id::text",
        )
    assert told == 1

"""After a disaster: a backup of an old, busy cluster in a new one, with people who go on working there."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from click.testing import CliRunner, Result

from quantmatrix import resources
from quantmatrix.backup import keep, make, restore
from quantmatrix.backup.manifest import LEFT_OUT
from quantmatrix.cli import cli
from quantmatrix.cli.settings import Settings
from quantmatrix.errors import Problem
from quantmatrix.services import signing
from quantmatrix.services.binaries import find_clients
from quantmatrix.services.embedded import EmbeddedEnvironment
from quantmatrix.testing.cluster import Api, Cluster, Database
from quantmatrix.testing.people import PASSWORD, People
from quantmatrix.testing.service import Service

# Sixty thousand: more than a restore takes of its own.
BURN = "do $$ begin for i in 1..60000 loop perform pg_current_xact_id(); commit; end loop; end $$"
ANN = "ann@people.test"


@pytest.fixture(scope="module")
def saved(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A backup of a cluster that has seen many transactions, with somebody who signs in by a password."""
    path = tmp_path_factory.mktemp("old") / "old.backup"
    with cluster.database() as database, database.postgrest() as api:
        with database.connect() as connection:
            connection.execute("update auth.settings set bcrypt_cost = 10")
            connection.execute(BURN.encode())
        people = People(Service(api, database))
        people.member(ANN).done("account_add", broker="ibkr", account_number="U1000001", name="Main")
        with database.connect() as connection:
            connection.execute("select audit.seal()")
            connection.execute("update auth.mails set status = 'waiting', body = 'secret', sent_at = null")
        people.members[ANN].done("account_set", account="U1000001", changes={"name": "Second"})
        make.backup(database.environment, path)
    return path


@pytest.fixture(scope="module")
def installed(saved: Path) -> Iterator[EmbeddedEnvironment]:
    """A new installation, with the backup in it."""
    cluster = Cluster()
    try:
        cluster.start()
        run(cluster.environment, "restore", str(saved))
        cluster.environment.ensure_running(api=True)
        yield cluster.environment
    finally:
        cluster.destroy()


def run(environment: EmbeddedEnvironment, *words: str, status: int | None = 0) -> Result:
    settings = Settings(_environment=environment, user=ANN)
    result = CliRunner().invoke(cli, words, obj=settings)
    assert status is None or result.exit_code == status, result.output + result.stderr
    return result


def test_people_sign_in_and_go_on(installed: EmbeddedEnvironment) -> None:
    state = installed.known_state()
    api = Api(
        installed.api_url, installed.postgrest_config(), installed.jwt_secret, installed.postgrest(state)
    )
    cluster = Cluster.__new__(Cluster)
    cluster.environment = installed
    service = Service.__new__(Service)
    service.api, service.database = api, Database(cluster, "quantmatrix")
    people = People(service)
    answer = people.call("sign_in", email=ANN, password=PASSWORD)
    assert answer.status_code == 204, answer.text
    assert people.get("me", answer.headers["access-token"]).status_code == 200
    own = resources.examples_directory() / "ibkr-2024.csv"
    assert "imported" in run(installed, "import", str(own)).output
    run(installed, "lots", "rebuild", "--verify")
    run(installed, "audit", "verify")
    run(installed, "migrate", "verify")


def test_no_key_and_no_mail_is_in_a_backup_and_the_keys_are_the_installations(
    saved: Path, installed: EmbeddedEnvironment, cluster: Cluster
) -> None:
    old = signing.in_file(cluster.environment.key_set_file)
    assert signing.loaded(installed.migrator_dsn) == signing.in_file(installed.key_set_file) != old
    with psycopg.connect(installed.superuser_dsn) as connection:
        assert connection.execute("select count(*) from auth.mails").fetchone() == (0,)
    program = find_clients(17).program("pg_restore")
    for table in LEFT_OUT:
        told = subprocess.run(
            [program, "--data-only", f"--table={table.split('.')[1]}", "--file=-", saved],
            capture_output=True,
            check=True,
        )
        assert b"COPY" not in told.stdout


def test_doctor_tells_keys_that_differ_and_up_mends_them(installed: EmbeddedEnvironment) -> None:
    assert checked(installed, "signing keys")["result"] == "ok"
    with psycopg.connect(installed.superuser_dsn, autocommit=True) as connection:
        connection.execute("update auth.signing_keys set key_id = 'another'")
    found = checked(installed, "signing keys")
    assert found["result"] == "failed"
    assert "another" in found["detail"]
    assert "migrate keys" in found["next"]
    run(installed, "up", "--no-proxy")
    assert checked(installed, "signing keys")["result"] == "ok"


def test_doctor_asks_the_api_itself(installed: EmbeddedEnvironment) -> None:
    signing.add_key(installed.key_set_file)
    signing.load(installed.migrator_dsn, installed.key_set_file)
    assert "does not know" in checked(installed, "signing keys")["detail"]
    installed.restart_api()
    assert checked(installed, "signing keys")["result"] == "ok"


def checked(environment: EmbeddedEnvironment, name: str) -> dict[str, str]:
    told = run(environment, "doctor", "--format", "json", status=None)
    return next(row for row in json.loads(told.stdout) if row["check"] == name)


def test_backups_by_the_clock_are_thinned_proved_and_told(
    installed: EmbeddedEnvironment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = tmp_path / "key"
    key.write_text("k" * 64)
    folder = tmp_path / "kept"
    monkeypatch.setenv("QUANTMATRIX_BACKUP_DIR", str(folder))
    monkeypatch.setenv("QUANTMATRIX_BACKUP_KEY_FILE", str(key))
    assert checked(installed, "backups")["detail"].startswith("none in")
    for _ in range(2):
        run(installed, "backup", "--keep", "daily=1")
    (kept,) = folder.glob("*.backup")
    assert "never restored for proof" in checked(installed, "backups")["detail"]
    proved = run(installed, "restore", "--verify", "--format", "json")
    assert json.loads(proved.stdout)["file"] == str(kept)
    assert "restored for proof 0 hours ago" in checked(installed, "backups")["detail"]
    assert keep.turn(installed) is None
    assert keep.drill_turn(installed) is None
    long_ago = json.dumps({"saved_at": "2024-01-01T00:00:00+00:00", "scheduled": True})
    (folder / "record.json").write_text(long_ago)
    found = checked(installed, "backups")
    assert found["result"] == "failed"
    assert "the scheduled backups stopped" in found["next"]
    assert (keep.turn(installed) or "").startswith("saved")
    assert (keep.drill_turn(installed) or "").startswith("restored")
    kept = max(folder.glob("*.backup"))
    content = bytearray(kept.read_bytes())
    content[len(content) // 2] ^= 1
    kept.write_bytes(content)
    run(installed, "restore", "--verify", status=5)
    found = checked(installed, "backups")
    assert found["result"] == "failed"
    assert "damaged" in found["detail"]


def test_the_copy_is_closed_while_it_is_filled(
    installed: EmbeddedEnvironment, saved: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[int, bool]] = []
    filled = restore._fill

    def looked_at(connection, copy, stream, manifest):  # type: ignore[no-untyped-def]
        seen.extend(
            connection.execute(
                "select datconnlimit, has_database_privilege('public', oid, 'connect') from pg_database"
                " where datname ~ '^quantmatrix_restore_'"
            ).fetchall()
        )
        return filled(connection, copy, stream, manifest)

    monkeypatch.setattr(restore, "_fill", looked_at)
    restore.verify(installed, saved)
    assert seen == [(0, False)]


def test_what_a_killed_restore_left_is_told_and_swept(installed: EmbeddedEnvironment, saved: Path) -> None:
    with psycopg.connect(installed.superuser_dsn, autocommit=True) as connection:
        connection.execute("create database quantmatrix_restore_0123456789ab connection limit 0")
        # What the server makes of a database whose removal is cut off.
        connection.execute("create database quantmatrix_restore_0123456789cd_empty")
        connection.execute("update pg_database set datconnlimit = -2 where datname ~ '89cd_empty$'")
    assert "0123456789ab" in checked(installed, "copies of restores")["detail"]
    run(installed, "restore", "--verify", str(saved))
    assert checked(installed, "copies of restores")["result"] == "ok"


def test_a_worker_takes_and_proves_backups_where_a_folder_is_named(
    installed: EmbeddedEnvironment, tmp_path: Path
) -> None:
    words = ["--data-dir", str(installed.data_dir), "work", "--only", "backup,drill", "--once"]
    command = [sys.executable, "-m", "quantmatrix", *words]
    without = {name: value for name, value in os.environ.items() if name != keep.FOLDER_VARIABLE}
    refused = subprocess.run(command, env=without, capture_output=True, text=True, check=False)
    assert refused.returncode == 2
    folder = tmp_path / "kept"
    named = without | {keep.FOLDER_VARIABLE: str(folder)}
    done = subprocess.run(command, env=named, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    (path,) = folder.glob("*.backup")
    record = keep.read(folder)
    assert (record.saved_file, record.drilled_file, record.drill_failed) == (path.name, path.name, None)


def test_programs_that_do_not_fit_the_server_are_told() -> None:
    with pytest.raises(Problem, match="no pg_dump and pg_restore of PostgreSQL 99") as refused:
        find_clients(99)
    assert "older programs refuse it" in (refused.value.why or "")
    assert "postgresql-client-99" in (refused.value.next_step or "")

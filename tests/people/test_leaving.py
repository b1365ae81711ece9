"""A person's book in one archive, moved to another installation, and erased without a trace but the chain."""

from __future__ import annotations

import csv
import io
import json
import stat
import tracemalloc
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from click.testing import CliRunner, Result

from quantmatrix import resources
from quantmatrix.cli import cli
from quantmatrix.testing.cluster import Cluster, Database
from quantmatrix.testing.people import People
from quantmatrix.testing.service import add_book

EXAMPLES = resources.root() / "examples"


@pytest.fixture
def elsewhere(cluster: Cluster) -> Iterator[Database]:
    """Another installation."""
    with cluster.database() as made:
        yield made


def run(database: Database, *words: str) -> Result:
    variables = database.variables() | {"QUANTMATRIX_ADMINISTRATOR_URL": database.dsn()}
    return CliRunner(env=variables).invoke(cli, list(words))


def book_of(people: People, email: str) -> Any:
    """A person with imports, corrections by hand, transfers: something in every table."""
    member = people.service.add_person(email)
    for name in ("ibkr-2023.csv", "ibkr-2024.csv"):
        done = run(people.service.database, "--user", email, "import", str(EXAMPLES / name))
        assert done.exit_code == 0, done.stderr
    add_book(people.service, member)
    return member


def shown(database: Database, email: str) -> dict[str, Any]:
    """What the person sees, without the numbers of derived rows."""
    seen = {}
    lists = (
        ["holdings"],
        ["lots", "list", "--all"],
        ["cash"],
        ["transactions", "list"],
        ["import", "list"],
    )
    for words in lists:
        told = run(database, "--user", email, *words, "--format", "json")
        assert told.exit_code == 0, told.stderr
        rows = json.loads(told.stdout)
        for row in rows:
            for name in ("instrument_id", "rebuilt_at", "created_at", "updated_at", "underlying_id"):
                row.pop(name, None)
            if words[0] in ("holdings", "lots"):
                row.pop("id")
        seen[words[0]] = rows
    return seen


def test_a_book_moves_to_another_installation_numbers_intact(
    people: People, elsewhere: Database, tmp_path: Path
) -> None:
    here = people.service.database
    book_of(people, "mover@example.test")
    archive = tmp_path / "mover.zip"
    done = run(here, "-v", "user", "export", "mover@example.test", "--to", str(archive))
    assert done.exit_code == 0, done.stderr
    assert stat.S_IMODE(archive.stat().st_mode) == 0o600
    # Other numbers for the same instruments there.
    run(elsewhere, "import", str(EXAMPLES / "ibkr-2024.csv"))
    moved = run(elsewhere, "user", "import", str(archive))
    assert moved.exit_code == 0, moved.stderr
    assert shown(elsewhere, "mover@example.test") == shown(here, "mover@example.test")
    verified = run(elsewhere, "--user", "mover@example.test", "lots", "rebuild", "--verify")
    assert verified.exit_code == 0, verified.stdout
    chain = run(elsewhere, "audit", "verify")
    assert chain.exit_code == 0, chain.stdout + chain.stderr
    added = run(
        elsewhere,
        *("--user", "mover@example.test", "transactions", "add", "--account", "U1", "--type", "deposit"),
        *("--date", "2024-07-01", "--net", "5", "--reason", "after the move"),
    )
    assert added.exit_code == 0, added.stderr
    again = run(elsewhere, "user", "import", str(archive))
    assert again.exit_code == 5
    assert "here already" in again.stderr
    assert "next: import it into another database: quantmatrix --data-dir FOLDER" in again.stderr


def test_the_archive_is_whole_and_open(people: People, tmp_path: Path) -> None:
    person = book_of(people, "reader@example.test")
    archive = tmp_path / "reader.zip"
    run(people.service.database, "user", "export", person.email, "--to", str(archive))
    kept = people.service.rows_of(person)
    with zipfile.ZipFile(archive) as files:
        manifest = json.loads(files.read("manifest.json"))
        for table, rows in kept.items():
            # Secrets, and questions that were asked, are not of the book.
            if table.startswith(("auth.", "work.")) or table == "ingest.staging":
                continue
            found = list(csv.DictReader(io.TextIOWrapper(files.open(f"tables/{table}.csv"), "utf-8")))
            assert len(found) == len(rows) == manifest["rows"][table], table
        everything = b"".join(files.read(name) for name in files.namelist())
    assert people.service.bob.id.encode() not in everything
    assert b"password" not in everything.lower()


@pytest.mark.parametrize("change", ["row", "user", "missing", "version"])
def test_an_archive_that_was_changed_is_refused(
    people: People, elsewhere: Database, tmp_path: Path, change: str
) -> None:
    email = f"changed-{change}@example.test"
    person = people.service.add_person(email)
    add_book(people.service, person)
    original, changed = tmp_path / "original.zip", tmp_path / "changed.zip"
    assert run(people.service.database, "user", "export", email, "--to", str(original)).exit_code == 0
    with zipfile.ZipFile(original) as files, zipfile.ZipFile(changed, "w") as target:
        for name in files.namelist():
            content = files.read(name)
            if change == "row" and name == "tables/core.transactions.csv":
                content = content.replace(b"5000", b"9000")
            if change == "missing" and name == "tables/core.accounts.csv":
                continue
            if name == "manifest.json":
                manifest = json.loads(content)
                if change == "user":
                    manifest["user_id"] = people.service.bob.id
                if change == "version":
                    manifest["schema_version"] = "9999_future"
                content = json.dumps(manifest).encode()
            target.writestr(name, content)
    refused = run(elsewhere, "user", "import", str(changed))
    assert refused.exit_code == 5, refused.output
    with elsewhere.connect() as connection:
        assert connection.execute("select count(*) from core.users").fetchone() == (0,)


def test_an_archive_is_not_unpacked_beyond_what_ours_hold(elsewhere: Database, tmp_path: Path) -> None:
    """A manifest that grows when it is unpacked is refused before it is in memory."""
    bomb = tmp_path / "bomb.zip"
    with (
        zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as target,
        target.open("manifest.json", "w") as file,
    ):
        for _ in range(64):
            file.write(b" " * (1 << 20))
    tracemalloc.start()
    refused = run(elsewhere, "user", "import", str(bomb))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert refused.exit_code == 5, refused.output
    assert "larger than any of ours" in refused.output
    assert peak < 32 << 20


def test_erased_is_gone_and_the_chain_still_verifies(people: People) -> None:
    database = people.service.database
    person = book_of(people, "goodbye@example.test")
    member = people.member("leaver@example.test")
    with database.connect() as connection:
        connection.execute("select audit.seal()")
        sealed = connection.execute("select audit.verify() ->> 'head'").fetchone()
        entries = count(connection, "core.audit_logs where user_id = %s", person.id)
    for email in (person.email, member.email):
        done = run(database, "user", "erase", email, "--reason", "asked for it", "--yes")
        assert done.exit_code == 0, done.stderr
    assert member.get("me").status_code == 401
    assert people.call("refresh", refresh_token=member.renewal).status_code == 401
    left = {name for name, rows in people.service.rows_of(person).items() if rows}
    assert left == {"core.audit_logs"}
    with database.connect() as connection:
        assert count(connection, "core.audit_logs where user_id = %s", person.id) > entries
        assert not count(
            connection,
            "core.audit_logs where user_id = %s and num_nonnulls(old_values, new_values, context) > 0",
            person.id,
        )
        assert not count(connection, "auth.mails where recipient = %s", member.email)
        assert sealed is not None
        connection.execute("select audit.seal()")
        verified = connection.execute("select audit.verify(%s)", [sealed[0]]).fetchone()
        assert verified is not None
        assert verified[0]["broken"] is None
        with connection.transaction(force_rollback=True):
            connection.execute("alter table core.audit_logs disable trigger user")
            connection.execute(
                "update core.audit_logs set old_values = null, new_values = null, context = null where id ="
                " (select min(id) from core.audit_logs where user_id = %s)",
                [people.service.ann.id],
            )
            broken = connection.execute("select audit.verify() -> 'broken' ->> 'what'").fetchone()
    assert broken == ("entry_changed",), "only who was erased may have blank values"


def test_nobody_else_blanks_values(people: People) -> None:
    with people.service.database.connect() as connection:
        for role in ("quantmatrix_owner", "quantmatrix_keeper", "quantmatrix_writer", "quantmatrix_engine"):
            connection.execute(f"set role {role}".encode())
            with pytest.raises(psycopg.Error):
                connection.execute("update core.audit_logs set old_values = null")
            connection.execute("reset role")
        connection.execute("set role quantmatrix_eraser")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("delete from core.audit_logs")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("update core.audit_logs set record_key = 'x'")


def count(connection: psycopg.Connection[Any], what: str, value: str) -> int:
    row = connection.execute(f"select count(*) from {what}".encode(), [value]).fetchone()
    assert row is not None
    return int(row[0])

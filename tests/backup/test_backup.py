"""Backups: what they hold, what restoring refuses, and that a refusal leaves everything as it was."""

from __future__ import annotations

import dataclasses
import json
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from quantmatrix.backup import manifest
from quantmatrix.services.binaries import find_postgres
from quantmatrix.testing.cluster import Cluster, Database
from quantmatrix.testing.v1 import SAMPLE, WITH_FILE, Migrating


@pytest.fixture(scope="module")
def full(cluster: Cluster) -> Iterator[Migrating]:
    """A database with somebody's book in it."""
    with cluster.database() as database:
        migrating = Migrating(database)
        migrating.migrate(SAMPLE, *WITH_FILE)
        yield migrating


@pytest.fixture(scope="module")
def saved(full: Migrating, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Its backup."""
    path = tmp_path_factory.mktemp("backup") / "book.backup"
    full.run("backup", str(path))
    return path


def test_a_backup_restores_every_row_and_the_book_goes_on(
    full: Migrating, saved: Path, database: Database
) -> None:
    restored = Migrating(database)
    told = json.loads(restored.run("restore", str(saved), "--format", "json").stdout)
    assert rows_of_people(restored) == rows_of_people(full)
    assert told["rows"] == sum(table.rows for table in full.content())
    assert restored.run("holdings").stdout == full.run("holdings").stdout
    restored.run("lots", "rebuild", "--verify")
    restored.run("audit", "verify")
    restored.run("migrate", "verify")
    again = restored.migrate(SAMPLE, *WITH_FILE)
    assert again["status"] == "known"


def test_a_backup_is_an_archive_of_pg_dump_for_its_owner_alone(saved: Path) -> None:
    listed = subprocess.run(
        [find_postgres().program("pg_restore"), "--list", str(saved)],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "TABLE DATA core transactions" in listed.stdout
    assert stat.S_IMODE(saved.stat().st_mode) == 0o600


def test_verifying_touches_nothing(full: Migrating, saved: Path) -> None:
    before = full.content()
    told = json.loads(full.run("restore", "--verify", str(saved), "--format", "json").stdout)
    assert told["schema_version"] == max(said_of(saved).migrations).removesuffix(".sql")
    assert full.content() == before
    assert leftovers(full) == []


def rows_of_people(migrating: Migrating) -> list[manifest.TableCount]:
    """All but the note that functions were applied again, the new secret, and the new epoch of the log."""
    renewed = ("migrations.repeatable", "auth.settings", "audit.epochs", "core.audit_logs")
    return [table for table in migrating.content() if table.table not in renewed]


def leftovers(migrating: Migrating) -> list[tuple[str, ...]]:
    return migrating.rows(
        "select d.datname from pg_database d where strpos(d.datname, 'quantmatrix_restore') > 0"
    )


def refuse(migrating: Migrating, path: Path, *, status: int = 5) -> str:
    before = migrating.content()
    told = migrating.run("restore", str(path), status=status)
    assert migrating.content() == before
    assert "unchanged: the database was not touched" in told.stderr
    assert leftovers(migrating) == []
    return told.stderr


def test_nothing_is_restored_over_data(full: Migrating, saved: Path) -> None:
    assert "holds data" in refuse(full, saved)


@pytest.mark.parametrize("place", [0.001, 0.3, 0.7, 0.99])
def test_a_damaged_file_is_refused(database: Database, saved: Path, tmp_path: Path, place: float) -> None:
    content = bytearray(saved.read_bytes())
    content[int(len(content) * place)] ^= 1
    damaged = tmp_path / "damaged"
    damaged.write_bytes(content)
    refuse(Migrating(database), damaged)


def test_a_part_of_a_file_or_another_file_is_refused(database: Database, saved: Path, tmp_path: Path) -> None:
    part = tmp_path / "part"
    part.write_bytes(saved.read_bytes()[:-1000])
    assert "no whole backup" in refuse(Migrating(database), part)
    part.write_bytes(b"")
    assert "too short" in refuse(Migrating(database), part)
    part.write_bytes(b"x" * 40 + b"9" * 12 + manifest.MAGIC)
    assert "damaged" in refuse(Migrating(database), part)
    part.write_bytes(b"x" * 40 + b"{}" + b"%012d" % 2 + manifest.MAGIC)
    assert "cannot be read" in refuse(Migrating(database), part)


def said_of(path: Path) -> manifest.Manifest:
    with path.open("rb") as stream:
        return manifest.read(stream, path)


def with_manifest(saved: Path, path: Path, **changed: object) -> Path:
    """The same archive with another manifest behind it."""
    said = said_of(saved)
    path.write_bytes(saved.read_bytes()[: said.dump_bytes])
    with path.open("ab") as stream:
        manifest.append(stream, dataclasses.replace(said, **changed))  # type: ignore[arg-type]
    return path


def test_a_newer_schema_is_refused(database: Database, saved: Path, tmp_path: Path) -> None:
    newer = said_of(saved).migrations | {"9999_later.sql": "0" * 64}
    said = refuse(Migrating(database), with_manifest(saved, tmp_path / "b", migrations=newer), status=7)
    assert "newer than this program" in said
    other = dict.fromkeys(said_of(saved).migrations, "0" * 64)
    said = refuse(Migrating(database), with_manifest(saved, tmp_path / "c", migrations=other), status=7)
    assert "another migration" in said


def test_rows_that_do_not_match_the_manifest_are_refused(
    database: Database, saved: Path, tmp_path: Path
) -> None:
    tables = said_of(saved).tables
    fewer = tuple(
        dataclasses.replace(table, rows=table.rows + 1) if table.table == "core.transactions" else table
        for table in tables
    )
    assert "core.transactions" in refuse(
        Migrating(database), with_manifest(saved, tmp_path / "b", tables=fewer)
    )
    less = tuple(table for table in tables if table.table != "core.accounts")
    assert "core.accounts" in refuse(Migrating(database), with_manifest(saved, tmp_path / "c", tables=less))


def test_a_database_in_use_is_not_taken_away(database: Database, saved: Path) -> None:
    with psycopg.connect(database.dsn()):
        assert "others work" in refuse_while_connected(Migrating(database), saved)
    Migrating(database).run("restore", str(saved))


def refuse_while_connected(migrating: Migrating, path: Path) -> str:
    told = migrating.run("restore", str(path), status=1)
    assert leftovers(migrating) == []
    assert migrating.rows("select count(*)::int from core.transactions") == [(0,)]
    return told.stderr


def test_no_file_is_overwritten_and_none_is_left_half_made(
    full: Migrating, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "book"
    path.write_text("mine")
    full.run("backup", str(path), status=2)
    assert path.read_text() == "mine"
    broken = tmp_path / "bin"
    broken.mkdir()
    for name in ("pg_dump", "pg_restore"):
        (broken / name).write_text("#!/bin/sh\necho 'postgres (PostgreSQL) 17.1'\n[ \"$1\" = --version ]\n")
        (broken / name).chmod(0o755)
    monkeypatch.setenv("QUANTMATRIX_POSTGRES", str(broken))
    told = full.run("backup", str(tmp_path / "other"), status=1)
    assert "the backup failed" in told.stderr
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["bin", "book"]


def test_migrating_takes_a_backup_first(database: Database, tmp_path: Path) -> None:
    migrating = Migrating(database)
    empty = migrating.content()
    path = tmp_path / "before"
    migrating.run("legacy", "migrate", "--from", str(SAMPLE), *WITH_FILE, "--backup", str(path))
    before = {table.table: table for table in said_of(path).tables}
    assert before["core.transactions"].rows == 0
    assert sum(table.rows for table in before.values()) == sum(table.rows for table in empty)
    told = json.loads(
        migrating.run("legacy", "migrate", "--from", str(SAMPLE), *WITH_FILE, "--format", "json").stdout
    )
    assert said_of(Path(told["backup"])).rows > 400

"""Migrations that are killed, of the schema and of an old database: done or not begun, done when repeated."""

from __future__ import annotations

from pathlib import Path

import pytest

from quantmatrix.database import migrate
from quantmatrix.services.credentials import MIGRATOR
from quantmatrix.testing.cluster import Database
from quantmatrix.testing.kills import COMMAND_LINE, Kill, Stage, kills
from quantmatrix.testing.v1 import OWNER, SAMPLE, WITH_FILE, Migrating

UP = [*COMMAND_LINE, "migrate", "up"]
LEGACY = [*COMMAND_LINE, "--user", OWNER, "legacy", "migrate", "--from", str(SAMPLE), *WITH_FILE]


def rows(migrating: Migrating) -> dict[str, int]:
    return {table.table: table.rows for table in migrating.content()}


@pytest.mark.parametrize("kill", kills("first up", 2))
def test_a_killed_first_migration_is_taken_up_again(stage: Stage, kill: Kill) -> None:
    if "first" not in stage.seconds:
        with stage.cluster.empty_database() as other:
            stage.measure("first", UP, other.variables())
    with stage.cluster.empty_database() as new:
        stage.strike("first", UP, kill, new.variables())
        migrate.up(new.dsn(MIGRATOR))
        migrate.verify(new.dsn(MIGRATOR))


@pytest.mark.parametrize("kill", kills("up again", 1))
def test_a_killed_migration_of_a_book_loses_nothing(stage: Stage, full: Migrating, kill: Kill) -> None:
    before = [table for table in full.content() if table.table != "migrations.repeatable"]
    if "again" not in stage.seconds:
        stage.measure("again", UP, full.database.variables())
    stage.strike("again", UP, kill, full.database.variables())
    migrate.up(full.database.dsn(MIGRATOR))
    migrate.verify(full.database.dsn(MIGRATOR))
    assert [table for table in full.content() if table.table != "migrations.repeatable"] == before


@pytest.mark.parametrize("kill", kills("legacy", 3))
def test_a_killed_move_from_an_old_database_is_whole_or_not_begun(
    stage: Stage, full: Migrating, empty: Database, kill: Kill
) -> None:
    migrating = Migrating(empty)
    before, wanted = rows(migrating), rows(full)
    if "legacy" not in stage.seconds:
        with stage.cluster.database() as other:
            stage.measure("legacy", LEGACY, other.variables())
    stage.strike("legacy", LEGACY, kill, empty.variables())
    found = rows(migrating)
    assert found["staging"] == 0
    assert found["core.transactions"] in (before["core.transactions"], wanted["core.transactions"])
    again = migrating.migrate(SAMPLE, *WITH_FILE)
    assert again["status"] == ("migrated" if found["core.transactions"] == 0 else "known")
    assert rows(migrating)["core.transactions"] == wanted["core.transactions"]
    folder = Path(empty.variables()["QUANTMATRIX_DATA_DIR"]) / "backups"
    assert all(path.suffix == ".backup" for path in folder.glob("*"))

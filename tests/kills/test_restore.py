"""Restores that are killed: the database is empty or whole, and what is left beside is closed and swept."""

from __future__ import annotations

from pathlib import Path

import pytest

from quantmatrix.backup import copies
from quantmatrix.testing.cluster import Database
from quantmatrix.testing.kills import COMMAND_LINE, Kill, Stage, kills
from quantmatrix.testing.v1 import Migrating

# What is made anew at each restore; the log tells of its new epoch.
RENEWED = ("migrations.repeatable", "auth.settings", "auth.signing_keys", "audit.epochs", "core.audit_logs")


@pytest.fixture(scope="module")
def saved(full: Migrating, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("backup") / "book.backup"
    full.run("backup", str(path))
    return path


def book(database: Database) -> dict[str, tuple[int, str]]:
    found = Migrating(database).content()
    return {table.table: (table.rows, table.digest) for table in found if table.table not in RENEWED}


def left_over(database: Database) -> list[str]:
    with database.connect() as connection:
        return copies.leftovers(connection)


def require_closed(database: Database) -> None:
    """Nobody but the superuser may connect to any copy, whoever had what right when it was saved."""
    with database.connect() as connection:
        found = connection.execute(
            "select datname, datconnlimit from pg_database where datname ~ '^quantmatrix_restore_'"
        ).fetchall()
    # -2 is one whose removal was cut off: the server lets nobody in, and it is removed like the others.
    assert all(limit in (0, -2) for _, limit in found), found


@pytest.mark.parametrize("kill", kills("restore", 3))
def test_a_killed_restore_leaves_the_database_empty_or_whole(
    stage: Stage, full: Migrating, saved: Path, empty: Database, kill: Kill
) -> None:
    restore = [*COMMAND_LINE, "restore", str(saved)]
    before, wanted = book(empty), book(full.database)
    if "restore" not in stage.seconds:
        with stage.cluster.database() as other:
            stage.measure("restore", restore, other.variables())
    stage.strike("restore", restore, kill, empty.variables())
    require_closed(empty)
    found = book(empty)
    assert found in (before, wanted)
    if found == before:
        Migrating(empty).run("restore", str(saved))
    else:
        Migrating(empty).run("restore", "--verify", str(saved))
    assert book(empty) == wanted
    assert left_over(empty) == []


@pytest.mark.parametrize("kill", kills("verify", 1))
def test_a_killed_proof_touches_nothing_and_the_next_sweeps(
    stage: Stage, full: Migrating, saved: Path, kill: Kill
) -> None:
    verify = [*COMMAND_LINE, "restore", "--verify", str(saved)]
    before = full.content()
    if "verify" not in stage.seconds:
        stage.measure("verify", verify, full.database.variables())
    stage.strike("verify", verify, kill, full.database.variables())
    require_closed(full.database)
    full.run("restore", "--verify", str(saved))
    assert left_over(full.database) == []
    assert full.content() == before

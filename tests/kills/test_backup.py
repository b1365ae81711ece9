"""Backups that are killed: whole or not there, and nothing left beside."""

from __future__ import annotations

from pathlib import Path

import pytest

from quantmatrix.backup import manifest
from quantmatrix.testing.kills import COMMAND_LINE, Kill, Stage, kills
from quantmatrix.testing.v1 import Migrating


@pytest.mark.parametrize("kill", kills("backup", 3))
def test_a_killed_backup_is_whole_or_not_there(
    stage: Stage, full: Migrating, tmp_path: Path, kill: Kill
) -> None:
    variables = full.database.variables()
    if "backup" not in stage.seconds:
        stage.measure("backup", [*COMMAND_LINE, "backup", str(tmp_path / "first")], variables)
        (tmp_path / "first").unlink()
    before = full.content()
    path = tmp_path / "book"
    outcome = stage.strike("backup", [*COMMAND_LINE, "backup", str(path)], kill, variables)
    assert {entry.name for entry in tmp_path.iterdir()} <= {"book"}
    if path.exists():
        with path.open("rb") as stream:
            manifest.read(stream, path)
    else:
        assert outcome.status != 0
    assert full.content() == before

"""A sample of the bench: syncs against a server that fails at random."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from quantmatrix.sync.flex import VARIABLE
from quantmatrix.testing.cluster import Database
from quantmatrix.testing.sync_simulation import simulate


def test_every_row_arrives_exactly_once_and_each_attempt_is_kept(
    sync_database: Database, config_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, "set by the simulation")
    seen = simulate(sync_database, 40, os.environ)
    assert seen.syncs == seen.succeeded == 40
    assert seen.rows > 30
    assert (seen.lost, seen.doubled, seen.behind) == (0, 0, 0)
    assert seen.faults > 10
    assert seen.faults == seen.failed_attempts == seen.recorded_failed
    assert seen.attempts == seen.recorded

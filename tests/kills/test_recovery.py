"""What PostgreSQL's own recovery stumbles over once does not keep people from their books."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import psycopg

from quantmatrix.services.processes import wait_until
from quantmatrix.testing.cluster import Cluster
from quantmatrix.testing.kills import DURABLE


def test_an_unlogged_table_that_was_rolled_back_just_before_a_crash() -> None:
    """The rollback is not in the log yet, and the table's making is: recovery finds one file too many."""
    cluster = Cluster(DURABLE | {"wal_writer_delay": "10s"})
    try:
        cluster.start()
        dsn = cluster.environment.superuser_dsn
        home = cluster.environment.layout(cluster.environment.known_state()).home
        with psycopg.connect(dsn) as made, psycopg.connect(dsn, autocommit=True) as other:
            row = (
                made.execute("create unlogged table public.tried (id integer)")
                .execute("select pg_relation_filepath('public.tried')")
                .fetchone()
            )
            assert row is not None
            file = home / "postgres" / row[0]
            other.execute("create table public.kept (id integer)")
            made.rollback()
            postmaster = int((home / "postgres" / "postmaster.pid").read_text().split()[0])
            os.kill(postmaster, signal.SIGKILL)
        assert wait_until(lambda: not _is_there(postmaster), 30)
        assert file.exists()
        assert not Path(f"{file}_init").exists()
        cluster.environment.ensure_running()
        with psycopg.connect(dsn) as again:
            assert again.execute("select count(*) from public.kept").fetchone() == (0,)
        assert "File exists" in "".join(path.read_text() for path in (home / "logs").glob("postgres-2*.log"))
    finally:
        cluster.destroy()


def _is_there(process: int) -> bool:
    return Path(f"/proc/{process}").exists()

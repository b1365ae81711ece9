"""A dump restored where transactions are numbered lower: the log goes on, and tampering is still found."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from quantmatrix.backup import manifest
from quantmatrix.cli import cli
from quantmatrix.errors import ExitCode
from quantmatrix.testing.cluster import Cluster, Database

# More transactions than a restore and its migration use.
AHEAD = 100_000
BURN = """
do $$
begin
    for i in 1..%d loop
        perform pg_current_xact_id();
        commit;
    end loop;
end
$$
"""


@pytest.fixture
def source(database: Database) -> Iterator[Database]:
    """A database in a cluster whose transactions are numbered far beyond those of the other."""
    made = Cluster()
    try:
        made.start()
        with made.database() as far:
            with far.connect() as connection:
                wanted = int(one(database, "select pg_current_xact_id()::text")) + AHEAD
                connection.execute((BURN % wanted).encode())
            yield far
    finally:
        made.destroy()


def one(database: Database, query: str) -> Any:
    with database.connect() as connection:
        row = connection.execute(query.encode()).fetchone()
    assert row is not None
    return row[0]


def run(database: Database, *words: str) -> None:
    done = CliRunner(env=database.variables()).invoke(cli, ["--quiet", *words])
    assert done.exit_code == 0, done.output


def verify(database: Database, *words: str) -> tuple[int, dict[str, Any]]:
    told: Result = CliRunner(env=database.variables()).invoke(
        cli, ["--quiet", "audit", "verify", *words, "--format", "json"]
    )
    return told.exit_code, dict(json.loads(told.stdout))


def change(database: Database, number: str) -> int:
    """Add an account; the number of its entry in the log."""
    run(database, "account", "add", "ibkr", number, "--name", number)
    return int(one(database, "select max(id) from core.audit_logs where table_name = 'accounts'"))


def tampered(database: Database, entry: int) -> dict[str, Any]:
    """What verifying says while an entry has another actor."""
    with database.connect() as connection:
        connection.execute("alter table core.audit_logs disable trigger user")
        connection.execute(
            f"create table public.kept as select * from core.audit_logs where id = {entry}".encode()
        )
        connection.execute("update core.audit_logs set actor_id = gen_random_uuid() where id = %s", [entry])
        status, found = verify(database)
        connection.execute(
            "update core.audit_logs e set actor_id = k.actor_id from public.kept k where k.id = e.id"
        )
        connection.execute("drop table public.kept")
        for trigger in ("refuse_change", "only_the_erased"):
            connection.execute(f"alter table core.audit_logs enable always trigger {trigger}".encode())
    assert status == ExitCode.DIFFERENCES
    return dict(found["broken"])


def test_the_log_goes_on_in_a_cluster_with_lower_numbers(
    source: Database, database: Database, tmp_path: Path
) -> None:
    early = change(source, "U1")
    assert verify(source)[0] == 0
    late = change(source, "U2")
    saved = tmp_path / "book.backup"
    run(source, "backup", str(saved))
    with saved.open("rb") as stream:
        noted = manifest.read(stream, saved).audit_head
    assert noted is not None
    assert noted == verify(source)[1]["head"]

    run(database, "restore", str(saved))
    status, found = verify(database, "--head", noted)
    assert (status, found["broken"], found["unsealed"]) == (0, None, 0)
    here = change(database, "U3")
    xids = "select transaction_xid::text::bigint from core.audit_logs where id = "
    assert one(database, f"{xids}{here}") < one(database, f"{xids}{late}")
    status, found = verify(database, "--head", noted)
    assert (status, found["broken"], found["unsealed"]) == (0, None, 0)
    assert one(database, "select audit.state() ->> 'epoch'") == "1"
    assert [tampered(database, entry)["log_id"] for entry in (early, late, here)] == [early, late, here]

    # A second disaster, back to where the numbers are high.
    again = tmp_path / "again.backup"
    run(database, "backup", str(again))
    with source.cluster.database() as third:
        run(third, "restore", str(again))
        last = change(third, "U4")
        status, found = verify(third, "--head", noted)
        assert (status, found["broken"], found["unsealed"]) == (0, None, 0)
        assert one(third, "select audit.state() ->> 'epoch'") == "2"
        assert [tampered(third, entry)["log_id"] for entry in (late, here, last)] == [late, here, last]
        with third.connect() as connection:
            connection.execute("alter table core.audit_logs disable trigger user")
            connection.execute(
                "insert into core.audit_logs (id, table_name, record_key, action) overriding system value"
                " values ((select min(id) - 1 from core.audit_logs), 'accounts', 'late', 'insert')"
            )
        assert verify(third)[1]["broken"]["what"] == "entry_inserted"

"""``audit log`` and ``audit verify`` against a real database, tampering included."""

from __future__ import annotations

import json

from click.testing import CliRunner, Result

from quantmatrix.cli import cli
from quantmatrix.errors import ExitCode
from quantmatrix.testing.cluster import Database


def run(database: Database, *arguments: str) -> Result:
    return CliRunner(env=database.variables()).invoke(cli, ["--quiet", *arguments])


def add_account(database: Database, number: str) -> None:
    added = run(database, "account", "add", "ibkr", number, "--name", f"account {number}")
    assert added.exit_code == 0, added.output


def test_log_shows_the_newest_changes_first(database: Database) -> None:
    add_account(database, "U1")
    add_account(database, "U2")
    shown = run(database, "audit", "log", "--table", "accounts", "--format", "json")
    assert shown.exit_code == 0, shown.output
    entries = json.loads(shown.stdout)
    assert [(entry["table_name"], entry["action"]) for entry in entries] == [("accounts", "insert")] * 2
    assert entries[0]["id"] > entries[1]["id"]
    assert entries[0]["role"] == "quantmatrix_user"
    assert entries[0]["session"] == "authenticator"
    one = run(database, "audit", "log", "--limit", "1", "--format", "json")
    assert [entry["id"] for entry in json.loads(one.stdout)] >= [entries[0]["id"]]


def test_verify_prints_the_head_and_ends_with_three_when_the_log_was_changed(database: Database) -> None:
    add_account(database, "U1")
    first = run(database, "audit", "verify", "--format", "json")
    assert first.exit_code == 0, first.output
    verified = json.loads(first.stdout)
    assert verified["broken"] is None
    assert verified["unsealed"] == 0
    assert verified["sealed"] >= 2

    add_account(database, "U2")
    later = run(database, "audit", "verify", "--head", verified["head"], "--format", "json")
    assert later.exit_code == 0, later.output
    assert json.loads(later.stdout)["head"] != verified["head"]

    with database.connect() as connection:
        connection.execute("alter table core.audit_logs disable trigger user")
        connection.execute(
            "update core.audit_logs set actor_id = gen_random_uuid() where table_name = 'accounts'"
        )
    broken = run(database, "audit", "verify", "--format", "json")
    assert broken.exit_code == ExitCode.DIFFERENCES
    assert json.loads(broken.stdout)["broken"]["what"] == "entry_changed"
    assert "an entry was changed after it was sealed, position" in broken.stderr
    told = run(database, "audit", "verify")
    assert told.exit_code == ExitCode.DIFFERENCES
    assert "an entry was changed after it was sealed" in told.stdout


def test_a_head_is_noted_and_shown(database: Database) -> None:
    add_account(database, "U1")
    head = json.loads(run(database, "audit", "head", "--format", "json").stdout)["head"]
    assert run(database, "audit", "verify", "--head", head).exit_code == 0
    # As heads were noted before they said their place.
    assert run(database, "audit", "verify", "--head", head.split(":")[1]).exit_code == 0
    checks = json.loads(run(database, "doctor", "--format", "json").stdout)
    assert head in next(check["detail"] for check in checks if check["check"] == "audit log")
    with database.connect() as connection:
        connection.execute("alter table audit.links disable trigger user")
        connection.execute("delete from audit.links where position = (select max(position) from audit.links)")
        connection.execute("alter table core.audit_logs disable trigger user")
        connection.execute("update core.audit_logs set record_key = '0' where table_name = 'accounts'")
    assert run(database, "audit", "verify").exit_code == 0
    assert run(database, "audit", "verify", "--head", head).exit_code == ExitCode.DIFFERENCES


def test_an_open_transaction_that_holds_sealing_back_is_named(database: Database) -> None:
    with database.connect() as idle:
        idle.execute("begin")
        idle.execute("select pg_current_xact_id()")
        add_account(database, "U1")
        with database.connect() as connection:
            row = connection.execute("select audit.seal(), audit.state()").fetchone()
        assert row is not None
        state = row[1]
        assert state["oldest_unsealed_seconds"] >= 0
        assert state["held_by"] == [idle.info.backend_pid]
        idle.execute("rollback")
    with database.connect() as connection:
        connection.execute("select audit.seal()")
        row = connection.execute("select audit.state()").fetchone()
    assert row is not None
    assert (row[0]["oldest_unsealed_at"], row[0]["held_by"]) == (None, [])


def test_a_head_that_the_chain_does_not_hold_is_told(database: Database) -> None:
    add_account(database, "U1")
    shown = run(database, "audit", "verify", "--head", "00" * 32)
    assert shown.exit_code == ExitCode.DIFFERENCES
    assert "computed anew" in shown.stderr

"""People, accounts, transactions, holdings, cash, reconcile, export and sql, as somebody types them."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from quantmatrix.cli import cli
from quantmatrix.cli.settings import Settings
from quantmatrix.testing.cluster import Database

Run = Callable[..., Result]


@pytest.fixture
def run(database: Database) -> Run:
    """Runs the command line on a database of the test's own; the status must be as told."""

    def invoke(*words: str, status: int = 0, user: str | None = None) -> Result:
        settings = Settings(_environment=database.environment, user=user)
        result = CliRunner().invoke(cli, words, obj=settings)
        assert result.exit_code == status, result.output + result.stderr
        return result

    return invoke


def told(result: Result) -> Any:
    return json.loads(result.stdout)


@pytest.fixture
def book(run: Run) -> Run:
    """An account, money, a purchase and a sale."""
    run("account", "add", "ibkr", "U1", "--name", "Main")
    add = ("transactions", "add", "--account", "Main", "--reason", "a test")
    run(*add, "--type", "deposit", "--date", "2024-01-02", "--net", "5000")
    run(
        *add,
        "--type",
        "buy",
        "--symbol",
        "ABC",
        "--date",
        "2024-01-03",
        "--quantity",
        "10.5",
        "--price",
        "100.10",
    )
    run(
        *add, "--type", "sell", "--symbol", "ABC", "--date", "2024-02-05", "--quantity", "4",
        "--price", "120", "--commission", "-1",
    )  # fmt: skip
    return run


def test_the_first_command_makes_the_local_user(run: Run) -> None:
    assert told(run("account", "list", "--format", "json")) == []
    assert [row["email"] for row in told(run("user", "list", "--format", "json"))] == ["me@localhost"]


def test_people_are_added_changed_and_locked_out(run: Run) -> None:
    run("user", "add", "ann@example.test", "--name", "Ann")
    run("user", "add", "ann@example.test", status=1)
    assert told(run("user", "role", "ann@example.test", "readonly", "--format", "json"))["role"] == "readonly"
    run("user", "role", "nobody@example.test", "admin", status=1)
    run("user", "disable", "ann@example.test")
    assert "is disabled" in run("holdings", user="ann@example.test", status=4).stderr
    run("user", "disable", "--undo", "ann@example.test")
    run("holdings", user="ann@example.test")


def test_a_token_is_printed_alone(run: Run) -> None:
    run("user", "add", "ann@example.test")
    token = run("user", "token", "ann@example.test").stdout.strip()
    assert token.count(".") == 2
    assert " " not in token
    described = told(run("user", "token", "ann@example.test", "--role", "readonly", "--format", "json"))
    assert described["role"] == "readonly"
    run("user", "token", "ann@example.test", "--role", "admin", status=4)


def test_accounts_are_found_by_number_then_name(book: Run) -> None:
    changed = told(book("account", "set", "Main", "--type", "roth_ira", "--allow-short", "--format", "json"))
    assert (changed["account_type"], changed["allow_short"]) == ("roth_ira", True)
    assert told(book("account", "list", "--format", "json"))[0]["account_name"] == "Main"
    assert "there is no account" in book("account", "set", "Other", "--name", "x", status=1).stderr
    book("account", "set", "U1", status=2)
    elected = told(
        book(
            "account",
            "set",
            "U1",
            "--lot-method",
            "lifo",
            "--symbol",
            "ABC",
            "--from",
            "2024-01-01",
            "--format",
            "json",
        )
    )
    assert elected["method"] == "lifo"


def test_transactions_are_listed_newest_first(book: Run) -> None:
    rows = told(book("transactions", "list", "--format", "json"))
    assert [row["transaction_type"] for row in rows] == ["sell", "buy", "deposit"]
    assert (rows[0]["quantity"], rows[0]["net_amount"]) == ("-4", "479")
    assert [row["id"] for row in told(book("transactions", "list", "--type", "buy", "--format", "json"))] == [
        rows[1]["id"]
    ]
    assert len(told(book("transactions", "list", "--since", "2024-01-03", "--format", "json"))) == 2
    assert told(book("transactions", "list", "--symbol", "XYZ", "--format", "json")) == []
    assert "ABC" in book("transactions", "list").stdout


def test_a_correction_and_a_void_need_a_reason(book: Run) -> None:
    sale = told(book("transactions", "list", "--format", "json"))[0]["id"]
    book("transactions", "correct", str(sale), "--quantity", "-5", status=2)
    corrected = told(
        book(
            "transactions",
            "correct",
            str(sale),
            "--quantity",
            "-5",
            "--reason",
            "five it was",
            "--format",
            "json",
        )
    )
    assert (corrected["quantity"], corrected["net_amount"]) == ("-5", "599")
    book("transactions", "void", str(sale), "--reason", "never was")
    assert len(told(book("transactions", "list", "--format", "json"))) == 2
    # Whoever did not hear the answer says it again: it is void, and nothing changes.
    book("transactions", "void", str(sale), "--reason", "never was")
    assert len(told(book("transactions", "list", "--format", "json"))) == 2


def test_a_dry_run_keeps_nothing(book: Run) -> None:
    before = book("transactions", "list", "--format", "json").stdout
    add = ("transactions", "add", "--account", "U1", "--reason", "a test", "--dry-run")
    assert "nothing was kept" in book(*add, "--type", "deposit", "--date", "2024-05-06", "--net", "1").stderr
    assert book("transactions", "list", "--format", "json").stdout == before


def test_holdings_and_cash_in_every_format(book: Run) -> None:
    holding = told(book("holdings", "--format", "json"))[0]
    assert (holding["symbol"], holding["quantity"], holding["cost_basis"]) == ("ABC", "6.5", "650.65")
    rows = list(csv.DictReader(io.StringIO(book("holdings", "--format", "csv").stdout)))
    assert rows[0]["cost_basis"] == "650.65"
    assert "650.65" in book("holdings").stdout
    balance = told(book("cash", "--format", "json"))[0]
    assert Decimal(balance["amount"]) == Decimal("5000") - Decimal("1051.05") + Decimal("479")
    assert book("cash", "--account", "Main", "--format", "tsv").stdout.count("\n") == 2
    book("cash", "--account", "nowhere", status=1)


def evidence(database: Database, quantity: str) -> None:
    with database.connect() as connection:
        connection.execute(
            "with run as (insert into core.sync_history"
            " (user_id, kind, source, status, finished_at, content_sha256)"
            " select t.user_id, 'import', 'made_up', 'finished', now(), repeat('a', 64)"
            " from core.transactions t where t.transaction_type = 'buy' returning user_id, id),"
            " file as (insert into ingest.files (user_id, sync_id, name, size_bytes)"
            " select user_id, id, 'statement.csv', 1 from run returning sync_id)"
            " insert into ingest.broker_positions"
            " (user_id, sync_id, line_number, account_id, instrument_id, as_of, quantity, currency)"
            " select t.user_id, run.id, 12, t.account_id, t.instrument_id, '2024-12-31',"
            " %(quantity)s::numeric, 'USD'"
            " from core.transactions t, run where t.transaction_type = 'buy'",
            {"quantity": quantity},
        )


def test_reconcile_ends_clean_where_all_agrees(book: Run, database: Database) -> None:
    evidence(database, "6.5")
    assert "0 differences (compared: 1 position," in book("reconcile").stdout
    report = told(book("reconcile", "--format", "json"))
    assert report["checked"] == {"positions": 1, "lots": 0, "cash": 0}
    assert report["differences"] == report["explained"] == []


def test_reconcile_names_the_cause_and_ends_with_three(book: Run, database: Database) -> None:
    evidence(database, "9")
    shown = book("reconcile", status=3).stdout
    assert "missing history" in shown
    assert "statement.csv:12 (2024-12-31)" in shown
    assert "1 difference (" in shown
    report = told(book("reconcile", "--as-of", "2025-06-30", "--format", "json", status=3))
    assert list(report) == ["as_of", "checked", "unknown", "differences", "explained"]
    assert report["as_of"] == "2025-06-30"
    difference = report["differences"][0]
    assert list(difference) == ["account", "symbol", "kind", "ours", "broker", "cause", "evidence"]
    assert [difference[name] for name in ("account", "symbol", "kind", "ours", "broker", "cause")] == [
        "U1", "ABC", "position", "6.5", "9", "missing_history",
    ]  # fmt: skip
    rows = list(csv.DictReader(io.StringIO(book("reconcile", "--format", "csv", status=3).stdout)))
    assert (rows[0]["status"], rows[0]["cause"]) == ("open", "missing_history")


def test_an_accepted_difference_ends_clean(book: Run, database: Database) -> None:
    evidence(database, "9")
    found = told(book("reconcile", "--format", "json", status=3))["differences"][0]["evidence"]["finding_id"]
    book("reconcile", "--accept", str(found), status=2)
    shown = book("reconcile", "--accept", str(found), "--reason", "lent out").stdout
    assert "explained, nothing to do:" in shown
    assert "0 differences" in book("reconcile").stdout


def test_an_export_is_known_row_by_row_where_it_came_from(book: Run, tmp_path: Path) -> None:
    target = tmp_path / "all.csv"
    book("export", str(target))
    rows = list(csv.DictReader(io.StringIO(target.read_text())))
    assert [row["transaction_type"] for row in rows] == ["deposit", "buy", "sell"]
    assert (rows[1]["quantity"], rows[1]["price"], rows[1]["account"]) == ("10.5", "100.10", "U1")
    for printed in (book("export"), book("export", "-")):
        assert printed.stdout.replace("\r\n", "\n") == target.read_text()
    assert list(tmp_path.iterdir()) == [target]
    assert not Path("-").exists()
    known = told(book("import", str(target), "--format", "json"))
    assert known["rows"] == {"read": 3, "new": 0, "known": 3, "changed": 0, "refused": 0}


def test_an_export_makes_an_equal_book_elsewhere(book: Run, tmp_path: Path) -> None:
    add = ("transactions", "add", "--account", "Main", "--reason", "a test", "--format", "json")
    transfer = told(
        book(*add, "--type", "transfer_in", "--symbol", "XYZ", "--date", "2024-03-01", "--quantity", "3")
    )
    book(
        "basis",
        "set",
        str(transfer["id"]),
        "--basis",
        "12.50",
        "--acquired",
        "2020-01-02",
        "--reason",
        "found",
    )
    book(
        *add, "--type", "split", "--symbol", "ABC", "--date", "2024-04-01",
        "--term", "ratio_numerator=3", "--term", "ratio_denominator=2",
    )  # fmt: skip
    book(
        *add,
        "--type",
        "buy",
        "--symbol",
        "ABC   250117P00050500",
        "--date",
        "2024-04-02",
        "--quantity",
        "1",
        "--price",
        "2",
    )
    first, second = tmp_path / "first.csv", tmp_path / "second.csv"
    book("export", str(first))
    book("user", "add", "other@example.test")
    book("import", str(first), user="other@example.test")
    book("export", str(second), user="other@example.test")
    assert second.read_text() == first.read_text()
    assert first.read_text().count("\n") == 8
    wanted = ("lots", "list", "--format", "json")
    keys = ("symbol", "quantity_remaining", "cost_remaining", "acquired_on", "wash_sale_adjustment")
    ours, theirs = (
        [[row[key] for key in keys] for row in told(book(*wanted, user=user))]
        for user in ("me@localhost", "other@example.test")
    )
    assert ours == theirs != []


def test_direct_sql_is_the_persons_own(book: Run, database: Database, tmp_path: Path) -> None:
    book("user", "add", "bob@example.test")
    me = {"user": "me@localhost"}
    assert told(book("sql", "-c", "select symbol, quantity from holdings", "--format", "json", **me)) == [
        {"symbol": "ABC", "quantity": "6.5"}
    ]
    assert (
        told(book("sql", "-c", "select * from holdings", "--format", "json", user="bob@example.test")) == []
    )
    forged = (
        "select set_config('request.jwt.claims',"
        " (select json_build_object('sub', u.id, 'role', 'quantmatrix_user')::text from me u), false)"
    )
    book("sql", "-c", forged, user="bob@example.test")
    assert "permission denied" in book("sql", "-c", "delete from core.transactions", status=4, **me).stderr
    described = told(book("sql", "grant", "bob@example.test", "--format", "json"))
    secret = Path(described["password_file"])
    assert secret.stat().st_mode & 0o777 == 0o600
    with database.connect() as connection:
        logins = connection.execute("select login_name from auth.database_logins order by 1").fetchall()
    assert (described["login"],) in logins
    assert len(logins) == 2


def test_a_login_of_one_s_own_is_bounded_and_goes_with_its_person(book: Run, database: Database) -> None:
    book("user", "add", "bob@example.test")
    login = told(book("sql", "grant", "bob@example.test", "--format", "json"))["login"]
    limits = "select current_setting('statement_timeout') as t, current_setting('temp_file_limit') as f"
    shown = told(book("sql", "-c", limits, "--format", "json", user="bob@example.test"))
    assert shown == [{"t": "10min", "f": "2GB"}]
    book("user", "erase", "bob@example.test", "--reason", "asked for it", "--yes")
    with database.connect() as connection:
        found = connection.execute("select count(*) from pg_roles where rolname = %s", [login]).fetchone()
    assert found == (0,)

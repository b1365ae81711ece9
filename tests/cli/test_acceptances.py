"""What a person accepts lasts while figures and cause stay, is numbered, logged, and can be taken back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from click.testing import CliRunner, Result

from quantmatrix.cli import cli
from quantmatrix.cli.settings import Settings
from quantmatrix.resources import examples_directory
from quantmatrix.testing.cluster import Database


def run(database: Database, *arguments: str) -> Result:
    return CliRunner().invoke(cli, arguments, obj=Settings(_environment=database.environment))


def reconciled(database: Database, *arguments: str) -> tuple[int, dict[str, Any]]:
    done = run(database, "reconcile", "--format", "json", *arguments)
    return done.exit_code, json.loads(done.stdout)


def accept_all(database: Database) -> None:
    assert run(database, "import", str(examples_directory() / "ibkr-2024.csv")).exit_code == 0
    status, report = reconciled(database)
    assert status == 3
    for row in report["differences"]:
        number = str(row["evidence"]["finding_id"])
        done = run(database, "reconcile", "--accept", number, "--reason", f"known: {row['symbol']}")
        assert done.exit_code in (0, 3), done.output


def test_it_lasts_whatever_is_reconciled_in_between(database: Database) -> None:
    accept_all(database)
    assert reconciled(database)[0] == 0
    reconciled(database, "--as-of", "2024-01-01")
    reconciled(database, "--account", "U1000001", "--as-of", "2024-06-30")
    status, report = reconciled(database)
    assert (status, report["differences"]) == (0, [])
    accepted = {row["symbol"]: row["evidence"] for row in report["explained"]}
    assert accepted["MSFT"]["accepted_because"] == "known: MSFT"
    assert accepted["MSFT"]["acceptance"] > 0


def test_its_number_stays_and_it_can_be_taken_back(database: Database) -> None:
    accept_all(database)
    listed = json.loads(run(database, "reconcile", "accepted", "--format", "json").stdout)
    assert [row["reason"] for row in listed] == [f"known: {row['symbol']}" for row in listed]
    reconciled(database, "--as-of", "2024-01-01")
    reconciled(database)
    again = json.loads(run(database, "reconcile", "accepted", "--format", "json").stdout)
    assert again == listed
    number = next(row["id"] for row in listed if row["symbol"] == "MSFT")

    done = run(database, "reconcile", "revoke", str(number), "--reason", "it is wrong after all")
    assert done.exit_code == 0, done.output
    status, report = reconciled(database)
    assert (status, [row["symbol"] for row in report["differences"]]) == (3, ["MSFT"])
    assert number not in [
        r["id"] for r in json.loads(run(database, "reconcile", "accepted", "--format", "json").stdout)
    ]
    kept = json.loads(run(database, "reconcile", "accepted", "--all", "--format", "json").stdout)
    assert {row["id"]: row["revoke_reason"] for row in kept}[number] == "it is wrong after all"
    assert run(database, "reconcile", "revoke", str(number), "--reason", "once more").exit_code == 1
    logged = json.loads(run(database, "audit", "log", "--format", "json").stdout)
    actions = [row["action"] for row in logged if row["table_name"] == "acceptances"]
    assert sorted(actions) == ["insert"] * len(listed) + ["update"]


def test_another_figure_is_another_difference(database: Database) -> None:
    accept_all(database)
    assert run(database, "import", str(examples_directory() / "ibkr-2023.csv")).exit_code == 0
    rows = json.loads(run(database, "transactions", "list", "--format", "json").stdout)
    (arrival,) = [r for r in rows if r["symbol"] == "TTD" and r["transaction_type"] == "transfer_in"]
    basis = ["basis", "set", str(arrival["id"]), "--basis", "3000.00", "--reason", "an old letter"]
    done = run(database, *basis)
    assert done.exit_code == 0, done.output
    status, report = reconciled(database)
    assert status == 3
    assert [(row["symbol"], row["kind"]) for row in report["differences"]] == [("TTD", "lot")]


def test_a_person_takes_them_along(database: Database, tmp_path: Path) -> None:
    accept_all(database)
    before = run(database, "reconcile", "accepted", "--format", "json").stdout
    archive = tmp_path / "me.zip"
    assert run(database, "user", "export", "me@localhost", "--to", str(archive)).exit_code == 0
    assert run(database, "user", "erase", "me@localhost", "--reason", "moves", "--yes").exit_code == 0
    done = run(database, "user", "import", str(archive))
    assert done.exit_code == 0, done.output
    assert run(database, "reconcile", "accepted", "--format", "json").stdout == before
    assert reconciled(database)[0] == 0


def test_nothing_to_compare_with_is_said(database: Database, tmp_path: Path) -> None:
    trades = tmp_path / "mine.csv"
    trades.write_text("Date,Symbol,Quantity,Price,Commission,Type\n2024-05-01,ZZZ,10,5.00,1.00,buy\n")
    assert run(database, "import", "--account", "MINE", str(trades)).exit_code == 0
    done = run(database, "reconcile")
    assert (done.exit_code, "0 differences" in done.stdout) == (0, True)
    assert "nothing was compared with a broker" in done.stderr
    assert run(database, "import", str(examples_directory() / "ibkr-2023.csv")).exit_code == 0
    done = run(database, "reconcile")
    assert "nothing was compared" not in done.stderr
    assert "compared: 1 position, " in done.stdout
